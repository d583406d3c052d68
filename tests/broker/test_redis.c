/* What is special to Redis: kinds of destinations, options, envelopes, leases, and what lies on the server. redis-cli is the other side. */
#include "faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIS_TEST(test_name)                            \
        static void test_name(aeon_broker *b);           \
        PLAIN_TEST(test_name##_redis)                    \
        {                                                \
                contract_begin(&contract_redis);         \
                with_broker(&contract_redis, test_name); \
        }                                                \
        static void test_name(aeon_broker *b)

/* What redis-cli says to a command on the common server, without the line's end. Borrowed until the test ends. */
#define CLI(...) cli((const char *const[]){ __VA_ARGS__, NULL })
static const char *cli(const char *const words[])
{
        const char *argv[32] = { "redis-cli", "-p", strrchr(contract_redis.url(), ':') + 1, "--raw" }, *output;
        int count = 4;
        for (int i = 0; words[i]; i++)
                argv[count++] = words[i];
        argv[count] = NULL;
        CHECK_INT(process_run(&output, argv), 0);
        char *end = strrchr(output, '\n');
        if (end && !end[1])
                *end = '\0';
        return output;
}

__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
        static char texts[16][300];
        static int next_text;
        char *text = texts[next_text++ % 16];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof texts[0], format, arguments);
        va_end(arguments);
        return text;
}

/* A destination of this test with options. */
#define WITH(name, options) text_of("%s?%s", Q(name), options)

/* ------------------------------------------------------------------ what cannot be */

static int try_open(const char *url)
{
        aeon_broker *b;
        int r = aeon_broker_open(url, &b);
        if (r >= 0)
                aeon_broker_close(b);
        return r;
}

static int try_consume(aeon_broker *b, const char *destination)
{
        aeon_consumer *c;
        int r = aeon_consumer_open(b, destination, NULL, &c);
        if (r >= 0)
                aeon_consumer_close(c);
        return r;
}

