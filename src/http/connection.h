/* One connection of HTTP/1.1: the state that its task and its request share. See server.h for who does what.
 *
 * connection.c is the task, body1.c and reply1.c are what its requests reach the client by (exchange.h). */
#pragma once

#include "http/exchange.h"
#include "http/protocol.h"
#include "http/server.h"

enum { HTTP_WRITE_STRETCH = 262144, HTTP_LARGEST_CHUNK = HTTP_WRITE_STRETCH / 2 };

struct http_connection {
        struct list spare;                 /* in server->spares, when it is nobody's */
        struct http_link *link;            /* whose it is */
        const struct http_protocol *other; /* spoken in place of HTTP/1.1; NULL: none */
        struct http_buffer in;             /* received, not yet used */
        struct http_buffer out;            /* the reply's head on its way out */
        aeon_scope waiting;                /* around every wait of the connection task: cancel it to wake it */
        bool late;                         /* the head did not come in time */
        bool expecting;                    /* waits for a handshake or for bytes of a head */
        bool must_read;                    /* something is there to be read */
        bool in_request;                   /* a request task exists */
        bool watching;                     /* reads while a request runs */
        bool ended;                        /* the stream ended while a request ran */
        bool close;                        /* no request follows the present one */
        bool cut;                          /* the reply is a fragment */
        bool upgraded;                     /* the request's handler has the stream */
        bool reply_chunked;
        struct http_chunked chunked; /* the request's body */
        aeon_request request;
};

static inline struct http_connection *connection_of(aeon_request *req)
{
        return container_of(req, struct http_connection, request);
}

/* The body of the connection task; @arg is a connection, which it frees. */
int aeon__connection_run(void *arg);

/* For @link, whose speaker it becomes: one of the spares, or a new one. NULL when there is no memory. */
struct http_connection *aeon__connection_new(struct http_link *link);

/* @link has nothing to say: to the spares. */
void aeon__connection_drop(struct http_connection *c);
void aeon__connection_free(struct http_connection *c);

/* Look at what has come: 1 a head is whole, or something else is to be spoken (c->other); 0 more is needed; -EBADMSG it is refused. */
int aeon__connection_look(struct http_connection *c);

/* How long a connection is still looked at when the server stops. */
aeon_time aeon__link_last_look(const struct http_link *link);

/* ------------------------------------------------------------------ parked.c */

/* A new connection of @server, parked. NULL when there is no memory; @stream stays the caller's then. */
struct http_link *aeon__link_new(struct http_server *server, aeon_stream *stream);
void aeon__link_free(struct http_link *link);

/* Wait for what comes without holding a task. What of a head has come already stays with link->speaker. The link may be freed by it. */
void aeon__link_park(struct http_link *link);

/* The body of the keeper; @arg is a server. */
int aeon__keeper_run(void *arg);
void aeon__keeper_wake(struct http_server *server);

/* Close all who are parked. */
void aeon__links_end(struct http_server *server);

/* Read more into c->in. Returns the count, 0 at the end, or an error of the stream. */
AEON_SUSPENDS ssize_t aeon__connection_read(struct http_connection *c);

/* Write @count pieces, each stretch of at most HTTP_WRITE_STRETCH bytes within the write time-out. */
AEON_SUSPENDS int aeon__connection_write(struct http_connection *c, const aeon_bytes *pieces, size_t count);

/* The head is parsed: what body follows? */
void aeon__connection_begin_body(struct http_connection *c);

/* As struct http_exchange_ops has them. */
AEON_SUSPENDS ssize_t aeon__connection_read_body(aeon_request *req, void *buffer, size_t size);
AEON_SUSPENDS void aeon__connection_leave_body(aeon_request *req);
AEON_SUSPENDS int aeon__connection_send(aeon_request *req);
int aeon__connection_begin_reply(aeon_request *req);
AEON_SUSPENDS int aeon__connection_write_reply(aeon_request *req, const void *data, size_t size);
AEON_SUSPENDS int aeon__connection_end_reply(aeon_request *req);
void aeon__connection_cut_reply(aeon_request *req);
AEON_SUSPENDS int aeon__connection_upgrade(aeon_request *req, const char *protocol, aeon_stream **ret_stream,
                                           aeon_bytes *ret_received);
