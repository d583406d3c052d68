/* aeon/redis.h - Redis as a store: commands, pipelines, transactions, on a pool of connections per loop.
 *
 *         static int visit(aeon_request *req)
 *         {
 *                 char text[64];
 *                 int64_t visits;
 *                 int r = aeon_redis_integer(aeon_redis_get(NULL), AEON_REDIS("INCR", "visits"), &visits);
 *                 if (r < 0)
 *                         return r;
 *                 snprintf(text, sizeof text, "%lld visits\n", (long long)visits);
 *                 return aeon_reply_text(req, 200, text);
 *         }
 *
 *         AEON_APP(app)
 *         {
 *                 aeon_use_redis(app, NULL, "redis://localhost/0", NULL);
 *                 aeon_http_listen(app, NULL);
 *                 aeon_route(app, "GET /", visit, NULL);
 *         }
 *
 * Messages are another matter: streams, lists and channels are subscribed to by aeon_subscribe() and a broker's URL.
 *
 * All tasks of a loop share one connection: what they ask in one turn of the loop goes out in one write, and nobody waits for another's
 * answer. Commands that wait (BLPOP), and WATCH, need a connection to themselves: aeon_redis_take(). Connections come back by themselves
 * when the server does. The URL is that of a Redis broker, `rediss://` with TLS: redis://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE with
 * tls_ca, tls_cert, tls_key, tls_name, tls_verify, connect_timeout (5 s), reconnect, reconnect_max, heartbeat (15 s), name. Needs the
 * module broker-redis.
 *
 * ERRORS of all calls that reach the server; the words are the server's:
 *   -EINVAL        the wrong kind of key                     -ENOTCONN      there is no connection; nothing was done
 *   -EACCES        wrong password, no permission             -ECONNABORTED  it was lost meanwhile: it was done or not
 *   -EAGAIN        it is loading or busy: try again later    -ECANCELED     the task was cancelled: it was done or not
 *   -ENOSPC        its memory is full                        -EREMOTEIO     any other error of the server
 *   -EROFS         it is read-only                           -ENOTSUP       the command is not for this call, see aeon_redis_command()
 *   -EIO           it cannot write its disk                  -ENOMEM */
#ifndef AEON_REDIS_H
#define AEON_REDIS_H

#include <aeon/app.h>
#include <aeon/attributes.h>
#include <aeon/db.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of connections, or one connection that was taken out of it. */
typedef struct aeon_redis aeon_redis;

typedef struct aeon_redis_opts {
        unsigned size; /* connections that may be taken at a time, per loop, beside the one that all share: 10 */
} aeon_redis_opts;

/* ------------------------------------------------------------------ in an app */

/* The app has this Redis server: health check "redis" ("redis NAME" for further ones), critical, on the main loop.
 *
 * Each loop connects at step 4, and closes what it has at step 13; so hooks behind the start-up hooks, handlers and all other tasks of the
 * app can use it. A lifespan that needs it earlier opens one by hand. A server that is away does not keep the app from starting: it is not
 * ready, and is when the server comes. @name NULL: "main". @url NULL: a start-up hook gives it. Both are copied.
 *
 * Errors: -EEXIST, -EINVAL, -EPROTONOSUPPORT, -ENOPKG (the app keeps it and refuses to start); -ENOMEM */
AEON_API int aeon_use_redis(aeon_app *app, const char *name, const char *url, const aeon_redis_opts *opts);

/* For a start-up hook. Errors: -ENOENT there is no such server; -EBUSY it is in use; those of aeon_use_redis(). */
AEON_API int aeon_redis_set_url(aeon_app *app, const char *name, const char *url);

/* This loop's pool of the app's Redis server @name; NULL: of the first. NULL when there is none or it is not open, which later calls take
 * and refuse with words. Borrowed. Does not suspend. */
AEON_API aeon_redis *aeon_redis_get(const char *name);

/* ------------------------------------------------------------------ by hand */

/* Open a pool and connect. @ret_redis is yours; to be closed by the task that has opened it, before a scope that it is in ends.
 *
 * Suspends. Cancellable. Errors: those of connecting, at once: -ECONNREFUSED and others */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_open(const char *url, const aeon_redis_opts *opts, aeon_redis **ret_redis);

