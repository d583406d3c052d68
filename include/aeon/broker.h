/* aeon/broker.h - messages in and out.
 *
 *         AEON_APP(app)
 *         {
 *                 aeon_use_broker(app, "sqlite:./q.db");
 *                 aeon_subscribe(app, "test", &predict_handler, NULL);
 *         }
 *
 *   memory:                              queues inside the process, gone with the broker
 *   memory:NAME                          the same for all brokers of the process with this name, gone with the last of them
 *   sqlite:./q.db, sqlite:/var/lib/q.db  a durable queue in one file, shared by any number of processes of one machine
 *   redis://host  nats://host  amqp://host  kafka://host  sqs://region
 *                                        servers; docs/brokers.md says what each guarantees, and the options behind "?"
 *
 * A destination is the name of a queue, stream, subject or topic, and may carry options: "orders?kind=list". A "?" of its own is "%3F".
 *
 * Messages are delivered AT LEAST ONCE: one is acknowledged after its handler has succeeded, and comes back when the process dies
 * before that. At a stop nothing more is fetched, what was fetched and not begun goes back, handlers finish; one that must be
 * cancelled is released: it comes back at once to the next consumer, and that counts as no failure. */
#ifndef AEON_BROKER_H
#define AEON_BROKER_H

#include <aeon/app.h>
#include <aeon/attributes.h>
#include <aeon/message.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_broker aeon_broker;

/* ------------------------------------------------------------------ declaring, in AEON_APP or a start-up hook */

/* Give the app a broker. Each loop connects at step 4 of the app's life, once the start-up hooks are done; its health is checked as
 * "broker", and the app is not ready while it does not answer. @url is copied; NULL: a start-up hook gives it with aeon_broker_set_url().
 *
 * Errors (kept by the app, which then refuses to start): -ENOMEM; -EPROTONOSUPPORT no driver knows the URL's scheme; -EINVAL */
AEON_API int aeon_use_broker(aeon_app *app, const char *url);

/* The app's first broker, the @n-th; NULL when there is none. Borrowed while the app lives. */
AEON_API aeon_broker *aeon_app_broker(aeon_app *app);
AEON_API aeon_broker *aeon_app_broker_at(aeon_app *app, unsigned n);

/* Set or replace the URL before the broker connects. @url is copied.
 *
 * Errors: -EINVAL @broker or @url is NULL, or the URL cannot be read; -EPROTONOSUPPORT no driver knows its scheme; -EBUSY connected
 * already; -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_broker_set_url(aeon_broker *broker, const char *url);

/* Refuse bodies above @bytes at publishing, and reject them at receiving. Default 16 MiB. Before the broker connects. */
AEON_API void aeon_broker_set_max_body(aeon_broker *broker, size_t bytes);

/* What becomes of a message when its handler has returned. Names in brackets are FastStream's. */
typedef enum aeon_ack_policy {
        AEON_ACK_RETRY,           /* success: ack. Failure: again after a growing pause; after max_attempts to the dead letters */
        AEON_ACK_FIRST,           /* ack before the handler is called: at most once [ACK_FIRST] */
        AEON_ACK_ALWAYS,          /* ack after the handler, whatever it returned [ACK] */
        AEON_ACK_REJECT_ON_ERROR, /* success: ack. Failure: to the dead letters at once [REJECT_ON_ERROR] */
        AEON_ACK_NACK_ON_ERROR,   /* success: ack. Failure: again after a growing pause, for ever [NACK_ON_ERROR] */
        AEON_ACK_MANUAL, /* the handler settles; one that returns without having done so has failed, as by AEON_ACK_RETRY */
} aeon_ack_policy;

