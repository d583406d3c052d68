/* Whole lives in a world of one thread and no time: what users have in aeon/testing.h. */
#include "busy.h"
#include "harness.h"

#include <aeon/background.h>
#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/periodic.h>
#include <aeon/stream.h>
#include <aeon/task.h>
#include <aeon/testing.h>
#include <aeon/thread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static unsigned count;

static void empty(aeon_app *app)
{
        (void)app;
}

/* ------------------------------------------------------------------ one life */

static int stop_when_ready(aeon_test *t)
{
        CHECK(aeon_test_app(t) == NULL || !aeon_app_is_ready(aeon_test_app(t)));
        CHECK_INT(aeon_test_await_ready(t), 0);
        CHECK(aeon_app_is_ready(aeon_test_app(t)));
        CHECK_INT(aeon_test_signal(t, SIGTERM), 0);
        CHECK_INT(aeon_test_await_end(t), 0);
        CHECK(aeon_test_app(t) == NULL);
        CHECK_INT(aeon_test_signal(t, SIGTERM), -ESRCH);
        CHECK_INT(aeon_test_await_ready(t), -ESHUTDOWN);
        return 0;
}

PLAIN_TEST(a_life_is_run_from_end_to_end_beside_a_test)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(empty, stop_when_ready, &(aeon_test_opts){ .app.loops = 3, .app.name = "empty" }, &result), 0);
        CHECK_INT(result.exit_code, 0);
        CHECK_CONTAINS(result.report, "empty stopped with code 0 after 0 ms: SIGTERM\n");
        CHECK_INT(result.lived, 0);
        CHECK_STR(result.broken, "");
}

TEST(a_life_is_run_inside_a_task_of_a_real_loop)
{
        aeon_loop *loop = aeon_loop_current();
        CHECK_INT(aeon_test_run(empty, stop_when_ready, NULL, NULL), 0);
        CHECK(aeon_loop_current() == loop);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

static int do_nothing(aeon_test *t)
{
        count = *(unsigned *)aeon_test_arg(t);
        return 7;
}

PLAIN_TEST(when_the_test_returns_the_app_is_stopped)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(empty, do_nothing, &(aeon_test_opts){ .arg = &(unsigned){ 5 } }, &result), 7);
        CHECK_INT(result.exit_code, 0);
        CHECK_INT(count, 5);
        CHECK_CONTAINS(result.report, "the test has ended");
}

static int fail_in_words(aeon_test *t)
{
        (void)t;
        return aeon_fail(-ENOTTY, "no such teapot");
}

PLAIN_TEST(the_tests_failure_comes_back_with_its_words)
{
        CHECK_INT(aeon_test_run(empty, fail_in_words, NULL, NULL), -ENOTTY);
        CHECK_STR(aeon_error_text(), "no such teapot");
}

static int wait_for_ever(aeon_test *t)
{
        (void)t;
        return aeon_sleep(AEON_NEVER);
}

PLAIN_TEST(a_test_that_waits_for_ever_meets_its_limit)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(empty, wait_for_ever, &(aeon_test_opts){ .limit = AEON_HOURS(2) }, &result), -ETIMEDOUT);
        CHECK_INT(result.lived, AEON_HOURS(2));
}

static int ignore_everything(aeon_app *app)
{
        (void)app;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        int r = aeon_scope_close(&shield, aeon_sleep(AEON_NEVER));
        count++;
        return r;
}

static void with_a_hook_that_never_ends(aeon_app *app)
{
        aeon_on_startup(app, ignore_everything);
}

static int stop_and_wait(aeon_test *t)
{
        aeon_test_idle(t);
        CHECK_INT(aeon_test_signal(t, SIGTERM), 0);
        CHECK_INT(aeon_test_await_end(t), 4);
        return 0;
}

/* The process would have ended, so there is a result; and then the hook is got out of its wait, so that nothing is leaked. */
PLAIN_TEST(what_can_never_end_is_told_and_ended)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(with_a_hook_that_never_ends, stop_and_wait, NULL, &result), -EDEADLK);
        CHECK_INT(result.exit_code, 4);
        CHECK_CONTAINS(result.report, "hard deadline");
        CHECK_INT(count, 1);
}

/* ------------------------------------------------------------------ the clock */

static int tick(void *unused)
{
        (void)unused;
        count++;
        return 0;
}

static void with_a_clock(aeon_app *app)
{
        aeon_periodic(app, "tick", tick, NULL, &(aeon_periodic_opts){ .every = AEON_MINUTES(1) });
}

static int sleep_a_day(aeon_test *t)
{
        int r = aeon_test_await_ready(t);
        aeon_time begin = aeon_now();
        if (r == 0)
                r = aeon_sleep(AEON_HOURS(23) + AEON_SECONDS(30));
        CHECK_INT(aeon_now() - begin, AEON_HOURS(23) + AEON_SECONDS(30));
        return r;
}

PLAIN_TEST(a_day_takes_no_time)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(with_a_clock, sleep_a_day, NULL, &result), 0);
        CHECK_INT(count, 23 * 60 + 1);
}

