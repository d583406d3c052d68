/* Misuse is loud, names both places, and corrupts nothing: rule 5 of the concurrency page and what is like it. */
#include "virtual.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ listening to the log */

static int log_file = -1, real_stderr;

static void listen_to_log(void)
{
        log_file = open(test_path("log"), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
        REQUIRE(log_file >= 0);
        real_stderr = dup(2);
        dup2(log_file, 2);
}

/* All lines since; the test's own words go where they belong again. */
static const char *heard(void)
{
        static char text[16384];
        dup2(real_stderr, 2);
        ssize_t n = pread(log_file, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        return text;
}

static void print_to(char *text, size_t size, int fd)
{
        size_t length = 0;
        ssize_t n;
        while (length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0)
                length += (size_t)n;
        text[length] = '\0';
}

/* Run @body in a process of its own that must abort; returns what it said. */
static const char *aborts(aeon_task_fn *body)
{
        static char text[16384];
        int ends[2], status;
        REQUIRE(pipe(ends) == 0);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(ends[1], 2);
                close(ends[0]);
                close(ends[1]);
                aeon__virtual_run(body, NULL);
                _exit(0);
        }
        close(ends[1]);
        print_to(text, sizeof text, ends[0]);
        close(ends[0]);
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        return text;
}

/* ------------------------------------------------------------------ closing what may not be closed */

/* rule 5 */
VIRTUAL_TEST(closing_the_outer_scope_before_the_inner_is_refused_and_changes_nothing)
{
        aeon_scope outer, inner;
        const char *opened, *opened_inside, *closed;
        aeon_scope_open(&outer, &(aeon_scope_opts){ .name = "outer" }), opened = AEON_HERE;
        aeon_scope_open(&inner, &(aeon_scope_opts){ .name = "inner" }), opened_inside = AEON_HERE;
        listen_to_log();
        int r;
        r = aeon_scope_close(&outer, 7), closed = AEON_HERE;
        const char *log = heard();
        CHECK_INT(r, -EINVAL);
        CHECK_CONTAINS(log, "task \"main\"");
        CHECK_CONTAINS(log, "scope \"outer\"");
        CHECK_CONTAINS(log, "scope \"inner\"");
        CHECK_CONTAINS(log, opened);
        CHECK_CONTAINS(log, opened_inside);
        CHECK_CONTAINS(log, closed);
        CHECK_CONTAINS(log, aeon_error_text());
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_scope_close(&inner, 7), 7);
        CHECK_INT(aeon_scope_close(&outer, 7), 7);
        CHECK_INT(aeon__task_now()->stack_mark, UINTPTR_MAX);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(closing_the_outer_group_before_the_inner_is_refused_and_changes_nothing)
{
        aeon_group *outer, *inner;
        const char *opened;
        REQUIRE_INT(aeon_group_open(&outer), 0);
        REQUIRE_INT(aeon_group_open(&inner), 0), opened = AEON_HERE;
        listen_to_log();
        CHECK_INT(aeon_group_close(outer), -EINVAL);
        CHECK_INT(aeon_group_join(outer), -EINVAL);
        CHECK_INT(aeon_scope_close(aeon_group_scope(inner), 0), -EINVAL);
        const char *log = heard();
        CHECK_CONTAINS(log, opened);
        CHECK_CONTAINS(log, "a group, opened at");
        CHECK_CONTAINS(log, "belongs to the group opened at");
        CHECK_INT(aeon_group_close(inner), 0);
        CHECK_INT(aeon_group_close(outer), 0);
        return 0;
}

struct theft {
        aeon_scope *scope;
        aeon_group *group;
        int scope_result, group_result;
};

static int close_what_is_anothers(void *arg)
{
        struct theft *t = arg;
        t->scope_result = aeon_scope_close(t->scope, 0);
        t->group_result = aeon_group_close(t->group);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(closing_what_belongs_to_another_task_is_refused_and_changes_nothing)
{
        aeon_scope s;
        struct theft theft = { .scope = &s };
        aeon_scope_open(&s, &(aeon_scope_opts){ .name = "mine" });
        REQUIRE_INT(aeon_group_open(&theft.group), 0);
        listen_to_log();
        aeon_spawn(theft.group, "thief", close_what_is_anothers, &theft);
        let_others_wait();
        const char *log = heard();
        CHECK_CONTAINS(log, "scope \"mine\" was opened at ");
        CHECK_CONTAINS(log, "by task \"main\"; task \"thief\" cannot close it at ");
        CHECK_INT(theft.scope_result, -EINVAL);
        CHECK_INT(theft.group_result, -EINVAL);
        CHECK_INT(aeon_group_close(theft.group), 0);
        CHECK_INT(aeon_scope_close(&s, 0), 0);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(closing_a_scope_twice_names_both_closings)
{
        aeon_scope s;
        const char *first, *second;
        aeon_scope_open(&s, &(aeon_scope_opts){ .name = "fetch" });
        aeon_scope_close(&s, 0), first = AEON_HERE;
        listen_to_log();
        int r;
        r = aeon_scope_close(&s, 0), second = AEON_HERE;
        const char *log = heard();
        CHECK_INT(r, -EINVAL);
        CHECK_CONTAINS(log, "scope \"fetch\" was closed at ");
        CHECK_CONTAINS(log, first);
        CHECK_CONTAINS(log, second);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(a_scope_is_entered_once)
{
        aeon_scope s;
        aeon_scope_init(&s, NULL);
        CHECK_INT(aeon_scope_enter(&s), 0);
        listen_to_log();
        CHECK_INT(aeon_scope_enter(&s), -EALREADY);
        CHECK_CONTAINS(aeon_error_text(), "was opened at ");
        CHECK_INT(aeon_scope_close(&s, 0), 0);
        CHECK_INT(aeon_scope_enter(&s), -EALREADY);
        CHECK_CONTAINS(aeon_error_text(), "was closed at ");
        memset(&s, 0, sizeof s);
        CHECK_INT(aeon_scope_enter(&s), -EINVAL);
        CHECK_INT(aeon_scope_close(&s, 0), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "is no open scope");
        heard();
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(a_closed_scope_cannot_be_given_a_deadline_and_is_not_cancelled)
{
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_close(&s, 0);
        CHECK_INT(aeon_scope_set_deadline(&s, aeon_now() + 1), -EINVAL);
        aeon_scope_cancel(&s, "too late");
        aeon_scope_set_shield(&s, true);
        CHECK(!aeon_scope_cancelled(&s));
        return 0;
}

/* ------------------------------------------------------------------ a group that is closed */

/* rule 3 */
VIRTUAL_TEST(a_closed_group_is_known_and_told_for_what_it_is)
{
        aeon_group *g, *others;
        const char *opened, *closed;
        REQUIRE_INT(aeon_group_open(&g), 0), opened = AEON_HERE;
        CHECK_INT(aeon_group_close(g), 0), closed = AEON_HERE;
        for (int i = 0; i < 10; i++) { /* not reused so soon */
                REQUIRE_INT(aeon_group_open(&others), 0);
                CHECK_INT(aeon_group_close(others), 0);
        }
        listen_to_log();
        CHECK_INT(aeon_spawn(g, "late", close_what_is_anothers, NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), opened);
        CHECK_CONTAINS(aeon_error_text(), closed);
        CHECK_INT(aeon_start(g, "late", close_what_is_anothers, NULL, NULL), -EINVAL);
        CHECK_INT(aeon_group_close(g), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), closed);
        aeon_group_cancel(g, NULL);
        aeon_group_fail(g, -EIO);
        const char *log = heard();
        CHECK_CONTAINS(log, "task \"late\" (");
        CHECK_CONTAINS(log, "a group was closed at ");
        CHECK_CONTAINS(log, "aeon_group_cancel(): the group, opened at ");
        CHECK_CONTAINS(log, "aeon_group_fail(): the group, opened at ");
        CHECK_INT(aeon_checkpoint(), 0);
        return 0;
}

VIRTUAL_TEST(closing_no_group_is_nothing)
{
        CHECK_INT(aeon_group_close(NULL), 0);
        return 0;
}

/* ------------------------------------------------------------------ left open at the end of a task */

static int sleep_long(void *arg)
{
        int *ret_result = arg;
        return *ret_result = aeon_sleep(AEON_HOURS(1));
}

static const char *left_at, *spawned_at;

static int leave_a_group_open(void *arg)
{
        aeon_group *g;
        int r;
        r = aeon_group_open(&g), left_at = AEON_HERE;
        if (r == 0)
                r = aeon_spawn(g, "orphan", sleep_long, arg);
        return r < 0 ? r : aeon_checkpoint();
}

/* rule 5 */
VIRTUAL_TEST(a_group_left_open_is_closed_and_fails_its_task)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        listen_to_log();
        aeon_spawn(g, "careless", leave_a_group_open, &result), spawned_at = AEON_HERE;
        CHECK_INT(aeon_group_close(g), -EINVAL);
        const char *log = heard();
        CHECK_INT(result, -ECANCELED);
        CHECK_CONTAINS(aeon_error_text(), "task \"careless\"");
        CHECK_CONTAINS(aeon_error_text(), left_at);
        CHECK_CONTAINS(log, "the group open that it had opened at ");
        CHECK_CONTAINS(log, left_at);
        CHECK_CONTAINS(log, spawned_at);
        return 0;
}

static int leave_scopes_open(void *arg)
{
        (void)arg;
        aeon_scope outer, inner;
        aeon_scope_open(&outer, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) }), left_at = AEON_HERE;
        aeon_scope_open(&inner, &(aeon_scope_opts){ .timeout = AEON_SECONDS(2) });
        return aeon_checkpoint();
}

/* rule 5 */
VIRTUAL_TEST(scopes_left_open_are_closed_and_fail_their_task)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        listen_to_log();
        aeon_spawn(g, "careless", leave_scopes_open, NULL);
        CHECK_INT(aeon_group_close(g), -EINVAL);
        CHECK_CONTAINS(heard(), left_at);
        CHECK_CONTAINS(aeon_error_text(), left_at);
        CHECK_INT(aeon__runner_now()->deadlines.count, 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(5)), 0); /* nothing fires */
        return 0;
}

