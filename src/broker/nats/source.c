/* Subscriptions on JetStream: a durable consumer that is pulled from.
 *
 * DESIGN
 *   A pull asks for a number of messages and stands for PULL_LIFE; the server sends what there is, and when the time is over says how
 *   many did not come. All pulls of a source have inboxes PREFIX.S.N, under one subscription.
 *
 *        credit     may be asked for
 *        wanted     is asked for: each message takes one off, and the end of a pull gives the rest back to credit
 *        credit + wanted + what the core holds == window
 *
 *   A new pull is sent when credit has grown to what is still wanted, so few pulls stand at a time, whatever the size of the steps, and
 *   the next is on its way while the last is being served. Meanwhile the server sends heartbeats: when it is silent for three of them,
 *   it has lost the pulls, and they are made again under another subscription, so that nothing is counted twice.
 *
 *   Drained is a source when the answer to a question behind its UNSUB has come: a message that meets no subscriber is put back by the
 *   server. The question is for the consumer's state, since that makes the server forget pulls that nobody waits for any more. Where it
 *   still has some, a message that is given back may stay with them until its lease ends, and another come twice (nats-server 2.9).
 */
#include "base/digits.h"
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const aeon_duration pull_life = AEON_SECONDS(30), heartbeat = AEON_SECONDS(5);

void aeon__nats_source_dirty(struct nats_source *s)
{
        s->dirty = true;
        aeon__wire_gathered(&s->nats->wire);
}

/* ------------------------------------------------------------------ pulls */

void aeon__nats_pull(struct nats_source *s)
{
        if (!s->ready || s->draining || s->held_back || !s->credit || s->credit < s->wanted)
                return;
        char subject[NATS_ADDRESS_SIZE], inbox[96], text[128];
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", s->stream, s->consumer);
        snprintf(inbox, sizeof inbox, "%s%" PRIu64 ".%u", s->nats->prefix, s->sid, ++s->pulls);
        int length = snprintf(text, sizeof text, "{\"batch\":%u,\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64 "}", s->credit,
                              pull_life, heartbeat);
        if (aeon__nats_put(s->nats, subject, inbox, NULL, text, (size_t)length) < 0)
                return; /* not connected: asked for anew then */
        s->wanted += s->credit;
        s->credit = 0;
        s->heard = aeon_now();
}

static void give_back(struct nats_source *s, unsigned count)
{
        count = count < s->wanted ? count : s->wanted;
        s->wanted -= count;
        s->credit += count;
        aeon__nats_source_dirty(s);
}

static int listen(struct nats_source *s)
{
        s->sid = ++s->nats->last_sid;
        return aeon__nats_say(s->nats, "SUB %s%" PRIu64 ".* %" PRIu64 "\r\n", s->nats->prefix, s->sid, s->sid);
}

/* The pulls are lost, or nobody knows: forget them and what they may still send. */
static void begin_again(struct nats_source *s)
{
        (void)aeon__nats_say(s->nats, "UNSUB %" PRIu64 "\r\n", s->sid);
        (void)listen(s);
        give_back(s, s->wanted);
}

static void pull_ended(struct nats_source *s, const struct content *c)
{
        enum { HEARTBEAT = 100, NONE = 404, TIMEOUT = 408, NO_RESPONDERS = 503 };
        s->heard = aeon_now();
        if (c->status == HEARTBEAT)
                return;
        if (c->pending >= 0) {
                give_back(s, (unsigned)c->pending);
                return;
        }
        if (c->status == NO_RESPONDERS || strcasestr(c->status_words, "deleted")) {
                aeon_log_warning("nats: the consumer %s of stream %s is gone; it is made again", s->consumer, s->stream);
                s->ready = false;
        } else if (c->status != NONE && c->status != TIMEOUT) {
                aeon_log_warning("nats: a pull from %s is refused: %s", s->consumer, c->status_words);
        }
        s->held_back = c->status != NONE && c->status != TIMEOUT;
        begin_again(s);
}

void aeon__nats_pulls_look(struct nats_source *s, aeon_time now)
{
        if (s->wanted && now - s->heard > 3 * heartbeat) {
                aeon_log_warning("nats: nothing was heard of the pulls from %s for %.3g s; they are made again", s->consumer,
                                 (double)(now - s->heard) / 1e9);
                begin_again(s);
        }
        if (s->held_back) {
                s->held_back = false;
                aeon__nats_source_dirty(s);
        }
}

