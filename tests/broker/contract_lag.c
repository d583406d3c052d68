/* How far each subscription is behind, as every broker tells it. */
#include "contract.h"

#include "app/snapshot.h"
#include "base/metrics.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGES = 20, HANDED_OUT = 2 };

static bool held;

static int hold(aeon_message *m)
{
        (void)m;
        while (held) {
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

static void fall_behind(aeon_app *app)
{
        held = true;
        for (int i = 0; i < MESSAGES; i++)
                publish(aeon_app_broker(app), Q("test"), "one of many");
        AWAIT_WITHIN(20, lag_in_snapshot(app) == MESSAGES - HANDED_OUT);
        CHECK_INT(lag_in_metrics(), MESSAGES - HANDED_OUT);
        held = false;
        AWAIT(stats_of(app).processed == MESSAGES);
        AWAIT_WITHIN(20, lag_in_snapshot(app) == 0);
}

CONTRACT_TEST(what_waits_at_the_broker_is_the_lag)
{
        CHECK_INT(with_app(k, declare, fall_behind, NULL), 0);
}
