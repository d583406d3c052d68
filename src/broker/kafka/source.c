/* Subscriptions: a consumer for each, from its options to its leaving the group. What it does meanwhile is in group.c and deliver.c. */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>

static void source_free(struct kafka_source *s)
{
        struct list *node;
        while (!list_empty(&s->partitions))
                aeon__kafka_partition_free(list_first(&s->partitions, struct partition, node));
        while ((node = list_pop(&s->strays)) || (node = list_pop(&s->spare)))
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
        list_init(&s->spare);
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
