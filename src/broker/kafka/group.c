/* A source's consumer as a member of its group: partitions come and go, offsets are committed, and at the end it leaves.
 *
 * DESIGN
 *   One task per source takes its consumer's events, and does what is due: retries, commits, giving partitions up, closing. Nothing
 *   of it waits for the server but the question for committed offsets, on a thread.
 *
 *   One commit is on its way at a time, `commit` after something has changed, so a busy consumer commits many messages at once.
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_AGAIN_MS = 50, LOOK_MOST_MS = 1000 };

/* ------------------------------------------------------------------ errors */

/* The topic is not there any more, or not yet where we have asked: make it, as at the beginning, and look again. */
static void find_topic(struct kafka_source *s)
{
        struct topic_options o = s->link->o.topics;
        struct topic *topic;
        aeon__kafka_ask_topic(s->options, &o);
        s->look_at = AEON_NEVER;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(LOOK_MOST_MS), .name = "make topic" });
        int r = aeon__kafka_topic_get(s->link, s->source->destination, &o, &topic);
        if (aeon_scope_close(&limit, r) < 0) { /* there are other things to do meanwhile */
                s->look_at = aeon_now() + AEON_MILLISECONDS(LOOK_AGAIN_MS);
                return;
        }
        aeon__kafka_topic_gone(topic); /* should the answer be the same once more */
        rd_kafka_topic_partition_list_t *topics = NULL;
        if (rd_kafka_subscription(s->consumer.rk, &topics) == RD_KAFKA_RESP_ERR_NO_ERROR) {
                rd_kafka_subscribe(s->consumer.rk, topics);
                rd_kafka_topic_partition_list_destroy(topics);
        }
}

static bool may_create(struct kafka_source *s)
{
        struct topic_options o = s->link->o.topics;
        aeon__kafka_ask_topic(s->options, &o);
        return o.create;
}

static void trouble(struct kafka_source *s, rd_kafka_resp_err_t error, const char *words)
{
        int code = aeon__kafka_code(error);
        if (code == -ENOENT && may_create(s)) {
                s->look_at = aeon_now() + AEON_MILLISECONDS(LOOK_AGAIN_MS);
                return;
        }
        if ((code == -EACCES || code == -ENOENT || error == RD_KAFKA_RESP_ERR__FATAL) && !s->refusal) {
                s->refusal = code;
                snprintf(s->words, sizeof s->words, "Kafka: %s", words);
        }
        if (code == -ENOTCONN)
                aeon_log_debug("kafka: \"%s\": %s", s->source->destination, words);
        else
                aeon_log_warning("kafka: \"%s\": %s", s->source->destination, words);
        if (s->refusal)
                aeon_event_set(s->assigned); /* whoever waits hears it */
}

/* ------------------------------------------------------------------ the task */

static void take_event(struct kafka_source *s, rd_kafka_event_t *event)
{
        const rd_kafka_message_t *message;
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_REBALANCE:
                aeon__kafka_rebalance(s, event);
                break;
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
                aeon__kafka_committed(s, event);
                break;
        case RD_KAFKA_EVENT_ERROR:
                trouble(s, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
                break;
        case RD_KAFKA_EVENT_FETCH:
                while ((message = rd_kafka_event_message_next(event)))
                        if (message->err)
                                trouble(s, message->err, rd_kafka_message_errstr(message));
                break;
        default:
                aeon__kafka_log(event);
        }
}

static void take_events(struct kafka_source *s, rd_kafka_queue_t *queue)
{
        rd_kafka_event_t *event;
        while (queue && (event = rd_kafka_queue_poll(queue, 0))) {
                take_event(s, event);
                rd_kafka_event_destroy(event);
        }
}

static void go_on_closing(struct kafka_source *s, aeon_time now)
{
        if (s->close_until == 0)
                s->close_until = now + s->link->o.connect_timeout;
        if (now >= s->close_until) {
                aeon_log_warning("kafka: \"%s\" could not leave its group in time", s->source->destination);
                s->closed = true;
                return;
        }
        if (s->committing || s->revoking)
                return;
        if (!s->last_queue) {
                aeon__kafka_commit(s);
                if (s->committing)
                        return;
                s->last_queue = rd_kafka_queue_new(s->consumer.rk);
                aeon__kafka_handle_listen(&s->consumer, s->last_queue);
                aeon__kafka_told(s, "cannot be closed", rd_kafka_consumer_close_queue(s->consumer.rk, s->last_queue), 0);
        }
        s->closed = rd_kafka_consumer_closed(s->consumer.rk);
}

static aeon_time earliest(aeon_time a, aeon_time b)
{
        return a < b ? a : b;
}

/* When there is something to do without an event. The consumer must be polled every max_poll, or it is thrown out. */
static aeon_time next_due(struct kafka_source *s, aeon_time now)
{
        enum { LOOK_MS = 20 };
        aeon_time next = now + s->o.max_poll / 4;
        if (!list_empty(&s->delayed))
                next = earliest(next, list_first(&s->delayed, struct delivery, queue)->due);
        if (!s->closing) /* step() does each of these only then: a time that has passed and is not acted upon would never let us wait */
                next = earliest(next, s->look_at);
        if (!s->committing && !s->revoking)
                next = earliest(next, s->commit_at);
        if (s->revoking && aeon__kafka_still_handled(s))
                next = earliest(next, s->revoke_until);
        if (s->closing)
                next = earliest(next, now + AEON_MILLISECONDS(LOOK_MS)); /* nothing rings when it is closed */
        return next;
}

static void step(struct kafka_source *s)
{
        take_events(s, s->consumer.queue);
        take_events(s, s->last_queue);
        aeon_time now = aeon_now();
        aeon__kafka_wake_delayed(s, now);
        aeon__kafka_flow(s);
        if (s->revoking)
                aeon__kafka_go_on_revoking(s, now);
        else if (now >= s->commit_at && !s->committing)
                aeon__kafka_commit(s);
        if (s->closing)
                go_on_closing(s, now);
        else if (now >= s->look_at)
                find_topic(s);
}

static void destroy(struct kafka_source *s)
{
        while (!list_empty(&s->partitions))
                aeon__kafka_partition_free(list_first(&s->partitions, struct partition, node));
        if (s->last_queue)
                rd_kafka_queue_destroy(s->last_queue);
        aeon__kafka_handle_close(&s->consumer);
}

int aeon__kafka_serve_consumer(void *arg)
{
        struct kafka_source *s = arg;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "kafka consumer" });
        for (step(s); !s->closed; step(s))
                aeon__kafka_handle_wait(&s->consumer, next_due(s, aeon_now()));
        destroy(s);
        aeon_scope_close(&shield, 0);
        aeon_event_set(s->ended);
        return 0;
}
