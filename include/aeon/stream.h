/* aeon/stream.h - byte streams over TCP and unix sockets, as tasks want them: a read returns when there is something.
 *
 * Addresses are text: "127.0.0.1:8000", "[::1]:8000", "localhost:8000", ":8000" (all interfaces), "unix:/run/x.sock", and for
 * listening "fd:3" (a socket that somebody else bound) or "fd:http" (one that systemd or another supervisor handed to this process under
 * that name: $LISTEN_FDNAMES). Port 0 asks for a free one. */
#ifndef AEON_STREAM_H
#define AEON_STREAM_H

#include <aeon/attributes.h>
#include <aeon/bytes.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_stream aeon_stream;
typedef struct aeon_listener aeon_listener;

/* Connect to @address. Of a name's addresses the first that answers is taken: each is given a head start of 250 ms before the next is
 * tried beside it (RFC 8305).
 *
 * Suspends (names are looked up on a thread). Cancellable, and then there is no connection. @ret_stream is yours.
 *
 * Errors: -ECONNREFUSED, -EHOSTUNREACH ... of the first address tried; -ENOENT the name or socket file is unknown;
 *         -EINVAL the address cannot be read; -ECANCELED; -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_stream_connect(const char *address, aeon_stream **ret_stream);

/* Read what is there, up to @size bytes, waiting for at least one. Returns the count; 0 at the end of the stream.
 *
 * Suspends. Cancellable, and then nothing was taken. One task reads at a time.
 *
 * Errors: -ECONNRESET ...; -EBUSY another task is reading; -ECANCELED */
AEON_API AEON_SUSPENDS ssize_t aeon_stream_read(aeon_stream *s, void *buffer, size_t size);

/* Write all @size bytes.
 *
 * Suspends while the peer is slow. Cancelled before the first byte: nothing was written. Cancelled in the middle: the stream is
 * broken (every later call gives -EPIPE), since the peer has seen a part. One task writes at a time.
 *
 * Errors: -EPIPE, -ECONNRESET ...; -EBUSY another task is writing; -ECANCELED */
AEON_API AEON_SUSPENDS int aeon_stream_write(aeon_stream *s, const void *bytes, size_t size);

/* The same for several pieces in one system call where possible: head and body. At most 8. */
AEON_API AEON_SUSPENDS int aeon_stream_writev(aeon_stream *s, const aeon_bytes *pieces, size_t count);

/* Tell the peer that no more is coming; reading goes on. Suspends. Errors: -ENOTCONN, -ECANCELED. */
AEON_API AEON_SUSPENDS int aeon_stream_shutdown(aeon_stream *s);

/* Close and free; NULL is accepted. Does not suspend. A task that waits in a call on @s gets -EBADF. */
AEON_API void aeon_stream_close(aeon_stream *s);

/* The peer's address as text: "127.0.0.1:40312", "unix"; borrowed while @s lives. */
AEON_API const char *aeon_stream_peer(aeon_stream *s);

/* Bind a socket without listening yet: connections are refused until aeon_listener_open(). Needs no loop; any thread.
 * @ret_fd is yours until it is given to aeon_listener_open().
 *
 * Errors: -EADDRINUSE, -EACCES ...; -EINVAL the address cannot be read; the text names the address */
AEON_API AEON_MUST_CHECK int aeon_socket_bind(const char *address, int *ret_fd);

/* The address a bound socket really has ("127.0.0.1:7979"), written to @text. Errors: -EBADF ..., -ENOSPC. */
AEON_API int aeon_socket_address(int fd, char *text, size_t size);

/* Listen on a bound socket, which the listener then owns. Errors: -EADDRINUSE ..., -ENOMEM; on failure @fd stays yours. */
AEON_API AEON_MUST_CHECK int aeon_listener_open(int fd, aeon_listener **ret_listener);

/* Wait for a connection.
 *
 * Suspends. Cancellable, and then no connection was taken. @ret_stream is yours.
 *
 * Errors: -ECANCELED; -EBADF the listener was closed meanwhile; -EMFILE and the like pass: wait a little and accept again */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_listener_accept(aeon_listener *l, aeon_stream **ret_stream);

/* The same without waiting. Does not suspend. Owner loop only. Errors: -EAGAIN nobody waits; others as above. */
AEON_API AEON_MUST_CHECK int aeon_listener_try_accept(aeon_listener *l, aeon_stream **ret_stream);

/* Let nobody new in, while those who are at the door can still be accepted: closing a listener resets them. Over TCP, a connection that
 * is asked for from now on gets no answer, so that the peer asks again a second later, when the listener is closed; one whose handshake
 * has begun completes it. Once some milliseconds have passed and aeon_listener_try_accept() finds nobody, close.
 *
 * The SOCKET refuses, in all processes that share it and for good: not for one that was handed over or that others go on with.
 * Unix sockets know no such thing. Does not suspend. Errors: -ENOTSUP (unix); -ENOMEM ... of the kernel */
AEON_API int aeon_listener_refuse(aeon_listener *l);

/* Stop listening and free; NULL is accepted. Does not suspend. A task waiting in accept gets -EBADF. */
AEON_API void aeon_listener_close(aeon_listener *l);

#ifdef __cplusplus
}
#endif
#endif
