/* A handle of librdkafka with the eventfd that its queues ring; see kafka.h. */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/thread.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORDS_SIZE = 300, LOG_WARNING_LEVEL = 4 };

/* ------------------------------------------------------------------ making and destroying */

struct making {
        rd_kafka_type_t type;
        rd_kafka_conf_t *conf;
        rd_kafka_t *rk;
};

/* It waits for the threads it starts, and reads the files of certificates. */
static int make(void *arg)
{
        struct making *m = arg;
        char words[WORDS_SIZE];
        m->rk = rd_kafka_new(m->type, m->conf, words, sizeof words);
        return m->rk ? 0 : aeon_fail(-EINVAL, "%s", words);
}

static int destroy(void *arg)
{
        rd_kafka_destroy_flags(arg, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return 0;
}

static int bell_open(struct handle *h)
{
        h->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (h->bell < 0)
                return aeon_fail(-errno, "a Kafka connection needs an eventfd");
        int r = aeon_watch_open(h->bell, &h->watch);
        if (r < 0)
                close(h->bell);
        return r;
}

int aeon__kafka_handle_open(struct handle *h, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
        struct making m = { type, conf, NULL };
        int r = bell_open(h);
        if (r < 0) {
                rd_kafka_conf_destroy(conf);
                return r;
        }
        r = aeon_offload(make, &m);
        if (r < 0) {
                aeon_watch_close(h->watch);
                close(h->bell);
                rd_kafka_conf_destroy(conf);
                return r;
        }
        h->rk = m.rk;
        if (type == RD_KAFKA_CONSUMER)
                rd_kafka_poll_set_consumer(h->rk);
        h->queue = type == RD_KAFKA_CONSUMER ? rd_kafka_queue_get_consumer(h->rk) : rd_kafka_queue_get_main(h->rk);
        aeon__kafka_handle_listen(h, h->queue);
        rd_kafka_set_log_queue(h->rk, h->queue);
        return 0;
}

void aeon__kafka_handle_close(struct handle *h)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close Kafka" });
        rd_kafka_queue_io_event_enable(h->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(h->queue);
        if (aeon_offload(destroy, h->rk) < 0)
                destroy(h->rk);
        aeon_watch_close(h->watch);
        close(h->bell);
        aeon_scope_close(&shield, 0);
}

/* ------------------------------------------------------------------ the bell */

void aeon__kafka_handle_ring(struct handle *h)
{
        ssize_t written = write(h->bell, &(uint64_t){ 1 }, sizeof(uint64_t));
        (void)written; /* it fails only when the bell rings already */
}

void aeon__kafka_handle_listen(struct handle *h, rd_kafka_queue_t *queue)
{
        static const uint64_t once = 1;
        rd_kafka_queue_io_event_enable(queue, h->bell, &once, sizeof once);
        aeon__kafka_handle_ring(h); /* a queue rings when it stops being empty: what came before now would never be heard of */
}

int aeon__kafka_handle_wait(struct handle *h, aeon_time until)
{
        aeon_scope limit;
        if (until <= aeon_now())
                return aeon_checkpoint(); /* a wait that is over before it begins lets nobody else run */
        aeon_scope_open(&limit, &(aeon_scope_opts){ .deadline = until, .name = "next thing to do" });
        int r = aeon_watch_wait(h->watch, AEON_READABLE);
        r = aeon_scope_close(&limit, r);
        uint64_t rung;
        if (r > 0 && read(h->bell, &rung, sizeof rung) < 0) /* before the queues are emptied: what comes later rings again */
                return 0;
        return r == -ETIMEDOUT ? 0 : r;
}

/* ------------------------------------------------------------------ words and codes */

bool aeon__kafka_log(rd_kafka_event_t *event)
{
        const char *facility, *text;
        int level;
        if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_LOG)
                return false;
        if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
                /* FAIL and ERROR come as events, too; CONFWARN is about raw properties, which go to producers and consumers. */
                bool told = !strcmp(facility, "FAIL") || !strcmp(facility, "ERROR") || !strcmp(facility, "CONFWARN");
                aeon_log(level <= LOG_WARNING_LEVEL && !told ? AEON_LOG_WARNING : AEON_LOG_DEBUG, "kafka: %s: %s", facility, text);
        }
        return true;
}

int aeon__kafka_code(rd_kafka_resp_err_t error)
{
        switch (error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
                return 0;
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
                return -EACCES;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
                return -ENOENT;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
                return -EMSGSIZE;
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
        case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
                return -EINVAL;
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        case RD_KAFKA_RESP_ERR__DESTROY:
        case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
                return -ENOTCONN;
        default:
                return -EREMOTEIO;
        }
}
