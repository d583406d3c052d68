/* Health: what the checks say, what it means for the whole, and what the probes show of it. */
#include "life.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ running an app until something is seen */

static aeon_app *the_app;
static bool (*awaited)(void);
static _Atomic bool released; /* stuck checks may go on */
static _Atomic int runs;
static bool seen, ready;
static aeon_status status;
static char *json, *brief;

static bool json_says(const char *part)
{
        char *text = aeon_health_json(the_app, true);
        bool says = text && strstr(text, part);
        free(text);
        return says;
}

/* Beside the checks: look until it is there, keep what the probes would say, stop. */
static int look(void *arg)
{
        the_app = arg;
        int r = 0;
        for (int i = 0; i < 5000 && r == 0 && !(seen = awaited()); i++)
                r = aeon_sleep(AEON_MILLISECONDS(1));
        status = aeon_health_overall(the_app);
        ready = aeon_app_is_ready(the_app);
        json = aeon_health_json(the_app, true);
        brief = aeon_health_json(the_app, false);
        released = true;
        return aeon_app_stop(the_app, 0);
}

static int run_until(bool (*condition)(void), void (*define)(aeon_app *app))
{
        awaited = condition;
        seen = false;
        released = false;
        runs = 0;
        free(json);
        free(brief);
        json = brief = NULL;
        return aeon_app_run(define, &(aeon_app_opts){ .quiet = true });
}

static void forget(void)
{
        free(json);
        free(brief);
}

static bool all_checked(void)
{
        return !json_says("not checked yet") && aeon_app_is_started(the_app);
}

/* ------------------------------------------------------------------ checks */

static int well(aeon_health *h)
{
        (void)h;
        return 0;
}

static int slow_today(aeon_health *h)
{
        return aeon_health_degraded(h, "%d of %d \"shards\"", 2, 3);
}

static int gone(aeon_health *h)
{
        (void)h;
        return aeon_fail(-ECONNREFUSED, "nobody\nanswers");
}

static int no_answer(aeon_health *h)
{
        (void)h;
        return aeon_sleep(AEON_MINUTES(1));
}

/* Well at first; then it does not come back, whatever it is told. */
static int get_stuck(aeon_health *h)
{
        (void)h;
        if (++runs == 1)
                return 0;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        while (!released)
                aeon_sleep(AEON_MILLISECONDS(2));
        return aeon_scope_close(&shield, 0);
}

/* ------------------------------------------------------------------ the table */

static aeon_health_fn *check;
static aeon_impact impact;

static void with_one_check(aeon_app *app)
{
        aeon_health_check(app, "fine", well, &(aeon_health_opts){ .impact = AEON_CRITICAL });
        aeon_health_check(app, "it", check, &(aeon_health_opts){ .impact = impact, .timeout = AEON_MILLISECONDS(20) });
        aeon_background(app, "look", look, app, NULL);
}

PLAIN_TEST(the_impact_decides_what_a_check_means_for_the_whole)
{
        static const struct {
                aeon_impact impact;
                aeon_health_fn *check;
                aeon_status overall;
                const char *own;
        } rows[] = {
                { AEON_INFO, well, AEON_HEALTHY, "healthy" },
                { AEON_INFO, slow_today, AEON_HEALTHY, "degraded" },
                { AEON_INFO, gone, AEON_HEALTHY, "unhealthy" },
                { AEON_DEGRADING, well, AEON_HEALTHY, "healthy" },
                { AEON_DEGRADING, slow_today, AEON_DEGRADED, "degraded" },
                { AEON_DEGRADING, gone, AEON_DEGRADED, "unhealthy" },
                { AEON_CRITICAL, well, AEON_HEALTHY, "healthy" },
                { AEON_CRITICAL, slow_today, AEON_DEGRADED, "degraded" },
                { AEON_CRITICAL, gone, AEON_UNHEALTHY, "unhealthy" },
                { AEON_CRITICAL, no_answer, AEON_UNHEALTHY, "unhealthy" },
        };
        static const char *const names[] = { "healthy", "degraded", "unhealthy" };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char expected[64];
                impact = rows[i].impact;
                check = rows[i].check;
                CHECK_INT(run_until(all_checked, with_one_check), 0);
                CHECK(seen);
                CHECK_INT(status, rows[i].overall);
                CHECK_INT(ready, rows[i].overall != AEON_UNHEALTHY);
                snprintf(expected, sizeof expected, "{\"status\":\"%s\"}", names[rows[i].overall]);
                CHECK_STR(brief, expected);
                snprintf(expected, sizeof expected, "{\"name\":\"it\",\"status\":\"%s\",\"latency_ms\":", rows[i].own);
                CHECK_CONTAINS(json, expected);
        }
        forget();
}

