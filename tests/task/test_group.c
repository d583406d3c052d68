/* Groups: rules 1 to 4 of the concurrency page; task variables, deadlock. Which test shows which rule: README.md here. */
#include "virtual.h"

#include <stdio.h>
#include <string.h>

static int trace[64], trace_length;

static void note(int what)
{
        trace[trace_length++] = what;
}

static int note_twice(void *arg)
{
        int me = (int)(intptr_t)arg;
        note(me);
        int r = aeon_checkpoint();
        note(me + 10);
        return r;
}

static int sleep_long(void *arg)
{
        int *ret_result = arg;
        int r = aeon_sleep(AEON_HOURS(1));
        if (ret_result)
                *ret_result = r;
        return r;
}

static int fail_soon(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        return r < 0 ? r : aeon_fail(-EIO, "the line went dead");
}

/* rule 1 */
VIRTUAL_TEST(close_waits_for_all_tasks_and_they_interleave)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_spawn(g, "one", note_twice, (void *)1), 0);
        CHECK_INT(aeon_spawn(g, "two", note_twice, (void *)2), 0);
        CHECK_INT(aeon_group_size(g), 2);
        CHECK_INT(trace_length, 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 4);
        CHECK(trace[0] < 10 && trace[1] < 10 && trace[2] > 10 && trace[3] > 10);
        return 0;
}

/* rule 2 */
VIRTUAL_TEST(first_failure_cancels_the_siblings_and_is_returned_with_its_words)
{
        aeon_group *g;
        int left = 1, right = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "left", sleep_long, &left);
        aeon_spawn(g, "dying", fail_soon, NULL);
        aeon_spawn(g, "right", sleep_long, &right);
        aeon_time before = aeon_now();
        CHECK_INT(aeon_group_close(g), -EIO);
        CHECK_STR(aeon_error_text(), "the line went dead");
        CHECK_INT(left, -ECANCELED);
        CHECK_INT(right, -ECANCELED);
        CHECK_INT(aeon_now() - before, AEON_SECONDS(1));
        return 0;
}

/* rule 2 */
VIRTUAL_TEST(a_failing_task_interrupts_a_body_that_sleeps)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "dying", fail_soon, NULL);
        CHECK_INT(aeon_sleep(AEON_HOURS(1)), -ECANCELED);
        CHECK_STR(aeon_cancel_reason(), "task \"dying\" failed: the line went dead");
        CHECK_INT(aeon_group_close(g), -EIO);
        return 0;
}

/* rule 2 */
VIRTUAL_TEST(a_failure_of_the_body_is_returned_with_its_words)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_group_fail(g, 0);
        aeon_group_fail(g, 7);
        CHECK(!aeon_cancelled());
        aeon_group_fail(g, aeon_fail(-ENOENT, "no such user"));
        CHECK_STR(aeon_cancel_reason(), "task \"main\" failed: no such user");
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        aeon_group_fail(g, -ECANCELED); /* what came of it is no second failure */
        CHECK_INT(aeon_group_close(g), -ENOENT);
        CHECK_STR(aeon_error_text(), "no such user");
        return 0;
}

/* rule 2 */
VIRTUAL_TEST(a_failing_body_cancels_the_tasks)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_long, &result);
        aeon_group_fail(g, aeon_fail(-ENOENT, "no such user"));
        CHECK_INT(aeon_group_close(g), -ENOENT);
        CHECK_STR(aeon_error_text(), "no such user");
        CHECK_INT(result, -ECANCELED);
        return 0;
}

/* rule 11 */
VIRTUAL_TEST(an_asked_cancel_is_absorbed)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_long, &result);
        aeon_group_cancel(g, "enough");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(result, -ECANCELED);
        CHECK_INT(aeon_checkpoint(), 0);
        return 0;
}

/* rule 1 */
VIRTUAL_TEST(cancel_while_waiting_at_close_reaches_tasks_and_the_wait_goes_on)
{
        aeon_scope s;
        aeon_group *g;
        int result = 1;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(2) });
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_long, &result);
        int r = aeon_group_close(g);
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(result, -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        return 0;
}

