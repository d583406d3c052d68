/* What only NATS has: JetStream's streams and consumers, core NATS, and what its servers say of themselves. */
#include "faults.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K (&contract_nats)

static int try_consume(aeon_broker *b, const char *destination, const aeon_subscribe_opts *opts)
{
        aeon_consumer *c = NULL;
        int r = aeon_consumer_open(b, destination, opts, &c);
        aeon_consumer_close(c);
        return r;
}

/* Q("test") with options behind it. */
static const char *T(const char *options)
{
        static char texts[8][200];
        static unsigned turn;
        char *text = texts[turn++ % 8];
        snprintf(text, sizeof texts[0], "%s%s", Q("test"), options);
        return text;
}

/* What JetStream's API answers to a request at $JS.API.@what: its text, until the next call. */
static const char *api(aeon_broker *b, const char *question, const char *what, const char *stream, const char *consumer)
{
        static char text[4096];
        char subject[300];
        aeon_message *reply;
        snprintf(subject, sizeof subject, "$JS.API.%s.%s%s%s", what, stream, *consumer ? "." : "", consumer);
        REQUIRE_INT(aeon_request(b, subject, AEON_TEXT(question), &reply), 0);
        snprintf(text, sizeof text, "%s", (const char *)aeon_message_body(reply));
        aeon_message_free(reply);
        return text;
}

static void create_stream(aeon_broker *b, const char *name, const char *subject, const char *more)
{
        char question[500];
        snprintf(question, sizeof question, "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"storage\":\"memory\"%s}", name, subject,
                 more);
        REQUIRE(strstr(api(b, question, "STREAM.CREATE", name, ""), "\"did_create\":true") != NULL);
}

#define NATS_TEST(name)                          \
        static void name##_body(aeon_broker *b); \
        PLAIN_TEST(nats_##name)                  \
        {                                        \
                contract_begin(K);               \
                with_broker(K, name##_body);     \
        }                                        \
        static void name##_body(aeon_broker *b)

/* ------------------------------------------------------------------ subjects and options */

NATS_TEST(what_is_no_subject_is_refused)
{
        CHECK_INT(aeon_publish(b, "two words", AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "blanks");
        CHECK_INT(aeon_publish(b, "a..b", AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, "a\r\nPUB b 0", AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, "orders.*", AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "pattern");
        CHECK_INT(try_consume(b, "a.>.b", NULL), -EINVAL);
}

NATS_TEST(wrong_options_are_refused)
{
        CHECK_INT(try_consume(b, T("?mode=fast"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "one of jetstream, core");
        CHECK_INT(try_consume(b, T("?ack_wait=soon"), NULL), -EINVAL);
        CHECK_INT(try_consume(b, T("?ack_wait=1ms"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, T("?durable=x"), AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"durable\"");
}

NATS_TEST(a_header_cannot_break_out_of_its_line)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        const aeon_header wrong[] = { { "a b", "x" }, { 0 } }, odd[] = { { "note", "one\r\ntwo: 2" }, { 0 } };
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), &(aeon_publish_opts){ .headers = wrong }), -EINVAL);
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), &(aeon_publish_opts){ .headers = odd }), 0);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_header(m, "note"), "one  two: 2");
        CHECK_STR(aeon_message_header(m, "two"), NULL);
        done(m);
        aeon_consumer_close(c);
}

NATS_TEST(a_body_above_the_servers_limit_is_refused)
{
        enum { SIZE = 2 * 1024 * 1024 };
        char *large = calloc(1, SIZE);
        REQUIRE(large != NULL);
        CHECK_INT(aeon_publish(b, Q("test"), AEON_BYTES(large, SIZE), NULL), -EMSGSIZE);
        CHECK_CONTAINS(aeon_error_text(), "1048576");
        free(large);
        publish(b, Q("test"), "the connection lives");
}

/* ------------------------------------------------------------------ streams */

NATS_TEST(a_stream_that_has_the_subject_is_used)
{
        char subjects[200], subject[200], prefixed[300];
        snprintf(subjects, sizeof subjects, "%s.*", Q("test"));
        snprintf(subject, sizeof subject, "%s.eu", Q("test"));
        create_stream(b, Q("all"), subjects, "");
        aeon_consumer *c = consume(b, subject, NULL);
        publish(b, subject, "x");
        aeon_message *m = next(c);
        snprintf(prefixed, sizeof prefixed, "%s/1", Q("all"));
        CHECK_STR(aeon_message_id(m), prefixed);
        done(m);
        aeon_consumer_close(c);
}

