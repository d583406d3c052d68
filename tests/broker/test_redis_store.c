/* Redis as a store: aeon/redis.h on the real server. */
#include "failing.h"
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static aeon_redis *redis;
static void (*body_now)(void);

static int run_body(void *url)
{
        REQUIRE_INT(aeon_redis_open(url, &(aeon_redis_opts){ .size = 2 }, &redis), 0);
        body_now();
        aeon_redis_close(redis);
        return 0;
}

static void with_redis_at(const char *url, void (*body)(void))
{
        body_now = body;
        CHECK_INT(aeon_loop_run(run_body, (void *)(uintptr_t)url), 0);
}

#define STORE_TEST(test_name)                                   \
        static void test_name(void);                            \
        PLAIN_TEST(test_name##_redis)                           \
        {                                                       \
                contract_begin(&contract_redis);                \
                with_redis_at(contract_redis.url(), test_name); \
        }                                                       \
        static void test_name(void)

/* For commands that must succeed. */
static aeon_redis_reply *reply_to(aeon_redis *on, const aeon_db_args *words)
{
        aeon_redis_reply *reply = NULL;
        REQUIRE_INT(aeon_redis_command(on, words, &reply), 0);
        return reply;
}

static void do_all(aeon_redis *on, const aeon_db_args *words)
{
        REQUIRE_INT(aeon_redis_command(on, words, NULL), 0);
}

static int64_t integer_of(const aeon_db_args *words)
{
        int64_t number = -1;
        CHECK_INT(aeon_redis_integer(redis, words, &number), 0);
        return number;
}

static int run_only(aeon_redis *on, const aeon_db_args *words)
{
        return aeon_redis_command(on, words, NULL);
}

/* ------------------------------------------------------------------ commands */

STORE_TEST(any_bytes_are_stored_and_come_back)
{
        static const char bytes[] = "a\0b\r\n$5 \xff";
        aeon_redis_reply *reply;
        do_all(redis, AEON_REDIS("SET", Q("k"), ((aeon_bytes){ bytes, sizeof bytes }), "EX", 60));
        reply = reply_to(redis, AEON_REDIS("GET", Q("k")));
        CHECK_INT(reply->kind, AEON_REDIS_TEXT);
        REQUIRE_INT(reply->size, sizeof bytes);
        CHECK(!memcmp(reply->text, bytes, sizeof bytes));
        aeon_redis_reply_free(reply);
        CHECK(integer_of(AEON_REDIS("TTL", Q("k"))) > 0);
}

STORE_TEST(a_word_may_be_a_number)
{
        char *text;
        do_all(redis, AEON_REDIS("RPUSH", Q("l"), INT64_MIN, UINT64_MAX, 0.1, true, "text", -7));
        aeon_redis_reply *all = reply_to(redis, AEON_REDIS("LRANGE", Q("l"), 0, -1));
        static const char *const expected[] = {
                "-9223372036854775808", "18446744073709551615", "0.10000000000000001", "1", "text", "-7"
        };
        REQUIRE_INT(all->size, 6);
        for (size_t i = 0; i < 6; i++)
                CHECK_STR(all->items[i].text, expected[i]);
        aeon_redis_reply_free(all);
        CHECK_INT(aeon_redis_text(redis, AEON_REDIS("LINDEX", Q("l"), 5), &text), 0);
        CHECK_STR(text, "-7");
        free(text);
        CHECK_INT(integer_of(AEON_REDIS("LINDEX", Q("l"), 5)), -7);
}

STORE_TEST(replies_nest)
{
        aeon_redis_reply *reply =
                reply_to(redis, AEON_REDIS("EVAL", "return {1, {'two', {3}, {}}, false, redis.error_reply('ERR four')}", 0));
        REQUIRE_INT(reply->size, 4);
        CHECK_INT(reply->items[0].integer, 1);
        REQUIRE_INT(reply->items[1].size, 3);
        CHECK_STR(reply->items[1].items[0].text, "two");
        CHECK_INT(reply->items[1].items[1].items[0].integer, 3);
        CHECK_INT(reply->items[1].items[2].size, 0);
        CHECK_INT(reply->items[2].kind, AEON_REDIS_NIL);
        CHECK_STR(reply->items[2].text, "");
        CHECK_INT(reply->items[3].kind, AEON_REDIS_ERROR);
        CHECK_INT(aeon_redis_reply_error(&reply->items[3]), -EREMOTEIO);
        CHECK_INT(aeon_redis_reply_error(&reply->items[0]), 0);
        aeon_redis_reply_free(reply);
}

STORE_TEST(what_the_server_refuses_is_an_error_with_its_words)
{
        char *text = NULL;
        int64_t number = 5;
        do_all(redis, AEON_REDIS("RPUSH", Q("l"), "x"));
        CHECK_INT(run_only(redis, AEON_REDIS("INCR", Q("l"))), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "WRONGTYPE");
        CHECK_INT(run_only(redis, AEON_REDIS("NONSENSE")), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "unknown command");
        CHECK_INT(aeon_redis_text(redis, AEON_REDIS("GET", Q("nothing")), &text), -ENOENT);
        CHECK_INT(aeon_redis_integer(redis, AEON_REDIS("LINDEX", Q("l"), 0), &number), -EBADMSG);
        CHECK_INT(aeon_redis_text(redis, AEON_REDIS("LLEN", Q("l")), &text), -EBADMSG);
        CHECK(!text);
        CHECK_INT(number, 5);
}

STORE_TEST(what_would_change_the_connection_is_refused)
{
        aeon_redis *own;
        CHECK_INT(run_only(redis, NULL), -EINVAL);
        CHECK_INT(run_only(redis, AEON_REDIS("SET", "k", aeon_db_null())), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "word 2");
        CHECK_INT(run_only(redis, AEON_REDIS("select", 3)), -ENOTSUP);
        CHECK_INT(run_only(redis, AEON_REDIS("MULTI")), -ENOTSUP);
        CHECK_INT(run_only(redis, AEON_REDIS("CLIENT", "reply", "off")), -ENOTSUP);
        CHECK_INT(run_only(redis, AEON_REDIS("BLPOP", "k", 0)), -ENOTSUP);
        CHECK_CONTAINS(aeon_error_text(), "aeon_redis_take");
        CHECK_INT(run_only(redis, AEON_REDIS("XREAD", "COUNT", 1, "BLOCK", 0, "STREAMS", "k", "$")), -ENOTSUP);
        CHECK_INT(run_only(redis, AEON_REDIS("XREAD", "STREAMS", "BLOCK", "0")), 0);
        CHECK_INT(run_only(NULL, AEON_REDIS("PING")), -ENOTCONN);
        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        CHECK_INT(run_only(own, AEON_REDIS("SUBSCRIBE", "c")), -ENOTSUP);
        CHECK_INT(aeon_redis_take(own, &own), -EINVAL);
        aeon_redis_give(own);
}

static unsigned sum;

static int increment(void *arg)
{
        (void)arg;
        int64_t number;
        int r = aeon_redis_integer(redis, AEON_REDIS("INCR", Q("n")), &number);
        sum += (unsigned)number;
        return r;
}

/* Those of this pool: the name in its URL. */
static unsigned connections_named(const char *name)
{
        unsigned n = 0;
        char *list, wanted[64];
        snprintf(wanted, sizeof wanted, " name=%s ", name);
        REQUIRE_INT(aeon_redis_text(redis, AEON_REDIS("CLIENT", "LIST"), &list), 0);
        for (const char *at = list; (at = strstr(at, wanted)); at++)
                n++;
        free(list);
        return n;
}

static char name[32];

static void share(void)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 100; i++)
                aeon_spawn(g, "increment", increment, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(sum, 5050); /* everybody had an answer of his own */
        CHECK_INT(connections_named(name), 1);
}

