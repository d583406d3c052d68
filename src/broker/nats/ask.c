/* Waiting for answers: at the inbox, from JetStream's API, and for a PONG.
 *
 * DESIGN
 *   Each link has one inbox, a wildcard PREFIX.*, and what comes there says by its last token whom it is for:
 *
 *        pN            the answer to question N: a stream's word on a publish, the API, a lookup
 *        pN-C          the same for a published request; a subscriber that answers it directly means request C
 *        rC            the answer to request C
 *        aS-T          the word on the verdicts of source S up to turn T
 *
 *   A server handles what a connection sends in order. So one PING behind all that was published in a turn of the loop confirms all
 *   of it when its PONG comes.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_NO_RESPONDERS = 503 };

/* ------------------------------------------------------------------ questions */

void aeon__nats_asked_init(struct nats *l, struct asked *a, const char *what, const char *subject)
{
        aeon__confirmation_init(&a->confirmation, what);
        a->number = ++l->last_number;
        a->since = aeon_now();
        a->subject = subject;
        a->come = NULL;
        a->nats = l;
        list_append(&l->waiting[a->number % NATS_BUCKETS], &a->confirmation.node);
}

void aeon__nats_inbox_of(const struct asked *a, const char *correlation, char *to, size_t size)
{
        snprintf(to, size, "%sp%" PRIu64 "%s%s", a->nats->prefix, a->number, *correlation ? "-" : "", correlation);
}

static struct asked *asked_of(struct list *node)
{
        return container_of(node, struct asked, confirmation.node);
}

static struct asked *find(struct nats *l, uint64_t number)
{
        struct list *all = &l->waiting[number % NATS_BUCKETS];
        for (struct list *at = all->next; at != all; at = at->next)
                if (asked_of(at)->number == number)
                        return asked_of(at);
        return NULL;
}

/* ------------------------------------------------------------------ the inbox */

static void reply_came(struct nats *l, const char *correlation, struct content *c)
{
        static const char nobody[] = "x-error\0nobody listens to it (no responders)";
        struct envelope *e = &c->envelope;
        if (c->status == STATUS_NO_RESPONDERS) {
                e->headers = nobody;
                e->headers_size = sizeof nobody;
        }
        if (*correlation)
                e->correlation_id = correlation;
        struct aeon_message *m = aeon__message_new(e);
        if (m)
                aeon__deliver_reply(l->link, m);
        else
                aeon_log_warning("nats: no memory for an answer");
}

static bool is_stream_word(const struct content *c)
{
        const struct envelope *e = &c->envelope;
        return c->status || !strncmp(e->body, "{\"stream\":", strlen("{\"stream\":")) ||
               !strncmp(e->body, "{\"error\":", strlen("{\"error\":")) ||
               !strncmp(e->body, "{\"type\":\"io.nats.", strlen("{\"type\":\"io.nats."));
}

static void answer_came(struct nats *l, const char *token, struct content *c)
{
        char *end;
        struct asked *a = find(l, strtoull(token, &end, 10));
        bool direct = *end == '-' && !is_stream_word(c);
        if (a)
                a->come(a, c, 0, NULL);
        if (direct)
                reply_came(l, end + 1, c);
}

static void verdicts_came(struct nats *l, const char *token, const struct content *c)
{
        char *end;
        uint64_t id = strtoull(token, &end, 10), turn = *end ? strtoull(end + 1, NULL, 10) : 0;
        bool gone = c->status == STATUS_NO_RESPONDERS;
        struct nats_source *s;
        list_foreach (s, &l->sources, node)
                if (s->id == id)
                        aeon__nats_verdicts_come(s, turn, gone ? -ESTALE : 0, gone ? "the consumer is gone" : NULL);
}

void aeon__nats_inbox(struct nats *l, const char *token, struct content *c)
{
        if (*token == 'p')
                answer_came(l, token + 1, c);
        else if (*token == 'a')
                verdicts_came(l, token + 1, c);
        else if (*token == 'r')
                reply_came(l, token + 1, c);
}

/* ------------------------------------------------------------------ when no answer comes */

bool aeon__nats_awaits_something(const struct nats *l)
{
        const struct nats_source *s;
        for (size_t i = 0; i < NATS_BUCKETS; i++)
                if (!list_empty(&l->waiting[i]))
                        return true;
        list_foreach (s, &l->sources, node)
                if (!list_empty(&s->verdicts))
                        return true;
        return !list_empty(&l->flushes);
}

void aeon__nats_asked_lost(struct nats *l, const char *words)
{
        for (size_t i = 0; i < NATS_BUCKETS; i++)
                while (!list_empty(&l->waiting[i])) {
                        struct asked *a = asked_of(l->waiting[i].next);
                        a->come(a, NULL, -ECONNABORTED, words);
                }
        aeon__confirmations_come(&l->flushes, -ECONNABORTED, words);
        l->pings = l->pongs = 0;
}

/* Fail those that @is_meant says, with @code. */
static void fail_some(struct nats *l, bool (*is_meant)(const struct asked *a, const void *arg), const void *arg, int code,
                      const char *words)
{
        for (size_t i = 0; i < NATS_BUCKETS; i++)
                for (struct list *at = l->waiting[i].next, *next; at != &l->waiting[i]; at = next) {
                        struct asked *a = asked_of(at);
                        next = at->next;
                        if (is_meant(a, arg))
                                a->come(a, NULL, code, words);
                }
}

static bool is_overdue(const struct asked *a, const void *before)
{
        return a->since < *(const aeon_time *)before;
}

