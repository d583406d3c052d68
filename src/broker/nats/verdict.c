/* Verdicts on JetStream's messages, many at the price of one confirmation.
 *
 * DESIGN
 *   A verdict is a publish to the message's own address: +ACK, -NAK, -NAK {"delay": ns}, and +WPI (work in progress) to keep it. The server
 *   answers one that has a reply address when it has carried it out. A consumer's verdicts are carried out in the order in which they
 *   were sent, so only the last of each turn of the loop asks for an answer, and that answer is for all before it: each verdict is
 *   held back until the next comes or gather() is called.
 *
 *        settle A   held: A
 *        settle B   A goes out, held: B
 *        gather     B goes out with reply PREFIX.aS-T: when it comes, A and B are confirmed
 *
 *   A verdict needs no connection of its own: one that was lost on the way is sent again on the next.
 */
#include "base/digits.h"
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verdict_sent {
        struct confirmation confirmation; /* in source.verdicts */
        uint64_t turn;
        aeon_time since;
};

/* ------------------------------------------------------------------ slots */

enum { FIRST_SLOTS = 64, TOKENS = 9, TOKENS_WITH_DOMAIN = 11 };

/* "deliveries.stream_sequence.consumer_sequence". */
static void read_numbers(const char *at, struct slot *ret_slot)
{
        struct slot slot = { 0 };
        at = aeon__digits_read(at, &slot.deliveries);
        at = aeon__digits_read(*at ? at + 1 : at, &slot.stream_sequence);
        aeon__digits_read(*at ? at + 1 : at, &slot.consumer_sequence);
        *ret_slot = slot;
}

/* $JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.deliveries.stream_sequence.consumer_sequence.time.pending[.random]: those of one source differ
 * in the numbers only. */
bool aeon__nats_slot_read(struct nats_source *s, const char *address, struct slot *slot)
{
        if (s->ack_prefix_length && !strncmp(address, s->ack_prefix, s->ack_prefix_length)) {
                read_numbers(address + s->ack_prefix_length, slot);
                return true;
        }
        const char *starts[TOKENS_WITH_DOMAIN + 2];
        unsigned count = 0;
        if (strncmp(address, "$JS.ACK.", strlen("$JS.ACK.")) != 0)
                return false;
        for (const char *at = address; at && count < TOKENS_WITH_DOMAIN + 2; at = strchr(at, '.'), at += at ? 1 : 0)
                starts[count++] = at;
        if (count != TOKENS && count < TOKENS_WITH_DOMAIN)
                return false;
        unsigned numbers = count == TOKENS ? 4 : 6;
        size_t prefix = (size_t)(starts[numbers] - address);
        if (prefix >= sizeof s->ack_prefix)
                return false;
        memcpy(s->ack_prefix, address, prefix);
        s->ack_prefix[prefix] = '\0';
        s->ack_prefix_length = prefix;
        s->ack_has_suffix = count > TOKENS_WITH_DOMAIN;
        read_numbers(starts[numbers], slot);
        return true;
}

/* Into @to of NATS_ADDRESS_SIZE. The server reads the first three numbers only. */
static void address_of(const struct nats_source *s, const struct slot *slot, char *to)
{
        memcpy(to, s->ack_prefix, s->ack_prefix_length);
        to = aeon__digits_write(to + s->ack_prefix_length, slot->deliveries);
        *to++ = '.';
        to = aeon__digits_write(to, slot->stream_sequence);
        *to++ = '.';
        to = aeon__digits_write(to, slot->consumer_sequence);
        stpcpy(to, s->ack_has_suffix ? ".0.0.0" : ".0.0");
}

static int more_slots(struct nats_source *s)
{
        unsigned count = s->slots_count ? 2 * s->slots_count : FIRST_SLOTS;
        struct slot *more = reallocarray(s->slots, count, sizeof *more);
        if (!more)
                return aeon_fail(-ENOMEM, "no memory for %u messages", count);
        for (unsigned i = s->slots_count; i < count; i++)
                more[i] = (struct slot){ .next_free = i + 1 };
        s->slots = more;
        s->free_slot = s->slots_count;
        s->slots_count = count;
        return 0;
}

int aeon__nats_slot_take(struct nats_source *s, const struct slot *slot, int64_t *ret_token)
{
        int r = s->free_slot == s->slots_count ? more_slots(s) : 0;
        if (r < 0)
                return r;
        unsigned i = s->free_slot;
        s->free_slot = s->slots[i].next_free;
        s->slots[i] = *slot;
        *ret_token = i;
        return 0;
}