REDIS_TEST(wrong_urls_and_options_are_named)
{
        (void)b;
        const char *url = contract_redis.url();
        CHECK_INT(try_open(text_of("%s/first", url)), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"first\" is not the number of a database");
        CHECK_INT(try_open(text_of("%s/9999", url)), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "out of range");
        CHECK_INT(try_open(text_of("redis://somebody@127.0.0.1%s", strrchr(url, ':'))), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "has no password");
        CHECK_INT(try_open(text_of("%s?envelope=none", url)), -EINVAL);

        CHECK_INT(try_consume(b, WITH("test", "kind=queue")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "option kind: \"queue\" is not one of stream, list, channel, pattern");
        CHECK_INT(try_consume(b, WITH("test", "min_idle=10ms")), -EINVAL);
        CHECK_INT(try_consume(b, WITH("test", "start=5")), -EINVAL);
        CHECK_INT(try_consume(b, WITH("test", "kind=list&start=0")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "nobody knows the option \"start\"");
        CHECK_INT(try_consume(b, WITH("test", "kind=channel&min_idle=5s")), -EINVAL);

        CHECK_INT(aeon_publish(b, WITH("test", "kind=pattern"), AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, WITH("test", "kind=list&maxlen=5"), AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, WITH("test", "kind=channel"), AEON_TEXT("x"), &(aeon_publish_opts){ .delay = 1 }), -ENOTSUP);
        CHECK_INT(aeon_publish(b, WITH("test", "envelope=none"), AEON_TEXT("x"), &(aeon_publish_opts){ .reply_to = "r" }), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "without an envelope");
        CHECK_INT(aeon_publish(b, WITH("test", "envelope=json"), AEON_BYTES("\xff", 1), NULL), -EINVAL);
}

REDIS_TEST(a_key_of_another_kind_is_an_error)
{
        CLI("SET", Q("test"), "x");
        CHECK_INT(try_consume(b, Q("test")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "WRONGTYPE");
        CHECK_INT(try_consume(b, WITH("test", "kind=list")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "WRONGTYPE");
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "WRONGTYPE");
}

REDIS_TEST(the_server_sees_our_name_and_our_database)
{
        (void)b;
        aeon_broker *other;
        REQUIRE_INT(aeon_broker_open(text_of("%s/3?name=my%%20shop", contract_redis.url()), &other), 0);
        publish(other, Q("test"), "x");
        CHECK_CONTAINS(CLI("CLIENT", "LIST"), "name=my-shop");
        CHECK_STR(CLI("-n", "3", "XLEN", Q("test")), "1");
        CHECK_STR(CLI("XLEN", Q("test")), "0");
        CLI("-n", "3", "DEL", Q("test"));
        aeon_broker_close(other);
}

/* ------------------------------------------------------------------ on the wire */

/* The first entry's value, in hexadecimal digits. */
static const char *first_value(const char *key)
{
        const char *script = "local v = redis.call('XRANGE', KEYS[1], '-', '+')[1][2]; assert(v[1] == '__data__');"
                             "return (v[2]:gsub('.', function(c) return string.format('%02x', c:byte()) end))";
        return CLI("EVAL", script, "1", key);
}

REDIS_TEST(the_binary_envelope_is_that_of_faststream)
{
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_JSON("{}"),
                                 &(aeon_publish_opts){ .correlation_id = "c", .headers = (aeon_header[]){ { "k", "ü" }, { 0 } } }),
                    0);
        CHECK_STR(first_value(Q("test")), "8942494e0d0a1a0a"
                                          "0001"
                                          "00000012"
                                          "0000004e"
                                          "0003"
                                          "000e"
                                          "636f7272656c6174696f6e5f6964"
                                          "0001"
                                          "63"
                                          "000c"
                                          "636f6e74656e742d74797065"
                                          "0010"
                                          "6170706c69636174696f6e2f6a736f6e"
                                          "0001"
                                          "6b"
                                          "0002"
                                          "c3bc"
                                          "7b7d");
}

REDIS_TEST(envelopes_of_choice)
{
        REQUIRE_INT(aeon_publish(b, WITH("json", "envelope=json"), AEON_TEXT("a\"b"), &(aeon_publish_opts){ .reply_to = "r" }), 0);
        CHECK_STR(CLI("XRANGE", Q("json"), "-", "+") + strcspn(CLI("XRANGE", Q("json"), "-", "+"), "\n") + 1,
                  "__data__\n{\"data\":\"a\\\"b\",\"headers\":{\"content-type\":\"text/"
                  "plain\",\"reply_to\":\"r\"},\"reply_to\":\"r\"}");
        publish(b, WITH("none", "envelope=none"), "bare");
        CHECK_STR(first_value(Q("none")), "62617265");
        aeon_consumer *c = consume(b, Q("json"), NULL);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "a\"b");
        CHECK_STR(aeon_message_reply_to(m), "r");
        CHECK_STR(aeon_message_content_type(m), "text/plain");
        done(m);
        aeon_consumer_close(c);
}

REDIS_TEST(what_others_write_is_read)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        const char *envelope = "{\"data\": \"{\\\"x\\\": 1}\", \"headers\":"
                               " {\"content-type\": \"application/json\", \"correlation_id\": \"id\", \"n\": 7}}";
        CLI("XADD", Q("test"), "*", "__data__", envelope);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "{\"x\": 1}");
        CHECK_STR(aeon_message_content_type(m), "application/json");
        CHECK_STR(aeon_message_correlation_id(m), "id");
        CHECK_STR(aeon_message_header(m, "n"), "7");
        CHECK_STR(aeon_message_header(m, "correlation_id"), NULL);
        done(m);

        CLI("XADD", Q("test"), "*", "__data__", "{\"data\": \"old\", \"headers\": {}, \"reply_to\": \"back\"}"); /* Propan's */
        m = next(c);
        CHECK_STR(aeon_message_body(m), "old");
        CHECK_STR(aeon_message_reply_to(m), "back");
        done(m);

        static const char *const as_it_is[] = { "plain", "{\"data\": 5}", "{\"x\": \"data\"}", "{\"data\"", "{", "[]" };
        for (size_t i = 0; i < sizeof as_it_is / sizeof *as_it_is; i++) {
                CLI("XADD", Q("test"), "*", "__data__", as_it_is[i]);
                check_text(c, as_it_is[i]);
        }
        CLI("XADD", Q("test"), "*", "name", "J \"R\"", "age", "7");
        check_text(c, "{\"name\":\"J \\\"R\\\"\",\"age\":\"7\"}");
        aeon_consumer_close(c);
}

