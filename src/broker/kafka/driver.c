/* The Kafka driver: its table, opening, closing, pinging. See kafka.h for how it is made. */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/task.h>
#include <aeon/thread.h>
#include <stdatomic.h>
#include <stdlib.h>

static int kafka_share(const char *url, const char *rest, void **ret_shared)
{
        (void)url, (void)rest;
        struct shared *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a broker");
        *ret_shared = s;
        return 0;
}

static void kafka_unshare(void *shared)
{
        free(shared);
}

/* ------------------------------------------------------------------ asking for metadata, which blocks */

struct question {
        rd_kafka_t *rk;
        aeon_duration limit;
        _Atomic bool stop; /* the answer is known meanwhile: it cannot be reached */
        rd_kafka_resp_err_t error;
};

enum { SLICE_MS = 200 };

static int ask(void *arg)
{
        struct question *q = arg;
        aeon_time until = aeon_now() + q->limit;
        do {
                const struct rd_kafka_metadata *metadata;
                q->error = rd_kafka_metadata(q->rk, 0, NULL, &metadata, SLICE_MS);
                if (q->error == RD_KAFKA_RESP_ERR_NO_ERROR)
                        rd_kafka_metadata_destroy(metadata);
        } while (q->error != RD_KAFKA_RESP_ERR_NO_ERROR && aeon_now() < until && !q->stop && !aeon_offload_cancelled());
        return aeon__kafka_code(q->error);
}

/* While it is known to be away a look is enough. */
static int kafka_ping(struct link *link)
{
        struct kafka_link *l = link->self;
        struct question q = { .rk = l->producer.rk, .limit = l->refusal ? 0 : l->o.connect_timeout };
        l->question = &q;
        int r = aeon_offload(ask, &q);
        l->question = NULL;
        if (r >= 0)
                aeon__kafka_works(l);
        if (r >= 0 || r == -ECANCELED)
                return r;
        return l->refusal ? aeon_fail(l->refusal, "%s", l->words) : aeon_fail(-ENOTCONN, "Kafka: %s", rd_kafka_err2str(q.error));
}

void aeon__kafka_ask_no_more(struct kafka_link *l)
{
        if (l->question)
                l->question->stop = true;
}

/* ------------------------------------------------------------------ opening and closing */

/* Wait for an answer, or for the news that there will be none. */
static int first_contact(struct kafka_link *l)
{
        int r = kafka_ping(l->link);
        return r == -ECANCELED || r == -EACCES || !l->link->patient ? r : 0;
}

static void link_free(struct kafka_link *l)
{
        aeon__kafka_sent_free(l);
        aeon_event_free(l->ended);
        aeon__broker_url_free(l->o.url);
        free(l);
}

static int begin(struct kafka_link *l)
{
        rd_kafka_conf_t *conf;
        int r = aeon__kafka_producer_conf(&l->o, l->link->name, &conf);
        if (r >= 0)
                r = aeon__kafka_handle_open(&l->producer, RD_KAFKA_PRODUCER, conf);
        if (r < 0)
                return r;
        r = aeon_spawn(l->link->group, "kafka producer", aeon__kafka_serve_producer, l);
        if (r < 0)
                aeon__kafka_handle_close(&l->producer);
        return r;
}

static void kafka_close(struct link *link)
{
        struct kafka_link *l = link->self;
        aeon__kafka_reply_close(l);
        l->closing = true;
        aeon__kafka_handle_ring(&l->producer);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close Kafka" });
        aeon_event_wait(l->ended);
        aeon_scope_close(&shield, 0);
        link->self = NULL;
        link_free(l);
}

static int kafka_open(struct link *link)
{
        struct kafka_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->link = link;
        l->number = ((struct shared *)link->shared)->links++;
        list_init(&l->room);
        for (int i = 0; i < TOPIC_BUCKETS; i++)
                list_init(&l->topics[i]);
        int r = aeon__kafka_options_read(link->url, &l->o);
        if (r >= 0)
                r = aeon_event_new(&l->ended);
        if (r >= 0)
                r = begin(l);
        if (r < 0) {
                link_free(l);
                return r;
        }
        link->self = l;
        r = first_contact(l);
        if (r < 0)
                kafka_close(link);
        return r;
}

AEON_API extern const struct broker_driver aeon__driver_kafka;

const struct broker_driver aeon__driver_kafka = {
        .name = "kafka",
        .can = CAN_SETTLE | CAN_RETRY | CAN_GROUP | CAN_REPLY,
        .share = kafka_share,
        .unshare = kafka_unshare,
        .open = kafka_open,
        .close = kafka_close,
        .subscribe = aeon__kafka_subscribe,
        .credit = aeon__kafka_credit,
        .drain = aeon__kafka_drain,
        .unsubscribe = aeon__kafka_unsubscribe,
        .settle = aeon__kafka_settle,
        .route = aeon__kafka_route,
        .unroute = aeon__kafka_unroute,
        .publish = aeon__kafka_publish,
        .reply_open = aeon__kafka_reply_open,
        .ping = kafka_ping,
        .lag = aeon__kafka_lag,
        .lags_apart = true,
};
