/* The HTTP client: what its files, and the module that speaks HTTP, know of each other.
 *
 * DESIGN
 *   The ENGINE (curl.c, in the module http-client.so) speaks HTTP: sockets, TLS, the pool of connections. It runs in callbacks of the loop
 *   and knows no task. Here are the tasks: a CALL is started in the engine, and its task parks until the engine has told enough.
 *
 *        task                                       main context
 *        client.c  open, close, whose loop
 *        call.c    start() ----------------------->  engine <-------> sockets, clock (loop/foreign.h)
 *                  park until the head, the next       |
 *                  bytes or the end is here            |  aeon__http_head_line(), _body(), _wants(), _done()
 *                  resume() what was paused  <---------+
 *        response.c  getters
 *
 *   A call and its response are one struct, which the caller frees. It has a TRANSFER while the engine works on it; whatever ends that
 *   (the last byte, a failure, a cancel, the client's close) leaves the struct whole, and nothing in the engine.
 *
 *   Back-pressure goes both ways: of a response that is read in pieces the engine is told to pause when WINDOW bytes wait; of a request
 *   in pieces it pauses itself until the caller's own task has made the next one.
 */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "base/text.h"
#include "loop/foreign.h"
#include "task/task.h"

#include <aeon/http_client.h>

struct http_multi;    /* the engine's part of a client */
struct http_transfer; /* the engine's part of a call */
struct http_engine;

struct aeon_http_client {
        struct sched *sched; /* of its loop; NULL: that has ended */
        struct loop_end end;
        const struct http_engine *engine;
        struct http_multi *multi;   /* NULL once its loop has ended */
        struct list calls;          /* those with a transfer: struct aeon_http_response by in_client */
        aeon_http_client_opts opts; /* with the defaults filled in; all strings are the arena's */
        aeon_tls_opts tls;
        bool is_default; /* its loop's own, which frees it */
        struct arena strings;
};

/* What a task waits for. */
enum http_wish { HTTP_HEAD, HTTP_BYTES, HTTP_END };

enum { HTTP_OUT = 16 * 1024, HTTP_WINDOW = 64 * 1024, HTTP_HEAD_MOST = 256 * 1024, HTTP_WORDS = 256 };

struct aeon_http_response {
        struct aeon_http_client *client; /* NULL: there is no transfer */
        struct http_transfer *transfer;  /* NULL likewise */
        struct list in_client;
        struct arena strings;
        const char *method, *shown; /* for words: "GET", the URL without its secrets */

        int status;
        struct text head; /* name NUL value NUL ... */
        struct text body; /* what came; of a streamed one what waits to be read */
        size_t taken;     /* of that, by the reader */
        size_t max_body;
        bool streamed;
        bool follows;    /* a redirect is not the response */
        bool redirected; /* the head so far has a Location */
        bool head_here;  /* and complete */
        bool done;       /* nothing more comes; the result says how it ended */
        bool stuck;      /* the engine was told to pause: WINDOW bytes wait */
        int result;      /* of the transfer */
        char words[HTTP_WORDS];

        aeon_http_body_fn *body_fn; /* of the request; NULL: it is whole, or there is none */
        void *body_arg;
        uint64_t body_left; /* UINT64_MAX: nobody knows */
        bool wants_body;    /* the engine has paused for want of it */
        bool body_ended;
        char *out; /* the piece that goes out: HTTP_OUT bytes */
        size_t out_size, out_taken;

        struct wait wait;
        struct aeon_task *task; /* parked in a call on this response; NULL: none */
        enum http_wish wish;
        bool reading; /* a task is in aeon_http_response_read() */
};

/* ------------------------------------------------------------------ the engine */

/* What the engine is asked to send; borrowed during start() unless @keep. */
struct http_request {
        const char *method, *url;
        const char *const *lines; /* headers, "Name: value" ..., NULL */
        const char *user_agent;   /* NULL, "": not sent, or among the lines */
        bool has_body;
        const void *body; /* NULL with a body: it comes in pieces, by aeon__http_wants() */
        uint64_t size;    /* UINT64_MAX: not known */
        bool copy;        /* the body: it is not borrowed until the end */
        const char *user, *aws;
        unsigned redirects;
};

struct http_engine {
        /* All on the client's loop, none suspends. What fails has words. */
        int (*open)(struct aeon_http_client *c, struct http_multi **ret_multi);
        void (*close)(struct http_multi *m); /* its transfers have been stopped */
        int (*start)(struct http_multi *m, struct aeon_http_response *x, const struct http_request *request);
        void (*resume)(struct http_transfer *t); /* what was paused, in both directions; may tell of x's end */
        void (*stop)(struct http_transfer *t);   /* nothing is told of it any more */
};

#define HTTP_ENGINE_SYMBOL "aeon__http_engine"

enum http_taken { HTTP_TAKEN, HTTP_PAUSE, HTTP_GIVE_UP };

/* What the engine tells, and asks. A line of a head: false is to give the call up. Bytes of the body: of what is paused nothing was taken.
 * Bytes for the request's body: 0 is its end, SIZE_MAX to pause. */
AEON_API bool aeon__http_head_line(struct aeon_http_response *x, const char *line, size_t size);
AEON_API enum http_taken aeon__http_body(struct aeon_http_response *x, const char *bytes, size_t size);
AEON_API size_t aeon__http_wants(struct aeon_http_response *x, char *buffer, size_t size);

/* The transfer is no more; all of a client's are to end, since the engine has lost track of them. */
AEON_API void aeon__http_done(struct aeon_http_response *x, int result, const char *words);
AEON_API void aeon__http_end_all(struct aeon_http_client *c, int result, const char *words);

/* ------------------------------------------------------------------ between the files of this room */

/* The client for a call of the running task: @c, or with NULL its loop's own. */
int aeon__http_client_for(struct aeon_http_client *c, struct aeon_http_client **ret_client);

/* -EINVAL unless @line is a header that can be sent. */
int aeon__http_header_check(const char *line);

/* How many there are in front of the NULL; of NULL none. */
size_t aeon__http_lines_count(const char *const *lines);

bool aeon__http_is_web(const char *url);

/* What the engine is to send for @call: checked, with the client's defaults; also what @x is called in words. Its strings are those of
 * @call, of @c and of @x. */
int aeon__http_request_make(struct aeon_http_client *c, const aeon_http_call *call, struct aeon_http_response *x,
                            struct http_request *ret_request);

/* Stop the transfer, if there is one; nobody is told. */
void aeon__http_stop(struct aeon_http_response *x);
