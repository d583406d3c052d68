/* The Kafka driver between its files.
 *
 * DESIGN
 *   librdkafka keeps the connections, on threads of its own, and tells by an eventfd that a queue has something. Each handle of it
 *   (struct handle) belongs to one task of ours that waits for the eventfd and takes what is there:
 *
 *        link ---- producer    delivery reports, topics that were made                                publish.c, topic.c
 *         |  \---- answers     a consumer of the link's own reply topic, from the first request on    reply.c
 *         |
 *       source --- consumer    a member of the group                                                  group.c, assignment.c
 *                    |  one queue per partition, emptied as far as there is credit                    deliver.c
 *                 partition    the offsets that are in somebody's hands                               partition.c
 *
 *   All is touched by the loop's thread only. What blocks (making and destroying a handle, asking for committed offsets, metadata) is
 *   done by aeon_offload().
 */
#pragma once

#include "broker/confirmation.h"
#include "broker/driver.h"
#include "broker/options.h"

#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/watch.h>
#include <librdkafka/rdkafka.h>

/* ------------------------------------------------------------------ config.c: options in text -> configurations of librdkafka */

/* How topics are made that are not there. */
struct topic_options {
        long partitions, replication; /* replication -1: as the server likes */
        bool create;
};

enum ordered { ORDERED_NONE, ORDERED_KEY, ORDERED_PARTITION };

struct consumer_options {
        const char *group; /* the first part of the name of the anonymous group */
        const char *static_id;
        int assignor, offset_reset;
        int ordered; /* enum ordered */
        aeon_duration session, heartbeat, max_poll, commit;
};

/* What the URL says. Texts are borrowed from it. */
struct kafka_options {
        struct broker_url *url;
        bool tls, tls_verify;
        const char *tls_ca, *tls_cert, *tls_key, *sasl;
        aeon_duration connect_timeout, reconnect, reconnect_max;
        int acks, compression;
        aeon_duration linger, publish_timeout;
        bool idempotent;
        struct topic_options topics;
        struct consumer_options consumer;
};

int aeon__kafka_options_read(const char *url, struct kafka_options *ret_options);

/* Those of a destination, on top of those of the URL. */
void aeon__kafka_ask_topic(struct options *o, struct topic_options *t);
void aeon__kafka_ask_consumer(struct options *o, struct consumer_options *c);
bool aeon__kafka_begins_at_end(const struct consumer_options *c); /* a new group: offset_reset=latest */

int aeon__kafka_producer_conf(const struct kafka_options *o, const char *client, rd_kafka_conf_t **ret_conf);
int aeon__kafka_consumer_conf(const struct kafka_options *o, const struct consumer_options *c, const char *client,
                              const char *group, const char *instance, rd_kafka_conf_t **ret_conf);

/* Raw properties of a destination; @o is where they are asked from. */
int aeon__kafka_conf_raw(rd_kafka_conf_t *conf, struct options *o);

/* ------------------------------------------------------------------ handle.c */

struct handle {
        rd_kafka_t *rk;
        rd_kafka_queue_t *queue; /* its events */
        int bell;                /* the eventfd that all its queues ring */
        aeon_watch *watch;
};

