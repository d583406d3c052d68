/* Lists: what is taken lies in a list of the consumer's own until it is acknowledged.
 *
 * DESIGN
 *      RPUSH -> K -- LMOVE, as many as there is credit; BLMOVE when there was nothing --> K:aeon:taken:NAME -- LREM: acknowledged
 *
 *   K:aeon:takers says when each consumer was last alive; each one tells at least twice in min_idle, and puts back what those had taken who
 *   did not. A value has no id and no attempts: a retry is pushed as a new value, in an envelope that counts them.
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *key_of(const struct redis_source *s)
{
        return s->source->destination;
}

static void send(struct redis_source *s, client_done *done)
{
        s->busy = aeon__client_send(&s->reader, done, s) >= 0;
}

/* ------------------------------------------------------------------ being alive */

static void put_recover(struct redis_source *s, struct client *c)
{
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_recover);
        aeon__client_number(c, 2);
        aeon__client_text(c, key_of(s));
        aeon__client_text(c, s->takers);
        aeon__client_text(c, s->consumer);
        aeon__client_text(c, s->taken_prefix);
        aeon__client_number(c, aeon__microseconds(s->options.min_idle));
}

static bool is_equal(const struct reply *value, const char *bytes, size_t size)
{
        return value->length == size && !memcmp(value->text, bytes, size);
}

/* Of @value, the n-th of the taken, are more in our hands than lie in front of it? */
static bool is_in_hand(const struct redis_source *s, const struct reply *taken, size_t n)
{
        const struct reply *value = &taken->items[n];
        size_t held = 0, before = 0;
        struct delivery *d;
        list_foreach (d, &s->deliveries, node)
                held += is_equal(value, d->raw, d->size);
        for (size_t i = 0; held && i < n; i++)
                before += is_equal(value, taken->items[i].text, taken->items[i].length);
        return held > before;
}

/* What lies among the taken and not in our hands was lost on its way to us, or taken by who had our name before: it goes back. */
static void read_taken(void *arg, const struct reply *reply)
{
        struct redis_source *s = arg;
        struct client *c = &s->reader;
        for (size_t i = reply->type == REDIS_REPLY_ARRAY ? reply->length : 0; i-- > 0;) {
                if (is_in_hand(s, reply, i))
                        continue;
                aeon__client_begin(c, "EVAL");
                aeon__client_text(c, aeon__script_settle_list);
                aeon__client_number(c, 2);
                aeon__client_text(c, key_of(s));
                aeon__client_text(c, s->taken);
                aeon__client_word(c, reply->items[i].text, reply->items[i].length);
                aeon__client_text(c, "front");
                (void)aeon__client_send(c, NULL, NULL);
        }
}

static int resume(struct client *c)
{
        struct redis_source *s = c->self;
        put_recover(s, c);
        int r = aeon__client_ask(c, "recovery of what was taken", NULL, NULL);
        if (r >= 0) {
                aeon__client_begin(c, "LRANGE");
                aeon__client_text(c, s->taken);
                aeon__client_number(c, 0);
                aeon__client_number(c, -1);
                r = aeon__client_ask(c, "what was taken", read_taken, s);
        }
        if (r >= 0) { /* is it a list at all? */
                aeon__client_begin(c, "LLEN");
                aeon__client_text(c, key_of(s));
                r = aeon__client_ask(c, "length of the list", NULL, NULL);
        }
        if (r < 0)
                return aeon__redis_unprepared(s, r);
        s->tick_at = aeon_now() + s->options.min_idle / 2;
        s->ready = true;
        s->broken = false;
        s->retry_at = 0;
        aeon__redis_fetch(s);
        return 0;
}

/* ------------------------------------------------------------------ taking */

static void deliver(struct redis_source *s, const struct reply *value)
{
        if (!reply_is_text(value))
                return;
        struct delivery *d = malloc(sizeof *d + value->length);
        struct aeon_message *m = d ? aeon__redis_message(s->link, key_of(s), value, "", 0) : NULL;
        if (!m) {
                free(d); /* it stays among the taken: the next connection finds it */
                return;
        }
        *d = (struct delivery){ .size = value->length };
        memcpy(d->raw, value->text, value->length);
        aeon__redis_deliver(s, m, d);
}

static bool is_refused(struct redis_source *s, const struct reply *reply)
{
        if (reply && reply->type != REDIS_REPLY_ERROR) {
                s->broken = false;
                s->retry_at = 0;
        } else if (reply) {
                aeon__redis_refused(s, reply->text);
        }
        return !reply || reply->type == REDIS_REPLY_ERROR;
}

static void recovered(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        if (!is_refused(s, reply))
                s->tick_at = aeon_now() + s->options.min_idle / 2;
        aeon__redis_fetched(s);
}

static void taken(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        if (!is_refused(s, reply) && reply->type == REDIS_REPLY_ARRAY) {
                s->empty = !reply->length;
                for (size_t i = 0; i < reply->length; i++)
                        deliver(s, &reply->items[i]);
        }
        aeon__redis_fetched(s);
}

static void waited(void *owner, const struct reply *reply)
{
        struct redis_source *s = owner;
        if (!is_refused(s, reply) && reply->type == REDIS_REPLY_STRING) {
                s->empty = false;
                deliver(s, reply);
        }
        aeon__redis_fetched(s);
}

static void fetch_many(struct redis_source *s)
{
        struct client *c = &s->reader;
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_take);
        aeon__client_number(c, 2);
        aeon__client_text(c, key_of(s));
        aeon__client_text(c, s->taken);
        aeon__client_number(c, s->credit < s->options.count ? s->credit : s->options.count);
        send(s, taken);
}

