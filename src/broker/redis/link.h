/* The redis driver's own structs: what a link and a source consist of.
 *
 * DESIGN
 *      link      commands   publishes, verdicts, pings: many at a time on one connection
 *        |       listener   SUBSCRIBE: channels, patterns, the answers to our requests; opened when first needed
 *        |       later      a task: once a second, or when something is due, moves delayed messages where they belong
 *      source    reader     blocking reads; a connection of its own, since nothing else gets through while it blocks
 *
 *   A source does one thing at a time on its reader: fetch() sends the next command, its done() delivers and calls fetch() again. There
 *   is nothing to send without credit, so credit() calls fetch(), too. What kind a source has decides what these commands are.
 *
 *   A DELIVERY is what the driver remembers of a message in the core's hands. It is found by the message's token, freed by its verdict, and
 *   survives the connection: what it stands for stays ours on the server, too, for as long as the lease.
 *
 *   Keys beside a destination K:   K:aeon:later        delayed messages, a sorted set by time
 *                                  K:aeon:again:GROUP  a stream: what a named group must see again and no other
 *                                  K:aeon:taken:NAME   a list: what the consumer NAME of the list K holds
 *                                  K:aeon:takers       a sorted set: when each consumer of the list K was last alive
 */
#pragma once

#include "broker/redis/client.h"
#include "broker/redis/format.h"

#include <aeon/channel.h>
#include <aeon/scope.h>

struct redis_source;
struct dead_letter;
struct shared;

/* ------------------------------------------------------------------ where to */

enum kind { KIND_STREAM, KIND_LIST, KIND_CHANNEL, KIND_PATTERN };
extern const char *const aeon__kind_names[];

/* A destination that is published to. */
struct target {
        enum kind kind;
        enum format format;
        long maxlen; /* of a stream; 0: no limit */
};

/* ------------------------------------------------------------------ a link */

struct redis_link {
        struct link *link;
        struct broker_url *url;
        struct client_login login;
        aeon_duration heartbeat;
        aeon_duration timeout; /* connect_timeout: also of verdicts */
        enum format format;    /* of what says nothing else */
        struct client commands;
        struct listener *listener; /* NULL until it is needed */
        aeon_mutex *listening;     /* held while somebody joins it */
        struct list sources;       /* struct redis_source by node */
        struct list acking;        /* those with acks that wait for gather(), by acking */
        struct list acked;         /* acks that wait for their answers, oldest first */
        struct text payload;       /* scratch */
        struct parts parts;        /* likewise */
        char nonce[20];            /* nobody else's */
        unsigned long long serial;
        aeon_sender *hurry; /* to the task that moves delayed messages; capacity 1 */
        aeon_receiver *hurried;
        aeon_event *later_ended;
};

/* ------------------------------------------------------------------ a source */

struct kind_ops {
        unsigned can;
        int (*open)(struct redis_source *s); /* names, reader; fails: leaves nothing behind but what free() frees */
        void (*fetch)(struct redis_source *s);
        void (*drain)(struct redis_source *s);
        int (*settle)(struct redis_source *s, struct aeon_message *m, const struct settlement *v);
        void (*extend)(struct redis_source *s, struct aeon_message *const *messages, size_t count);
        void (*close)(struct redis_source *s);                 /* does not suspend */
        int (*lag)(struct redis_source *s, uint64_t *ret_lag); /* NULL: nothing waits */
};

extern const struct kind_ops aeon__kind_stream, aeon__kind_list, aeon__kind_channel;

struct source_options {
        long count;
        aeon_duration block, min_idle;
        const char *start, *consumer; /* "": not given */
        long buffer;
        enum format format; /* of retries into lists */
};

/* Delayed messages: the set they wait in, and where they go. */
struct later {
        char *set, *target;
        aeon_time at; /* look again */
        bool asking;
        struct redis_source *source;
};

/* Acknowledgements of one turn of the loop. */
struct acks {
        struct text ids; /* encoded words */
        unsigned count;
        struct list waiting; /* confirmations */
        aeon_time since;     /* the first of them */
};

