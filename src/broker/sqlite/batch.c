/* The writer's transactions; see writer.h for what is promised when one fails.
 *
 * DESIGN
 *   One round: what needs no file first (drains, answers to ourselves), then everything else in one transaction, in the order it came,
 *   then what became due, what dead owners left, and claims as far as there is credit. Nobody hears of anything before the commit.
 */
#include "broker/sqlite/batch.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEAD_AT_A_TIME = 64, ANSWERS_AT_A_TIME = 256, TURN = 8, LOOK_FOR_DEAD_MS = 1000, STOP_PATIENCE_MS = 2000 };

/* What one transaction has come to, if it is committed. */
struct batch {
        struct list done;    /* operations */
        struct list claimed; /* messages, with their source */
        struct list answers; /* messages, with their link as token */
        bool others_care;    /* somebody else may now have something to claim */
};

static void refuse(struct operation *op, int r)
{
        op->result = r;
        snprintf(op->words, sizeof op->words, "%s", aeon_error_describe(r));
}

static void finish(struct operation *op)
{
        list_remove(&op->node);
        aeon__operation_finish(op);
}

/* ------------------------------------------------------------------ delivery */

static void deliver_message(void *arg)
{
        struct aeon_message *m = arg;
        aeon__deliver(m->source, m);
}

static void deliver_answer(void *arg)
{
        struct aeon_message *m = arg;
        aeon__deliver_reply((struct link *)(intptr_t)m->token, m);
}

static void post(aeon_loop *loop, void (*fn)(void *), struct aeon_message *m)
{
        if (!aeon__post_surely(loop, fn, m))
                free(m); /* its loop has ended; the claim ends with this store */
}

static void post_answer(struct link *link, struct aeon_message *m)
{
        m->token = (int64_t)(intptr_t)link;
        post(link->loop, deliver_answer, m);
}

static void deliver(struct batch *b)
{
        struct list *node;
        while ((node = list_pop(&b->claimed))) {
                struct aeon_message *m = container_of(node, struct aeon_message, node);
                post(m->source->link->loop, deliver_message, m);
        }
        while ((node = list_pop(&b->answers))) {
                struct aeon_message *m = container_of(node, struct aeon_message, node);
                struct link *link = (struct link *)(intptr_t)m->token;
                post_answer(link, m);
        }
}

/* ------------------------------------------------------------------ what needs no transaction */

static void open_link(struct writer *w, struct operation *op)
{
        int r = writer_is_open(w) ? 0 : aeon__store_open(&w->store, w->path);
        if (r < 0) {
                refuse(op, r);
        } else {
                w->links++;
                op->result = ++w->links_ever;
        }
        finish(op);
}

static void close_link(struct writer *w, struct operation *op)
{
        list_remove(&op->tap->node);
        if (w->links && --w->links == 0)
                aeon__store_close(&w->store);
        finish(op);
}

/* An answer to a request of this very process goes past the file. */
static bool answer_ourselves(struct writer *w, struct operation *op)
{
        struct tap *t;
        list_foreach (t, &w->taps, node) {
                if (t->source || strcmp(t->destination, op->envelope->destination) != 0)
                        continue;
                struct aeon_message *m = aeon__message_new(op->envelope);
                if (m)
                        post_answer(t->link, m);
                else
                        refuse(op, aeon_fail(-ENOMEM, "no memory for an answer"));
                finish(op);
                return true;
        }
        return false;
}

static void run_without_file(struct writer *w)
{
        struct operation *op, *next;
        list_foreach_safe (op, next, &w->operations, node) {
                if (op->kind == OPERATION_OPEN) {
                        open_link(w, op);
                } else if (op->kind == OPERATION_DRAIN) {
                        w->draining = true;
                        list_remove(&op->tap->node);
                        finish(op);
                } else if (op->kind == OPERATION_PUBLISH) {
                        answer_ourselves(w, op);
                }
        }
}

/* ------------------------------------------------------------------ the transaction */

/* Its words are the operation's alone: the transaction goes on. */
static bool concerns_only_itself(int r)
{
        return r == -ESTALE || r == -EMSGSIZE;
}

static bool makes_room_for_others(const struct operation *op)
{
        return op->kind == OPERATION_PUBLISH || op->kind == OPERATION_SUBSCRIBE ||
               (op->kind == OPERATION_SETTLE && op->settlement->verdict != VERDICT_ACK);
}

