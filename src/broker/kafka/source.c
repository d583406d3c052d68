/* Subscriptions: messages out of the partitions' queues, as far as there is credit, and verdicts on them.
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
#include <aeon/task.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
                rd_kafka_message_destroy(messages[i]);
        }
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
                list_remove(&d->node);
                free(d);
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

/* ------------------------------------------------------------------ opening and closing */

static void source_free(struct kafka_source *s)
{
        struct list *node;
        while (!list_empty(&s->partitions))
                aeon__kafka_partition_free(list_first(&s->partitions, struct partition, node));
        while ((node = list_pop(&s->strays)))
                free(container_of(node, struct delivery, node));
        if (s->revoking)
                rd_kafka_topic_partition_list_destroy(s->revoking);
        aeon_event_free(s->assigned);
        aeon_event_free(s->ended);
        aeon__options_free(s->options);
        free(s);
}

static struct kafka_source *source_new(struct source *source)
{
        struct kafka_source *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->source = source;
        s->link = source->link->self;
        s->o = s->link->o.consumer;
        s->commit_at = s->look_at = AEON_NEVER;
        list_init(&s->partitions);
        list_init(&s->ready);
        list_init(&s->delayed);
        list_init(&s->held);
        list_init(&s->strays);
        for (int i = 0; i < LANE_BUCKETS; i++)
                list_init(&s->lanes[i]);
        return s;
}

/* The anonymous group of a topic has the topic's name in its own: else all services of a cluster would be one group, and each of them
 * disturb all others when it comes and goes. */
static int make_conf(struct kafka_source *s, rd_kafka_conf_t **ret_conf)
{
        char group[600], instance[300];
        struct source *source = s->source;
        if (*source->group)
                snprintf(group, sizeof group, "%s", source->group);
        else
                snprintf(group, sizeof group, "%s.%s", s->o.group, source->destination);
        if (s->o.static_id)
                snprintf(instance, sizeof instance, "%s.%u", s->o.static_id, s->link->number);
        rd_kafka_conf_t *conf;
        int r = aeon__kafka_consumer_conf(&s->link->o, &s->o, source->link->name, group, s->o.static_id ? instance : NULL, &conf);
        if (r < 0)
                return r;
        r = aeon__kafka_conf_raw(conf, s->options);
        if (r < 0) {
                rd_kafka_conf_destroy(conf);
                return r;
        }
        *ret_conf = conf;
        return 0;
}

static int read_options(struct kafka_source *s, struct topic_options *topic)
{
        const char *name;
        int r = aeon__options_read(s->source->options, &s->options);
        if (r < 0)
                return r;
        aeon__kafka_ask_topic(s->options, topic);
        aeon__kafka_ask_consumer(s->options, &s->o);
        for (size_t at = 0; aeon__option_prefixed(s->options, "rdkafka.", &at, &name);)
                ;
        r = aeon__options_end(s->options, "subscription");
        return r < 0 ? r : aeon__kafka_topic_check(s->source->destination);
}

/* What is put off while the server is away. */
static bool is_put_off(const struct kafka_source *s)
{
        return s->source->link->patient && s->link->refusal == -ENOTCONN;
}

/* Have the topic; while the server is away that is left to the consumer's task. */
static int find_topic(struct kafka_source *s, const struct topic_options *o)
{
        struct topic *topic;
        int r = is_put_off(s) ? -ENOTCONN : aeon__kafka_topic_get(s->link, s->source->destination, o, &topic);
        if (r != -ENOTCONN || !s->source->link->patient)
                return r;
        s->look_at = o->create ? aeon_now() : AEON_NEVER;
        return 0;
}

static int join(struct kafka_source *s)
{
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, s->source->destination, RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t error = rd_kafka_subscribe(s->consumer.rk, topics);
        rd_kafka_topic_partition_list_destroy(topics);
        return error ? aeon_fail(aeon__kafka_code(error), "%s", rd_kafka_err2str(error)) : 0;
}

static int begin(struct kafka_source *s)
{
        rd_kafka_conf_t *conf;
        int r = make_conf(s, &conf);
        if (r >= 0)
                r = aeon__kafka_handle_open(&s->consumer, RD_KAFKA_CONSUMER, conf);
        if (r < 0)
                return r;
        r = join(s);
        if (r >= 0)
                r = aeon_spawn(s->source->link->group, "kafka consumer", aeon__kafka_serve_consumer, s);
        if (r < 0)
                aeon__kafka_handle_close(&s->consumer);
        return r;
}

/* The group has given it partitions, or will when those who have them let go. */
static int await_assignment(struct kafka_source *s)
{
        if (is_put_off(s))
                return 0;
        aeon_duration limit = s->link->o.connect_timeout + (s->source->link->patient ? 0 : s->o.session);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = limit, .name = "join the group" });
        int r = aeon_scope_close(&scope, aeon_event_wait(s->assigned));
        if (r == -ETIMEDOUT)
                return 0;
        return s->refusal ? aeon_fail(s->refusal, "%s", s->words) : r;
}

int aeon__kafka_subscribe(struct source *source)
{
        struct kafka_source *s = source_new(source);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        struct topic_options topic_options = s->link->o.topics;
        int r = read_options(s, &topic_options);
        if (r >= 0)
                r = aeon_event_new(&s->assigned);
        if (r >= 0)
                r = aeon_event_new(&s->ended);
        if (r >= 0)
                r = find_topic(s, &topic_options);
        if (r >= 0)
                r = begin(s);
        if (r < 0) {
                source_free(s);
                return r;
        }
        source->self = s;
        r = await_assignment(s);
        if (r < 0)
                aeon__kafka_unsubscribe(source);
        return r;
}

void aeon__kafka_drain(struct source *source)
{
        struct kafka_source *s = source->self;
        struct list *queues[] = { &s->ready, &s->delayed, &s->held };
        s->draining = true;
        for (int i = 0; i < 3; i++)
                while (!list_empty(queues[i]))
                        aeon__kafka_delivery_drop(list_first(queues[i], struct delivery, queue));
}

void aeon__kafka_unsubscribe(struct source *source)
{
        struct kafka_source *s = source->self;
        aeon_scope shield;
        aeon__kafka_drain(source);
        s->closing = true;
        aeon__kafka_handle_ring(&s->consumer);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "leave the group" });
        aeon_event_wait(s->ended);
        aeon_scope_close(&shield, 0);
        source->self = NULL;
        source_free(s);
}
