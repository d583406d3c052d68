/* Streams: a group's entries, read, claimed from the dead, acknowledged.
 *
 * DESIGN
 *   connected -> the group is made -> OWN: what is pending for our name -> DECLARE -> CLAIM -> READ ... READ -> DECLARE -> CLAIM -> READ ...
 *                                                                                         every min_idle / 2
 *
 *   Group "" is a group named "aeon", and a queue: an acknowledged entry is deleted, unless the stream has other groups, too. What
 *   must be seen again is added to the stream as a new entry, so whoever blocks on it wakes up at once. A named group may not do so:
 *   other groups would see it, too. It has a stream of its own for that, K:aeon:again:GROUP, and reads both.
 *
 *   min_idle is the lease: XAUTOCLAIM takes over what was idle for so long, and we learn how often it was delivered, and XCLAIM to ourselves is how a lease is kept.
 *   While a lease is fresh nobody else can have the entry, and XACK, of a whole turn's messages at once, is safe. One that has run out
 *   (the process stood still) is settled by a script that looks first.
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step { STEP_OWN, STEP_DECLARE, STEP_CLAIM, STEP_READ };

#define CONSUMER_DEAD AEON_MINUTES(10) /* and ten times min_idle */

static void send(struct redis_source *s, client_done *done)
{
        s->asked_at = aeon_now();
        s->busy = aeon__client_send(&s->reader, done, s) >= 0;
}

static void go_to(struct redis_source *s, enum step step)
{
        s->step = step;
        s->at = 0;
        strcpy(s->cursor, step == STEP_CLAIM ? "0-0" : "0");
}

/* The next stream, or behind the last one the next step. */
static void go_on(struct redis_source *s, enum step next)
{
        enum step step = (enum step)s->step;
        unsigned at = s->at + 1;
        go_to(s, at < s->streams_count ? step : next);
        s->at = at < s->streams_count ? at : 0;
}

static bool is_anonymous(const struct redis_source *s)
{
        return !*s->source->group;
}

/* ------------------------------------------------------------------ the group */

static void put_declare(struct redis_source *s, unsigned at)
{
        struct client *c = &s->reader;
        aeon_duration dead = s->options.min_idle * 10 > CONSUMER_DEAD ? s->options.min_idle * 10 : CONSUMER_DEAD;
        const char *start = at > 0 || (is_anonymous(s) && !*s->options.start) ? "0" : s->options.start;
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_declare);
        aeon__client_number(c, 1);
        aeon__client_text(c, s->streams[at]);
        aeon__client_text(c, s->group);
        aeon__client_text(c, start);
        aeon__client_text(c, AEON_CONSUMER_PREFIX);
        aeon__client_number(c, dead / AEON_MILLISECONDS(1));
}

static void read_declared(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        const struct reply *made = reply_item(reply, 0), *others = reply_item(reply, 1);
        if (s->at || !made || !others)
                return;
        s->ours |= made->number == 1;
        bool queue = is_anonymous(s) && others->number == 0;
        if (is_anonymous(s) && !queue && (s->queue || s->reader.wire.times == 0))
                aeon_log_warning("redis: stream \"%s\" has other groups: what is acknowledged is not deleted",
                                 s->source->destination);
        s->queue = queue;
}

static int resume(struct client *c)
{
        struct redis_source *s = c->self;
        int r = 0;
        for (s->at = 0; s->at < s->streams_count && r >= 0; s->at++) {
                put_declare(s, s->at);
                r = aeon__client_ask(c, "declare group", read_declared, s);
        }
        if (r < 0)
                return aeon__redis_unprepared(s, r);
        go_to(s, STEP_OWN);
        s->ready = true;
        s->broken = false;
        s->retry_at = 0;
        aeon__redis_fetch(s);
        return 0;
}

/* The server has said no. A group that has vanished is made again only if we have made it. */
static void refuse(struct redis_source *s, const struct reply *reply)
{
        if (aeon__client_error(reply) != -ENOENT || !(s->ours || is_anonymous(s))) {
                aeon__redis_refused(s, reply->text);
                return;
        }
        if (s->remade_at && aeon_now() - s->remade_at < AEON_SECONDS(1)) {
                aeon__redis_refused(s, reply->text);
                return;
        }
        s->remade_at = aeon_now();
        aeon_log_warning("redis: group \"%s\" of stream \"%s\" has vanished and is made again", s->group, s->source->destination);
        for (unsigned i = 0; i < s->streams_count; i++) { /* whether that worked the next read will tell */
                put_declare(s, i);
                (void)aeon__client_send(&s->reader, NULL, NULL);
        }
        go_to(s, STEP_READ);
}

