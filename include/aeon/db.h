/* aeon/db.h - databases: PostgreSQL and SQLite, each as a pool of connections per loop.
 *
 *         #define USER(F) F(i64, id) F(str, name) F(optional(str), mail)
 *         AEON_RECORD(user, USER);
 *
 *         static int rename_user(aeon_request *req)
 *         {
 *                 aeon_db *db = aeon_db_get(NULL);
 *                 struct user *u;
 *                 int r = user_row(db, &u, "select id, name, mail from users where id = $1", AEON_DB_ARGS(17));
 *                 if (r < 0)
 *                         return r;                // -ENOENT: no such row
 *                 r = aeon_db_exec(db, "update users set name = $1 where id = $2", AEON_DB_ARGS("Ada", u->id));
 *                 user_free(u);
 *                 return r < 0 ? r : aeon_reply_text(req, 200, "done");
 *         }
 *
 *         AEON_APP(app)
 *         {
 *                 aeon_use_db(app, NULL, "postgresql://localhost/shop", NULL);
 *         }
 *
 * URLs:   postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE    what libpq takes, several hosts and TLS included
 *         sqlite:///FILE, sqlite:FILE     a file, relative to the working folder; sqlite:////FILE an absolute one
 *         sqlite::memory:                 nothing is kept; a database per pool
 *
 * PostgreSQL needs the module db-postgres. Statements are prepared once per connection and kept. Every call that takes an aeon_db takes
 * a pool or a transaction alike; it belongs to the loop where it was opened.
 *
 * A cancelled statement is cancelled AT the server. Its connection goes back to the pool when the server has answered that nothing
 * of it is left, and is closed when it has not.
 *
 * ERRORS of all calls that reach the database; the words are the server's, with the statement and never with its arguments:
 *   -EEXIST        a unique value is there already           -EINVAL    the statement is wrong, a constraint is violated, a value
 *   -EAGAIN        serialization failure, deadlock: do the              cannot be converted
 *                  transaction again                         -ERANGE    a number is too large for its column
 *   -EBUSY         a lock was not to be had                  -EACCES    wrong password, no permission
 *   -ENOTCONN      there is no connection to be had;         -ENXIO     there is no such database
 *                  nothing was done                          -EROFS     it is read-only
 *   -ECONNABORTED  the connection was lost meanwhile: it     -ENOSPC    the disk is full
 *                  was done or not                           -ENOTSUP   the database cannot do that
 *   -ECANCELED     it did not happen, or was undone          -ESHUTDOWN the pool is closed
 *   -EBADMSG       a row does not fit the record             -EREMOTEIO any other error of the server; -ENOMEM */
#ifndef AEON_DB_H
#define AEON_DB_H

#include <aeon/app.h>
#include <aeon/attributes.h>
#include <aeon/bytes.h>
#include <aeon/record.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of connections, or a transaction on one of them. */
typedef struct aeon_db aeon_db;

typedef struct aeon_db_opts {
        unsigned size;                 /* connections per loop: 10; of SQLite those that read, beside one that writes: 4 */
        aeon_duration lifetime;        /* a connection is replaced when it is older: 30 min, less up to a tenth by chance */
        aeon_duration check_idle;      /* one that was idle for longer is pinged before it is used: 30 s */
        aeon_duration connect_timeout; /* of one attempt to connect: 5 s */
        aeon_duration patience;        /* go on trying to connect for so long, while nothing but time can help: 10 s */
        aeon_duration cleanup_timeout; /* for cancelling at the server, and for rolling back: 2 s, then the connection is closed */
        unsigned statements;           /* prepared ones kept per connection: 100 */
} aeon_db_opts;

/* ------------------------------------------------------------------ in an app */

/* The app has this database: health check "database" ("database NAME" for further ones), critical, on the main loop.
 *
 * Each loop has a pool of its own, made when aeon_db_get() first asks for it: from step 2 on, so start-up hooks, lifespans and all that
 * follows can use it. At step 4 each loop makes sure that it can connect, or the start fails with the words of the database.
 * It is closed when nothing can need it any more: behind the lifespan's own clean-up, on the main loop behind the last hook.
 *
 * @name NULL: "main". @url NULL: a start-up hook gives it. Both are copied. Errors: -EEXIST, -EINVAL, -EPROTONOSUPPORT, -ENOPKG (the
 * app keeps it and refuses to start); -ENOMEM */
AEON_API int aeon_use_db(aeon_app *app, const char *name, const char *url, const aeon_db_opts *opts);