static int spawn_more(void *arg)
{
        aeon_group *g = arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        note(1);
        if (r == 0 && trace_length < 5)
                r = aeon_spawn(g, "more", spawn_more, g);
        return r;
}

/* rule 3 */
VIRTUAL_TEST(spawning_into_a_closing_group_is_legal_from_a_live_task)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "more", spawn_more, g);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 5);
        return 0;
}

static int do_nothing(void *arg)
{
        (void)arg;
        return 0;
}

/* Runs when the last task of groups[1] has ended and whoever waits for that has been woken, but has not run yet. */
static int refill(void *arg)
{
        aeon_group **groups = arg;
        aeon_spawn(groups[0], "bystander", note_twice, (void *)3); /* stands behind the waiter */
        CHECK_INT(aeon_group_size(groups[1]), 0);
        int r = aeon__group_hold(groups[1], "x", AEON_HERE);
        if (r == 0)
                aeon__group_release(groups[1]); /* empty again */
        CHECK_INT(aeon_spawn(groups[1], "late", note_twice, (void *)1), r);
        note(r);
        return 0;
}

static void open_two(aeon_group **groups)
{
        aeon__runner_now()->sched.shuffle = 0; /* the order is what this is about */
        REQUIRE_INT(aeon_group_open(&groups[0]), 0);
        REQUIRE_INT(aeon_group_open(&groups[1]), 0);
        aeon_spawn(groups[1], "only", do_nothing, NULL);
        aeon_spawn(groups[0], "other", refill, groups);
}

/* rule 3 */
VIRTUAL_TEST(a_closing_group_whose_last_task_has_ended_is_closed)
{
        aeon_group *groups[2];
        open_two(groups);
        CHECK_INT(aeon_group_close(groups[1]), 0);
        CHECK_INT(aeon_group_close(groups[0]), 0);
        CHECK_INT(trace[0], -EINVAL);
        CHECK_INT(trace_length, 3);
        return 0;
}

/* rule 3 */
VIRTUAL_TEST(a_joined_group_that_was_empty_for_a_moment_takes_tasks)
{
        aeon_group *groups[2];
        open_two(groups);
        CHECK_INT(aeon_group_join(groups[1]), 0);
        CHECK_INT(aeon_group_size(groups[1]), 0);
        CHECK_INT(aeon_group_close(groups[1]), 0);
        CHECK_INT(aeon_group_close(groups[0]), 0);
        CHECK_INT(trace[0], 0);
        CHECK_INT(trace_length, 5);
        return 0;
}

/* rule 7 */
VIRTUAL_TEST(a_task_spawned_into_a_cancelled_group_starts_and_is_cancelled_at_its_first_block)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_group_cancel(g, NULL);
        aeon_spawn(g, "late", note_twice, (void *)1);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 2);
        return 0;
}

static int open_inner(void *arg)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "grandchild", sleep_long, arg);
        return aeon_group_close(g);
}

/* rule 6 */
VIRTUAL_TEST(cancel_reaches_grandchildren)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "child", open_inner, &result);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(result, -ECANCELED);
        return 0;
}

/* rule 13 */
VIRTUAL_TEST(closing_an_empty_group_yields)
{
        aeon_group *outer, *inner;
        REQUIRE_INT(aeon_group_open(&outer), 0);
        aeon_spawn(outer, "one", note_twice, (void *)1);
        for (int i = 0; i < 2; i++) { /* the first may find us ahead of the other task */
                REQUIRE_INT(aeon_group_open(&inner), 0);
                CHECK_INT(aeon_group_close(inner), 0);
        }
        CHECK(trace_length > 0);
        CHECK_INT(aeon_group_close(outer), 0);
        return 0;
}

AEON_TASK_VAR(colour, const char);
AEON_LOOP_VAR(home, const char);

static int fail_late(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_HOURS(1));
        return r == -ECANCELED ? aeon_fail(-EBUSY, "cannot be stopped") : r;
}

