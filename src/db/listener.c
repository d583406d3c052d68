/* LISTEN: notes of a database that come by themselves.
 *
 * DESIGN
 *   A listener has a link of its own, outside the pool. There is no task: whoever waits in aeon_db_listener_next() reads, and makes the
 *   link again when it is lost. What was notified between is known to nobody, so the first note afterwards says so.
 */
#include "db/db.h"

#include <aeon/log.h>
#include <aeon/time.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE AEON_MILLISECONDS(200) /* after a link that was made and lost at once */

struct aeon_db_listener {
        struct pool *pool;
        struct db_link *link; /* NULL: lost */
        void *memory;         /* of the last note */
        bool busy;
        char channel[];
};

static int begin(aeon_db_listener *l, aeon_duration patience)
{
        struct db_link *link;
        int r = aeon__pool_connect_beside(l->pool, patience, &link);
        if (r < 0)
                return r;
        r = l->pool->driver->listen(link, l->channel);
        if (r < 0) {
                l->pool->driver->close(link);
                return aeon_fail(r, "listen on \"%s\"", l->channel);
        }
        l->link = link;
        return 0;
}

int aeon_db_listen(aeon_db *db, const char *channel, aeon_db_listener **ret_listener)
{
        if (!db || db->link)
                return aeon_fail(-EINVAL, "only a pool can listen");
        if (!db->pool->driver->listen)
                return aeon_fail(-ENOTSUP, "%s cannot notify", db->pool->shown);
        if (!channel || !*channel)
                return aeon_fail(-EINVAL, "a listener needs a channel");
        aeon_db_listener *l = calloc(1, sizeof *l + strlen(channel) + 1);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a listener");
        strcpy(l->channel, channel);
        l->pool = db->pool;
        int r = begin(l, db->pool->opts.patience);
        if (r < 0) {
                free(l);
                return r;
        }
        *ret_listener = l;
        return 0;
}

static void forget(aeon_db_listener *l)
{
        free(l->memory);
        l->memory = NULL;
}

static int next(aeon_db_listener *l, aeon_db_note *ret_note)
{
        int r = l->link ? l->pool->driver->hear(l->link, ret_note, &l->memory) : 0;
        if (l->link && !l->link->broken)
                return r;
        if (l->link) {
                aeon_log_warning("%s: listening on \"%s\": %s", l->pool->shown, l->channel, aeon_error_describe(r));
                l->pool->driver->close(l->link);
                l->link = NULL;
        }
        do {
                r = begin(l, AEON_NEVER);
                if (r == -ECONNABORTED && aeon_sleep(PAUSE) < 0)
                        return -ECANCELED;
        } while (r == -ECONNABORTED);
        if (r >= 0)
                *ret_note = (aeon_db_note){ .payload = "", .missed = true };
        return r;
}

int aeon_db_listener_next(aeon_db_listener *l, aeon_db_note *ret_note)
{
        if (l->busy)
                return aeon_fail(-EBUSY, "another task waits with this listener");
        forget(l);
        l->busy = true;
        int r = next(l, ret_note);
        l->busy = false;
        return r < 0 ? r : 0;
}

void aeon_db_listener_close(aeon_db_listener *l)
{
        if (!l)
                return;
        if (l->link)
                l->pool->driver->close(l->link);
        forget(l);
        free(l);
}
