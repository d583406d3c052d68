/* Time: rules 8, 11, 12, 26 and 28 of the concurrency page. */
#include "virtual.h"

#include "task/stopwatch.h"

/* ------------------------------------------------------------------ rule 28: the virtual clock */

/* rule 28 */
VIRTUAL_TEST(virtual_hours_cost_no_time)
{
        aeon_time begin = aeon_now();
        for (int i = 0; i < 1000; i++)
                CHECK_INT(aeon_sleep(AEON_HOURS(1)), 0);
        CHECK_INT(aeon_now() - begin, AEON_HOURS(1000));
        return 0;
}

/* rule 28 */
VIRTUAL_TEST(the_clock_stands_still_while_anything_runs)
{
        aeon_time begin = aeon_now();
        for (int i = 0; i < 10000; i++)
                CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_now() - begin, 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(1)); /* to the moment, not near it */
        return 0;
}

/* What is measured in a test has taken as long as the test's clock says, not as long as the machine took for it. */
VIRTUAL_TEST(a_stopwatch_goes_by_the_clock_of_its_loop)
{
        uint64_t started = aeon__stopwatch_start();
        CHECK(aeon__stopwatch_read(started) == 0);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1500)), 0);
        CHECK(aeon__stopwatch_read(started) == 1.5);
        return 0;
}

/* ------------------------------------------------------------------ rule 11: what a deadline becomes outside */

/* rule 11 */
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

/* rule 11 */
VIRTUAL_TEST(an_asked_cancel_is_no_timeout)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
        aeon_scope_cancel(&s, NULL);
        CHECK_INT(aeon_sleep(1), -ECANCELED);
        aeon_scope shield; /* the deadline passes as well, but it was not the cause */
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        CHECK_INT(aeon_scope_close(&shield, aeon_sleep(AEON_SECONDS(9))), 0);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK(aeon_scope_caught(&s));
        return 0;
}

/* rule 11 */
VIRTUAL_TEST(a_deadline_that_passed_before_somebody_asked_is_a_timeout)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_sleep(AEON_SECONDS(2)), -ECANCELED);
        aeon_scope_cancel(&s, "too late");
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), -ETIMEDOUT);
        return 0;
}

/* rule 11 */
VIRTUAL_TEST(a_relative_deadline_starts_when_the_scope_opens)
{
        aeon_scope s;
        aeon_scope_init(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_sleep(AEON_SECONDS(5)), 0);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_scope_enter(&s), 0);
        CHECK_INT(aeon_scope_deadline(&s), begin + AEON_SECONDS(1));
        CHECK_INT(aeon_scope_close(&s, aeon_sleep(AEON_SECONDS(5))), -ETIMEDOUT);
        CHECK_INT(aeon_now() - begin, AEON_SECONDS(1));
        return 0;
}

/* rule 11 */
VIRTUAL_TEST(of_timeout_and_deadline_the_earlier_counts)
{
        aeon_scope s;
        aeon_time now = aeon_now();
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5), .deadline = now + AEON_SECONDS(2) });
        CHECK_INT(aeon_scope_deadline(&s), now + AEON_SECONDS(2));
        aeon_scope_close(&s, 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1), .deadline = now + AEON_SECONDS(2) });
        CHECK_INT(aeon_scope_deadline(&s), now + AEON_SECONDS(1));
        aeon_scope_close(&s, 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = INT64_MAX });
        CHECK_INT(aeon_scope_deadline(&s), AEON_NEVER);
        aeon_scope_close(&s, 0);
        return 0;
}

/* rule 11 */
VIRTUAL_TEST(negative_durations_are_refused)
{
        aeon_scope s;
        CHECK_INT(aeon_sleep(-1), -EINVAL);
        CHECK_INT(aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = -1, .name = "short" }), -EINVAL);
        CHECK_STR(aeon_error_text(), "scope \"short\": the timeout is negative");
        CHECK_INT(aeon_scope_close(&s, 3), 3);
        return 0;
}

static int sleep_for_ever(void *arg)
{
        (void)arg;
        return aeon_sleep_until(AEON_NEVER);
}

/* rule 11 */
VIRTUAL_TEST(many_cancelled_tasks_make_one_timeout)
{
        aeon_scope s;
        aeon_group *g;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 100; i++)
                aeon_spawn(g, "sleeper", sleep_for_ever, NULL);
        CHECK_INT(aeon_group_join(g), 0);
        CHECK_INT(aeon_group_errors(g, NULL, 0), 0);
        int r = aeon_group_close(g);
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        CHECK_STR(aeon_error_text(), "the time limit of \"scope\" passed");
        return 0;
}

/* ------------------------------------------------------------------ rules 8, 10 and 13: when it fires */

/* rule 8 */
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

/* rule 8 */
VIRTUAL_TEST(a_closed_scope_never_fires)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_scope_close(&s, 0), 0);
        CHECK_INT(aeon_sleep(AEON_SECONDS(5)), 0);
        CHECK(!aeon_scope_cancelled(&s));
        return 0;
}