/* rule 2 */
VIRTUAL_TEST(body_and_task_both_fail_and_both_are_listed)
{
        aeon_group *g;
        aeon_group_error errors[4] = { { 0 } };
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_long, NULL);
        aeon_spawn(g, "stubborn", fail_late, NULL);
        CHECK_INT(aeon_group_errors(g, errors, 4), 0);
        let_others_wait();
        aeon_group_fail(g, aeon_fail(-ENOENT, "no such user"));
        CHECK_INT(aeon_group_join(g), 0);
        CHECK_INT(aeon_group_size(g), 0);
        CHECK_INT(aeon_group_errors(g, errors, 4), 2);
        CHECK_STR(errors[0].task, "main");
        CHECK_INT(errors[0].code, -ENOENT);
        CHECK_STR(errors[0].text, "no such user");
        CHECK_STR(errors[1].task, "stubborn");
        CHECK_INT(errors[1].code, -EBUSY);
        CHECK_STR(errors[1].text, "cannot be stopped");
        CHECK(!errors[2].task);
        CHECK_INT(aeon_group_close(g), -ENOENT);
        CHECK_STR(aeon_error_text(), "task \"main\": no such user; task \"stubborn\": cannot be stopped");
        return 0;
}

static int fail_bare(void *arg)
{
        (void)arg;
        return -EPERM;
}

/* rule 2: every error is kept, also beyond what the caller has room for and what a text can hold */
VIRTUAL_TEST(every_failure_is_kept)
{
        enum { N = 100 };
        static aeon_group_error errors[N + 1];
        aeon_group *g;
        aeon__runner_now()->sched.shuffle = 0; /* so that they fail in this order */
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < N; i++) {
                char name[16];
                snprintf(name, sizeof name, "t%d", i);
                aeon_spawn(g, name, i ? fail_bare : fail_late, NULL);
        }
        CHECK_INT(aeon_group_join(g), 0);
        CHECK_INT(aeon_group_errors(g, NULL, 0), N);
        CHECK_INT(aeon_group_errors(g, errors, N + 1), N);
        CHECK_STR(errors[0].task, "t1");
        CHECK_STR(errors[0].text, "Operation not permitted");
        CHECK_STR(errors[N - 1].task, "t0");
        CHECK(!errors[N].task);
        CHECK_INT(aeon_group_close(g), -EPERM);
        CHECK_CONTAINS(aeon_error_text(), "task \"t1\": Operation not permitted; task \"t2\": Operation not permitted; ");
        CHECK_CONTAINS(aeon_error_text(), "; and 92 more");
        return 0;
}

/* rule 2 */
VIRTUAL_TEST(a_joined_group_takes_more_tasks)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "one", note_twice, (void *)1);
        CHECK_INT(aeon_group_join(g), 0);
        CHECK_INT(trace_length, 2);
        aeon_spawn(g, "two", note_twice, (void *)2);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 4);
        return 0;
}

static int fail_in_inner_group(void *arg)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "inner sleeper", sleep_long, arg);
        aeon_spawn(g, "inner dying", fail_soon, NULL);
        return aeon_group_close(g);
}

/* rule 2 */
VIRTUAL_TEST(nested_groups_keep_real_errors_and_drop_cancels)
{
        aeon_group *outer;
        int inner_sleeper = 1, sleeper = 1;
        REQUIRE_INT(aeon_group_open(&outer), 0);
        aeon_spawn(outer, "inner", fail_in_inner_group, &inner_sleeper);
        aeon_spawn(outer, "also inner", open_inner, NULL);
        aeon_spawn(outer, "sleeper", sleep_long, &sleeper);
        CHECK_INT(aeon_group_join(outer), 0);
        CHECK_INT(inner_sleeper, -ECANCELED);
        CHECK_INT(sleeper, -ECANCELED);
        CHECK_INT(aeon_group_errors(outer, NULL, 0), 1);
        CHECK_INT(aeon_group_close(outer), -EIO);
        CHECK_STR(aeon_error_text(), "the line went dead");
        return 0;
}

static int return_cancelled(void *arg)
{
        (void)arg;
        return -ECANCELED;
}

/* rule 2: only who was cancelled can have been cancelled */
VIRTUAL_TEST(returning_ecanceled_without_a_cancel_is_a_failure)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "pretender", return_cancelled, NULL);
        CHECK_INT(aeon_group_join(g), 0);
        CHECK_INT(aeon_group_errors(g, NULL, 0), 1);
        CHECK_INT(aeon_group_close(g), -ECANCELED);
        CHECK_INT(aeon_checkpoint(), 0);
        return 0;
}