/* ------------------------------------------------------------------ what the components show */

static void with_many_checks(aeon_app *app)
{
        aeon_health_check(app, "well", well, NULL);
        aeon_health_check(app, "slow", slow_today, NULL);
        aeon_health_check(app, "gone", gone, NULL);
        aeon_health_check(app, "mute", no_answer, &(aeon_health_opts){ .timeout = AEON_MILLISECONDS(20) });
        aeon_background(app, "look", look, app, NULL);
}

PLAIN_TEST(the_components_are_shown_with_their_words)
{
        CHECK_INT(run_until(all_checked, with_many_checks), 0);
        REQUIRE(json != NULL);
        CHECK_CONTAINS(json, "{\"status\":\"healthy\",\"components\":[{\"name\":\"well\",\"status\":\"healthy\",\"latency_ms\":");
        CHECK_CONTAINS(json, "\"error\":null,\"impact\":\"info\",\"since_s\":");
        CHECK_CONTAINS(json, "\"failures\":0},{\"name\":\"slow\",\"status\":\"degraded\",\"latency_ms\":");
        CHECK_CONTAINS(json, "\"error\":\"2 of 3 \\\"shards\\\"\",\"impact\"");
        CHECK_CONTAINS(json, ",{\"name\":\"gone\",\"status\":\"unhealthy\",\"latency_ms\":");
        CHECK_CONTAINS(json, "\"error\":\"nobody\\nanswers\",\"impact\"");
        CHECK_CONTAINS(json, "\"failures\":1},{\"name\":\"mute\",\"status\":\"unhealthy\",\"latency_ms\":");
        CHECK_CONTAINS(json, "\"error\":\"no answer within 20 ms\",\"impact\"");
        const char *latency = strstr(json, "\"mute\"");
        latency = latency ? strstr(latency, "\"latency_ms\":") : NULL;
        CHECK(latency && strtod(latency + strlen("\"latency_ms\":"), NULL) >= 20);
        forget();
}

static bool is_started(void)
{
        return aeon_app_is_started(the_app);
}

static void with_no_checks(aeon_app *app)
{
        aeon_background(app, "look", look, app, NULL);
}

PLAIN_TEST(an_app_without_checks_is_healthy)
{
        CHECK_INT(run_until(is_started, with_no_checks), 0);
        CHECK_STR(json, "{\"status\":\"healthy\",\"components\":[]}");
        CHECK(ready);
        forget();
}

static bool is_stuck(void)
{
        return json_says("still running after its time limit") && trace_count("other", false) >= 3;
}

static int other(aeon_health *h)
{
        (void)h;
        trace("other", NO_LOOP, false);
        return 0;
}

static void with_a_stuck_check(aeon_app *app)
{
        aeon_health_opts often = { .interval = AEON_MILLISECONDS(2), .timeout = AEON_MILLISECONDS(20), .impact = AEON_CRITICAL };
        aeon_health_check(app, "stuck", get_stuck, &often);
        aeon_health_check(app, "other", other, &often);
        aeon_background(app, "look", look, app, NULL);
}

PLAIN_TEST(a_check_that_is_stuck_is_unhealthy_and_sticks_nobody)
{
        CHECK_INT(run_until(is_stuck, with_a_stuck_check), 0);
        CHECK(seen);
        CHECK_INT(status, AEON_UNHEALTHY);
        CHECK(!ready);
        CHECK_INT(runs, 2); /* it is not started again while it runs */
        forget();
}

static void with_a_check_that_never_ends(aeon_app *app)
{
        aeon_health_check(app, "never", no_answer, &(aeon_health_opts){ .timeout = AEON_MINUTES(1), .impact = AEON_CRITICAL });
        aeon_background(app, "look", look, app, NULL);
}

PLAIN_TEST(a_check_that_never_finished_is_unhealthy)
{
        CHECK_INT(run_until(is_started, with_a_check_that_never_ends), 0);
        CHECK_INT(status, AEON_UNHEALTHY);
        CHECK(!ready);
        CHECK_CONTAINS(json, "not checked yet");
        forget();
}

