/* Publishing: messages go into librdkafka's queue, and each task waits for the delivery report of its own.
 *
 * DESIGN
 *   What waits for a report is a struct sent on the heap, not on the task's stack: a task that is cancelled goes away, the report comes all
 *   the same. They are kept and used again. When librdkafka's queue is full, tasks wait for room in it.
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sent {
        struct confirmation confirmation;
        struct topic *topic;
        struct sent *next; /* of the spare ones */
        bool orphan;       /* its task has gone */
};

static struct sent *sent_new(struct kafka_link *l)
{
        struct sent *s = l->spare;
        if (s)
                l->spare = s->next;
        else
                s = malloc(sizeof *s);
        if (!s)
                return NULL;
        aeon__confirmation_init(&s->confirmation, "delivery report");
        s->orphan = false;
        return s;
}

static void sent_done(struct kafka_link *l, struct sent *s)
{
        s->next = l->spare;
        l->spare = s;
}

void aeon__kafka_sent_free(struct kafka_link *l)
{
        while (l->spare) {
                struct sent *s = l->spare;
                l->spare = s->next;
                free(s);
        }
}

/* ------------------------------------------------------------------ reports */

static int code_of_report(const rd_kafka_message_t *m)
{
        int code = aeon__kafka_code(m->err);
        bool unknown = rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;
        return code == -ENOTCONN && unknown ? -ECONNABORTED : code;
}

static void report(struct kafka_link *l, const rd_kafka_message_t *m)
{
        struct sent *s = m->_private;
        l->in_flight--;
        if (m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || m->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
                aeon__kafka_topic_gone(s->topic);
        if (!m->err)
                aeon__kafka_works(l);
        if (s->orphan)
                sent_done(l, s);
        else
                aeon__confirmation_come(&s->confirmation, code_of_report(m), m->err ? rd_kafka_err2str(m->err) : NULL);
}

static void reports(struct kafka_link *l, rd_kafka_event_t *event)
{
        enum { AT_ONCE = 256 };
        const rd_kafka_message_t *messages[AT_ONCE];
        size_t count;
        while ((count = rd_kafka_event_message_array(event, messages, AT_ONCE)) > 0)
                for (size_t i = 0; i < count; i++)
                        report(l, messages[i]);
        aeon__confirmations_come(&l->room, 0, NULL);
}

/* ------------------------------------------------------------------ the producer's task */

static void trouble(struct kafka_link *l, rd_kafka_event_t *event)
{
        rd_kafka_resp_err_t error = rd_kafka_event_error(event);
        int code = aeon__kafka_code(error);
        bool down = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
        l->troubles += code == -ENOTCONN;
        /* The reason is worth more than what follows from it. */
        if (l->refusal != -EACCES && (!down || !*l->words))
                snprintf(l->words, sizeof l->words, "Kafka: %s", rd_kafka_event_error_string(event));
        if (code == -EACCES)
                l->refusal = code;
        else if ((down || l->troubles >= l->o.url->hosts_count) && !l->refusal) /* not always are we told that all are down */
                l->refusal = -ENOTCONN;
        if (l->refusal) {
                aeon__link_answers(l->link, false);
                aeon__kafka_ask_no_more(l);
        }
        if (down || code != -ENOTCONN)
                aeon_log_warning("kafka: %s", rd_kafka_event_error_string(event));
        else
                aeon_log_debug("kafka: %s", rd_kafka_event_error_string(event));
}

static void take_events(struct kafka_link *l)
{
        rd_kafka_event_t *event;
        while ((event = rd_kafka_queue_poll(l->producer.queue, 0))) {
                switch (rd_kafka_event_type(event)) {
                case RD_KAFKA_EVENT_DR:
                        reports(l, event);
                        break;
                case RD_KAFKA_EVENT_ERROR:
                        trouble(l, event);
                        break;
                case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
                        aeon__kafka_topics_made(event);
                        break;
                default:
                        aeon__kafka_log(event);
                }
                rd_kafka_event_destroy(event);
        }
}

int aeon__kafka_serve_producer(void *arg)
{
        struct kafka_link *l = arg;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "kafka producer" });
        aeon_time end = AEON_NEVER;
        do {
                aeon__kafka_handle_wait(&l->producer, end);
                take_events(l);
                if (l->closing && end == AEON_NEVER)
                        end = aeon_now() + l->o.publish_timeout;
        } while (!l->closing || (l->in_flight && aeon_now() < end));
        if (l->in_flight) {
                rd_kafka_purge(l->producer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
                while (l->in_flight && aeon__kafka_handle_wait(&l->producer, aeon_now() + AEON_SECONDS(1)) >= 0)
                        take_events(l);
        }
        aeon__kafka_topics_free(l);
        aeon__kafka_handle_close(&l->producer);
        aeon_scope_close(&shield, 0);
        aeon_event_set(l->ended);
        return 0;
}

