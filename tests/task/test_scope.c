/* Scopes: rules 5 to 10 and 16 of the concurrency page; the event's part of rule 18. Time is in test_time.c, misuse in test_misuse.c. */
#include "virtual.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ rule 5: before it opens */

/* rule 5 */
VIRTUAL_TEST(cancel_and_timeout_before_entering_are_honoured)
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

/* rule 5 */
VIRTUAL_TEST(a_shield_put_up_before_entering_is_honoured)
{
        aeon_scope outer, s;
        aeon_scope_open(&outer, NULL);
        aeon_scope_cancel(&outer, NULL);
        aeon_scope_init(&s, NULL);
        aeon_scope_set_shield(&s, true);
        CHECK_INT(aeon_scope_enter(&s), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_scope_close(&s, 0), 0);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_close(&outer, -ECANCELED), 0);
        return 0;
}

/* ------------------------------------------------------------------ rules 6, 7 and 10: what is cancelled, and what is shielded */

/* rules 7 and 10 */
VIRTUAL_TEST(in_a_cancelled_scope_every_call_fails_and_behind_a_shield_none)
{
        aeon_scope s, shield;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), -ECANCELED);
        CHECK_INT(aeon_sleep(0), -ECANCELED);
        CHECK_INT(aeon_now() - begin, 0);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK_INT(aeon_sleep(0), 0);
        CHECK_INT(aeon_scope_close(&shield, 0), 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        return 0;
}

/* rule 7 */
VIRTUAL_TEST(cancelling_twice_is_cancelling_once)
{
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        return 0;
}

/* rule 6 */
VIRTUAL_TEST(toggling_the_shield_takes_effect_at_the_next_checkpoint)
{
        aeon_scope outer, s;
        aeon_scope_open(&outer, NULL);
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&outer, NULL);
        for (int i = 0; i < 3; i++) {
                CHECK_INT(aeon_checkpoint(), -ECANCELED);
                aeon_scope_set_shield(&s, true);
                CHECK_INT(aeon_checkpoint(), 0);
                aeon_scope_set_shield(&s, false);
        }
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), -ECANCELED);
        CHECK_INT(aeon_scope_close(&outer, -ECANCELED), 0);
        return 0;
}

static int nest_and_sleep(void *arg)
{
        int *ret_result = arg;
        aeon_scope middle, shield;
        aeon_scope_open(&middle, NULL);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_scope_close(&shield, aeon_sleep(AEON_SECONDS(1)));
        *ret_result = aeon_checkpoint();
        return aeon_scope_close(&middle, *ret_result);
}

/* rule 6 */
VIRTUAL_TEST(raising_the_shield_of_a_group_lifts_a_cancel_from_what_is_inside)
{
        aeon_scope outer, inner;
        aeon_group *g;
        int result = 1;
        aeon_scope_open(&outer, NULL);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_scope_open(&inner, NULL);
        aeon_spawn(g, "nested", nest_and_sleep, &result);
        let_others_wait();
        aeon_scope_cancel(&outer, NULL);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        aeon_scope_set_shield(aeon_group_scope(g), true);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_scope_close(&inner, 0), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(result, 0);
        CHECK_INT(aeon_scope_close(&outer, 0), 0);
        return 0;
}

/* rule 10 */
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

/* rule 10 */
VIRTUAL_TEST(no_cancel_is_pending_inside_a_shield_and_one_is_outside)
{
        aeon_scope outer, shield;
        aeon_scope_open(&outer, NULL);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_scope_cancel(&outer, NULL);
        CHECK(!aeon_cancelled());
        CHECK_STR(aeon_cancel_reason(), "");
        CHECK_INT(aeon_scope_close(&shield, 0), 0);
        CHECK(!aeon_scope_caught(&shield));
        CHECK(aeon_cancelled());
        CHECK_INT(aeon_scope_close(&outer, aeon_checkpoint()), 0);
        return 0;
}

/* rule 6 */
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

/* rule 6 */
VIRTUAL_TEST(five_thousand_nested_scopes_are_cancelled_without_recursion)
{
        enum { N = 5000 };
        aeon_scope *scopes = malloc(N * sizeof *scopes);
        for (int i = 0; i < N; i++)
                REQUIRE_INT(aeon_scope_open(&scopes[i], NULL), 0);
        aeon_scope_set_deadline(&scopes[0], aeon_now() + 1);
        int r = aeon_sleep(AEON_SECONDS(1));
        CHECK_INT(r, -ECANCELED);
        for (int i = N - 1; i > 0; i--)
                CHECK_INT(aeon_scope_close(&scopes[i], r), -ECANCELED);
        CHECK_INT(aeon_scope_close(&scopes[0], r), -ETIMEDOUT);
        free(scopes);
        return 0;
}

