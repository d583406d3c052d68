/* The database room between its files, and the contract of its drivers.
 *
 * DESIGN
 *   An aeon_db is a POOL or a TRANSACTION; a statement asks it for a LINK, a connection to the database, runs on it and gives it back.
 *   A transaction is an aeon_db that holds a link for as long as it lives.
 *
 *        aeon_db (pool) ---- lane MAIN ---- semaphore of its size, idle links
 *                       \--- lane READ      (SQLite: MAIN is the one link that writes, READ are those that cannot)
 *        aeon_db (transaction) ---- link
 *
 *   The semaphore gives a lane its order: who holds a permit has a link or may make one. There is no task in a pool: a link is made,
 *   checked and closed by whoever needs it, inside his own scope.
 *
 *   A DRIVER knows one kind of database. It turns a statement into a RESULT, whose cells are text with a class, whatever came over the
 *   wire; rows.c makes structs of them. After each call a link says whether it is BROKEN: whatever is not known to be as good as
 *   new is, and is closed and not handed on.
 */
#pragma once

#include "base/list.h"
#include "db/result.h"

#include <aeon/db.h>
#include <aeon/error.h>
#include <aeon/sync.h>

/* ------------------------------------------------------------------ drivers */

enum lane_kind { LANE_MAIN, LANE_READ, LANES };

struct pool;

struct db_link {
        struct list node; /* in its lane's idle links */
        struct pool *pool;
        enum lane_kind lane;
        aeon_time expires; /* AEON_NEVER: as long as the pool lives */
        aeon_time used;    /* last */
        bool broken;
};

struct statement {
        const char *sql;
        const aeon_db_args *args; /* NULL: none */
        bool script;              /* several, not prepared */
        bool once;                /* one of our own, not worth preparing */
        bool alone;               /* no transaction is open: it may be repeated when it was refused before it did anything */
};

/* Those that wait are inside the caller's scope, and return -ECANCELED when that is cancelled. None retries. */
struct db_driver {
        bool ageless; /* links do not go bad by lying idle, nor by their age */

        /* Look at the URL, does no I/O. Errors: -EINVAL. */
        int (*check)(const char *url);

        /* How many links the lane may have; @size 0: the default. 0: everything goes through MAIN. */
        unsigned (*lane_size)(const char *url, enum lane_kind lane, unsigned size);
        bool (*only_reads)(const char *sql); /* it may take the lane READ; NULL: there is none */

        /* Connect. Errors: -ENOTCONN when time may help, others when not. */
        AEON_SUSPENDS int (*connect)(struct pool *pool, enum lane_kind lane, struct db_link **ret_link);

        /* Run it. Cancelled: it is ended, at the server too, within cleanup_timeout, or the link is broken. One that ends well in
         * spite of that is a success. */
        AEON_SUSPENDS int (*run)(struct db_link *link, const struct statement *s, struct db_result **ret_result);

        /* Without waiting: false when it is seen that it cannot be used, or that something was left open on it. */
        bool (*looks_well)(struct db_link *link);
        AEON_SUSPENDS int (*ping)(struct db_link *link);
        void (*close)(struct db_link *link);

        /* The statement that begins a transaction, written to @sql. */
        int (*begin)(const aeon_db_begin_opts *opts, enum lane_kind lane, char *sql, size_t size);

        /* NULL: there is no such thing. */
        AEON_SUSPENDS int (*listen)(struct db_link *link, const char *channel);
        AEON_SUSPENDS int (*hear)(struct db_link *link, aeon_db_note *ret_note, void **ret_memory); /* to free() */
};

extern const struct db_driver aeon__db_sqlite;
/* in the module db-postgres: AEON_API extern const struct db_driver aeon__db_postgres; */

/* url.c: find the driver, and what it says about the URL. Errors: -EINVAL, -EPROTONOSUPPORT, -ENOPKG. */
int aeon__db_driver_for(const char *url, const struct db_driver **ret_driver);

/* The URL without its secrets, to free(); NULL when there is no memory. */
char *aeon__db_url_shown(const char *url);

/* ------------------------------------------------------------------ pools and transactions */

struct lane {
        aeon_semaphore *permits; /* NULL: there is no such lane */
        unsigned size, open, waiting;
        struct list idle; /* links, the last used first */
};

struct pool {
        const struct db_driver *driver;
        char *url, *shown;
        aeon_db_opts opts; /* with defaults filled in */
        struct lane lanes[LANES];
        unsigned users; /* calls and transactions that hold the pool */
        bool closing;   /* freed with its last user */
        char *trouble;  /* why the last attempt to connect has failed; NULL: it did not */
        unsigned long long connected, dropped;
};

struct aeon_db {
        struct pool *pool;
        struct db_link *link; /* of a transaction; NULL: a pool */
        bool busy;            /* a transaction that somebody uses */
        bool failed;          /* a statement in it has: nothing but a rollback is possible */
        unsigned depth;       /* savepoints around; 0: the transaction itself */
        struct aeon_db *outer;
        struct aeon_db *inner; /* a savepoint that is open */
};

/* pool.c */
int aeon__pool_new(const char *url, const aeon_db_opts *opts, aeon_db **ret_db); /* does not connect */
void aeon__pool_close(aeon_db *db);                                              /* does not suspend */

/* Have a link; make one if need be, trying again while time may help. */
AEON_SUSPENDS int aeon__pool_take(struct pool *pool, enum lane_kind lane, struct db_link **ret_link);
void aeon__pool_give(struct db_link *link);

/* A link beside the pool's: it has no permit. To be closed by the driver. */
AEON_SUSPENDS int aeon__pool_connect_beside(struct pool *pool, aeon_duration patience, struct db_link **ret_link);

/* query.c: one statement, wherever @db leads. */
AEON_SUSPENDS int aeon__db_run(aeon_db *db, const struct statement *s, enum lane_kind lane, struct db_result **ret_result);

/* ------------------------------------------------------------------ what drivers share */

enum { VALUE_SIZE = 48, STATEMENT_SHOWN = 120 };

/* A value that is no text and no bytes as text, in @buffer; of a boolean "true" or "false". */
AEON_API const char *aeon__db_value_print(const aeon_db_value *value, char buffer[VALUE_SIZE]);

/* @sql on one line, cut, for the words of an error. */
AEON_API const char *aeon__db_statement_shown(const char *sql, char shown[STATEMENT_SHOWN]);