typedef struct aeon_subscribe_opts {
        unsigned concurrency;  /* handlers at a time, on each loop. 1: one after another, in the order of arrival */
        unsigned window;       /* messages held at a time on each loop, running and waiting. 64, or twice the concurrency if more */
        const char *group;     /* "": subscribers of one group share the messages, different groups get every message each */
        aeon_ack_policy ack;   /* AEON_ACK_RETRY */
        aeon_duration timeout; /* of one handler's run, which then fails with -ETIMEDOUT. 0: none */
        unsigned max_attempts; /* 5 */
        unsigned
                max_deliveries; /* 20: a message that its service did not live to settle so often goes to the dead letters; UINT_MAX: never */
        aeon_duration backoff;     /* 1 s: the n-th pause is a random part of backoff * 2^(n-1), ... */
        aeon_duration backoff_max; /* 1 min: ... at most this */
        const char *dead_letter;   /* where dead letters go; NULL: "<destination>.dead" */
} aeon_subscribe_opts;

/* Call @handler for each message that comes to @destination. All is copied except @handler, which must live as long as the app.
 *
 * A failing or invalid REQUEST (a message with a reply_to) is not retried whatever the policy: the requester gets the error, the
 * message goes to the dead letters. Dead letters carry the headers they had and x-error, x-attempts, x-origin.
 *
 * A message may kill the process that handles it. Where the broker tells how often it was delivered (docs/brokers.md says which do) one that came
 * back half of max_deliveries times without a verdict is handled alone, so that its neighbours are not counted with it, and after all of
 * them no more. Not by AEON_ACK_NACK_ON_ERROR, which tries for ever, nor by AEON_ACK_FIRST.
 *
 * Of one group each message goes to one subscriber. So a queue or stream that is subscribed to twice in one app, with the same group, is an
 * error at the start, -EEXIST, which names both handlers and where they are: each would get some of the messages. The subscribers of a
 * channel (Redis) or a core subject (NATS) get every message each, and may be many. Metrics tell them apart by their handlers' names, so two
 * handlers of one name with one destination, in two files, are -EEXIST too. One handler in two groups counts for both.
 *
 * Errors (kept by the app, which then refuses to start): -ENOMEM; -EINVAL an empty destination, a negative duration, a window
 * smaller than the concurrency */
AEON_API int aeon_subscribe(aeon_app *app, const char *destination, const aeon_handler *handler, const aeon_subscribe_opts *opts);

/* The same on a broker other than the app's first. Before it connects. */
AEON_API int aeon_broker_subscribe(aeon_broker *broker, const char *destination, const aeon_handler *handler,
                                   const aeon_subscribe_opts *opts);

/* Say that the app publishes @record (NULL: any bytes) to @destination of its first broker, for its documents (`aeon docs`). Publishing needs
 * no declaration. @destination is copied. Errors: -EINVAL no broker was declared before, or an empty destination; -ENOMEM */
AEON_API int aeon_use_publisher(aeon_app *app, const char *destination, const struct aeon_record *record);

/* ------------------------------------------------------------------ publishing and asking, from a task */

typedef struct aeon_header {
        const char *name;
        const char *value;
} aeon_header;

typedef struct aeon_publish_opts {
        const aeon_header *headers; /* up to one whose name is NULL: (aeon_header[]){ { "tenant", "7" }, { 0 } } */
        aeon_duration delay;        /* not to be handled before that */
        int priority;               /* higher ones first; 0 */
        const char *content_type;   /* NULL: what the body says */
        const char *reply_to;       /* NULL: no answer is awaited */
        const char *correlation_id; /* given back with the answer */
} aeon_publish_opts;

/* Publish @body. Returns when the broker has confirmed: with sqlite it is on the disk.
 *
 * Suspends. Cancellable only before it is handed over: -ECANCELED means it was not published. Any loop that has the broker open.
 *
 * Errors: -EINVAL    an empty destination, a header without a value, a negative delay
 *         -EMSGSIZE  the body is above the limit
 *         -ENOTCONN  the broker is not open on this loop: too early (before after_startup) or too late
 *         -ENOTSUP   the broker knows no delays, or no priorities
 *         -ENOSPC    sqlite: the disk is full
 *         -ECANCELED, -ENOMEM, -EIO */
AEON_API AEON_SUSPENDS int aeon_publish(aeon_broker *broker, const char *destination, aeon_body body,
                                        const aeon_publish_opts *opts);

