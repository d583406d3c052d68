/* The NATS driver's own structs; driver.c tells how it works as a whole.
 *
 *      nats (a link) ---- wire                  the connection
 *        | waiting        {number: asked}       what the server or a stream has yet to answer, each at an inbox of its own
 *        | flushes        FIFO                  those who wait for the PONG behind what they sent
 *        | sources
 *             source ---- slots                 what was delivered and is not settled
 *                         verdicts              those who wait for the word on theirs
 */
#pragma once

#include "broker/wire.h"

#include <jansson.h>

enum {
        NATS_BUCKETS = 256,
        NATS_TOPICS = 1024,
        NATS_NAME_SIZE = 256,    /* of streams and consumers: the server takes 255 bytes */
        NATS_PREFIX_SIZE = 560,  /* a subject with two names in it */
        NATS_ADDRESS_SIZE = 640, /* the same with numbers behind it */
        NATS_WORDS_SIZE = 64,    /* of a verdict */
};

enum nats_mode { NATS_JETSTREAM, NATS_CORE };

/* ------------------------------------------------------------------ what the destination's options say: options.c */

struct nats_options {
        struct options *all; /* owns the texts; NULL: there were none */
        enum nats_mode mode;
        const char *stream, *durable, *deliver, *message_id; /* NULL: not said */
        bool create;
        bool by_deliveries; /* attempts are what the server counts */
        aeon_duration ack_wait;
        bool says_ack_wait;
        /* Of a stream to be created: */
        const char *retention, *storage;
        aeon_duration max_age, duplicates;
        long max_bytes, max_messages, replicas;
};

struct nats;

/* Read the options behind a destination. Free them with aeon__options_free(o->all). Errors: -EINVAL, -ENOMEM. */
int aeon__nats_source_options(const struct nats *l, const char *text, struct nats_options *o);
int aeon__nats_publish_options(const struct nats *l, const char *text, struct nats_options *o);

/* ------------------------------------------------------------------ what comes: protocol.c, content.c */

/* One MSG or HMSG; it points into the wire's input. */
struct arrival {
        uint64_t sid;
        char *subject, *reply; /* "" none */
        char *headers;         /* the block as it came */
        size_t headers_size;
        char *body;
        size_t size;
};

struct content {
        struct envelope envelope; /* its headers point into nats.packed */
        int status;               /* of the header's first line; 0: none */
        const char *status_words;
        long pending; /* messages of a pull that will not come; -1: it does not say */
};

/* Errors: -ENOMEM; -EPROTO. */
int aeon__nats_decode(struct nats *l, struct arrival *a, struct content *c);

/* ------------------------------------------------------------------ waiting: ask.c */

/* Something that will be answered at the inbox PREFIX.p<number>. */
struct asked {
        struct confirmation confirmation;
        uint64_t number;
        aeon_time since;
        const char *subject; /* that it was sent to, for the server's refusals; "" */
        /* The answer. Wakes whoever waits, or frees it; takes it out of its list. @c NULL: it will not come, because of @code. */
        void (*come)(struct asked *a, const struct content *c, int code, const char *words);
        struct nats *nats;
};

/* Those who wait for a PONG: see aeon__nats_flushed(). */
struct flush {
        struct confirmation confirmation;
        uint64_t ping;
        const char *subject;
};

void aeon__nats_asked_init(struct nats *l, struct asked *a, const char *what, const char *subject);

/* Write the inbox of @a into @to; @correlation "" or what an answer that comes there is the answer to. */
void aeon__nats_inbox_of(const struct asked *a, const char *correlation, char *to, size_t size);

/* Something has come at the inbox, at PREFIX.@token. */
void aeon__nats_inbox(struct nats *l, const char *token, struct content *c);

/* Wait until the server has handled all that was sent before. @subject: what the server may refuse meanwhile; "" nothing. */
AEON_SUSPENDS int aeon__nats_flushed(struct nats *l, const char *subject);
void aeon__nats_ping(struct nats *l);  /* in gather(): the PING that they wait for, if any does */
void aeon__nats_probe(struct nats *l); /* a PING in any case */
void aeon__nats_pong(struct nats *l);

/* Put a question to the API of JetStream, at $JS.API.@what. @question is consumed; NULL: memory has run out. @ret_answer is yours.
 * Errors: -ENOTSUP there is no JetStream; -ENOENT; -EEXIST; -EINVAL; -ENOSPC; -EACCES; -EREMOTEIO; those of the connection */
AEON_SUSPENDS int aeon__nats_ask(struct nats *l, const char *what, json_t *question, json_t **ret_answer);