static const char *named_url(void)
{
        static char url[256];
        snprintf(name, sizeof name, "store%d", getpid());
        snprintf(url, sizeof url, "%s?name=%s", contract_redis.url(), name);
        return url;
}

PLAIN_TEST(tasks_share_one_connection_and_have_an_answer_each_redis)
{
        contract_begin(&contract_redis);
        with_redis_at(named_url(), share);
}

/* ------------------------------------------------------------------ several at once */

STORE_TEST(a_pipeline_answers_in_order_and_goes_on_behind_an_error)
{
        const aeon_db_args *commands[] = { AEON_REDIS("SET", Q("k"), "x"), AEON_REDIS("INCR", Q("k")),
                                           AEON_REDIS("APPEND", Q("k"), "y"), AEON_REDIS("GET", Q("k")) };
        aeon_redis_reply *replies;
        REQUIRE_INT(aeon_redis_pipeline(redis, commands, 4, &replies), 0);
        REQUIRE_INT(replies->size, 4);
        CHECK_STR(replies->items[0].text, "OK");
        CHECK_INT(aeon_redis_reply_error(&replies->items[1]), -EREMOTEIO);
        CHECK_INT(replies->items[2].integer, 2);
        CHECK_STR(replies->items[3].text, "xy");
        aeon_redis_reply_free(replies);
        CHECK_INT(aeon_redis_pipeline(redis, commands, 4, NULL), 0);
        CHECK_INT(aeon_redis_pipeline(redis, commands, 0, &replies), 0);
        CHECK_INT(replies->size, 0);
        aeon_redis_reply_free(replies);
}