static void at_three(aeon_app *app)
{
        aeon_periodic(app, "nightly", tick, NULL, &(aeon_periodic_opts){ .cron = "0 3 * * *" });
}

static int sleep_a_year(aeon_test *t)
{
        int r = aeon_test_await_ready(t);
        return r < 0 ? r : aeon_sleep(AEON_HOURS(24) * 365);
}

PLAIN_TEST(the_wall_clock_goes_with_the_other)
{
        CHECK_INT(aeon_test_run(at_three, sleep_a_year, &(aeon_test_opts){ .limit = AEON_HOURS(24) * 366 }, NULL), 0);
        CHECK_INT(count, 365);
}

static int idle_before_each_tick(aeon_test *t)
{
        aeon_test_await_ready(t);
        for (unsigned i = 1; i < 5; i++) {
                CHECK_INT(aeon_test_idle(t), 0);
                CHECK_INT(count, i);
                aeon_sleep(AEON_MINUTES(1));
        }
        return 0;
}

PLAIN_TEST(idle_is_when_all_has_happened_that_can_happen_now)
{
        CHECK_INT(aeon_test_run(with_a_clock, idle_before_each_tick, NULL, NULL), 0);
}

/* ------------------------------------------------------------------ messages and health */

static int hail(aeon_message *m)
{
        char answer[64];
        snprintf(answer, sizeof answer, "hello %s", (const char *)aeon_message_body(m));
        int r = aeon_sleep(AEON_SECONDS(10));
        return r < 0 ? r : aeon_message_reply(m, AEON_TEXT(answer));
}
AEON_RAW_HANDLER(hail);

static int check_count(aeon_health *h)
{
        (void)h;
        return count ? aeon_fail(-EIO, "the count is %u", count) : 0;
}

static int set_url(aeon_app *app)
{
        return aeon_broker_set_url(aeon_app_broker(app), "sqlite:/nowhere/at/all.db");
}

static void greeter(aeon_app *app)
{
        aeon_use_broker(app, NULL);
        aeon_on_startup(app, set_url);
        aeon_subscribe(app, "greet", &hail_handler, NULL);
        aeon_health_check(app, "count", check_count, &(aeon_health_opts){ .impact = AEON_CRITICAL, .interval = AEON_SECONDS(1) });
}

static int ask(aeon_test *t)
{
        aeon_broker *broker;
        aeon_message *reply;
        int r = aeon_test_await_ready(t);
        if (r == 0)
                r = aeon_broker_open("sqlite:/nowhere/at/all.db", &broker);
        if (r < 0)
                return r;
        aeon_time begin = aeon_now();
        r = aeon_request(broker, "greet", AEON_TEXT("world"), &reply);
        if (r == 0) {
                CHECK_STR(aeon_message_body(reply), "hello world");
                CHECK_INT(aeon_now() - begin, AEON_SECONDS(10));
                aeon_message_free(reply);
        }
        count = 3;
        aeon_sleep(AEON_SECONDS(2));
        CHECK(!aeon_app_is_ready(aeon_test_app(t)) && aeon_health_overall(aeon_test_app(t)) == AEON_UNHEALTHY);
        count = 0;
        CHECK_INT(aeon_test_await_ready(t), 0);
        aeon_broker_close(broker);
        return r;
}

PLAIN_TEST(every_broker_is_in_memory_and_answers)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(greeter, ask, &(aeon_test_opts){ .app.loops = 2 }, &result), 0);
        CHECK_INT(result.exit_code, 0);
}

/* ------------------------------------------------------------------ the pool, and what there is not */

static int compute(void *arg)
{
        CHECK(aeon_loop_current() == NULL && aeon_task_current() == NULL);
        *(unsigned *)arg += 1;
        return aeon_fail(-EDOM, "no root");
}

static int use_the_pool(aeon_test *t)
{
        (void)t;
        CHECK_INT(aeon_offload(compute, &count), -EDOM);
        CHECK_STR(aeon_error_text(), "no root");
        aeon_group *g;
        CHECK_INT(aeon_group_open(&g), 0);
        aeon_group_cancel(g, "enough");
        CHECK_INT(aeon_offload(compute, &count), -ECANCELED);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(count, 1);
        return 0;
}

PLAIN_TEST(work_for_the_pool_is_done_on_the_same_thread)
{
        CHECK_INT(aeon_test_run(empty, use_the_pool, NULL, NULL), 0);
}

static int return_zero(void *unused)
{
        (void)unused;
        return 0;
}

static int ask_for_too_much(aeon_test *t)
{
        aeon_stream *stream;
        CHECK_INT(aeon_test_run(empty, NULL, NULL, NULL), -EBUSY);
        CHECK_INT(aeon_loop_run(return_zero, t), -ENOTSUP);
        CHECK_INT(aeon_stream_connect("127.0.0.1:1", &stream), -ENOTSUP);
        CHECK_INT(aeon_stream_connect("localhost:1", &stream), -ENOTSUP);
        CHECK_INT(aeon_stream_connect("unix:/nowhere", &stream), -ENOTSUP);
        return 0;
}