REDIS_TEST(broken_envelopes_harm_nobody)
{
        static const struct {
                const char *lua, *body; /* NULL: all of it */
        } broken[] = {
                { "\\137BIN\\r\\n\\26\\n", NULL },                                               /* no more than the magic */
                { "\\137BIN\\r\\n\\26\\n\\0\\1\\0\\0\\0\\18\\0\\0\\255\\255\\0\\0x", NULL },     /* the body is behind the end */
                { "\\137BIN\\r\\n\\26\\n\\0\\1\\255\\255\\255\\255\\0\\0\\0\\20\\0\\0x", NULL }, /* so are the headers */
                { "\\137BIN\\r\\n\\26\\n\\0\\2\\0\\0\\0\\18\\0\\0\\0\\20\\0\\0x", NULL },        /* another version */
                { "\\137BIN\\r\\n\\26\\n\\0\\1\\0\\0\\0\\18\\0\\0\\0\\20\\255\\255x", "x" },     /* headers that are not there */
                { "\\137BIN\\r\\n\\26\\n\\0\\1\\0\\0\\0\\18\\0\\0\\0\\24\\0\\1\\255\\255abx", "x" }, /* a name that is too long */
                { "\\137BIN\\r\\n\\26\\n\\0\\1\\0\\0\\0\\18\\0\\0\\0\\26\\0\\1\\0\\1\\0\\0\\1\\0x", "x" }, /* a NUL in a name */
        };
        aeon_consumer *c = consume(b, Q("test"), NULL);
        for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
                const char *script =
                        text_of("redis.call('XADD', KEYS[1], '*', '__data__', '%s'); return #('%s')", broken[i].lua, broken[i].lua);
                const char *size = CLI("EVAL", script, "1", Q("test"));
                aeon_message *m = next(c);
                if (broken[i].body)
                        CHECK_STR(aeon_message_body(m), broken[i].body);
                else
                        CHECK_INT(aeon_message_size(m), atoi(size));
                const char *name, *value;
                CHECK(!aeon_message_header_at(m, 0, &name, &value));
                done(m);
        }
        aeon_consumer_close(c);
}

static void answer(aeon_broker *b)
{
        struct process *requester = PROCESS("redis-cli", "-p", strrchr(contract_redis.url(), ':') + 1, "SUBSCRIBE", Q("inbox"));
        REQUIRE(process_await(requester, "subscribe", 10));
        aeon_consumer *c = consume(b, Q("test"), NULL);
        CLI("XADD", Q("test"), "*", "__data__",
            text_of("{\"data\": \"?\", \"headers\": {\"reply_to\": \"%s\", \"correlation_id\": \"q-17\"}}", Q("inbox")));
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_reply(m, AEON_TEXT("the answer")), 0);
        done(m);
        REQUIRE(process_await(requester, "{\"data\":\"the answer\",\"headers\":{\"correlation_id\":\"q-17\"", 10));
        CHECK_STR(CLI("EXISTS", Q("inbox")), "0");
        aeon_consumer_close(c);
}

PLAIN_TEST(a_request_of_faststream_is_answered_on_its_channel_redis)
{
        contract_begin(&contract_redis);
        with_broker_at(text_of("%s?envelope=json", contract_redis.url()), answer);
}

/* ------------------------------------------------------------------ streams on the server */

REDIS_TEST(what_a_queue_has_acknowledged_is_gone_and_so_is_its_consumer)
{
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 5 });
        for (int i = 0; i < 5; i++)
                publish(b, Q("test"), "x");
        for (int i = 0; i < 5; i++)
                done(next(c));
        CHECK_STR(CLI("XLEN", Q("test")), "0");
        CHECK_CONTAINS(CLI("XINFO", "CONSUMERS", Q("test"), "aeon"), "aeon:aeon:");
        aeon_consumer_close(c);
        CHECK_INT(aeon_broker_ping(b), 0); /* behind what the close has sent */
        CHECK_STR(CLI("XINFO", "CONSUMERS", Q("test"), "aeon"), "");
}

REDIS_TEST(a_queue_deletes_nothing_that_other_groups_have_not_seen)
{
        CLI("XGROUP", "CREATE", Q("test"), "others", "0", "MKSTREAM");
        aeon_consumer *c = consume(b, WITH("test", "start=0"), NULL);
        publish(b, Q("test"), "x");
        check_text(c, "x");
        CHECK_STR(CLI("XLEN", Q("test")), "1");
        CHECK_INT(atoi(CLI("XPENDING", Q("test"), "aeon")), 0);
        aeon_consumer_close(c);
}

