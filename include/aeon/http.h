/* aeon/http.h - requests from the web, each a task inside the lifespan of its own loop.
 *
 *         static int hello(aeon_request *req)
 *         {
 *                 return aeon_reply_text(req, 200, "Hello, world!");
 *         }
 *
 *         AEON_APP(app)
 *         {
 *                 aeon_http_listen(app, &(aeon_http_opts){ .port = 8000 });
 *                 aeon_route(app, "GET /hello", hello, NULL);
 *         }
 *
 * The address is reserved before anything starts and listened on when the app is ready. When the app stops the listener closes,
 * idle connections close, and requests that are under way are answered with `Connection: close`.
 *
 * All functions on a request are called by its handler's task (or a task that it waits for), on its own loop. */
#ifndef AEON_HTTP_H
#define AEON_HTTP_H

#include <aeon/app.h>
#include <aeon/attributes.h>
#include <aeon/stream.h>
#include <aeon/time.h>
#include <aeon/tls.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_request aeon_request;
struct aeon_record; /* aeon/record.h */

/* ------------------------------------------------------------------ listening */

typedef enum aeon_access_log {
        AEON_ACCESS_LOG_ON,
        AEON_ACCESS_LOG_OFF, /* but for requests that fail */
} aeon_access_log;

typedef struct aeon_http_opts {
        const char *host;    /* "127.0.0.1"; "0.0.0.0" or "::" for all interfaces, as a container needs */
        unsigned port;       /* 8000 */
        const char *address; /* whole, in place of host and port: "127.0.0.1:0" (any free port), "unix:/run/x.sock", "fd:http" */
        size_t max_body;     /* bytes, 1 MiB; a longer body is answered 413 */
        unsigned max_connections;    /* per loop, 16384; further ones wait in the kernel's queue */
        unsigned max_streams;        /* HTTP/2: 100 requests of a connection at once; further ones are refused, to be sent again */
        aeon_duration head_timeout;  /* 10 s from a head's first byte to its last; then 408 */
        aeon_duration body_timeout;  /* 30 s for the body, and one second more for each KiB received; then 408 */
        aeon_duration idle_timeout;  /* 75 s between requests; then the connection is closed */
        aeon_duration write_timeout; /* 30 s for the peer to take the next piece of a reply; then the connection is closed */
        bool debug;                  /* show the text of errors to clients */
        aeon_access_log access_log;  /* on: a line for each request, at the level info; of the level error when its status is 5xx */
        const aeon_tls_opts
                *tls; /* serve HTTPS: certificate and key, as aeon_tls_server_new(); NULL: plain HTTP. The files are read
                                          at the start and again on SIGHUP, for connections that begin from then on */
} aeon_http_opts;

/* Serve the app's routes on an address, on every loop. May be called several times, before or after the routes are declared.
 * Strings are copied. NULL @opts: 127.0.0.1:8000.
 *
 * Errors: -ENOMEM; -EINVAL the port is above 65535. An address that is taken, or a file of TLS that is missing or unfit, fails the start
 * (exit 1) and is named; one that has become so when it is read again is told in the log, and the old one stays. */
AEON_API int aeon_http_listen(aeon_app *app, const aeon_http_opts *opts);

/* The address that the @n-th listener really has, "127.0.0.1:8000"; from start-up hooks on. Borrowed while the app lives; NULL when
 * there is none. */
AEON_API const char *aeon_http_address(aeon_app *app, unsigned n);

/* ------------------------------------------------------------------ routes */

/* Answers one request. Without a reply of its own, the result decides:
 *
 *   0 or more   204            -EACCES     403          -ECANCELED  503, or nothing when the client has gone (499 in the log)
 *   -EINVAL     400            -ENOENT     404          -ETIMEDOUT  504
 *   any other   500            a failure of aeon_request_body() or aeon_request_read(): its own status
 *
 * A failure replaces a reply that was set before. Its text goes to the log, to the client only the status (unless `debug`), as
 * `application/problem+json` (RFC 9457): {"title":"Not Found","status":404}. When the client goes away, the handler is cancelled with the reason "client disconnected". */
