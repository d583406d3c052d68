/* Many lives; see aeon/testing.h.
 *
 * DESIGN
 *   A life is decided by one number, its seed, and by the app. From the seed come the app's time-outs and loops, what goes wrong and
 *   where, when and how the life is ended, and the order of turns (src/loop/world.h). The first life has the simulation's own seed, so a
 *   single life is repeated by a simulation of one.
 */
#include "app/testing/test.h"

#include "base/random.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ drawing lots */

struct life {
        uint64_t lots;
        const aeon_simulation_opts *opts;
        aeon_test *test;
};

static unsigned draw(struct life *life, unsigned limit)
{
        return (unsigned)(random_next(&life->lots) % limit);
}

/* Times that matter are met exactly, or nearly. */
static aeon_duration draw_time(struct life *life)
{
        const aeon_app_opts *o = &life->test->opts.app;
        const aeon_duration marks[] = { 0,
                                        AEON_MILLISECONDS(1),
                                        AEON_MILLISECONDS(100),
                                        AEON_SECONDS(1),
                                        AEON_SECONDS(10),
                                        AEON_MINUTES(2),
                                        o->drain_delay,
                                        o->graceful_timeout,
                                        o->cleanup_timeout,
                                        o->graceful_timeout + o->cleanup_timeout };
        aeon_duration mark = marks[draw(life, sizeof marks / sizeof *marks)];
        aeon_duration shift = draw(life, 3) ? 0 : AEON_MILLISECONDS(draw(life, 2000));
        return mark + shift;
}

static void draw_options(struct life *life)
{
        aeon_app_opts *o = &life->test->opts.app;
        unsigned loops = 1 + draw(life, 4);
        aeon_duration graceful = draw(life, 3) ? AEON_SECONDS(30) : AEON_MILLISECONDS(500);
        aeon_duration cleanup = draw(life, 3) ? AEON_SECONDS(5) : AEON_MILLISECONDS(50);
        aeon_duration drain = draw(life, 3) ? 0 : AEON_SECONDS(2);
        o->loops = o->loops ? o->loops : loops;
        o->graceful_timeout = o->graceful_timeout ? o->graceful_timeout : graceful;
        o->cleanup_timeout = o->cleanup_timeout ? o->cleanup_timeout : cleanup;
        o->drain_delay = o->drain_delay ? o->drain_delay : drain;
}

static void draw_fault(struct life *life, struct planned *p)
{
        static const aeon_fault_kind kinds[] = { AEON_FAULT_FAIL,   AEON_FAULT_FAIL,   AEON_FAULT_FAIL, AEON_FAULT_DELAY,
                                                 AEON_FAULT_DELAY,  AEON_FAULT_DELAY,  AEON_FAULT_HANG, AEON_FAULT_HANG,
                                                 AEON_FAULT_SIGNAL, AEON_FAULT_SIGNAL, AEON_FAULT_STOP, AEON_FAULT_STUCK,
                                                 AEON_FAULT_DIE };
        *p = (struct planned){ .by_number = true, .number = draw(life, 10000) };
        p->fault.does = kinds[draw(life, sizeof kinds / sizeof *kinds)];
        p->fault.delay = 1 + draw_time(life);
        if (p->fault.does == AEON_FAULT_STOP)
                p->fault.code = draw(life, 2) ? 0 : 5;
}

static void draw_plan(struct life *life)
{
        static const uint8_t counts[] = { 0, 1, 1, 1, 2, 2, 3, 4 };
        struct plan *plan = &life->test->plan;
        plan->count = counts[draw(life, sizeof counts)];
        for (unsigned i = 0; i < plan->count; i++)
                draw_fault(life, &plan->faults[i]);
}

/* ------------------------------------------------------------------ one life */

static int users_test(void *arg)
{
        struct life *life = arg;
        life->opts->test(life->test);
        return 0;
}

/* True when the app has ended before @time has passed. */
static bool ends_within(struct life *life, aeon_duration time)
{
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = time, .name = "waiting for the end" });
        return aeon_scope_close(&limit, time ? aeon_test_await_end(life->test) : -ECANCELED) >= 0;
}