REDIS_TEST(what_one_group_retries_no_other_sees_again)
{
        aeon_consumer *red = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = "red" });
        aeon_consumer *blue = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = "blue" });
        publish(b, Q("test"), "x");
        check_text(blue, "x");
        aeon_message *m = next(red);
        CHECK_INT(aeon_message_retry(m, AEON_MILLISECONDS(20)), 0);
        aeon_message_free(m);
        m = next(red);
        CHECK_INT(aeon_message_attempt(m), 2);
        CHECK_STR(aeon_message_destination(m), Q("test"));
        CHECK_INT(aeon_message_release(m), 0);
        aeon_message_free(m);
        m = next(red);
        CHECK_INT(aeon_message_attempt(m), 2);
        done(m);
        CHECK(next_within(blue, AEON_MILLISECONDS(50)) == NULL);
        CHECK(next_within(red, AEON_MILLISECONDS(50)) == NULL);
        CHECK_STR(CLI("XLEN", Q("test")), "1");
        CHECK_STR(CLI("XLEN", text_of("%s:aeon:again:red", Q("test"))), "0");
        aeon_consumer_close(blue);
        aeon_consumer_close(red);
}

REDIS_TEST(start_says_where_a_new_group_begins)
{
        publish(b, Q("test"), "before");
        aeon_consumer *all = consume(b, WITH("test", "start=0"), &(aeon_subscribe_opts){ .group = "all" });
        aeon_consumer *new = consume(b, WITH("test", "start=$"), &(aeon_subscribe_opts){ .group = "new" });
        publish(b, Q("test"), "after");
        check_text(new, "after");
        check_text(all, "before");
        check_text(all, "after");
        aeon_consumer_close(new);
        aeon_consumer_close(all);
}

REDIS_TEST(maxlen_trims_the_stream)
{
        for (int i = 0; i < 1000; i++)
                publish(b, WITH("test", "maxlen=10"), "x");
        CHECK(atoi(CLI("XLEN", Q("test"))) < 300); /* whole nodes of 100 */
}

REDIS_TEST(a_delayed_message_needs_no_consumer_in_its_process)
{
        aeon_broker *other;
        aeon_consumer *c = consume(b, Q("test"), NULL);
        REQUIRE_INT(aeon_broker_open(contract_redis.url(), &other), 0);
        REQUIRE_INT(aeon_publish(other, Q("test"), AEON_TEXT("later"), &(aeon_publish_opts){ .delay = AEON_MILLISECONDS(50) }), 0);
        CHECK_STR(CLI("ZCARD", text_of("%s:aeon:later", Q("test"))), "1");
        check_text(c, "later");
        CHECK_STR(CLI("EXISTS", text_of("%s:aeon:later", Q("test"))), "0");
        aeon_broker_close(other);
        aeon_consumer_close(c);
}

REDIS_TEST(a_dead_letter_can_go_to_a_list)
{
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .dead_letter = WITH("grave", "kind=list&envelope=json") });
        publish(b, Q("test"), "x");
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_reject(m, "no good"), 0);
        aeon_message_free(m);
        CHECK_CONTAINS(CLI("LPOP", Q("grave")), "\"x-error\":\"no good\"");
        CHECK_STR(CLI("XLEN", Q("test")), "0");
        aeon_consumer_close(c);
}

/* ------------------------------------------------------------------ whose a message is */

REDIS_TEST(what_a_dead_consumer_had_is_claimed)
{
        publish(b, Q("test"), "x");
        CLI("XGROUP", "CREATE", Q("test"), "aeon", "0");
        CLI("XREADGROUP", "GROUP", "aeon", "dead", "STREAMS", Q("test"), ">");
        aeon_consumer *c = consume(b, WITH("test", "min_idle=300ms"), NULL);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "x");
        CHECK_INT(aeon_message_attempt(m), 1);
        done(m);
        aeon_consumer_close(c);
}

