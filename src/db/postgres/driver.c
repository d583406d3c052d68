/* The PostgreSQL driver: its table, and LISTEN. See postgres.h. */
#include "db/postgres/postgres.h"

#include "base/text.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SIZE = 10 };

static unsigned lane_size(const char *url, enum lane_kind lane, unsigned size)
{
        (void)url;
        return lane == LANE_MAIN ? size ? size : DEFAULT_SIZE : 0;
}

/* The server says nothing to an idle link but that it is the end. */
static bool looks_well(struct db_link *link)
{
        const struct pg_link *l = pg_link_of(link);
        struct pollfd p = { .fd = l->fd, .events = POLLIN };
        return PQstatus(l->conn) == CONNECTION_OK && PQtransactionStatus(l->conn) == PQTRANS_IDLE && poll(&p, 1, 0) == 0;
}

static int ping(struct db_link *link)
{
        return aeon__pg_say(pg_link_of(link), "select 1");
}

static int begin(const aeon_db_begin_opts *opts, enum lane_kind lane, char *sql, size_t size)
{
        static const char *const levels[] = {
                [AEON_ISOLATION_DEFAULT] = "",
                [AEON_READ_COMMITTED] = " isolation level read committed",
                [AEON_REPEATABLE_READ] = " isolation level repeatable read",
                [AEON_SERIALIZABLE] = " isolation level serializable",
        };
        (void)lane;
        if ((unsigned)opts->isolation > AEON_SERIALIZABLE)
                return aeon_fail(-EINVAL, "there is no isolation %d", (int)opts->isolation);
        snprintf(sql, size, "begin%s%s", levels[opts->isolation], opts->read_only ? " read only" : "");
        return 0;
}

/* ------------------------------------------------------------------ LISTEN */

static int listen_to(struct db_link *link, const char *channel)
{
        struct pg_link *l = pg_link_of(link);
        struct text sql = { 0 };
        char *name = PQescapeIdentifier(l->conn, channel, strlen(channel));
        if (!name)
                return aeon_fail(-EINVAL, "%s", PQerrorMessage(l->conn));
        aeon__text_print(&sql, "listen %s", name);
        PQfreemem(name);
        int r = sql.failed ? aeon_fail(-ENOMEM, "no memory for a channel") : aeon__pg_say(l, sql.data);
        aeon__text_done(&sql);
        return r;
}

static int hear(struct db_link *link, aeon_db_note *ret_note, void **ret_memory)
{
        struct pg_link *l = pg_link_of(link);
        PGnotify *n;
        while (!(n = PQnotifies(l->conn))) {
                int r = aeon_watch_wait(l->watch, AEON_READABLE);
                if (r < 0)
                        return r;
                if (!PQconsumeInput(l->conn))
                        return aeon__pg_lost(l);
        }
        char *payload = strdup(n->extra);
        int process = n->be_pid;
        PQfreemem(n);
        if (!payload)
                return aeon_fail(-ENOMEM, "no memory for a note");
        *ret_memory = payload;
        *ret_note = (aeon_db_note){ .payload = payload, .process = process };
        return 0;
}

AEON_API const struct db_driver aeon__db_postgres = {
        .check = aeon__pg_check,
        .lane_size = lane_size,
        .connect = aeon__pg_connect,
        .run = aeon__pg_run,
        .looks_well = looks_well,
        .ping = ping,
        .close = aeon__pg_close,
        .begin = begin,
        .listen = listen_to,
        .hear = hear,
};