/* rule 11 */
VIRTUAL_TEST(the_deadline_of_a_group_that_stopped_only_its_body_is_a_timeout)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_scope_set_deadline(aeon_group_scope(g), aeon_now() + AEON_SECONDS(1)), 0);
        aeon_group_fail(g, aeon_sleep(AEON_HOURS(1)));
        CHECK_INT(aeon_group_close(g), -ETIMEDOUT);
        return 0;
}

static const char *colour_seen;

static int note_colour_and_sleep(void *arg)
{
        (void)arg;
        colour_seen = colour_get();
        return aeon_sleep(AEON_SECONDS(1));
}

static int spawn_elsewhere(void *arg)
{
        aeon_group **groups = arg; /* where to spawn; what to cancel */
        colour_set("green");
        int r = aeon_spawn(groups[0], "elsewhere", note_colour_and_sleep, NULL);
        aeon_group_cancel(groups[1], "the spawner goes");
        return r < 0 ? r : aeon_checkpoint();
}

/* rule 4 */
VIRTUAL_TEST(a_task_takes_its_scope_from_the_group_and_its_variables_from_the_spawner)
{
        aeon_group *groups[2];
        REQUIRE_INT(aeon_group_open(&groups[0]), 0);
        colour_set("red");
        REQUIRE_INT(aeon_group_open(&groups[1]), 0);
        aeon_spawn(groups[1], "spawner", spawn_elsewhere, groups);
        CHECK_INT(aeon_group_close(groups[1]), 0);
        CHECK_INT(aeon_group_size(groups[0]), 1);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_group_close(groups[0]), 0);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(1)); /* it slept to the end */
        CHECK_STR(colour_seen, "green");
        return 0;
}

static int repaint(void *arg)
{
        (void)arg;
        CHECK_STR(colour_get(), "red");
        CHECK_INT(colour_set("blue"), 0);
        CHECK_STR(colour_get(), "blue");
        CHECK_STR(home_get(), "here");
        return 0;
}

/* rules 4, 24 */
VIRTUAL_TEST(task_variables_come_from_the_spawner_and_never_flow_back)
{
        aeon_group *g;
        CHECK(!colour_get());
        CHECK_INT(colour_set("red"), 0);
        CHECK_INT(home_set("here"), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "painter", repaint, NULL);
        aeon_spawn(g, "painter", repaint, NULL);
        CHECK_INT(colour_set("red"), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_STR(colour_get(), "red");
        return 0;
}

/* rule 23 */
PLAIN_TEST(variables_outside_a_task_are_refused_and_a_second_run_begins_empty)
{
        CHECK_INT(home_set("nowhere"), -EINVAL);
        CHECK(!home_get());
        CHECK(!colour_get());
}

static int use_small_stack(void *arg)
{
        volatile char room[8192];
        room[0] = 1;
        note((int)(intptr_t)arg + room[0]);
        return aeon_sleep(1);
}

VIRTUAL_TEST(ten_thousand_tasks_on_small_stacks)
{
        enum { N = 10000 };
        int n = test_is_slow() ? 1000 : N;
        aeon_group *g;
        for (int round = 0; round < 2; round++) {
                REQUIRE_INT(aeon_group_open(&g), 0);
                for (int i = 0; i < n; i++)
                        REQUIRE_INT(aeon_spawn_with(g, "small", sleep_long, NULL, &(aeon_spawn_opts){ .stack_size = 65536 }), 0);
                aeon_spawn_with(g, "deep", use_small_stack, NULL, &(aeon_spawn_opts){ .stack_size = 65536 });
                CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
                CHECK_INT(aeon_group_size(g), n);
                aeon_group_cancel(g, NULL);
                CHECK_INT(aeon_group_close(g), 0);
        }
        return 0;
}

VIRTUAL_TEST(a_stack_larger_than_there_is_is_refused)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_spawn_with(g, "huge", sleep_long, NULL, &(aeon_spawn_opts){ .stack_size = 1 << 20 }), -E2BIG);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}
