/* Making and closing links. See postgres.h. */
#include "db/postgres/postgres.h"

#include <aeon/log.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARAMETERS = 64 };

/* What libpq is given: the URL's options, and ours behind them where it says nothing. */
struct parameters {
        const char *names[PARAMETERS + 1], *values[PARAMETERS + 1];
        size_t count;
};

static const char *const ours[][2] = {
        { "client_encoding", "UTF8" },   { "fallback_application_name", "aeon" },
        { "gssencmode", "disable" }, /* it would ask a Kerberos server, and wait */
        { "keepalives_idle", "30" }, /* a listener waits for ever: it must hear of a host that is gone */
        { "keepalives_interval", "10" }, { "keepalives_count", "3" },
        { "tcp_user_timeout", "60000" },
};

/* How values are written must not be up to the server's settings. */
static const char session[] =
        "set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'iso_8601'; set bytea_output = 'hex'; "
        "set extra_float_digits = 1; set standard_conforming_strings = on";

static int parse(const char *url, PQconninfoOption **ret_options)
{
        char *words = NULL;
        PQconninfoOption *options = PQconninfoParse(url, &words);
        if (options) {
                *ret_options = options;
                return 0;
        }
        /* It may quote the password: what went wrong is said without the words. */
        PQfreemem(words);
        return aeon_fail(-EINVAL, "libpq cannot read the URL (like postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE)");
}

int aeon__pg_check(const char *url)
{
        PQconninfoOption *options;
        int r = parse(url, &options);
        if (r >= 0)
                PQconninfoFree(options);
        return r;
}

static void add(struct parameters *p, const char *name, const char *value)
{
        for (size_t i = 0; i < p->count; i++)
                if (!strcmp(p->names[i], name))
                        return;
        if (p->count < PARAMETERS) {
                p->names[p->count] = name;
                p->values[p->count++] = value;
        }
}

static const char *option(const PQconninfoOption *options, const char *name)
{
        for (; options->keyword; options++)
                if (!strcmp(options->keyword, name))
                        return options->val && *options->val ? options->val : options->envvar ? getenv(options->envvar) : NULL;
        return NULL;
}

static int start(const PQconninfoOption *options, PGconn **ret_conn)
{
        struct parameters p = { 0 };
        struct addresses found = { 0 };
        const char *hosts = option(options, "host"), *ports = option(options, "port");
        if (hosts && !option(options, "hostaddr")) {
                int r = aeon__pg_resolve(hosts, ports ? ports : "", &found);
                if (r < 0)
                        return r;
        }
        if (found.hosts) {
                add(&p, "host", found.hosts);
                add(&p, "hostaddr", found.hostaddrs);
                add(&p, "port", found.ports);
        }
        for (const PQconninfoOption *o = options; o->keyword; o++)
                if (o->val && *o->val)
                        add(&p, o->keyword, o->val);
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                add(&p, ours[i][0], ours[i][1]);
        *ret_conn = PQconnectStartParams(p.names, p.values, 0);
        free(found.hosts);
        free(found.hostaddrs);
        free(found.ports);
        return *ret_conn ? 0 : aeon_fail(-ENOMEM, "no memory for a connection");
}

/* libpq may take another socket each time it is called, so each is watched for one wait only. */
static int poll_until_connected(PGconn *conn)
{
        PostgresPollingStatusType status = PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
        while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
                aeon_watch *watch;
                int r = aeon_watch_open(PQsocket(conn), &watch);
                if (r < 0)
                        return r;
                r = aeon_watch_wait(watch, status == PGRES_POLLING_READING ? AEON_READABLE : AEON_WRITABLE);
                aeon_watch_close(watch);
                if (r < 0)
                        return r;
                status = PQconnectPoll(conn);
        }
        return status == PGRES_POLLING_OK ? 0 : aeon__pg_connect_failure(conn);
}

static void on_notice(void *arg, const char *message)
{
        (void)arg;
        aeon_log_debug("postgresql: %.*s", (int)strcspn(message, "\n"), message);
}

static int set_up(struct pg_link *l)
{
        PQsetErrorVerbosity(l->conn, PQERRORS_DEFAULT);
        if (PQsetnonblocking(l->conn, 1) < 0)
                return aeon_fail(-ENOMEM, "%s", PQerrorMessage(l->conn));
        l->fd = fcntl(PQsocket(l->conn), F_DUPFD_CLOEXEC, 0);
        if (l->fd < 0)
                return aeon_fail_os(-errno, "a connection");
        int r = aeon_watch_open(l->fd, &l->watch);
        if (r >= 0)
                r = aeon__pg_say(l, session);
        return r == -ECONNABORTED ? aeon_fail(-ENOTCONN, "the connection was lost at once") : r;
}

static int connect_link(struct pg_link *l, const char *url)
{
        PQconninfoOption *options;
        int r = parse(url, &options);
        if (r < 0)
                return r;
        r = start(options, &l->conn);
        PQconninfoFree(options);
        if (r < 0)
                return r;
        PQsetErrorVerbosity(l->conn, PQERRORS_VERBOSE);
        PQsetNoticeProcessor(l->conn, on_notice, NULL);
        r = poll_until_connected(l->conn);
        return r < 0 ? r : set_up(l);
}

int aeon__pg_connect(struct pool *pool, enum lane_kind lane, struct db_link **ret_link)
{
        (void)lane;
        struct pg_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->fd = -1;
        l->link.pool = pool;
        aeon__kept_init(&l->prepared);
        int r = connect_link(l, pool->url);
        if (r < 0) {
                aeon__pg_close(&l->link);
                return r;
        }
        *ret_link = &l->link;
        return 0;
}

void aeon__pg_close(struct db_link *link)
{
        struct pg_link *l = pg_link_of(link);
        aeon_watch_close(l->watch);
        PQclear(l->result);
        PQfinish(l->conn);
        if (l->fd >= 0)
                close(l->fd);
        aeon__pg_forget_all(l);
        free(l);
}