typedef int aeon_request_fn(aeon_request *req);

/* MIDDLEWARE is a function around the handler, which may do something before it, after it, or in its place:
 *
 *         static int only_members(aeon_request *req, aeon_next *next)
 *         {
 *                 if (!aeon_request_cookie(req, "session"))
 *                         return aeon_fail(-EACCES, "no session");       // the handler does not run
 *                 int r = aeon_next_run(next);
 *                 aeon_reply_set_header(req, "Cache-Control", "private");
 *                 return r;
 *         }
 *
 * It runs in the request's task and may suspend. The route and its parameters are known to it; where there is no route it stands around
 * the 404 or 405. It returns what aeon_next_run() gave, or a result of its own, which then decides as a handler's. */
typedef struct aeon_next aeon_next;
typedef int aeon_middleware_fn(aeon_request *req, aeon_next *next);

/* Run the rest, once, and return its result. The reply is then as the client will get it, also that of a failure, and may be changed.
 *
 * Suspends. Errors: what the rest returned; -EALREADY it has run */
AEON_API AEON_SUSPENDS int aeon_next_run(aeon_next *next);

/* Put @fn around all routes of @app, inside those that were declared before it. Errors: -ENOMEM, and the app refuses to start. */
AEON_API int aeon_use_middleware(aeon_app *app, aeon_middleware_fn *fn);

/* One way in which a route answers, for its document. */
typedef struct aeon_route_reply {
        int status;                       /* 200; 0 ends a list of them */
        const struct aeon_record *record; /* its JSON, as NAME_reply() sends it; NULL: none */
        const char *content_type;         /* of a body that is no record: "text/csv"; NULL: there is no body */
        const char *doc;                  /* when it comes, what it means; NULL: the status says it */
} aeon_route_reply;

typedef struct aeon_route_opts {
        aeon_duration timeout; /* for the handler and what stands around it; then 504. 0: none */
        size_t max_body;       /* 0: the listener's */
        /* Around this route, outermost first, inside the app's; ends in NULL: (aeon_middleware_fn *[]){ only_members, NULL }. Copied. */
        aeon_middleware_fn *const *middleware;

        /* What it takes and gives, for its document (`aeon docs gen --http`) and for nothing else: the handler reads and answers as ever,
         * and the log tells once when it does so with another record.
         * Lists are copied; texts and records have to live as long as the app, as literals and item_record() do. */
        const char *doc;                  /* what it does; its first line is the title */
        const struct aeon_record *params; /* of the path, for NAME_params() */
        const struct aeon_record *query;  /* for NAME_query() */
        const struct aeon_record *body;   /* JSON, for NAME_receive() */
        const struct aeon_record *form;   /* for NAME_form() */
        const char *const *files;         /* which fields of a form are files: (const char *[]){ "photo", NULL } */
        const aeon_route_reply *replies;  /* (aeon_route_reply[]){ { 200, item_record() }, { 0 } }; NULL: not told */
} aeon_route_opts;

/* Answer @pattern with @handler: "GET /users/{id}", "GET /files/{path...}".
 *
 * `{name}` stands for one segment of the path, `{name...}` (at the end) for all the rest, also none. A literal segment goes before
 * `{name}`, that before `{name...}`, whatever the order of declaring. HEAD is answered by GET's route, OPTIONS by the list of
 * methods, a known path with another method by 405, all else by 404. Escapes (%20) are decoded once, after the path was cut at its
 * slashes; a path with a segment `..`, escaped or not, is refused with 400.
 *
 * Errors: -EINVAL the pattern cannot be read, or has more than 8 names, or a status of .replies is not in 100..599; -EEXIST it is there
 *         already; -ENOMEM. The app refuses to start, naming it. */
AEON_API int aeon_route(aeon_app *app, const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts);

/* ------------------------------------------------------------------ the request. All strings are borrowed until the handler ends.
 */

/* "GET", "POST": as it was sent. */
AEON_API const char *aeon_request_method(const aeon_request *req);

/* The path as it was sent, without the query and with its escapes: "/users/J%C3%BCrgen". */
AEON_API const char *aeon_request_path(const aeon_request *req);

