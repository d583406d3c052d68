/* How often a message has failed. The server counts deliveries, and a delivery may have ended by a release, a stop or a crash, none of
 * which is the message's fault. So failures are counted beside it.
 *
 * DESIGN
 *   They stand in a key-value bucket of JetStream, "aeon-attempts", under STREAM.CONSUMER.SEQUENCE. A retry first writes the number there,
 *   then gives the message back; whoever gets a message that was delivered before reads it, and only then. Whoever never fails never
 *   needs the bucket; it is created by the first failure, and forgets what is older than a week.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET "aeon-attempts"

struct lookup {
        struct asked asked;
        struct list node; /* in source.lookups */
        struct nats_source *source;
        struct aeon_message *message;
};

static void key_of(const struct nats_source *s, const struct slot *slot, char *to, size_t size)
{
        snprintf(to, size, "$KV." BUCKET ".%s.%s.%" PRIu64, s->stream, s->consumer, slot->stream_sequence);
}

/* ------------------------------------------------------------------ reading */

static void finish(struct lookup *k)
{
        list_remove(&k->asked.confirmation.node);
        list_remove(&k->node);
        free(k);
}

/* The number in base64 that a record is, as it stands in the answer of the API; 0: there is none. */
static unsigned failures_in(const struct content *c)
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        json_t *answer = json_loadb(c->envelope.body, c->envelope.size, 0, NULL);
        const char *data = json_string_value(json_object_get(json_object_get(answer, "message"), "data"));
        unsigned failures = 0, bits = 0, count = 0;
        for (const char *digit; data && *data && (digit = strchr(alphabet, *data)); data++) {
                bits = bits << 6 | (unsigned)(digit - alphabet);
                count += 6;
                if (count < 8)
                        continue;
                count -= 8;
                failures = failures * 10 + ((bits >> count & 0xff) - '0');
        }
        json_decref(answer);
        return failures;
}

static void found(struct asked *a, const struct content *c, int code, const char *words)
{
        struct lookup *k = container_of(a, struct lookup, asked);
        struct nats_source *s = k->source;
        struct aeon_message *m = k->message;
        (void)words;
        finish(k);
        if (code < 0) {
                aeon__nats_slot_free(s, m->token);
                free(m);
                s->credit++;
                return;
        }
        unsigned failures = failures_in(c);
        m->attempt = 1 + failures;
        m->losses -= failures < m->losses ? failures : m->losses;
        aeon__deliver(s->source, m);
}

void aeon__nats_lookup(struct nats_source *s, struct aeon_message *m)
{
        char key[NATS_ADDRESS_SIZE], question[NATS_ADDRESS_SIZE + 64], inbox[96];
        struct lookup *k = calloc(1, sizeof *k);
        if (!k) { /* an attempt too few is better than a message too few */
                aeon__deliver(s->source, m);
                return;
        }
        k->source = s;
        k->message = m;
        key_of(s, &s->slots[m->token], key, sizeof key);
        int length = snprintf(question, sizeof question, "{\"last_by_subj\":\"%s\"}", key);
        aeon__nats_asked_init(s->nats, &k->asked, "attempts", "");
        k->asked.come = found;
        list_append(&s->lookups, &k->node);
        aeon__nats_inbox_of(&k->asked, "", inbox, sizeof inbox);
        (void)aeon__nats_put(s->nats, "$JS.API.STREAM.MSG.GET.KV_" BUCKET, inbox, NULL, question,
                             (size_t)length); /* not connected: lost() ends it */
}

void aeon__nats_lookups_drop(struct nats_source *s)
{
        while (!list_empty(&s->lookups)) {
                struct lookup *k = list_first(&s->lookups, struct lookup, node);
                struct aeon_message *m = k->message;
                aeon__nats_give_back(s, &s->slots[m->token]);
                aeon__nats_slot_free(s, m->token);
                free(m);
                finish(k);
        }
}

/* ------------------------------------------------------------------ writing */

static void noted(struct asked *a, const struct content *c, int code, const char *words)
{
        char said[200] = "";
        if (c && c->status) {
                code = -ENOENT;
        } else if (c) {
                json_t *answer = json_loadb(c->envelope.body, c->envelope.size, 0, NULL);
                code = aeon__nats_refusal(answer, said, sizeof said);
                words = said;
                json_decref(answer);
        }
        aeon__confirmation_come(&a->confirmation, code, words);
}

static int write_it(struct nats *l, const char *key, unsigned failures)
{
        char inbox[96], number[16];
        int length = snprintf(number, sizeof number, "%u", failures);
        struct asked a;
        aeon__nats_asked_init(l, &a, "a failure to be counted", key);
        a.come = noted;
        aeon__nats_inbox_of(&a, "", inbox, sizeof inbox);
        int r = aeon__nats_put(l, key, inbox, NULL, number, (size_t)length);
        if (r >= 0)
                r = aeon__confirmation_wait(&a.confirmation);
        list_remove(&a.confirmation.node);
        return r;
}

static int create_bucket(struct nats *l, long replicas)
{
        const aeon_duration kept = 7 * AEON_HOURS(24);
        json_t *answer;
        int r = aeon__nats_ask(l, "STREAM.CREATE.KV_" BUCKET,
                               json_pack("{s:s s:[s] s:s s:s s:s s:i s:I s:b s:b s:b s:I}", "name", "KV_" BUCKET, "subjects",
                                         "$KV." BUCKET ".>", "retention", "limits", "storage", "file", "discard", "new",
                                         "max_msgs_per_subject", 1, "max_age", (json_int_t)kept, "allow_direct", 1,
                                         "allow_rollup_hdrs", 1, "deny_delete", 1, "num_replicas", (json_int_t)replicas),
                               &answer);
        if (r >= 0)
                json_decref(answer);
        return r == -EEXIST ? 0 : r < 0 ? aeon_fail(r, "failures cannot be counted (attempts=deliveries needs no bucket)") : 0;
}

int aeon__nats_note_failure(struct nats_source *s, const struct slot *slot, unsigned failures)
{
        char key[NATS_ADDRESS_SIZE];
        key_of(s, slot, key, sizeof key);
        int r = aeon__wire_ready(&s->nats->wire);
        if (r >= 0)
                r = write_it(s->nats, key, failures);
        if (r == -ENOENT) {
                r = create_bucket(s->nats, s->options.replicas);
                if (r >= 0)
                        r = write_it(s->nats, key, failures);
        }
        return r;
}