void aeon__nats_asked_overdue(struct nats *l, aeon_time before)
{
        fail_some(l, is_overdue, &before, -ECONNABORTED, "no answer came: nobody knows whether it was done");
}

static bool is_about(const struct asked *a, const void *subject)
{
        return !strcmp(a->subject, subject);
}

void aeon__nats_denied(struct nats *l, const char *subject, const char *words)
{
        fail_some(l, is_about, subject, -EACCES, words);
        for (struct list *at = l->flushes.next, *next; at != &l->flushes; at = next) {
                struct flush *f = container_of(at, struct flush, confirmation.node);
                next = at->next;
                if (!strcmp(f->subject, subject))
                        aeon__confirmation_come(&f->confirmation, -EACCES, words);
        }
}

/* ------------------------------------------------------------------ PING and PONG */

int aeon__nats_flushed(struct nats *l, const char *subject)
{
        struct flush f = { .ping = l->pings + 1, .subject = subject };
        if (!l->wire.now)
                return aeon_fail(-ENOTCONN, "nats is not connected: %s", l->wire.words);
        aeon__confirmation_init(&f.confirmation, "PONG");
        list_append(&l->flushes, &f.confirmation.node);
        aeon__wire_gathered(&l->wire);
        return aeon__confirmation_wait(&f.confirmation);
}

void aeon__nats_probe(struct nats *l)
{
        if (aeon__wire_send(&l->wire, "PING\r\n", 6) >= 0)
                l->pings++;
}

void aeon__nats_ping(struct nats *l)
{
        if (!list_empty(&l->flushes) && container_of(l->flushes.prev, struct flush, confirmation.node)->ping > l->pings)
                aeon__nats_probe(l);
}

void aeon__nats_pong(struct nats *l)
{
        l->pongs++;
        while (!list_empty(&l->flushes)) {
                struct flush *f = container_of(l->flushes.next, struct flush, confirmation.node);
                if (f->ping > l->pongs)
                        return;
                aeon__confirmation_come(&f->confirmation, 0, NULL);
        }
}

/* ------------------------------------------------------------------ the API of JetStream */

static void api_answer(struct asked *a, const struct content *c, int code, const char *words)
{
        if (c && c->status == STATUS_NO_RESPONDERS) {
                code = -ENOTSUP;
                words = "the server has no JetStream (nats-server -js), or not for this user: mode=core does without";
        } else if (c) {
                a->confirmation.answer = json_loadb(c->envelope.body, c->envelope.size, 0, NULL);
                code = a->confirmation.answer ? 0 : -EPROTO;
                words = "the answer of JetStream cannot be read";
        }
        aeon__confirmation_come(&a->confirmation, code, words);
}

/* Source: nats-server, errors.json. */
static int code_of(int code, int detail)
{
        enum {
                DISABLED_ACCOUNT = 10039,
                DISABLED = 10076,
                RESOURCES = 10023,
                STORAGE = 10047,
                MEMORY = 10028,
                NAME_IN_USE = 10058,
                OVERLAP = 10065,
                CONSUMER_NAME = 10013,
                CONSUMER_EXISTS = 10105,
                DELIVER_POLICY = 10012,
                UNAVAILABLE = 10008
        };
        if (detail == UNAVAILABLE) /* a cluster that has no leader yet: it passes */
                return -ENOTCONN;
        if (detail == DISABLED || detail == DISABLED_ACCOUNT)
                return -ENOTSUP;
        if (detail == RESOURCES || detail == STORAGE || detail == MEMORY)
                return -ENOSPC;
        if (detail == NAME_IN_USE || detail == OVERLAP || detail == CONSUMER_NAME || detail == CONSUMER_EXISTS ||
            detail == DELIVER_POLICY)
                return -EEXIST;
        return code == 404 ? -ENOENT : code == 400 ? -EINVAL : code == 403 ? -EACCES : -EREMOTEIO;
}

int aeon__nats_refusal(const json_t *answer, char *words, size_t size)
{
        const json_t *error = json_object_get(answer, "error");
        if (!error)
                return 0;
        const char *said = json_string_value(json_object_get(error, "description"));
        snprintf(words, size, "JetStream: %s", said ? said : "it refused");
        return code_of((int)json_integer_value(json_object_get(error, "code")),
                       (int)json_integer_value(json_object_get(error, "err_code")));
}

int aeon__nats_ask(struct nats *l, const char *what, json_t *question, json_t **ret_answer)
{
        char subject[NATS_ADDRESS_SIZE], inbox[96], words[200];
        char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
        json_decref(question);
        if (!text)
                return aeon_fail(-ENOMEM, "no memory for a question to JetStream");
        snprintf(subject, sizeof subject, "$JS.API.%s", what);
        struct asked a;
        aeon__nats_asked_init(l, &a, "JetStream", subject);
        a.come = api_answer;
        aeon__nats_inbox_of(&a, "", inbox, sizeof inbox);
        int r = aeon__nats_put(l, subject, inbox, NULL, text, strcmp(text, "{}") ? strlen(text) : 0);
        free(text);
        if (r >= 0)
                r = aeon__confirmation_wait(&a.confirmation);
        list_remove(&a.confirmation.node);
        json_t *answer = a.confirmation.answer;
        if (r < 0) {
                json_decref(answer);
                return aeon_fail(r, "%s", what);
        }
        r = aeon__nats_refusal(answer, words, sizeof words);
        if (r < 0) {
                json_decref(answer);
                return aeon_fail(r, "%s", words);
        }
        *ret_answer = answer;
        return 0;
}