/* Tell it to stop, most often once. */
static void end_it(struct life *life)
{
        unsigned times = draw(life, 4) ? 1 : 2 + draw(life, 2);
        for (; times && aeon_test_app(life->test); times--) {
                bool caught = draw(life, 4) && aeon_test_signal(life->test, draw(life, 2) ? SIGTERM : SIGINT) == 0;
                if (!caught)
                        aeon_app_stop(aeon_test_app(life->test), draw(life, 2) ? 0 : 6);
                if (ends_within(life, draw_time(life)))
                        return;
        }
}

static bool has_begun(void *arg)
{
        const struct aeon_test *t = ((struct life *)arg)->test;
        return t->watcher.app || t->ended;
}

static int lead(aeon_test *t)
{
        struct life *life = t->opts.arg;
        aeon_group *group;
        int r = aeon_group_open(&group);
        if (r < 0)
                return r;
        t->opts.arg = life->opts->arg;
        if (life->opts->test)
                aeon_spawn(group, "test", users_test, life);
        aeon__world_await(has_begun, life);
        if (!ends_within(life, draw_time(life)))
                end_it(life);
        aeon_test_await_end(t);
        aeon_group_cancel(group, "the life has ended");
        return aeon_group_close(group);
}

static int run_life(struct life *life, void (*define)(aeon_app *app))
{
        struct aeon_test *t = life->test;
        draw_options(life);
        draw_plan(life);
        int r = aeon__test_live(t, define);
        if (r == 0 && life->opts->check && life->opts->check(&t->result, life->opts->arg) < 0)
                r = aeon_fail(-EPROTO, "the app's own rule: %s", aeon_error_text());
        return r;
}

/* ------------------------------------------------------------------ all of them */

static void tell_story(const struct aeon_test *t, aeon_simulation_result *result)
{
        FILE *out = fmemopen(result->story, sizeof result->story, "w");
        if (!out)
                return;
        fprintf(out, "%u loops, drain delay %.3f s, graceful timeout %.3f s, clean-up timeout %.3f s\n", t->opts.app.loops,
                (double)t->opts.app.drain_delay / 1e9, (double)t->opts.app.graceful_timeout / 1e9,
                (double)t->opts.app.cleanup_timeout / 1e9);
        aeon__story_print(&t->story, t->begun, out);
        fprintf(out, "exit code %d\n%s", t->result.exit_code, t->result.report);
        fclose(out);
}

static int simulate_one(void (*define)(aeon_app *app), const aeon_simulation_opts *opts, uint64_t seed,
                        aeon_simulation_result *result)
{
        struct life life = { .lots = seed, .opts = opts };
        life.test = aeon__test_new(lead, &(aeon_test_opts){ .app = opts->app, .seed = seed, .arg = &life });
        if (!life.test)
                return aeon_fail(-ENOMEM, "no memory for a test");
        int r = run_life(&life, define);
        if (r < 0) {
                result->seed = seed;
                tell_story(life.test, result);
        }
        aeon__test_free(life.test);
        return r;
}

static aeon_log_level log_level(void)
{
        aeon_log_level level = AEON_LOG_DEBUG;
        while (level < AEON_LOG_OFF && !aeon_log_enabled(level))
                level++;
        return level;
}

int aeon_test_simulate(void (*define)(aeon_app *app), const aeon_simulation_opts *opts, aeon_simulation_result *ret_result)
{
        static const aeon_simulation_opts defaults;
        opts = opts ? opts : &defaults;
        aeon_simulation_result *result = calloc(1, sizeof *result);
        if (!result)
                return aeon_fail(-ENOMEM, "no memory for a simulation");
        uint64_t first = opts->seed ? opts->seed : 1, seeds = first;
        unsigned lives = opts->lives ? opts->lives : 1000;
        aeon_log_level level = log_level();
        aeon_log_set_level(AEON_LOG_OFF);
        int r = 0;
        for (; r == 0 && result->lives < lives; result->lives += r == 0)
                r = simulate_one(define, opts, result->lives ? random_next(&seeds) | 1 : first, result);
        aeon_log_set_level(level);
        if (r < 0)
                r = aeon_fail(r, "life %u, with the seed %llu", result->lives + 1, (unsigned long long)result->seed);
        if (ret_result)
                *ret_result = *result;
        free(result);
        return r;
}