/* An array to go on with; NULL: it is none, and that was dealt with. */
static const struct reply *expect(struct redis_source *s, const struct reply *reply)
{
        if (!reply)
                return NULL;
        if (reply->type == REDIS_REPLY_ERROR) {
                refuse(s, reply);
                return NULL;
        }
        s->broken = false;
        s->retry_at = 0;
        return reply->type == REDIS_REPLY_ARRAY ? reply : NULL;
}

/* ------------------------------------------------------------------ the steps */

static void put_group(struct redis_source *s)
{
        aeon__client_begin(&s->reader, "XREADGROUP");
        aeon__client_text(&s->reader, "GROUP");
        aeon__client_text(&s->reader, s->group);
        aeon__client_text(&s->reader, s->consumer);
        aeon__client_text(&s->reader, "COUNT");
}

static long at_most(const struct redis_source *s, unsigned shares)
{
        long credit = s->credit / shares ? s->credit / shares : 1;
        return credit < s->options.count ? credit : s->options.count;
}

static void own_done(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        reply = expect(s, reply);
        if (reply) {
                const struct reply *entries = reply_item(reply_item(reply, 0), 1);
                const char *last = aeon__entries_take(s, s->at, entries, NULL, true);
                if (last)
                        snprintf(s->cursor, sizeof s->cursor, "%s", last);
                else if (!entries || !entries->length)
                        go_on(s, STEP_CLAIM);
        }
        aeon__redis_fetched(s);
}

static void fetch_own(struct redis_source *s)
{
        put_group(s);
        aeon__client_number(&s->reader, s->options.count);
        aeon__client_text(&s->reader, "STREAMS");
        aeon__client_text(&s->reader, s->streams[s->at]);
        aeon__client_text(&s->reader, s->cursor);
        send(s, own_done);
}

static void declared(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        if (reply && reply->type == REDIS_REPLY_ERROR)
                aeon__redis_refused(s, reply->text);
        else if (reply)
                read_declared(s, reply);
        if (reply)
                go_to(s, STEP_CLAIM);
        aeon__redis_fetched(s);
}

static void claimed(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        reply = expect(s, reply);
        if (reply) {
                const struct reply *cursor = reply_item(reply, 0);
                aeon__entries_take(s, s->at, reply_item(reply, 1), reply_item(reply, 2), true);
                if (reply_is_text(cursor) && strcmp(cursor->text, "0-0") != 0)
                        snprintf(s->cursor, sizeof s->cursor, "%s", cursor->text);
                else
                        go_on(s, STEP_READ);
                if (s->step == STEP_READ)
                        s->tick_at = aeon_now() + s->options.min_idle / 2;
        }
        aeon__redis_fetched(s);
}

static void fetch_claim(struct redis_source *s)
{
        struct client *c = &s->reader;
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_claim);
        aeon__client_number(c, 1);
        aeon__client_text(c, s->streams[s->at]);
        aeon__client_text(c, s->group);
        aeon__client_text(c, s->consumer);
        aeon__client_number(c, s->options.min_idle / AEON_MILLISECONDS(1));
        aeon__client_text(c, s->cursor);
        aeon__client_number(c, at_most(s, 1));
        send(s, claimed);
}

static void read_done(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        reply = expect(s, reply);
        for (size_t i = 0; reply && i < reply->length; i++) {
                const struct reply *name = reply_item(&reply->items[i], 0);
                unsigned stream = s->streams_count > 1 && reply_is(name, s->streams[1]);
                aeon__entries_take(s, stream, reply_item(&reply->items[i], 1), NULL, false);
        }
        aeon__redis_fetched(s);
}

/* COUNT is for each stream, so each gets its share of the credit. With a credit of one there may be one too many: it is kept. */
static void fetch_new(struct redis_source *s)
{
        struct client *c = &s->reader;
        put_group(s);
        aeon__client_number(c, at_most(s, s->streams_count));
        aeon__client_text(c, "BLOCK");
        aeon__client_number(c, s->options.block / AEON_MILLISECONDS(1));
        aeon__client_text(c, "STREAMS");
        for (unsigned i = 0; i < s->streams_count; i++)
                aeon__client_text(c, s->streams[i]);
        for (unsigned i = 0; i < s->streams_count; i++)
                aeon__client_text(c, ">");
        send(s, read_done);
}