static void fetch_blocking(struct redis_source *s)
{
        struct client *c = &s->reader;
        char seconds[32];
        snprintf(seconds, sizeof seconds, "%.3f", (double)s->options.block / 1e9);
        aeon__client_begin(c, "BLMOVE");
        aeon__client_text(c, key_of(s));
        aeon__client_text(c, s->taken);
        aeon__client_text(c, "LEFT");
        aeon__client_text(c, "RIGHT");
        aeon__client_text(c, seconds);
        send(s, waited);
}

static void list_fetch(struct redis_source *s)
{
        if (aeon_now() >= s->tick_at) {
                put_recover(s, &s->reader);
                send(s, recovered);
        } else if (s->empty) {
                fetch_blocking(s);
        } else {
                fetch_many(s);
        }
}

/* ------------------------------------------------------------------ verdicts */

static void put_ack(struct redis_source *s, const struct delivery *d)
{
        struct client *c = &s->link->commands;
        aeon__client_begin(c, "LREM");
        aeon__client_text(c, s->taken);
        aeon__client_number(c, 1);
        aeon__client_word(c, d->raw, d->size);
}

static int put_script(struct redis_source *s, const struct aeon_message *m, const struct delivery *d, const struct settlement *v,
                      const struct dead_letter *dead)
{
        struct client *c = &s->link->commands;
        struct text *payload = &s->link->payload;
        bool retry = v->verdict == VERDICT_RETRY;
        char unique[48];
        int r = 0;
        payload->length = 0;
        if (retry)
                r = aeon__format_write(payload, s->options.format, &m->envelope, m->attempt + 1);
        else if (dead->name)
                r = aeon__format_write(payload, dead->target.format, v->dead, 1);
        if (r < 0)
                return r;
        snprintf(unique, sizeof unique, "%s-%llu", s->link->nonce, ++s->link->serial);
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_settle_list);
        aeon__client_number(c, 4);
        aeon__client_text(c, key_of(s));
        aeon__client_text(c, s->taken);
        aeon__client_text(c, dead->name ? dead->name : key_of(s));
        aeon__client_text(c, s->later[0].set);
        aeon__client_word(c, d->raw, d->size);
        aeon__client_text(c, retry ? "again" : dead->name ? aeon__target_command(&dead->target) : "front");
        aeon__client_number(c, retry ? aeon__microseconds(v->delay) : 0);
        aeon__client_text(c, unique);
        aeon__client_word(c, payload->data, payload->length);
        return 0;
}

static int put_any(struct redis_source *s, const struct aeon_message *m, const struct settlement *v, const struct dead_letter *dead)
{
        const struct delivery *d = (const struct delivery *)(intptr_t)m->token;
        if (v->verdict != VERDICT_ACK)
                return put_script(s, m, d, v, dead);
        put_ack(s, d);
        return 0;
}

static int list_settle(struct redis_source *s, struct aeon_message *m, const struct settlement *v)
{
        return aeon__verdict_ask(s, m, v, put_any, key_of(s), false);
}

/* A consumer that is alive keeps all that it has taken. */
static void list_extend(struct redis_source *s, struct aeon_message *const *messages, size_t count)
{
        (void)messages, (void)count;
        put_recover(s, &s->link->commands);
        (void)aeon__client_send(&s->link->commands, NULL, NULL);
}

/* ------------------------------------------------------------------ opening and closing */

static int list_open(struct redis_source *s)
{
        const char *key = key_of(s);
        int r = aeon__redis_name_consumer(s);
        if (r < 0)
                return r;
        s->taken_prefix = aeon__redis_join(key, ":aeon:taken:", "");
        s->taken = aeon__redis_join(key, ":aeon:taken:", s->consumer);
        s->takers = aeon__redis_join(key, ":aeon:takers", "");
        char *set = aeon__redis_join(key, ":aeon:later", ""), *target = strdup(key);
        aeon__later_add(s, set, target);
        if (!s->taken_prefix || !s->taken || !s->takers || !set || !target)
                return aeon_fail(-ENOMEM, "no memory for a name");
        return aeon__redis_read(s, resume);
}

static void list_drain(struct redis_source *s)
{
        aeon__redis_stop_reading(s);
}

/* Whoever has taken nothing any more need not be looked after. */
static void list_close(struct redis_source *s)
{
        struct client *c = &s->link->commands;
        if (!list_empty(&s->deliveries))
                return;
        aeon__client_begin(c, "ZREM");
        aeon__client_text(c, s->takers);
        aeon__client_text(c, s->consumer);
        (void)aeon__client_send(c, NULL, NULL);
}

static int list_lag(struct redis_source *s, uint64_t *ret_lag)
{
        long long length = 0;
        aeon__client_begin(&s->link->commands, "LLEN");
        aeon__client_text(&s->link->commands, s->source->destination);
        int r = aeon__client_ask(&s->link->commands, "length of a list", aeon__client_read_number, &length);
        if (r >= 0)
                *ret_lag = (uint64_t)length;
        return r;
}

const struct kind_ops aeon__kind_list = {
        .can = CAN_SETTLE | CAN_RETRY | CAN_REJECT | CAN_DELAY | CAN_REPLY,
        .open = list_open,
        .fetch = list_fetch,
        .drain = list_drain,
        .settle = list_settle,
        .extend = list_extend,
        .close = list_close,
        .lag = list_lag,
};
