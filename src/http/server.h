/* The server: accepts connections on one loop and turns their requests into tasks.
 *
 * DESIGN
 *   Tasks and who owns whom:
 *
 *       group ---- accept loop (aeon__http_server_run)
 *             \--- connection task, one per connection: reads heads; it is the only one that starts and ends a request
 *       spawn() -- request task, one per request: runs the handler, reads the body, writes the reply
 *
 *   Connection and request take turns on the stream. While a request runs its connection task waits; once the body is in, it waits
 *   by reading, so that it learns when the client goes and collects pipelined requests meanwhile. Where request tasks belong is the
 *   caller's business (spawn): a lifespan's handlers, or a plain group.
 */
#pragma once

#include "base/list.h"

#include <aeon/http.h>
#include <aeon/tls.h>
#include <stdbool.h>
#include <time.h>

/* How long an idle connection is still looked at when the server stops: a request that is on the wire by then, sent before the
 * client could know, gets its answer. One that has not had its first request yet: counted from when it was let in. */
#define HTTP_LAST_LOOK AEON_MILLISECONDS(20)
#define HTTP_FIRST_LOOK AEON_SECONDS(1)

struct http_limits {
        size_t max_body;
        unsigned max_connections;
        aeon_duration head_timeout, body_timeout, idle_timeout, write_timeout;
        bool debug;
        bool access_log;
};

/* What zero stands for. */
void aeon__http_limits_default(struct http_limits *limits);

struct http_server;
struct http_link;

/* What the server wants of a connection, whatever it speaks. */
struct http_link_ops {
        /* The server stops: end when nothing is under way. Called once per connection; those that come later find server->closing. */
        void (*quiesce)(struct http_link *link);

        /* A request may be on its way, sent before the client could know. */
        bool (*expects)(const struct http_link *link);
};

/* A connection as its server sees it. */
struct http_link {
        struct list place; /* in server->links */
        struct http_server *server;
        aeon_stream *stream;
        const struct http_link_ops *ops;
        void *speaker; /* for @ops, when it is not HTTP/1.1 that they belong to */
        aeon_time accepted;
};

struct http_server {
        struct http_limits limits;
        aeon_tls_server *tls; /* NULL: none. Borrowed */
        aeon_listener *listener;
        aeon_group *group; /* for connection tasks; they never fail */
        int (*spawn)(void *spawner, const char *name, aeon_task_fn *fn, void *arg);
        void *spawner;
        int (*answer)(aeon_request *req); /* the handler of all handlers */
        void *owner;                      /* for @answer, by aeon__request_owner() */

        struct list links; /* of struct http_link */
        size_t count;
        bool shared;        /* others listen on the socket too, and go on */
        bool closing;       /* replies say `Connection: close`, and nothing idle stays */
        time_t date_second; /* what date_text says */
        char date_text[32]; /* "Sun, 06 Nov 1994 08:49:37 GMT" */
};

void aeon__http_server_init(struct http_server *server);

/* Accept until the listener is closed (0) or the task is cancelled (-ECANCELED). */
AEON_SUSPENDS int aeon__http_server_run(struct http_server *server);

/* Let nobody new in, close the listener and what is idle; what has begun goes on. Suspends until no request can come any more: a moment,
 * and for those who were let in without having asked yet up to HTTP_FIRST_LOOK. */
AEON_SUSPENDS void aeon__http_server_quiesce(struct http_server *server);

/* Now, as a Date field wants it. Borrowed until the next call. */
AEON_API const char *aeon__http_server_date(struct http_server *server);

void *aeon__request_owner(const aeon_request *req);
