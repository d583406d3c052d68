/* Databases for tests: the server of scripts/servers with a schema of the test's own, or a private server that can be killed. */
#pragma once

#include "harness.h"

#include <aeon.h>

/* The shared server; everything that is made goes into a schema of this process, which is the first in every connection's path. */
const char *shared_url(void);

/* The same with further options for libpq, "&connect_timeout=2". */
const char *shared_url_with(const char *options);

/* A pool of it with @size connections (0: the default). */
aeon_db *shared_open(unsigned size);

/* A number that the one row of @sql has in its column n; -1 when it cannot be had. */
int64_t number_of(aeon_db *db, const char *sql, const aeon_db_args *args);

/* Wait until @sql gives @wanted. Suspends. */
void await_number(aeon_db *db, const char *sql, const aeon_db_args *args, int64_t wanted);

/* ------------------------------------------------------------------ a server of the test's own */

struct server {
        int port;
        struct process *process;
};

void server_init(struct server *s);
void server_start(struct server *s); /* blocks until it answers */
void server_stop(struct server *s, int signal);
const char *server_url(const struct server *s); /* borrowed until the next call */

/* The same from a task, on a thread. Suspends. */
void server_start_beside(struct server *s);
void server_stop_beside(struct server *s, int signal);

#define NUMBER(F) F(i64, n)
AEON_RECORD(number, NUMBER);
