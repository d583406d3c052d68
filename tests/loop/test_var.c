/* Rules 23 and 24: what belongs to a loop, and what travels with a task. */
#include "harness.h"

#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <aeon/var.h>
#include <pthread.h>

/* ------------------------------------------------------------------ loop variables */

AEON_LOOP_VAR(tag, const char);
AEON_LOOP_VAR(other, const char);

static int use_tag(void *value)
{
        CHECK(!tag_get());
        CHECK_INT(tag_set(value), 0);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_STR(tag_get(), value);
        return 5;
}

TEST(a_loop_inside_a_task_of_another_has_its_own_variables)
{
        aeon_loop *mine = aeon_loop_current();
        tag_set("outer");
        CHECK_INT(aeon_loop_run(use_tag, "inner"), 5);
        CHECK(aeon_loop_current() == mine);
        CHECK_STR(tag_get(), "outer");
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(aeon_loop_run(use_tag, "inner again"), 5);
        CHECK_STR(tag_get(), "outer");
}

PLAIN_TEST(a_second_run_starts_with_empty_loop_variables)
{
        CHECK_INT(aeon_loop_run(use_tag, "first"), 5);
        CHECK_INT(aeon_loop_run(use_tag, "second"), 5);
}

static void *run_loop(void *value)
{
        CHECK_INT(aeon_loop_run(use_tag, value), 5);
        return NULL;
}

TEST(loops_on_several_threads_have_their_own_variables)
{
        pthread_t threads[4];
        static char *const values[4] = { "a", "b", "c", "d" };
        for (int i = 0; i < 4; i++)
                REQUIRE_INT(pthread_create(&threads[i], NULL, run_loop, values[i]), 0);
        CHECK_INT(tag_set("mine"), 0);
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        CHECK_STR(tag_get(), "mine");
}

PLAIN_TEST(a_loop_variable_outside_a_loop_is_einval)
{
        CHECK_INT(tag_set("nowhere"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "tag");
        CHECK(!tag_get());
}

static int look_from_a_thread(void *unused)
{
        (void)unused;
        CHECK(!tag_get());
        CHECK_INT(tag_set("thread"), -EINVAL);
        return 0;
}

TEST(a_pool_thread_is_outside_every_loop)
{
        tag_set("mine");
        CHECK_INT(aeon_offload(look_from_a_thread, NULL), 0);
        CHECK_STR(tag_get(), "mine");
}

static void look_from_a_post(void *arg)
{
        CHECK_STR(tag_get(), "inner");
        CHECK_INT(other_set("posted"), 0);
        aeon_event_set(arg);
}

static int post_a_look(void *unused)
{
        (void)unused;
        aeon_event *e;
        REQUIRE_INT(aeon_event_new(&e), 0);
        tag_set("inner");
        CHECK_INT(aeon_post(aeon_loop_current(), look_from_a_post, e), 0);
        CHECK_INT(aeon_event_wait(e), 0);
        CHECK_STR(other_get(), "posted");
        aeon_event_free(e);
        return 0;
}

TEST(a_posted_function_sees_the_variables_of_its_loop)
{
        tag_set("outer");
        CHECK_INT(aeon_loop_run(post_a_look, NULL), 0);
        CHECK_STR(tag_get(), "outer");
        CHECK(!other_get());
}

/* ------------------------------------------------------------------ task variables */

AEON_TASK_VAR(who, const char);
AEON_TASK_VAR(what, const char);

static int change(void *expected)
{
        CHECK_STR(who_get(), expected);
        CHECK_INT(who_set("changed"), 0);
        CHECK_INT(what_set("new"), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_STR(who_get(), "changed");
        return 0;
}

TEST(task_variables_are_isolated_through_spawn)
{
        aeon_group *g;
        who_set("caller");
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "one", change, "caller");
        aeon_spawn(g, "two", change, "caller"); /* nor does a sibling's write show */
        who_set("caller since");                /* after the spawn: the children do not see it */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_STR(who_get(), "caller since");
        CHECK(!what_get());
}

static int change_in_thread(void *expected)
{
        CHECK_STR(who_get(), expected);
        CHECK_INT(who_set("changed"), 0);
        CHECK_INT(what_set("new"), 0);
        CHECK_STR(who_get(), "changed");
        return 0;
}

TEST(task_variables_are_isolated_through_offload)
{
        who_set("caller");
        CHECK_INT(aeon_offload(change_in_thread, "caller"), 0);
        CHECK_STR(who_get(), "caller");
        CHECK(!what_get());
        CHECK_INT(aeon_offload(change_in_thread, "caller"), 0); /* nor do they stay on the thread */
}

TEST(an_offloaded_function_of_a_task_without_variables_may_set_some)
{
        CHECK_INT(aeon_offload(change_in_thread, NULL), 0);
        CHECK(!who_get());
}

static int call_in_turn(void *unused)
{
        (void)unused;
        int r = -1;
        CHECK_STR(who_get(), "caller");
        CHECK_INT(who_set("thread"), 0);
        CHECK_INT(aeon_call(NULL, change, "thread", &r), 0);
        CHECK_INT(r, 0);
        CHECK_STR(who_get(), "thread");
        CHECK(!what_get());
        return 0;
}

TEST(task_variables_are_isolated_through_call)
{
        who_set("caller");
        CHECK_INT(aeon_offload(call_in_turn, NULL), 0);
        CHECK_STR(who_get(), "caller");
}

static void *call_from_outside(void *loop)
{
        int r = -1;
        CHECK_INT(who_set("nobody"), -EINVAL); /* a thread that is none of ours */
        CHECK_INT(aeon_call(loop, change, NULL, &r), 0);
        CHECK_INT(r, 0);
        aeon_loop_release(loop);
        return NULL;
}

TEST(a_call_from_a_foreign_thread_begins_without_task_variables)
{
        pthread_t thread;
        who_set("first task");
        REQUIRE_INT(pthread_create(&thread, NULL, call_from_outside, aeon_loop_hold(aeon_loop_current())), 0);
        while (pthread_tryjoin_np(thread, NULL) != 0)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_STR(who_get(), "first task");
}

TEST(a_loop_inside_a_task_begins_with_a_copy_of_its_variables)
{
        who_set("caller");
        CHECK_INT(aeon_loop_run(change, "caller"), 0);
        CHECK_STR(who_get(), "caller");
}

static int run_a_loop(void *unused)
{
        (void)unused;
        CHECK_INT(who_set("thread"), 0);
        CHECK_INT(aeon_loop_run(change, "thread"), 0);
        CHECK_STR(who_get(), "thread");
        return 0;
}

TEST(a_loop_on_a_pool_thread_begins_with_a_copy_of_its_variables)
{
        CHECK_INT(aeon_offload(run_a_loop, NULL), 0);
}

TEST(task_variables_are_known_by_identity_not_by_name)
{
        static aeon_var a = { .name = "same" }, b = { .name = "same" };
        int x, y;
        CHECK_INT(aeon_task_var_set(&a, &x), 0);
        CHECK(!aeon_task_var_get(&b));
        CHECK_INT(aeon_task_var_set(&b, &y), 0);
        CHECK(aeon_task_var_get(&a) == &x && aeon_task_var_get(&b) == &y);
        CHECK_INT(aeon_task_var_set(&a, NULL), 0);
        CHECK(!aeon_task_var_get(&a));
}

PLAIN_TEST(a_task_variable_outside_a_task_is_einval)
{
        CHECK_INT(who_set("nobody"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "who");
        CHECK(!who_get());
}
