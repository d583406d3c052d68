/* Topics: making sure once per link that a topic is there, so that it has the partitions that we want and not the server's default.
 *
 * DESIGN
 *   The first to publish to a topic, or to subscribe, asks the server to create it; that it exists already is as good an answer, and
 *   so is that we must not create any: then whoever uses it hears whether it is there. Others who come meanwhile wait for the same
 *   answer. Reply topics are made by their owner only, lest an answer that comes too late make the topic anew.
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 249, WORDS_SIZE = 300 };

int aeon__kafka_topic_check(const char *name)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        size_t length = strlen(name);
        if (length && length <= NAME_MOST && strspn(name, allowed) == length && strcmp(name, ".") && strcmp(name, ".."))
                return 0;
        return aeon_fail(-EINVAL, "\"%s\" cannot be a Kafka topic: those are 1 to %d of a-z A-Z 0-9 . _ -", name, NAME_MOST);
}

/* ------------------------------------------------------------------ the table */

static struct list *bucket(struct kafka_link *l, const char *name)
{
        uint32_t hash = 2166136261u; /* FNV-1a */
        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * 16777619u;
        return &l->topics[hash % TOPIC_BUCKETS];
}

static struct topic *find_or_add(struct kafka_link *l, const char *name)
{
        struct list *in = bucket(l, name);
        struct topic *t;
        list_foreach (t, in, node)
                if (!strcmp(t->name, name))
                        return t;
        size_t size = strlen(name) + 1;
        t = calloc(1, sizeof *t + size);
        if (!t)
                return NULL;
        memcpy(t->name, name, size);
        list_init(&t->waiting);
        list_append(in, &t->node);
        return t;
}

void aeon__kafka_topics_free(struct kafka_link *l)
{
        struct list *node;
        for (int i = 0; i < TOPIC_BUCKETS; i++)
                while ((node = list_pop(&l->topics[i]))) {
                        struct topic *t = container_of(node, struct topic, node);
                        if (t->rkt)
                                rd_kafka_topic_destroy(t->rkt);
                        free(t);
                }
}

void aeon__kafka_topic_gone(struct topic *t)
{
        t->ready = false;
}

/* ------------------------------------------------------------------ creating */

static int create(struct kafka_link *l, const char *name, const struct topic_options *o, aeon_duration retention, void *opaque)
{
        char words[WORDS_SIZE], text[32];
        rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, (int)o->partitions, (int)o->replication, words, sizeof words);
        if (!topic)
                return aeon_fail(-EINVAL, "%s", words);
        if (retention) {
                snprintf(text, sizeof text, "%lld", (long long)(retention / 1000000));
                rd_kafka_NewTopic_set_config(topic, "retention.ms", text);
        }
        int ms = (int)(l->o.connect_timeout / 1000000);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(l->producer.rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        rd_kafka_AdminOptions_set_request_timeout(options, ms, words, sizeof words);
        rd_kafka_AdminOptions_set_operation_timeout(options, ms, words, sizeof words);
        rd_kafka_AdminOptions_set_opaque(options, opaque);
        rd_kafka_CreateTopics(l->producer.rk, &topic, 1, options, l->producer.queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_NewTopic_destroy(topic);
        return 0;
}

/* Whether it is there now, or may be for all we can know. */
static bool is_there(rd_kafka_resp_err_t error)
{
        return error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ||
               error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

void aeon__kafka_topics_made(rd_kafka_event_t *event)
{
        struct topic *t = rd_kafka_event_opaque(event);
        const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
        rd_kafka_resp_err_t error = rd_kafka_event_error(event);
        const char *words = error ? rd_kafka_event_error_string(event) : NULL;
        size_t count = 0;
        const rd_kafka_topic_result_t **topics = result && !error ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
        if (count) {
                error = rd_kafka_topic_result_error(topics[0]);
                words = rd_kafka_topic_result_error_string(topics[0]);
        }
        t->asked = false;
        t->ready = is_there(error);
        aeon__confirmations_come(&t->waiting, t->ready ? 0 : aeon__kafka_code(error), words ? words : rd_kafka_err2str(error));
}

static int await(struct kafka_link *l, struct topic *t)
{
        struct confirmation c;
        aeon_scope limit;
        aeon__confirmation_init(&c, "topic to be made");
        list_append(&t->waiting, &c.node);
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = l->o.connect_timeout + AEON_SECONDS(1), .name = "make topic" });
        int r = aeon_scope_close(&limit, aeon__confirmation_wait(&c));
        return r == -ETIMEDOUT ? aeon_fail(-ENOTCONN, "the server does not answer") : r;
}

static int make(struct kafka_link *l, struct topic *t, const struct topic_options *o, aeon_duration retention)
{
        int r = t->asked ? 0 : create(l, t->name, o, retention, t);
        if (r < 0)
                return r;
        t->asked = true;
        r = await(l, t);
        return r < 0 && r != -ECANCELED ? aeon_fail(r, "topic \"%s\"", t->name) : r;
}

int aeon__kafka_topic_get(struct kafka_link *l, const char *name, const struct topic_options *o, struct topic **ret_topic)
{
        struct topic *t = find_or_add(l, name);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for a topic");
        if (!t->ready) {
                int r = aeon__kafka_topic_check(name);
                bool of_others = !strncmp(name, REPLY_PREFIX, strlen(REPLY_PREFIX));
                if (r >= 0 && o->create && !of_others)
                        r = make(l, t, o, 0);
                if (r < 0)
                        return r;
                t->ready = true;
        }
        if (!t->rkt)
                t->rkt = rd_kafka_topic_new(l->producer.rk, name, NULL);
        if (!t->rkt)
                return aeon_fail(-EINVAL, "topic \"%s\": %s", name, rd_kafka_err2str(rd_kafka_last_error()));
        *ret_topic = t;
        return 0;
}

/* ------------------------------------------------------------------ the topic of our answers */

int aeon__kafka_reply_topic_make(struct kafka_link *l, const char *name)
{
        struct topic *t = find_or_add(l, name);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for a topic");
        struct topic_options one = { .partitions = 1, .replication = l->o.topics.replication, .create = true };
        return make(l, t, &one, AEON_HOURS(1));
}

/* Nobody waits for it: the event of its end is dropped with the handle. */
void aeon__kafka_reply_topic_delete(struct kafka_link *l, const char *name)
{
        rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
        rd_kafka_DeleteTopics(l->producer.rk, &topic, 1, NULL, l->producer.queue);
        rd_kafka_DeleteTopic_destroy(topic);
}
