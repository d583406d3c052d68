/* The PostgreSQL driver between its files: a module, since it needs libpq.
 *
 * DESIGN
 *   libpq works in its non-blocking mode and never touches the loop: the driver waits for the socket with an aeon_watch and lets libpq
 *   read and write. The watch is on a duplicate of the socket, since libpq closes its own whenever it likes, and a watched number
 *   must not become another file.
 *
 *        connect.c    names are looked up on a thread, then PQconnectPoll()
 *        exchange.c   one request and its results; what becomes of it when its task is cancelled
 *        run.c        statements: prepared once, found again by their text
 *        result.c     cells; error.c  what SQLSTATE means
 *
 *   Whatever is sent goes through one exchange at a time, and an exchange ends with the server's "ready for query", or the link is broken.
 */
#pragma once

#include "db/db.h"
#include "db/kept.h"

#include <aeon/watch.h>
#include <libpq-fe.h>

struct pg_link {
        struct db_link link;
        PGconn *conn;
        int fd;            /* a duplicate; -1: not yet */
        aeon_watch *watch; /* of it */
        PGresult *result;  /* of the exchange under way: the first error, else the last result */
        struct kept_list prepared;
        unsigned long prepared_number; /* the last one */
};

static inline struct pg_link *pg_link_of(struct db_link *link)
{
        return container_of(link, struct pg_link, link);
}

/* connect.c */
int aeon__pg_check(const char *url);
AEON_SUSPENDS int aeon__pg_connect(struct pool *pool, enum lane_kind lane, struct db_link **ret_link);
void aeon__pg_close(struct db_link *link);

/* resolve.c: "a,b" and "1,2" with each name replaced by its addresses, to free(); all NULL: libpq needs no help. Errors: -ENOTCONN. */
struct addresses {
        char *hosts, *hostaddrs, *ports;
};
AEON_SUSPENDS int aeon__pg_resolve(const char *hosts, const char *ports, struct addresses *ret_addresses);

/* exchange.c: @sent is what PQsend...() has returned. The result is yours to PQclear(), also that of a failure, when it is not NULL.
 *
 * Errors: -ENOTCONN it could not be sent, -ECONNABORTED, -ECANCELED (nothing of it is left, or the link is broken), the server's. */
AEON_SUSPENDS int aeon__pg_exchange(struct pg_link *l, int sent, PGresult **ret_result);
AEON_SUSPENDS int aeon__pg_say(struct pg_link *l, const char *sql); /* the result does not matter */
int aeon__pg_lost(struct pg_link *l);                               /* its words; the link is broken */

/* run.c */
AEON_SUSPENDS int aeon__pg_run(struct db_link *link, const struct statement *s, struct db_result **ret_result);
void aeon__pg_forget_all(struct pg_link *l);

/* result.c: takes @result. */
int aeon__pg_result_new(PGresult *result, struct db_result **ret_result);

/* error.c */
int aeon__pg_errno(const char *sqlstate);
int aeon__pg_failure(const PGresult *result);                     /* the code, with the server's words */
int aeon__pg_connect_failure(const PGconn *conn);                 /* likewise */
void aeon__pg_hide_arguments(int code, const aeon_db_args *args); /* out of the words of the pending error */