/* ------------------------------------------------------------------ messages */

static struct aeon_message *message_of(struct nats_source *s, const struct arrival *a, const struct content *c)
{
        struct slot slot;
        char id[NATS_NAME_SIZE + 24];
        if (!aeon__nats_slot_read(s, a->reply, &slot)) {
                aeon_log_warning("nats: a message of %s has no address for its acknowledgement", s->consumer);
                return NULL;
        }
        char *end = stpcpy(id, s->stream);
        *end++ = '/';
        *aeon__digits_write(end, slot.stream_sequence) = '\0';
        struct envelope e = c->envelope;
        if (!*e.id)
                e.id = id;
        struct aeon_message *m = aeon__message_new(&e);
        if (!m || aeon__nats_slot_take(s, &slot, &m->token) < 0) {
                aeon_log_warning("nats: no memory for a message; it comes again");
                free(m);
                return NULL;
        }
        m->attempt = s->options.by_deliveries ? (unsigned)slot.deliveries : 1;
        m->losses = slot.deliveries ? (unsigned)slot.deliveries - 1 : 0;
        return m;
}

void aeon__nats_stream_arrive(struct nats_source *s, struct arrival *a, struct content *c)
{
        if (c->status && !*a->reply) {
                pull_ended(s, c);
                return;
        }
        s->heard = aeon_now();
        if (s->wanted)
                s->wanted--;
        struct aeon_message *m = message_of(s, a, c);
        if (!m) {
                s->credit++;
                aeon__nats_source_dirty(s);
        } else if (s->slots[m->token].deliveries > 1 && !s->options.by_deliveries) {
                aeon__nats_lookup(s, m);
        } else {
                aeon__deliver(s->source, m);
        }
}

void aeon__nats_source_arrive(struct nats_source *s, struct arrival *a)
{
        struct content c;
        if (aeon__nats_decode(s->nats, a, &c) < 0)
                aeon_log_warning("nats: %s", aeon_error_text());
        if (s->options.mode == NATS_CORE)
                aeon__nats_core_arrive(s, a, &c);
        else
                aeon__nats_stream_arrive(s, a, &c);
}

/* ------------------------------------------------------------------ beginning */

/* Who shares the messages of a core subscription: its group, or else the loops of this process. */
static const char *queue_of(const struct nats_source *s)
{
        return *s->source->group ? s->source->group : (const char *)s->nats->link->shared;
}

static int start_core(struct nats_source *s)
{
        s->sid = ++s->nats->last_sid;
        int r = aeon__nats_say(s->nats, "SUB %s %s %" PRIu64 "\r\n", s->source->destination, queue_of(s), s->sid);
        return r < 0 ? r : aeon__nats_flushed(s->nats, s->source->destination);
}

static int set_up(struct nats_source *s)
{
        int r;
        if (s->options.mode == NATS_CORE) {
                r = start_core(s);
        } else {
                r = aeon__nats_stream(s->nats, s->source->destination, &s->options, s->stream);
                if (r >= 0)
                        r = aeon__nats_consumer(s);
                if (r >= 0 && !s->sid)
                        r = listen(s);
        }
        return r;
}

int aeon__nats_source_start(struct nats_source *s)
{
        s->starting = true;
        int r = set_up(s);
        s->starting = false;
        s->ready = r >= 0;
        if (r >= 0 && s->options.mode == NATS_JETSTREAM)
                aeon__nats_source_dirty(s);
        aeon__confirmations_come(&s->started, 0, NULL);
        return r;
}

static void core_cannot(struct source *source)
{
        source->can = CAN_GROUP | CAN_REPLY;
        source->lease = 0;
}

static int refuse(const struct nats_source *s)
{
        const struct source *source = s->source;
        int r = aeon__nats_subject_check(source->destination, true);
        if (r >= 0 && aeon__nats_is_pattern(source->destination) && aeon__nats_is_pattern(source->dead_letter))
                r = aeon_fail(-EINVAL, "dead letters cannot go to the pattern \"%s\": give a dead_letter", source->dead_letter);
        if (r >= 0 && s->options.mode == NATS_CORE && strpbrk(source->group, " \t\r\n"))
                r = aeon_fail(-EINVAL, "a NATS queue group has no blanks in its name");
        return r;
}

static bool is_connection_error(int r)
{
        return r == -ENOTCONN || r == -ECONNABORTED;
}

