/* Metrics of an app: what /metrics would show. */
#include "life.h"

#include "app/exposition.h"
#include "app/snapshot.h"

#include <aeon/metrics.h>
#include <aeon/periodic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

AEON_GAUGE(t_odd, "Backslash \\, quote \", line\nend.", "value");
AEON_HISTOGRAM(t_wait_seconds, "Waits.", "who");
AEON_COUNTER(t_never_total, "Nobody counts.");

static struct text text_of(const char *name)
{
        struct text text = { 0 };
        const aeon_metric *m = aeon__metric_find(name);
        REQUIRE(m != NULL);
        aeon__exposition_metric(&text, m);
        return text;
}

PLAIN_TEST(words_and_values_are_escaped_and_what_is_not_utf8_is_replaced)
{
        t_odd_set(1, "a\"b\\c\nd");
        t_odd_set(2, "\xc3\xa4\xff");
        struct text text = text_of("t_odd");
        CHECK_STR(text.data, "# HELP t_odd Backslash \\\\, quote \", line\\nend.\n"
                             "# TYPE t_odd gauge\n"
                             "t_odd{value=\"a\\\"b\\\\c\\nd\"} 1\n"
                             "t_odd{value=\"\xc3\xa4\xef\xbf\xbd\"} 2\n");
        aeon__text_done(&text);
}

PLAIN_TEST(numbers_are_written_as_they_are)
{
        t_odd_set(INFINITY, "a");
        t_odd_set(NAN, "b");
        t_odd_set(-0.125, "c");
        t_odd_set(9007199254740993.0, "d");
        t_odd_set(-INFINITY, "e");
        struct text text = text_of("t_odd");
        CHECK_CONTAINS(text.data, "{value=\"a\"} +Inf\nt_odd{value=\"b\"} NaN\nt_odd{value=\"c\"} -0.125\n"
                                  "t_odd{value=\"d\"} 9007199254740992.0\nt_odd{value=\"e\"} -Inf\n");
        aeon__text_done(&text);
}

PLAIN_TEST(buckets_include_what_is_below_them)
{
        t_wait_seconds_observe(0.00005, "x");
        t_wait_seconds_observe(0.3, "x");
        t_wait_seconds_observe(60, "x");
        struct text text = text_of("t_wait_seconds");
        CHECK_CONTAINS(text.data, "# TYPE t_wait_seconds histogram\nt_wait_seconds_bucket{who=\"x\",le=\"0.0001\"} 1\n");
        CHECK_CONTAINS(text.data, "{who=\"x\",le=\"0.25\"} 1\nt_wait_seconds_bucket{who=\"x\",le=\"0.5\"} 2\n");
        CHECK_CONTAINS(text.data, "{who=\"x\",le=\"10.0\"} 2\nt_wait_seconds_bucket{who=\"x\",le=\"+Inf\"} 3\n"
                                  "t_wait_seconds_sum{who=\"x\"} 60.30005\nt_wait_seconds_count{who=\"x\"} 3\n");
        aeon__text_done(&text);
}

/* ------------------------------------------------------------------ of a whole app */

static int runs;
static struct text shown, snapshot;

static int tick(void *arg)
{
        if (++runs == 4)
                return aeon_periodic_pause(arg, "tick");
        return runs == 2 ? aeon_fail(-EIO, "not today") : 0;
}

static int crash_twice(void *arg)
{
        (void)arg;
        static int crashes;
        return ++crashes <= 2 ? -EIO : aeon_sleep_until(AEON_NEVER);
}

static int half_well(aeon_health *h)
{
        return aeon_health_degraded(h, "half");
}

/* Until all has happened that is to be shown. */
static int look(void *arg)
{
        int r = 0;
        while (r == 0) {
                aeon__text_done(&shown);
                r = aeon__metrics_text(arg, &shown);
                bool all = strstr(shown.data, "aeon_periodic_runs_total{task=\"tick\",loop=\"0\"} 4") &&
                           strstr(shown.data, "aeon_background_restarts_total{task=\"crasher\"} 2") &&
                           strstr(shown.data, "aeon_health_status{component=\"half\",status=\"degraded\"} 1");
                if (all) {
                        r = aeon__snapshot_write(arg, &snapshot);
                        aeon_app_stop(arg, 0);
                        return r;
                }
                r = aeon_sleep(AEON_MILLISECONDS(1));
        }
        return r;
}

static void all_kinds(aeon_app *app)
{
        aeon_periodic(app, "tick", tick, app, &(aeon_periodic_opts){ .delay = AEON_MILLISECONDS(1) });
        aeon_background(app, "crasher", crash_twice, NULL,
                        &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE, .first_pause = 1 });
        aeon_background(app, "look", look, app, NULL);
        aeon_health_check(app, "half", half_well, &(aeon_health_opts){ .impact = AEON_DEGRADING });
}

PLAIN_TEST(an_app_shows_its_states_loops_tasks_and_checks)
{
        CHECK_INT(aeon_app_run(all_kinds, &(aeon_app_opts){ .loops = 2, .quiet = true, .admin = "off" }), 0);
        CHECK_CONTAINS(shown.data, "\naeon_app_ready 1\n");
        CHECK_CONTAINS(shown.data, "\naeon_app_status{status=\"degraded\"} 1\n");
        CHECK_CONTAINS(shown.data, "\naeon_health_status{component=\"half\",status=\"healthy\"} 0\n");
        CHECK_CONTAINS(shown.data, "\naeon_periodic_failed_total{task=\"tick\",loop=\"0\"} 1\n");
        CHECK_CONTAINS(shown.data, "\naeon_periodic_missed_total{task=\"tick\",loop=\"0\"} 0\n");
        CHECK_CONTAINS(shown.data, "\naeon_loop_lag_seconds{loop=\"1\"} ");
        CHECK_CONTAINS(shown.data, "\naeon_tasks{loop=\"1\"} ");
        CHECK_CONTAINS(shown.data, "\nt_never_total 0\n");
        CHECK_CONTAINS(shown.data, "\nprocess_start_time_seconds 1");
        CHECK_CONTAINS(shown.data, "\nprocess_open_fds ");
        CHECK_CONTAINS(snapshot.data, "{\"loops\":[{\"loop\":0,\"lag_ms\":");
        CHECK_CONTAINS(snapshot.data, ",{\"loop\":1,\"lag_ms\":");
        CHECK_CONTAINS(snapshot.data, "\"background\":[{\"name\":\"crasher\",\"loop\":0,\"state\":\"running\",\"since_ms\":");
        CHECK_CONTAINS(snapshot.data, ",\"restarts\":2,\"error\":\"");
        CHECK_CONTAINS(snapshot.data,
                       "{\"name\":\"tick\",\"loop\":0,\"next_ms\":null,\"running\":0,\"runs\":4,\"missed\":0,\"failed\":1,");
        CHECK_CONTAINS(snapshot.data, "\"paused\":true,\"stopped\":false,\"error\":\"not today\"}]}");
        aeon__text_done(&snapshot);
        aeon__text_done(&shown);
}

static void with_a_bad_metric(aeon_app *app)
{
        (void)app;
        static aeon_metric_declaration bad = { AEON_METRIC_COUNTER, "t_bad", { "Bad.", NULL }, NULL };
        aeon_metric_declare(&bad);
}

PLAIN_TEST(a_bad_declaration_of_a_metric_keeps_the_app_from_starting)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_a_bad_metric, NULL, &said), 2);
        CHECK_CONTAINS(said, "metric \"t_bad\": the names of counters, and no others, end in _total");
        free(said);
}