/* What JetStream's {"error": ...} in @answer means; 0: it has none. */
int aeon__nats_refusal(const json_t *answer, char *words, size_t size);

/* Permission was refused for @subject: fail whoever waits because of it. */
void aeon__nats_denied(struct nats *l, const char *subject, const char *words);

bool aeon__nats_awaits_something(const struct nats *l);
void aeon__nats_asked_lost(struct nats *l, const char *words);
void aeon__nats_asked_overdue(struct nats *l, aeon_time before);

/* ------------------------------------------------------------------ subjects and streams: subject.c, stream.c */

/* Errors: -EINVAL, with the reason. */
int aeon__nats_subject_check(const char *subject, bool pattern_allowed);
bool aeon__nats_is_pattern(const char *subject);

/* Is it an inbox or the server's own: nothing that a stream should keep? */
bool aeon__nats_is_fleeting(const char *subject);

/* @text as a part of a name of streams and consumers, reversibly: "." is ":", and what cannot stand in one is "=XX". */
void aeon__nats_encode(const char *text, char *to, size_t size);

/* Find the stream that has @subject, or create it. @ret_stream of NATS_NAME_SIZE; may be NULL. Errors: -ENOENT; -EINVAL several do. */
AEON_SUSPENDS int aeon__nats_stream(struct nats *l, const char *subject, const struct nats_options *o, char *ret_stream);

/* The same once per subject; forget() when it turns out to be gone. */
AEON_SUSPENDS int aeon__nats_topic(struct nats *l, const char *subject, const struct nats_options *o);
void aeon__nats_topic_forget(struct nats *l, const char *subject);
void aeon__nats_topics_free(struct nats *l);

/* ------------------------------------------------------------------ sources: source.c, consumer.c, core.c, verdict.c, attempts.c */

/* A message that was delivered and is not settled: what the address of its acknowledgement is made of. */
struct slot {
        uint64_t deliveries, stream_sequence, consumer_sequence;
        unsigned next_free; /* while it is free */
        bool told;          /* the server has the verdict, or will */
};

struct nats_source {
        struct list node; /* in nats.sources */
        struct nats *nats;
        struct source *source;
        struct nats_options options;
        uint64_t id;
        uint64_t sid;  /* 0: not subscribed on the present connection */
        bool ready;    /* it is set up on the present connection */
        bool starting; /* somebody is about to set it up, and others wait for that: */
        struct list started;
        bool draining;
        unsigned credit; /* not used yet */

        /* JetStream */
        char stream[NATS_NAME_SIZE], consumer[NATS_NAME_SIZE];
        unsigned wanted; /* asked for by pulls, and not come */
        unsigned pulls;  /* how many there were */
        bool held_back;  /* the server has refused a pull: not before the next look around */
        bool dirty;      /* gather() has something to send for it */
        aeon_time heard; /* the last sign of life of its pulls */
        struct list lookups;
        struct slot *slots;
        unsigned slots_count, free_slot; /* free_slot == slots_count: none */
        char ack_prefix[NATS_PREFIX_SIZE];
        size_t ack_prefix_length;
        bool ack_has_suffix; /* the server's newer form */

        /* Verdicts: the last of a turn of the loop is held until gather() sends it with the question for the server's word. */
        char held_address[NATS_ADDRESS_SIZE], held_words[NATS_WORDS_SIZE];
        struct list verdicts; /* struct verdict_sent, in the order in which they were sent */
        uint64_t turn;        /* of those that are held and before, since the last time */

        /* Core */
        struct list backlog; /* messages that came without credit */
        size_t backlog_count;
        uint64_t dropped;
};

int aeon__nats_subscribe(struct source *source);
void aeon__nats_credit(struct source *source, unsigned more);
void aeon__nats_drain(struct source *source);
void aeon__nats_unsubscribe(struct source *source);
int aeon__nats_lag(struct source *source, uint64_t *ret_lag);

/* Set up @s on the present connection, if that was not done yet. */
AEON_SUSPENDS int aeon__nats_source_start(struct nats_source *s);
AEON_SUSPENDS void aeon__nats_source_pause(struct nats_source *s); /* until it is set up again */
void aeon__nats_source_arrive(struct nats_source *s, struct arrival *a);
void aeon__nats_source_lost(struct nats_source *s);
void aeon__nats_source_dirty(struct nats_source *s);

/* Find or create the durable consumer of @s. */
AEON_SUSPENDS int aeon__nats_consumer(struct nats_source *s);
AEON_SUSPENDS int aeon__nats_consumer_info(struct nats_source *s, json_t **ret_info);

