/* The RabbitMQ driver's own structs.
 *
 * DESIGN
 *      rabbit_link ----- one per loop
 *        |-- publisher: a connection ------- channel "declarations": what publishing needs, declared first
 *        |                             '---- channel "publishing":   confirms, returns, answers by direct reply-to
 *        '-- consumer:  a connection ------- channel "declarations"
 *                                      '---- a channel for each subscription, with its own qos
 *
 *   Two connections, since a server that is short of memory stops reading from those who publish: acknowledgements must get through.
 *   A channel is what the server closes to say that it did not like something, so what can be refused (declaring) has one of its
 *   own, where nothing else is lost. Each is opened when it is needed, and again after it was closed.
 *
 *      codec, properties   bytes                     topology        options of a destination, and declaring what they say
 *      greeting            the beginning             consumer        subscriptions
 *      connection          frames, heartbeats        settle          verdicts
 *      channel             calls, contents           route, publish  destinations; confirms, returns, answers
 *                                                    delay           queues where messages wait
 */
#pragma once

#include "broker/rabbitmq/codec.h"
#include "broker/wire.h"

struct rabbit_link;
struct rabbit_channel;

/* ------------------------------------------------------------------ connection.c, greeting.c */

struct rabbit_connection {
        struct wire wire;
        struct rabbit_link *owner;
        const char *role;                 /* "publisher", "consumer": for the server to show */
        uint32_t frame_most;              /* bytes of a frame */
        uint16_t channels_most;           /* channels the server allows */
        bool has_sent;                    /* since the pulse last looked */
        amqp_pool_t pool;                 /* of the method that is being read */
        struct text frames;               /* that are being made */
        struct rabbit_channel **channels; /* by number - 1; NULL where there is none */
        size_t channels_count;
        char blocked[NAME_SIZE]; /* why the server takes no messages; "" while it does */
};

int aeon__rabbit_connection_open(struct rabbit_connection *c, struct rabbit_link *owner, const char *role);
void aeon__rabbit_connection_close(struct rabbit_connection *c);

/* Send one method; a publish with its content. Do not suspend. Errors: -ENOTCONN, -EINVAL, -EMSGSIZE, -ENOMEM. */
int aeon__rabbit_send(struct rabbit_connection *c, uint16_t channel, amqp_method_number_t method, void *arguments);
int aeon__rabbit_send_publish(struct rabbit_connection *c, uint16_t channel, amqp_basic_publish_t *publish,
                              amqp_basic_properties_t *properties, const void *body, size_t size);

/* Say that we live, if nothing else was said since the last time. */
void aeon__rabbit_pulse(struct rabbit_connection *c);

/* Greet the server: wire_protocol.greet. */
AEON_SUSPENDS int aeon__rabbit_greet(struct wire *w);

/* The server closes the connection and says why: that as an error. */
int aeon__rabbit_read_close(const amqp_connection_close_t *close);

/* What the server means by a reply code. */
int aeon__rabbit_code(unsigned reply_code);

/* ------------------------------------------------------------------ channel.c */

/* A message that the server has sent, whole. */
struct rabbit_content {
        uint64_t tag;           /* of a delivery; 0: it was returned */
        bool redelivered;       /* to somebody before */
        unsigned reply_code;    /* of a return */
        char words[NAME_SIZE];  /* of a return */
        const char *properties; /* not read yet */
        size_t properties_size;
        const char *body;
        size_t size;
};

struct rabbit_channel {
        struct rabbit_connection *connection;
        uint16_t number;           /* 0: it has none yet */
        bool open;                 /* opening was asked for, and the server has not closed it */
        struct confirmation *call; /* of who waits for a reply */
        unsigned ignored;          /* replies to come that nobody waits for any more */
        aeon_mutex *lock;          /* of those who call on it by turns */
        uint32_t messages;         /* that wait in the queue which was declared last */

        /* The owner's. None suspends. May be NULL. */
        void *self;
        void (*content)(struct rabbit_channel *ch, const struct rabbit_content *content);
        void (*confirmed)(struct rabbit_channel *ch, uint64_t tag, bool multiple, bool taken);
        void (*cancelled)(struct rabbit_channel *ch); /* the server has ended our consumer */
        void (*closed)(struct rabbit_channel *ch, int code, const char *words);