NATS_TEST(no_stream_is_created_where_that_is_not_wanted)
{
        CHECK_INT(try_consume(b, T("?create=no"), NULL), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "create=no");
        CHECK_INT(aeon_publish(b, T("?create=no"), AEON_TEXT("x"), NULL), -ENOENT);
        CHECK_CONTAINS(api(b, "", "STREAM.INFO", Q("test"), ""), "stream not found");
}

NATS_TEST(a_stream_is_created_as_wanted)
{
        publish(b, T("?storage=memory&max_age=1h&max_messages=7&max_bytes=100000&duplicates=1m"), "x");
        const char *info = api(b, "", "STREAM.INFO", Q("test"), "");
        CHECK_CONTAINS(info, "\"storage\":\"memory\"");
        CHECK_CONTAINS(info, "\"max_age\":3600000000000");
        CHECK_CONTAINS(info, "\"max_msgs\":7");
        CHECK_CONTAINS(info, "\"max_bytes\":100000");
        CHECK_CONTAINS(info, "\"duplicate_window\":60000000000");
}

NATS_TEST(a_stream_of_a_chosen_name)
{
        char chosen[100], destination[300];
        snprintf(chosen, sizeof chosen, "%s", Q("chosen"));
        snprintf(destination, sizeof destination, "%s?stream=%s", Q("test"), chosen);
        publish(b, destination, "x");
        CHECK_STR(take_text(b, destination), "x");
        CHECK_CONTAINS(api(b, "", "STREAM.INFO", chosen, ""), "\"messages\":1");
}

NATS_TEST(several_streams_must_be_chosen_from)
{
        char one[200], two[200], both[200];
        snprintf(one, sizeof one, "%s.1", Q("test"));
        snprintf(two, sizeof two, "%s.2", Q("test"));
        snprintf(both, sizeof both, "%s.*", Q("test"));
        create_stream(b, Q("one"), one, "");
        create_stream(b, Q("two"), two, "");
        CHECK_INT(try_consume(b, both, &(aeon_subscribe_opts){ .dead_letter = Q("dead") }), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "?stream=");
}

NATS_TEST(a_stream_deleted_meanwhile_is_created_again)
{
        publish(b, Q("test"), "1");
        CHECK_CONTAINS(api(b, "", "STREAM.DELETE", Q("test"), ""), "\"success\":true");
        publish(b, Q("test"), "2");
        CHECK_STR(take_text(b, Q("test")), "2");
}

NATS_TEST(a_work_queue_keeps_nothing_that_was_acknowledged)
{
        publish(b, T("?retention=workqueue"), "x");
        CHECK_STR(take_text(b, Q("test")), "x");
        CHECK_CONTAINS(api(b, "", "STREAM.INFO", Q("test"), ""), "\"messages\":0");
}

NATS_TEST(one_message_id_is_one_message)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        publish(b, T("?message_id=order-17"), "x");
        publish(b, T("?message_id=order-17"), "x");
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"),
                               &(aeon_publish_opts){ .headers = (aeon_header[]){ { "Nats-Msg-Id", "order-17" }, { 0 } } }),
                  0);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_id(m), "order-17");
        CHECK_STR(aeon_message_header(m, "Nats-Msg-Id"), NULL); /* a copy of it must not be taken for it */
        done(m);
        check_nothing(c);
        aeon_consumer_close(c);
}

NATS_TEST(a_publish_that_the_stream_refuses_is_an_error)
{
        create_stream(b, Q("full"), Q("test"), ",\"max_msgs\":1,\"discard\":\"new\"");
        publish(b, Q("test"), "1");
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("2"), NULL), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "maximum messages exceeded");
}

/* ------------------------------------------------------------------ consumers */