/* rule 8 */
VIRTUAL_TEST(cancelled_and_caught_are_told_apart)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK(!aeon_scope_cancelled(&s));
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        CHECK_INT(aeon_scope_close(&shield, aeon_sleep(AEON_SECONDS(2))), 0);
        CHECK(aeon_scope_cancelled(&s) && !aeon_scope_cancelled(&shield));
        CHECK_INT(aeon_scope_close(&s, 0), 0); /* its body came to an end all the same */
        CHECK(aeon_scope_cancelled(&s) && !aeon_scope_caught(&s));
        return 0;
}

/* rule 10 */
VIRTUAL_TEST(a_deadline_pierces_its_own_shield)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_scope_close(&s, aeon_sleep(AEON_SECONDS(2))), -ETIMEDOUT);
        return 0;
}

/* A clock that moves at each look at the world, as a real one does, whether tasks wait or not. */
static int tick(struct driver *driver, aeon_time until)
{
        struct virtual_clock *clock = container_of(driver, struct virtual_clock, driver);
        clock->time += AEON_MILLISECONDS(1);
        return until == AEON_NEVER ? -EDEADLK : 0;
}

static aeon_time tell_time(struct driver *driver)
{
        return container_of(driver, struct virtual_clock, driver)->time;
}

static int run_ticking(aeon_task_fn *fn)
{
        struct virtual_clock clock = { .driver = { .now = tell_time, .poll = tick } };
        struct runner runner;
        aeon__runner_init(&runner, &clock.driver);
        int r = aeon__runner_run(&runner, fn, NULL);
        aeon__runner_done(&runner);
        return r;
}

static int checkpoint_until_cancelled(void *arg)
{
        (void)arg;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(3) });
        int r;
        while ((r = aeon_checkpoint()) == 0)
                ;
        CHECK(aeon_now() >= AEON_MILLISECONDS(3));
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        return 0;
}

/* rule 13 */
PLAIN_TEST(a_bare_checkpoint_sees_that_the_deadline_has_passed)
{
        CHECK_INT(run_ticking(checkpoint_until_cancelled), 0);
}

static int spawn_for_ever(void *arg)
{
        aeon_group *g = arg;
        int r = aeon_checkpoint();
        return r < 0 ? r : aeon_spawn(g, "spin", spawn_for_ever, g);
}

static int sleep_beside_spinners(void *arg)
{
        (void)arg;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "spin", spawn_for_ever, g);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(3)), 0);
        aeon_group_cancel(g, "enough");
        return aeon_group_close(g);
}

/* rule 26 */
PLAIN_TEST(a_task_that_spawns_for_ever_cannot_starve_a_timer)
{
        CHECK_INT(run_ticking(sleep_beside_spinners), 0);
}

static int take_turns(void *arg)
{
        int *turns = arg, r;
        do
                ++*turns;
        while ((r = aeon_checkpoint()) == 0);
        return r;
}

/* rule 26 */
VIRTUAL_TEST(within_a_batch_everybody_has_a_turn_before_anybody_has_two)
{
        enum { TASKS = 7, TURNS = 50 };
        static int turns[TASKS];
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < TASKS; i++)
                aeon_spawn(g, "turns", take_turns, &turns[i]);
        for (int turn = 0; turn < TURNS; turn++) {
                CHECK_INT(aeon_checkpoint(), 0);
                for (int i = 0; i < TASKS; i++) /* its turn in this round may be over or may come */
                        CHECK(turns[i] >= turn && turns[i] <= turn + 1);
        }
        aeon_group_cancel(g, NULL);
        return aeon_group_close(g);
}

/* ------------------------------------------------------------------ rule 12: the effective deadline */

/* rule 12 */
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

/* rule 12 */
VIRTUAL_TEST(effective_deadline_follows_shield_cancel_and_changes)
{
        aeon_scope a, b;
        aeon_time now = aeon_now();
        aeon_scope_open(&a, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
        aeon_scope_open(&b, NULL);
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(5));
        aeon_scope_set_deadline(&b, now + AEON_SECONDS(3));
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(3));
        aeon_scope_set_deadline(&a, now + AEON_SECONDS(1));
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(1));
        aeon_scope_set_shield(&b, true);
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(3));
        aeon_scope_set_deadline(&b, AEON_NEVER);
        CHECK_INT(aeon_effective_deadline(), AEON_NEVER);
        aeon_scope_cancel(&b, NULL);
        CHECK_INT(aeon_effective_deadline(), INT64_MIN);
        aeon_scope_close(&b, 0);
        CHECK_INT(aeon_effective_deadline(), now + AEON_SECONDS(1));
        aeon_scope_close(&a, 0);
        return 0;
}

/* rule 12 */
VIRTUAL_TEST(a_million_deadline_changes_do_not_grow_the_heap)
{
        aeon_scope s;
        const struct heap *heap = &aeon__runner_now()->deadlines;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        uint32_t capacity = heap->capacity;
        aeon_time now = aeon_now();
        for (int i = 1; i <= 1000000; i++)
                if (aeon_scope_set_deadline(&s, i % 3 ? now + i : AEON_NEVER) < 0)
                        CHECK(!"a deadline can be moved");
        CHECK_INT(heap->count, 1);
        CHECK_INT(heap->capacity, capacity);
        aeon_scope_close(&s, 0);
        CHECK_INT(heap->count, 0);
        return 0;
}