/* The path's part under the name that the route gives it, decoded; NULL when the route has no such name. */
AEON_API const char *aeon_request_param(const aeon_request *req, const char *name);

/* The first value of `name=value` in the query, decoded (`+` is a space); "" for `name` alone; NULL when there is none, or no
 * memory. */
AEON_API const char *aeon_request_query(aeon_request *req, const char *name);

/* All of them: begin with *@cursor 0; NULL after the last. */
AEON_API const char *aeon_request_query_next(aeon_request *req, const char *name, size_t *cursor);

/* The first header field of this name, in any case of letters; NULL when there is none. */
AEON_API const char *aeon_request_header(const aeon_request *req, const char *name);

/* All of them: begin with *@cursor 0; NULL after the last. */
AEON_API const char *aeon_request_header_next(const aeon_request *req, const char *name, size_t *cursor);

/* The pattern of the route, "GET /users/{id}"; NULL when there is none (in middleware). */
AEON_API const char *aeon_request_route(const aeon_request *req);

/* What to call this request by: its X-Request-Id when that is 1 to 64 letters, digits and -_.:+/=@, else sixteen digits of chance. It
 * is in all log lines of the request's task and of the tasks that it spawns, and goes back to the client as X-Request-Id. */
AEON_API const char *aeon_request_id(const aeon_request *req);

/* The caller's place in a trace, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; NULL when there is none, or it is not as it
 * has to be. Source: W3C Trace Context. */
AEON_API const char *aeon_request_traceparent(const aeon_request *req);

/* The client's address: "127.0.0.1:40312", "unix". */
AEON_API const char *aeon_request_peer(const aeon_request *req);

/* Receive the whole body. A NUL follows its last byte, so text may be used as it is. The same body is given every time.
 *
 * Suspends. Cancellable.
 *
 * Errors: -EMSGSIZE    longer than max_body (413)
 *         -EBADMSG     it breaks the protocol (400), or a part was read before
 *         -ETIMEDOUT   it comes too slowly (408)
 *         -ECONNRESET  the client has gone
 *         -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_request_body(aeon_request *req, aeon_bytes *ret_body);

/* Receive the next piece of the body, up to @size bytes, for bodies too long to keep. Returns the count, 0 at the end.
 * max_body does not apply.
 *
 * Suspends. Cancellable, and then nothing was taken. Errors: as aeon_request_body(). */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK ssize_t aeon_request_read(aeon_request *req, void *buffer, size_t size);

/* Receive the body as JSON for @record, into a value that lives until the handler ends. To be used in its typed form, which
 * AEON_RECORD(question, ...) makes:
 *
 *         const struct question *q;
 *         int r = question_receive(req, &q);
 *         if (r < 0)
 *                 return r;                       // 400
 *
 * and the client reads all that is wrong:
 *
 *         {"title":"Bad Request","status":400,"detail":"question: x: missing (line 1, column 1)",
 *          "errors":[{"in":"body","path":"x","detail":"missing (line 1, column 1)"}]}
 *
 * Suspends. Errors: as aeon_request_body(); -EBADMSG also when the JSON is not as @record says */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_record_receive(aeon_request *req, const struct aeon_record *record,
                                                               void **ret_value);

/* The same from texts: the query, the form in the body, the parameters of the path. Their typed forms: question_query(req, &q),
 * question_form(req, &q), question_params(req, &q).
 *
 * Texts are read as settings are: see the kinds in aeon/record.h. A name that is given several times is a list; for what is no list the
 * last counts. Empty text is as good as none, but for str, secret and bytes. All that is wrong goes to the client as above, with
 * "in":"query", "form" or "path".
 *
 * aeon_record_form() suspends. Errors: -EBADMSG not as @record says (400); of a form as aeon_request_form(); -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_record_query(aeon_request *req, const struct aeon_record *record, void **ret_value);
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_record_form(aeon_request *req, const struct aeon_record *record, void **ret_value);
AEON_API AEON_MUST_CHECK int aeon_record_params(aeon_request *req, const struct aeon_record *record, void **ret_value);

/* ------------------------------------------------------------------ the reply: kept, and sent when the handler has ended.
 *
 * All arguments are copied. None suspends. A second reply replaces the first.
 * Errors: -EINVAL the status is not in 200..599, or a header cannot be sent; -EALREADY a streamed reply has begun; -ENOMEM */