static bool must_reach_disk(const struct operation *op)
{
        if (op->kind == OPERATION_PUBLISH)
                return strncmp(op->envelope->destination, "_reply.", strlen("_reply.")) != 0;
        if (op->kind == OPERATION_SETTLE)
                return op->settlement->verdict != VERDICT_RELEASE;
        return op->kind == OPERATION_SUBSCRIBE;
}

static int subscribe(struct writer *w, struct tap *t)
{
        int r = t->source ? aeon__store_subscribe(&w->store, t->destination, t->source->group) : 0;
        if (r >= 0)
                t->slot = r;
        return r;
}

static int carry_out(struct writer *w, struct operation *op)
{
        switch (op->kind) {
        case OPERATION_PUBLISH:
                return aeon__store_publish(&w->store, op->envelope);
        case OPERATION_SETTLE:
                return aeon__store_settle(&w->store, op->token, op->settlement);
        case OPERATION_SUBSCRIBE:
                return subscribe(w, op->tap);
        case OPERATION_COUNT:
                return aeon__store_count(&w->store, op->tap->destination, op->tap->slot, &op->tap->waiting);
        default:
                return 0; /* a ping is answered by the commit */
        }
}

static int carry_out_all(struct writer *w, struct batch *b)
{
        struct operation *op, *next;
        list_foreach_safe (op, next, &w->operations, node) {
                if (op->kind == OPERATION_CLOSE)
                        continue;
                int r = carry_out(w, op);
                if (r < 0 && !concerns_only_itself(r))
                        return r;
                op->result = 0;
                if (r < 0)
                        refuse(op, r);
                b->others_care |= makes_room_for_others(op);
                list_remove(&op->node);
                list_append(&b->done, &op->node);
        }
        return 0;
}

static int take_back_from_dead(struct writer *w, struct batch *b)
{
        int64_t now = aeon__monotonic_ms(), dead[DEAD_AT_A_TIME];
        if (list_empty(&w->taps) || now - w->looked_for_dead < LOOK_FOR_DEAD_MS)
                return 0;
        w->looked_for_dead = now;
        int count = aeon__store_dead_owners(&w->store, dead, DEAD_AT_A_TIME), r = count;
        for (int i = 0; i < count && r >= 0; i++) {
                r = aeon__store_bury(&w->store, dead[i]);
                if (r > 0)
                        aeon_log_info("%s: took back %d messages of a process that has died", w->store.path, r);
                b->others_care |= r > 0;
        }
        return r;
}

/* Returns how many. */
static int claim_for(struct writer *w, struct tap *t, unsigned limit, struct batch *b)
{
        struct list found;
        list_init(&found);
        int n = aeon__store_claim(&w->store, t->destination, t->slot, !t->source, limit, &found);
        struct list *node;
        while ((node = list_pop(&found))) {
                struct aeon_message *m = container_of(node, struct aeon_message, node);
                m->source = t->source;
                if (!t->source)
                        m->token = (int64_t)(intptr_t)t->link;
                list_append(t->source ? &b->claimed : &b->answers, &m->node);
        }
        if (n > 0 && t->source)
                atomic_fetch_sub(&t->credit, (unsigned)n);
        return n;
}

/* Several subscriptions of one queue take turns, so that the first does not get all. */
static int claim(struct writer *w, struct batch *b)
{
        int claimed;
        do {
                claimed = 0;
                struct tap *t;
                list_foreach (t, &w->taps, node) {
                        unsigned credit = t->source ? atomic_load(&t->credit) : ANSWERS_AT_A_TIME;
                        int n = credit ? claim_for(w, t, credit < TURN ? credit : TURN, b) : 0;
                        if (n < 0)
                                return n;
                        claimed += n;
                }
        } while (claimed);
        return 0;
}

static int transact(struct writer *w, struct batch *b)
{
        bool durable = false;
        struct operation *op;
        list_foreach (op, &w->operations, node)
                durable |= must_reach_disk(op);
        int r = aeon__store_begin(&w->store, durable);
        if (r >= 0)
                r = carry_out_all(w, b);
        if (r >= 0 && !list_empty(&w->taps)) {
                r = aeon__store_promote(&w->store);
                b->others_care |= r > 0;
        }
        if (r >= 0)
                r = take_back_from_dead(w, b);
        if (r >= 0)
                r = claim(w, b);
        return r >= 0 ? aeon__store_commit(&w->store) : r;
}

/* ------------------------------------------------------------------ when it has failed */

static bool may_pass(int r)
{
        return r == -ENOSPC || r == -EBUSY || r == -ENOMEM;
}