NATS_TEST(a_pattern_gets_all_and_says_which)
{
        char subjects[200], subject[200];
        snprintf(subjects, sizeof subjects, "%s.*", Q("test"));
        snprintf(subject, sizeof subject, "%s.eu", Q("test"));
        create_stream(b, Q("all"), subjects, "");
        CHECK_INT(try_consume(b, subjects, NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "dead_letter");
        aeon_consumer *c = consume(b, subjects, &(aeon_subscribe_opts){ .dead_letter = Q("dead") });
        publish(b, subject, "x");
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_destination(m), subject);
        CHECK_INT(aeon_message_reject(m, "no"), 0);
        aeon_message_free(m);
        aeon_consumer_close(c);
        c = consume(b, Q("dead"), NULL);
        m = next(c);
        CHECK_STR(aeon_message_header(m, "x-origin"), subject);
        done(m);
        aeon_consumer_close(c);
}

NATS_TEST(a_later_group_may_have_all_or_the_last)
{
        publish(b, Q("test"), "1");
        publish(b, Q("test"), "2");
        CHECK_STR(take_text(b, Q("test")), "1");
        aeon_consumer *all = consume(b, T("?deliver=all"), &(aeon_subscribe_opts){ .group = "all" });
        aeon_consumer *last = consume(b, T("?deliver=last"), &(aeon_subscribe_opts){ .group = "last" });
        check_text(all, "1");
        check_text(all, "2");
        check_text(last, "2");
        aeon_consumer_close(last);
        aeon_consumer_close(all);
}

NATS_TEST(a_consumer_of_others_is_taken_as_it_is)
{
        char question[400];
        create_stream(b, Q("all"), Q("test"), "");
        snprintf(question, sizeof question,
                 "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"theirs\",\"ack_policy\":\"explicit\",\"ack_wait\":"
                 "200000000}}",
                 Q("all"));
        CHECK_CONTAINS(api(b, question, "CONSUMER.DURABLE.CREATE", Q("all"), "theirs"), "\"name\":\"theirs\"");
        publish(b, Q("test"), "x");
        aeon_consumer *c = consume(b, T("?durable=theirs"), NULL);
        aeon_message *m = next(c);
        (void)aeon_sleep(AEON_MILLISECONDS(600)); /* three of their leases: it is extended by what they say */
        done(m);
        check_nothing(c);
        aeon_consumer_close(c);
        CHECK_CONTAINS(api(b, "", "CONSUMER.INFO", Q("all"), "theirs"), "\"num_redelivered\":0");
}