REDIS_TEST(a_named_consumer_begins_with_what_it_had)
{
        publish(b, Q("test"), "had");
        publish(b, Q("test"), "deleted");
        publish(b, Q("test"), "new");
        CLI("XGROUP", "CREATE", Q("test"), "aeon", "0");
        CLI("XREADGROUP", "GROUP", "aeon", "me", "COUNT", "2", "STREAMS", Q("test"), ">");
        CLI("EVAL", "redis.call('XDEL', KEYS[1], redis.call('XRANGE', KEYS[1], '-', '+')[2][1])", "1", Q("test"));
        aeon_consumer *c = consume(b, WITH("test", "consumer=me"), NULL);
        check_text(c, "had");
        check_text(c, "new");
        aeon_consumer *second = consume(b, WITH("test", "consumer=me"), NULL);
        publish(b, Q("test"), "another");
        CHECK_CONTAINS(CLI("XINFO", "CONSUMERS", Q("test"), "aeon"), "me.1");
        aeon_consumer_close(second);
        check_text(c, "another");
        AWAIT(atoi(CLI("XPENDING", Q("test"), "aeon")) == 0); /* the deleted one was put aside, too */
        aeon_consumer_close(c);
}

REDIS_TEST(a_slow_handler_keeps_its_message)
{
        publish(b, Q("test"), "x");
        aeon_consumer *slow = consume(b, WITH("test", "min_idle=400ms"), NULL);
        aeon_message *m = next(slow);
        aeon_consumer *greedy = consume(b, WITH("test", "min_idle=400ms"), NULL);
        CHECK(next_within(greedy, AEON_MILLISECONDS(1500)) == NULL);
        done(m);
        CHECK_STR(CLI("XLEN", Q("test")), "0");
        aeon_consumer_close(greedy);
        aeon_consumer_close(slow);
}

REDIS_TEST(what_is_no_longer_ours_cannot_be_settled)
{
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 4 });
        aeon_message *m[4];
        for (int i = 0; i < 4; i++)
                publish(b, Q("test"), "x");
        for (int i = 0; i < 4; i++)
                m[i] = next(c);
        for (int i = 0; i < 2; i++)
                CLI("XACK", Q("test"), "aeon", aeon_message_id(m[i]));
        CLI("XCLAIM", Q("test"), "aeon", "thief", "0", aeon_message_id(m[2]));
        CHECK_INT(aeon_message_ack(m[0]), -ESTALE);
        CHECK_INT(aeon_message_retry(m[1], 0), -ESTALE);
        CHECK_INT(aeon_message_reject(m[2], "no"), -ESTALE);
        CHECK_STR(CLI("EXISTS", Q("test.dead")), "0");
        CHECK_INT(aeon_message_ack(m[3]), 0);
        for (int i = 0; i < 4; i++)
                aeon_message_free(m[i]);
        aeon_consumer_close(c);
}

REDIS_TEST(a_group_that_vanishes_is_made_again_if_it_was_ours)
{
        aeon_consumer *c = consume(b, WITH("test", "block=50ms"), NULL);
        publish(b, Q("test"), "1");
        check_text(c, "1");
        CLI("DEL", Q("test"));
        publish(b, Q("test"), "2");
        check_text(c, "2");
        CHECK_INT(aeon_broker_ping(b), 0);
        aeon_consumer_close(c);
}

REDIS_TEST(a_foreign_group_that_vanishes_is_a_fault_that_ping_tells)
{
        CLI("XGROUP", "CREATE", Q("test"), "theirs", "0", "MKSTREAM");
        aeon_consumer *c = consume(b, WITH("test", "block=50ms"), &(aeon_subscribe_opts){ .group = "theirs" });
        publish(b, Q("test"), "1");
        check_text(c, "1");
        CHECK_INT(aeon_broker_ping(b), 0);
        CLI("XGROUP", "DESTROY", Q("test"), "theirs");
        AWAIT(aeon_broker_ping(b) == -EIO);
        CHECK_CONTAINS(aeon_error_text(), "NOGROUP");
        CLI("XGROUP", "CREATE", Q("test"), "theirs", "$");
        publish(b, Q("test"), "2");
        check_text(c, "2");
        AWAIT(aeon_broker_ping(b) == 0);
        aeon_consumer_close(c);
}

/* ------------------------------------------------------------------ connections that break */

static struct proxy *proxy;

