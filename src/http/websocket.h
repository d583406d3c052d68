/* WebSockets inside this room; the contract is in aeon/websocket.h.
 *
 * DESIGN
 *   From bytes to messages, each layer knowing only the one below:
 *
 *       websocket.c            the handler's calls; waits, pings, the closing handshake, who writes
 *       websocket_messages.c   frames become messages, pings, a close; what breaks the rules has a close code
 *       wslay.c                the ENGINE, the module websocket.so: bytes become frames and back, by libwslay
 *
 *   No task stands beside the handler's own. Whoever receives also does what must be done on the way: it answers pings, and its waits end when the
 *   next ping of our own is due. Those answers wait in `out` until the one who holds `writing` has time for them: a client that is
 *   slow to take a message can still be heard.
 *
 *   A WebSocket ends when the handler has returned (aeon__websocket_end()): the request's memory holds it.
 */
#pragma once

#include "http/buffer.h"

#include <aeon/scope.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/websocket.h>
#include <stdbool.h>
#include <stdint.h>

/* ------------------------------------------------------------------ frames: the engine */

enum websocket_opcode {
        WEBSOCKET_CONTINUATION = 0,
        WEBSOCKET_TEXT = AEON_WEBSOCKET_TEXT,
        WEBSOCKET_BINARY = AEON_WEBSOCKET_BINARY,
        WEBSOCKET_CLOSE = 8,
        WEBSOCKET_PING = 9,
        WEBSOCKET_PONG = 10,
};

enum { WEBSOCKET_HEAD_LIMIT = 14, WEBSOCKET_CONTROL_LIMIT = 125 };

/* A part of a frame, unmasked. */
struct websocket_piece {
        unsigned opcode;
        unsigned reserved; /* the three bits; extensions would use them */
        bool fin, masked;
        uint64_t size;    /* of the whole payload */
        const char *data; /* the next @count bytes of it; none only when size is 0 */
        size_t count;
};

/* Bytes that have come, up to @size of them: how many, or 0: there are none. May suspend. */
typedef size_t websocket_pull_fn(void *arg, void *buffer, size_t size);

struct websocket_codec; /* of one connection */

struct websocket_engine {
        int (*open)(websocket_pull_fn *pull, void *arg, struct websocket_codec **ret_codec);
        void (*free)(struct websocket_codec *codec);

        /* 0; -EAGAIN: pull() had nothing; -EPROTO: no frame begins like that (and nothing that follows can be understood). */
        AEON_SUSPENDS int (*next)(struct websocket_codec *codec, struct websocket_piece *ret_piece);

        /* Write the head of a whole frame with this payload; returns its size. Does not suspend. */
        size_t (*head)(struct websocket_codec *codec, unsigned opcode, const void *data, size_t size,
                       unsigned char ret_head[WEBSOCKET_HEAD_LIMIT]);
};

#define WEBSOCKET_ENGINE_SYMBOL "aeon__websocket_engine"

/* ------------------------------------------------------------------ messages */

/* What has come. */
enum websocket_event { WEBSOCKET_GOT_MESSAGE = 1, WEBSOCKET_GOT_PING, WEBSOCKET_GOT_PONG, WEBSOCKET_GOT_CLOSE };

struct websocket_messages {
        const struct websocket_engine *engine;
        struct websocket_codec *codec;
        size_t max_message;
        unsigned kind;            /* of the message that has begun; 0: none has */
        bool whole;               /* it was handed out */
        struct http_buffer bytes; /* its payload so far */
        size_t checked;           /* of text: so much of it is UTF-8 */

        struct websocket_piece frame;          /* the one that has begun */
        uint64_t left;                         /* of its payload; 0: none has begun */
        char control[WEBSOCKET_CONTROL_LIMIT]; /* the payload of a control frame */
        size_t control_size;

        unsigned code;      /* of a close that came; of a failure, what to tell the client */
        const char *reason; /* of a failure */
};

/* The next event. A message is in m->bytes until the next call, the payload of a control frame in m->control.
 *
 * Suspends if pull() does. Errors: -EAGAIN as the engine's next(); -EBADMSG, -EMSGSIZE, -ENOMEM a failure: m->code and m->reason
 * say what; the connection can only be closed */
AEON_SUSPENDS int aeon__websocket_next(struct websocket_messages *m);
void aeon__websocket_messages_done(struct websocket_messages *m);

/* A code that may stand in a close frame. */
bool aeon__websocket_is_code(unsigned code);

/* So many bytes from the beginning of @text are UTF-8, whole characters. */
size_t aeon__websocket_utf8(const char *text, size_t size);

/* ------------------------------------------------------------------ one connection */

struct aeon_websocket {
        aeon_request *req;
        aeon_stream *stream;
        aeon_bytes early; /* came behind the head */
        const char *protocol;

        struct websocket_messages in;
        bool receiving;     /* a task is in receive */
        bool waiting;       /* and waits for the client */
        aeon_scope reading; /* around that wait */
        int pulled;         /* how it ended when nothing came: 0 for the handler's end, or an error */
        aeon_duration ping;
        aeon_time due; /* when a silent client is pinged, or given up when it was */
        bool pinged;

        struct http_buffer out; /* control frames that are to be sent */
        aeon_mutex *writing;
        bool close_sent; /* it is in `out`, or further */
        bool closed;     /* the client's close has come */
        int failed;      /* why what comes cannot be understood; 0: it can */
        bool broken;     /* the stream is of no use */
        bool draining;   /* the handler is to end */
        aeon_time close_by;
        unsigned close_code; /* the client's */
};

/* What a request has to have: the answer to its key, and the sub-protocol. Errors: as aeon_websocket_accept() */
int aeon__websocket_check(aeon_request *req, const aeon_websocket_opts *opts, char ret_answer[32], const char **ret_protocol);

/* The server stops. Does not suspend. */
void aeon__websocket_drain(struct aeon_websocket *ws);

/* The handler has returned @r: close, and free all but what ends with the request. True when @r is the client's doing. */
AEON_SUSPENDS bool aeon__websocket_end(struct aeon_websocket *ws, int r);
