/* aeon/websocket.h - WebSockets: messages both ways, for as long as both sides like.
 *
 *         static int echo(aeon_request *req)
 *         {
 *                 aeon_websocket *ws;
 *                 aeon_websocket_message m;
 *                 int r = aeon_websocket_accept(req, NULL, &ws);
 *                 while (r >= 0 && (r = aeon_websocket_receive(ws, &m)) > 0)
 *                         r = aeon_websocket_send(ws, m.kind, m.data, m.size);
 *                 return r;
 *         }
 *
 *         aeon_route(app, "GET /echo", echo, NULL);
 *
 * A WebSocket is its handler's: it begins with aeon_websocket_accept() and ends when the handler returns, by the closing handshake. The close
 * code is 1000; 1011 when the handler fails; 1012 when the app stops, so that clients connect again.
 *
 * Receiving is what keeps it alive: while a task is in aeon_websocket_receive(), pings are answered, a client that is silent is pinged, and
 * one that does not answer is given up. One task receives; any number of tasks send, but all of them must be done with it when the
 * handler returns: spawn them in a group of the handler.
 *
 * HTTP/1.1 only, with TLS or without; browsers use that for WebSockets by themselves. Compression (permessage-deflate) is not offered. It
 * needs the module websocket.so (the package aeon-websocket).
 *
 * Source: RFC 6455. */
#ifndef AEON_WEBSOCKET_H
#define AEON_WEBSOCKET_H

#include <aeon/attributes.h>
#include <aeon/http.h>
#include <aeon/time.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_websocket aeon_websocket;

typedef enum aeon_websocket_kind {
        AEON_WEBSOCKET_TEXT = 1, /* UTF-8 */
        AEON_WEBSOCKET_BINARY = 2,
} aeon_websocket_kind;

/* Borrowed until the next message is received or the handler ends. A NUL follows the last byte, so text may be used as it is. */
typedef struct aeon_websocket_message {
        aeon_websocket_kind kind;
        const char *data;
        size_t size;
} aeon_websocket_message;

typedef struct aeon_websocket_opts {
        /* Which sub-protocols are spoken, the best first; ends in NULL: (const char *const[]){ "chat.v2", "chat.v1", NULL }. NULL: none. */
        const char *const *protocols;

        /* Pages of which other origins may connect; ends in NULL: (const char *const[]){ "https://example.com", NULL }; "*": all. Cookies
         * come along from any page, so a page of a stranger would speak in its visitor's name. NULL: pages of the host that the request
         * names, and clients that are no browsers: those say no Origin. */
        const char *const *origins;

        size_t max_message; /* bytes, 1 MiB; a longer one ends the connection (1009) */
        aeon_duration
                ping; /* a silent client is pinged after so long, and given up when it is silent as long again: 20 s. AEON_NEVER: never */
} aeon_websocket_opts;

/* Answer a request that asks for a WebSocket. It comes before any reply; the fields of aeon_reply_header() go with it. @ret_ws lives until
 * the handler ends. NULL @opts: the defaults. When it fails, the handler returns what it gave, and the client gets a reply:
 *
 * Suspends. Cancellable. Errors: -EBADMSG  the request does not ask for one, or not as it has to be (400, 426)
 *                                -EACCES   a page of this origin may not connect (403)
 *                                -EINVAL   an option; -ENOPKG the module is not there
 *                                others as aeon_reply_begin(), aeon_reply_write() */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_websocket_accept(aeon_request *req, const aeon_websocket_opts *opts,
                                                                 aeon_websocket **ret_ws);

/* The sub-protocol that was agreed on; NULL: none, as the client asked for none of ours. Borrowed until the handler ends. */
AEON_API const char *aeon_websocket_protocol(const aeon_websocket *ws);

/* Receive the next message, whole. Returns 1; 0 when the handler is to end: the client has closed, or the app stops (what was to be said
 * may still be sent then).
 *
 * Suspends. Cancellable, and then nothing is lost: the next call goes on. One task at a time.
 *
 * Errors: -ECONNRESET  the client has gone without a word, or does not answer
 *         -EBADMSG     it broke the protocol, or sent text that is no UTF-8; it has been told (1002, 1007)
 *         -EMSGSIZE    longer than max_message; it has been told (1009)
 *         -EBUSY       another task is receiving; -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_websocket_receive(aeon_websocket *ws, aeon_websocket_message *ret_message);

/* Send a message; text must be UTF-8. All of it is with the kernel when this returns, so a sender is as fast as the client. Several
 * tasks may send at once: each message leaves whole, in order of the calls.
 *
 * Suspends. Cancelled before the first byte: nothing was sent. Cancelled in the middle: the connection is broken.
 *
 * Errors: -EPIPE       it was closed, by either side
 *         -ECONNRESET  the client has gone
 *         -ETIMEDOUT   it took nothing for the listener's write_timeout
 *         -EINVAL      no UTF-8, or no such kind; -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS int aeon_websocket_send(aeon_websocket *ws, aeon_websocket_kind kind, const void *data, size_t size);

/* Close with a code and a reason other than the handler's end would (NULL: none). Unless another task is receiving, who will hear the answer,
 * it waits up to 5 s for that; messages that come meanwhile are dropped. Closing again does nothing.
 *
 * Suspends. Cancellable. Errors: -EINVAL the code is none that may be sent (1000 to 1003, 1007 to 1014, 3000 to 4999), or the reason has
 *                                        more than 123 bytes or is no UTF-8; -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS int aeon_websocket_close(aeon_websocket *ws, unsigned code, const char *reason);

/* With which code the client closed: 1000, 1001 its page was left; 1005: with none. 0: it has not closed. */
AEON_API unsigned aeon_websocket_close_code(const aeon_websocket *ws);

#ifdef __cplusplus
}
#endif
#endif