static void keep_through_a_reset(aeon_broker *b)
{
        const char *kinds[] = { "kind=stream", "kind=list" };
        for (int i = 0; i < 2; i++) {
                const char *destination = text_of("%s%d?%s", Q("test"), i, kinds[i]);
                aeon_consumer *c = consume(b, destination, &(aeon_subscribe_opts){ .window = 3 });
                aeon_message *m[2];
                publish(b, destination, "same");
                publish(b, destination, "same");
                m[0] = next(c);
                m[1] = next(c);
                proxy_reset(proxy);
                AWAIT(aeon_publish(b, destination, AEON_TEXT("last"), NULL) == 0);
                check_text(c, "last"); /* and not again what is in our hands */
                CHECK_INT(aeon_message_ack(m[0]), 0);
                CHECK_INT(aeon_message_ack(m[1]), 0);
                aeon_message_free(m[0]);
                aeon_message_free(m[1]);
                aeon_message *more;
                while ((more = next_within(c, AEON_MILLISECONDS(50)))) { /* published again since nobody had confirmed it */
                        CHECK_STR(aeon_message_body(more), "last");
                        done(more);
                }
                aeon_consumer_close(c);
        }
}

PLAIN_TEST(what_is_in_hand_stays_ours_when_connections_break_redis)
{
        contract_begin(&contract_redis);
        proxy = proxy_start(atoi(strrchr(contract_redis.url(), ':') + 1));
        with_broker_at(server_url(&contract_redis, proxy_port(proxy), "", ""), keep_through_a_reset);
        proxy_end(proxy);
}

static void find_another_kind(aeon_broker *b)
{
        const char *kinds[] = { "kind=stream&block=20ms", "kind=list&block=20ms" };
        for (int i = 0; i < 2; i++) {
                const char *key = text_of("%s%d", Q("test"), i), *destination = text_of("%s?%s", key, kinds[i]);
                aeon_consumer *c = consume(b, destination, NULL);
                CLI("EVAL", "redis.call('DEL', KEYS[1]); redis.call('SET', KEYS[1], 'x')", "1", key);
                proxy_reset(proxy);
                AWAIT(aeon_broker_ping(b) == -EIO);
                CHECK_CONTAINS(aeon_error_text(), "WRONGTYPE");
                CLI("DEL", key);
                AWAIT(aeon_publish(b, text_of("%s?kind=%s", key, i ? "list" : "stream"), AEON_TEXT("x"), NULL) == 0);
                check_text(c, "x");
                AWAIT(aeon_broker_ping(b) == 0);
                aeon_consumer_close(c);
        }
}

PLAIN_TEST(a_key_that_has_become_another_kind_is_a_fault_that_ping_tells_redis)
{
        contract_begin(&contract_redis);
        proxy = proxy_start(atoi(strrchr(contract_redis.url(), ':') + 1));
        with_broker_at(server_url(&contract_redis, proxy_port(proxy), "", "reconnect_max=200ms"), find_another_kind);
        proxy_end(proxy);
}

static void resubscribe(aeon_broker *b)
{
        aeon_consumer *c = consume(b, WITH("test", "kind=channel"), NULL);
        proxy_reset(proxy);
        AWAIT(strcmp(CLI("PUBLISH", Q("test"), "x"), "1") == 0);
        check_text(c, "x");
        aeon_consumer_close(c);
}

PLAIN_TEST(channels_are_subscribed_again_redis)
{
        contract_begin(&contract_redis);
        proxy = proxy_start(atoi(strrchr(contract_redis.url(), ':') + 1));
        with_broker_at(server_url(&contract_redis, proxy_port(proxy), "", ""), resubscribe);
        proxy_end(proxy);
}

/* ------------------------------------------------------------------ lists */

REDIS_TEST(a_list_is_a_queue)
{
        aeon_consumer *c = consume(b, WITH("test", "kind=list"), &(aeon_subscribe_opts){ .window = 2 });
        publish(b, WITH("test", "kind=list"), "1");
        CLI("RPUSH", Q("test"), "2", "{\"data\": \"3\", \"headers\": {\"n\": \"7\"}}", "4");
        check_text(c, "1");
        check_text(c, "2");
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "3");
        CHECK_STR(aeon_message_header(m, "n"), "7");
        CHECK_CONTAINS(CLI("KEYS", text_of("%s*", Q("test"))), ":aeon:taken:aeon:");
        done(m);
        check_text(c, "4");
        aeon_consumer_close(c);
        CHECK_INT(aeon_broker_ping(b), 0);
        CHECK_STR(CLI("KEYS", text_of("%s*", Q("test"))), "");
}

