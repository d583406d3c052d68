/* HTTP/2: the module http2.so, between a connection of the server (http/protocol.h) and nghttp2.
 *
 * DESIGN
 *   nghttp2 knows the frames and does no I/O. Three kinds of tasks share its session:
 *
 *       connection task   reads, feeds nghttp2, whose callbacks begin streams and fill them; sees to the time (serve.c)
 *       request tasks     one per stream: handler, body, reply (body.c, reply.c), as for HTTP/1.1 (http/exchange.h)
 *       writer            while there is something to send, on demand: takes frames from nghttp2 and writes them (write.c)
 *
 *            socket --> feed --> callbacks --> stream->in --> aeon_request_read()
 *            socket <-- writer <-- nghttp2 <-- stream->out <-- aeon_reply_write()
 *
 *   BACK-PRESSURE. A stream's window opens when its handler has read, never before, so a stream holds at most HTTP2_STREAM_WINDOW bytes.
 *   The connection's window opens at once: a handler that does not read holds up no other one. A reply's bytes stay with their
 *   handler until flow control and the socket want them.
 *
 *   LIFE OF A STREAM. It is RUNNING while it has a request task, and CLOSED once nghttp2 has forgotten it. It is freed when it is closed and
 *   not running. What stays of the head, the body and the reply is in its aeon_request.
 */
#pragma once

#include "http/exchange.h"
#include "http/protocol.h"
#include "http/server.h"

#include <nghttp2/nghttp2.h>

enum {
        HTTP2_STREAM_WINDOW = 65535,       /* bytes of a body that nobody has read yet */
        HTTP2_CONNECTION_WINDOW = 1 << 20, /* bytes on their way */
        HTTP2_STRETCH = 16384,             /* bytes of a reply, which have the write time-out to be taken */
};

enum http2_farewell {
        FAREWELL_NOT_YET,
        FAREWELL_NOTICE, /* GOAWAY that names no stream, and a PING: what comes before its answer was sent before the client knew */
        FAREWELL_SAID,   /* GOAWAY that names the last stream */
};

struct http2 {
        struct http_link *link;
        nghttp2_session *session;
        struct list streams; /* all of them */
        size_t running;      /* streams with a request task */

        aeon_scope waiting; /* around the connection task's waits: cancel it to wake it */
        bool is_waiting;
        aeon_scope sending; /* around the writer's waits */
        bool is_sending;
        bool writing;     /* there is a writer */
        bool ending;      /* no more is read */
        aeon_time end_by; /* once it does: when the writer must have ended */
        int broken;       /* why nothing can be read or written any more; 0: it can */
        char *large;      /* a read buffer for much; NULL: not needed yet */

        enum http2_farewell farewell;
        aeon_time farewell_by; /* of the notice: when the answer is waited for no more */
        int32_t head_of;       /* the stream whose head is coming; 0: none is */
        aeon_time head_begun;  /* valid then */
        aeon_time idle_since;  /* when the last request ended */

        unsigned patience;      /* how many frames that lead to nothing are still borne */
        aeon_time patience_had; /* when some of it last came back */
        int32_t last_id;        /* the highest stream that has come */
        int32_t gap;            /* the last one below which streams were left out; those from gap_begin on */
        int32_t gap_begin;
        uint32_t verdict; /* why the connection is to end, as an error code; 0: it is not */
};

struct http2_stream {
        struct list place; /* in streams */
        struct http2 *c;
        int32_t id;
        bool running;
        bool closed;

        /* The head as it comes. */
        nghttp2_rcbuf *method, *path, *authority, *host; /* NULL: has not come */
        struct http_buffer cookies;                      /* all fields of that name, joined */
        uint64_t length;                                 /* of the body; BODY_UNKNOWN: nobody said */
        uint16_t refusal;                                /* what to answer in place of a handler; 0: nothing */
        const char *refusal_reason;

        /* The body. */
        struct http_buffer in; /* received, not read yet */
        bool in_ended;         /* no more will come */
        bool left;             /* and nobody wants more */

        /* The reply. */
        const char *out; /* borrowed of whoever waits */
        size_t out_size;
        size_t out_taken; /* of the present stretch */
        aeon_time out_by; /* when that must have been taken */
        bool out_last;    /* nothing follows */
        bool reply_begun; /* nghttp2 has its head */
        bool reply_ended; /* and its last byte */

        aeon_scope waiting; /* around the request task's waits */
        bool is_waiting;
        aeon_request req;
};

static inline struct http2_stream *aeon__http2_stream_of(aeon_request *req)
{
        return container_of(req, struct http2_stream, req);
}

/* ------------------------------------------------------------------ frames.c */

/* Make the session; -ENOMEM. */
int aeon__http2_session_new(struct http2 *c);

/* ------------------------------------------------------------------ write.c */

/* See to it that what nghttp2 has to say is sent. Does not suspend. */
void aeon__http2_flush(struct http2 *c);

/* ------------------------------------------------------------------ serve.c */

/* The connection task must look again. */
void aeon__http2_wake(struct http2 *c);

/* A request task has ended. */
void aeon__http2_request_ended(struct http2 *c);

/* Name the last stream that will be answered. */
void aeon__http2_say_farewell(struct http2 *c);

/* ------------------------------------------------------------------ stream.c */

/* NULL without memory. */
struct http2_stream *aeon__http2_stream_new(struct http2 *c, int32_t id);
void aeon__http2_stream_free(struct http2_stream *s);

/* nghttp2 has forgotten it. */
void aeon__http2_stream_closed(struct http2_stream *s);

/* End it for the client too, now. */
void aeon__http2_stream_reset(struct http2_stream *s, uint32_t code);

/* Nothing reaches the client any more, and nothing comes. */
bool aeon__http2_stream_is_over(const struct http2_stream *s);

/* Let the request task wait until something has changed. Errors: -ETIMEDOUT, -ECANCELED */
AEON_SUSPENDS int aeon__http2_stream_wait(struct http2_stream *s, aeon_time deadline);
void aeon__http2_stream_wake(struct http2_stream *s);

/* ------------------------------------------------------------------ head.c */

/* A field of the request has come. */
void aeon__http2_head_add(struct http2_stream *s, nghttp2_rcbuf *name, nghttp2_rcbuf *value);

/* The head is whole: begin the request, or refuse it. */
void aeon__http2_head_end(struct http2_stream *s, bool has_body);

/* ------------------------------------------------------------------ body.c, reply.c: as struct http_exchange_ops has them */

AEON_SUSPENDS ssize_t aeon__http2_read(aeon_request *req, void *buffer, size_t size);
void aeon__http2_leave_body(aeon_request *req);
AEON_SUSPENDS int aeon__http2_send(aeon_request *req);
int aeon__http2_begin_reply(aeon_request *req);
AEON_SUSPENDS int aeon__http2_write_reply(aeon_request *req, const void *data, size_t size);
AEON_SUSPENDS int aeon__http2_end_reply(aeon_request *req);
void aeon__http2_cut_reply(aeon_request *req);

/* Answer without a request task: what req->status and req->reply say. */
void aeon__http2_send_unattended(struct http2_stream *s);

/* A frame that ends the reply has been sent. */
void aeon__http2_reply_sent(struct http2_stream *s);
