/* Scopes: rules 5-12 of the concurrency page. */
#include "virtual.h"

VIRTUAL_TEST(own_deadline_becomes_etimedout)
{
        aeon_scope s;
        CHECK_INT(aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5), .name = "fetch" }), 0);
        aeon_time begin = aeon_now();
        int r = aeon_sleep(AEON_SECONDS(60));
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(5));
        CHECK_INT(aeon_sleep(1), -ECANCELED); /* level-triggered */
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        CHECK_STR(aeon_error_text(), "the time limit of \"fetch\" passed");
        CHECK(aeon_scope_caught(&s) && aeon_scope_cancelled(&s));
        CHECK_INT(aeon_checkpoint(), 0);
        return 0;
}

VIRTUAL_TEST(an_asked_cancel_is_no_timeout)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
        aeon_scope_cancel(&s, "first");
        aeon_scope_cancel(&s, "second");
        CHECK_INT(aeon_sleep(1), -ECANCELED);
        CHECK_STR(aeon_cancel_reason(), "first");
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK(aeon_scope_caught(&s));
        return 0;
}

VIRTUAL_TEST(a_result_other_than_cancelled_passes_through)
{
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        CHECK_INT(aeon_scope_close(&s, 7), 7);
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        CHECK_INT(aeon_scope_close(&s, -EIO), -EIO);
        CHECK(!aeon_scope_caught(&s));
        return 0;
}

VIRTUAL_TEST(of_two_cancelled_scopes_the_outer_wins)
{
        aeon_scope outer, inner;
        aeon_scope_open(&outer, NULL);
        aeon_scope_open(&inner, NULL);
        aeon_scope_cancel(&inner, NULL);
        aeon_scope_cancel(&outer, NULL);
        int r = aeon_scope_close(&inner, aeon_checkpoint());
        CHECK_INT(r, -ECANCELED);
        CHECK(!aeon_scope_caught(&inner));
        CHECK_INT(aeon_scope_close(&outer, r), 0);
        CHECK(aeon_scope_caught(&outer));
        return 0;
}

VIRTUAL_TEST(a_shield_holds_off_outer_cancels_only)
{
        aeon_scope outer, shield;
        aeon_scope_open(&outer, NULL);
        aeon_scope_cancel(&outer, NULL);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(2), .name = "flush" });
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK(!aeon_cancelled());
        int r = aeon_sleep(AEON_SECONDS(9)); /* its own deadline pierces it */
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(aeon_scope_close(&shield, r), -ETIMEDOUT);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_close(&outer, -ECANCELED), 0);
        return 0;
}

static int sleep_in_shield(void *arg)
{
        aeon_scope *s = arg;
        aeon_scope_open(s, &(aeon_scope_opts){ .shield = true });
        return aeon_scope_close(s, aeon_sleep(AEON_SECONDS(10)));
}

VIRTUAL_TEST(unshielding_aborts_a_task_already_asleep)
{
        aeon_group *g;
        aeon_scope s;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "shielded", sleep_in_shield, &s);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        aeon_group_cancel(g, NULL);
        aeon_scope wait;
        aeon_scope_open(&wait, &(aeon_scope_opts){ .shield = true });
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        aeon_scope_set_shield(&s, false);
        CHECK_INT(aeon_scope_close(&wait, 0), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(2));
        return 0;
}

VIRTUAL_TEST(cancel_shield_and_deadline_before_entering_are_honoured)
{
        aeon_scope s;
        aeon_scope_init(&s, NULL);
        aeon_scope_cancel(&s, "early");
        CHECK_INT(aeon_scope_enter(&s), 0);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_enter(&s), -EALREADY);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);

        aeon_scope_init(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_sleep(AEON_SECONDS(5)), 0);
        CHECK_INT(aeon_scope_enter(&s), 0); /* a timeout starts here */
        CHECK_INT(aeon_effective_deadline(), aeon_now() + AEON_SECONDS(1));
        CHECK_INT(aeon_scope_close(&s, 0), 0);
        return 0;
}

VIRTUAL_TEST(misuse_is_refused_and_changes_nothing)
{
        aeon_scope outer, inner;
        aeon_scope_open(&outer, NULL);
        aeon_scope_open(&inner, NULL);
        CHECK_INT(aeon_scope_close(&outer, 0), -EINVAL);
        CHECK_INT(aeon_scope_close(&inner, 0), 0);
        CHECK_INT(aeon_scope_close(&inner, 0), -EINVAL);
        CHECK_INT(aeon_scope_close(&outer, 0), 0);
        CHECK_INT(aeon_scope_open(&outer, &(aeon_scope_opts){ .timeout = -1 }), -EINVAL);
        CHECK_INT(aeon_scope_close(&outer, 3), 3);
        return 0;
}