/* ------------------------------------------------------------------ again and again */

static int ill_twice(aeon_health *h)
{
        CHECK_STR(aeon_health_arg(h), "argument");
        return ++runs <= 2 ? aeon_fail(-EIO, "run %d", runs) : 0;
}

static bool is_well_again(void)
{
        return runs > 2 && aeon_app_is_ready(the_app);
}

static void with_a_passing_illness(aeon_app *app)
{
        aeon_health_check_with(app, "passing", ill_twice, "argument",
                               &(aeon_health_opts){ .interval = AEON_MILLISECONDS(5), .impact = AEON_CRITICAL });
        aeon_background(app, "look", look, app, NULL);
}

PLAIN_TEST(a_check_that_is_well_again_makes_the_app_ready_again)
{
        CHECK_INT(run_until(is_well_again, with_a_passing_illness), 0);
        CHECK(seen && ready);
        CHECK_CONTAINS(json, "\"error\":null");
        forget();
}

static void with_two_checks_of_one_name(aeon_app *app)
{
        CHECK_INT(aeon_health_check(app, "twin", well, NULL), 0);
        CHECK_INT(aeon_health_check(app, "twin", well, NULL), -EEXIST);
}

PLAIN_TEST(two_checks_of_one_name_are_refused)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_two_checks_of_one_name, NULL, &said), 2);
        CHECK_CONTAINS(said, "two health checks named \"twin\"");
        free(said);
}

/* ------------------------------------------------------------------ liveness */

static pthread_t thread;
static bool was_live_before, was_dead_meanwhile, was_live_after;

/* From outside, as a probe would: the loop itself is stuck. */
static void *probe(void *app)
{
        was_live_before = aeon_app_is_live(app);
        for (int i = 0; i < 3000 && !was_dead_meanwhile; i++, usleep(10000))
                was_dead_meanwhile = !aeon_app_is_live(app);
        released = true;
        for (int i = 0; i < 3000 && !was_live_after; i++, usleep(10000))
                was_live_after = aeon_app_is_live(app);
        aeon_app_stop(app, 0);
        return NULL;
}

static int block_the_loop(void *app)
{
        CHECK_INT(pthread_create(&thread, NULL, probe, app), 0);
        while (!released)
                usleep(1000);
        return 0;
}

static void with_a_stuck_loop(aeon_app *app)
{
        aeon_background(app, "block", block_the_loop, app, NULL);
}

PLAIN_TEST_WITHIN(a_loop_that_does_not_come_round_is_not_live, 40)
{
        CHECK_INT(aeon_app_run(with_a_stuck_loop, &(aeon_app_opts){ .quiet = true }), 0);
        pthread_join(thread, NULL);
        CHECK(was_live_before && was_dead_meanwhile && was_live_after);
}

/* ------------------------------------------------------------------ on demand, since when, how often */

static int counted(aeon_health *h)
{
        (void)h;
        return ++runs == 3 ? 0 : aeon_fail(-EIO, "run %d", (int)runs);
}

static void on_demand(aeon_app *app)
{
        aeon_health_check(app, "database", counted, &(aeon_health_opts){ .on_demand = true });
        aeon_background(app, "look", look, app, NULL);
}

static bool asked_until_well(void)
{
        if (json_says("\"error\":\"run 1\"") || json_says("\"error\":\"run 2\"")) {
                if (runs == 2)
                        CHECK(json_says("\"failures\":2"));
                CHECK_INT(aeon_health_ask(the_app, "database"), 0);
        }
        return json_says("\"error\":null");
}

PLAIN_TEST(a_check_on_demand_runs_once_and_then_when_asked)
{
        CHECK_INT(run_until(asked_until_well, on_demand), 0);
        CHECK(seen);
        CHECK_INT(runs, 3);
        CHECK_CONTAINS(json, "\"impact\":\"info\",\"since_s\":0.");
        CHECK_CONTAINS(json, "\"failures\":0");
        forget();
}

static bool asked_wrongly(void)
{
        CHECK_INT(aeon_health_ask(the_app, "databse"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "did you mean \"database\"?");
        return true;
}

PLAIN_TEST(asking_for_a_check_that_is_not_there_names_the_nearest)
{
        CHECK_INT(run_until(asked_wrongly, on_demand), 0);
        forget();
}
