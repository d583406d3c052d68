/* The watchdog: slow tasks (concurrency rule 29), and dumps of all loops by a signal (rule 31). */
#include "harness.h"

#include "loop/loop.h"
#include "loop/symbol.h"

#include <aeon/debug.h>
#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/thread.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool logged(const char *part)
{
        return strstr(test_stderr(), part) != NULL;
}

static unsigned count_in_log(const char *part)
{
        unsigned count = 0;
        for (const char *at = test_stderr(); (at = strstr(at, part)); at++)
                count++;
        return count;
}

/* Let no other task run until @part is in the log. */
static __attribute__((noinline)) void block_until_logged(const char *part)
{
        while (!logged(part))
                usleep(1000);
}

static void sleep_until_logged(const char *part)
{
        while (!logged(part))
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

/* ------------------------------------------------------------------ slow tasks */

static int be_slow(void *arg)
{
        (void)arg;
        block_until_logged("has let no other run");
        return 0;
}

static int run_slow_task(void *arg)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "slow one", be_slow, arg);
        return aeon_group_close(g);
}

TEST(a_task_that_does_not_yield_is_reported_with_name_site_and_stack)
{
        test_stderr_begin();
        CHECK_INT(run_slow_task(NULL), 0);
        CHECK_CONTAINS(test_stderr(), "task \"slow one\" #");
        CHECK_CONTAINS(test_stderr(), "test_watchdog.c:");
        CHECK_CONTAINS(test_stderr(), ") has let no other run for ");
        CHECK_CONTAINS(test_stderr(), " block_until_logged+0x");
        CHECK_CONTAINS(test_stderr(), " be_slow+0x");
        test_stderr_end();
}

static _Atomic bool counting;

static int spin(void *arg)
{
        volatile unsigned long *turns = arg;
        while (atomic_load_explicit(&counting, memory_order_relaxed))
                ++*turns;
        return 0;
}

static void *stop_counting_when_logged(void *arg)
{
        (void)arg;
        block_until_logged("has let no other run");
        atomic_store(&counting, false);
        return NULL;
}

/* It makes no system call, so only a signal can interrupt it. */
TEST(a_task_that_only_computes_is_reported)
{
        pthread_t thread;
        unsigned long turns = 0;
        aeon_group *g;
        test_stderr_begin();
        atomic_store(&counting, true);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "spinner", spin, &turns);
        pthread_create(&thread, NULL, stop_counting_when_logged, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        pthread_join(thread, NULL);
        CHECK_CONTAINS(test_stderr(), " spin+0x");
        test_stderr_end();
}

TEST(a_stall_is_reported_once_and_so_is_its_end)
{
        test_stderr_begin();
        aeon_watchdog_set_limit(AEON_MILLISECONDS(10));
        block_until_logged("has let no other run for 10 ms");
        usleep(100000);
        CHECK_INT(count_in_log("has let no other run"), 1);
        CHECK(!logged("lets others run again"));
        sleep_until_logged("lets others run again, after ");
        CHECK_INT(count_in_log("lets others run again"), 1);
        block_until_logged("has let no other run for 10 ms; it is in");
        test_stderr_end();
}

TEST(each_stall_is_reported)
{
        test_stderr_begin();
        aeon_watchdog_set_limit(AEON_MILLISECONDS(10));
        for (unsigned i = 1; i <= 3; i++) {
                while (count_in_log("has let no other run") < i)
                        usleep(1000);
                while (count_in_log("lets others run again") < i)
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        }
        test_stderr_end();
}

TEST(a_stall_that_ends_with_its_loop_is_told_to_be_over)
{
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(be_slow, NULL), 0);
        CHECK_INT(count_in_log("lets others run again"), 1);
        test_stderr_end();
}

/* Returns the longest time that the machine gave this thread no processor. */
static aeon_duration compute_for(aeon_duration duration, bool yield)
{
        aeon_time begin = aeon_now(), now = begin, before;
        aeon_duration longest = 0;
        while (now - begin < duration) {
                if (yield)
                        REQUIRE_INT(aeon_checkpoint(), 0);
                before = now;
                now = aeon_now();
                longest = now - before > longest ? now - before : longest;
        }
        return longest;
}

