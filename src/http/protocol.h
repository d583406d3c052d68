/* What a connection speaks, when it is not HTTP/1.1.
 *
 * DESIGN
 *   A connection is made for HTTP/1.1, and decides once: by ALPN when there is TLS, by its first bytes when there is none (RFC 9113,
 *   3.3 and 3.4). HTTP/2 is the module http2.so, looked for when the first listener with TLS is bound or the first preface has come;
 *   without it nothing but HTTP/1.1 is offered, and a preface is refused as any other request line that is none.
 */
#pragma once

#include "http/server.h"

struct http_protocol {
        /* Speak it on @link until the connection has ended; the caller closes the stream. Runs in the connection's task, of which a
         * stop waits for the end and an emergency cancels it. @received has come already and is borrowed until the first suspension.
         * Sets link->ops before it suspends. */
        AEON_SUSPENDS void (*serve)(struct http_link *link, aeon_bytes received);
};

#define HTTP2_MODULE "http2"
#define HTTP2_SYMBOL "aeon__http2_protocol"
#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* HTTP/2, NULL when its module is not there. */
const struct http_protocol *aeon__http2(void);

/* Use @protocol (NULL: none) in place of the module. For tests, before anything listens. */
void aeon__http2_use(const struct http_protocol *protocol);

/* What a listener offers by ALPN, in our order of preference. */
const char *aeon__http_alpn(void);

/* 1: these bytes begin with the preface; 0: they may become it; -1: they will not. */
int aeon__http2_preface(const char *bytes, size_t size);