/* ------------------------------------------------------------------ rule 9: who absorbs it */

/* rule 9 */
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

/* rule 9 */
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

/* rule 9 */
VIRTUAL_TEST(a_pending_cancel_dies_when_its_scope_closes)
{
        aeon_scope outer, inner;
        aeon_scope_open(&outer, NULL);
        aeon_scope_open(&inner, NULL);
        aeon_scope_cancel(&inner, NULL);
        CHECK_INT(aeon_scope_close(&inner, 0), 0);
        CHECK(!aeon_scope_caught(&inner));
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_scope_close(&outer, 0), 0);
        return 0;
}

/* rule 9 */
VIRTUAL_TEST(a_shielded_scope_keeps_its_own_cancel_and_the_code_between_the_scopes_runs)
{
        aeon_scope outer, shield;
        bool between = false;
        aeon_scope_open(&outer, NULL);
        aeon_scope_cancel(&outer, NULL);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_scope_cancel(&shield, NULL);
        int r = aeon_scope_close(&shield, aeon_checkpoint());
        CHECK_INT(r, 0);
        CHECK(aeon_scope_caught(&shield));
        between = true;
        r = aeon_scope_close(&outer, aeon_checkpoint());
        CHECK_INT(r, 0);
        CHECK(between && aeon_scope_caught(&outer));
        return 0;
}

/* ------------------------------------------------------------------ rule 16: why */

/* rule 16 */
VIRTUAL_TEST(the_first_reason_is_kept)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5), .name = "s" });
        CHECK_STR(aeon_scope_reason(&s), "");
        CHECK_INT(aeon_scope_cause(&s), AEON_CAUSE_NONE);
        aeon_scope_cancel(&s, "first");
        aeon_scope_cancel(&s, "second");
        aeon_scope_set_deadline(&s, aeon_now() - 1);
        CHECK_STR(aeon_cancel_reason(), "first");
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_STR(aeon_scope_reason(&s), "first");
        CHECK_INT(aeon_scope_cause(&s), AEON_CAUSE_ASKED);
        CHECK_STR(aeon_scope_cancelled_by(&s), "main");
        CHECK_STR(aeon_cancel_reason(), "");
        return 0;
}

static int cancel_scope(void *arg)
{
        aeon_scope_cancel(arg, NULL);
        return 0;
}

/* rule 16 */
VIRTUAL_TEST(a_cancel_without_words_names_the_task_that_did_it)
{
        aeon_scope s;
        aeon_group *g;
        aeon_scope_open(&s, NULL);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "canceller", cancel_scope, &s);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), -ECANCELED);
        CHECK_STR(aeon_cancel_reason(), "cancelled by task \"canceller\"");
        CHECK_STR(aeon_scope_cancelled_by(aeon_group_scope(g)), "canceller");
        CHECK_INT(aeon_scope_close(&s, aeon_group_close(g)), 0);
        return 0;
}

/* rule 16 */
VIRTUAL_TEST(a_reason_is_inherited_down_to_the_nearest_shield)
{
        aeon_scope outer, inner, shield;
        aeon_scope_open(&outer, &(aeon_scope_opts){ .deadline = aeon_now() - 1, .name = "budget" });
        aeon_scope_open(&inner, NULL);
        CHECK_STR(aeon_cancel_reason(), "the time limit of \"budget\" passed");
        CHECK_INT(aeon_scope_cause(&inner), AEON_CAUSE_DEADLINE);
        CHECK_STR(aeon_scope_cancelled_by(&inner), "");
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        CHECK_STR(aeon_cancel_reason(), "");
        CHECK_STR(aeon_scope_reason(&inner), "the time limit of \"budget\" passed");
        aeon_scope_close(&shield, 0);
        aeon_scope_close(&inner, -ECANCELED);
        CHECK_INT(aeon_scope_close(&outer, -ECANCELED), -ETIMEDOUT);
        return 0;
}

/* rule 16 */
VIRTUAL_TEST(of_two_cancels_that_reach_a_task_the_earlier_is_the_reason)
{
        aeon_scope outer, inner;
        for (int outer_first = 0; outer_first < 2; outer_first++) {
                aeon_scope_open(&outer, NULL);
                aeon_scope_open(&inner, NULL);
                aeon_scope_cancel(outer_first ? &outer : &inner, outer_first ? "outer" : "inner");
                aeon_scope_cancel(outer_first ? &inner : &outer, "too late");
                CHECK_STR(aeon_cancel_reason(), outer_first ? "outer" : "inner");
                aeon_scope_close(&inner, -ECANCELED);
                aeon_scope_close(&outer, -ECANCELED);
        }
        return 0;
}

/* ------------------------------------------------------------------ rule 18: the event */

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