static void stream_fetch(struct redis_source *s)
{
        if (s->step == STEP_READ && aeon_now() >= s->tick_at)
                go_to(s, STEP_DECLARE);
        if (s->step == STEP_DECLARE && !(s->ours || is_anonymous(s)))
                go_to(s, STEP_CLAIM); /* it is not ours to make */
        switch ((enum step)s->step) {
        case STEP_OWN:
                fetch_own(s);
                break;
        case STEP_DECLARE:
                put_declare(s, 0);
                send(s, declared);
                break;
        case STEP_CLAIM:
                fetch_claim(s);
                break;
        case STEP_READ:
                fetch_new(s);
                break;
        }
}

/* ------------------------------------------------------------------ opening and closing */

static int stream_open(struct redis_source *s)
{
        const char *key = s->source->destination;
        s->group = is_anonymous(s) ? "aeon" : s->source->group;
        s->streams_count = is_anonymous(s) ? 1 : 2;
        s->streams[0] = strdup(key);
        s->streams[1] = aeon__redis_join(key, ":aeon:again:", s->group);
        int r = s->streams[0] && s->streams[1] ? aeon__redis_name_consumer(s) : aeon_fail(-ENOMEM, "no memory for a name");
        for (unsigned i = 0; i < s->streams_count && r >= 0; i++) {
                char *set = aeon__redis_join(s->streams[i], ":aeon:later", ""), *target = strdup(s->streams[i]);
                aeon__later_add(s, set, target);
                r = set && target ? 0 : aeon_fail(-ENOMEM, "no memory for a name");
        }
        return r < 0 ? r : aeon__redis_read(s, resume);
}

static void stream_drain(struct redis_source *s)
{
        aeon__redis_stop_reading(s);
}

static void stream_close(struct redis_source *s)
{
        struct client *c = &s->link->commands;
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_leave);
        aeon__client_number(c, s->streams_count);
        for (unsigned i = 0; i < s->streams_count; i++)
                aeon__client_text(c, s->streams[i]);
        aeon__client_text(c, s->group);
        aeon__client_text(c, s->consumer);
        (void)aeon__client_send(c, NULL, NULL);
}

struct group_lag {
        const char *group;
        long long lag; /* -1: not told */
};

/* Each group is an array of names and values. */
static void read_lag(void *arg, const struct reply *groups)
{
        struct group_lag *wanted = arg;
        const struct reply *group, *name;
        for (size_t i = 0; (group = reply_item(groups, i)); i++) {
                bool ours = false;
                for (size_t n = 0; (name = reply_item(group, n)); n += 2) {
                        const struct reply *value = reply_item(group, n + 1);
                        if (reply_is(name, "name"))
                                ours = reply_is(value, wanted->group);
                        if (ours && reply_is(name, "lag") && value && value->type == REDIS_REPLY_INTEGER)
                                wanted->lag = value->number;
                }
        }
}

static int stream_lag(struct redis_source *s, uint64_t *ret_lag)
{
        struct group_lag found = { s->group, -1 };
        aeon__client_begin(&s->link->commands, "XINFO");
        aeon__client_text(&s->link->commands, "GROUPS");
        aeon__client_text(&s->link->commands, s->source->destination);
        int r = aeon__client_ask(&s->link->commands, "lag of a group", read_lag, &found);
        if (r < 0)
                return r;
        if (found.lag < 0)
                return aeon_fail(
                        -ENODATA,
                        "the server does not tell: it is older than Redis 7, or entries were deleted that nobody had read");
        *ret_lag = (uint64_t)found.lag;
        return 0;
}

const struct kind_ops aeon__kind_stream = {
        .can = CAN_SETTLE | CAN_RETRY | CAN_REJECT | CAN_GROUP | CAN_DELAY | CAN_REPLY,
        .open = stream_open,
        .fetch = stream_fetch,
        .drain = stream_drain,
        .settle = aeon__stream_settle,
        .extend = aeon__stream_extend,
        .close = stream_close,
        .lag = stream_lag,
};