/* A number that nobody else in the process has for the same key. */
struct number {
        struct list node;
        char *key;
        unsigned value;
};

enum { STREAMS = 2 };

struct redis_source {
        struct list node, acking;
        struct redis_link *link;
        struct source *source;
        const struct kind_ops *ops;
        enum kind kind;
        struct options *texts; /* the options' owner */
        struct source_options options;
        struct number numbers[2];
        char *consumer;

        struct client reader;
        bool reading; /* the reader is open */
        bool busy;    /* a command of ours is on its way */
        bool draining;
        bool ready;  /* the server is prepared: fetch() may begin */
        bool broken; /* the server refuses; words say why */
        char words[200];
        aeon_time asked_at; /* when the command on its way was sent */
        aeon_time tick_at;  /* look after what others have left behind */
        aeon_time retry_at; /* nothing is sent before */
        struct list idlers; /* confirmations of those who wait for !busy */
        unsigned credit;
        struct list deliveries;
        struct list spare; /* messages that came without credit */
        size_t spare_count;

        struct later later[STREAMS];
        unsigned laters;

        /* Streams. */
        char *streams[STREAMS]; /* the destination; what the group must see again */
        unsigned streams_count;
        const char *group;
        aeon_time remade_at; /* the group had vanished; 0: never */
        bool ours;           /* the group was made by us */
        bool queue;          /* acknowledged entries are deleted */
        unsigned step, at;   /* of the state machine in stream.c; the stream it is at */
        char cursor[48];
        struct acks acks[STREAMS];

        /* Lists. */
        char *taken, *taken_prefix, *takers;
        bool empty; /* the last look has found nothing: block */

        /* Channels and patterns. */
        struct listening *listening;
        unsigned long long dropped;
};

struct delivery {
        struct list node; /* in the source */
        aeon_time since;  /* it was ours for certain */
        unsigned stream;  /* index */
        const char *id;   /* in its message */
        size_t size;      /* of what follows: a list's value */
        char raw[];
};

/* ------------------------------------------------------------------ source.c */

int aeon__redis_subscribe(struct source *source);
void aeon__redis_credit(struct source *source, unsigned more);
void aeon__redis_drain(struct source *source);
void aeon__redis_unsubscribe(struct source *source);
int aeon__redis_lag(struct source *source, uint64_t *ret_lag);
int aeon__redis_settle(struct aeon_message *m, const struct settlement *v);
void aeon__redis_extend(struct source *source, struct aeon_message *const *messages, size_t count);

/* Send the next command if there is reason to. */
void aeon__redis_fetch(struct redis_source *s);

/* The command on its way is answered. */
void aeon__redis_fetched(struct redis_source *s);

/* Open the reader; @resume prepares the server each time it is connected. */
int aeon__redis_read(struct redis_source *s, int (*resume)(struct client *c));

/* What resume() returns when it has failed with @code: the words, which ping() tells from now on if it had worked before. */
int aeon__redis_unprepared(struct redis_source *s, int code);

/* Stop a blocking read and close the reader. Suspends. */
void aeon__redis_stop_reading(struct redis_source *s);

/* A value as a message. @id "": none; @attempt 0: as the value says. NULL: no memory, and it is logged. */
struct aeon_message *aeon__redis_message(struct redis_link *l, const char *destination, const struct reply *value, const char *id,
                                         unsigned attempt);

/* Hand it to the core, or keep it until there is credit. @d NULL: there is nothing to remember. */
void aeon__redis_deliver(struct redis_source *s, struct aeon_message *m, struct delivery *d);

/* Give it a name as a consumer. Those that we make up begin with the prefix. Errors: -ENOMEM. */
#define AEON_CONSUMER_PREFIX "aeon:"
int aeon__redis_name_consumer(struct redis_source *s);

/* "BASE MIDDLE END" to free(). NULL: no memory. */
char *aeon__redis_join(const char *base, const char *middle, const char *end);

