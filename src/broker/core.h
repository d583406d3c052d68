/* The dispatch core's own structs: what stands between the public surface and a driver.
 *
 * DESIGN
 *   aeon_broker      one per URL: what was declared, and what the loops share
 *     connection     one per loop: a driver's link, the subscriptions on it, the requests that wait for an answer
 *       subscription one per declaration: a driver's source, the messages that wait for a handler, the pump that starts handlers
 *
 *   A connection belongs to its loop and is touched by no other thread, but that others read its counters. The broker's list of
 *   connections and its shared state are under its lock; its declarations do not change once it is connected.
 */
#pragma once

#include "broker/driver.h"
#include "broker/meter.h"

#include <aeon/channel.h>
#include <pthread.h>
#include <stdatomic.h>

/* Of one loop, which alone changes them. */
struct counters {
        _Atomic uint64_t published, received, processed, failed, invalid, dead_letters, released, late_replies, in_process;
};

struct aeon_broker {
        aeon_app *app;     /* NULL: opened by hand */
        aeon_group *group; /* opened by hand: for the connection's tasks */
        char *url;         /* NULL until it is given */
        const struct broker_driver *driver;
        const char *rest; /* of url, behind the scheme */
        size_t max_body;
        bool implied;       /* made by aeon_subscribe() before aeon_use_broker() */
        int refusal;        /* the first error of a declaration; 0: none */
        char *refusal_text; /* may be NULL all the same */
        struct list declarations, publishers;
        char name[32]; /* in metrics: that of its health check, "broker2"; opened by hand: the driver's */

        pthread_mutex_t lock;   /* for the four below */
        struct counters closed; /* of connections that were */
        struct list connections;
        unsigned sharers; /* links that use shared */
        void *shared;
};

struct declaration {
        struct list node; /* in the broker */
        const aeon_handler *handler;
        aeon_subscribe_opts opts; /* complete: defaults filled in, texts owned by us */
        const char *options;      /* behind the "?" of the destination */
        char destination[];       /* followed by the options, group and dead_letter */
};

/* For documents only. */
struct publisher {
        struct list node;                 /* in the broker */
        const struct aeon_record *record; /* NULL: any bytes */
        char destination[];
};

enum { WAITER_BUCKETS = 64, ROUTE_BUCKETS = 64 };

/* A destination that is published to. */
struct route {
        struct list node; /* in its bucket */
        unsigned users;   /* publishes under way */
        const char *name, *options;
        void *self; /* the driver's */
        struct publish_meter meter;
        char text[]; /* the destination as a whole; name and options */
};

struct connection {
        struct link link;
        struct list node; /* in the broker */
        aeon_broker *broker;
        struct counters counters;
        aeon_lifespan *life; /* NULL: opened by hand */
        struct list subscriptions;
        char reply_address[160]; /* "" until the first request */
        aeon_mutex *reply_lock;  /* of those who make the first one at the same time */
        uint64_t last_request;   /* correlation ids are numbers: the address is unique already */
        struct list waiters[WAITER_BUCKETS];
        struct list routes[ROUTE_BUCKETS];
        size_t routes_count;
        struct publish_meter answers;
        struct route *recent; /* the one of them that was used last; NULL: none */
        bool close_late;      /* it was to be closed, but handlers still ran */
        aeon_scope lag_life;
        aeon_event *lag_ended; /* NULL: the task that asks for lags does not run */
};

struct subscription {
        struct source source;
        struct list node; /* in the connection */
        struct connection *connection;
        struct declaration *declaration;
        struct broker_meter meter;
        uint64_t lag;        /* as it was told last */
        struct list waiting; /* messages fetched and not begun */
        unsigned running;    /* handlers running */
        bool alone;          /* the one that runs may kill the service: nothing beside it */
        struct list taken;   /* messages that are being handled or settled */
        unsigned unsettled;  /* how many have a dispatch that has not ended */
        unsigned owed;       /* settled messages whose credit was not given back yet */
        unsigned refill;     /* how many are owed before they are given back */
        bool draining;       /* nothing new is begun */
        aeon_sender *wake;   /* capacity 1, a signal: something may have changed; closing it ends the pump */
        aeon_receiver *woken;
        bool leasing; /* the task that extends leases runs */
        aeon_scope lease_life;
        aeon_event *lease_ended;
        aeon_event *pump_ended; /* NULL: there is no pump, somebody asks by aeon_consumer_next() */
};

static inline struct subscription *subscription_of(const struct aeon_message *m)
{
        return container_of(m->source, struct subscription, source);
}

/* Change a counter of @connection; on its loop. */
#define COUNT_BY(connection, counter, n)                                                                                   \
        atomic_store_explicit(&(connection)->counters.counter,                                                             \
                              atomic_load_explicit(&(connection)->counters.counter, memory_order_relaxed) + (uint64_t)(n), \
                              memory_order_relaxed)
#define COUNT(connection, counter) COUNT_BY(connection, counter, 1)

/* ------------------------------------------------------------------ broker.c */

int aeon__broker_new(aeon_app *app, aeon_broker **ret_broker);
void aeon__broker_free(aeon_broker *b);
void aeon__counters_add(struct counters *to, const struct counters *from);