static int leave_a_group_in_a_scope_open(void *arg)
{
        aeon_scope s;
        aeon_group *g;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "orphan", sleep_long, arg);
        return aeon_fail(-EIO, "an early return");
}

/* rule 5 */
VIRTUAL_TEST(an_early_return_out_of_scope_and_group_keeps_its_own_error)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        listen_to_log();
        aeon_spawn(g, "careless", leave_a_group_in_a_scope_open, &result);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_group_close(g), -EIO);
        heard();
        CHECK_STR(aeon_error_text(), "an early return");
        CHECK_INT(result, -ECANCELED);
        CHECK_INT(aeon_now(), begin);
        return 0;
}

/* rule 5 */
PLAIN_TEST(the_first_task_of_a_loop_may_leave_nothing_open_either)
{
        listen_to_log();
        CHECK_INT(aeon__virtual_run(leave_scopes_open, NULL), -EINVAL);
        CHECK_CONTAINS(heard(), left_at);
}

/* ------------------------------------------------------------------ left open by a function, while the task goes on */

static __attribute__((noinline)) void forget_a_scope(void)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1), .name = "forgotten" }), left_at = AEON_HERE;
}

/* What calls between do to the dead frame. */
static __attribute__((noinline)) void overwrite_dead_frames(void)
{
        volatile char bytes[1024];
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (char)0xa5;
}