void aeon__nats_stream_arrive(struct nats_source *s, struct arrival *a, struct content *c);
void aeon__nats_core_arrive(struct nats_source *s, struct arrival *a, struct content *c);
AEON_SUSPENDS int aeon__nats_brake(struct wire *w);
void aeon__nats_core_flow(struct nats_source *s);
void aeon__nats_pull(struct nats_source *s);
void aeon__nats_pulls_look(struct nats_source *s, aeon_time now);

/* Take the address of an acknowledgement apart. False: it is none. */
bool aeon__nats_slot_read(struct nats_source *s, const char *address, struct slot *slot);
int aeon__nats_slot_take(struct nats_source *s, const struct slot *slot, int64_t *ret_token);
void aeon__nats_slot_free(struct nats_source *s, int64_t token);

AEON_SUSPENDS int aeon__nats_settle(struct aeon_message *m, const struct settlement *v);
void aeon__nats_extend(struct source *source, struct aeon_message *const *messages, size_t count);
void aeon__nats_verdicts_flush(struct nats_source *s);
void aeon__nats_verdicts_come(struct nats_source *s, uint64_t turn, int code, const char *words);
void aeon__nats_verdicts_overdue(struct nats_source *s, aeon_time before);
void aeon__nats_give_back(struct nats_source *s, const struct slot *slot); /* nobody waits for it */

/* @m, which the server delivers again, has failed how often? Then it is delivered. */
void aeon__nats_lookup(struct nats_source *s, struct aeon_message *m);
void aeon__nats_lookups_drop(struct nats_source *s);
AEON_SUSPENDS int aeon__nats_note_failure(struct nats_source *s, const struct slot *slot, unsigned failures);

/* ------------------------------------------------------------------ the link: driver.c, hello.c, publish.c */

struct nats {
        struct link *link;
        struct wire wire;
        struct broker_url *url;
        const char *token, *name; /* NULL: none */
        enum nats_mode mode;      /* when a destination says nothing */
        bool create;
        bool has_seed;
        unsigned char seed[32]; /* of the user's nkey */
        char prefix[40];        /* of its inboxes: "_INBOX.4f0d..." */
        size_t prefix_length;

        size_t max_payload; /* what the server said */
        bool leaving;       /* it is about to end: lame duck */
        unsigned looks_before_leaving;

        uint64_t last_number;
        struct list waiting[NATS_BUCKETS];
        struct list flushes;
        uint64_t pings, pongs;
        struct list sources;
        struct nats_source *recent; /* that a message came for */
        uint64_t last_sid, last_source;
        size_t backlog;    /* of all its sources */
        uint64_t handled;  /* messages of core NATS: handlers make progress */
        uint64_t stuck_at; /* what it was when they made none; UINT64_MAX: they do */
        char *topics[NATS_TOPICS];
        struct text packed; /* of the message that is being taken apart */
        struct text block;  /* headers to be sent */
        aeon_scope ticker_life;
        aeon_event *ticker_ended;
};

/* Send PUB or HPUB. @headers: the block, NULL: none. Does not suspend. Errors: -ENOTCONN, -ENOMEM, -EMSGSIZE. */
int aeon__nats_put(struct nats *l, const char *subject, const char *reply, const struct text *headers, const void *body,
                   size_t size);

/* A short line, by printf. */
int aeon__nats_say(struct nats *l, const char *format, ...) AEON_PRINTF(2, 3);

/* The headers of @e as a block, in l->block. @ret_block NULL: there are none. Errors: -EINVAL a name that cannot be one, -ENOMEM. */
int aeon__nats_encode_headers(struct nats *l, const struct envelope *e, const char *reply_to, const char *message_id,
                              const struct text **ret_block);

/* hello.c */
AEON_SUSPENDS int aeon__nats_greet(struct wire *w);
int aeon__nats_info(struct nats *l, const char *text, size_t size); /* one that came later */

/* nkey.c: the seed of the user from a file; the public key, and the signature of @nonce. Errors: -EINVAL ...; -ENOPKG no tls.so. */
enum { NATS_KEY_SIZE = 57, NATS_SIGNATURE_SIZE = 87 };
int aeon__nats_nkey_read(struct nats *l, const char *path);
int aeon__nats_nkey_sign(const struct nats *l, const char *nonce, char key[NATS_KEY_SIZE], char signature[NATS_SIGNATURE_SIZE]);

/* protocol.c */
ssize_t aeon__nats_take(struct wire *w, const char *bytes, size_t size);

AEON_SUSPENDS int aeon__nats_publish(struct link *link, const struct envelope *e);
int aeon__nats_route(struct link *link, const char *destination, const char *options, void **ret_route);
void aeon__nats_unroute(struct link *link, void *route);