/* ------------------------------------------------------------------ declare.c */

/* A copy of @opts with all defaults in their place. */
int aeon__declaration_new(const char *destination, const aeon_handler *handler, const aeon_subscribe_opts *opts,
                          struct declaration **ret_declaration);

/* Keep @code as the reason why the app cannot start, and return it. */
int aeon__broker_refuse(aeon_broker *b, int code);

/* ------------------------------------------------------------------ url.c */

/* The bytes that aeon__destination_split() writes at most. */
size_t aeon__destination_size(const char *destination);

/* Write "NAME[?OPTIONS]" to @to as NAME NUL OPTIONS NUL, "%3F" in NAME as "?". Returns behind it. */
char *aeon__destination_split(char *to, const char *destination, const char **ret_name, const char **ret_options);

/* ------------------------------------------------------------------ connection.c */

int aeon__connection_open(aeon_broker *b, aeon_lifespan *life, aeon_group *group, struct connection **ret_connection);
void aeon__connection_quiesce(struct connection *c);
void aeon__connection_close(struct connection *c);
void aeon__connection_unused(struct connection *c); /* a handler has ended: was it the one that a late close waits for? */

/* The one of the running task's loop. Errors: -ENOTCONN. */
int aeon__connection_now(aeon_broker *b, struct connection **ret_connection);

/* ------------------------------------------------------------------ subscription.c */

int aeon__subscription_open(struct connection *c, struct declaration *d, struct subscription **ret_subscription);
int aeon__subscription_pump(struct subscription *s);     /* start handlers for what comes */
void aeon__subscription_quiesce(struct subscription *s); /* stop fetching, give back what waits; may be called again */
void aeon__subscription_close(struct subscription *s);
void aeon__subscription_wake(struct subscription *s);

/* A message of @s has left our hands. */
void aeon__subscription_settled(struct subscription *s);

/* ------------------------------------------------------------------ lease.c */

int aeon__leases_keep(struct subscription *s); /* extend the leases of all its messages at half time, until: */
void aeon__leases_end(struct subscription *s);

/* ------------------------------------------------------------------ lag.c */

int aeon__lags_watch(struct connection *c); /* ask now and again, until: */
void aeon__lags_end(struct connection *c);

/* ------------------------------------------------------------------ dispatch.c, handler.c, settle.c */

/* What a handler's run has come to. */
struct outcome {
        int code;     /* the handler's result, or why it was not called */
        bool invalid; /* it was not called: the message does not fit */
        bool refused; /* it was not called: the message has been lost too often */
        bool stopped; /* it failed while being cancelled from outside */
        char *words;  /* of a failure; NULL: no memory for them */
        char *answer; /* encoded; NULL: nothing */
        size_t answer_size;
};

/* Has @m been delivered so often without a verdict that it may be what kills the service? It is then handled alone. */
bool aeon__is_suspect(const struct aeon_message *m);

/* A task: call the handler for the message @arg, settle it, free it. */
int aeon__dispatch(void *arg);

/* Decode, call, encode. */
struct outcome aeon__handler_call(struct subscription *s, struct aeon_message *m);

/* Settle @m, from inside any cancelled scope. Errors: those of the driver, logged already. */
int aeon__settle(struct aeon_message *m, enum verdict verdict, aeon_duration delay, const char *reason);

/* The same for who is in a shield already. */
int aeon__settle_shielded(struct aeon_message *m, enum verdict verdict, aeon_duration delay, const char *reason);

/* ------------------------------------------------------------------ route.c, publish.c, headers.c */

/* The route to @destination, whose users are one more. Errors: the driver's, when it reads the options. */
int aeon__route_take(struct connection *c, const char *destination, struct route **ret_route);
void aeon__routes_free(struct connection *c);

int aeon__publish(struct connection *c, const struct envelope *e);

/* aeon_publish(); @reply: of a question, which an answer there makes good whatever else has come of it. May be NULL. */
int aeon__publish_body(struct connection *c, const char *destination, aeon_body body, const aeon_publish_opts *opts,
                       struct aeon_message *const *reply);

/* Send an answer to @m; @error: as {"error": text} with the header x-error. */
int aeon__answer(struct aeon_message *m, aeon_body body);
int aeon__answer_error(struct aeon_message *m, const char *text);

/* The packed form of @headers, to free(); NULL with *@ret_size 0 when there are none. Errors: -EINVAL, -ENOMEM. */
int aeon__headers_pack(const aeon_header *headers, char **ret_packed, size_t *ret_size);

/* A copy of @m's headers with x-error, x-attempts and x-origin; to free(). NULL: no memory. */
char *aeon__headers_of_dead(const struct aeon_message *m, const char *reason, size_t *ret_size);

/* Those of @e and the running task's place in a trace, if @e has none; to free(). NULL: nothing is to be added, or no memory for it. */
char *aeon__headers_with_trace(const struct envelope *e, size_t *ret_size);

/* The value of a header in the packed form; NULL: not there. */
const char *aeon__header_find(const char *packed, size_t size, const char *name);

/* @url without its password, token and secrets, for logs and errors: "redis://user:***@host". Returns @text. */
const char *aeon__url_shown(const char *url, char *text, size_t size);