REDIS_TEST(verdicts_on_a_lists_values)
{
        aeon_consumer *c = consume(b, WITH("test", "kind=list"), NULL);
        REQUIRE_INT(aeon_publish(b, WITH("test", "kind=list"), AEON_TEXT("first"),
                                 &(aeon_publish_opts){ .headers = (aeon_header[]){ { "tenant", "7" }, { 0 } } }),
                    0);
        publish(b, WITH("test", "kind=list"), "second");
        aeon_message_free(next(c)); /* released: to the front */
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "first");
        CHECK_INT(aeon_message_retry(m, 0), 0);
        aeon_message_free(m);
        check_text(c, "second");
        m = next(c);
        CHECK_STR(aeon_message_body(m), "first");
        CHECK_STR(aeon_message_header(m, "tenant"), "7");
        CHECK_INT(aeon_message_attempt(m), 2);
        CHECK_INT(aeon_message_retry(m, AEON_MILLISECONDS(20)), 0);
        aeon_message_free(m);
        m = next(c);
        CHECK_INT(aeon_message_attempt(m), 3);
        CHECK_INT(aeon_message_reject(m, "enough"), 0);
        aeon_message_free(m);
        aeon_consumer_close(c);
        CHECK_STR(take_text(b, Q("test.dead")), "first");
        CHECK_STR(CLI("LLEN", Q("test")), "0");
}

REDIS_TEST(what_a_dead_consumer_had_taken_from_a_list_goes_back_in_order)
{
        CLI("RPUSH", text_of("%s:aeon:taken:dead", Q("test")), "1", "2");
        CLI("ZADD", text_of("%s:aeon:takers", Q("test")), "1", "dead");
        CLI("RPUSH", Q("test"), "3");
        aeon_consumer *c = consume(b, WITH("test", "kind=list&min_idle=1s"), NULL);
        check_text(c, "1");
        check_text(c, "2");
        check_text(c, "3");
        CHECK_STR(CLI("ZSCORE", text_of("%s:aeon:takers", Q("test")), "dead"), "");
        aeon_consumer_close(c);
}

REDIS_TEST(a_named_consumer_of_a_list_begins_with_what_it_had)
{
        CLI("RPUSH", text_of("%s:aeon:taken:me", Q("test")), "1", "2");
        CLI("RPUSH", Q("test"), "3");
        aeon_consumer *c = consume(b, WITH("test", "kind=list&consumer=me"), NULL);
        check_text(c, "1");
        check_text(c, "2");
        check_text(c, "3");
        aeon_consumer_close(c);
}

REDIS_TEST(a_slow_handler_keeps_its_value_of_a_list)
{
        CLI("RPUSH", Q("test"), "x");
        aeon_consumer *slow = consume(b, WITH("test", "kind=list&min_idle=400ms"), NULL);
        aeon_message *m = next(slow);
        aeon_consumer *greedy = consume(b, WITH("test", "kind=list&min_idle=400ms"), NULL);
        CHECK(next_within(greedy, AEON_MILLISECONDS(1500)) == NULL);
        done(m);
        aeon_consumer_close(greedy);
        aeon_consumer_close(slow);
}

REDIS_TEST(a_bare_list_cannot_count_attempts)
{
        aeon_consumer *c = consume(b, WITH("test", "kind=list&envelope=none"), NULL);
        CLI("RPUSH", Q("test"), "x");
        done(next(c));
        aeon_consumer_close(c);
}

/* ------------------------------------------------------------------ channels and patterns */

static _Atomic int heard; /* on whatever loop */
static char heard_from[8][200];

static int hear(aeon_message *m)
{
        int n = heard;
        snprintf(heard_from[n % 8], sizeof heard_from[0], "%s", aeon_message_destination(m));
        heard = n + 1;
        return 0;
}
AEON_RAW_HANDLER(hear);

static void declare_channels(aeon_app *app)
{
        aeon_subscribe(app, WITH("test", "kind=channel"), &hear_handler, NULL);
        aeon_subscribe(app, text_of("%s.*?kind=pattern", Q("test")), &hear_handler, NULL);
}

static void run_channels(aeon_app *app)
{
        publish(aeon_app_broker(app), WITH("test", "kind=channel"), "x");
        AWAIT(heard == 1);
        CHECK_STR(heard_from[0], Q("test"));
        CHECK_STR(CLI("PUBLISH", Q("test.sub"), "y"), "1"); /* one connection listens, not three */
        AWAIT(heard == 2);
        CHECK_STR(heard_from[1], Q("test.sub"));
        (void)aeon_sleep(AEON_MILLISECONDS(50));
        CHECK_INT(heard, 2);
}