/* For a start-up hook, before the database is first used. Errors: -ENOENT no such database; -EBUSY it is in use; those of aeon_use_db(). */
AEON_API int aeon_db_set_url(aeon_app *app, const char *name, const char *url);

/* This loop's pool of the app's database @name; NULL: of the first. NULL when there is none, which later calls take and refuse with
 * words. Borrowed. Does not suspend, does not connect. */
AEON_API aeon_db *aeon_db_get(const char *name);

/* ------------------------------------------------------------------ by hand */

/* Open a pool and make sure that it can connect. @ret_db is yours until aeon_db_close(). Suspends. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_open(const char *url, const aeon_db_opts *opts, aeon_db **ret_db);

/* Close it; NULL is accepted. Connections that are still used are closed when they come back. Suspends, is not cancelled. */
AEON_API AEON_SUSPENDS void aeon_db_close(aeon_db *db);

/* Ask the server for a sign of life: 0, or more when the pool is merely exhausted and a connection beside it was answered.
 * Suspends. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_ping(aeon_db *db);

typedef struct aeon_db_stats {
        unsigned size;   /* connections that there may be, of all kinds */
        unsigned open;   /* that there are, connecting ones not among them */
        unsigned in_use; /* of them */
        unsigned waiting;
        unsigned long long connected, dropped; /* so far: made; closed for a reason other than age and the pool's end */
} aeon_db_stats;

/* How the pool stands now. Owner loop only. */
AEON_API void aeon_db_get_stats(const aeon_db *db, aeon_db_stats *ret_stats);

/* ------------------------------------------------------------------ arguments */

typedef enum aeon_db_kind {
        AEON_DB_IS_NULL,
        AEON_DB_IS_I64,
        AEON_DB_IS_U64,
        AEON_DB_IS_F64,
        AEON_DB_IS_BOOL,
        AEON_DB_IS_TEXT,
        AEON_DB_IS_BYTES,
        AEON_DB_IS_TIMESTAMP,
} aeon_db_kind;

/* One argument; what it points to is borrowed during the call. */
typedef struct aeon_db_value {
        aeon_db_kind kind;
        union {
                int64_t i64; /* also a timestamp: nanoseconds since 1970 in UTC */
                uint64_t u64;
                double f64;
                bool boolean;
                const char *text;
                aeon_bytes bytes;
        } of;
} aeon_db_value;

/* Those of one statement; NULL: none. */
typedef struct aeon_db_args {
        const aeon_db_value *values;
        size_t count;
} aeon_db_args;

AEON_INLINE aeon_db_value aeon_db_null(void)
{
        aeon_db_value v = { AEON_DB_IS_NULL, { 0 } };
        return v;
}

AEON_INLINE aeon_db_value aeon_db_i64(int64_t number)
{
        aeon_db_value v = { AEON_DB_IS_I64, { 0 } };
        v.of.i64 = number;
        return v;
}

AEON_INLINE aeon_db_value aeon_db_u64(uint64_t number)
{
        aeon_db_value v = { AEON_DB_IS_U64, { 0 } };
        v.of.u64 = number;
        return v;
}

AEON_INLINE aeon_db_value aeon_db_f64(double number)
{
        aeon_db_value v = { AEON_DB_IS_F64, { 0 } };
        v.of.f64 = number;
        return v;
}

AEON_INLINE aeon_db_value aeon_db_bool(bool value)
{
        aeon_db_value v = { AEON_DB_IS_BOOL, { 0 } };
        v.of.boolean = value;
        return v;
}

/* NULL is the database's NULL. */
AEON_INLINE aeon_db_value aeon_db_text(const char *text)
{
        aeon_db_value v = { text ? AEON_DB_IS_TEXT : AEON_DB_IS_NULL, { 0 } };
        v.of.text = text;
        return v;
}

AEON_INLINE aeon_db_value aeon_db_bytes(aeon_bytes bytes)
{
        aeon_db_value v = { AEON_DB_IS_BYTES, { 0 } };
        v.of.bytes = bytes;
        return v;
}

/* A point in time, as a record's timestamp is: nanoseconds since 1970 in UTC. PostgreSQL keeps microseconds; SQLite text that its date
 * functions know. */
AEON_INLINE aeon_db_value aeon_db_timestamp(int64_t nanoseconds)
{
        aeon_db_value v = { AEON_DB_IS_TIMESTAMP, { 0 } };
        v.of.i64 = nanoseconds;
        return v;
}