int aeon__nats_subscribe(struct source *source)
{
        struct nats *l = source->link->self;
        struct nats_source *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        s->nats = l;
        s->source = source;
        s->id = ++l->last_source;
        s->turn = 1;
        list_init(&s->started);
        list_init(&s->lookups);
        list_init(&s->verdicts);
        list_init(&s->backlog);
        int r = aeon__nats_source_options(l, source->options, &s->options);
        if (r >= 0)
                r = refuse(s);
        if (r < 0) {
                aeon__options_free(s->options.all);
                free(s);
                return r;
        }
        source->lease = s->options.ack_wait;
        if (s->options.mode == NATS_CORE)
                core_cannot(source);
        source->self = s;
        list_append(&l->sources, &s->node);
        r = l->wire.up ? aeon__nats_source_start(s) : -ENOTCONN;
        if (r >= 0 || (is_connection_error(r) && source->link->patient))
                return 0;
        aeon__nats_unsubscribe(source);
        return r;
}

void aeon__nats_credit(struct source *source, unsigned more)
{
        struct nats_source *s = source->self;
        s->credit += more;
        if (s->options.mode == NATS_CORE)
                aeon__nats_core_flow(s);
        else
                aeon__nats_source_dirty(s);
}

/* ------------------------------------------------------------------ the end */

static void await_start(struct nats_source *s)
{
        struct confirmation c;
        aeon__confirmation_init(&c, "a subscription that is being set up");
        list_append(&s->started, &c.node);
        (void)aeon__confirmation_wait(&c);
}

static int ask_behind(struct nats_source *s)
{
        json_t *info = NULL;
        int r = s->options.mode == NATS_CORE ? aeon__nats_flushed(s->nats, "") : aeon__nats_consumer_info(s, &info);
        json_decref(info);
        return r;
}

/* Take the pulls back. A server that does not answer is not worth waiting for: it may be stuck, and the app is to stop. */
static void stop_pulling(struct nats_source *s)
{
        if (!s->sid || aeon__nats_say(s->nats, "UNSUB %" PRIu64 "\r\n", s->sid) < 0)
                return;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(3), .name = "drain" });
        int r = aeon_scope_close(&limit, ask_behind(s));
        if (r == -ETIMEDOUT)
                aeon__wire_break(&s->nats->wire, r, "it does not answer");
}

void aeon__nats_source_pause(struct nats_source *s)
{
        s->ready = false;
        s->starting = true; /* nobody else shall, nor free it */
        stop_pulling(s);
        s->sid = 0;
        s->credit += s->wanted;
        s->wanted = 0;
        s->starting = false;
        aeon__confirmations_come(&s->started, 0, NULL);
}

int aeon__nats_lag(struct source *source, uint64_t *ret_lag)
{
        struct nats_source *s = source->self;
        json_t *info;
        if (s->options.mode == NATS_CORE)
                return aeon_fail(-ENOTSUP, "what is published to \"%s\" does not wait", source->destination);
        if (!s->ready)
                return aeon_fail(-ENOTCONN, "the subscription \"%s\" has not begun", source->destination);
        int r = aeon__nats_consumer_info(s, &info);
        if (r < 0)
                return r;
        *ret_lag = (uint64_t)json_integer_value(json_object_get(info, "num_pending"));
        json_decref(info);
        return 0;
}

void aeon__nats_drain(struct source *source)
{
        struct nats_source *s = source->self;
        s->draining = true;
        if (s->starting)
                await_start(s);
        stop_pulling(s);
        s->ready = false;
        s->sid = 0;
        aeon__nats_lookups_drop(s);
}

void aeon__nats_unsubscribe(struct source *source)
{
        struct nats_source *s = source->self;
        struct nats *l = s->nats;
        struct list *node;
        if (s->sid)
                (void)aeon__nats_say(l, "UNSUB %" PRIu64 "\r\n", s->sid);
        list_remove(&s->node);
        if (l->recent == s)
                l->recent = NULL;
        while ((node = list_pop(&s->backlog)))
                free(container_of(node, struct aeon_message, node));
        l->backlog -= s->backlog_count;
        aeon__options_free(s->options.all);
        free(s->slots);
        free(s);
}

void aeon__nats_source_lost(struct nats_source *s)
{
        s->ready = s->held_back = false;
        s->sid = 0;
        s->credit += s->wanted;
        s->wanted = 0;
        *s->held_address = '\0';
        aeon__nats_verdicts_come(s, UINT64_MAX, -ECONNABORTED, "the connection broke before the server confirmed it");
}
