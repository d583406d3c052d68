/* aeon/http_client.h - asking other people's web servers.
 *
 *         aeon_http_response *res;
 *         int r = aeon_http_get(NULL, "https://example.org/users/7", &res);
 *         if (r < 0)
 *                 return r;                                        // "GET https://example.org/users/7: Connection refused"
 *         struct user *u;
 *         r = user_from_response(res, &u);                         // checks the status, reads the JSON
 *         aeon_http_response_free(res);
 *
 * A client keeps its connections and uses them again; with TLS it speaks HTTP/2 where the server does. It belongs to the loop that opened
 * it, and any number of that loop's tasks call through it at a time. NULL stands for a client that each loop has by itself, with all
 * options at their defaults.
 *
 * A STATUS IS NO ERROR: 404 is a response like any other, and so is a redirect unless opts.redirects says otherwise.
 * aeon_http_response_check() makes an error of it.
 *
 * TIME: a call takes as long as the enclosing scope lets it; only connecting has a limit of its own. A server that never answers is
 * waited for until then, so put a scope with a deadline around what must not hang.
 *
 * Errors never show the user, the password or the query of a URL.
 *
 * The protocol is libcurl's work. It is loaded when the first client is opened: the module `http-client.so` in LIBDIR/aeon, of the package
 * aeon-http-client. Proxies are those of the environment, as everywhere with curl: http_proxy, https_proxy, all_proxy, no_proxy. */
#ifndef AEON_HTTP_CLIENT_H
#define AEON_HTTP_CLIENT_H

#include <aeon/attributes.h>
#include <aeon/body.h>
#include <aeon/bytes.h>
#include <aeon/time.h>
#include <aeon/tls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_http_client aeon_http_client;
typedef struct aeon_http_response aeon_http_response;

/* ------------------------------------------------------------------ clients */

typedef struct aeon_http_client_opts {
        const char *base_url;          /* goes before URLs that begin with "/": "https://example.org/api". NULL: none may */
        const char *const *headers;    /* sent with every call: "Name: value" ..., NULL. A call's own of the same name go before */
        const char *user_agent;        /* "aeon/VERSION"; "": none is sent */
        const char *user;              /* "NAME:PASSWORD", for basic authentication; NULL: none */
        const char *proxy;             /* "http://proxy:3128"; "": none, whatever the environment says; NULL: as that says */
        const char *unix_socket;       /* connect to this socket, whatever the URLs say: "/run/docker.sock" */
        const aeon_tls_opts *tls;      /* for https: its ca, certificate, key and insecure; the others must be unset */
        unsigned max_connections;      /* at a time, 64; further calls wait for one. As many are kept when idle */
        unsigned redirects;            /* how many GET and HEAD follow, to http and https only. 0: a redirect is a response */
        size_t max_body;               /* bytes of a body that is received whole, unpacked: 16 MiB */
        aeon_duration connect_timeout; /* 10 s, for the name, the connection and TLS */
} aeon_http_client_opts;

/* Open a client; NULL @opts: defaults. All is copied. Nothing is connected yet. @ret_client is yours.
 *
 * Does not suspend; the first one of a process loads the module, which blocks for a moment. Errors:
 *   -ENOPKG   the module is not installed; the words name the package
 *   -EINVAL   the base URL, a header or an option cannot be; not on a loop
 *   -ENOENT   a file of TLS is missing, and is named
 *   -ENOTSUP  in a test's world, which has no sockets
 *   -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_http_client_open(const aeon_http_client_opts *opts, aeon_http_client **ret_client);

/* Close and free; NULL is accepted. Calls that are under way, in other tasks, end with -EBADF, and so does reading a streamed response.
 * Does not suspend. Owner loop only; one of another loop is refused in the log. */
AEON_API void aeon_http_client_close(aeon_http_client *c);

/* ------------------------------------------------------------------ calls
 *
 * All suspend. Cancellable: the connection is closed then, nothing is left behind, and nobody knows whether the server has carried it out.
 * @ret_response is yours, to aeon_http_response_free().
 *
 * Errors. Before anything was sent:
 *   -EINVAL         the URL, a header or the method cannot be; TLS files cannot be read
 *   -ENOENT         nobody knows the host's name
 *   -ECONNREFUSED, -EHOSTUNREACH ...  of connecting
 *   -EPROTO         TLS: the words say what did not verify
 *   -ETIMEDOUT      connecting took longer than opts.connect_timeout
 *   -EXDEV          the client is another loop's
 *   -ENOMEM; for NULL as client also the errors of aeon_http_client_open()
 * When the request was sent, and perhaps carried out:
 *   -ECONNRESET     the server ended the connection before the response was complete
 *   -EBADMSG        what came is not HTTP, or cannot be unpacked
 *   -EMSGSIZE       the body is longer than max_body, or the head than 256 KiB
 *   -ELOOP          more redirects than opts.redirects
 *   -EBADF          the client was closed meanwhile
 *   -EIO            anything else; the words are libcurl's
 *   -ECANCELED
 * Source: RFC 9110. */