AEON_API int aeon_reply_status(aeon_request *req, int status); /* without a body */
AEON_API int aeon_reply_text(aeon_request *req, int status, const char *text);
AEON_API int aeon_reply_json(aeon_request *req, int status, const char *json);
AEON_API int aeon_reply_bytes(aeon_request *req, int status, const char *content_type, const void *data, size_t size);

/* @value, described by @record, as JSON. Its typed form: answer_reply(req, 200, &a). Errors: also as aeon_record_encode(). */
AEON_API int aeon_record_reply(aeon_request *req, int status, const struct aeon_record *record, const void *value);

/* Add a header field, in any order with the above. Content-Length, Transfer-Encoding, Connection and Date are the server's own.
 * Errors: also -EALREADY a streamed reply has begun. */
AEON_API int aeon_reply_header(aeon_request *req, const char *name, const char *value);

/* Put it in place of all fields of this name, in any case of letters; @value NULL: take them away. */
AEON_API int aeon_reply_set_header(aeon_request *req, const char *name, const char *value);

/* The first field of this name that the reply has so far, borrowed until the handler ends; NULL when there is none, or no memory. */
AEON_API const char *aeon_reply_get_header(aeon_request *req, const char *name);

/* The status so far; 0: there is no reply yet. */
AEON_API int aeon_reply_get_status(const aeon_request *req);

/* ------------------------------------------------------------------ the reply, streamed: what is too long to keep, or not known yet
 *
 *         int r = aeon_reply_begin(req, 200, "text/csv");
 *         while (r == 0 && (r = next_line(&line)) > 0)
 *                 r = aeon_reply_write(req, line.data, line.size);
 *         return r;
 *
 * What has left cannot be taken back. When the handler fails after aeon_reply_begin(), or less came than aeon_reply_length() said, the
 * connection is cut off, so that the client sees a fragment as one, and the log says so. When it returns 0 without aeon_reply_end(), the
 * reply is ended for it. HEAD, 204 and 304 have no body: what is written is dropped.
 *
 * When the app stops, a streamed reply goes on like every request: until the graceful time is over. Handlers that may run long wait for
 * aeon_draining() too, and end. */

/* The whole reply will have @size bytes: the client is told (Content-Length), and so can show how far it is. Without it HTTP/1.1 sends
 * chunks and HTTP/1.0 ends with the connection. For a streamed reply only; before it begins. Does not suspend. Errors: -EALREADY. */
AEON_API int aeon_reply_length(aeon_request *req, uint64_t size);

/* Begin a streamed reply; it replaces one that was kept. The head, with the fields of aeon_reply_header(), leaves with the first
 * aeon_reply_write(). @content_type: copied; NULL: none. Does not suspend.
 *
 * Errors: -EINVAL the status is not in 200..599, or the content type cannot be sent; -EALREADY it has begun before; -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_reply_begin(aeon_request *req, int status, const char *content_type);

/* Send the next piece; @size 0: the head alone, now. Everything is with the kernel when it returns, so a handler is as fast as
 * its client: nothing piles up.
 *
 * Suspends while the client is slow. Cancelled before the first byte: nothing was written. Cancelled in the middle: the reply is cut off.
 *
 * Errors: -ECONNRESET  the client has gone
 *         -ETIMEDOUT   it took nothing for write_timeout
 *         -EMSGSIZE    more than aeon_reply_length() said; nothing of it was sent
 *         -EBADF       the reply has not begun, or has ended; -EPIPE it was cut off before
 *         -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_reply_write(aeon_request *req, const void *data, size_t size);

/* All was written. The handler may go on, but has nothing more to say. Suspends.
 *
 * Errors: -EBADMSG less was written than aeon_reply_length() said; others as aeon_reply_write() */
AEON_API AEON_SUSPENDS int aeon_reply_end(aeon_request *req);

#ifdef __cplusplus
}
#endif
#endif
