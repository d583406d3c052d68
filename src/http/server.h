/* The server: accepts connections on one loop and turns their requests into tasks.
 *
 * DESIGN
 *   Tasks and who owns whom:
 *
 *       group ---- accept loop (aeon__http_server_run)
 *             |--- keeper, one per server: closes those who are parked for too long
 *             \--- connection task: while there is something to do; reads what follows a request, starts and ends requests
 *       spawn() -- request task, one per request: runs the handler, reads the body, writes the reply
 *
 *   A connection that waits for a request, or for the rest of its head, is PARKED (parked.c): it holds no task, no buffer and no timer. When
 *   a head is whole the connection task begins; when nothing is left to do it ends.
 *
 *   Connection and request take turns on the stream. While a request runs its connection task waits; once the body is in, it waits
 *   by reading, so that it learns when the client goes and collects pipelined requests meanwhile. Where request tasks belong is the
 *   caller's business (spawn): a lifespan's handlers, or a plain group.
 */
#pragma once

#include "base/list.h"
#include "loop/sink.h"

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
        unsigned max_streams;
        aeon_duration head_timeout, body_timeout, idle_timeout, write_timeout;
        bool debug;
        bool access_log;
};

/* What zero stands for. */
void aeon__http_limits_default(struct http_limits *limits);

struct http_server;
struct http_link;
struct task_vars;

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
        void *speaker; /* for @ops: of HTTP/1.1 a struct http_connection, NULL while there is nothing to say */
        aeon_time accepted;
        bool fresh;  /* no request has come yet */
        bool secure; /* TLS has begun */

        /* While it is parked. */
        struct stream_sink sink;
        struct list queue;  /* in server->idle or server->heads; alone when not parked */
        aeon_time deadline; /* then its time is over */
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
        struct list idle;   /* of struct http_link, in order of their deadlines: parked, and nothing has come */
        struct list heads;  /* the same: a part of a head has come, or a handshake is awaited */
        struct list spares; /* of struct http_connection, for those whose next request comes */
        size_t spare_count;
        aeon_scope pause;       /* around the keeper's sleep */
        aeon_time pause_end;    /* when the keeper looks next; AEON_NEVER: when it is woken */
        aeon_scope no_room;     /* around the accept loop's wait for room */
        struct task_vars *vars; /* what connection tasks inherit: the accept loop's */
        bool failing;           /* accepting does, and the log has heard of it */
        bool full;              /* the same of the limit of connections */
        bool ended;             /* no request can come any more */
        bool shared;            /* others listen on the socket too, and go on */
        bool measured;          /* its requests are counted: meter.h */
        bool closing;           /* replies say `Connection: close`, and nothing idle stays */
        time_t date_second;     /* what date_text says */
        char date_text[32];     /* "Sun, 06 Nov 1994 08:49:37 GMT" */

        aeon_duration last_look; /* at the end, at an idle connection; 0: HTTP_LAST_LOOK */
};

void aeon__http_server_init(struct http_server *server);

/* Accept until the listener is closed (0) or the task is cancelled (-ECANCELED). The keeper goes on until quiesce has ended, or the group is
 * cancelled. */
AEON_SUSPENDS int aeon__http_server_run(struct http_server *server);

/* Let nobody new in, close the listener and what is idle; what has begun goes on. Suspends until no request can come any more: a moment,
 * and for those who were let in without having asked yet up to HTTP_FIRST_LOOK. */
AEON_SUSPENDS void aeon__http_server_quiesce(struct http_server *server);

/* After the group has ended: free what is left. */
void aeon__http_server_done(struct http_server *server);

/* Now, as a Date field wants it. Borrowed until the next call. */
AEON_API const char *aeon__http_server_date(struct http_server *server);

void *aeon__request_owner(const aeon_request *req);