        /* The content that is coming in. */
        struct rabbit_content coming;
        uint64_t awaited; /* bytes of its body in all */
        bool has_method, has_header;
        struct text header, body;
};

int aeon__rabbit_channel_init(struct rabbit_channel *ch, struct rabbit_connection *c);
void aeon__rabbit_channel_done(struct rabbit_channel *ch);

/* Open it unless it is. Suspends; cancellable. Errors: -ENOTCONN; -EUSERS there are as many as the server allows. */
AEON_SUSPENDS int aeon__rabbit_channel_open(struct rabbit_channel *ch);

/* Send a method and wait for the server's reply to it. One task at a time. Suspends; cancellable, and then it may have been done.
 * Errors: the server's, with its words; the channel is closed then */
AEON_SUSPENDS int aeon__rabbit_call(struct rabbit_channel *ch, amqp_method_number_t method, void *arguments);

/* Close it when it is open, and wait for the server's word: all that was sent on it before has been heard. Suspends. */
AEON_SUSPENDS void aeon__rabbit_channel_close(struct rabbit_channel *ch);

/* For connection.c: a frame for @ch; the connection is gone. */
int aeon__rabbit_channel_take(struct rabbit_channel *ch, const struct frame *frame);
void aeon__rabbit_channel_lost(struct rabbit_channel *ch, int code, const char *words);

/* ------------------------------------------------------------------ topology.c */

enum exchange_type { EXCHANGE_DIRECT, EXCHANGE_FANOUT, EXCHANGE_TOPIC, EXCHANGE_HEADERS };

/* What a destination and its options say, for publishing as well as for subscribing. Texts are borrowed from options, or own. */
struct topology {
        struct options *options;
        char queue[NAME_SIZE];
        const char *exchange; /* "": the default one, which leads to the queue named by the key */
        const char *key;
        enum exchange_type exchange_type;
        bool create, durable, exclusive, auto_delete, quorum;
        bool asked;                  /* for a queue of a certain kind */
        unsigned arguments, headers; /* options x-..., header.... */
        long max_priority;
        bool persistent, persistent_question; /* of a question only if it is asked for: its answer cannot outlive our connection */
        bool mandatory;
};

/* Errors: -EINVAL an option that cannot be or a name that is too long, -ENOMEM. */
int aeon__topology_read(const char *destination, const char *options, const char *group, struct topology *ret_topology);
void aeon__topology_done(struct topology *t);

/* Declare the queue, the exchange and the binding, or see that they are there. Suspends; cancellable.
 * Errors: -ENOENT one is not there and not to be created; -EINVAL it is there and of another kind; -EACCES; with the server's words */
AEON_SUSPENDS int aeon__topology_declare_for_consumer(const struct topology *t, struct rabbit_channel *ch);

/* The same for a publisher, who needs the exchange, or the queue behind the default one; whatever kind of queue that is. @ch is locked. */
AEON_SUSPENDS int aeon__topology_declare_for_publisher(const struct topology *t, struct rabbit_channel *ch);

/* How many messages wait in the queue. Suspends; cancellable. Errors: -ENOENT it is not there. */
AEON_SUSPENDS int aeon__topology_count(const struct topology *t, struct rabbit_channel *ch, uint64_t *ret_count);

/* ------------------------------------------------------------------ consumer.c, settle.c */

/* A message that is not settled, in the order of its tag. message->token is its address. */
struct delivery {
        struct list node;
        uint64_t tag; /* 0: its channel is gone, so it is not ours any more */
};

struct rabbit_consumer {
        struct list node; /* in the link */
        struct source *source;
        struct rabbit_link *owner;
        struct topology topology;
        struct rabbit_channel channel;
        char tag[NAME_SIZE];
        unsigned credit;         /* what the core will take */
        struct list held;        /* messages above that: the server counts differently while old ones are still being settled */
        struct list outstanding; /* deliveries of this channel */
        struct list stale;       /* of channels that are gone */
        unsigned stale_count;
        struct list settling; /* acknowledgements of this turn of the loop; see settle.c */
        bool gathering;       /* the first of them waits for the others */
        bool consuming;
        bool reduced; /* it consumes with less than the window, as long as there are stale ones */
        bool draining;
        char trouble[300];          /* why it does not consume; "": it does, or the connection is away */
        struct confirmation change; /* of the keeper, who waits for something to mend */
        aeon_scope life;            /* of the keeper */
        aeon_event *ended;          /* NULL: there is no keeper */
        struct text headers;        /* of the message that is being read */
};

