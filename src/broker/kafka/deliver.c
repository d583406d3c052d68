/* Messages out of the partitions' queues, as far as there is credit, and verdicts on them.
 *
 * DESIGN
 *      partitions' queues --fetch--> [its lane is busy: held] --> ready --deliver--> the core --settle--> done
 *                                                                   ^                            |
 *                                                                   '---- delayed <--- retry ----'
 *
 *   Messages are taken from librdkafka only when there is credit for them, so the window is exact; what librdkafka has fetched ahead waits
 *   in its queues. Partitions are asked in turn.
 *
 *   A message that is released or retried stays with us: it is copied, and delivered again without asking the server. The partition's
 *   position does not pass it.
 *
 *   With ordered=partition nothing is taken from a partition while something of it is open. With ordered=key each key is a LANE: a
 *   delivery is in its lane from its first turn until it is done, retries included, and later ones of the same lane are held. The
 *   lanes hang in a table by number.
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdlib.h>

enum { AT_ONCE = 256, OPEN_MOST = 20000 };

/* ------------------------------------------------------------------ lanes */

static uint64_t lane_of(const struct kafka_source *s, const rd_kafka_message_t *m)
{
        if (s->o.ordered != ORDERED_KEY || !m->key)
                return 0;
        uint64_t hash = 14695981039346656037u + (uint64_t)m->partition; /* FNV-1a */
        for (size_t i = 0; i < m->key_len; i++)
                hash = (hash ^ ((const unsigned char *)m->key)[i]) * 1099511628211u;
        return hash ? hash : 1;
}

/* Two keys with the same number share a lane: they wait for each other without need, that is all. */
static bool lane_is_busy(struct kafka_source *s, uint64_t lane)
{
        struct delivery *d;
        list_foreach (d, &s->lanes[lane % LANE_BUCKETS], lane_node)
                if (d->lane == lane)
                        return true;
        return false;
}

static void lane_enter(struct kafka_source *s, struct delivery *d)
{
        if (d->lane)
                list_append(&s->lanes[d->lane % LANE_BUCKETS], &d->lane_node);
}

/* The next of its lane has its turn. */
static void lane_leave(struct kafka_source *s, struct delivery *d)
{
        struct delivery *next;
        list_remove(&d->lane_node);
        if (!d->lane)
                return;
        list_foreach (next, &s->held, queue) {
                if (next->lane != d->lane)
                        continue;
                list_remove(&next->queue);
                next->held = false;
                s->held_count--;
                lane_enter(s, next);
                list_append(&s->ready, &next->queue);
                return;
        }
}

void aeon__kafka_changed(struct kafka_source *s, struct partition *p)
{
        p->dirty = true;
        bool awake = s->commit_at != AEON_NEVER;
        if (!awake)
                s->commit_at = aeon_now() + s->o.commit;
        if (!awake || (p->revoked && !p->out))
                aeon__kafka_handle_ring(&s->consumer);
}

/* ------------------------------------------------------------------ to the core */

static void deliver(struct kafka_source *s, struct delivery *d)
{
        struct aeon_message *m = d->message;
        d->message = NULL;
        d->out = true;
        d->partition->out++;
        s->credit--;
        m->token = (int64_t)(intptr_t)d;
        m->attempt = d->failures + 1;
        aeon__deliver(s->source, m);
}

static void take(struct kafka_source *s, struct partition *p, rd_kafka_message_t *m)
{
        bool done;
        struct aeon_message *message = aeon__kafka_message_in(s->source->destination, m);
        struct delivery *d = message ? aeon__kafka_partition_enter(p, m->offset, &done) : NULL;
        if (!d) {
                free(message);
                aeon_log_error("no memory for message %" PRId32 "-%" PRId64 " of \"%s\": it comes again after a restart",
                               m->partition, m->offset, s->source->destination);
                p->revoked = true; /* its position must not pass this message */
                return;
        }
        if (done) {
                free(message);
                aeon__kafka_partition_advance(p);
                aeon__kafka_changed(s, p);
                return;
        }
        d->message = message;
        d->lane = lane_of(s, m);
        if (d->lane && lane_is_busy(s, d->lane)) {
                list_append(&s->held, &d->queue);
                d->held = true;
                s->held_count++;
                return;
        }
        lane_enter(s, d);
        deliver(s, d);
}

