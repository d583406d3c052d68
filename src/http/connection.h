/* One connection: the state that its task and its request share. See server.h for who does what. */
#pragma once

#include "http/request.h"
#include "http/server.h"

struct http_connection {
        struct list place; /* in server->connections */
        struct http_server *server;
        aeon_stream *stream;
        struct http_buffer in;  /* received, not yet used */
        struct http_buffer out; /* the reply's head on its way out */
        aeon_scope waiting;     /* around every wait of the connection task: cancel it to wake it */
        aeon_time accepted;
        aeon_time head_begun; /* when the present head's first byte came; 0: it has not */
        bool fresh;           /* no request has come yet */
        bool receiving;       /* waits for a head, or the rest of one */
        bool idle;            /* waits for the first byte of a request: may be cut off */
        bool in_request;      /* a request task exists */
        bool ended;           /* the stream ended while a request ran */
        bool client_gone;     /* nobody is there for the reply of the present request */
        bool close;           /* no request follows the present one */
        aeon_request request;
};

/* The body of the connection task; @arg is a connection, which it frees. */
int aeon__connection_run(void *arg);

/* The body of the request task: run the handler, send the reply, wake the connection task. @arg is the connection. */
int aeon__exchange_run(void *arg);

/* NULL when there is no memory; @stream stays the caller's then. */
struct http_connection *aeon__connection_new(struct http_server *server, aeon_stream *stream);
void aeon__connection_free(struct http_connection *c);

/* How long an idle connection is still looked at when the server stops. */
aeon_time aeon__connection_last_look(const struct http_connection *c);

/* Read more into c->in. Returns the count, 0 at the end, or an error of the stream. */
AEON_SUSPENDS ssize_t aeon__connection_read(struct http_connection *c);

/* Write @count pieces, each stretch of at most 256 KiB within the write time-out. */
AEON_SUSPENDS int aeon__connection_write(struct http_connection *c, const aeon_bytes *pieces, size_t count);
