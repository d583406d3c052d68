/* Starting a task and waiting until it is ready: rule 17 of the concurrency page. */
#include "virtual.h"

static char gift[] = "gift";

static int trace[16], trace_length;

static void note(int what)
{
        trace[trace_length++] = what;
}

struct starter {
        aeon_group *target;
        aeon_scope *scope;
        int result;
};

/* ------------------------------------------------------------------ it becomes ready */

static int get_ready(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        if (r < 0)
                return r;
        r = aeon_started(gift);
        note(1);
        return r < 0 ? r : aeon_sleep(AEON_SECONDS(1));
}

/* rule 17 */
VIRTUAL_TEST(the_value_is_passed_back_and_the_task_goes_on_in_the_group)
{
        aeon_group *g;
        void *value = NULL;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_start(g, "ready", get_ready, NULL, &value), 0);
        CHECK(value == gift);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(1));
        CHECK_INT(aeon_group_size(g), 1);
        CHECK_INT(aeon_start(g, "ready", get_ready, NULL, NULL), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(3));
        return 0;
}

static int ready_at_once(void *arg)
{
        return aeon_started(arg);
}

/* rule 17 */
VIRTUAL_TEST(a_task_may_be_ready_and_over_at_once)
{
        aeon_group *g;
        void *value = NULL;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_start_with(g, "short", ready_at_once, gift, &value, &(aeon_spawn_opts){ .stack_size = 65536 }), 0);
        CHECK(value == gift);
        CHECK_INT(aeon_group_size(g), 0);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

static int ready_twice(void *arg)
{
        int *ret_second = arg;
        CHECK_INT(aeon_started(gift), 0);
        *ret_second = aeon_started(NULL);
        CHECK_CONTAINS(aeon_error_text(), ") called aeon_started() twice");
        return 0;
}

/* rule 17 */
VIRTUAL_TEST(saying_it_twice_is_an_error_and_the_first_value_stays)
{
        aeon_group *g;
        int second = 1;
        void *value = NULL;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_start(g, "twice", ready_twice, &second, &value), 0);
        CHECK_INT(second, -EALREADY);
        CHECK(value == gift);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

/* rule 17 */
VIRTUAL_TEST(in_a_spawned_task_it_means_nothing)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "spawned", get_ready, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 1);
        return 0;
}

/* ------------------------------------------------------------------ it does not */

static int fail_early(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        return r < 0 ? r : aeon_fail(-EADDRINUSE, "port 80 is taken");
}

/* rule 17 */
VIRTUAL_TEST(an_early_failure_is_the_callers_and_not_the_groups)
{
        aeon_group *g;
        void *value = gift;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_start(g, "early", fail_early, NULL, &value), -EADDRINUSE);
        CHECK_STR(aeon_error_text(), "port 80 is taken");
        CHECK(value == gift);
        CHECK(!aeon_cancelled());
        CHECK_INT(aeon_group_errors(g, NULL, 0), 0);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

static int end_early(void *arg)
{
        (void)arg;
        return aeon_checkpoint();
}

/* rule 17 */
VIRTUAL_TEST(returning_without_having_said_it_is_eproto)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_start(g, "mute", end_early, NULL, NULL), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "task \"mute\" (");
        CHECK_CONTAINS(aeon_error_text(), ") returned without calling aeon_started()");
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

static int fail_late(void *arg)
{
        int r = aeon_started(arg);
        if (r == 0)
                r = aeon_sleep(AEON_SECONDS(1));
        return r < 0 ? r : aeon_fail(-EIO, "it broke");
}

/* rule 17 */
VIRTUAL_TEST(a_later_failure_is_the_groups)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_start(g, "late", fail_late, NULL, NULL), 0);
        CHECK_INT(aeon_sleep(AEON_HOURS(1)), -ECANCELED);
        CHECK_STR(aeon_cancel_reason(), "task \"late\" failed: it broke");
        CHECK_INT(aeon_group_close(g), -EIO);
        return 0;
}

static aeon_group *closed_group;

static int start_into_closed(void *arg)
{
        (void)arg;
        return aeon_start(closed_group, "late", get_ready, NULL, NULL);
}

