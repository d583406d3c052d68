/* kill -9 at any moment loses no job.
 *
 * DESIGN
 *   Each round publishes a batch of jobs, before drain.c starts or while it works, and kills it after a random time. The next round finds what the
 *   dead one left. After the last round one run works off the rest. Every job must then have been done, some of them twice: those
 *   whose handler had ended when the process died before the acknowledgement was on the disk.
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

enum { BATCH = 50, LIFE_US = 30000 };

struct tally {
        unsigned char *done; /* by id: how often */
        int total, missing, doubles;
};

static int number_from(const char *variable, int otherwise)
{
        const char *text = getenv(variable);
        return text && atoi(text) > 0 ? atoi(text) : otherwise;
}

static void count_done(struct tally *t, const char *output)
{
        for (const char *at = output; (at = strstr(at, "done "));) {
                int id = atoi(at += strlen("done "));
                if (id < 1 || id > t->total || t->done[id] == 255)
                        continue;
                t->doubles += t->done[id] > 0;
                t->missing -= t->done[id] == 0;
                t->done[id]++;
        }
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

/* Wait until @p has done every job that none before it did. */
static void await_missing(struct process *p, const struct tally *t)
{
        char line[32];
        for (int id = 1; id <= t->total; id++) {
                snprintf(line, sizeof line, "done %d\n", id);
                if (!t->done[id] && !process_await(p, line, 60)) {
                        test_check(false, __FILE__, __LINE__, line);
                        return;
                }
        }
}

/* Kill @p some time from now, whatever this process is doing then. */
static void kill_later(struct process *p)
{
        char command[64];
        snprintf(command, sizeof command, "sleep %.4f; kill -KILL %d", (double)(rand() % LIFE_US) / 1e6, (int)process_id(p));
        PROCESS("sh", "-c", command);
}

/* One life of the service, with a batch that is there already or comes while it works. */
static void live_and_die(struct tally *t, int first_job)
{
        char url[512], takes[16];
        bool before = rand() % 2;
        snprintf(url, sizeof url, "sqlite:%s", test_path("q.db"));
        snprintf(takes, sizeof takes, "%dms", rand() % 6);
        if (before)
                publish_jobs(url, first_job, BATCH, takes);
        struct process *p = start_service();
        kill_later(p);
        if (!before)
                publish_jobs(url, first_job, BATCH, takes);
        CHECK_INT(process_wait(p, 10), 128 + SIGKILL);
        count_done(t, process_output(p));
        check_integrity(test_path("q.db"));
}

PLAIN_TEST_WITHIN(kill_loop, 600)
{
        int rounds = number_from("AEON_KILL_ROUNDS", 10), seed = number_from("AEON_KILL_SEED", (int)(time(NULL) & 0xffff) + 1);
        int interrupted = 0;
        struct tally t = { .total = rounds * BATCH, .missing = rounds * BATCH };
        t.done = calloc((size_t)t.total + 1, 1);
        REQUIRE(t.done != NULL);
        srand((unsigned)seed);
        for (int round = 1; round <= rounds; round++) {
                live_and_die(&t, 1 + (round - 1) * BATCH);
                interrupted += t.missing > (rounds - round) * BATCH;
        }
        struct process *p = start_service();
        process_await(p, "ready", 60);
        await_missing(p, &t);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 20), 0);
        count_done(&t, process_output(p));
        CHECK_INT(t.missing, 0);
        check_integrity(test_path("q.db"));
        printf("    kill_loop: seed %d, %d rounds (%d killed at work), %d jobs, %d done twice\n", seed, rounds, interrupted,
               t.total, t.doubles);
        free(t.done);
}
