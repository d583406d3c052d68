/* Pools: who has which connection. See db.h for what a pool consists of.
 *
 * DESIGN
 *   take(): a permit, then the idle link that was used last, or a new one. An idle link that is too old is replaced; one that shows its
 *   end (the server was restarted) is dropped, and so is one that was idle for long and does not answer a ping.
 *
 *   Connecting is tried again while the driver says that time may help (-ENOTCONN), with pauses that grow and are up to chance, so that
 *   a thousand services do not come back to a restarted server in step. Who waits is inside his own scope all the time; its
 *   deadline ends both the wait for a permit and the attempts, with words that say what was waited for.
 *
 *   give(): idle again, or closed; then the permit goes to whoever has waited longest.
 */
#include "db/db.h"

#include "base/random.h"

#include <aeon/log.h>
#include <aeon/scope.h>
#include <aeon/task.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE AEON_MILLISECONDS(50)
#define LONGEST_PAUSE AEON_SECONDS(1)

static void set_default(aeon_duration *value, aeon_duration otherwise)
{
        if (!*value)
                *value = otherwise;
}

static void fill_in(aeon_db_opts *opts)
{
        set_default(&opts->lifetime, AEON_MINUTES(30));
        set_default(&opts->check_idle, AEON_SECONDS(30));
        set_default(&opts->connect_timeout, AEON_SECONDS(5));
        set_default(&opts->patience, AEON_SECONDS(10));
        set_default(&opts->cleanup_timeout, AEON_SECONDS(2));
        if (!opts->statements)
                opts->statements = 100;
}

static void free_pool(struct pool *pool)
{
        for (int i = 0; i < LANES; i++)
                aeon_semaphore_free(pool->lanes[i].permits);
        free(pool->url);
        free(pool->shown);
        free(pool->trouble);
        free(pool);
}

static int open_lanes(struct pool *pool)
{
        for (enum lane_kind i = 0; i < LANES; i++) {
                struct lane *lane = &pool->lanes[i];
                list_init(&lane->idle);
                lane->size = pool->driver->lane_size(pool->url, i, pool->opts.size);
                if (!lane->size)
                        continue;
                int r = aeon_semaphore_new(lane->size, lane->size, &lane->permits);
                if (r < 0)
                        return r;
        }
        return 0;
}

int aeon__pool_new(const char *url, const aeon_db_opts *opts, aeon_db **ret_db)
{
        const struct db_driver *driver;
        int r = aeon__db_driver_for(url, &driver);
        if (r < 0)
                return r;
        aeon_db *db = calloc(1, sizeof *db);
        struct pool *pool = calloc(1, sizeof *pool);
        if (!db || !pool) {
                free(db);
                free(pool);
                return aeon_fail(-ENOMEM, "no memory for a pool of connections");
        }
        db->pool = pool;
        pool->driver = driver;
        pool->url = strdup(url);
        pool->shown = aeon__db_url_shown(url);
        if (opts)
                pool->opts = *opts;
        fill_in(&pool->opts);
        r = pool->url && pool->shown ? open_lanes(pool) : aeon_fail(-ENOMEM, "no memory for a pool of connections");
        if (r < 0) {
                free_pool(pool);
                free(db);
                return r;
        }
        *ret_db = db;
        return 0;
}

/* ------------------------------------------------------------------ links */

static void close_link(struct db_link *link)
{
        link->pool->lanes[link->lane].open--;
        link->pool->driver->close(link);
}

static void drop(struct db_link *link)
{
        link->pool->dropped++;
        close_link(link);
}

static void leave_pool(struct pool *pool)
{
        if (--pool->users == 0 && pool->closing)
                free_pool(pool);
}

static void note_trouble(struct pool *pool, const char *words)
{
        if (words && !pool->trouble)
                aeon_log_warning("%s: %s", pool->shown, words);
        else if (!words && pool->trouble)
                aeon_log_info("%s is connected again", pool->shown);
        free(pool->trouble);
        pool->trouble = words ? strdup(words) : NULL;
}

