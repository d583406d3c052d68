/* See database.h. */
#include "database.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A schema of the test's own; a process id alone comes again while the server lives. */
static const char *schema(void)
{
        static char name[48];
        if (!*name)
                snprintf(name, sizeof name, "test_%d_%lld", (int)getpid(), (long long)time(NULL));
        return name;
}

const char *shared_url_with(const char *options)
{
        static char urls[4][400];
        static unsigned turn;
        char *url = urls[turn++ % 4];
        const char *base = getenv("AEON_TEST_POSTGRES");
        REQUIRE(base || !"AEON_TEST_POSTGRES is set: scripts/servers up postgres");
        snprintf(url, sizeof urls[0], "%s?options=-csearch_path%%3D%s%s", base, schema(), options);
        return url;
}

const char *shared_url(void)
{
        return shared_url_with("");
}

aeon_db *shared_open(unsigned size)
{
        char sql[80];
        aeon_db *db;
        REQUIRE_INT(aeon_db_open(shared_url(), &(aeon_db_opts){ .size = size }, &db), 0);
        snprintf(sql, sizeof sql, "create schema if not exists %s", schema());
        REQUIRE_INT(aeon_db_script(db, sql), 0);
        return db;
}

int64_t number_of(aeon_db *db, const char *sql, const aeon_db_args *args)
{
        struct number *row;
        int r = number_row(db, &row, sql, args);
        if (r < 0) {
                fprintf(stderr, "    %s\n", aeon_error_describe(r));
                return -1;
        }
        int64_t n = row->n;
        number_free(row);
        return n;
}

void await_number(aeon_db *db, const char *sql, const aeon_db_args *args, int64_t wanted)
{
        int64_t n;
        for (int i = 0; (n = number_of(db, sql, args)) != wanted && i < 2000; i++)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(5)), 0);
        CHECK_INT(n, wanted);
}

/* ------------------------------------------------------------------ servers */

void server_init(struct server *s)
{
        *s = (struct server){ .port = test_free_port() };
        REQUIRE(chmod(test_folder(), 0711) == 0); /* the server is not root */
}

void server_start(struct server *s)
{
        char command[1200], port[12];
        const char *folder = test_path("postgres-%d", s->port), *log = test_path("postgres.log");
        REQUIRE(mkdir(folder, 0700) == 0 || errno == EEXIST);
        snprintf(port, sizeof port, "%d", s->port);
        snprintf(command, sizeof command, "exec '%s/scripts/servers' run postgres %s '%s' >>'%s' 2>&1", test_source_folder(), port,
                 folder, log);
        s->process = PROCESS("sh", "-c", command);
        snprintf(command, sizeof command, "%s/scripts/servers", test_source_folder());
        struct process *ready = PROCESS(command, "ready", "postgres", port);
        if (process_wait(ready, 90) != 0) {
                char *text = test_read_file(log);
                fprintf(stderr, "    %s\n%s\n", process_output(ready), text ? text : "");
                REQUIRE(!"the server starts");
        }
}

void server_stop(struct server *s, int signal)
{
        process_signal(s->process, signal);
        CHECK(process_wait(s->process, 60) >= 0);
        s->process = NULL;
}

const char *server_url(const struct server *s)
{
        static char url[100];
        snprintf(url, sizeof url, "postgresql://aeon@127.0.0.1:%d/postgres", s->port);
        return url;
}

static int start_job(void *arg)
{
        server_start(arg);
        return 0;
}

void server_start_beside(struct server *s)
{
        aeon_offload(start_job, s);
}

struct stop_job {
        struct server *server;
        int signal;
};

static int stop_on_thread(void *arg)
{
        const struct stop_job *job = arg;
        server_stop(job->server, job->signal);
        return 0;
}

void server_stop_beside(struct server *s, int signal)
{
        aeon_offload(stop_on_thread, &(struct stop_job){ s, signal });
}