/* What an optional field points to, NULL being the database's NULL. */
AEON_INLINE aeon_db_value aeon__db_i64_at(const int64_t *number)
{
        return number ? aeon_db_i64(*number) : aeon_db_null();
}

AEON_INLINE aeon_db_value aeon__db_f64_at(const double *number)
{
        return number ? aeon_db_f64(*number) : aeon_db_null();
}

AEON_INLINE aeon_db_value aeon__db_bool_at(const bool *value)
{
        return value ? aeon_db_bool(*value) : aeon_db_null();
}

AEON_INLINE aeon_db_value aeon__db_same(aeon_db_value value)
{
        return value;
}

/* AEON_DB_ARGS(a, b, ...): up to 32 arguments for $1, $2, ...; numbers, bool, text, aeon_bytes, pointers from optional fields (i64, f64,
 * boolean, str), and aeon_db_value for the rest: aeon_db_timestamp(t), aeon_db_null(). They live until the enclosing block ends, in C++
 * until the end of the expression. */
#define AEON_DB_ARGS(...) AEON__DB_ARGS(__VA_ARGS__)

#ifndef __cplusplus
#define AEON__DB_ARGS(...) \
        (&(const aeon_db_args){ (const aeon_db_value[]){ AEON__DB_EACH(__VA_ARGS__) }, AEON__DB_COUNT(__VA_ARGS__) })
#define AEON__DB_VALUE(x) \
        _Generic((x), bool                     \
                 : aeon_db_bool, char          \
                 : aeon_db_i64, signed char    \
                 : aeon_db_i64, short          \
                 : aeon_db_i64, int            \
                 : aeon_db_i64, long           \
                 : aeon_db_i64, long long      \
                 : aeon_db_i64, unsigned char  \
                 : aeon_db_u64, unsigned short \
                 : aeon_db_u64, unsigned       \
                 : aeon_db_u64, unsigned long  \
                 : aeon_db_u64, unsigned long long \
                 : aeon_db_u64, float          \
                 : aeon_db_f64, double         \
                 : aeon_db_f64, char *         \
                 : aeon_db_text, const char *  \
                 : aeon_db_text, aeon_bytes    \
                 : aeon_db_bytes, const int64_t * \
                 : aeon__db_i64_at, int64_t *  \
                 : aeon__db_i64_at, const double * \
                 : aeon__db_f64_at, double *   \
                 : aeon__db_f64_at, const bool * \
                 : aeon__db_bool_at, bool *    \
                 : aeon__db_bool_at, aeon_db_value \
                 : aeon__db_same)(x)
#define AEON__DB_COUNT(...) AEON__DB_NTH(__VA_ARGS__, AEON__DB_NUMBERS)
#define AEON__DB_NUMBERS \
        32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
#define AEON__DB_NTH(...) AEON__DB_NTH_OF(__VA_ARGS__)
#define AEON__DB_NTH_OF(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, \
                        a24, a25, a26, a27, a28, a29, a30, a31, a32, n, ...)                                                      \
        n
