/* How far each subscription is behind, as every broker tells it. */
#include "contract.h"

#include "app/snapshot.h"
#include "base/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGES = 20, HANDED_OUT = 2 };

static atomic_bool held;

static int hold(aeon_message *m)
{
        (void)m;
        while (atomic_load(&held)) {
                int r = aeon_sleep(AEON_MILLISECONDS(10));
                if (r < 0)
                        return r;
        }
        return 0;
}
AEON_RAW_HANDLER(hold);

static void declare(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &hold_handler, &(aeon_subscribe_opts){ .window = HANDED_OUT, .concurrency = 1 });
}

/* -1: it was never told. */
static int lag_in_snapshot(aeon_app *app)
{
        struct text snapshot = { 0 };
        CHECK_INT(aeon__snapshot_write(app, &snapshot), 0);
        const char *lag = strstr(snapshot.data, "\"lag\":");
        int number = -1;
        REQUIRE(lag != NULL);
        if (strncmp(lag, "\"lag\":null", strlen("\"lag\":null")) != 0)
                REQUIRE_INT(sscanf(lag, "\"lag\":%d", &number), 1);
        aeon__text_done(&snapshot);
        return number;
}

static int lag_in_metrics(void)
{
        const char *const labels[] = { "broker", Q("test"), "hold" };
        return (int)aeon_series_value(aeon_metric_series(aeon__metric_find("aeon_messages_lag"), labels));
}

static void fall_behind(aeon_app *app, int handed_out)
{
        atomic_store(&held, true);
        for (int i = 0; i < MESSAGES; i++)
                publish(aeon_app_broker(app), Q("test"), "one of many");
        AWAIT_WITHIN(20, lag_in_snapshot(app) == MESSAGES - handed_out);
        CHECK_INT(lag_in_metrics(), MESSAGES - handed_out);
        atomic_store(&held, false);
        AWAIT(stats_of(app).processed == MESSAGES);
        AWAIT_WITHIN(20, lag_in_snapshot(app) == 0);
}

static void fall_behind_on_one_loop(aeon_app *app)
{
        fall_behind(app, HANDED_OUT);
}

static void fall_behind_on_three_loops(aeon_app *app)
{
        fall_behind(app, 3 * HANDED_OUT);
}

CONTRACT_TEST(what_waits_at_the_broker_is_the_lag)
{
        CHECK_INT(with_app(k, declare, fall_behind_on_one_loop, NULL), 0);
}

/* All loops take from one heap. */
CONTRACT_TEST(the_lag_is_that_of_all_loops_together)
{
        NEEDS(!k->by_partition);
        CHECK_INT(with_app(k, declare, fall_behind_on_three_loops, &(aeon_app_opts){ .loops = 3 }), 0);
}
