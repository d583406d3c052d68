/* The driver contract: what the dispatch core asks of a broker, and what it offers.
 *
 * DESIGN
 *   A driver moves messages and knows nothing of handlers. The core owns the rest: windows and concurrency, acknowledgement policy,
 *   retry and backoff, attempts, dead letters, the order of a drain, requests and their answers.
 *
 *        aeon_broker ----- shared        what all loops of the process have in common (the memory queue, the sqlite writer thread)
 *           |  one per loop
 *          link  --------- self          a connection
 *           |  one per subscription
 *         source --------- self          where messages come from, as far as there is credit
 *
 *          core                                   driver
 *           | -- subscribe(source), credit(64) -->  |
 *           | <------- aeon__deliver(message) ----  |   at most as many as there is credit
 *           | -- settle(message, ACK) ----------->  |   returns when the broker has confirmed
 *           | -- credit(32) --------------------->  |
 *           | -- drain(source) ------------------>  |   nothing is delivered once it has returned
 *
 *   All functions are called in tasks on the link's loop, except where said otherwise. A function that suspends is cancellable only
 *   up to the moment it hands its work over: -ECANCELED means that it did not happen. Drivers never include each other, nor any
 *   header of the core but this one.
 */
#pragma once

#include "base/list.h"

#include <aeon/broker.h>
#include <aeon/loop.h>

/* ------------------------------------------------------------------ a message, on its way in or out */

/* The content. All texts are non-NULL, "" when absent. */
struct envelope {
        const char *destination;
        const char *options; /* outwards only: behind the "?" of the destination */
        void *route;         /* outwards only: what the driver's route() made of both; NULL for answers, or without it */
        const char *id;      /* inwards only */
        const char *content_type;
        const char *reply_to;
        const char *correlation_id;
        const char *headers; /* name NUL value NUL name NUL ... */
        size_t headers_size; /* bytes of it */
        const void *body;
        size_t size;
        aeon_duration delay; /* outwards only */
        int priority;
        bool answer; /* outwards only: the destination is somebody's reply_to */

        struct aeon_message *const *reply; /* the core's: of a question, where its answer stands once it has come */
};

/* A fetched message: one heap block, the envelope's texts and body behind the struct. */
struct aeon_message {
        struct list node;         /* in the subscription's queue while it waits; the owner's otherwise */
        struct envelope envelope; /* points into block */
        struct source *source;    /* where it came from; NULL for an answer, which needs no settling */
        int64_t token;            /* the driver's own name for it */
        unsigned attempt;         /* 1: never failed; set by the driver */
        unsigned losses; /* earlier deliveries on which no verdict came; set by the driver, 0 when the broker does not tell */
        bool settled;    /* the core's: a verdict was given */
        bool answered;   /* the core's: its requester was sent an answer */
        char block[];
};

/* A message with a copy of @e, for the driver to complete with token and attempt. Any thread. NULL: no memory. */
AEON_API struct aeon_message *aeon__message_new(const struct envelope *e);

/* ------------------------------------------------------------------ what a driver works on */

/* One loop's connection. */
struct link {
        const struct broker_driver *driver;
        const char *url;   /* whole; borrowed while the link lives */
        const char *rest;  /* of the URL, behind "scheme:" */
        void *shared;      /* what share() made */
        void *self;        /* what open() made */
        const char *name;  /* of the app, for the server to show */
        const char *meter; /* of the broker, in metrics */
        bool patient;      /* a server that is away is awaited: an app starts all the same; a tool wants the error */
        aeon_loop *loop;   /* where all this happens; for aeon_post() from elsewhere */
        aeon_group *group; /* for tasks of the driver; close() must have them end */
        size_t max_body;
        bool answers, answered; /* the core's: what aeon__link_answers() said last; it was true once */
};

/* A subscription on one loop, as a driver sees it. */
struct source {
        struct link *link;
        const char *destination;
        const char *options; /* behind the "?" of the destination; see options.h */
        const char *group;
        unsigned window;
        aeon_duration timeout;   /* of a handler's run; 0: none */
        const char *dead_letter; /* where those that are given up are published */

        /* Set by subscribe(): */
        void *self;
        unsigned can;        /* capabilities, those of the driver unless it says otherwise */
        aeon_duration lease; /* how long a message stays ours unless it is extended; 0: as long as the connection */
};

enum verdict {
        VERDICT_ACK,     /* done: forget it */
        VERDICT_RETRY,   /* deliver it again after a delay, its attempt one higher */
        VERDICT_REJECT,  /* forget it and publish @dead, both or neither */
        VERDICT_RELEASE, /* deliver it again at once, to anybody, its attempt unchanged */
};

struct settlement {
        enum verdict verdict;
        aeon_duration delay;         /* RETRY */
        const struct envelope *dead; /* REJECT: the dead letter, addressed and with its headers */
};

/* What a broker can do. The core refuses at START what would need more. */
enum capability {
        CAN_SETTLE = 1 << 0,   /* a verdict means something; without it every message is acknowledged by being fetched */
        CAN_RETRY = 1 << 1,    /* VERDICT_RETRY with a delay */
        CAN_REJECT = 1 << 2,   /* VERDICT_REJECT in one step; without it the core publishes the dead letter, then acknowledges */
        CAN_GROUP = 1 << 3,    /* different groups get every message each; without it there is one group, whatever its name */
        CAN_DELAY = 1 << 4,    /* envelope.delay */
        CAN_PRIORITY = 1 << 5, /* envelope.priority */
        CAN_REPLY = 1 << 6,    /* reply_open() */
};