VIRTUAL_TEST(effective_deadline_is_the_minimum_up_to_the_nearest_shield)
{
        aeon_scope a, b, c;
        CHECK_INT(aeon_effective_deadline(), AEON_NEVER);
        aeon_time now = aeon_now();
        aeon_scope_open(&a, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
        aeon_scope_open(&b, &(aeon_scope_opts){ .timeout = AEON_SECONDS(10) });
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(5));
        aeon_scope_open(&c, &(aeon_scope_opts){ .timeout = AEON_SECONDS(20), .shield = true });
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(20));
        aeon_scope_cancel(&a, NULL);
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(20));
        CHECK_INT(aeon_scope_close(&c, 0), 0);
        CHECK_INT(aeon_effective_deadline(), INT64_MIN);
        CHECK_INT(aeon_scope_close(&b, 0), 0);
        CHECK_INT(aeon_scope_close(&a, 0), 0);
        return 0;
}

VIRTUAL_TEST(a_deadline_moved_into_the_past_cancels_and_stays)
{
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        CHECK_INT(aeon_scope_set_deadline(&s, aeon_now() - 1), 0);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_set_deadline(&s, AEON_NEVER), 0);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), -ETIMEDOUT);
        return 0;
}

VIRTUAL_TEST(a_closed_scope_never_fires)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_scope_close(&s, 0), 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(5)), 0);
        CHECK(!aeon_scope_cancelled(&s));
        return 0;
}

static int nest(int depth)
{
        aeon_scope scopes[64];
        for (int i = 0; i < 64; i++)
                aeon_scope_open(&scopes[i], NULL);
        int r = depth > 0 ? nest(depth - 1) : aeon_sleep(AEON_SECONDS(1));
        for (int i = 63; i >= 0; i--)
                r = aeon_scope_close(&scopes[i], r);
        return r;
}

VIRTUAL_TEST(hundreds_of_nested_scopes_are_cancelled_without_recursion)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = 1 });
        CHECK_INT(aeon_scope_close(&s, nest(10)), -ETIMEDOUT);
        return 0;
}

VIRTUAL_TEST(event_set_before_cancel_wins)
{
        aeon_event *e;
        aeon_scope s;
        REQUIRE_INT(aeon_event_new(&e), 0);
        aeon_scope_open(&s, NULL);
        aeon_event_set(e);
        CHECK(aeon_event_is_set(e));
        CHECK_INT(aeon_event_wait(e), 0);
        aeon_scope_cancel(&s, NULL);
        CHECK_INT(aeon_event_wait(e), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        aeon_event_free(e);
        return 0;
}

struct race {
        aeon_event *event;
        int result;
};

static int wait_event(void *arg)
{
        struct race *race = arg;
        race->result = aeon_event_wait(race->event);
        return 0;
}

VIRTUAL_TEST(a_waiter_woken_and_then_cancelled_completes)
{
        struct race race = { .result = 1 };
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&race.event), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "waiter", wait_event, &race);
        let_others_wait();
        aeon_event_set(race.event);
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(race.result, 0);
        aeon_event_free(race.event);
        return 0;
}

PLAIN_TEST(outside_a_task_suspending_calls_are_refused)
{
        aeon_group *g;
        aeon_scope s;
        CHECK_INT(aeon_sleep(1), -EINVAL);
        CHECK_INT(aeon_checkpoint(), -EINVAL);
        CHECK_INT(aeon_group_open(&g), -EINVAL);
        CHECK_INT(aeon_scope_open(&s, NULL), -EINVAL);
        CHECK_INT(aeon_scope_close(&s, 5), 5);
}

VIRTUAL_TEST(virtual_hours_cost_no_time)
{
        aeon_time begin = aeon_now();
        for (int i = 0; i < 1000; i++)
                CHECK_INT(aeon_sleep(AEON_HOURS(1)), 0);
        CHECK_INT(aeon_now() - begin, AEON_HOURS(1000));
        CHECK_INT(aeon_sleep(-1), -EINVAL);
        return 0;
}
