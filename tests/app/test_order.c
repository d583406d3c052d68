/* Every row of the table of steps, at each of its instants: it fails, hangs, sticks, is slow, meets one signal, two, three, or a stop; on
 * one loop and on four.
 *
 * DESIGN
 *   What must come of it follows from a model of the table that fits on a page: the steps of the way up, and those of the way down with
 *   what each of them undoes. On four loops the misfortune is one loop's, and its trace is held against the model; what the other loops
 *   do meanwhile is judged by the rules that hold in every test of aeon/testing.h.
 */
#include "life.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ the model */

static const struct up {
        const char *word; /* in the trace */
        const char *at;   /* the call */
        bool per_loop;
        const char *stopped; /* what is written down when a stop has come, and it cannot succeed any more; NULL: it succeeds */
} ups[] = {
        { "bind.a", "bind a" },
        { "bind.b", "bind b" },
        { "start1", "on_startup start1" },
        { "start2", "on_startup start2" },
        { "enter", "enter", .per_loop = true, .stopped = "enter leave" },
        { "open.a", "open a", .per_loop = true },
        { "open.b", "open b", .per_loop = true },
        { "after", "after_startup after" },
        { "serve.a", "serve a", .per_loop = true },
        { "serve.b", "serve b", .per_loop = true },
        { "ready", "on_ready ready" },
        { "serving", NULL },
};

/* Seconds are counted from the stop; the time-outs are 30 s and 5 s, each step has 1 s at least. */
static const struct down {
        const char *word, *at;
        const char *undoes; /* it comes iff this one of the way up has succeeded; NULL: always */
        bool per_loop;
        int fail_code;            /* 0: it cannot fail */
        int hang_code, hang_ends; /* when it hangs until it is cancelled */
        int stuck_ends;           /* when it never ends, the process does; 38: by the hard deadline */
        bool late_order;          /* one that hangs is overtaken */
} downs[] = {
        { "quiesce.b", "quiesce b", "open.b", true, 0, 4, 35, 38, true },
        { "quiesce.a", "quiesce a", "open.a", true, 0, 4, 35, 38, true },
        { "down", "on_shutdown down", "start2", false, 1, 1, 5, 38 },
        { "close.b", "close b", "open.b", true, 0, 4, 5, 7 },
        { "close.a", "close a", "open.a", true, 0, 4, 5, 7 },
        { "leave", "leave", "enter", true, 3, 4, 5, 6 },
        { "end", "after_shutdown end", "bind.b", false, 1, 1, 5, 38 }, /* it comes whatever becomes of start1 */
        { "unbind.b", "unbind b", "bind.b" },
        { "unbind.a", "unbind a", "bind.a" },
        { "undo2", NULL, "start2" },
        { "undo1", NULL, "start1" },
        { "free.a", NULL, NULL },
        { "free.b", NULL, NULL },
};

enum { UPS = sizeof ups / sizeof *ups, DOWNS = sizeof downs / sizeof *downs, FIRST_TASK = 2, LAST_TASK_DOWN = 6 };

static bool has_succeeded(const char *word, unsigned succeeded)
{
        for (unsigned i = 0; i < succeeded; i++)
                if (!strcmp(ups[i].word, word))
                        return true;
        return false;
}

/* The trace of a life in which @made steps of the way up are made, of which the first @succeeded succeed. */
static const char *model(unsigned made, unsigned succeeded)
{
        static char text[1024];
        size_t used = 0;
        for (unsigned i = 0; i < made; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, "%s ", i < succeeded ? ups[i].word : ups[i].stopped);
        for (unsigned i = 0; i < DOWNS; i++)
                if (!downs[i].undoes || has_succeeded(downs[i].undoes, succeeded))
                        used += (size_t)snprintf(text + used, sizeof text - used, "%s ", downs[i].word);
        text[used - 1] = '\0';
        return text;
}

/* ------------------------------------------------------------------ one life */

enum { STOPPED_AT = 10, HARD = 30 + 5 + 3, CUT_BY_SIGTERM = 128 + SIGTERM };

