/* What comes on a stream, for who holds no task: a callback for the first bytes; and how a stream is written to in limited time, and
 * closed in anger.
 *
 * DESIGN
 *   A stream has a reader (a task in aeon_stream_read()), a sink, or neither. A sink is told once and is gone; who wants to hear more sets
 *   it again, which costs nothing: reading stays on in between.
 */
#pragma once

#include <aeon/stream.h>
#include <aeon/time.h>

struct stream_sink {
        /* Room for what comes, @ret_size bytes of it; NULL: there is none. A sink without this function never has any. */
        char *(*room)(struct stream_sink *sink, size_t *ret_size);

        /* @count bytes are in the room; -EAGAIN: there was no room, and a read will not wait; 0: the end; another negative errno: the
         * stream is broken. In a callback of the loop, outside any task: does not suspend; may close the stream or set a sink. */
        void (*came)(struct stream_sink *sink, ssize_t count);
};

/* Tell @sink of what comes next; NULL: nobody. No task may be reading. Errors: -EBUSY one is; of a stream that is broken. */
int aeon__stream_sink(aeon_stream *s, struct stream_sink *sink);

/* Read what TLS has in hand already: without this a sink would wait for what has come. -EAGAIN: nothing. Does not suspend. */
ssize_t aeon__stream_read_at_hand(aeon_stream *s, void *buffer, size_t size);

/* aeon_stream_writev() that may wait for @limit altogether, which costs nothing as long as the kernel takes all of it at once.
 * Errors: -ETIMEDOUT; as of that function. */
AEON_SUSPENDS int aeon__stream_writev_within(aeon_stream *s, const aeon_bytes *pieces, size_t count, aeon_duration limit);

/* Close @s, when it is closed, so that the peer cannot take what it got for all: by a reset. Over TLS and unix sockets as always: there
 * the missing farewell says so, or nothing can. */
void aeon__stream_reset(aeon_stream *s);