NATS_TEST(a_consumer_that_cannot_be_used_is_refused)
{
        char question[400];
        create_stream(b, Q("all"), Q("test"), "");
        snprintf(question, sizeof question,
                 "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"push\",\"deliver_subject\":\"x\"}}", Q("all"));
        CHECK_CONTAINS(api(b, question, "CONSUMER.DURABLE.CREATE", Q("all"), "push"), "\"name\":\"push\"");
        CHECK_INT(try_consume(b, T("?durable=push"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "pushes");
        snprintf(question, sizeof question,
                 "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"none\",\"ack_policy\":\"none\"}}", Q("all"));
        CHECK_CONTAINS(api(b, question, "CONSUMER.DURABLE.CREATE", Q("all"), "none"), "\"name\":\"none\"");
        CHECK_INT(try_consume(b, T("?durable=none"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"explicit\"");
}

NATS_TEST(a_message_is_kept_while_it_is_being_handled)
{
        aeon_consumer *slow = consume(b, T("?ack_wait=200ms"), NULL), *other = consume(b, Q("test"), NULL);
        publish(b, Q("test"), "x");
        aeon_message *mine = next_within(slow, AEON_MILLISECONDS(500)), *theirs = mine ? NULL : next(other);
        CHECK(next_within(mine ? other : slow, AEON_SECONDS(1)) == NULL);
        done(mine ? mine : theirs);
        aeon_consumer_close(other);
        aeon_consumer_close(slow);
}

NATS_TEST(attempts_by_deliveries_count_releases_too)
{
        aeon_consumer *c = consume(b, T("?attempts=deliveries"), NULL);
        publish(b, Q("test"), "x");
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_release(m), 0);
        aeon_message_free(m);
        m = next(c);
        CHECK_INT(aeon_message_attempt(m), 2);
        done(m);
        aeon_consumer_close(c);
}

NATS_TEST(a_consumer_deleted_meanwhile_is_made_again)
{
        char name[200];
        snprintf(name, sizeof name, "aeon@%s", Q("test"));
        aeon_consumer *c = consume(b, Q("test"), NULL);
        CHECK_CONTAINS(api(b, "", "CONSUMER.DELETE", Q("test"), name), "\"success\":true");
        publish(b, Q("test"), "x");
        check_text(c, "x");
        aeon_consumer_close(c);
}

NATS_TEST(many_unsettled_messages_are_settled_in_any_order)
{
        enum { COUNT = 300 };
        static aeon_message *held[COUNT];
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = COUNT });
        for (int i = 0; i < COUNT; i++)
                publish(b, Q("test"), "x");
        for (int i = 0; i < COUNT; i++)
                held[i] = next(c);
        for (int i = 0; i < COUNT; i++)
                done(held[(i * 7) % COUNT]);
        check_nothing(c);
        aeon_consumer_close(c);
        char name[200];
        snprintf(name, sizeof name, "aeon@%s", Q("test"));
        CHECK_CONTAINS(api(b, "", "CONSUMER.INFO", Q("test"), name), "\"num_ack_pending\":0");
}

/* ------------------------------------------------------------------ core */

static aeon_broker *second(void)
{
        aeon_broker *b;
        REQUIRE_INT(aeon_broker_open(K->url(), &b), 0);
        return b;
}

NATS_TEST(core_messages_go_once_to_each_who_listens_now)
{
        publish(b, T("?mode=core"), "before");
        aeon_broker *other = second();
        aeon_consumer *here = consume(b, T("?mode=core"), &(aeon_subscribe_opts){ .window = 4 }),
                      *there = consume(other, T("?mode=core"), NULL);
        publish(b, T("?mode=core"), "x");
        check_text(here, "x");
        check_text(there, "x");
        check_nothing(here);
        aeon_consumer_close(there);
        aeon_broker_close(other);
        aeon_consumer_close(here);
        CHECK_CONTAINS(api(b, "", "STREAM.INFO", Q("test"), ""), "stream not found");
}

NATS_TEST(a_core_group_shares)
{
        enum { COUNT = 100 };
        aeon_broker *other = second();
        const aeon_subscribe_opts workers = { .group = "workers", .window = COUNT };
        aeon_consumer *here = consume(b, T("?mode=core"), &workers), *there = consume(other, T("?mode=core"), &workers);
        for (int i = 0; i < COUNT; i++)
                publish(b, T("?mode=core"), "x");
        int count = 0;
        aeon_message *m;
        while ((m = next_within(here, AEON_MILLISECONDS(50)))) {
                done(m);
                count++;
        }
        CHECK(count > 0 && count < COUNT);
        while ((m = next_within(there, AEON_MILLISECONDS(50)))) {
                done(m);
                count++;
        }
        CHECK_INT(count, COUNT);
        aeon_consumer_close(there);
        aeon_broker_close(other);
        aeon_consumer_close(here);
}

NATS_TEST(core_messages_wait_for_credit)
{
        enum { COUNT = 5000 };
        aeon_consumer *c = consume(b, T("?mode=core"), NULL);
        for (int i = 0; i < COUNT; i++) {
                char text[16];
                snprintf(text, sizeof text, "%d", i);
                publish(b, T("?mode=core"), text);
        }
        for (int i = 0; i < COUNT; i++) {
                aeon_message *m = next(c);
                CHECK_INT(atoi(aeon_message_body(m)), i);
                done(m);
        }
        aeon_consumer_close(c);
}

NATS_TEST(a_core_request_to_nobody_is_an_error_at_once)
{
        aeon_message *reply;
        CHECK_INT(aeon_request(b, T("?mode=core"), AEON_TEXT("?"), &reply), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "nobody listens");
}

/* A responder of another make: it answers where the protocol says, without any header. */
static int answer_plainly(void *arg)
{
        aeon_consumer *c = arg;
        aeon_message *m = next(c);
        char address[200];
        snprintf(address, sizeof address, "%s", aeon_message_reply_to(m));
        aeon_message_free(m);
        aeon_broker *other = second();
        CHECK_INT(aeon_publish(other, address, aeon_body_of("plain", 5, NULL), NULL), 0);
        aeon_broker_close(other);
        return 0;
}

static void ask_plainly(aeon_broker *b, const char *destination)
{
        aeon_group *g;
        aeon_message *reply;
        aeon_consumer *c = consume(b, T("?mode=core"), NULL);
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "responder", answer_plainly, c), 0);
        REQUIRE_INT(aeon_request(b, destination, AEON_TEXT("?"), &reply), 0);
        CHECK_STR(aeon_message_body(reply), "plain");
        aeon_message_free(reply);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_consumer_close(c);
}