/* @url is whole, "https://example.org/users/7?full=1", or begins with "/" and goes behind the client's base URL. It must be
 * percent-encoded already. Strings and the body are borrowed during the call. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_http_get(aeon_http_client *c, const char *url, aeon_http_response **ret_response);

/* With a body: aeon_http_post(c, "/users", AEON_JSON(text), &res). */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_http_post(aeon_http_client *c, const char *url, aeon_body body,
                                                          aeon_http_response **ret_response);

/* Gives the next piece of a request's body: up to @size bytes into @buffer, the count returned, 0 at the end, a negative errno to give the
 * call up, which then returns it. Runs in the calling task and may suspend. A connection is made for such a
 * call, since the pieces cannot be sent a second time should a kept one turn out dead. */
typedef ssize_t aeon_http_body_fn(void *arg, void *buffer, size_t size);

/* One call, whole. */
typedef struct aeon_http_call {
        const char *method; /* "GET", with a body "POST" */
        const char *url;
        const char *const *headers; /* "Name: value" ..., NULL; go before the client's of the same name */
        aeon_body body;             /* AEON_JSON(text), AEON_BYTES(data, size) ... */
        aeon_http_body_fn *body_fn; /* in its place: a body in pieces, too long to keep */
        void *body_arg;             /* handed to it */
        uint64_t body_size;         /* of all pieces; 0: not known, and they are sent chunked */
        const char *body_type;      /* their content type; NULL: none */
        const char *user;           /* "NAME:PASSWORD"; NULL: the client's */
        const char *aws;            /* "REGION:SERVICE": sign as AWS wants it (version 4), where user is "KEY:SECRET" */
        size_t max_body;            /* of the response; 0: the client's */
} aeon_http_call;

/* Send a request and receive the whole response. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_http_send(aeon_http_client *c, const aeon_http_call *call,
                                                          aeon_http_response **ret_response);

/* The same up to the response's head; its body is then read in pieces, however long it is. What @call points to, other than the body_arg,
 * is copied. Of a body_fn's pieces the rest is sent by aeon_http_response_read(). */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_http_open_response(aeon_http_client *c, const aeon_http_call *call,
                                                                   aeon_http_response **ret_response);

/* Receive the next piece of a response that aeon_http_open_response() gave: up to @size bytes. Returns the count; 0 at the end. While
 * nobody reads, not more than some 64 KiB are taken from the server (with HTTP/2: from this one call).
 *
 * Suspends. Cancellable, and then nothing was taken. Errors: those of a call that was sent; -EINVAL no room, or not such a response;
 * -EBUSY another task is reading; -EXDEV the response is another loop's */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK ssize_t aeon_http_response_read(aeon_http_response *res, void *buffer, size_t size);

/* ------------------------------------------------------------------ responses. All is borrowed until the response is freed. */

/* 200, 404 ... */
AEON_API int aeon_http_response_status(const aeon_http_response *res);

/* The first header field of this name, in any case of letters, and the @n-th (from 0); NULL when there is none. */
AEON_API const char *aeon_http_response_header(const aeon_http_response *res, const char *name);
AEON_API const char *aeon_http_response_header_at(const aeon_http_response *res, const char *name, unsigned n);

/* The whole body, unpacked; a NUL follows its last byte. Empty for a response that is read in pieces. */
AEON_API aeon_bytes aeon_http_response_body(const aeon_http_response *res);

/* The same as text, up to its first NUL; "" when there is none. */
AEON_API const char *aeon_http_response_text(const aeon_http_response *res);

/* Make an error of a status of 400 or more: 0, or
 *   -ENOENT     404, 410
 *   -EREMOTEIO  any other
 * with words that name the call, the status and what the body begins with. Does not suspend. */
AEON_API AEON_MUST_CHECK int aeon_http_response_check(const aeon_http_response *res);

/* Read the body as JSON for @record, into a value of your own: aeon_record_free(). To be used in its typed form, which AEON_RECORD(user, ...)
 * makes: user_from_response(res, &u), user_free(u). Does not suspend.
 *
 * Errors: those of aeon_http_response_check(); those of aeon_record_decode() */
struct aeon_record;
AEON_API AEON_MUST_CHECK int aeon_record_from_response(const aeon_http_response *res, const struct aeon_record *record,
                                                       void **ret_value);

/* Free it; NULL is accepted. One that was not read to its end is given up, and its connection with it. One that a task reads from is not
 * freed, and the log says so. Does not suspend. Owner loop only; the client may be closed already. */
AEON_API void aeon_http_response_free(aeon_http_response *res);

#ifdef __cplusplus
}
#endif
#endif
