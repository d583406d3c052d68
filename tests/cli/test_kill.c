/* kill -9 at any moment loses no job.
 *
 * DESIGN
 *   Each round publishes a batch of jobs, before drain.c starts or while it works, and kills it: in one round of four somewhere in its
 *   start, else at a random time after it was ready. The next round finds what the dead one left. After the last round one run works
 *   off the rest. Every job must then have been done, some of them twice: those whose handler had ended when the process died before
 *   the acknowledgement was on the disk.
 *
 *   AEON_KILL_ROUNDS=200 makes it long; AEON_KILL_SEED=N repeats a run.
 */
#include "program.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 500, START_US = 30000, WORK_US = 60000 };

struct tally {
        unsigned char *done; /* by id: how often */
        int total, missing, doubles;
        int lives_that_worked; /* before they were killed */
};

static int number_from(const char *variable, int otherwise)
{
        const char *text = getenv(variable);
        return text && atoi(text) > 0 ? atoi(text) : otherwise;
}

/* Count the whole lines of @output from @from on; returns where to go on when there is more. */
static size_t count_done(struct tally *t, const char *output, size_t from)
{
        const char *at = output + from, *end;
        for (; (end = strchr(at, '\n')); at = end + 1) {
                int id = strncmp(at, "done ", 5) == 0 ? atoi(at + 5) : 0;
                if (id < 1 || id > t->total || t->done[id] == 255)
                        continue;
                t->doubles += t->done[id] > 0;
                t->missing -= t->done[id] == 0;
                t->done[id]++;
        }
        return (size_t)(at - output);
}

static void check_integrity(const char *path)
{
        sqlite3 *db;
        sqlite3_stmt *query;
        REQUIRE_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        REQUIRE_INT(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &query, NULL), SQLITE_OK);
        CHECK_INT(sqlite3_step(query), SQLITE_ROW);
        CHECK_STR((const char *)sqlite3_column_text(query, 0), "ok");
        sqlite3_finalize(query);
        sqlite3_close(db);
}

static struct process *start_service(void)
{
        return AEON("run", service("drain.c"), "--admin", "off");
}

/* Wait until every job is done. */
static size_t await_missing(struct process *p, struct tally *t)
{
        size_t at = 0;
        for (int i = 0; i < 6000 && t->missing > 0; i++) {
                usleep(10000);
                at = count_done(t, process_output(p), at);
        }
        return at;
}

/* Kill @p some time from now, whatever this process is doing then. */
static void kill_later(struct process *p, int within_us)
{
        char command[64];
        snprintf(command, sizeof command, "sleep %.4f; kill -KILL %d", (double)(rand() % within_us) / 1e6, (int)process_id(p));
        PROCESS("sh", "-c", command);
}

/* One life of the service, with a batch that is there already or comes while it works. */
static void live_and_die(struct tally *t, int first_job)
{
        char url[512], takes[16];
        bool jobs_first = rand() % 2, while_starting = rand() % 4 == 0;
        snprintf(url, sizeof url, "sqlite:%s", test_path("q.db"));
        snprintf(takes, sizeof takes, "%dms", rand() % 6);
        if (jobs_first)
                publish_jobs(url, first_job, BATCH, takes);
        struct process *p = start_service();
        if (!while_starting)
                process_await(p, "ready", 20);
        kill_later(p, while_starting ? START_US : WORK_US);
        if (!jobs_first)
                publish_jobs(url, first_job, BATCH, takes);
        CHECK_INT(process_wait(p, 10), 128 + SIGKILL);
        int before = t->missing;
        count_done(t, process_output(p), 0);
        t->lives_that_worked += t->missing < before;
        check_integrity(test_path("q.db"));
}

PLAIN_TEST_WITHIN(kill_loop, 900)
{
        int rounds = number_from("AEON_KILL_ROUNDS", 10), seed = number_from("AEON_KILL_SEED", (int)(time(NULL) & 0xffff) + 1);
        struct tally t = { .total = rounds * BATCH, .missing = rounds * BATCH };
        t.done = calloc((size_t)t.total + 1, 1);
        REQUIRE(t.done != NULL);
        srand((unsigned)seed);
        for (int round = 0; round < rounds; round++)
                live_and_die(&t, 1 + round * BATCH);
        struct process *p = start_service();
        process_await(p, "ready", 60);
        size_t counted = await_missing(p, &t);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 20), 0);
        count_done(&t, process_output(p), counted);
        CHECK_INT(t.missing, 0);
        CHECK(t.lives_that_worked > 0);
        check_integrity(test_path("q.db"));
        printf("    kill_loop: seed %d, %d rounds, %d jobs, killed while working %d times, %d jobs done twice, %d lost\n", seed,
               rounds, t.total, t.lives_that_worked, t.doubles, t.missing);
        free(t.done);
}
