/* Replies of the server, as a tree that lives until the next one is read.
 *
 * DESIGN
 *   hiredis' redisReader finds out where a reply begins and ends; the tree it builds is ours, by its table of functions: children lie in
 *   their parent's array, and all of it comes from a heap that is emptied, not freed, between two replies. So a read of a
 *   hundred entries costs a handful of allocations.
 */
#pragma once

#include <hiredis/read.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct reply {
        int type;      /* REDIS_REPLY_... */
        size_t length; /* of the text, or how many items */
        long long number;
        const char *text; /* with a NUL behind it */
        struct reply *items;
};

struct replies {
        redisReader *reader;
        struct chunk *chunks; /* newest first */
        struct reply root;
};

/* Errors: -ENOMEM. All zeros may be given to done(), too. */
int aeon__replies_init(struct replies *r);
void aeon__replies_done(struct replies *r);

/* Forget what was read so far. Errors: -ENOMEM. */
int aeon__replies_reset(struct replies *r);

/* Give it bytes; all are taken. Errors: -ENOMEM. */
int aeon__replies_feed(struct replies *r, const char *bytes, size_t size);

/* The next whole reply, until the next call; NULL: not there yet. Errors: -EPROTO, -ENOMEM. */
int aeon__replies_next(struct replies *r, const struct reply **ret_reply);

/* The @n-th item of an array; NULL when there is none, or @r is no array. */
static inline const struct reply *reply_item(const struct reply *r, size_t n)
{
        return r && r->type == REDIS_REPLY_ARRAY && n < r->length ? &r->items[n] : NULL;
}

/* Is it a text, of whatever kind? */
static inline bool reply_is_text(const struct reply *r)
{
        return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
}

/* Is it this text? */
static inline bool reply_is(const struct reply *r, const char *wanted)
{
        return reply_is_text(r) && !strcmp(r->text, wanted);
}