STORE_TEST(a_transaction_is_run_whole_or_not_at_all)
{
        const aeon_db_args *good[] = { AEON_REDIS("SET", Q("k"), 1), AEON_REDIS("INCR", Q("k")) };
        const aeon_db_args *bad[] = { AEON_REDIS("SET", Q("k"), 9), AEON_REDIS("NONSENSE") };
        aeon_redis_reply *replies;
        REQUIRE_INT(aeon_redis_transaction(redis, good, 2, &replies), 0);
        REQUIRE_INT(replies->size, 2);
        CHECK_INT(replies->items[1].integer, 2);
        aeon_redis_reply_free(replies);
        CHECK_INT(aeon_redis_transaction(redis, bad, 2, NULL), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "unknown command");
        CHECK_INT(integer_of(AEON_REDIS("GET", Q("k"))), 2);
}

STORE_TEST(a_key_that_changes_while_it_is_watched_stops_the_transaction)
{
        aeon_redis *own;
        const aeon_db_args *commands[] = { AEON_REDIS("SET", Q("k"), "mine") };
        do_all(redis, AEON_REDIS("SET", Q("k"), "old"));
        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        do_all(own, AEON_REDIS("WATCH", Q("k")));
        do_all(redis, AEON_REDIS("SET", Q("k"), "theirs"));
        CHECK_INT(aeon_redis_transaction(own, commands, 1, NULL), -EAGAIN);
        do_all(own, AEON_REDIS("WATCH", Q("k")));
        CHECK_INT(aeon_redis_transaction(own, commands, 1, NULL), 0);
        aeon_redis_give(own);
        char *text;
        REQUIRE_INT(aeon_redis_text(redis, AEON_REDIS("GET", Q("k")), &text), 0);
        CHECK_STR(text, "mine");
        free(text);
}

/* ------------------------------------------------------------------ a connection to oneself */

static char popped[16];

static int pop(void *arg)
{
        (void)arg;
        aeon_redis *own;
        aeon_redis_reply *reply;
        int r = aeon_redis_take(redis, &own);
        if (r < 0)
                return r;
        r = aeon_redis_command(own, AEON_REDIS("BLPOP", Q("l"), 0), &reply);
        if (r >= 0) {
                snprintf(popped, sizeof popped, "%s", reply->items[1].text);
                aeon_redis_reply_free(reply);
        }
        aeon_redis_give(own);
        return r;
}

STORE_TEST(who_waits_at_the_server_keeps_nobody_else_waiting)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "pop", pop, NULL);
        for (int i = 0; i < 20; i++)
                CHECK_INT(aeon_redis_ping(redis), 0);
        CHECK_STR(popped, "");
        do_all(redis, AEON_REDIS("RPUSH", Q("l"), "here"));
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_STR(popped, "here");
}

static void leave_things(void)
{
        aeon_redis *own;
        aeon_scope limit;
        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(50) });
        CHECK_INT(aeon_scope_close(&limit, run_only(own, AEON_REDIS("BLPOP", Q("l"), 0))), -ETIMEDOUT);
        aeon_redis_give(own); /* the server still owes it an answer, which would take somebody's element */
        AWAIT(connections_named(name) == 1);
        do_all(redis, AEON_REDIS("RPUSH", Q("l"), "kept"));

        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        do_all(own, AEON_REDIS("WATCH", Q("k")));
        aeon_redis_give(own);
        AWAIT(connections_named(name) == 1);

        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        CHECK_INT(aeon_redis_ping(own), 0);
        aeon_redis_give(own); /* nothing is left on this one */
        CHECK_INT(connections_named(name), 2);
        CHECK_INT(integer_of(AEON_REDIS("LLEN", Q("l"))), 1);
}

PLAIN_TEST(what_is_given_back_with_something_left_on_it_is_closed_redis)
{
        contract_begin(&contract_redis);
        with_redis_at(named_url(), leave_things);
}

STORE_TEST(no_more_are_taken_than_there_may_be)
{
        aeon_redis *first, *second, *third;
        aeon_scope limit;
        REQUIRE_INT(aeon_redis_take(redis, &first), 0);
        REQUIRE_INT(aeon_redis_take(redis, &second), 0);
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20) });
        CHECK_INT(aeon_scope_close(&limit, aeon_redis_take(redis, &third)), -ETIMEDOUT);
        aeon_redis_give(first);
        CHECK_INT(aeon_redis_take(redis, &third), 0);
        aeon_redis_give(second);
        aeon_redis_give(third);
        aeon_redis_give(NULL);
}

