/* Redis servers as parts of an app: a declaration, and a pool of each loop, in a variable of that loop. Opened at step 4 and closed at
 * step 13, for a pool's connections have tasks, which are children of the lifespan. */
#include "broker/redis_pool.h"

#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/var.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct declared {
        char *name, *url; /* url NULL: not known yet */
        aeon_redis_opts opts;
        char meter[80]; /* "redis", "redis sessions": of its health check, too */
        int refusal;    /* of its declaration; 0: none */
        char *refusal_text;
        _Atomic bool used; /* a pool was opened */
};

/* Of one loop; the head of the list is the variable's value. */
struct loop_pool {
        struct loop_pool *next;
        struct declared *declared;
        aeon_redis *redis;
};
AEON_LOOP_VAR(redis_pools, struct loop_pool);

static const aeon_part redis_part;

static struct declared *find(aeon_app *app, const char *name)
{
        struct declared *d = NULL;
        for (unsigned n = 0; app && (d = aeon_app_part_at(app, &redis_part, n)); n++)
                if (!name || !strcmp(d->name, name))
                        break;
        return d;
}

static struct loop_pool **pool_of(const struct declared *d, struct loop_pool **first)
{
        while (*first && (*first)->declared != d)
                first = &(*first)->next;
        return first;
}

aeon_redis *aeon_redis_get(const char *name)
{
        struct declared *d = find(aeon_app_current(), name);
        struct loop_pool *first = d ? redis_pools_get() : NULL, *found = *pool_of(d, &first);
        return found ? found->redis : NULL;
}

/* ------------------------------------------------------------------ the part */

static int part_bind(void *self, aeon_app *app)
{
        struct declared *d = self;
        (void)app;
        return d->refusal ? aeon_fail_at(d->refusal, true, AEON_HERE, "%s",
                                         d->refusal_text ? d->refusal_text : aeon_strerror(d->refusal))
                          : 0;
}

static int part_open(void *self, aeon_lifespan *life)
{
        struct declared *d = self;
        if (!d->url)
                return aeon_fail(-EINVAL,
                                 "the Redis server \"%s\" has no URL: give it to aeon_use_redis(), or to "
                                 "aeon_redis_set_url() in a start-up hook",
                                 d->name);
        struct loop_pool *p = malloc(sizeof *p);
        if (!p)
                return aeon_fail(-ENOMEM, "no memory for a pool of connections");
        *p = (struct loop_pool){ .next = redis_pools_get(), .declared = d };
        atomic_store(&d->used, true);
        int r = aeon__redis_pool_open(&(struct redis_pool_opts){ .url = d->url,
                                                                 .name = aeon_app_name(aeon_lifespan_app(life)),
                                                                 .meter = d->meter,
                                                                 .size = d->opts.size,
                                                                 .patient = true,
                                                                 .group = aeon_lifespan_group(life) },
                                      &p->redis);
        if (r >= 0) {
                r = redis_pools_set(p);
                if (r < 0)
                        aeon__redis_pool_close(p->redis);
        }
        if (r < 0)
                free(p);
        return r;
}

static void part_close(void *self, aeon_lifespan *life)
{
        (void)life;
        struct loop_pool *first = redis_pools_get(), **at = pool_of(self, &first), *p = *at;
        *at = p->next;
        redis_pools_set(first);
        aeon__redis_pool_close(p->redis);
        free(p);
}

static void part_free(void *self)
{
        struct declared *d = self;
        free(d->name);
        free(d->url);
        free(d->refusal_text);
        free(d);
}

static const aeon_part redis_part = {
        .name = "redis",
        .bind = part_bind,
        .open = part_open,
        .close = part_close,
        .free = part_free,
};

static int check_health(aeon_health *h)
{
        const struct declared *d = aeon_health_arg(h);
        return aeon_redis_ping(aeon_redis_get(d->name));
}

/* ------------------------------------------------------------------ declaring */

static int refuse(struct declared *d, int code)
{
        if (!d->refusal) {
                d->refusal = code;
                d->refusal_text = strdup(aeon_error_describe(code));
        }
        return code;
}

static int set_url(struct declared *d, const char *url)
{
        const struct redis_lines *lines;
        int r = aeon__redis_lines_for(url, &lines);
        if (r < 0)
                return aeon_fail(r, "the Redis server \"%s\"", d->name);
        char *copy = strdup(url);
        if (!copy)
                return aeon_fail(-ENOMEM, "no memory for a URL");
        free(d->url);
        d->url = copy;
        return 0;
}

int aeon_redis_set_url(aeon_app *app, const char *name, const char *url)
{
        struct declared *d = find(app, name);
        if (!d)
                return aeon_fail(-ENOENT, "the app has no Redis server \"%s\"", name ? name : "main");
        if (atomic_load(&d->used))
                return aeon_fail(-EBUSY, "the Redis server \"%s\" is in use already", d->name);
        return set_url(d, url);
}

int aeon_use_redis(aeon_app *app, const char *name, const char *url, const aeon_redis_opts *opts)
{
        bool first = !find(app, NULL), twice = find(app, name ? name : "main");
        struct declared *d = calloc(1, sizeof *d);
        if (!d)
                return aeon_fail(-ENOMEM, "no memory for a Redis server");
        name = name ? name : "main";
        d->name = strdup(name);
        snprintf(d->meter, sizeof d->meter, first ? "redis" : "redis %s", name);
        if (opts)
                d->opts = *opts;
        int r = d->name ? aeon_use_part(app, &redis_part, d) : aeon_fail(-ENOMEM, "no memory for a Redis server");
        if (r < 0) {
                part_free(d);
                return r;
        }
        if (twice)
                return refuse(d, aeon_fail(-EEXIST, "there are two Redis servers named \"%s\"", name));
        r = aeon_health_check_with(app, d->meter, check_health, d, &(aeon_health_opts){ .impact = AEON_CRITICAL });
        if (r >= 0 && url)
                r = set_url(d, url);
        return r < 0 ? refuse(d, r) : 0;
}
