/* Answers: a topic of the link's own, with one partition that it alone reads, from the beginning.
 *
 * DESIGN
 *   It is made by the first request and deleted when the link closes; what a killed service leaves behind keeps its messages for an
 *   hour. Reading it needs no group: nothing is committed, and nobody rebalances.
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct reply {
        struct kafka_link *link;
        struct handle consumer;
        rd_kafka_topic_t *topic;
        rd_kafka_queue_t *answers;
        aeon_event *ended;
        bool closing;
        char name[160];
};

/* ------------------------------------------------------------------ the task */

static void take_answers(struct reply *reply)
{
        enum { AT_ONCE = 64 };
        rd_kafka_message_t *messages[AT_ONCE];
        ssize_t count;
        do {
                count = rd_kafka_consume_batch_queue(reply->answers, 0, messages, AT_ONCE);
                for (ssize_t i = 0; i < count; i++) {
                        struct aeon_message *m = messages[i]->err ? NULL : aeon__kafka_message_in(reply->name, messages[i]);
                        if (m)
                                aeon__deliver_reply(reply->link->link, m);
                        else
                                aeon_log_warning("kafka: an answer is lost: %s",
                                                 messages[i]->err ? rd_kafka_message_errstr(messages[i]) : "no memory");
                        rd_kafka_message_destroy(messages[i]);
                }
        } while (count == AT_ONCE);
}

static void take_events(struct reply *reply)
{
        rd_kafka_event_t *event;
        while ((event = rd_kafka_queue_poll(reply->consumer.queue, 0))) {
                if (!aeon__kafka_log(event) && rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
                        aeon_log_debug("kafka: answers: %s", rd_kafka_event_error_string(event));
                rd_kafka_event_destroy(event);
        }
}

static int serve(void *arg)
{
        struct reply *reply = arg;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "kafka answers" });
        while (!reply->closing) {
                aeon__kafka_handle_wait(&reply->consumer, AEON_NEVER);
                take_events(reply);
                take_answers(reply);
        }
        rd_kafka_consume_stop(reply->topic, 0);
        rd_kafka_queue_destroy(reply->answers);
        rd_kafka_topic_destroy(reply->topic);
        aeon__kafka_handle_close(&reply->consumer);
        aeon_scope_close(&shield, 0);
        aeon_event_set(reply->ended);
        return 0;
}

/* ------------------------------------------------------------------ opening and closing */

static void make_name(struct kafka_link *l, char *to, size_t size)
{
        uint64_t number[2] = { 0 };
        if (getrandom(number, sizeof number, 0) < 0)
                number[0] = (uint64_t)aeon_now();
        int used = snprintf(to, size, REPLY_PREFIX "%.64s.%016" PRIx64 "%016" PRIx64, l->link->name, number[0], number[1]);
        for (int i = 0; i < used; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", to[i]))
                        to[i] = '_';
}

static int start(struct reply *reply)
{
        reply->topic = rd_kafka_topic_new(reply->consumer.rk, reply->name, NULL);
        reply->answers = rd_kafka_queue_new(reply->consumer.rk);
        aeon__kafka_handle_listen(&reply->consumer, reply->answers);
        if (rd_kafka_consume_start_queue(reply->topic, 0, RD_KAFKA_OFFSET_BEGINNING, reply->answers) != 0)
                return aeon_fail(-EIO, "answers: %s", rd_kafka_err2str(rd_kafka_last_error()));
        return aeon_spawn(reply->link->link->group, "kafka answers", serve, reply);
}

static int begin(struct reply *reply)
{
        struct kafka_link *l = reply->link;
        rd_kafka_conf_t *conf;
        int r = aeon__kafka_reply_topic_make(l, reply->name);
        if (r >= 0)
                r = aeon__kafka_consumer_conf(&l->o, &l->o.consumer, l->link->name, reply->name, NULL, &conf);
        if (r >= 0)
                r = aeon__kafka_handle_open(&reply->consumer, RD_KAFKA_CONSUMER, conf);
        if (r < 0)
                return r;
        r = start(reply);
        if (r < 0) {
                rd_kafka_queue_destroy(reply->answers);
                rd_kafka_topic_destroy(reply->topic);
                aeon__kafka_handle_close(&reply->consumer);
        }
        return r;
}

int aeon__kafka_reply_open(struct link *link, char *address, size_t size)
{
        struct kafka_link *l = link->self;
        struct reply *reply = calloc(1, sizeof *reply);
        if (!reply)
                return aeon_fail(-ENOMEM, "no memory for answers");
        reply->link = l;
        make_name(l, reply->name, sizeof reply->name);
        int r = aeon_event_new(&reply->ended);
        if (r >= 0)
                r = begin(reply);
        if (r < 0) {
                aeon__kafka_reply_topic_delete(l, reply->name);
                aeon_event_free(reply->ended);
                free(reply);
                return r;
        }
        l->reply = reply;
        snprintf(address, size, "%s", reply->name);
        return 0;
}

void aeon__kafka_reply_close(struct kafka_link *l)
{
        struct reply *reply = l->reply;
        if (!reply)
                return;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close answers" });
        reply->closing = true;
        aeon__kafka_handle_ring(&reply->consumer);
        aeon_event_wait(reply->ended);
        aeon__kafka_reply_topic_delete(l, reply->name);
        aeon_scope_close(&shield, 0);
        aeon_event_free(reply->ended);
        free(reply);
        l->reply = NULL;
}