/* Publish @object as JSON; what the NAME_publish() of AEON_RECORD calls. Errors: also those of encoding. */
AEON_API AEON_SUSPENDS int aeon_record_publish(aeon_broker *broker, const char *destination, const struct aeon_record *record,
                                               const void *object, const aeon_publish_opts *opts);

/* Publish @body and wait for the answer, for as long as the enclosing scope allows. @ret_reply is yours: aeon_message_free().
 *
 * Suspends. Cancellable; an answer that comes later is dropped and counted.
 *
 * Errors: -EREMOTEIO  the other side failed or refused the question; the error text is the one it gave
 *         -ECANCELED  the scope's deadline came first (the scope makes it -ETIMEDOUT), or it was cancelled
 *         -ENOTSUP    the broker has no replies; and those of aeon_publish() */
#define aeon_request(...) aeon_broker_request(__VA_ARGS__)
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_broker_request(aeon_broker *broker, const char *destination, aeon_body body,
                                                               aeon_message **ret_reply);

/* The same with headers and so on; reply_to and correlation_id are set by the call. (aeon_request is a macro with arguments so that
 * the name can also be the type of an HTTP request: docs/decisions/two-requests.md.) */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_request_with(aeon_broker *broker, const char *destination, aeon_body body,
                                                             const aeon_publish_opts *opts, aeon_message **ret_reply);

/* One real round trip to the broker. Suspends. Errors: -ENOTCONN, -EIO, -ECANCELED ... */
AEON_API AEON_SUSPENDS int aeon_broker_ping(aeon_broker *broker);

/* ------------------------------------------------------------------ without an app: tools and tests */

/* Connect on the running task's loop. It opens a group around what the task does next (for the connection's own tasks), so close it
 * in the same task, in reverse order with scopes and other groups. @ret_broker is yours until aeon_broker_close().
 *
 * Suspends. Cancellable. Errors: -EPROTONOSUPPORT, -EINVAL the URL; -EACCES, -ENOTDIR, -EIO ... it cannot be opened; -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_broker_open(const char *url, aeon_broker **ret_broker);

/* Close consumers that are still open, then the connection; NULL is accepted. Suspends; not cancelled in the middle. */
AEON_API AEON_SUSPENDS void aeon_broker_close(aeon_broker *broker);

/* Messages of one destination, asked for one by one. */
typedef struct aeon_consumer aeon_consumer;

/* Begin to fetch. Of @opts, window (default here: 1), group and dead_letter count. @ret_consumer is yours until
 * aeon_consumer_close() or the closing of the broker.
 *
 * Suspends. Errors: -EINVAL, -ENOTCONN, -ENOMEM; those of the broker */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_consumer_open(aeon_broker *broker, const char *destination,
                                                              const aeon_subscribe_opts *opts, aeon_consumer **ret_consumer);

/* Wait for the next message. It is yours: settle it, then aeon_message_free(). At most `window` are out at a time: one more is fetched
 * for each that is settled.
 *
 * Suspends. Cancellable, and then no message was taken. One task at a time. Errors: -ECANCELED */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_consumer_next(aeon_consumer *c, aeon_message **ret_message);

/* Stop fetching, give back what was fetched and not taken; NULL is accepted. Messages taken must have been freed. Suspends. */
AEON_API AEON_SUSPENDS void aeon_consumer_close(aeon_consumer *c);

/* ------------------------------------------------------------------ counters */

typedef struct aeon_broker_stats {
        uint64_t published;    /* confirmed by the broker */
        uint64_t received;     /* fetched */
        uint64_t processed;    /* handled well */
        uint64_t failed;       /* handler runs that failed */
        uint64_t invalid;      /* bodies that did not fit their record or were too large */
        uint64_t dead_letters; /* messages that were given up */
        uint64_t released;     /* given back unhandled */
        uint64_t late_replies; /* answers that nobody waited for any more */
        uint64_t in_process;   /* handlers running now */
} aeon_broker_stats;

/* Totals of all loops since the broker was made. Any thread. */
AEON_API void aeon_broker_get_stats(const aeon_broker *broker, aeon_broker_stats *ret_stats);

#ifdef __cplusplus
}
#endif
#endif
