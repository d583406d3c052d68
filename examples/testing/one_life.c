/* examples/testing/one_life.c - a service, and a test that runs the whole life of it: in a moment, though a night passes. */
#include <aeon.h>
#include <aeon/testing.h>
#include <assert.h>
#include <signal.h>
#include <stdio.h>

/* ------------------------------------------------------------------ the service */

static int rates_loaded;

static int load_rates(void *unused)
{
        (void)unused;
        rates_loaded++;
        return 0;
}

static int quote(aeon_message *m)
{
        char answer[64];
        snprintf(answer, sizeof answer, "%s: rates of day %d", (const char *)aeon_message_body(m), rates_loaded);
        int r = aeon_sleep(AEON_SECONDS(2)); /* it takes its time */
        return r < 0 ? r : aeon_message_reply(m, AEON_TEXT(answer));
}
AEON_RAW_HANDLER(quote);

AEON_APP(rates)
{
        aeon_use_broker(rates, "sqlite:./rates.db");
        aeon_subscribe(rates, "quotes", &quote_handler, NULL);
        aeon_periodic(rates, "rates", load_rates, NULL, &(aeon_periodic_opts){ .cron = "30 5 * * *", .zone = "Europe/Berlin" });
}

/* ------------------------------------------------------------------ the test */

static void ask(aeon_broker *broker)
{
        aeon_message *reply;
        int r = aeon_request(broker, "quotes", AEON_TEXT("EUR"), &reply);
        assert(r == 0);
        printf("%s\n", (const char *)aeon_message_body(reply));
        aeon_message_free(reply);
}

static int a_night_passes(aeon_test *t)
{
        int r = aeon_test_await_ready(t);
        assert(r == 0);
        aeon_broker *broker;
        r = aeon_broker_open("sqlite:./rates.db", &broker); /* the same URL, the same queue: in memory */
        assert(r == 0);

        ask(broker);
        aeon_sleep(AEON_HOURS(24)); /* moves the clock, and costs nothing */
        ask(broker);

        aeon_broker_close(broker);
        aeon_test_signal(t, SIGTERM);
        return aeon_test_await_end(t);
}

int main(void)
{
        aeon_test_result result;
        int r = aeon_test_run(aeon_app_define_rates, a_night_passes, &(aeon_test_opts){ .app = { .name = "rates", .loops = 2 } },
                              &result);
        assert(r == 0);
        assert(result.exit_code == 0);
        printf("%s", result.report);
        return 0;
}