PLAIN_TEST(there_are_no_sockets_and_no_worlds_within)
{
        CHECK_INT(aeon_test_run(empty, ask_for_too_much, NULL, NULL), 0);
}

/* ------------------------------------------------------------------ faults */

static int fail_to_start(aeon_app *app)
{
        (void)app;
        count++;
        return 0;
}

static void with_a_hook(aeon_app *app)
{
        aeon_on_startup(app, fail_to_start);
}

PLAIN_TEST(a_fault_happens_at_the_call_that_it_names)
{
        aeon_test_result result;
        aeon_fault faults[] = { { .at = "on_startup fail_to_start", .does = AEON_FAULT_FAIL, .code = -ENODEV }, { 0 } };
        CHECK_INT(aeon_test_run(with_a_hook, NULL, &(aeon_test_opts){ .faults = faults }, &result), 0);
        CHECK_INT(result.exit_code, 1);
        CHECK_CONTAINS(result.report, "start-up hook \"fail_to_start\" failed: the test made it fail: No such device");
        CHECK_INT(count, 0);
}

PLAIN_TEST(a_fault_at_no_call_there_is_is_refused)
{
        aeon_fault faults[] = { { .at = "startup fail_to_start", .does = AEON_FAULT_FAIL }, { 0 } };
        CHECK_INT(aeon_test_run(empty, NULL, &(aeon_test_opts){ .faults = faults }, NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"startup fail_to_start\"");
        aeon_fault many[40] = { { 0 } };
        for (int i = 0; i < 39; i++)
                many[i].at = "enter";
        CHECK_INT(aeon_test_run(empty, NULL, &(aeon_test_opts){ .faults = many }, NULL), -E2BIG);
}

/* ------------------------------------------------------------------ seeds */

static uint64_t digest_of(uint64_t seed)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(busy_define, aeon_test_await_ready, &(aeon_test_opts){ .app.loops = 4, .seed = seed }, &result), 0);
        CHECK_INT(busy_check(&result, NULL), 0);
        return result.digest;
}

PLAIN_TEST(the_same_seed_is_the_same_life_and_another_another)
{
        unsigned differences = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                uint64_t digest = digest_of(seed);
                CHECK(digest == digest_of(seed));
                differences += digest != digest_of(seed + 1);
        }
        CHECK(differences >= 18);
}

/* ------------------------------------------------------------------ many lives */

static int note_digest(const aeon_test_result *life, void *digest)
{
        *(uint64_t *)digest = life->digest;
        return busy_check(life, NULL);
}

static uint64_t digest_of_troubled_life(uint64_t seed)
{
        uint64_t digest = 0;
        aeon_simulation_opts opts = { .lives = 1, .seed = seed, .test = busy_traffic, .check = note_digest, .arg = &digest };
        CHECK_INT(aeon_test_simulate(busy_define, &opts, NULL), 0);
        return digest;
}

/* Not even one that was cut. */
PLAIN_TEST_WITHIN(no_life_leaves_anything_to_the_next, 60)
{
        for (uint64_t seed = 1; seed <= 300; seed++)
                CHECK(digest_of_troubled_life(seed) == digest_of_troubled_life(seed));
}

static void simulate(unsigned lives)
{
        static aeon_simulation_result result;
        int r = aeon_test_simulate(busy_define,
                                   &(aeon_simulation_opts){ .lives = lives, .test = busy_traffic, .check = busy_check }, &result);
        if (!CHECK_INT(r, 0))
                fprintf(stderr, "%s\n%s", aeon_error_text(), result.story);
        CHECK_INT(result.lives, lives);
}

PLAIN_TEST_WITHIN(ten_thousand_lives_keep_the_rules, 120)
{
        simulate(test_is_slow() ? 1000 : 10000);
}

/* A service with a mistake: when its second table cannot be opened, the first stays open. */
static int tables;

static int open_tables(aeon_lifespan *life)
{
        tables++;
        int r = aeon_sleep(AEON_MILLISECONDS(1)); /* opening the second one takes a moment, in which a stop can come */
        if (r < 0)
                return r;
        tables++;
        r = aeon_lifespan_serve(life);
        tables -= 2;
        return r;
}

static void careless(aeon_app *app)
{
        aeon_use_lifespan(app, open_tables);
}

static int check_tables(const aeon_test_result *life, void *unused)
{
        (void)life, (void)unused;
        int left = tables;
        tables = 0;
        return left ? aeon_fail(-EPROTO, "%d tables were left open", left) : 0;
}

PLAIN_TEST(a_mistake_is_found_with_its_seed_and_comes_again_with_it)
{
        static aeon_simulation_result found, again;
        CHECK_INT(aeon_test_simulate(careless, &(aeon_simulation_opts){ .check = check_tables }, &found), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "tables were left open");
        CHECK_CONTAINS(aeon_error_text(), "seed");
        CHECK(found.lives < 1000 && found.seed != 0);
        CHECK_CONTAINS(found.story, "enter on loop");
        CHECK_INT(aeon_test_simulate(careless, &(aeon_simulation_opts){ .check = check_tables, .seed = found.seed, .lives = 1 },
                                     &again),
                  -EPROTO);
        CHECK_STR(again.story, found.story);
}