static int go_on(void *arg)
{
        bool overwrite = arg;
        forget_a_scope();
        if (overwrite)
                overwrite_dead_frames();
        int r = aeon_sleep(AEON_SECONDS(5)); /* its second is over: what was forgotten limits nothing */
        CHECK_INT(r, 0);
        CHECK_INT(aeon__runner_now()->deadlines.count, 0);
        return r;
}

static void go_on_after_forgetting(bool overwrite)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        listen_to_log();
        aeon_spawn(g, "careless", go_on, overwrite ? "" : NULL);
        CHECK_INT(aeon_group_close(g), -EINVAL);
        const char *log = heard();
        CHECK_CONTAINS(log, "task \"careless\" (");
        CHECK_CONTAINS(log, "was left open by a function that has returned");
        CHECK_CONTAINS(log, left_at);
        CHECK_CONTAINS(aeon_error_text(), left_at);
}

/* rule 5 */
VIRTUAL_TEST(a_scope_left_open_by_a_function_is_found_at_the_next_suspending_call)
{
        go_on_after_forgetting(false);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(a_forgotten_scope_is_taken_out_though_its_memory_was_used_again)
{
        go_on_after_forgetting(true);
        return 0;
}

static int open_after_forgetting(void *arg)
{
        aeon_scope outer, after;
        aeon_scope_open(&outer, NULL);
        forget_a_scope();
        overwrite_dead_frames();
        CHECK_INT(aeon_scope_open(&after, NULL), 0);
        CHECK(after.parent == &outer);
        CHECK_INT(aeon_scope_close(&after, 0), 0);
        forget_a_scope();
        overwrite_dead_frames();
        CHECK_INT(aeon_scope_close(&outer, 0), 0);
        return arg ? 0 : -EIO;
}

/* rule 5 */
VIRTUAL_TEST(a_forgotten_scope_is_found_when_the_next_one_is_opened_or_closed)
{
        listen_to_log();
        CHECK_INT(open_after_forgetting(""), 0);
        CHECK_CONTAINS(heard(), left_at);
        CHECK_STR(aeon__task_now()->left_open, left_at);
        aeon__task_now()->left_open = NULL; /* this test's own task is not the one to fail */
        CHECK_INT(aeon__runner_now()->deadlines.count, 0);
        CHECK(aeon__task_now()->scope == aeon__task_now()->outermost);
        CHECK_INT(aeon__task_now()->stack_mark, UINTPTR_MAX);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(a_scope_opened_in_the_place_of_a_forgotten_one_replaces_it)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) }), left_at = AEON_HERE;
        listen_to_log();
        CHECK_INT(aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(2) }), 0);
        CHECK_CONTAINS(heard(), left_at);
        aeon__task_now()->left_open = NULL;
        CHECK_INT(aeon__runner_now()->deadlines.count, 1);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK_INT(aeon_scope_close(&s, aeon_sleep(AEON_SECONDS(5))), -ETIMEDOUT);
        return 0;
}