#define AEON__DB_EACH(...) AEON__DB_PASTE(AEON__DB_EACH_, AEON__DB_COUNT(__VA_ARGS__))(__VA_ARGS__)
#define AEON__DB_PASTE(a, b) AEON__DB_PASTE_OF(a, b)
#define AEON__DB_PASTE_OF(a, b) a##b
#define AEON__DB_EACH_1(x) AEON__DB_VALUE(x)
#define AEON__DB_EACH_2(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_1(__VA_ARGS__)
#define AEON__DB_EACH_3(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_2(__VA_ARGS__)
#define AEON__DB_EACH_4(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_3(__VA_ARGS__)
#define AEON__DB_EACH_5(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_4(__VA_ARGS__)
#define AEON__DB_EACH_6(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_5(__VA_ARGS__)
#define AEON__DB_EACH_7(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_6(__VA_ARGS__)
#define AEON__DB_EACH_8(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_7(__VA_ARGS__)
#define AEON__DB_EACH_9(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_8(__VA_ARGS__)
#define AEON__DB_EACH_10(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_9(__VA_ARGS__)
#define AEON__DB_EACH_11(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_10(__VA_ARGS__)
#define AEON__DB_EACH_12(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_11(__VA_ARGS__)
#define AEON__DB_EACH_13(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_12(__VA_ARGS__)
#define AEON__DB_EACH_14(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_13(__VA_ARGS__)
#define AEON__DB_EACH_15(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_14(__VA_ARGS__)
#define AEON__DB_EACH_16(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_15(__VA_ARGS__)
#define AEON__DB_EACH_17(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_16(__VA_ARGS__)
#define AEON__DB_EACH_18(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_17(__VA_ARGS__)
#define AEON__DB_EACH_19(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_18(__VA_ARGS__)
#define AEON__DB_EACH_20(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_19(__VA_ARGS__)
#define AEON__DB_EACH_21(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_20(__VA_ARGS__)
#define AEON__DB_EACH_22(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_21(__VA_ARGS__)
#define AEON__DB_EACH_23(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_22(__VA_ARGS__)
#define AEON__DB_EACH_24(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_23(__VA_ARGS__)
#define AEON__DB_EACH_25(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_24(__VA_ARGS__)
#define AEON__DB_EACH_26(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_25(__VA_ARGS__)
#define AEON__DB_EACH_27(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_26(__VA_ARGS__)
#define AEON__DB_EACH_28(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_27(__VA_ARGS__)
#define AEON__DB_EACH_29(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_28(__VA_ARGS__)
#define AEON__DB_EACH_30(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_29(__VA_ARGS__)
#define AEON__DB_EACH_31(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_30(__VA_ARGS__)
#define AEON__DB_EACH_32(x, ...) AEON__DB_VALUE(x), AEON__DB_EACH_31(__VA_ARGS__)
#else
extern "C++" {
/* Overloads where C has _Generic. */
inline aeon_db_value aeon__db_value(bool x)
{
        return aeon_db_bool(x);
}
inline aeon_db_value aeon__db_value(int x)
{
        return aeon_db_i64(x);
}
inline aeon_db_value aeon__db_value(long x)
{
        return aeon_db_i64(x);
}
inline aeon_db_value aeon__db_value(long long x)
{
        return aeon_db_i64(x);
}
inline aeon_db_value aeon__db_value(unsigned x)
{
        return aeon_db_u64(x);
}
inline aeon_db_value aeon__db_value(unsigned long x)
{
        return aeon_db_u64(x);
}
inline aeon_db_value aeon__db_value(unsigned long long x)
{
        return aeon_db_u64(x);
}
inline aeon_db_value aeon__db_value(double x)
{
        return aeon_db_f64(x);
}
inline aeon_db_value aeon__db_value(const char *x)
{
        return aeon_db_text(x);
}
inline aeon_db_value aeon__db_value(aeon_bytes x)
{
        return aeon_db_bytes(x);
}
inline aeon_db_value aeon__db_value(const int64_t *x)
{
        return aeon__db_i64_at(x);
}
inline aeon_db_value aeon__db_value(const double *x)
{
        return aeon__db_f64_at(x);
}
inline aeon_db_value aeon__db_value(const bool *x)
{
        return aeon__db_bool_at(x);
}
inline aeon_db_value aeon__db_value(aeon_db_value x)
{
        return x;
}

template <size_t N> struct aeon__db_list {
        aeon_db_value values[N];
        aeon_db_args args;
        const aeon_db_args *get()
        {
                args.values = values;
                args.count = N;
                return &args;
        }
};

template <typename... T> aeon__db_list<sizeof...(T)> aeon__db_list_of(T... x)
{
        return { { aeon__db_value(x)... }, { nullptr, 0 } };
}
}
#define AEON__DB_ARGS(...) (aeon__db_list_of(__VA_ARGS__).get())
#endif

/* ------------------------------------------------------------------ statements */

/* Run one statement; returns how many rows it has changed, or given. Placeholders are $1, $2, ...; SQLite takes its own, too.
 *
 * Suspends: waits for a connection, in order of arrival, and for the database. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_exec(aeon_db *db, const char *sql, const aeon_db_args *args);

/* Run one statement and read its rows into an array of @record's structs; returns how many there are. Behind `user_rows(db, &users,
 * sql, args)`. All rows are in one block that is yours, to aeon_record_free() (user_free()); NULL when there are none.
 *
 * A column goes into the field of its name (.name or member). Each column has a field; each field has a column, a .def, or is optional.
 * NULL needs an optional field. Types must match (a text is no i64), bounds and patterns hold; the words name column, field and row.
 *
 *         field              PostgreSQL                             SQLite
 *         i64, u64, size     smallint, int, bigint, whole numeric   INTEGER
 *         f64                those, real, double precision          INTEGER, REAL
 *         boolean            boolean                                INTEGER 0 or 1
 *         str, secret        text, varchar, uuid, enums, numeric, dates and others as the server writes them     TEXT
 *         bytes              bytea                                  BLOB
 *         timestamp          timestamptz; timestamp, taken as UTC   TEXT
 *         duration           interval without months; text          TEXT
 *         json, record, list, map    json, jsonb, text              TEXT
 *         enumeration        enums, text                            TEXT
 *
 * Suspends. Cancellable. Errors: -EBADMSG a row does not fit */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_query(aeon_db *db, const aeon_record *record, const char *sql,
                                                         const aeon_db_args *args, void **ret_rows);

