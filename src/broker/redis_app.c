/* Redis servers as stores of an app (app/store.h), a pool of connections in each loop. Opened at step 4 and closed at step 13, for a pool's
 * connections have tasks, which are children of the lifespan. */
#include "app/store.h"
#include "broker/redis_pool.h"

#include <aeon/error.h>
#include <stdlib.h>

struct declared {
        struct store store; /* first */
        aeon_redis_opts opts;
};

static const struct store_kind servers;

aeon_redis *aeon_redis_get(const char *name)
{
        const struct store *s = aeon__store_find(aeon_app_current(), &servers, name);
        return s ? aeon__store_pool(s) : NULL;
}

/* ------------------------------------------------------------------ the part */

static int part_open(void *self, aeon_lifespan *life)
{
        struct declared *d = self;
        const char *url;
        aeon_redis *redis;
        int r = aeon__store_url(&d->store, &url);
        if (r < 0)
                return r;
        atomic_store(&d->store.used, true); /* opening it suspends */
        r = aeon__redis_pool_open(&(struct redis_pool_opts){ .url = url,
                                                             .name = aeon_app_name(aeon_lifespan_app(life)),
                                                             .meter = d->store.label,
                                                             .size = d->opts.size,
                                                             .patient = true,
                                                             .group = aeon_lifespan_group(life) },
                                  &redis);
        if (r >= 0 && (r = aeon__store_keep(&d->store, redis)) < 0)
                aeon__redis_pool_close(redis);
        return r;
}

static void part_close(void *self, aeon_lifespan *life)
{
        (void)life;
        aeon__redis_pool_close(aeon__store_give_up(self));
}

static const aeon_part redis_part = {
        .name = "redis",
        .bind = aeon__store_bind,
        .open = part_open,
        .close = part_close,
        .free = aeon__store_free,
};

static int check_health(aeon_health *h)
{
        return aeon_redis_ping(aeon__store_pool(aeon_health_arg(h)));
}

/* ------------------------------------------------------------------ declaring */

static int check_url(const char *url)
{
        const struct redis_lines *lines;
        return aeon__redis_lines_for(url, &lines);
}

static const struct store_kind servers = {
        .part = &redis_part,
        .noun = "Redis server",
        .label = "redis",
        .use = "aeon_use_redis",
        .set = "aeon_redis_set_url",
        .check_url = check_url,
        .check_health = check_health,
};

int aeon_redis_set_url(aeon_app *app, const char *name, const char *url)
{
        return aeon__store_set_url(app, &servers, name, url);
}

int aeon_use_redis(aeon_app *app, const char *name, const char *url, const aeon_redis_opts *opts)
{
        struct declared *d = calloc(1, sizeof *d);
        if (!d)
                return aeon_fail(-ENOMEM, "no memory for a Redis server");
        if (opts)
                d->opts = *opts;
        return aeon__store_declare(app, &servers, &d->store, name, url);
}
