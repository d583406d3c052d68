/* The SQLite driver between its files.
 *
 * DESIGN
 *   SQLite blocks, so whatever touches a file is a JOB on a thread of the pool (aeon_offload()): opened there, prepared, bound and stepped,
 *   and all its rows copied into a result before the task goes on. A link is used by one task at a time, so by one thread.
 *
 *   ONE link writes (LANE_MAIN), so writers wait for each other in order of arrival, in the loop and not in SQLite; the others may
 *   only read (query_only), and thanks to the write-ahead log nobody waits for them. Other loops and processes write, too: for
 *   them there is a busy handler, which goes on waiting for `patience`, or until its task is cancelled.
 *
 *   A cancelled task ends its statement by the progress handler; SQLite undoes it.
 *
 *        file.c      URL, opening, pragmas     statement.c  prepare, bind, step
 *        result.c    copied rows               driver.c     the table, jobs
 */
#pragma once

#include "base/arena.h"
#include "db/db.h"
#include "db/kept.h"

#include <sqlite3.h>

struct sq_link {
        struct db_link link;
        sqlite3 *db;
        struct kept_list prepared; /* handle: sqlite3_stmt */
        aeon_duration patience;
        aeon_time busy_since; /* the lock is waited for; 0: it is not */
};

static inline struct sq_link *sq_link_of(struct db_link *link)
{
        return container_of(link, struct sq_link, link);
}

/* file.c; those on a thread block */
int aeon__sq_check(const char *url);
const char *aeon__sq_path(const char *url); /* inside @url */
bool aeon__sq_in_memory(const char *url);
int aeon__sq_open(struct sq_link *l, const char *path, enum lane_kind lane);
void aeon__sq_close(struct sq_link *l);
int aeon__sq_failure(struct sq_link *l, int code); /* its words, and the code; may mark the link as broken */

/* statement.c, on a thread */
int aeon__sq_run(struct sq_link *l, const struct statement *s, struct db_result **ret_result);
void aeon__sq_give_up(struct sq_link *l, struct kept *p); /* a prepared one */

/* result.c */
struct sq_result;
int aeon__sq_result_new(sqlite3_stmt *statement, struct sq_result **ret_result);
int aeon__sq_result_add(struct sq_result *result, sqlite3_stmt *statement); /* the row it stands at */
struct db_result *aeon__sq_result_end(struct sq_result *result, int64_t changed);
void aeon__sq_result_free(struct sq_result *result);