TEST(a_busy_task_that_yields_is_not_slow)
{
        aeon_duration limit = AEON_MILLISECONDS(100) * aeon__checker_slowdown(), longest;
        unsigned before;
        test_stderr_begin();
        do {
                before = count_in_log("has let no other run");
                longest = compute_for(4 * limit, true);
        } while (longest > limit / 2); /* a thread without a processor looks like a task that does not yield */
        CHECK_INT(count_in_log("has let no other run"), before);
        test_stderr_end();
}

TEST(a_limit_of_zero_reports_nothing)
{
        test_stderr_begin();
        aeon_watchdog_set_limit(0);
        (void)compute_for(3 * AEON_MILLISECONDS(100) * aeon__checker_slowdown(), false);
        CHECK(!logged("has let no other run"));
        aeon_watchdog_set_limit(AEON_MILLISECONDS(10));
        block_until_logged("has let no other run for 10 ms");
        test_stderr_end();
}

PLAIN_TEST(the_environment_sets_the_limit)
{
        setenv("AEON_SLOW_TASK_MS", "15", 1);
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(be_slow, NULL), 0);
        CHECK_CONTAINS(test_stderr(), "has let no other run for 15 ms");
        test_stderr_end();
}

static int wait_until_the_watcher_sleeps(void *arg)
{
        (void)arg;
        while (!atomic_load(&aeon__sched_watcher_asleep))
                usleep(1000);
        return 0;
}

TEST(the_watchdog_sleeps_while_nothing_runs_and_wakes_for_what_does)
{
        test_stderr_begin();
        aeon_watchdog_set_limit(AEON_MILLISECONDS(10));
        CHECK_INT(aeon_offload(wait_until_the_watcher_sleeps, NULL), 0);
        block_until_logged("has let no other run");
        test_stderr_end();
}

static int sleep_well(void *arg)
{
        (void)arg;
        return aeon_sleep(4 * AEON_MILLISECONDS(100) * aeon__checker_slowdown());
}

TEST(a_task_that_runs_a_loop_inside_is_not_slow)
{
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(sleep_well, NULL), 0);
        CHECK(!logged("has let no other run"));
        CHECK_INT(run_slow_task(NULL), 0);
        CHECK(logged("has let no other run"));
        test_stderr_end();
}

static _Atomic bool slow_loop_ended;

static void *run_loop_with_slow_task(void *arg)
{
        (void)arg;
        CHECK_INT(aeon_loop_run(run_slow_task, NULL), 0);
        atomic_store(&slow_loop_ended, true);
        return NULL;
}

static int count_watchdogs(void)
{
        int count = 0;
        DIR *d = opendir("/proc/self/task");
        REQUIRE(d != NULL);
        for (struct dirent *entry; (entry = readdir(d));) {
                char path[300];
                snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
                char *name = test_read_file(path);
                count += name && !strcmp(name, "aeon-watchdog\n");
                free(name);
        }
        closedir(d);
        return count;
}

static int run_slow_loop_beside(void *arg)
{
        pthread_create(arg, NULL, run_loop_with_slow_task, NULL);
        while (!atomic_load(&slow_loop_ended))
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(count_watchdogs(), 1);
        return 0;
}

PLAIN_TEST(one_watchdog_serves_all_loops_and_ends_with_the_last)
{
        pthread_t thread;
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(run_slow_loop_beside, &thread), 0);
        pthread_join(thread, NULL);
        CHECK_CONTAINS(test_stderr(), "task \"slow one\" #");
        test_stderr_end();
        CHECK_INT(count_watchdogs(), 0);
}

TEST(a_forked_child_has_a_watchdog_of_its_own)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
        return; /* the one allows no thread after a fork; the other's malloc may be locked for good by a thread that was not forked */
#endif
        test_stderr_begin();
        aeon_watchdog_set_limit(0);
        pid_t child = fork();
        aeon_watchdog_set_limit(child ? 0 : -1);
        if (child == 0)
                _exit(aeon_loop_run(be_slow, NULL) == 0 && count_in_log("lets others run again") == 1 ? 7 : 1);
        int status;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        test_stderr_end();
}

static volatile sig_atomic_t urgent;

static void count_urgent(int number)
{
        (void)number;
        urgent++;
}