/* The same for the one row that there must be. Behind `user_row(db, &user, sql, args)`.
 *
 * Suspends. Cancellable. Errors: -ENOENT there is none; -E2BIG there are more */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_query_one(aeon_db *db, const aeon_record *record, const char *sql,
                                                             const aeon_db_args *args, void **ret_row);

/* Run several statements, separated by ";", without arguments: the tables of a service. As one transaction, if none is open.
 *
 * Suspends. Cancellable. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_script(aeon_db *db, const char *sql);

/* ------------------------------------------------------------------ transactions */

typedef enum aeon_isolation {
        AEON_ISOLATION_DEFAULT, /* the server's: read committed. SQLite's transactions are serializable, always */
        AEON_READ_COMMITTED,
        AEON_REPEATABLE_READ,
        AEON_SERIALIZABLE,
} aeon_isolation;

typedef struct aeon_db_begin_opts {
        aeon_isolation isolation;
        bool read_only; /* of SQLite: on a connection that reads, beside whoever writes */
} aeon_db_begin_opts;

/* Begin a transaction on a connection of its own; inside a transaction: a savepoint. @ret_tx is used in place of a pool, by one task at
 * a time, and MUST end by aeon_db_commit() or aeon_db_rollback(), the inner before the outer. NULL @opts: defaults.
 *
 * Suspends. Cancellable, and then there is none. Errors: -EINVAL options for a savepoint */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_begin(aeon_db *db, const aeon_db_begin_opts *opts, aeon_db **ret_tx);

/* Make it last; @tx is gone, whatever is returned. When the caller is cancelled it is rolled back instead. Once the commit is on its way
 * it is not cancelled any more; the server has cleanup_timeout to answer.
 *
 * Suspends. Errors: -ECANCELED it was rolled back; -ECONNABORTED it was done or not; -EIO a statement in it had failed: rolled back */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_commit(aeon_db *tx);

/* Undo it; @tx is gone; NULL is accepted. When the server does not confirm it in time its connection is closed, which undoes it
 * too. Suspends, is not cancelled. */
AEON_API AEON_SUSPENDS void aeon_db_rollback(aeon_db *tx);

/* Run @fn in a transaction: committed when it returns 0 or more, rolled back when it fails or its task is cancelled. Returns what @fn
 * did, or why it could not be committed. -EAGAIN: run it again.
 *
 * Suspends. Cancellable. */
typedef int aeon_db_fn(aeon_db *tx, void *arg);
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_transaction(aeon_db *db, aeon_db_fn *fn, void *arg);

/* ------------------------------------------------------------------ LISTEN */

/* Whoever has a connection of its own and hears what is notified on a channel. PostgreSQL only. */
typedef struct aeon_db_listener aeon_db_listener;

typedef struct aeon_db_note {
        const char *payload; /* "" without one; borrowed until the next call with the listener */
        int process;         /* the server's number of the connection that has notified */
        bool missed; /* no note: the connection was lost and is there again; what was notified between is unknown. Look at the tables */
} aeon_db_note;

/* Listen on @channel, its exact name, beside @db's pool, which outlives the listener. @ret_listener is yours.
 *
 * Suspends. Cancellable. Errors: -ENOTSUP it is no PostgreSQL; -EINVAL @db is a transaction */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_listen(aeon_db *db, const char *channel, aeon_db_listener **ret_listener);

/* Wait for the next note. When the connection is lost it is made again, for as long as it takes, and the next note says `missed`.
 *
 * Suspends. Cancellable. One task waits at a time. Errors: what no time can mend, -EACCES and the like */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_db_listener_next(aeon_db_listener *l, aeon_db_note *ret_note);

/* Stop listening and free; NULL is accepted. Does not suspend. */
AEON_API void aeon_db_listener_close(aeon_db_listener *l);

#ifdef __cplusplus
}
#endif
#endif