NATS_TEST(an_answer_needs_no_headers)
{
        ask_plainly(b, T("?mode=core"));
}

NATS_TEST(a_core_responder_answers_what_was_asked_through_a_stream)
{
        ask_plainly(b, Q("test"));
}

static _Atomic int handled;

static int count_one(aeon_message *m)
{
        (void)m;
        handled++;
        return 0;
}
AEON_RAW_HANDLER(count_one);

static void declare_core(aeon_app *app)
{
        aeon_subscribe(app, T("?mode=core"), &count_one_handler, NULL);
}

static void run_core(aeon_app *app)
{
        for (int i = 0; i < 50; i++)
                publish(aeon_app_broker(app), T("?mode=core"), "x");
        AWAIT(handled == 50);
        (void)aeon_sleep(AEON_MILLISECONDS(50));
        CHECK_INT(handled, 50);
}

PLAIN_TEST(nats_core_messages_are_handled_once_per_process)
{
        contract_begin(K);
        CHECK_INT(with_app(K, declare_core, run_core, &(aeon_app_opts){ .loops = 3 }), 0);
}

static void declare_core_retries(aeon_app *app)
{
        aeon_subscribe(app, T("?mode=core"), &count_one_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_NACK_ON_ERROR });
}

static void run_nothing(aeon_app *app)
{
        (void)app;
}

PLAIN_TEST(nats_core_has_no_retries_and_the_app_does_not_start)
{
        contract_begin(K);
        CHECK_INT(with_app(K, declare_core_retries, run_nothing, NULL), 1);
}

/* ------------------------------------------------------------------ servers */

static struct process *serve(int port, const char *option, const char *value)
{
        char number[12];
        snprintf(number, sizeof number, "%d", port);
        struct process *p = PROCESS("nats-server", "-a", "127.0.0.1", "-p", number, option, value);
        REQUIRE(process_await(p, "Server is ready", 10));
        return p;
}

static const char *url_of(int port, const char *user)
{
        return server_url(K, port, user, "");
}

static void without_jetstream(aeon_broker *b)
{
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), NULL), -ENOTSUP);
        CHECK_CONTAINS(aeon_error_text(), "mode=core");
        CHECK_INT(try_consume(b, Q("test"), NULL), -ENOTSUP);
        publish(b, T("?mode=core"), "x");
}

PLAIN_TEST(nats_a_server_without_jetstream_is_told_from_one_with)
{
        contract_begin(K);
        int port = test_free_port();
        serve(port, "--name", "plain");
        with_broker_at(url_of(port, ""), without_jetstream);
}

static void pinged(aeon_broker *b)
{
        CHECK_INT(aeon_broker_ping(b), 0);
}

static int refused(void *url)
{
        aeon_broker *b;
        CHECK_INT(aeon_broker_open(url, &b), -EACCES);
        CHECK(strstr(aeon_error_text(), "wrong") == NULL);
        return 0;
}

PLAIN_TEST(nats_a_token_lets_in)
{
        contract_begin(K);
        int port = test_free_port();
        serve(port, "--auth", "s3cret");
        with_broker_at(url_of(port, "s3cret@"), pinged);
        with_broker_at(server_url(K, port, "", "token=s3cret"), pinged);
        CHECK_INT(aeon_loop_run(refused, (void *)(uintptr_t)server_url(K, port, "", "token=wrong")), 0);
}

static int refused_without_key(void *url)
{
        aeon_broker *b;
        CHECK_INT(aeon_broker_open(url, &b), -EACCES);
        return 0;
}

static int refused_file(void *url)
{
        aeon_broker *b;
        CHECK_INT(aeon_broker_open(url, &b), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "seed of a user");
        return 0;
}

