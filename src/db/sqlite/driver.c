/* The SQLite driver: its table, and the jobs. See sqlite.h. */
#include "db/sqlite/sqlite.h"

#include <aeon/scope.h>
#include <aeon/thread.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEFAULT_READERS = 4 };

struct job {
        struct sq_link *link;
        const char *path; /* to open it */
        enum lane_kind lane;
        const struct statement *statement;
        struct db_result *result;
};

static unsigned lane_size(const char *url, enum lane_kind lane, unsigned size)
{
        if (lane == LANE_MAIN)
                return 1;
        return aeon__sq_in_memory(url) ? 0 : size ? size : DEFAULT_READERS;
}

/* By its first word; what cannot be told so writes. */
static bool only_reads(const char *sql)
{
        static const char *const words[] = { "select", "values", "explain" };
        while (isspace((unsigned char)*sql) || *sql == '(')
                sql++;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                size_t length = strlen(words[i]);
                if (!strncasecmp(sql, words[i], length) && !isalnum((unsigned char)sql[length]) && sql[length] != '_')
                        return true;
        }
        return false;
}

/* ------------------------------------------------------------------ jobs */

static int open_job(void *arg)
{
        const struct job *job = arg;
        return aeon__sq_open(job->link, job->path, job->lane);
}

static void close_link(struct db_link *link)
{
        struct sq_link *l = sq_link_of(link);
        aeon__sq_close(l); /* on the loop: at the end of the pool, or after a failure */
        free(l);
}

static int connect_to(struct pool *pool, enum lane_kind lane, struct db_link **ret_link)
{
        struct sq_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->link.pool = pool;
        l->patience = pool->opts.patience;
        aeon__kept_init(&l->prepared);
        struct job job = { .link = l, .path = aeon__sq_path(pool->url), .lane = lane };
        int r = aeon_offload(open_job, &job);
        if (r < 0) {
                close_link(&l->link);
                return r;
        }
        *ret_link = &l->link;
        return 0;
}

static int run_job(void *arg)
{
        struct job *job = arg;
        return aeon__sq_run(job->link, job->statement, &job->result);
}

static int run(struct db_link *link, const struct statement *s, struct db_result **ret_result)
{
        struct job job = { .link = sq_link_of(link), .statement = s };
        int r = aeon_offload(run_job, &job);
        if (r == -EBUSY && aeon_cancelled())
                r = -ECANCELED; /* it was the cancel that ended the wait for the lock */
        if (r >= 0)
                *ret_result = job.result;
        return r;
}

static int ping(struct db_link *link)
{
        struct db_result *result = NULL;
        int r = run(link, &(struct statement){ .sql = "select count(*) from sqlite_schema" }, &result);
        result_free(result);
        return r;
}

static bool looks_well(struct db_link *link)
{
        return sqlite3_get_autocommit(sq_link_of(link)->db);
}

static int begin(const aeon_db_begin_opts *opts, enum lane_kind lane, char *sql, size_t size)
{
        (void)opts;
        snprintf(sql, size, lane == LANE_READ ? "begin" : "begin immediate");
        return 0;
}

const struct db_driver aeon__db_sqlite = {
        .ageless = true,
        .check = aeon__sq_check,
        .lane_size = lane_size,
        .only_reads = only_reads,
        .connect = connect_to,
        .run = run,
        .looks_well = looks_well,
        .ping = ping,
        .close = close_link,
        .begin = begin,
};