/* ------------------------------------------------------------------ publishing */

/* A route. */
struct placed {
        struct options *options; /* NULL: none */
        struct topic_options topic;
        const char *key;
        int32_t partition;
};

static int read_options(struct kafka_link *l, const char *text, struct placed *p)
{
        *p = (struct placed){ .topic = l->o.topics, .partition = RD_KAFKA_PARTITION_UA };
        if (!*text)
                return 0;
        int r = aeon__options_read(text, &p->options);
        if (r < 0)
                return r;
        aeon__kafka_ask_topic(p->options, &p->topic);
        p->key = aeon__option_text(p->options, "key", NULL);
        p->partition = (int32_t)aeon__option_number(p->options, "partition", 0, INT32_MAX, RD_KAFKA_PARTITION_UA);
        r = aeon__options_end(p->options, "destination");
        if (r < 0)
                aeon__options_free(p->options);
        return r;
}

int aeon__kafka_route(struct link *link, const char *destination, const char *options, void **ret_route)
{
        (void)destination;
        struct placed *p = malloc(sizeof *p);
        if (!p)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        int r = read_options(link->self, options, p);
        if (r < 0) {
                free(p);
                return r;
        }
        *ret_route = p;
        return 0;
}

void aeon__kafka_unroute(struct link *link, void *route)
{
        struct placed *p = route;
        (void)link;
        aeon__options_free(p->options);
        free(p);
}

static rd_kafka_resp_err_t produce(struct kafka_link *l, const struct envelope *e, const struct placed *p, const char *key,
                                   rd_kafka_headers_t *headers, struct sent *s)
{
        rd_kafka_vu_t values[] = {
                { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = s->topic->rkt },
                { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = p->partition },
                { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { e->size ? (void *)(uintptr_t)e->body : "", e->size } },
                { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)key, key ? strlen(key) : 0 } },
                { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = s },
                { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
                { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
        };
        rd_kafka_error_t *error = rd_kafka_produceva(l->producer.rk, values, sizeof values / sizeof *values - (headers ? 0 : 1));
        rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (error)
                rd_kafka_error_destroy(error);
        return code;
}

static int await_room(struct kafka_link *l)
{
        struct confirmation c;
        aeon__confirmation_init(&c, "room in the queue of messages to publish");
        list_append(&l->room, &c.node);
        return aeon__confirmation_wait(&c);
}

/* Hand it over to librdkafka; @s is then waited for. */
static int hand_over(struct kafka_link *l, const struct envelope *e, const struct placed *p, struct sent *s)
{
        rd_kafka_headers_t *headers;
        const char *key;
        int r = aeon__kafka_headers_out(e, &headers, &key);
        if (r < 0)
                return r;
        rd_kafka_resp_err_t error;
        while ((error = produce(l, e, p, p->key ? p->key : key, headers, s)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && r >= 0)
                r = await_room(l);
        if (!error) {
                l->in_flight++;
                return 0;
        }
        if (headers)
                rd_kafka_headers_destroy(headers);
        return r < 0 ? r : aeon_fail(aeon__kafka_code(error), "%s", rd_kafka_err2str(error));
}

static int send_one(struct kafka_link *l, const struct envelope *e, const struct placed *p)
{
        struct topic *topic;
        int r = aeon__kafka_topic_get(l, e->destination, &p->topic, &topic);
        if (r < 0)
                return r;
        struct sent *s = sent_new(l);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a message");
        s->topic = topic;
        r = hand_over(l, e, p, s);
        if (r < 0) {
                sent_done(l, s);
                return r;
        }
        r = aeon__confirmation_wait(&s->confirmation);
        if (s->confirmation.here)
                sent_done(l, s);
        else
                s->orphan = true;
        return r;
}

int aeon__kafka_publish(struct link *link, const struct envelope *e)
{
        struct kafka_link *l = link->self;
        const struct placed answer = { .topic = l->o.topics, .partition = RD_KAFKA_PARTITION_UA };
        if (aeon_cancelled())
                return -ECANCELED;
        return send_one(l, e, e->route ? e->route : &answer);
}
