/* Databases as parts of an app.
 *
 * DESIGN
 *   A declaration is a part of the app; each loop that asks for it gets a pool of its own, which stands in a variable of that loop. It is
 *   made when first asked for and not at a step, for the first who need it come early: the start-up hook that makes the
 *   tables, the lifespan that loads the model. Step 4 only makes sure that there is a server, and the part's leave() closes what
 *   was made, behind everybody.
 */
#include "db/db.h"

#include <aeon/health.h>
#include <aeon/log.h>
#include <aeon/var.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct declared {
        char *name, *url; /* url NULL: not known yet */
        aeon_db_opts opts;
        aeon_app *app;
        int refusal; /* of its declaration; 0: none */
        char *refusal_text;
        _Atomic bool used; /* a pool was made */
};

/* Of one loop; the head of the list is the variable's value. */
struct loop_pool {
        struct loop_pool *next;
        struct declared *declared;
        aeon_db *db;
};
AEON_LOOP_VAR(pools, struct loop_pool);

static const aeon_part db_part;

static struct declared *find(aeon_app *app, const char *name)
{
        struct declared *d = NULL;
        for (unsigned n = 0; app && (d = aeon_app_part_at(app, &db_part, n)); n++)
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

static int make_pool(struct declared *d, aeon_db **ret_db)
{
        struct loop_pool *first = pools_get(), *found = *pool_of(d, &first);
        if (found) {
                *ret_db = found->db;
                return 0;
        }
        if (!d->url)
                return aeon_fail(
                        -EINVAL,
                        "the database \"%s\" has no URL: give it to aeon_use_db(), or to aeon_db_set_url() in a start-up hook",
                        d->name);
        struct loop_pool *p = malloc(sizeof *p);
        if (!p)
                return aeon_fail(-ENOMEM, "no memory for a pool of connections");
        *p = (struct loop_pool){ .next = pools_get(), .declared = d };
        int r = aeon__pool_new(d->url, &d->opts, &p->db);
        if (r >= 0) {
                r = pools_set(p);
                if (r < 0)
                        aeon__pool_close(p->db);
        }
        if (r < 0) {
                free(p);
                return r;
        }
        atomic_store(&d->used, true);
        *ret_db = p->db;
        return 0;
}

aeon_db *aeon_db_get(const char *name)
{
        aeon_db *db;
        struct declared *d = find(aeon_app_current(), name);
        if (!d)
                return NULL;
        if (make_pool(d, &db) < 0) {
                aeon_log_error("%s", aeon_error_text());
                return NULL;
        }
        return db;
}

/* ------------------------------------------------------------------ the part */

static int part_bind(void *self, aeon_app *app)
{
        struct declared *d = self;
        (void)app;
        if (d->refusal)
                return aeon_fail_at(d->refusal, true, AEON_HERE, "%s",
                                    d->refusal_text ? d->refusal_text : aeon_strerror(d->refusal));
        return 0;
}

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
        struct loop_pool *first = pools_get(), **at = pool_of(self, &first), *p = *at;
        if (!p)
                return;
        *at = p->next;
        pools_set(first);
        aeon__pool_close(p->db);
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

static const aeon_part db_part = {
        .name = "database",
        .bind = part_bind,
        .open = part_open,
        .leave = part_leave,
        .free = part_free,
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
        const struct db_driver *driver;
        int r = aeon__db_driver_for(url, &driver);
        if (r < 0)
                return aeon_fail(r, "the database \"%s\"", d->name);
        char *copy = strdup(url);
        if (!copy)
                return aeon_fail(-ENOMEM, "no memory for a URL");
        free(d->url);
        d->url = copy;
        return 0;
}

int aeon_db_set_url(aeon_app *app, const char *name, const char *url)
{
        struct declared *d = find(app, name);
        if (!d)
                return aeon_fail(-ENOENT, "the app has no database \"%s\"", name ? name : "main");
        if (atomic_load(&d->used))
                return aeon_fail(-EBUSY, "the database \"%s\" is in use already", d->name);
        return set_url(d, url);
}

static int add_check(aeon_app *app, struct declared *d, bool first)
{
        char name[128] = "database";
        if (!first)
                snprintf(name, sizeof name, "database %s", d->name);
        return aeon_health_check_with(app, name, check_health, d, &(aeon_health_opts){ .impact = AEON_CRITICAL });
}

int aeon_use_db(aeon_app *app, const char *name, const char *url, const aeon_db_opts *opts)
{
        bool first = !find(app, NULL);
        name = name ? name : "main";
        bool twice = find(app, name);
        struct declared *d = calloc(1, sizeof *d);
        if (!d)
                return aeon_fail(-ENOMEM, "no memory for a database");
        d->app = app;
        d->name = strdup(name);
        if (opts)
                d->opts = *opts;
        int r = d->name ? aeon_use_part(app, &db_part, d) : -ENOMEM;
        if (r < 0) {
                part_free(d);
                return r;
        }
        if (twice)
                return refuse(d, aeon_fail(-EEXIST, "there are two databases named \"%s\"", name));
        r = add_check(app, d, first);
        if (r >= 0 && url)
                r = set_url(d, url);
        return r < 0 ? refuse(d, r) : 0;
}
