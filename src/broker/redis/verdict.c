/* Verdicts: acknowledgements of stream entries, many at once, and everything else one by one.
 *
 * DESIGN
 *   Acknowledgements of one turn of the loop go out together: each leaves its id with the source and waits; when the writer is about to
 *   write it asks for what was gathered.
 *
 *        ack, ack, ack -> source.acks -> gather():  XDEL stream id id id   (a queue's; first, since an entry that is deleted and
 *                                                   XACK stream group id id id           pending is cleared away, the other is not)
 *
 *   Everything else is a script that looks whether the entry is still ours and does all or nothing. So is an acknowledgement after its
 *   lease has run out, or after the connection broke with the first one on its way.
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char lost_words[] = "the connection broke before the answer came";

static bool is_fresh(const struct redis_source *s, const struct delivery *d)
{
        return aeon_now() - d->since < s->options.min_idle;
}

static bool is_deleted(const struct redis_source *s, unsigned stream)
{
        return stream > 0 || s->queue;
}

/* ------------------------------------------------------------------ acknowledgements, many at once */

struct sent_acks {
        struct list node;    /* in the link */
        struct list waiting; /* confirmations */
        aeon_time since;
};

static void acks_done(void *owner, const struct reply *reply)
{
        struct sent_acks *sent = owner;
        if (!reply)
                aeon__confirmations_come(&sent->waiting, -ECONNABORTED, lost_words);
        else if (reply->type == REDIS_REPLY_ERROR)
                aeon__confirmations_come(&sent->waiting, aeon__client_error(reply), reply->text);
        else if (reply->type == REDIS_REPLY_INTEGER && reply->number == 0)
                aeon__confirmations_come(&sent->waiting, -ESTALE, "it is no longer pending: the stream or its group was removed");
        else
                aeon__confirmations_come(&sent->waiting, 0, NULL); /* fewer than we have named: those were acknowledged already */
        list_remove(&sent->node);
        free(sent);
}

static void move_list(struct list *to, struct list *from)
{
        struct list *node;
        while ((node = list_pop(from)))
                list_append(to, node);
}

static int send_acks(struct redis_source *s, unsigned stream, struct sent_acks *sent)
{
        struct client *c = &s->link->commands;
        struct acks *a = &s->acks[stream];
        int r = 0;
        if (is_deleted(s, stream)) {
                aeon__client_begin(c, "XDEL");
                aeon__client_text(c, s->streams[stream]);
                aeon__client_words(c, &a->ids, a->count);
                r = aeon__client_send(c, NULL, NULL);
        }
        aeon__client_begin(c, "XACK");
        aeon__client_text(c, s->streams[stream]);
        aeon__client_text(c, s->group);
        aeon__client_words(c, &a->ids, a->count);
        return r < 0 ? r : aeon__client_send(c, acks_done, sent);
}

static void flush_acks(struct redis_source *s, unsigned stream)
{
        struct acks *a = &s->acks[stream];
        if (!a->count)
                return;
        struct sent_acks *sent = malloc(sizeof *sent);
        int r = -ENOMEM;
        if (sent) {
                list_init(&sent->node);
                list_init(&sent->waiting);
                sent->since = a->since;
                r = send_acks(s, stream, sent);
        }
        if (r < 0) {
                aeon__confirmations_come(&a->waiting, r, r == -ENOMEM ? "no memory for acknowledgements" : lost_words);
                free(sent);
        } else {
                move_list(&sent->waiting, &a->waiting);
                list_append(&s->link->acked, &sent->node);
        }
        a->ids.length = 0;
        a->ids.failed = false;
        a->count = 0;
}

void aeon__acks_gather(struct client *c)
{
        struct redis_link *l = c->self;
        struct list *node;
        while ((node = list_pop(&l->acking))) {
                struct redis_source *s = container_of(node, struct redis_source, acking);
                for (unsigned i = 0; i < s->streams_count; i++)
                        flush_acks(s, i);
        }
}

/* Those that were not sent; nothing has been promised about them. */
void aeon__acks_lost(struct client *c)
{
        struct redis_link *l = c->self;
        struct list *node;
        while ((node = list_pop(&l->acking))) {
                struct redis_source *s = container_of(node, struct redis_source, acking);
                for (unsigned i = 0; i < s->streams_count; i++) {
                        aeon__confirmations_come(&s->acks[i].waiting, -ECONNABORTED, lost_words);
                        s->acks[i].ids.length = 0;
                        s->acks[i].count = 0;
                }
        }
}

static void expire(struct list *waiting, aeon_time since, aeon_duration timeout)
{
        if (!list_empty(waiting) && aeon_now() - since >= timeout)
                aeon__confirmations_come(waiting, -ETIMEDOUT, "the server has not confirmed it in time");
}

/* A scope with a deadline for each acknowledgement would do the same, and cost as much as all the rest. */
void aeon__acks_expire(struct redis_link *l)
{
        struct sent_acks *sent;
        struct redis_source *s;
        list_foreach (sent, &l->acked, node)
                expire(&sent->waiting, sent->since, l->timeout);
        list_foreach (s, &l->acking, acking)
                for (unsigned i = 0; i < s->streams_count; i++)
                        expire(&s->acks[i].waiting, s->acks[i].since, l->timeout);
}