/* The server refuses to let us read: it is logged once, and the health check tells. */
void aeon__redis_refused(struct redis_source *s, const char *words);

/* ------------------------------------------------------------------ entry.c */

/* Deliver entries of a reply that are not in our hands already; @limited: as far as there is credit. @counts: how often each was delivered
 * (NULL: for the first time). Returns the last one's id, the reply's own; NULL: none. */
const char *aeon__entries_take(struct redis_source *s, unsigned stream, const struct reply *entries, const struct reply *counts,
                               bool limited);

/* ------------------------------------------------------------------ verdict.c */

/* Append the command for a verdict to the link's commands; its answer is a number, 0 when the message is no longer this consumer's. */
typedef int put_verdict(struct redis_source *s, const struct aeon_message *m, const struct settlement *v,
                        const struct dead_letter *dead);

/* Have a verdict carried out and wait for the server's word; a connection that breaks meanwhile has it asked once more. @later: the key
 * whose delayed messages a retry joins; @repeated: it was asked before, without an answer.
 *
 * A server that is stuck must not keep an app from stopping: what it does not confirm within the link's timeout is -ETIMEDOUT; it may have
 * been carried out, else the message comes again. */
int aeon__verdict_ask(struct redis_source *s, const struct aeon_message *m, const struct settlement *v, put_verdict *put,
                      const char *later, bool repeated);

int aeon__stream_settle(struct redis_source *s, struct aeon_message *m, const struct settlement *v);
void aeon__stream_extend(struct redis_source *s, struct aeon_message *const *messages, size_t count);

/* Send the acknowledgements of this turn; hooks of the link's commands. */
void aeon__acks_gather(struct client *c);
void aeon__acks_lost(struct client *c);

/* Those that the server has not confirmed in time have failed. Called once a second. */
void aeon__acks_expire(struct redis_link *l);

/* The name of the command that puts a message into such a target. */
const char *aeon__target_command(const struct target *target);

/* ------------------------------------------------------------------ later.c */

int aeon__later_start(struct redis_link *l);
void aeon__later_end(struct redis_link *l);
void aeon__later_add(struct redis_source *s, char *set, char *target); /* both are owned from now on */
void aeon__later_hint(struct redis_link *l, const char *target, aeon_duration delay);

/* ------------------------------------------------------------------ publish.c */

int aeon__redis_publish(struct link *link, const struct envelope *e);
int aeon__redis_route(struct link *link, const char *destination, const char *options, void **ret_route);
void aeon__redis_unroute(struct link *link, void *route);

/* What the options of a destination say. Errors: -EINVAL. */
int aeon__target_read(struct redis_link *l, const char *destination, const char *options, bool answer, struct target *ret_target);

struct dead_letter {
        char *name; /* to free(); NULL: there is none */
        struct target target;
};

/* The same of a text that has both, "grave?kind=list". */
int aeon__target_of_dead(struct redis_link *l, const struct envelope *dead, struct dead_letter *ret_dead);

/* Microseconds, rounded up: never too early. */
static inline long long aeon__microseconds(aeon_duration d)
{
        return (d + 999) / 1000;
}

/* ------------------------------------------------------------------ listener.c, shared.c */

int aeon__redis_reply_open(struct link *link, char *address, size_t size);
void aeon__listener_close(struct redis_link *l);

int aeon__shared_new(const char *url, const char *rest, void **ret_shared);
void aeon__shared_free(void *shared);

/* Take the smallest number that is free for @key; @key is copied. Any thread. Errors: -ENOMEM. */
int aeon__number_take(struct shared *shared, const char *key, struct number *n);
void aeon__number_give_back(struct shared *shared, struct number *n);

/* ------------------------------------------------------------------ scripts.c */

extern const char aeon__script_declare[], aeon__script_claim[], aeon__script_settle[], aeon__script_later[], aeon__script_move[],
        aeon__script_take[], aeon__script_recover[], aeon__script_settle_list[], aeon__script_leave[];
