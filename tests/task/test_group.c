/* Groups: rules 1-4 of the concurrency page. */
#include "virtual.h"

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

VIRTUAL_TEST(a_failing_task_interrupts_a_body_that_sleeps)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "dying", fail_soon, NULL);
        CHECK_INT(aeon_sleep(AEON_HOURS(1)), -ECANCELED);
        CHECK_STR(aeon_cancel_reason(), "task \"dying\" failed");
        CHECK_INT(aeon_group_close(g), -EIO);
        return 0;
}

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

VIRTUAL_TEST(spawning_into_a_closing_group_is_legal_from_a_live_task)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "more", spawn_more, g);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 5);
        return 0;
}

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

VIRTUAL_TEST(closing_the_outer_group_before_the_inner_is_refused_and_changes_nothing)
{
        aeon_group *outer, *inner;
        REQUIRE_INT(aeon_group_open(&outer), 0);
        REQUIRE_INT(aeon_group_open(&inner), 0);
        CHECK_INT(aeon_group_close(outer), -EINVAL);
        CHECK_INT(aeon_group_close(inner), 0);
        CHECK_INT(aeon_group_close(outer), 0);
        return 0;
}

static int leave_open(void *arg)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r == 0)
                r = aeon_spawn(g, "orphan", sleep_long, arg);
        return r;
}

VIRTUAL_TEST(a_group_left_open_is_closed_and_fails_its_task)
{
        aeon_group *g;
        int result = 1;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "careless", leave_open, &result);
        CHECK_INT(aeon_group_close(g), -EINVAL);
        CHECK_STR(aeon_error_text(), "task \"careless\" returned with a scope open");
        CHECK_INT(result, -ECANCELED);
        return 0;
}

static int spin(void *arg)
{
        aeon_group *g = arg;
        int r = aeon_checkpoint();
        return r < 0 ? r : aeon_spawn(g, "spin", spin, g);
}

VIRTUAL_TEST(a_task_that_spawns_for_ever_cannot_starve_a_timer)
{
        aeon_group *g;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .deadline = aeon_now() + 1 });
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "spin", spin, g);
        /* The virtual clock moves only when all wait, so end it from outside after some batches. */
        for (int i = 0; i < 5000; i++)
                CHECK_INT(aeon_checkpoint(), 0);
        aeon_group_cancel(g, "enough");
        CHECK_INT(aeon_scope_close(&s, aeon_group_close(g)), 0);
        return 0;
}

AEON_TASK_VAR(colour, const char);
AEON_LOOP_VAR(home, const char);

static int repaint(void *arg)
{
        (void)arg;
        CHECK_STR(colour_get(), "red");
        CHECK_INT(colour_set("blue"), 0);
        CHECK_STR(colour_get(), "blue");
        CHECK_STR(home_get(), "here");
        return 0;
}

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

static int wait_for_nothing(void *arg)
{
        return aeon_event_wait(arg);
}

static int deadlock_body(void *arg)
{
        (void)arg;
        aeon_event *e;
        REQUIRE_INT(aeon_event_new(&e), 0);
        return wait_for_nothing(e);
}

PLAIN_TEST(a_run_in_which_nothing_can_happen_ends_with_edeadlk)
{
        if (test_is_slow())
                return; /* what the stuck task holds is lost with it, and leak checkers are right to say so */
        CHECK_INT(aeon__virtual_run(deadlock_body, NULL), -EDEADLK);
}