static void unclaim(struct batch *b)
{
        struct list *node;
        while ((node = list_pop(&b->claimed))) {
                struct aeon_message *m = container_of(node, struct aeon_message, node);
                atomic_fetch_add(&((struct tap *)m->source->self)->credit, 1);
                free(m);
        }
        while ((node = list_pop(&b->answers)))
                free(container_of(node, struct aeon_message, node));
}

static void note_trouble(struct writer *w, int r)
{
        if (!w->trouble) {
                w->trouble_since = aeon__monotonic_ms();
                aeon_log_warning("%s; %s", aeon_error_describe(r), may_pass(r) ? "trying again" : "this may not pass by itself");
        }
        w->trouble = r;
        w->failures++;
}

/* Verdicts stay in operations to be tried again; everything else is told. */
static void fail_batch(struct writer *w, struct batch *b, int r)
{
        aeon__store_rollback(&w->store);
        unclaim(b);
        while (!list_empty(&b->done)) { /* back in front, in order */
                struct list *last = b->done.prev;
                list_remove(last);
                list_prepend(&w->operations, last);
        }
        note_trouble(w, r);
        bool patient = may_pass(r) && !(w->draining && aeon__monotonic_ms() - w->trouble_since > STOP_PATIENCE_MS);
        struct operation *op, *next;
        list_foreach_safe (op, next, &w->operations, node) {
                if (op->kind == OPERATION_CLOSE || (op->kind == OPERATION_SETTLE && patient))
                        continue;
                refuse(op, r);
                finish(op);
        }
        if (r == -ENOSPC)
                aeon__store_checkpoint(&w->store);
}

/* ------------------------------------------------------------------ one round */

static void finish_batch(struct writer *w, struct batch *b)
{
        if (w->trouble) {
                aeon_log_info("%s can be written again", w->store.path);
                w->trouble = 0;
                w->failures = 0;
        }
        deliver(b);
        while (!list_empty(&b->done)) {
                struct operation *op = list_first(&b->done, struct operation, node);
                if (op->kind == OPERATION_SUBSCRIBE && op->result >= 0) {
                        list_append(&w->taps, &op->tap->node);
                        w->draining = false;
                }
                finish(op);
        }
        if (b->others_care)
                aeon__owners_wake(&w->store.owners);
        aeon__store_keep_room(&w->store);
}

/* On a disk that is nearly full publishes are refused first, so that acknowledgements still fit. */
static void refuse_without_room(struct writer *w)
{
        size_t bytes = 0;
        struct operation *op, *next;
        list_foreach (op, &w->operations, node)
                if (op->kind == OPERATION_PUBLISH)
                        bytes += op->envelope->size + op->envelope->headers_size + 512;
        int r = bytes ? aeon__store_has_room(&w->store, bytes) : 0;
        if (r >= 0)
                return;
        list_foreach_safe (op, next, &w->operations, node) {
                if (op->kind != OPERATION_PUBLISH)
                        continue;
                refuse(op, r);
                finish(op);
        }
}

static bool anything_to_do(struct writer *w)
{
        struct operation *op;
        list_foreach (op, &w->operations, node)
                if (op->kind != OPERATION_CLOSE)
                        return true;
        if (list_empty(&w->taps))
                return false;
        if (aeon__store_next_due(&w->store) == 0 || aeon__monotonic_ms() - w->looked_for_dead >= LOOK_FOR_DEAD_MS)
                return true;
        struct tap *t;
        list_foreach (t, &w->taps, node)
                if ((!t->source || atomic_load(&t->credit)) && aeon__store_peek(&w->store, t->destination, t->slot) > 0)
                        return true;
        return false;
}

static void fail_all(struct writer *w, int r)
{
        while (!list_empty(&w->operations)) {
                struct operation *op = list_first(&w->operations, struct operation, node);
                refuse(op, r);
                finish(op);
        }
}

void aeon__writer_run_batch(struct writer *w)
{
        run_without_file(w);
        if (!writer_is_open(w)) {
                fail_all(w, aeon_fail(-ENOTCONN, "%s is not open", w->path));
                return;
        }
        refuse_without_room(w);
        if (anything_to_do(w)) {
                struct batch b = { .others_care = false };
                list_init(&b.done);
                list_init(&b.claimed);
                list_init(&b.answers);
                int r = transact(w, &b);
                if (r >= 0)
                        finish_batch(w, &b);
                else
                        fail_batch(w, &b, r);
        }
        struct operation *op, *next;
        list_foreach_safe (op, next, &w->operations, node)
                if (op->kind == OPERATION_CLOSE)
                        close_link(w, op);
}