/* ------------------------------------------------------------------ what cannot be */

static int open_wrong(void *url)
{
        aeon_redis *none = NULL;
        int r = aeon_redis_open(url, NULL, &none);
        CHECK(!none);
        return r;
}

PLAIN_TEST(a_wrong_url_is_an_error_at_once_redis)
{
        contract_begin(&contract_redis);
        char url[256];
        CHECK_INT(aeon_loop_run(open_wrong, "nats://localhost"), -EPROTONOSUPPORT);
        CHECK_INT(aeon_loop_run(open_wrong, "redis://localhost/shop"), -EINVAL);
        CHECK_INT(aeon_loop_run(open_wrong, "redis://localhost?tls=yes"), -EINVAL);
        CHECK_INT(aeon_loop_run(open_wrong, "redis://me@localhost"), -EINVAL);
        snprintf(url, sizeof url, "redis://me:hunter@%s", strstr(contract_redis.url(), "//") + 2);
        CHECK_INT(aeon_loop_run(open_wrong, url), -EACCES);
        CHECK(!strstr(aeon_error_text(), "hunter"));
        snprintf(url, sizeof url, "redis://127.0.0.1:%d", test_free_port());
        CHECK_INT(aeon_loop_run(open_wrong, url), -ECONNREFUSED);
}

static void run_out(void)
{
        const aeon_db_args *commands[] = { AEON_REDIS("INCR", Q("n")), AEON_REDIS("LRANGE", Q("l"), 0, -1) };
        do_all(redis, AEON_REDIS("RPUSH", Q("l"), "a", "b", "c"));
        for (int whole = 0; whole < 2; whole++) {
                aeon_redis_reply *replies = NULL;
                int r;
                for (int n = 1; failing_begin(n),
                         r = whole ? aeon_redis_transaction(redis, commands, 2, &replies)
                                   : aeon_redis_pipeline(redis, commands, 2, &replies),
                         failing_end();
                     n++) {
                        CHECK(r == -ENOMEM || r == -ENOTCONN || r == -ECONNABORTED || r == 0);
                        if (r == 0)
                                aeon_redis_reply_free(replies);
                        AWAIT(aeon_redis_ping(redis) == 0);
                }
                CHECK_INT(r, 0);
                CHECK_STR(replies->items[1].items[2].text, "c");
                aeon_redis_reply_free(replies);
        }
}

PLAIN_TEST(without_memory_a_command_fails_and_the_next_one_does_not_redis)
{
        char url[256];
        contract_begin(&contract_redis);
        snprintf(url, sizeof url, "%s?reconnect=1ms", contract_redis.url());
        with_redis_at(url, run_out);
}

/* ------------------------------------------------------------------ the server goes and comes */

static struct server server;
static aeon_app *the_app;

static int kill_server(void *unused)
{
        (void)unused;
        server_kill(&server);
        return 0;
}

static int start_server(void *unused)
{
        (void)unused;
        server_start(&server);
        return 0;
}

static bool health_says(const char *part)
{
        char *text = aeon_health_json(the_app, true);
        bool says = text && strstr(text, part);
        free(text);
        if (!says)
                aeon_health_ask(the_app, "redis");
        return says;
}

static bool is_ready(void)
{
        aeon_health_ask(the_app, "redis");
        return aeon_app_is_ready(the_app);
}

/* From away to there, to gone, to there again. */
static int go_through(void *arg)
{
        the_app = arg;
        aeon_redis *own;
        CHECK(aeon_redis_get("other") == NULL);
        CHECK_INT(aeon_redis_set_url(the_app, NULL, "redis://localhost"), -EBUSY);
        AWAIT_WITHIN(30, health_says("\"name\":\"redis\",\"status\":\"unhealthy\""));
        CHECK(!aeon_app_is_ready(the_app));
        redis = aeon_redis_get(NULL);
        CHECK_INT(aeon_redis_ping(redis), -ENOTCONN);

        CHECK_INT(aeon_offload(start_server, NULL), 0);
        AWAIT_WITHIN(30, is_ready());
        CHECK_INT(aeon_redis_ping(redis), 0);
        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        CHECK_INT(aeon_redis_ping(own), 0);

        CHECK_INT(aeon_offload(kill_server, NULL), 0);
        AWAIT_WITHIN(30, !is_ready());
        CHECK_INT(aeon_offload(start_server, NULL), 0);
        AWAIT_WITHIN(30, is_ready());
        CHECK_INT(aeon_redis_ping(redis), 0);
        CHECK_INT(aeon_redis_ping(own), -ECONNABORTED); /* what was watched on it would not be watched now */
        aeon_redis_give(own);
        REQUIRE_INT(aeon_redis_take(redis, &own), 0);
        CHECK_INT(aeon_redis_ping(own), 0);
        aeon_redis_give(own);
        return aeon_app_stop(the_app, 0);
}