/* rule 17 */
VIRTUAL_TEST(starting_into_a_closed_group_is_refused)
{
        REQUIRE_INT(aeon_group_open(&closed_group), 0);
        CHECK_INT(aeon_group_close(closed_group), 0);
        CHECK_INT(start_into_closed(NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "was closed at ");
        CHECK_INT(trace_length, 0);
        return 0;
}

/* ------------------------------------------------------------------ the caller is cancelled */

static int start_and_note(void *arg)
{
        struct starter *s = arg;
        s->result = aeon_start(s->target, "ready", get_ready, NULL, NULL);
        return s->result;
}

/* rule 17 */
VIRTUAL_TEST(a_cancelled_caller_cancels_the_task_and_not_the_target_group)
{
        aeon_group *target;
        aeon_scope s;
        REQUIRE_INT(aeon_group_open(&target), 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(500) });
        int r = aeon_start(target, "ready", get_ready, NULL, NULL);
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        CHECK_INT(trace_length, 0);
        CHECK_INT(aeon_group_size(target), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_group_close(target), 0);
        return 0;
}

/* rule 17: until it is ready it runs under the caller, so a cancel of the target is not its business; after that it is */
VIRTUAL_TEST(a_cancelled_target_reaches_the_task_only_when_it_has_moved)
{
        aeon_group *target, *g;
        struct starter s = { .result = 1 };
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_group_open(&target), 0);
        s.target = target;
        aeon_spawn(g, "starter", start_and_note, &s);
        aeon_time begin = aeon_now();
        let_others_wait();
        aeon_group_cancel(target, NULL);
        CHECK_INT(aeon_group_close(target), 0);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(1)); /* it slept until ready, and not for the second after that */
        CHECK_INT(trace_length, 1);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(s.result, 0);
        return 0;
}

static int ready_though_cancelled(void *arg)
{
        int *ret_started = arg;
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), -ECANCELED);
        *ret_started = aeon_started(gift);
        return 0;
}

/* rule 17 */
VIRTUAL_TEST(ready_after_the_caller_was_cancelled_is_too_late)
{
        aeon_group *target;
        aeon_scope s;
        int started = 1;
        REQUIRE_INT(aeon_group_open(&target), 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(500) });
        int r = aeon_start(target, "late", ready_though_cancelled, &started, NULL);
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(started, -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        CHECK_INT(aeon_group_close(target), 0);
        return 0;
}

static int ready_and_cancel_the_caller(void *arg)
{
        CHECK_INT(aeon_started(gift), 0);
        aeon_scope_cancel(arg, NULL);
        return aeon_sleep(AEON_SECONDS(1));
}

/* rules 14 and 17 */
VIRTUAL_TEST(ready_before_the_caller_was_cancelled_is_not_lost)
{
        aeon_group *target;
        aeon_scope s;
        void *value = NULL;
        REQUIRE_INT(aeon_group_open(&target), 0);
        aeon_scope_open(&s, NULL);
        CHECK_INT(aeon_start(target, "ready", ready_and_cancel_the_caller, &s, &value), 0);
        CHECK(value == gift);
        CHECK_INT(aeon_scope_close(&s, aeon_checkpoint()), 0);
        CHECK_INT(aeon_group_size(target), 1);
        CHECK_INT(aeon_group_close(target), 0); /* nobody cancelled it there */
        return 0;
}

/* ------------------------------------------------------------------ it moves */

/* rule 1 */
VIRTUAL_TEST(a_pending_start_holds_the_group_open)
{
        aeon_group *g, *target;
        struct starter s = { .result = 1 };
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_group_open(&target), 0);
        s.target = target;
        aeon_spawn(g, "starter", start_and_note, &s);
        aeon_time begin = aeon_now();
        let_others_wait();
        CHECK_INT(aeon_group_size(target), 0);
        CHECK_INT(aeon_group_close(target), 0);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(2));
        CHECK_INT(s.result, 0);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

static int start_failing(void *arg)
{
        struct starter *s = arg;
        s->result = aeon_start(s->target, "early", fail_early, NULL, NULL);
        return 0;
}

/* rule 1 */
VIRTUAL_TEST(a_pending_start_that_fails_lets_the_group_close)
{
        aeon_group *g, *target;
        struct starter s = { .result = 1 };
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_group_open(&target), 0);
        s.target = target;
        aeon_spawn(g, "starter", start_failing, &s);
        let_others_wait();
        CHECK_INT(aeon_group_close(target), 0);
        CHECK_INT(s.result, -EADDRINUSE);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

