/* Databases as parts of an app.
 *
 * DESIGN
 *   A declaration is a store of the app (app/store.h); each loop that asks for it gets a pool of its own. It is
 *   made when first asked for and not at a step, for the first who need it come early: the start-up hook that makes the
 *   tables, the lifespan that loads the model. Step 4 only makes sure that there is a server, and the part's leave() closes what
 *   was made, behind everybody.
 */
#include "app/store.h"
#include "db/db.h"

#include <aeon/log.h>
#include <stdlib.h>

struct declared {
        struct store store; /* first */
        aeon_db_opts opts;
};

static const struct store_kind databases;

static int make_pool(struct declared *d, aeon_db **ret_db)
{
        const char *url;
        aeon_db *db = aeon__store_pool(&d->store);
        if (db) {
                *ret_db = db;
                return 0;
        }
        int r = aeon__store_url(&d->store, &url);
        if (r >= 0)
                r = aeon__pool_new(url, &d->opts, &db);
        if (r < 0)
                return r;
        r = aeon__store_keep(&d->store, db);
        if (r < 0)
                aeon__pool_close(db);
        else
                *ret_db = db;
        return r;
}

aeon_db *aeon_db_get(const char *name)
{
        aeon_db *db;
        struct store *s = aeon__store_find(aeon_app_current(), &databases, name);
        if (!s)
                return NULL;
        if (make_pool((struct declared *)s, &db) < 0) {
                aeon_log_error("%s", aeon_error_text());
                return NULL;
        }
        return db;
}

/* ------------------------------------------------------------------ the part */

static int part_open(void *self, aeon_lifespan *life)
{
        aeon_db *db;
        struct db_link *link;
        (void)life;
        int r = make_pool(self, &db);
        if (r >= 0)
                r = aeon__pool_take(db->pool, LANE_MAIN, &link);
        if (r >= 0)
                aeon__pool_give(link);
        return r;
}

static void part_leave(void *self, aeon_app *app)
{
        (void)app;
        aeon_db *db = aeon__store_give_up(self);
        if (db)
                aeon__pool_close(db);
}

static const aeon_part db_part = {
        .name = "database",
        .bind = aeon__store_bind,
        .open = part_open,
        .leave = part_leave,
        .free = aeon__store_free,
};

static int check_health(aeon_health *h)
{
        aeon_db *db;
        int r = make_pool(aeon_health_arg(h), &db);
        if (r >= 0)
                r = aeon_db_ping(db);
        if (r <= 0)
                return r;
        aeon_db_stats stats;
        aeon_db_get_stats(db, &stats);
        return aeon_health_degraded(h, "all %u connections are in use, %u tasks wait", stats.size, stats.waiting);
}

/* ------------------------------------------------------------------ declaring */

static int check_url(const char *url)
{
        const struct db_driver *driver;
        return aeon__db_driver_for(url, &driver);
}

static const struct store_kind databases = {
        .part = &db_part,
        .noun = "database",
        .label = "database",
        .use = "aeon_use_db",
        .set = "aeon_db_set_url",
        .check_url = check_url,
        .check_health = check_health,
};

int aeon_db_set_url(aeon_app *app, const char *name, const char *url)
{
        return aeon__store_set_url(app, &databases, name, url);
}

int aeon_use_db(aeon_app *app, const char *name, const char *url, const aeon_db_opts *opts)
{
        struct declared *d = calloc(1, sizeof *d);
        if (!d)
                return aeon_fail(-ENOMEM, "no memory for a database");
        if (opts)
                d->opts = *opts;
        return aeon__store_declare(app, &databases, &d->store, name, url);
}