static int give_url(aeon_app *app)
{
        CHECK(aeon_redis_get(NULL) == NULL); /* not open yet */
        CHECK_INT(aeon_redis_set_url(app, "nothing", "redis://localhost"), -ENOENT);
        CHECK_INT(aeon_redis_set_url(app, NULL, "mysql://localhost"), -EPROTONOSUPPORT);
        return aeon_redis_set_url(app, NULL,
                                  server_url(&contract_redis, server.port, "", "connect_timeout=100ms&reconnect_max=100ms"));
}

static void with_redis_by_hook(aeon_app *app)
{
        aeon_use_redis(app, NULL, NULL, &(aeon_redis_opts){ .size = 1 });
        aeon_on_startup(app, give_url);
        aeon_background(app, "go", go_through, app, NULL);
}

PLAIN_TEST_WITHIN(an_app_lives_through_its_store_redis, 120)
{
        contract_begin(&contract_redis);
        test_stderr_begin();
        server_init(&server, &contract_redis);
        CHECK_INT(aeon_app_run(with_redis_by_hook, &(aeon_app_opts){ .quiet = true, .admin = "off" }), 0);
        test_stderr_end();
        servers_end();
}

/* ------------------------------------------------------------------ in an app */

static void same_name(aeon_app *app)
{
        aeon_use_redis(app, "a", contract_redis.url(), NULL);
        aeon_use_redis(app, "a", contract_redis.url(), NULL);
}

static void no_url(aeon_app *app)
{
        aeon_use_redis(app, "shop", NULL, NULL);
}

static void wrong_option(aeon_app *app)
{
        aeon_use_redis(app, NULL, "redis://localhost?hartbeat=1s", NULL);
}

static void check_refusal(void (*define)(aeon_app *app), const char *words)
{
        test_stderr_begin();
        CHECK_INT(aeon_app_run(define, &(aeon_app_opts){ .admin = "off" }), 1);
        CHECK_CONTAINS(test_stderr(), words);
        test_stderr_end();
}

PLAIN_TEST(a_declaration_that_is_wrong_refuses_the_start_redis)
{
        contract_begin(&contract_redis);
        check_refusal(same_name, "there are two Redis servers named \"a\"");
        check_refusal(no_url, "the Redis server \"shop\" has no URL");
        check_refusal(wrong_option, "did you mean \"heartbeat\"");
}

enum { LOOPS = 3 };
static aeon_redis *pools[LOOPS];
static _Atomic unsigned asked;

static int ask_on_loop(void *arg)
{
        unsigned index = (unsigned)(uintptr_t)arg;
        int r;
        while (!aeon_redis_get(NULL)) /* step 4 is to come */
                if ((r = aeon_sleep(AEON_MILLISECONDS(1))) < 0)
                        return r;
        pools[index] = aeon_redis_get("store");
        r = aeon_redis_command(pools[index], AEON_REDIS("INCR", Q("n")), NULL);
        asked++;
        return r;
}

static int each_loop(aeon_lifespan *life)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "ask", ask_on_loop, (void *)(uintptr_t)aeon_lifespan_index(life));
        r = aeon_lifespan_serve(life);
        int e = aeon_group_close(g);
        return r < 0 ? r : e;
}

static int stop_when_all_asked(aeon_app *app)
{
        AWAIT(asked == LOOPS);
        redis = aeon_redis_get(NULL);
        CHECK_INT(integer_of(AEON_REDIS("GET", Q("n"))), LOOPS);
        return aeon_app_stop(app, 0);
}

static void on_every_loop(aeon_app *app)
{
        aeon_use_redis(app, "store", contract_redis.url(), NULL);
        aeon_use_lifespan(app, each_loop);
        aeon_on_ready(app, stop_when_all_asked);
}

PLAIN_TEST(each_loop_has_a_pool_of_its_own_redis)
{
        contract_begin(&contract_redis);
        CHECK_INT(aeon_app_run(on_every_loop, &(aeon_app_opts){ .loops = LOOPS, .quiet = true, .admin = "off" }), 0);
        CHECK(pools[0] && pools[1] && pools[2]);
        CHECK(pools[0] != pools[1] && pools[1] != pools[2] && pools[0] != pools[2]);
}