/* Make a handle; @conf is taken whatever happens. Suspends. */
AEON_SUSPENDS int aeon__kafka_handle_open(struct handle *h, rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* Destroy it; all queues of it but its own must be gone. Suspends. */
AEON_SUSPENDS void aeon__kafka_handle_close(struct handle *h);

/* Have @queue ring the bell; wait until it rings or @until has come; ring it. */
void aeon__kafka_handle_listen(struct handle *h, rd_kafka_queue_t *queue);
AEON_SUSPENDS int aeon__kafka_handle_wait(struct handle *h, aeon_time until);
void aeon__kafka_handle_ring(struct handle *h);

/* Events that all handles have: what librdkafka logs. True: it was one of them. */
bool aeon__kafka_log(rd_kafka_event_t *event);

/* In place of a time, where it is asked which offset is the first from then on. Source: Kafka protocol, ListOffsets */
enum { KAFKA_EARLIEST = -2, KAFKA_LATEST = -1 };

/* Our code for one of theirs. */
int aeon__kafka_code(rd_kafka_resp_err_t error);

/* ------------------------------------------------------------------ driver.c, publish.c, topic.c, reply.c */

struct question;

/* What all links of a broker share: names for static members. */
struct shared {
        _Atomic unsigned links;
};

enum { TOPIC_BUCKETS = 64 };

struct kafka_link {
        struct link *link;
        struct kafka_options o;
        struct handle producer;
        aeon_event *ended; /* the producer's task */
        bool closing;
        unsigned number; /* among the links of the broker */

        struct question *question; /* the latest ping that asks; NULL: none */
        int refusal;               /* the latest error of the connection as a whole; 0: none since it last worked */
        char words[300];
        size_t troubles; /* connections that have failed since it last worked */

        unsigned in_flight; /* published and not reported */
        struct sent *spare;
        struct list room; /* confirmations of those who wait while librdkafka's queue is full */
        struct list topics[TOPIC_BUCKETS];
        struct reply *reply; /* NULL: no request yet */
};

/* The server has answered. */
static inline void aeon__kafka_works(struct kafka_link *l)
{
        l->refusal = 0;
        l->troubles = 0;
        if (!l->link->answers)
                aeon__link_answers(l->link, true);
}

/* The first part of the names of reply topics: nobody makes those but their owners. */
#define REPLY_PREFIX "aeon.reply."

/* It is known that there is nobody to answer a ping. */
void aeon__kafka_ask_no_more(struct kafka_link *l);

/* The producer's task, and its events. */
int aeon__kafka_serve_producer(void *arg);
int aeon__kafka_publish(struct link *link, const struct envelope *e);
int aeon__kafka_route(struct link *link, const char *destination, const char *options, void **ret_route);
void aeon__kafka_unroute(struct link *link, void *route);
void aeon__kafka_sent_free(struct kafka_link *l);

/* A topic that is known to be there. */
struct topic {
        struct list node;
        struct list waiting; /* confirmations of those who wait for it to be made */
        rd_kafka_topic_t *rkt;
        bool asked, ready;
        char name[];
};

/* Have @name be there, made if it must be. Suspends at the first time; cancellable. */
AEON_SUSPENDS int aeon__kafka_topic_get(struct kafka_link *l, const char *name, const struct topic_options *o,
                                        struct topic **ret_topic);
void aeon__kafka_topic_gone(struct topic *t); /* it turned out not to be there */
void aeon__kafka_topics_made(rd_kafka_event_t *event);
void aeon__kafka_topics_free(struct kafka_link *l);

/* Errors: -EINVAL no topic can have this name. */
int aeon__kafka_topic_check(const char *name);

/* Make or delete one topic of our own. Suspend. */
AEON_SUSPENDS int aeon__kafka_reply_topic_make(struct kafka_link *l, const char *name);
void aeon__kafka_reply_topic_delete(struct kafka_link *l, const char *name);

int aeon__kafka_reply_open(struct link *link, char *address, size_t size);
AEON_SUSPENDS void aeon__kafka_reply_close(struct kafka_link *l);

/* ------------------------------------------------------------------ message.c */

/* A message of ours from one of theirs. NULL: no memory. */
struct aeon_message *aeon__kafka_message_in(const char *destination, rd_kafka_message_t *message);

/* The headers of @e for the wire, and its key: NULL without one. Borrowed from @e. Errors: -ENOMEM. */
int aeon__kafka_headers_out(const struct envelope *e, rd_kafka_headers_t **ret_headers, const char **ret_key);

/* ------------------------------------------------------------------ source.c, deliver.c, group.c, commit.c */

enum { LANE_BUCKETS = 256 };

struct partition;

struct kafka_source {
        struct source *source;
        struct kafka_link *link;
        struct consumer_options o;
        struct options *options; /* o's texts lie in it */
        struct handle consumer;
        rd_kafka_queue_t *last_queue; /* of the events of closing; NULL before */

        unsigned credit;
        bool draining, closing, closed;
        struct list partitions; /* assigned; the next to be asked first */
        struct list ready;      /* deliveries by `queue` that need only credit */
        struct list delayed;    /* those of retries, the next due first */
        struct list held;       /* those whose lane is busy */
        size_t held_count;
        struct list strays; /* deliveries by `node` whose partition we have lost, in the core's hands */
        struct list spare;  /* deliveries by `node` to be used again: each message has one */
        struct list lanes[LANE_BUCKETS];

        rd_kafka_topic_partition_list_t *revoking; /* what shall be given up, once its handlers have finished; NULL: nothing */
        aeon_time revoke_until;
        bool revoke_committed;
        bool committing;     /* a commit is on its way */
        aeon_time commit_at; /* AEON_NEVER: nothing to commit */
        aeon_time look_at;   /* when to look for the topic again; AEON_NEVER: it is there */
        aeon_time close_until;
        aeon_event *assigned, *ended;
        int refusal; /* why it will never be assigned anything */
        char words[300];
};

int aeon__kafka_subscribe(struct source *source);
void aeon__kafka_credit(struct source *source, unsigned more);
void aeon__kafka_drain(struct source *source);
void aeon__kafka_unsubscribe(struct source *source);
int aeon__kafka_settle(struct aeon_message *m, const struct settlement *verdict);

/* Deliver what can be delivered. Does not suspend. */
void aeon__kafka_flow(struct kafka_source *s);
void aeon__kafka_wake_delayed(struct kafka_source *s, aeon_time now);

/* Something of @p is to be committed. */
void aeon__kafka_changed(struct kafka_source *s, struct partition *p);

/* Send a commit if anything has changed; its answer. */
void aeon__kafka_commit(struct kafka_source *s);
void aeon__kafka_committed(struct kafka_source *s, rd_kafka_event_t *event);

/* The consumer's task. */
int aeon__kafka_serve_consumer(void *arg);

/* ------------------------------------------------------------------ assignment.c */

/* Partitions are assigned, or to be given up. Suspends. */
void aeon__kafka_rebalance(struct kafka_source *s, rd_kafka_event_t *event);

/* Give up what is revoked if it is time to. Does not suspend. */
void aeon__kafka_go_on_revoking(struct kafka_source *s, aeon_time now);

/* Are messages of what is revoked still being handled? */
bool aeon__kafka_still_handled(struct kafka_source *s);

/* Log librdkafka's refusal, if it is one: @error, which is freed, or @code. */
void aeon__kafka_told(struct kafka_source *s, const char *what, rd_kafka_error_t *error, rd_kafka_resp_err_t code);

/* ------------------------------------------------------------------ lag.c */

int aeon__kafka_lag(struct source *source, uint64_t *ret_lag);

/* ------------------------------------------------------------------ partition.c */

struct partition {
        struct list node;
        struct kafka_source *source;
        rd_kafka_queue_t *queue;
        int32_t number;
        int64_t position; /* all before it are done; -1: not known before the first message */
        struct list open; /* deliveries from there on, by offset */
        size_t open_count;
        unsigned out; /* of them in the core's hands */
        bool revoked; /* nothing more is delivered */
        bool dirty;   /* something changed since the last commit */
        struct memo *memos;
        size_t memo_count, memo_at; /* what the last owner knew; those before memo_at are used up */
};

/* A message from its fetching to the moment when all before it are done. */
struct delivery {
        struct list node;             /* in partition->open or source->strays */
        struct list queue;            /* in the source's ready, delayed or held; alone otherwise */
        struct list lane_node;        /* in its lane, while it is its turn; alone otherwise */
        struct kafka_source *source;  /* whose */
        struct partition *partition;  /* NULL: a stray */
        struct aeon_message *message; /* while it is with us */
        int64_t offset;
        uint64_t lane;     /* deliveries of one lane go one after another; 0: in none */
        unsigned failures; /* how often it has failed */
        bool out, done, held;
        aeon_time due;
};

/* @text is what the last owner left with its commit. */
struct partition *aeon__kafka_partition_new(struct kafka_source *s, int32_t number, int64_t position, const char *text,
                                            size_t size);

struct partition *aeon__kafka_partition_find(struct kafka_source *s, int32_t number); /* NULL: not assigned */

/* Free it; its messages in the core's hands become strays. */
void aeon__kafka_partition_free(struct partition *p);

/* The next fetched message. *@ret_done: its handling is known to be finished. NULL: no memory. */
struct delivery *aeon__kafka_partition_enter(struct partition *p, int64_t offset, bool *ret_done);

/* Deliveries at the front that are done are gone. */
void aeon__kafka_partition_advance(struct partition *p);

/* What to leave for the next owner: "" or words. To free(); NULL: no memory. */
char *aeon__kafka_partition_memo(const struct partition *p);

/* It is over: take it out of its partition. */
void aeon__kafka_delivery_free(struct delivery *d);

/* Drop the message that @d keeps, and take it out of its queue and its lane. */
void aeon__kafka_delivery_drop(struct delivery *d);