int aeon__rabbit_subscribe(struct source *source);
void aeon__rabbit_credit(struct source *source, unsigned more);
void aeon__rabbit_drain(struct source *source);
void aeon__rabbit_unsubscribe(struct source *source);
int aeon__rabbit_lag(struct source *source, uint64_t *ret_lag);
int aeon__rabbit_settle(struct aeon_message *m, const struct settlement *s);
void aeon__rabbit_delivery_free(struct rabbit_consumer *c, struct delivery *d); /* it is settled */

/* Their channel is gone: those who wait to be acknowledged are stale. */
void aeon__rabbit_settling_lost(struct rabbit_consumer *c);

/* To the head of its queue, for anybody. Does not suspend. */
int aeon__rabbit_give_back(struct rabbit_channel *ch, uint64_t tag);

/* ------------------------------------------------------------------ publish.c, route.c, delay.c */

struct unconfirmed;

enum { DELAY_BUCKETS = 64, PREFIX_SIZE = 18 };

static inline unsigned rabbit_bucket(const char *name)
{
        unsigned hash = 5381;
        while (*name)
                hash = hash * 33 + (unsigned char)*name++;
        return hash % DELAY_BUCKETS;
}

struct rabbit_publisher {
        struct rabbit_channel channel, declarations;
        bool ready;                /* the channel confirms */
        bool answering;            /* answers are wanted, */
        bool listening;            /* and come on this channel */
        uint64_t tag;              /* of the last publish on this channel */
        uint64_t lowest;           /* tags below it are confirmed */
        struct unconfirmed **ring; /* by tag, modulo its size; NULL where it is confirmed or given up */
        size_t ring_size;          /* a power of two */
        uint64_t number;           /* of the last publish of all */
        char prefix[PREFIX_SIZE];  /* of the ids of our messages */
        struct list routes;
        struct list delays[DELAY_BUCKETS]; /* delay queues that were declared not long ago */
        size_t delays_count;
        struct text headers; /* of an answer or a return that is being read */
};

/* How one message is to be published. */
struct rabbit_message {
        const struct envelope *envelope;
        const char *exchange, *key, *expiration; /* "": none */
        const char *id;                          /* "": one of ours */
        unsigned attempt;                        /* 1: nothing is said */
        bool persistent, mandatory;
};

int aeon__rabbit_publisher_open(struct rabbit_link *l);
void aeon__rabbit_publisher_close(struct rabbit_link *l);
int aeon__rabbit_publish(struct link *link, const struct envelope *e);
bool aeon__rabbit_is_question(const struct envelope *e); /* to be answered on the publishing channel */
int aeon__rabbit_reply_open(struct link *link, char *address, size_t size);

/* Publish and wait for the confirmation. Errors: those of the driver's publish(). */
AEON_SUSPENDS int aeon__rabbit_publish_one(struct rabbit_link *l, const struct rabbit_message *m);

/* Publish @m so that it comes to its exchange and key after @delay. */
AEON_SUSPENDS int aeon__rabbit_publish_late(struct rabbit_link *l, struct rabbit_message m, aeon_duration delay);

/* What route() and unroute() do; and when the connection or a channel is gone, nothing is known to be declared any more. */
int aeon__rabbit_route(struct link *link, const char *destination, const char *options, void **ret_route);
void aeon__rabbit_unroute(struct link *link, void *self);
void aeon__rabbit_routes_undeclared(struct rabbit_publisher *p);

/* Forget all delay queues. */
void aeon__rabbit_delays_forget(struct rabbit_publisher *p);

/* ------------------------------------------------------------------ driver.c */

struct rabbit_link {
        struct link *link;
        struct broker_url *url;
        const char *vhost;
        aeon_duration heartbeat;
        struct rabbit_connection publishing, consuming;
        struct rabbit_publisher publisher;
        struct rabbit_channel declarations; /* of consumers */
        struct list consumers;
        unsigned last_consumer;
        aeon_scope life;   /* of the pulse */
        aeon_event *ended; /* NULL: there is no pulse */
};

/* Take turns on a channel: several calls that belong together. */
AEON_SUSPENDS int aeon__rabbit_lock(struct rabbit_channel *ch);
void aeon__rabbit_unlock(struct rabbit_channel *ch);