/* Close it; NULL is accepted. What was taken out of it must have been given back. Suspends, is not cancelled. */
AEON_API AEON_SUSPENDS void aeon_redis_close(aeon_redis *redis);

/* Ask the server for a sign of life. Suspends. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_ping(aeon_redis *redis);

/* ------------------------------------------------------------------ commands */

/* The words of a command: text, numbers, aeon_bytes, up to 32; further ones in an aeon_db_args made by hand. A word is sent as it is, whatever
 * bytes it has, so nothing needs quoting. */
#define AEON_REDIS(...) AEON_DB_ARGS(__VA_ARGS__)

typedef enum aeon_redis_kind {
        AEON_REDIS_NIL,
        AEON_REDIS_TEXT,
        AEON_REDIS_INTEGER,
        AEON_REDIS_LIST,
        AEON_REDIS_ERROR, /* inside pipelines and lists; else it is the call's */
} aeon_redis_kind;

/* What the server has said. To be read only. */
typedef struct aeon_redis_reply {
        aeon_redis_kind kind;
        int64_t integer;
        const char *text; /* of a text or an error, with a NUL behind it; else "" */
        size_t size;      /* of the text; or how many items */
        const struct aeon_redis_reply *items;
} aeon_redis_reply;

/* Free a reply with all its items; NULL is accepted. */
AEON_API void aeon_redis_reply_free(aeon_redis_reply *reply);

/* Run one command. @ret_reply is yours, to aeon_redis_reply_free(); NULL: it does not matter beyond success.
 *
 * Refused with -ENOTSUP: what changes the connection for all (SELECT, AUTH, HELLO, SUBSCRIBE, MULTI, ...), and on a pool what needs a
 * connection to itself: BLPOP and all others that wait, WATCH.
 *
 * Suspends: waits for a connection, connect_timeout at most, and for the answer. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_command(aeon_redis *redis, const aeon_db_args *words,
                                                              aeon_redis_reply **ret_reply);

/* The same for a command that answers with a text. @ret_text is yours, to free(). Errors: -ENOENT nil; -EBADMSG it is no text */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_text(aeon_redis *redis, const aeon_db_args *words, char **ret_text);

/* The same for a command that answers with an integer. Errors: -ENOENT nil; -EBADMSG it is none, nor a text that is one */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_integer(aeon_redis *redis, const aeon_db_args *words, int64_t *ret_integer);

/* Run @count commands in one go, in their order; others' may come between. @ret_replies: a list of @count replies; those of commands that
 * failed are errors, and the call succeeds all the same.
 *
 * Suspends. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_pipeline(aeon_redis *redis, const aeon_db_args *const *commands, size_t count,
                                                               aeon_redis_reply **ret_replies);

/* The same as one transaction, MULTI and EXEC: all are run with nothing between them, or none. One that fails while it runs does not undo
 * the others, which is Redis' way; its reply is an error.
 *
 * Suspends. Cancellable. Errors: -EAGAIN a key that was watched has changed: none was run; those of a command that was refused */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_transaction(aeon_redis *redis, const aeon_db_args *const *commands,
                                                                  size_t count, aeon_redis_reply **ret_replies);

/* What an error among the replies is as one of ours, -EINVAL and so on; 0: it is none. Does not suspend. */
AEON_API int aeon_redis_reply_error(const aeon_redis_reply *reply);

/* ------------------------------------------------------------------ a connection to oneself */

/* Take a connection out of the pool, for WATCH and commands that wait; used in place of the pool, by one task at a time. @ret_redis MUST
 * be given back. When it is lost, all that follows on it is -ECONNABORTED, for what was watched is not watched any more.
 *
 * Suspends: waits for one to be free, in order of arrival, and for the server. Cancellable. Errors: -EINVAL it was taken already */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_redis_take(aeon_redis *redis, aeon_redis **ret_redis);

/* Give it back; NULL is accepted. What is still watched or waited for on it is given up with the connection. Suspends, is not cancelled. */
AEON_API AEON_SUSPENDS void aeon_redis_give(aeon_redis *redis);

#ifdef __cplusplus
}
#endif
#endif
