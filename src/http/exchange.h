/* Between a request and how it reaches its client: what HTTP/1.1 does, and what another version of HTTP does beside it.
 *
 * DESIGN
 *   Everything that a handler sees (aeon_request_*, aeon_reply_*), the routes, the limits and the mapping of results to statuses know
 *   requests only. How bytes come and go is a table of functions that each kind of connection has one of:
 *
 *       handler --- aeon_reply_write() --- checks, counts --- ops->write() --- chunks on a stream, or DATA frames, or ...
 *
 *   A connection keeps a request in its own structure (container_of() finds the way back), fills in its head, and starts it:
 *
 *       aeon__request_init()                      once
 *       aeon__request_set_target(), _add_field()  for each request (HTTP/1.1's parser does it in place)
 *       aeon__request_begin(), body_state         the strings are made; is there a body?
 *       aeon__exchange_start()                    the request task: handler, reply
 *       ops->done()                               its last word
 *       aeon__request_end()                       ready for the next
 */
#pragma once

#include "http/request.h"

struct http_exchange_ops {
        /* Receive the next piece of the body, at most @size bytes; called while body_state is BODY_COMING. With the last byte, or by
         * returning 0, it becomes BODY_NONE. Failures go through aeon__request_body_broken(). Counts body_left down when that is known.
         * Cancelled: nothing was taken. */
        AEON_SUSPENDS ssize_t (*read)(aeon_request *req, void *buffer, size_t size);

        /* The handler has ended: nobody will ask for the rest of the body. Called once, before the kept reply is sent or a streamed one
         * is ended. */
        AEON_SUSPENDS void (*leave_body)(aeon_request *req);

        /* Send the kept reply: status, content_type, headers, and reply unless aeon__reply_is_bare(). */
        AEON_SUSPENDS int (*send)(aeon_request *req);

        /* Make the head of a streamed reply; it leaves with the first write(), or with end(). */
        int (*begin)(aeon_request *req);

        /* Send @size bytes, and the head when it has not left; 0: the head alone. Returns when the next piece may be produced: that
         * is the back-pressure. After a failure only cut() follows. */
        AEON_SUSPENDS int (*write)(aeon_request *req, const void *data, size_t size);
        AEON_SUSPENDS int (*end)(aeon_request *req);

        /* The streamed reply stays a fragment, and the client must be able to see that. */
        void (*cut)(aeon_request *req);

        /* Answer 101 with "Upgrade: @protocol" and hand out the stream and what has come already; NULL: this kind cannot. */
        AEON_SUSPENDS int (*upgrade)(aeon_request *req, const char *protocol, aeon_stream **ret_stream, aeon_bytes *ret_received);

        /* The request task touches the request no more. Called once, last. */
        void (*done)(aeon_request *req);
};

/* Start the request task, named after the request. Does not suspend. On failure there is none, and done() will not be called. Errors: of the
 * server's spawn(). */
AEON_API int aeon__exchange_start(aeon_request *req);

/* The client has gone, or wants no answer any more: cancel the handler. Once is enough. */
AEON_API void aeon__exchange_abandon(aeon_request *req);

/* Take the stream over: for the handler of a protocol that begins as an HTTP/1.1 request. Fields that aeon_reply_header() set go with
 * the 101. From then on the stream is the handler's until it ends: only it reads and writes, its client's end does not cancel it, and
 * when it returns the connection closes. It must not close the stream. @ret_received: what came behind the head; borrowed as long.
 *
 * Suspends. Errors: -ENOTSUP   this kind of connection, or HTTP/1.0, cannot
 *                   -EALREADY  a reply has begun
 *                   -EINVAL    a part of the request's body was not received
 *                   -ECONNRESET, -ETIMEDOUT the client; -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon__request_upgrade(aeon_request *req, const char *protocol, aeon_stream **ret_stream,
                                                                 aeon_bytes *ret_received);