static int connect_once(struct pool *pool, enum lane_kind lane, struct db_link **ret_link)
{
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = pool->opts.connect_timeout, .name = "connect" });
        int r = aeon_scope_close(&limit, pool->driver->connect(pool, lane, ret_link));
        if (r == -ETIMEDOUT && aeon_scope_caught(&limit))
                r = aeon_fail(-ENOTCONN, "it does not answer within %.1f s", (double)pool->opts.connect_timeout / 1e9);
        if (r >= 0) {
                aeon_time now = aeon_now();
                struct db_link *link = *ret_link;
                link->pool = pool;
                link->lane = lane;
                link->used = now;
                link->expires =
                        pool->driver->ageless ? AEON_NEVER : now + pool->opts.lifetime - random_up_to(pool->opts.lifetime / 10);
                list_init(&link->node);
        }
        return r;
}

static double seconds_since(aeon_time begin)
{
        return (double)(aeon_now() - begin) / 1e9;
}

static int cancelled_without_link(struct pool *pool, aeon_time begin)
{
        return aeon_fail(-ECANCELED, "no connection to %s for %.1f s: %s", pool->shown, seconds_since(begin),
                         pool->trouble ? pool->trouble : "it does not answer");
}

/* Until it works, or nothing but somebody's hand can help, or @patience or the caller's scope ends. */
static int connect_patiently(struct pool *pool, enum lane_kind lane, aeon_duration patience, struct db_link **ret_link)
{
        aeon_time begin = aeon_now();
        aeon_duration pause = FIRST_PAUSE;
        for (;;) {
                int r = connect_once(pool, lane, ret_link);
                if (r == -ECANCELED && aeon_cancelled())
                        return cancelled_without_link(pool, begin);
                note_trouble(pool, r < 0 ? aeon_error_describe(r) : NULL);
                if (r == 0)
                        return 0;
                if (r != -ENOTCONN || pool->closing || aeon_now() - begin + pause > patience)
                        return aeon_fail(r, "%s", pool->shown);
                if (aeon_sleep(pause / 2 + random_up_to(pause / 2)) < 0)
                        return cancelled_without_link(pool, begin);
                pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
        }
}

int aeon__pool_connect_beside(struct pool *pool, aeon_duration patience, struct db_link **ret_link)
{
        pool->users++;
        int r = connect_patiently(pool, LANE_MAIN, patience, ret_link);
        leave_pool(pool);
        return r;
}

/* An idle link that can be used, without waiting for more than a ping; NULL: none can. Errors: -ECANCELED. */
static int take_idle(struct pool *pool, struct lane *lane, struct db_link **ret_link)
{
        struct list *node;
        *ret_link = NULL;
        while ((node = list_pop(&lane->idle))) {
                struct db_link *link = container_of(node, struct db_link, node);
                aeon_time now = aeon_now();
                bool usable = !link->broken && now < link->expires && pool->driver->looks_well(link);
                if (usable && !pool->driver->ageless && now - link->used > pool->opts.check_idle) {
                        aeon_scope limit;
                        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = pool->opts.cleanup_timeout, .name = "ping" });
                        usable = aeon_scope_close(&limit, pool->driver->ping(link)) >= 0 && !link->broken;
                }
                if (usable) {
                        *ret_link = link;
                        return 0;
                }
                if (now < link->expires)
                        drop(link);
                else
                        close_link(link);
                if (aeon_cancelled())
                        return -ECANCELED;
        }
        return 0;
}

static int wait_for_permit(struct pool *pool, struct lane *lane)
{
        aeon_time begin = aeon_now();
        lane->waiting++;
        int r = aeon_semaphore_acquire(lane->permits);
        lane->waiting--;
        if (r == -ECANCELED && pool->trouble)
                return cancelled_without_link(pool, begin);
        if (r == -ECANCELED)
                return aeon_fail(-ECANCELED, "all %u connections to %s are in use; waited %.1f s", lane->size, pool->shown,
                                 seconds_since(begin));
        return r;
}

/* With a permit in hand. */
static int take(struct pool *pool, enum lane_kind which, aeon_duration patience, struct db_link **ret_link)
{
        struct lane *lane = &pool->lanes[which];
        int r = pool->closing ? -ESHUTDOWN : take_idle(pool, lane, ret_link);
        if (r < 0 || *ret_link)
                return r;
        r = connect_patiently(pool, which, patience, ret_link);
        if (r < 0)
                return r;
        lane->open++;
        pool->connected++;
        if (!pool->closing)
                return 0;
        drop(*ret_link);
        return -ESHUTDOWN;
}