static void refuse(struct kafka_source *s, const rd_kafka_message_t *m)
{
        aeon_log_warning("kafka: partition %" PRId32 " of \"%s\": %s", m->partition, s->source->destination,
                         rd_kafka_message_errstr(m));
}

/* How many messages may be taken from @p now. */
static size_t room_for(struct kafka_source *s, struct partition *p)
{
        if (p->revoked || !p->queue || p->open_count >= OPEN_MOST || s->held_count >= s->source->window)
                return 0;
        if (s->o.ordered == ORDERED_PARTITION)
                return list_empty(&p->open);
        size_t most = s->credit < AT_ONCE ? s->credit : AT_ONCE, there = rd_kafka_queue_length(p->queue);
        return most < there ? most : there;
}

/* True: something came. */
static bool fetch(struct kafka_source *s, struct partition *p)
{
        rd_kafka_message_t *messages[AT_ONCE];
        size_t room = room_for(s, p);
        ssize_t count = room ? rd_kafka_consume_batch_queue(p->queue, 0, messages, room) : 0;
        for (ssize_t i = 0; i < count; i++) {
                if (messages[i]->err)
                        refuse(s, messages[i]);
                else if (!p->revoked)
                        take(s, p, messages[i]);
        }
        for (ssize_t i = 0; i < count; i++) /* together: their memory is another thread's */
                rd_kafka_message_destroy(messages[i]);
        return count > 0;
}

static bool fetch_from_all(struct kafka_source *s)
{
        bool some = false;
        struct partition *p;
        list_foreach (p, &s->partitions, node)
                if (s->credit)
                        some |= fetch(s, p);
        struct list *first = list_pop(&s->partitions); /* another begins next time */
        if (first)
                list_append(&s->partitions, first);
        return some;
}

void aeon__kafka_flow(struct kafka_source *s)
{
        do {
                struct list *node;
                while (s->credit && !s->draining && (node = list_pop(&s->ready)))
                        deliver(s, container_of(node, struct delivery, queue));
        } while (s->credit && !s->draining && fetch_from_all(s));
}

void aeon__kafka_wake_delayed(struct kafka_source *s, aeon_time now)
{
        while (!list_empty(&s->delayed)) {
                struct delivery *d = list_first(&s->delayed, struct delivery, queue);
                if (d->due > now)
                        return;
                list_remove(&d->queue);
                list_append(&s->ready, &d->queue);
        }
}

void aeon__kafka_credit(struct source *source, unsigned more)
{
        struct kafka_source *s = source->self;
        s->credit += more;
        aeon__kafka_flow(s);
}

/* ------------------------------------------------------------------ verdicts */

static void put_delayed(struct kafka_source *s, struct delivery *d)
{
        struct list *place = s->delayed.prev;
        while (place != &s->delayed && container_of(place, struct delivery, queue)->due > d->due)
                place = place->prev;
        list_insert_before(place->next, &d->queue);
        if (s->delayed.next == &d->queue)
                aeon__kafka_handle_ring(&s->consumer);
}

/* Keep a copy of @m for another delivery. */
static int keep(struct kafka_source *s, struct delivery *d, const struct aeon_message *m, aeon_duration delay)
{
        if (s->draining || d->partition->revoked)
                return 0; /* whoever is next gets it */
        d->message = aeon__message_new(&m->envelope);
        if (!d->message)
                return aeon_fail(-ENOMEM, "no memory to keep a message");
        d->due = delay ? aeon_now() + delay : 0;
        if (d->due)
                put_delayed(s, d);
        else
                list_append(&s->ready, &d->queue);
        return 0;
}

int aeon__kafka_settle(struct aeon_message *m, const struct settlement *verdict)
{
        struct delivery *d = (struct delivery *)(intptr_t)m->token;
        struct kafka_source *s = d->source;
        struct partition *p = d->partition;
        if (!p) {
                aeon__kafka_delivery_free(d);
                return aeon_fail(-ESTALE, "its partition has gone to another consumer");
        }
        d->out = false;
        p->out--;
        int r = 0;
        if (verdict->verdict == VERDICT_ACK) {
                d->done = true;
                lane_leave(s, d);
                aeon__kafka_partition_advance(p);
        } else {
                d->failures += verdict->verdict == VERDICT_RETRY;
                r = keep(s, d, m, verdict->verdict == VERDICT_RETRY ? verdict->delay : 0);
        }
        aeon__kafka_changed(s, p);
        if (s->credit)
                aeon__kafka_flow(s);
        return r;
}