void aeon__nats_slot_free(struct nats_source *s, int64_t token)
{
        s->slots[token].next_free = s->free_slot;
        s->free_slot = (unsigned)token;
}

/* ------------------------------------------------------------------ sending */

static int send_held(struct nats_source *s, const char *reply)
{
        if (!*s->held_address)
                return 0;
        int r = aeon__nats_put(s->nats, s->held_address, reply, NULL, s->held_words, strlen(s->held_words));
        *s->held_address = '\0';
        return r;
}

static int hold(struct nats_source *s, const struct slot *slot, const char *words)
{
        if (!s->nats->wire.now)
                return aeon_fail(-ENOTCONN, "nats is not connected: %s", s->nats->wire.words);
        int r = send_held(s, "");
        if (r < 0)
                return r;
        address_of(s, slot, s->held_address);
        memccpy(s->held_words, words, '\0', sizeof s->held_words);
        aeon__nats_source_dirty(s);
        return 0;
}

void aeon__nats_verdicts_flush(struct nats_source *s)
{
        char reply[96];
        snprintf(reply, sizeof reply, "%sa%" PRIu64 "-%" PRIu64, s->nats->prefix, s->id, s->turn);
        s->turn += *s->held_address != '\0';
        (void)send_held(s, reply); /* not connected: lost() tells those who wait */
}

static struct verdict_sent *first(struct nats_source *s)
{
        return container_of(s->verdicts.next, struct verdict_sent, confirmation.node);
}

void aeon__nats_verdicts_come(struct nats_source *s, uint64_t turn, int code, const char *words)
{
        while (!list_empty(&s->verdicts) && first(s)->turn <= turn)
                aeon__confirmation_come(&first(s)->confirmation, code, words);
}

void aeon__nats_verdicts_overdue(struct nats_source *s, aeon_time before)
{
        while (!list_empty(&s->verdicts) && first(s)->since < before)
                aeon__confirmation_come(&first(s)->confirmation, -ETIMEDOUT, "the server does not confirm it");
}

void aeon__nats_give_back(struct nats_source *s, const struct slot *slot)
{
        (void)hold(s, slot, "-NAK");
}

static int tell(struct nats_source *s, const struct slot *slot, const char *words)
{
        bool comes_anyway = s->draining && !strcmp(words, "-NAK"); /* by its lease, and the stop is not to wait */
        int r = comes_anyway ? 0 : aeon__wire_ready(&s->nats->wire);
        if (r >= 0)
                r = hold(s, slot, words);
        if (r < 0)
                return r;
        struct verdict_sent v = { .turn = s->turn, .since = aeon_now() };
        aeon__confirmation_init(&v.confirmation, "the server's word on a verdict");
        list_append(&s->verdicts, &v.confirmation.node);
        return aeon__confirmation_wait(&v.confirmation);
}

/* ------------------------------------------------------------------ the driver's functions */

static int settle(struct nats_source *s, int64_t token, unsigned attempt, const struct settlement *v)
{
        char words[NATS_WORDS_SIZE] = "+ACK";
        struct slot copy = s->slots[token]; /* the table may move while we wait */
        if (v->verdict == VERDICT_RETRY) {
                int r = s->options.by_deliveries ? 0 : aeon__nats_note_failure(s, &copy, attempt);
                if (r < 0)
                        return r;
                snprintf(words, sizeof words, "-NAK {\"delay\": %" PRId64 "}", v->delay);
        }
        if (v->verdict == VERDICT_RELEASE || (v->verdict == VERDICT_RETRY && v->delay <= 0))
                snprintf(words, sizeof words, "-NAK");
        s->slots[token].told = true;
        int r = tell(s, &copy, words);
        if (r == -ECONNABORTED)
                r = tell(s, &copy, words);
        return r;
}

int aeon__nats_settle(struct aeon_message *m, const struct settlement *v)
{
        struct nats_source *s = m->source->self;
        if (s->options.mode == NATS_CORE) {
                s->nats->handled++;
                return 0;
        }
        int r = settle(s, m->token, m->attempt, v);
        aeon__nats_slot_free(s, m->token);
        return r;
}

void aeon__nats_extend(struct source *source, struct aeon_message *const *messages, size_t count)
{
        struct nats_source *s = source->self;
        char address[NATS_ADDRESS_SIZE];
        for (size_t i = 0; i < count && s->nats->wire.up; i++) {
                const struct slot *slot = &s->slots[messages[i]->token];
                if (slot->told) /* it would keep the message from coming back */
                        continue;
                address_of(s, slot, address);
                (void)aeon__nats_put(s->nats, address, "", NULL, "+WPI", 4);
        }
}
