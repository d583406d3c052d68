/* bench-raw-kafka: librdkafka. Batches from the consumer's queue, of which the last offset of each partition is stored and committed at the
 * end; the producer waits for acks=all. */
#include "figures.h"

#include <librdkafka/rdkafka.h>

enum { FETCH = 1000, PARTITIONS = 64 };

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
        char error[256];
        if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
                die("%s", error);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
        char error[256], servers[200];
        snprintf(servers, sizeof servers, "%s:%d", bench.host, bench.port);
        set(conf, "bootstrap.servers", servers);
        rd_kafka_t *k = rd_kafka_new(type, conf, error, sizeof error);
        if (!k)
                die("%s", error);
        return k;
}

/* ------------------------------------------------------------------ publishing */

static long confirmed;

static void delivered(rd_kafka_t *k, const rd_kafka_message_t *m, void *arg)
{
        (void)k, (void)arg;
        if (m->err)
                die("publish: %s", rd_kafka_err2str(m->err));
        confirmed++;
}

/* One message is not counted: it makes the topic and has its leaders found. */
static void publish(long at_once, bool measured)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "acks", "all");
        set(conf, "linger.ms", "5");
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        rd_kafka_t *k = client(RD_KAFKA_PRODUCER, conf);
        rd_kafka_topic_t *topic = rd_kafka_topic_new(k, bench.name, NULL);
        long sent = 0;
        confirmed = 0;
        while (confirmed < bench.count + measured) {
                while (sent < bench.count + measured && sent - confirmed < (measured && !confirmed ? 1 : at_once)) {
                        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)bench_body(),
                                             BODY, NULL, 0, NULL) < 0)
                                die("publish: %s", rd_kafka_err2str(rd_kafka_last_error()));
                        sent++;
                }
                bool first = confirmed == 0;
                rd_kafka_poll(k, 100);
                if (measured && first && confirmed)
                        bench_begin();
        }
        if (measured)
                bench_end();
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(k);
}

/* ------------------------------------------------------------------ consuming */

static void commit(rd_kafka_t *k)
{
        rd_kafka_resp_err_t error = rd_kafka_commit(k, NULL, 0);
        if (error)
                die("commit: %s", rd_kafka_err2str(error));
}

static void store(rd_kafka_t *k, const int64_t *next)
{
        rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(PARTITIONS);
        for (int i = 0; i < PARTITIONS; i++)
                if (next[i])
                        rd_kafka_topic_partition_list_add(offsets, bench.name, i)->offset = next[i];
        rd_kafka_resp_err_t error = rd_kafka_offsets_store(k, offsets);
        if (error)
                die("store: %s", rd_kafka_err2str(error));
        rd_kafka_topic_partition_list_destroy(offsets);
}

static void consume(void)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "group.id", bench.name);
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "enable.auto.offset.store", "false");
        rd_kafka_t *k = client(RD_KAFKA_CONSUMER, conf);
        rd_kafka_poll_set_consumer(k);
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, bench.name, RD_KAFKA_PARTITION_UA);
        rd_kafka_subscribe(k, topics);
        rd_kafka_topic_partition_list_destroy(topics);
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(k);

        long taken = 0;
        while (taken < bench.count) {
                rd_kafka_message_t *batch[FETCH];
                int64_t next[PARTITIONS] = { 0 };
                ssize_t size = rd_kafka_consume_batch_queue(queue, 200, batch, FETCH);
                if (taken == 0 && size > 0)
                        bench_begin();
                for (ssize_t i = 0; i < size; i++) {
                        if (batch[i]->err)
                                die("consume: %s", rd_kafka_message_errstr(batch[i]));
                        bench_look(batch[i]->payload, batch[i]->len);
                        next[batch[i]->partition % PARTITIONS] = batch[i]->offset + 1;
                        rd_kafka_message_destroy(batch[i]);
                }
                if (size > 0)
                        store(k, next);
                taken += size;
        }
        commit(k);
        bench_end();
        rd_kafka_queue_destroy(queue);
        rd_kafka_consumer_close(k);
        rd_kafka_destroy(k);
}

int main(int argc, char **argv)
{
        bench_arguments(argc, argv);
        bench_address();
        if (bench_mode("consume")) {
                publish(50000, false);
                bench_prepare();
                consume();
        } else if (bench_mode("publish")) {
                publish(bench.at_once, true);
        } else {
                die("no such mode");
        }
        return 0;
}