static aeon_group *forgotten[2];

static __attribute__((noinline)) void forget_groups_in_a_scope(void *arg)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true });
        REQUIRE_INT(aeon_group_open(&forgotten[0]), 0);
        REQUIRE_INT(aeon_group_open(&forgotten[1]), 0), left_at = AEON_HERE;
        aeon_spawn(forgotten[1], "orphan", sleep_long, arg);
}

static int cancel_after_forgetting_groups(void *arg)
{
        aeon_scope outer;
        aeon_scope_open(&outer, NULL);
        forget_groups_in_a_scope(arg);
        overwrite_dead_frames();
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK(aeon_group_scope(forgotten[0])->parent == &outer);
        CHECK(aeon_group_scope(forgotten[1])->parent == aeon_group_scope(forgotten[0]));
        aeon_scope_cancel(&outer, NULL); /* reaches the groups: the shield was the forgotten scope's */
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_close(&outer, 0), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), left_at);
        CHECK_INT(aeon_group_close(forgotten[1]), -ECANCELED);
        CHECK_INT(aeon_group_close(forgotten[0]), -ECANCELED);
        CHECK_INT(aeon_scope_close(&outer, -ECANCELED), 0);
        return 0;
}

/* rule 5 */
VIRTUAL_TEST(groups_inside_a_forgotten_scope_move_out_and_can_still_be_closed)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        listen_to_log();
        aeon_spawn(g, "careless", cancel_after_forgetting_groups, &result);
        CHECK_INT(aeon_group_close(g), -EINVAL);
        heard();
        CHECK_INT(result, -ECANCELED);
        return 0;
}

static int overwrite_an_open_scope(void *arg)
{
        (void)arg;
        aeon_scope s;
        aeon_scope_open(&s, NULL), left_at = AEON_HERE;
        fprintf(stderr, "opened at %s\n", left_at);
        memset(&s, 0, sizeof s);
        return aeon_checkpoint();
}

/* rule 5 */
PLAIN_TEST(an_open_scope_that_was_overwritten_aborts)
{
        const char *said = aborts(overwrite_an_open_scope);
        const char *line = strstr(said, "opened at ");
        CHECK_CONTAINS(said, "was overwritten while it was open");
        CHECK(line && strstr(line + 1, "the scope opened at "));
}

/* ------------------------------------------------------------------ the wrong loop, or none */

static int spawn_into_outer_loop(void *arg)
{
        aeon_group *g = arg;
        CHECK_INT(aeon_spawn(g, "stray", sleep_long, NULL), -EXDEV);
        CHECK_CONTAINS(aeon_error_text(), "its group belongs to another loop");
        CHECK_INT(aeon_start(g, "stray", sleep_long, NULL, NULL), -EXDEV);
        listen_to_log();
        aeon_scope_cancel(aeon_group_scope(g), NULL);
        CHECK_CONTAINS(heard(), "belongs to another loop than task \"main\"");
        return 0;
}