static int stop_after_ten_seconds(aeon_test *t)
{
        int r = aeon_sleep(AEON_SECONDS(STOPPED_AT));
        if (aeon_test_app(t))
                aeon_test_signal(t, SIGTERM);
        aeon_test_await_end(t);
        return r;
}

struct expected {
        int code;
        int lived; /* seconds */
        unsigned made, succeeded;
        bool no_trace; /* it was cut, or something was overtaken */
};

static const unsigned loop_counts[] = { 1, 4 };

/* The faults are those at @at, one after another. */
static void check_life(const char *at, bool per_loop, const aeon_fault_kind *kinds, unsigned loops, const struct expected *e)
{
        aeon_fault faults[4] = { { 0 } };
        unsigned loop = per_loop ? loops / 2 : 0;
        for (int i = 0; kinds[i]; i++)
                faults[i] = (aeon_fault){ .at = at, .loop = loop, .does = kinds[i], .delay = AEON_SECONDS(3) };
        if (kinds[0] == AEON_FAULT_STOP)
                faults[0].code = 5;
        aeon_test_result result;
        int r = life_simulate(stop_after_ten_seconds, &(aeon_test_opts){ .app.loops = loops, .faults = faults, .seed = loops },
                              &result);
        bool good = CHECK_INT(r, 0);
        good = CHECK_INT(result.exit_code, e->code) && good;
        good = CHECK_INT(result.lived / AEON_SECONDS(1), e->lived) && good;
        if (!e->no_trace)
                good = CHECK_STR(trace_of((int)loop), model(e->made, e->succeeded)) && good;
        if (!good)
                fprintf(stderr, "    %s, kind of fault %d, %u loops: %s\n%s", at, kinds[0], loops, aeon_error_describe(r),
                        result.report);
}

#define FAULTS(...) ((const aeon_fault_kind[]){ __VA_ARGS__, 0 })

static void check_up(unsigned step, const aeon_fault_kind *kinds, struct expected e)
{
        for (size_t i = 0; i < sizeof loop_counts / sizeof *loop_counts; i++)
                check_life(ups[step].at, ups[step].per_loop, kinds, loop_counts[i], &e);
}

static void check_down(const struct down *step, const aeon_fault_kind *kinds, struct expected e)
{
        e.made = e.succeeded = UPS;
        for (size_t i = 0; i < sizeof loop_counts / sizeof *loop_counts; i++)
                check_life(step->at, step->per_loop, kinds, loop_counts[i], &e);
}

/* ------------------------------------------------------------------ the way up */

PLAIN_TEST(an_undisturbed_life_walks_the_whole_table)
{
        for (size_t i = 0; i < sizeof loop_counts / sizeof *loop_counts; i++) {
                aeon_test_result result;
                CHECK_INT(life_simulate(stop_after_ten_seconds, &(aeon_test_opts){ .app.loops = loop_counts[i] }, &result), 0);
                CHECK_INT(result.exit_code, 0);
                CHECK_INT(result.lived, AEON_SECONDS(STOPPED_AT));
                for (unsigned loop = 0; loop < loop_counts[i]; loop++)
                        CHECK_STR(trace_of((int)loop), model(UPS, UPS));
        }
}

PLAIN_TEST(a_step_up_that_fails_undoes_what_had_started)
{
        for (unsigned i = 0; ups[i].at; i++)
                check_up(i, FAULTS(AEON_FAULT_FAIL), (struct expected){ .code = 1, .made = i, .succeeded = i });
}

PLAIN_TEST(a_step_up_that_hangs_is_cancelled_by_a_signal_and_undone)
{
        for (unsigned i = FIRST_TASK; ups[i].at; i++)
                check_up(i, FAULTS(AEON_FAULT_HANG), (struct expected){ .lived = STOPPED_AT, .made = i, .succeeded = i });
}

PLAIN_TEST(a_step_up_that_is_stuck_ends_with_the_hard_deadline)
{
        for (unsigned i = FIRST_TASK; ups[i].at; i++)
                check_up(i, FAULTS(AEON_FAULT_STUCK), (struct expected){ .code = 4, .lived = STOPPED_AT + HARD, .no_trace = true });
}