struct crowd {
        int helper, own;
        aeon_time deadline;
};

static int help(void *arg)
{
        struct crowd *c = arg;
        c->helper = aeon_sleep(AEON_HOURS(1));
        return c->helper;
}

/* Opens a scope and a group with a task before it is ready. */
static int ready_with_a_crowd(void *arg)
{
        struct crowd *c = arg;
        aeon_scope s;
        aeon_group *g;
        aeon_scope_open(&s, &(aeon_scope_opts){ .name = "own" });
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "helper", help, c);
        let_others_wait();
        CHECK_INT(aeon_started(NULL), 0);
        c->deadline = aeon_effective_deadline();
        c->own = aeon_sleep(AEON_HOURS(1));
        int r = aeon_group_close(g);
        CHECK_INT(r, -ECANCELED);
        return aeon_scope_close(&s, r);
}

/* rule 17 */
VIRTUAL_TEST(what_the_task_has_opened_moves_with_it)
{
        aeon_group *target;
        aeon_scope s;
        struct crowd c = { 1, 1, 0 };
        REQUIRE_INT(aeon_group_open(&target), 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
        CHECK_INT(aeon_start(target, "crowd", ready_with_a_crowd, &c, NULL), 0);
        aeon_scope_cancel(&s, "the caller goes");
        CHECK_INT(aeon_scope_close(&s, aeon_checkpoint()), 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK_INT(c.helper, 1);
        CHECK_INT(c.own, 1);
        CHECK_INT(c.deadline, AEON_NEVER); /* no longer the caller's */
        aeon_group_cancel(target, "the target goes");
        CHECK_INT(aeon_group_close(target), 0);
        CHECK_INT(c.helper, -ECANCELED);
        CHECK_INT(c.own, -ECANCELED);
        return 0;
}

static int start_crowd(void *arg)
{
        struct starter *s = arg;
        struct crowd c = { 1, 1, 0 };
        s->result = aeon_start(s->target, "crowd", ready_with_a_crowd, &c, NULL);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK_INT(c.helper, -ECANCELED);
        CHECK_INT(c.own, -ECANCELED);
        return 0;
}

/* rule 17 */
VIRTUAL_TEST(what_moves_into_a_cancelled_group_is_cancelled)
{
        aeon_group *g, *target;
        struct starter s = { .result = 1 };
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_group_open(&target), 0);
        s.target = target;
        aeon_spawn(g, "starter", start_crowd, &s);
        aeon_group_cancel(target, NULL);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        CHECK_INT(aeon_scope_close(&shield, aeon_sleep(AEON_SECONDS(5))), 0);
        CHECK_INT(aeon_group_close(target), 0);
        CHECK_INT(s.result, 0);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}

static int see_the_tree(void *arg)
{
        struct starter *s = arg;
        struct aeon_task *self = aeon__task_now();
        CHECK(list_empty(aeon__group_tasks(s->target)));
        CHECK_INT(aeon_effective_deadline(), aeon_scope_deadline(s->scope));
        CHECK(self->group != s->target);
        CHECK(list_first(aeon__group_tasks(self->group), struct aeon_task, in_group) == self);
        CHECK_INT(aeon_started(NULL), 0);
        CHECK(self->group == s->target);
        CHECK(list_first(aeon__group_tasks(s->target), struct aeon_task, in_group) == self);
        CHECK_INT(aeon_effective_deadline(), AEON_NEVER);
        return aeon_sleep(AEON_SECONDS(1));
}

/* rule 17: before, the task stands under the caller; during and after, in the target */
VIRTUAL_TEST(the_tree_of_tasks_before_during_and_after)
{
        aeon_scope scope;
        struct starter s = { .scope = &scope };
        REQUIRE_INT(aeon_group_open(&s.target), 0);
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
        CHECK(aeon__task_now()->groups == s.target);
        CHECK_INT(aeon_start(s.target, "seer", see_the_tree, &s, NULL), 0);
        CHECK(aeon__task_now()->groups == s.target && !aeon__group_outer(s.target));
        CHECK_INT(aeon_group_size(s.target), 1);
        CHECK_INT(aeon_scope_close(&scope, 0), 0);
        CHECK_INT(aeon_group_close(s.target), 0);
        return 0;
}