static int take_within(struct pool *pool, enum lane_kind which, aeon_duration patience, struct db_link **ret_link)
{
        struct db_link *link = NULL;
        if (!pool->lanes[which].permits)
                which = LANE_MAIN;
        struct lane *lane = &pool->lanes[which];
        pool->users++;
        int r = pool->closing ? -ESHUTDOWN : wait_for_permit(pool, lane);
        if (r >= 0) {
                r = take(pool, which, patience, &link);
                if (r < 0)
                        aeon_semaphore_release(lane->permits);
        }
        if (r == -ESHUTDOWN)
                aeon_fail(-ESHUTDOWN, "%s is closed", pool->shown);
        if (r < 0)
                leave_pool(pool);
        else
                *ret_link = link;
        return r;
}

int aeon__pool_take(struct pool *pool, enum lane_kind which, struct db_link **ret_link)
{
        return take_within(pool, which, pool->opts.patience, ret_link);
}

void aeon__pool_give(struct db_link *link)
{
        struct pool *pool = link->pool;
        struct lane *lane = &pool->lanes[link->lane];
        link->used = aeon_now();
        if (link->broken || pool->closing || !pool->driver->looks_well(link))
                drop(link);
        else
                list_prepend(&lane->idle, &link->node);
        aeon_semaphore_release(lane->permits);
        leave_pool(pool);
}

/* ------------------------------------------------------------------ opening and closing */

void aeon__pool_close(aeon_db *db)
{
        if (!db)
                return;
        struct pool *pool = db->pool;
        pool->users++;
        pool->closing = true;
        for (int i = 0; i < LANES; i++) {
                struct list *node;
                while ((node = list_pop(&pool->lanes[i].idle)))
                        close_link(container_of(node, struct db_link, node));
        }
        if (pool->users > 1)
                aeon_log_warning("%s is closed while it is used: %u connections", pool->shown, pool->users - 1);
        leave_pool(pool);
        free(db);
}

int aeon_db_open(const char *url, const aeon_db_opts *opts, aeon_db **ret_db)
{
        aeon_db *db;
        struct db_link *link;
        int r = aeon__pool_new(url, opts, &db);
        if (r < 0)
                return r;
        r = aeon__pool_take(db->pool, LANE_MAIN, &link);
        if (r < 0) {
                aeon__pool_close(db);
                return r;
        }
        aeon__pool_give(link);
        *ret_db = db;
        return 0;
}

void aeon_db_close(aeon_db *db)
{
        aeon__pool_close(db);
}

/* ------------------------------------------------------------------ how it is */

static int ping_beside(struct pool *pool)
{
        struct db_link *link;
        if (pool->trouble) /* all are busy with trying to connect */
                return aeon_fail(-ENOTCONN, "%s: %s", pool->shown, pool->trouble);
        int r = aeon__pool_connect_beside(pool, 0, &link);
        if (r < 0)
                return r;
        r = pool->driver->ping(link);
        pool->driver->close(link);
        return r < 0 ? r : 1;
}

int aeon_db_ping(aeon_db *db)
{
        if (!db || db->link)
                return aeon_fail(-EINVAL, "only a pool can be pinged");
        struct pool *pool = db->pool;
        if (aeon_semaphore_value(pool->lanes[LANE_MAIN].permits) == 0)
                return ping_beside(pool);
        struct db_link *link;
        int r = take_within(pool, LANE_MAIN, 0, &link);
        if (r < 0)
                return r;
        r = pool->driver->ping(link);
        aeon__pool_give(link);
        return r < 0 ? r : 0;
}

void aeon_db_get_stats(const aeon_db *db, aeon_db_stats *ret_stats)
{
        const struct pool *pool = db->pool;
        *ret_stats = (aeon_db_stats){ .connected = pool->connected, .dropped = pool->dropped };
        for (int i = 0; i < LANES; i++) {
                const struct lane *lane = &pool->lanes[i];
                if (!lane->permits)
                        continue;
                unsigned idle = 0;
                for (const struct list *node = lane->idle.next; node != &lane->idle; node = node->next)
                        idle++;
                ret_stats->size += lane->size;
                ret_stats->open += lane->open;
                ret_stats->in_use += lane->open - idle;
                ret_stats->waiting += lane->waiting;
        }
}