PLAIN_TEST(a_step_up_that_is_slow_changes_nothing)
{
        for (unsigned i = FIRST_TASK; ups[i].at; i++)
                check_up(i, FAULTS(AEON_FAULT_DELAY), (struct expected){ .lived = STOPPED_AT, .made = UPS, .succeeded = UPS });
}

static void check_stops_on_the_way_up(const aeon_fault_kind *kinds, int code)
{
        for (unsigned i = FIRST_TASK; ups[i].at; i++)
                check_up(i, kinds, (struct expected){ .code = code, .made = i + 1, .succeeded = i + !ups[i].stopped });
}

PLAIN_TEST(a_signal_in_a_step_up_waits_for_it_and_undoes)
{
        check_stops_on_the_way_up(FAULTS(AEON_FAULT_SIGNAL), 0);
}

PLAIN_TEST(a_second_signal_in_a_step_up_undoes_no_less)
{
        check_stops_on_the_way_up(FAULTS(AEON_FAULT_SIGNAL, AEON_FAULT_SIGNAL), 0);
}

PLAIN_TEST(a_third_signal_in_a_step_up_ends_the_process)
{
        for (unsigned i = FIRST_TASK; ups[i].at; i++)
                check_up(i, FAULTS(AEON_FAULT_SIGNAL, AEON_FAULT_SIGNAL, AEON_FAULT_SIGNAL),
                         (struct expected){ .code = CUT_BY_SIGTERM, .no_trace = true });
}

PLAIN_TEST(a_stop_in_a_step_up_has_its_code)
{
        check_stops_on_the_way_up(FAULTS(AEON_FAULT_STOP), 5);
}

/* ------------------------------------------------------------------ the way down */

PLAIN_TEST(a_step_down_that_fails_keeps_no_later_one_from_running)
{
        for (unsigned i = 0; i <= LAST_TASK_DOWN; i++)
                if (downs[i].fail_code)
                        check_down(&downs[i], FAULTS(AEON_FAULT_FAIL),
                                   (struct expected){ .code = downs[i].fail_code, .lived = STOPPED_AT });
}

PLAIN_TEST(a_step_down_that_hangs_has_its_budget_and_no_more)
{
        for (unsigned i = 0; i <= LAST_TASK_DOWN; i++)
                check_down(&downs[i], FAULTS(AEON_FAULT_HANG),
                           (struct expected){ .code = downs[i].hang_code,
                                              .lived = STOPPED_AT + downs[i].hang_ends,
                                              .no_trace = downs[i].late_order });
}

PLAIN_TEST(a_step_down_that_is_stuck_is_abandoned)
{
        for (unsigned i = 0; i <= LAST_TASK_DOWN; i++)
                check_down(&downs[i], FAULTS(AEON_FAULT_STUCK),
                           (struct expected){ .code = 4, .lived = STOPPED_AT + downs[i].stuck_ends, .no_trace = true });
}

PLAIN_TEST(a_step_down_that_is_slow_takes_that_much_longer)
{
        for (unsigned i = 0; i <= LAST_TASK_DOWN; i++)
                check_down(&downs[i], FAULTS(AEON_FAULT_DELAY), (struct expected){ .lived = STOPPED_AT + 3 });
}

PLAIN_TEST(a_second_signal_in_a_step_down_skips_no_step)
{
        for (unsigned i = 0; i < DOWNS; i++)
                if (downs[i].at)
                        check_down(&downs[i], FAULTS(AEON_FAULT_SIGNAL), (struct expected){ .lived = STOPPED_AT });
}

PLAIN_TEST(a_third_signal_in_a_step_down_ends_the_process)
{
        for (unsigned i = 0; i <= LAST_TASK_DOWN; i++)
                check_down(&downs[i], FAULTS(AEON_FAULT_SIGNAL, AEON_FAULT_SIGNAL),
                           (struct expected){ .code = CUT_BY_SIGTERM, .lived = STOPPED_AT, .no_trace = true });
}

PLAIN_TEST(a_stop_with_a_code_in_a_step_down_makes_a_clean_stop_unclean)
{
        for (unsigned i = 0; i < DOWNS; i++)
                if (downs[i].at)
                        check_down(&downs[i], FAULTS(AEON_FAULT_STOP), (struct expected){ .code = 5, .lived = STOPPED_AT });
}