static int acknowledge(struct redis_source *s, struct aeon_message *m, const struct delivery *d)
{
        struct redis_link *l = s->link;
        struct acks *a = &s->acks[d->stream];
        struct confirmation c;
        aeon__confirmation_init(&c, "acknowledgement");
        aeon__client_encode(&a->ids, m->envelope.id, strlen(m->envelope.id));
        if (!a->count++)
                a->since = aeon_now();
        list_append(&a->waiting, &c.node);
        if (list_empty(&s->acking))
                list_append(&l->acking, &s->acking);
        aeon__wire_gathered(&l->commands.wire);
        return aeon__confirmation_wait(&c);
}

/* ------------------------------------------------------------------ everything else, one by one */

/* @repeated: it may have been carried out already, although nobody told us. */
static int ask_once(struct redis_source *s, const struct aeon_message *m, const struct settlement *v,
                    const struct dead_letter *dead, put_verdict *put, bool repeated)
{
        long long result = 0;
        int r = aeon__wire_ready(&s->link->commands.wire);
        if (r >= 0)
                r = put(s, m, v, dead);
        if (r >= 0)
                r = aeon__client_ask(&s->link->commands, "verdict", aeon__client_read_number, &result);
        if (r == -ENOENT || (r >= 0 && result == 0))
                return repeated ? 0 : aeon_fail(-ESTALE, "it is no longer this consumer's");
        if (r >= 0 && result == 2)
                aeon_log_error("redis: message %s of \"%s\" was trimmed from the stream before it could be seen again",
                               m->envelope.id, m->envelope.destination);
        return r;
}

int aeon__verdict_ask(struct redis_source *s, const struct aeon_message *m, const struct settlement *v, put_verdict *put,
                      const char *later, bool repeated)
{
        struct dead_letter dead = { 0 };
        aeon_scope limit;
        int r = v->verdict == VERDICT_REJECT ? aeon__target_of_dead(s->link, v->dead, &dead) : 0;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = s->link->timeout, .name = "verdict" });
        if (r >= 0)
                r = ask_once(s, m, v, &dead, put, repeated);
        if (r == -ECONNABORTED)
                r = ask_once(s, m, v, &dead, put, true);
        r = aeon_scope_close(&limit, r);
        if (r == -ETIMEDOUT && aeon_scope_caught(&limit))
                r = aeon_fail(-ETIMEDOUT, "the server has not confirmed it within %.3g s", (double)s->link->timeout / 1e9);
        if (r >= 0 && v->verdict == VERDICT_RETRY && v->delay)
                aeon__later_hint(s->link, later, v->delay);
        free(dead.name);
        return r;
}

static int put_script(struct redis_source *s, const struct aeon_message *m, const struct settlement *v,
                      const struct dead_letter *dead)
{
        const struct delivery *d = (const struct delivery *)(intptr_t)m->token;
        struct client *c = &s->link->commands;
        const char *again = s->streams[s->streams_count - 1], *set = s->later[s->laters - 1].set;
        const char *verdict = v->verdict == VERDICT_ACK ? "ack" : dead->name ? aeon__target_command(&dead->target) : "again";
        struct text *payload = &s->link->payload;
        payload->length = 0;
        if (dead->name) {
                int r = aeon__format_write(payload, dead->target.format, v->dead, 1);
                if (r < 0)
                        return r;
        }
        aeon__client_begin(c, "EVAL");
        aeon__client_text(c, aeon__script_settle);
        aeon__client_number(c, 3);
        aeon__client_text(c, s->streams[d->stream]);
        aeon__client_text(c, dead->name ? dead->name : again);
        aeon__client_text(c, set);
        aeon__client_text(c, s->group);
        aeon__client_text(c, s->consumer);
        aeon__client_text(c, m->envelope.id);
        aeon__client_number(c, is_deleted(s, d->stream));
        aeon__client_text(c, verdict);
        aeon__client_number(c, m->attempt + (v->verdict == VERDICT_RETRY));
        aeon__client_number(c, v->verdict == VERDICT_RETRY ? aeon__microseconds(v->delay) : 0);
        aeon__client_word(c, payload->data, payload->length);
        return 0;
}

int aeon__stream_settle(struct redis_source *s, struct aeon_message *m, const struct settlement *v)
{
        const struct delivery *d = (const struct delivery *)(intptr_t)m->token;
        bool repeated = false;
        if (v->verdict == VERDICT_ACK) {
                int r = aeon__wire_ready(&s->link->commands.wire);
                if (r < 0)
                        return r;
                if (is_fresh(s, d)) {
                        r = acknowledge(s, m, d);
                        if (r != -ECONNABORTED)
                                return r;
                        repeated = true;
                }
        }
        return aeon__verdict_ask(s, m, v, put_script, s->streams[s->streams_count - 1], repeated);
}

/* ------------------------------------------------------------------ leases */

/* Those whose lease has run out are left alone: they may be somebody else's by now. */
void aeon__stream_extend(struct redis_source *s, struct aeon_message *const *messages, size_t count)
{
        struct client *c = &s->link->commands;
        for (unsigned stream = 0; stream < s->streams_count; stream++) {
                unsigned extended = 0;
                aeon__client_begin(c, "XCLAIM");
                aeon__client_text(c, s->streams[stream]);
                aeon__client_text(c, s->group);
                aeon__client_text(c, s->consumer);
                aeon__client_number(c, 0);
                for (size_t i = 0; i < count; i++) {
                        struct delivery *d = (struct delivery *)(intptr_t)messages[i]->token;
                        if (!d || d->stream != stream || !is_fresh(s, d))
                                continue;
                        aeon__client_text(c, messages[i]->envelope.id);
                        d->since = aeon_now();
                        extended++;
                }
                aeon__client_text(c, "JUSTID");
                if (extended)
                        (void)aeon__client_send(c, NULL, NULL);
        }
}
