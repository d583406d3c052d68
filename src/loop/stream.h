/* Streams between the files of this room; the contract is in aeon/stream.h.
 *
 * DESIGN
 *   Reading is started with the first read and stays on: each time libuv has data it asks alloc() for room and gets the waiting
 *   task's own buffer, so bytes are copied once, and the task runs inside the callback. Only when data comes and nobody waits is
 *   reading stopped, until the next read; what the kernel holds is the back-pressure.
 *
 *   Writing tries the socket first; only what did not fit becomes a request, which lies on the writing task's stack.
 *
 *   The handle lives on the heap: uv_close() takes a turn of the loop. It is freed when it is closed AND its owner has let go.
 */
#pragma once

#include "loop/loop.h"
#include "loop/sink.h"

#include <aeon/stream.h>

struct aeon_stream {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;
        } uv;
        struct stream_reader *reader; /* the task in aeon_stream_read() */
        struct stream_sink *sink;     /* who is told in place of a task; never together with a reader */
        struct stream_writer *writer; /* the task in aeon_stream_write() whose bytes did not fit at once */
        int broken;                   /* 0, or what every further call returns */
        bool reading;                 /* uv_read_start() is in force */
        bool closing;                 /* uv_close() was called */
        bool closed;                  /* its callback has come */
        bool orphan;                  /* the owner has closed it */
        bool reset;                   /* closing tells the peer that something went wrong */
        struct secure *secure;        /* TLS between the callers and the bytes above; NULL: none */
        char peer[128];               /* filled in when asked for */
};

/* Errors: -ENOTSUP in a world. */
int aeon__stream_allowed(void);

/* The three without TLS in between. @limit is how long a write may wait; 0: for ever. */
AEON_SUSPENDS ssize_t aeon__raw_read(struct aeon_stream *s, void *buffer, size_t size);
AEON_SUSPENDS int aeon__raw_writev(struct aeon_stream *s, const aeon_bytes *pieces, size_t count, aeon_duration limit);
AEON_SUSPENDS int aeon__raw_shutdown(struct aeon_stream *s);

/* The three with it; secure.c. */
AEON_SUSPENDS ssize_t aeon__secure_read(struct aeon_stream *s, void *buffer, size_t size);
AEON_SUSPENDS int aeon__secure_writev(struct aeon_stream *s, const aeon_bytes *pieces, size_t count);
AEON_SUSPENDS int aeon__secure_shutdown(struct aeon_stream *s);
ssize_t aeon__secure_read_at_hand(struct aeon_stream *s, void *buffer, size_t size);
void aeon__secure_free(struct secure *secure);

/* Nothing works on @s any more: every call, the pending ones too, returns @code. */
void aeon__stream_break(struct aeon_stream *s, int code);

/* Connect to whichever of these addresses answers first. */
struct addrinfo;
AEON_SUSPENDS int aeon__connect_any(const struct addrinfo *found, struct aeon_stream **ret_stream);

/* An unconnected stream of this family on the running loop. */
int aeon__stream_new(int family, struct aeon_stream **ret_stream);