VIRTUAL_TEST(another_loops_group_takes_no_tasks_and_no_cancels)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon__virtual_run(spawn_into_outer_loop, g), 0);
        CHECK_INT(aeon_group_size(g), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

static void *spawn_from_a_thread(void *group)
{
        CHECK_INT(aeon_spawn(group, "stray", sleep_long, NULL), -EXDEV);
        aeon_error_clear();
        return NULL;
}

VIRTUAL_TEST(a_thread_without_a_loop_cannot_spawn)
{
        aeon_group *g;
        pthread_t thread;
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(pthread_create(&thread, NULL, spawn_from_a_thread, g), 0);
        pthread_join(thread, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

PLAIN_TEST(outside_a_task_suspending_calls_are_refused_by_name)
{
        aeon_group *g;
        aeon_scope s;
        CHECK_INT(aeon_sleep(1), -EINVAL);
        CHECK_STR(aeon_error_text(), "aeon_sleep() suspends, so it must be called from a task");
        CHECK_INT(aeon_sleep_until(1), -EINVAL);
        CHECK_STR(aeon_error_text(), "aeon_sleep_until() suspends, so it must be called from a task");
        CHECK_INT(aeon_checkpoint(), -EINVAL);
        CHECK_INT(aeon_start(NULL, "x", sleep_long, NULL, NULL), -EINVAL);
        CHECK_STR(aeon_error_text(), "aeon_start() suspends, so it must be called from a task");
        CHECK_INT(aeon_started(NULL), -EINVAL);
        CHECK_INT(aeon_group_open(&g), -EINVAL);
        CHECK_INT(aeon_scope_open(&s, NULL), -EINVAL);
        CHECK_INT(aeon_scope_close(&s, 5), 5);
        CHECK_STR(aeon_cancel_reason(), "");
        CHECK(!aeon_cancelled());
}

/* ------------------------------------------------------------------ no-suspend sections */

static int sleep_zero(void *arg)
{
        (void)arg;
        return aeon_sleep(0);
}

VIRTUAL_TEST(a_no_suspend_section_allows_what_does_not_suspend)
{
        aeon_scope before, inside;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_scope_open(&before, NULL);
        aeon_no_suspend_begin();
        aeon_no_suspend_begin();
        aeon_scope_open(&inside, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_scope_close(&inside, 0), 0);
        CHECK_INT(aeon_spawn(g, "later", sleep_zero, NULL), 0);
        aeon_no_suspend_end();
        CHECK_INT(aeon_scope_close(&before, 0), 0);
        aeon_no_suspend_end();
        CHECK_INT(aeon__task_now()->stack_mark, UINTPTR_MAX);
        CHECK_INT(aeon_checkpoint(), 0);
        return aeon_group_close(g);
}

static int suspend_in_section(void *arg)
{
        (void)arg;
        aeon_no_suspend_begin();
        left_at = AEON_HERE;
        aeon_no_suspend_begin(); /* the outer one is told */
        aeon_no_suspend_end();
        return aeon_sleep(0);
}

PLAIN_TEST(a_suspending_call_in_a_no_suspend_section_aborts)
{
        const char *said = aborts(suspend_in_section);
        CHECK_CONTAINS(
                said,
                "task \"main\" (spawned at the loop) calls aeon_sleep(), which suspends, in the no-suspend section that began at ");
        CHECK_CONTAINS(said, "test_misuse.c:");
}

static int close_group_in_section(void *arg)
{
        (void)arg;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_no_suspend_begin();
        return aeon_group_close(g);
}

PLAIN_TEST(closing_a_group_in_a_no_suspend_section_aborts)
{
        CHECK_CONTAINS(aborts(close_group_in_section), "calls aeon_group_close(), which suspends, in the no-suspend section");
}

static int return_in_section(void *arg)
{
        (void)arg;
        aeon_no_suspend_begin();
        return 0;
}

PLAIN_TEST(returning_in_a_no_suspend_section_aborts)
{
        CHECK_CONTAINS(aborts(return_in_section), "returned without ending the no-suspend section that began at ");
}

static int end_without_begin(void *arg)
{
        (void)arg;
        aeon_no_suspend_end();
        return 0;
}

PLAIN_TEST(ending_a_no_suspend_section_that_never_began_aborts)
{
        CHECK_CONTAINS(aborts(end_without_begin), "never began");
}

PLAIN_TEST(outside_a_task_a_no_suspend_section_is_nothing)
{
        aeon_no_suspend_begin();
        CHECK_INT(aeon_checkpoint(), -EINVAL);
        aeon_no_suspend_end();
}