PLAIN_TEST(nats_a_key_lets_in)
{
        char option[300];
        contract_begin(K);
        int port = test_free_port();
        const char *file = test_path("server.conf"), *seed = test_path("user.nk");
        test_write_file(file, "authorization { users = [ { nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 } ] }\n");
        test_write_file(seed, "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n");
        serve(port, "-c", file);
        snprintf(option, sizeof option, "nkey=%s", seed);
        with_broker_at(server_url(K, port, "", option), pinged);
        CHECK_INT(aeon_loop_run(refused_without_key, (void *)(uintptr_t)url_of(port, "")), 0);
        test_write_file(seed, "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3AY\n"); /* its sum is wrong */
        CHECK_INT(aeon_loop_run(refused_file, (void *)(uintptr_t)server_url(K, port, "", option)), 0);
}

static void forbidden(aeon_broker *b)
{
        CHECK_INT(aeon_publish(b, "secret?mode=core", AEON_TEXT("x"), NULL), -EACCES);
        CHECK_CONTAINS(aeon_error_text(), "Permissions Violation");
        CHECK_INT(try_consume(b, "secret?mode=core", NULL), -EACCES);
        publish(b, "open?mode=core", "the connection lives");
}

PLAIN_TEST(nats_what_the_server_forbids_is_an_error_of_the_one_who_did_it)
{
        contract_begin(K);
        int port = test_free_port();
        const char *file = test_path("server.conf");
        test_write_file(file, "authorization { users = [ { user: u, password: p, permissions: {\n"
                              "  publish: { deny: \"secret\" }, subscribe: { deny: \"secret\" } } } ] }\n");
        serve(port, "-c", file);
        with_broker_at(url_of(port, "u:p@"), forbidden);
}

/* Two servers of a cluster; the URL knows only the first, which goes into lame duck mode. */
struct pair {
        int ports[2];
        struct process *servers[2];
};

static struct process *serve_in_cluster(int port, int cluster_port, int other_cluster_port)
{
        const char *file = test_path("%d.conf", port);
        char text[400];
        snprintf(text, sizeof text,
                 "listen: 127.0.0.1:%d\nlame_duck_grace_period: \"10s\"\nlame_duck_duration: \"60s\"\n"
                 "cluster { name: c, listen: 127.0.0.1:%d, routes: [ nats://127.0.0.1:%d ] }\n",
                 port, cluster_port, other_cluster_port);
        test_write_file(file, text);
        struct process *p = PROCESS("nats-server", "-c", file);
        REQUIRE(process_await(p, "Server is ready", 10));
        return p;
}

static struct pair pair;

static void moved(aeon_broker *b)
{
        aeon_broker *there;
        aeon_consumer *c = consume(b, "news?mode=core", NULL);
        process_signal(pair.servers[0], SIGUSR2);
        REQUIRE(process_await(pair.servers[0], "lame duck", 10));
        REQUIRE_INT(aeon_broker_open(url_of(pair.ports[1], ""), &there), 0);
        aeon_message *m = NULL;
        for (int i = 0; i < 300 && !m; i++) {
                publish(there, "news?mode=core", "x");
                m = next_within(c, AEON_MILLISECONDS(50));
        }
        REQUIRE(m != NULL);
        done(m);
        /* The first server is ended: what still comes, comes by the second. */
        process_signal(pair.servers[0], SIGKILL);
        CHECK(process_wait(pair.servers[0], 10) >= 0);
        while ((m = next_within(c, AEON_MILLISECONDS(50))))
                done(m);
        m = NULL;
        for (int i = 0; i < 300 && !m; i++) {
                publish(there, "news?mode=core", "y");
                m = next_within(c, AEON_MILLISECONDS(50));
        }
        REQUIRE(m != NULL);
        CHECK_STR(aeon_message_body(m), "y");
        done(m);
        aeon_broker_close(there);
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(nats_a_server_that_ends_is_left_for_one_that_it_told_of, 60)
{
        contract_begin(K);
        int cluster[2];
        for (int i = 0; i < 2; i++) {
                pair.ports[i] = test_free_port();
                cluster[i] = test_free_port();
        }
        pair.servers[0] = serve_in_cluster(pair.ports[0], cluster[0], cluster[1]);
        pair.servers[1] = serve_in_cluster(pair.ports[1], cluster[1], cluster[0]);
        REQUIRE(process_await(pair.servers[1], "Route connection created", 10));
        with_broker_at(url_of(pair.ports[0], ""), moved);
}