TEST(a_handler_for_sigurg_that_was_there_before_still_hears_of_others)
{
        signal(SIGURG, count_urgent);
        test_stderr_begin();
        block_until_logged("has let no other run");
        CHECK_INT(urgent, 0);
        raise(SIGURG);
        CHECK_INT(urgent, 1);
        test_stderr_end();
}

/* ------------------------------------------------------------------ names */

PLAIN_TEST(static_functions_have_names_in_a_stack)
{
        char text[192];
        aeon__symbol_describe((const char *)(uintptr_t)count_urgent + 1, text, sizeof text);
        CHECK_CONTAINS(text, "count_urgent+0x1 (tests-loop+0x");
        aeon__symbol_describe((const void *)(uintptr_t)&urgent, text, sizeof text);
        CHECK_CONTAINS(text, "tests-loop+0x");
        aeon__symbol_describe((const void *)64, text, sizeof text);
        CHECK_STR(text, "0x40");
}

/* ------------------------------------------------------------------ dumps by a signal */

static int sleep_long(void *arg)
{
        (void)arg;
        return aeon_sleep(AEON_HOURS(1));
}

TEST(a_signal_dumps_a_loop_that_rests)
{
        aeon_group *g;
        test_stderr_begin();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_long, NULL);
        REQUIRE_INT(aeon_task_dump_on_signal(SIGUSR1), 0);
        raise(SIGUSR1);
        sleep_until_logged("  sleeper #");
        CHECK_CONTAINS(test_stderr(), "loop 1: 2 tasks: 0 running, ");
        test_stderr_end();
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_group_close(g), 0);
}

TEST(a_signal_names_the_task_that_blocks_its_loop)
{
        test_stderr_begin();
        REQUIRE_INT(aeon_task_dump_on_signal(SIGUSR1), 0);
        raise(SIGUSR1);
        block_until_logged("loop 1: blocked by task \"main\" #1 (the loop), which is in");
        CHECK_CONTAINS(test_stderr(), " block_until_logged+0x");
        test_stderr_end();
}

static int raise_and_wait(void *arg)
{
        (void)arg;
        raise(SIGUSR1);
        sleep_until_logged("loop 2: ");
        return 0;
}

TEST(a_dump_tells_a_loop_that_runs_another_from_a_blocked_one)
{
        test_stderr_begin();
        REQUIRE_INT(aeon_task_dump_on_signal(SIGUSR1), 0);
        CHECK_INT(aeon_loop_run(raise_and_wait, NULL), 0);
        CHECK_CONTAINS(test_stderr(), "loop 1: stands still while its task \"main\" #1 (the loop) runs another loop\n");
        CHECK_CONTAINS(test_stderr(), "loop 2: 1 task: ");
        test_stderr_end();
}

TEST(with_the_log_in_json_so_is_the_dump)
{
        test_stderr_begin();
        aeon_log_set_format(AEON_LOG_JSON);
        REQUIRE_INT(aeon_task_dump_on_signal(SIGUSR1), 0);
        raise(SIGUSR1);
        sleep_until_logged("\"rest\":[]}}]}\n");
        CHECK_CONTAINS(test_stderr(), "{\"loops\":[{\"loop\":\"loop 1\",\"dump\":{\"tasks\":1,\"running\":0,");
        raise(SIGUSR1);
        block_until_logged("\"blocked\":{\"id\":1,\"task\":\"main\",\"site\":\"the loop\",\"stack\":\"\\n    #0 ");
        test_stderr_end();
}

PLAIN_TEST(a_dump_signal_is_given_back)
{
        struct sigaction now;
        signal(SIGUSR1, count_urgent);
        CHECK_INT(aeon_task_dump_on_signal(SIGUSR1), 0);
        CHECK_INT(aeon_task_dump_on_signal(SIGUSR2), 0);
        CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
        CHECK(now.sa_handler == count_urgent);
        raise(SIGUSR2); /* no loop, nothing to dump */
        CHECK_INT(aeon_task_dump_on_signal(0), 0);
        CHECK_INT(sigaction(SIGUSR2, NULL, &now), 0);
        CHECK(now.sa_handler == SIG_DFL);
        CHECK_INT(aeon_task_dump_on_signal(SIGKILL), -EINVAL);
}
