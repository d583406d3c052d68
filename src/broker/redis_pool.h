/* Redis as a store: between the library, which has the pools, and the module broker-redis, which has the connections.
 *
 * DESIGN
 *      aeon_redis (pool)     line  ----------------- one that all share; many commands are on their way at a time
 *                            idle  ----------------- those that were given back
 *      aeon_redis (taken)    line  ----------------- one that somebody has to himself
 *
 *   A LINE is a connection with its protocol, struct client of the driver, which comes back by itself. A line that was taken does not: what
 *   was watched on it is lost with the connection, so it is BROKEN then, and closed when it is given back.
 */
#pragma once

#include "base/arena.h"
#include "broker/driver.h"

#include <aeon/redis.h>
#include <string.h>
#include <strings.h>

/* Is the @n-th word @wanted, in any case? */
static inline bool redis_word_is(const aeon_db_args *words, size_t n, const char *wanted)
{
        if (n >= words->count)
                return false;
        const aeon_db_value *word = &words->values[n];
        if (word->kind == AEON_DB_IS_BYTES)
                return word->of.bytes.size == strlen(wanted) && !strncasecmp(word->of.bytes.data, wanted, strlen(wanted));
        return word->kind == AEON_DB_IS_TEXT && !strcasecmp(word->of.text, wanted);
}

/* Commands that go out in one go. */
struct redis_batch {
        const aeon_db_args *const *commands;
        size_t count;
        bool whole; /* as one transaction */
        bool plain; /* one command, whose reply is the reply: no list around it */
};

/* What a run returns: to be freed by aeon_redis_reply_free(). The integer of an error is its code. */
struct redis_whole_reply {
        aeon_redis_reply root; /* first: it is what is freed */
        struct arena arena;    /* of all that it points to */
};

struct redis_line;

/* In the module: `AEON_API extern const struct redis_lines aeon__redis_lines`. */
struct redis_lines {
        /* Look at the URL; no I/O. Errors: -EINVAL. */
        int (*check)(const char *url);

        /* @link is borrowed. @alone: to be taken. Errors: those of connecting, if the link is not patient. */
        AEON_SUSPENDS int (*open)(struct link *link, bool alone, struct redis_line **ret_line);
        AEON_SUSPENDS void (*close)(struct redis_line *line);

        /* @ret_reply NULL: it does not matter. Suspends. Cancellable. */
        AEON_SUSPENDS int (*run)(struct redis_line *line, const struct redis_batch *batch, aeon_redis_reply **ret_reply);

        /* A line that was taken can be taken again: nothing is left on it. Does not suspend. */
        bool (*is_clean)(const struct redis_line *line);
};

/* redis_pool.c, for redis_app.c */

/* Find the module and have it look at @url. Errors: -EINVAL; -EPROTONOSUPPORT; -ENOPKG. */
int aeon__redis_lines_for(const char *url, const struct redis_lines **ret_lines);

struct redis_pool_opts {
        const char *url, *name; /* of the app; borrowed */
        const char *meter;      /* in metrics; borrowed */
        unsigned size;
        bool patient;
        aeon_group *group; /* for the lines' tasks */
};

AEON_SUSPENDS int aeon__redis_pool_open(const struct redis_pool_opts *opts, aeon_redis **ret_redis);
AEON_SUSPENDS void aeon__redis_pool_close(aeon_redis *redis);