/* ------------------------------------------------------------------ the driver */

struct broker_driver {
        const char *name;
        unsigned can; /* capabilities */

        /* Make what all links of one broker share; called before the first link opens, released after the last has closed. Must not
         * block or suspend (a thread may be started; what it does first is awaited by open()). Both may be NULL. */
        int (*share)(const char *url, const char *rest, void **ret_shared);
        void (*unshare)(void *shared);

        /* Connect; set link->self. Suspends; cancellable. Failing leaves nothing behind. Once it has succeeded the driver reconnects by
         * itself, and what is called meanwhile waits or fails with -ENOTCONN. */
        int (*open)(struct link *link);

        /* Disconnect, flushing what was accepted. Sources are drained before. Suspends; called shielded. */
        void (*close)(struct link *link);

        /* Begin to fetch for @source, without any credit yet; set source->self. It reads source->options first, so a wrong one is an error
         * even while the server is away; what needs the server is then done when it is back. Suspends; cancellable. */
        int (*subscribe)(struct source *source);

        /* Allow @more deliveries: the only flow control. Does not suspend. */
        void (*credit)(struct source *source, unsigned more);

        /* Stop fetching. When it returns no delivery is on its way; what was delivered may still be settled. Suspends; called shielded. */
        void (*drain)(struct source *source);

        /* Free what subscribe() made; all messages have been settled, or are given up: they come back when the link closes. May suspend. */
        void (*unsubscribe)(struct source *source);

        /* Carry out a verdict; returns when the broker has confirmed. Called shielded, for any number of messages at a time.
         * Errors: -ESTALE the message is no longer this consumer's; -ENOTCONN, -EIO ...: it will come back some time */
        int (*settle)(struct aeon_message *m, const struct settlement *s);

        /* Keep the leases of these messages of one source, of settled ones too, for another source->lease. The core calls it at half time.
         * NULL when no source has leases. Does not suspend: it is sent, the answer does not matter. */
        void (*extend)(struct source *source, struct aeon_message *const *messages, size_t count);

        /* Read a destination that will be published to, its options first of all, once for any number of publishes: *@ret_route stands in the
         * envelopes of those, until unroute(). Do not suspend. Both may be NULL. */
        int (*route)(struct link *link, const char *destination, const char *options, void **ret_route);
        void (*unroute)(struct link *link, void *route);

        /* Publish; returns when the broker has confirmed. Suspends. Any number of tasks at a time.
         * Errors: -ENOTCONN it was not sent; -ECONNABORTED the connection broke before the confirmation, so nobody knows; -ENOENT no queue takes
         * it; -EREMOTEIO the broker refused it; -ECANCELED before it was sent nothing has happened, afterwards nobody knows */
        int (*publish)(struct link *link, const struct envelope *e);

        /* Begin to receive answers and write the address for reply_to. They come by aeon__deliver_reply(). Called once per link, before
         * its first request. Suspends. */
        int (*reply_open)(struct link *link, char *address, size_t size);

        /* A real round trip. Suspends; cancellable. */
        int (*ping)(struct link *link);

        /* How many messages the broker holds for @source's group and has handed out to nobody; with lags_apart, as far as they are @source's.
         * Not called once it is drained. Suspends; cancellable. NULL: nobody knows.
         * Errors: -ENOTSUP nothing waits for this kind of source */
        int (*lag)(struct source *source, uint64_t *ret_lag);
        bool lags_apart; /* the group's messages are parted among its sources before they are handed out */
};

/* ------------------------------------------------------------------ what the core offers to drivers */

/* Hand over a fetched message; @m then belongs to the core until settle() has been called for it. On the link's loop, in a task or
 * in a function run by aeon_post(). Does not suspend, cannot fail. */
AEON_API void aeon__deliver(struct source *source, struct aeon_message *m);

/* Take back those of @source's messages that no handler has begun and @which says yes to: they are freed, their credit comes back. On the
 * link's loop. Does not suspend; @which must not call the core. */
AEON_API void aeon__recall(struct source *source, bool (*which)(struct aeon_message *m));

/* Hand over an answer; it belongs to the core from now on. Same conditions. */
AEON_API void aeon__deliver_reply(struct link *link, struct aeon_message *m);

/* A connection to the server is there, @again after a loss; it is no more. For what is shown of it. On the link's loop. */
AEON_API void aeon__link_up(struct link *link, bool again);
AEON_API void aeon__link_down(struct link *link);

/* The same of a driver whose library keeps the connections: its last exchange with the server has worked, or there is none. May be said
 * again; it ends with the link. */
AEON_API void aeon__link_answers(struct link *link, bool answers);

/* The driver for @url, and the rest of the URL behind the scheme. Errors: -EINVAL no scheme; -EPROTONOSUPPORT nobody knows it. */
int aeon__driver_for(const char *url, const struct broker_driver **ret_driver, const char **ret_rest);

/* Drivers in the library. Those that need a library of their own are modules, broker-NAME.so, with AEON_API aeon__driver_NAME in them. */
extern const struct broker_driver aeon__driver_memory;
extern const struct broker_driver aeon__driver_sqlite;
AEON_API extern const struct broker_driver aeon__driver_nats;