PLAIN_TEST(a_channels_message_is_handled_once_whatever_the_number_of_loops_redis)
{
        contract_begin(&contract_redis);
        CHECK_INT(with_app(&contract_redis, declare_channels, run_channels, &(aeon_app_opts){ .loops = 3 }), 0);
}

static _Atomic int overheard;

static int overhear(aeon_message *m)
{
        (void)m;
        overheard++;
        return 0;
}
AEON_RAW_HANDLER(overhear);

static void declare_two_of_a_channel(aeon_app *app)
{
        aeon_subscribe(app, WITH("test", "kind=channel"), &hear_handler, NULL);
        aeon_subscribe(app, WITH("test", "kind=channel"), &overhear_handler, NULL);
}

static void run_two_of_a_channel(aeon_app *app)
{
        publish(aeon_app_broker(app), WITH("test", "kind=channel"), "x");
        AWAIT(heard == 1 && overheard == 1);
}

PLAIN_TEST(two_handlers_of_a_channel_hear_everything_each_redis)
{
        contract_begin(&contract_redis);
        CHECK_INT(with_app(&contract_redis, declare_two_of_a_channel, run_two_of_a_channel, NULL), 0);
}

REDIS_TEST(two_subscriptions_to_a_channel_hear_everything_each)
{
        aeon_consumer *one = consume(b, WITH("test", "kind=channel"), NULL), *two = consume(b, WITH("test", "kind=channel"), NULL);
        publish(b, WITH("test", "kind=channel"), "x");
        check_text(one, "x");
        check_text(two, "x");
        aeon_consumer_close(one);
        CHECK_STR(CLI("PUBLISH", Q("test"), "y"), "1");
        check_text(two, "y");
        aeon_consumer_close(two);
        CHECK_INT(aeon_broker_ping(b), 0);
        AWAIT(strcmp(CLI("PUBLISH", Q("test"), "z"), "0") == 0);
}

REDIS_TEST(a_channel_whose_handlers_are_too_slow_drops_messages_and_says_so)
{
        aeon_consumer *c = consume(b, WITH("test", "kind=channel&buffer=2"), NULL); /* a window of 1, and 2 that wait */
        aeon_consumer *end = consume(b, WITH("end", "kind=channel"), NULL);
        test_stderr_begin();
        for (int i = 1; i <= 5; i++)
                publish(b, WITH("test", "kind=channel"), text_of("%d", i));
        publish(b, WITH("end", "kind=channel"), "all five have come");
        done(next(end));
        CHECK_CONTAINS(test_stderr(), "its handlers are too slow");
        test_stderr_end();
        check_text(c, "1");
        check_text(c, "2");
        check_text(c, "3");
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        publish(b, WITH("test", "kind=channel"), "6");
        check_text(c, "6");
        aeon_consumer_close(end);
        aeon_consumer_close(c);
}

static void declare_retrying_channel(aeon_app *app)
{
        aeon_subscribe(app, WITH("test", "kind=channel"), &hear_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_NACK_ON_ERROR });
}

PLAIN_TEST(a_channel_has_no_retries_and_the_start_says_so_redis)
{
        contract_begin(&contract_redis);
        setenv("AEON_LOUD", "1", 1);
        test_stderr_begin();
        CHECK_INT(with_app(&contract_redis, declare_retrying_channel, run_channels, NULL), 1);
        CHECK_CONTAINS(test_stderr(), "this kind of redis subscription has no retries");
        test_stderr_end();
        CHECK_INT(heard, 0);
}

/* ------------------------------------------------------------------ TLS */

static void over_tls(aeon_broker *b)
{
        publish(b, Q("test"), "secret");
        CHECK_STR(take_text(b, Q("test")), "secret");
}

PLAIN_TEST(rediss_is_redis_over_tls)
{
        contract_begin(&contract_redis);
        const char *key = test_path("key.pem"), *certificate = test_path("cert.pem"), *output;
        REQUIRE_INT(RUN(&output, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                        certificate),
                    0);
        const char *port = text_of("%d", test_free_port());
        struct process *server = PROCESS("redis-server", "--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--save", "",
                                         "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no");
        REQUIRE(process_await(server, "Ready to accept connections", 10));
        with_broker_at(text_of("rediss://127.0.0.1:%s?tls_ca=%s", port, certificate), over_tls);
}
