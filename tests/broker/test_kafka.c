/* What is special to Kafka: partitions and groups, positions and memos, lanes, topics, options. */
#include "contract.h"

#include <aeon/debug.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KAFKA_TEST(name)                                   \
        static void name##_body(aeon_broker *b);           \
        PLAIN_TEST(name)                                   \
        {                                                  \
                contract_begin(&contract_kafka);           \
                with_broker(&contract_kafka, name##_body); \
        }                                                  \
        static void name##_body(aeon_broker *b)

/* "t4711-test" and options. */
static const char *with(const char *name, const char *options)
{
        static char text[400];
        snprintf(text, sizeof text, "%s?%s", Q(name), options);
        return text;
}

/* ------------------------------------------------------------------ groups and partitions */

KAFKA_TEST(kafka_groups_get_every_message_each_and_share_partitions)
{
        publish(b, with("test", "partitions=2&partition=0"), "before");
        aeon_consumer *red = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = Q("red") });
        check_text(red, "before");
        aeon_consumer *blue = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = Q("blue") });
        check_text(blue, "before");
        publish(b, with("test", "partition=0"), "1");
        publish(b, with("test", "partition=1"), "2");
        for (int i = 0; i < 2; i++)
                done(next(red));
        aeon_consumer *blue2 = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = Q("blue") });
        aeon_message *first = next(blue), *second = next(blue2);
        CHECK(strcmp(aeon_message_body(first), aeon_message_body(second)) != 0);
        done(first);
        done(second);
        check_nothing(blue);
        check_nothing(blue2);
        check_nothing(red);
        aeon_consumer_close(blue2);
        publish(b, with("test", "partition=0"), "3"); /* the one that is left has all partitions again */
        publish(b, with("test", "partition=1"), "4");
        for (int i = 0; i < 2; i++)
                done(next(blue));
        aeon_consumer_close(blue);
        aeon_consumer_close(red);
}

KAFKA_TEST(kafka_no_more_than_a_window_is_out_of_all_partitions)
{
        for (int i = 0; i < 10; i++)
                publish(b, Q("test"), "x");
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 2 });
        aeon_broker_stats stats;
        for (int i = 0; i < 5; i++) {
                aeon_message *mine[2] = { next(c), next(c) };
                check_nothing(c);
                aeon_broker_get_stats(b, &stats);
                CHECK_INT(stats.received, 2 * (i + 1));
                done(mine[0]);
                done(mine[1]);
        }
        aeon_consumer_close(c);
}

KAFKA_TEST(kafka_begins_at_the_end_when_asked)
{
        publish(b, Q_in_order("test"), "before");
        aeon_consumer *c = consume(b, with("test", "offset_reset=latest"), NULL);
        publish(b, Q("test"), "after");
        check_text(c, "after");
        aeon_consumer_close(c);
        c = consume(b, Q("test"), NULL);
        check_nothing(c);
        aeon_consumer_close(c);
}

static int join_and_take(void *arg)
{
        aeon_broker *b = arg;
        aeon_consumer *c = consume(b, Q("test"), NULL);
        aeon_message *m = next_within(c, AEON_MILLISECONDS(300));
        CHECK(m == NULL); /* the handler has finished before its partition changed hands */
        aeon_message_free(m);
        publish(b, with("test", "partition=0"), "2");
        publish(b, with("test", "partition=1"), "3");
        done(next(c));
        aeon_consumer_close(c);
        return 0;
}

/* The newcomer waits for the message that is in hand, whose ack counts; those that only wait go back. */
KAFKA_TEST(kafka_a_partition_changes_hands_when_its_handlers_have_finished)
{
        publish(b, with("test", "partitions=2&partition=0"), "1");
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 4 });
        aeon_message *m = next(c);
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "newcomer", join_and_take, b);
        (void)aeon_sleep(AEON_MILLISECONDS(500)); /* it knocks; were it let in at once, the ack would be too late */
        done(m);
        done(next(c));
        CHECK_INT(aeon_group_close(g), 0);
        aeon_consumer_close(c);
}

static int stand_still(void)
{
        struct timespec pause = { .tv_sec = 8 };
        return nanosleep(&pause, NULL);
}

static void lose_a_partition(aeon_broker *b)
{
        aeon_watchdog_set_limit(0);
        publish(b, Q("test"), "x");
        aeon_consumer *c = consume(b, Q("test"), NULL);
        aeon_message *m = next(c);
        stand_still();
        (void)aeon_sleep(AEON_MILLISECONDS(500)); /* it hears that it was thrown out */
        CHECK_INT(aeon_message_ack(m), -ESTALE);
        CHECK_CONTAINS(aeon_error_text(), "gone to another consumer");
        aeon_message_free(m);
        check_text(c, "x"); /* it has joined again */
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(kafka_a_loop_that_stands_still_loses_its_partitions, 60)
{
        char url[600];
        contract_begin(&contract_kafka);
        snprintf(url, sizeof url, "%s&max_poll=6s", contract_kafka.url());
        with_broker_at(url, lose_a_partition);
}

/* ------------------------------------------------------------------ what a commit remembers */

KAFKA_TEST(kafka_what_is_done_behind_a_gap_is_not_handled_again)
{
        static const char *const texts[] = { "0", "1", "2", "3", "4", "5" };
        for (int i = 0; i < 6; i++)
                publish(b, Q_in_order("test"), texts[i]);
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 6 });
        aeon_message *m[6];
        for (int i = 0; i < 6; i++)
                m[i] = next(c);
        for (int i = 0; i < 6; i++) {
                if (i == 1 || i == 2 || i == 4)
                        CHECK_INT(aeon_message_ack(m[i]), 0);
                else if (i == 3)
                        CHECK_INT(aeon_message_retry(m[i], AEON_HOURS(1)), 0);
        }
        for (int i = 0; i < 5; i++)
                if (i)
                        aeon_message_free(m[i]);
        done(m[5]);
        aeon_message_release(m[0]);
        aeon_message_free(m[0]);
        aeon_consumer_close(c);

        c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 6 });
        aeon_message *zero = next(c);
        CHECK_STR(aeon_message_body(zero), "0");
        CHECK_INT(aeon_message_attempt(zero), 1);
        aeon_message *three = next(c);
        CHECK_STR(aeon_message_body(three), "3");
        CHECK_INT(aeon_message_attempt(three), 2); /* at once: the pause was the last owner's */
        check_nothing(c);
        done(zero);
        done(three);
        aeon_consumer_close(c);
        c = consume(b, Q("test"), NULL);
        check_nothing(c);
        aeon_consumer_close(c);
}

static void take_the_second(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        aeon_message *m = next_within(c, AEON_SECONDS(test_is_slow() ? 120 : 30)); /* when the dead one is missed */
        REQUIRE(m != NULL);
        CHECK_STR(aeon_message_body(m), "2");
        done(m);
        check_nothing(c);
        aeon_consumer_close(c);
}

/* Killed with one message done and another in its hands. */
static int consume_until_killed(void *arg)
{
        aeon_broker *b;
        (void)arg;
        REQUIRE_INT(aeon_broker_open(contract_kafka.url(), &b), 0);
        publish(b, Q_in_order("test"), "1");
        publish(b, Q_in_order("test"), "2");
        aeon_consumer *c = consume(b, with("test", "commit=10ms"), NULL);
        check_text(c, "1");
        REQUIRE(next(c) != NULL);
        (void)aeon_sleep(AEON_SECONDS(2)); /* the commit has had time to come, and nobody can ask for it */
        return kill(getpid(), SIGKILL);
}

PLAIN_TEST_WITHIN(kafka_commits_by_itself_so_that_a_killed_service_does_not_begin_anew, 60)
{
        int status = 0;
        contract_begin(&contract_kafka);
        fflush(NULL);
        pid_t pid = fork(); /* before anything has threads */
        if (pid == 0)
                _exit(aeon_loop_run(consume_until_killed, NULL) < 0);
        REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        with_broker(&contract_kafka, take_the_second);
}

/* ------------------------------------------------------------------ order and keys */

KAFKA_TEST(kafka_ordered_by_partition_one_at_a_time_retries_included)
{
        for (int i = 0; i < 4; i++) {
                char text[2] = { (char)('a' + i), '\0' };
                publish(b, with("test", i % 2 ? "partitions=2&partition=1" : "partitions=2&partition=0"), text);
        }
        aeon_consumer *c = consume(b, with("test", "ordered=partition"), &(aeon_subscribe_opts){ .window = 10 });
        aeon_message *first = next(c), *second = next(c);
        CHECK(strchr("ab", *(const char *)aeon_message_body(first)) && strchr("ab", *(const char *)aeon_message_body(second)));
        check_nothing(c);
        bool a_first = *(const char *)aeon_message_body(first) == 'a';
        aeon_message *a = a_first ? first : second, *other = a_first ? second : first;
        CHECK_INT(aeon_message_retry(a, AEON_MILLISECONDS(200)), 0);
        aeon_message_free(a);
        done(other);
        check_text(c, "d");
        a = next(c);
        CHECK_STR(aeon_message_body(a), "a");
        CHECK_INT(aeon_message_attempt(a), 2);
        check_nothing(c);
        done(a);
        check_text(c, "c");
        aeon_consumer_close(c);
}

KAFKA_TEST(kafka_ordered_by_key_others_overtake)
{
        publish(b, with("test", "partitions=1&key=red"), "red 1");
        publish(b, with("test", "key=red"), "red 2");
        publish(b, with("test", "key=blue"), "blue 1");
        publish(b, Q("test"), "no key");
        aeon_consumer *c = consume(b, with("test", "ordered=key"), &(aeon_subscribe_opts){ .window = 10 });
        aeon_message *red = next(c);
        CHECK_STR(aeon_message_body(red), "red 1");
        check_text(c, "blue 1");
        check_text(c, "no key");
        check_nothing(c);
        CHECK_INT(aeon_message_retry(red, AEON_MILLISECONDS(100)), 0);
        aeon_message_free(red);
        check_text(c, "red 1");
        check_text(c, "red 2");
        aeon_consumer_close(c);
}

KAFKA_TEST(kafka_a_key_chooses_the_partition_and_goes_with_the_message)
{
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 4 });
        char partition[2][8];
        for (int i = 0; i < 2; i++) {
                publish(b, with("test", "key=order%2042"), "x");
                aeon_message *m = next(c);
                CHECK_STR(aeon_message_header(m, "x-key"), "order 42");
                snprintf(partition[i], sizeof partition[i], "%.*s", (int)strcspn(aeon_message_id(m), "-"), aeon_message_id(m));
                CHECK_INT(aeon_message_reject(m, "no"), 0);
                aeon_message_free(m);
        }
        CHECK_STR(partition[0], partition[1]);
        aeon_consumer_close(c);
        c = consume(b, Q("test.dead"), NULL);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_header(m, "x-key"), "order 42");
        done(m);
        aeon_consumer_close(c);
}

/* ------------------------------------------------------------------ topics and options */

KAFKA_TEST(kafka_a_topic_that_must_not_be_made_is_missed)
{
        aeon_consumer *c = NULL;
        CHECK_INT(aeon_publish(b, with("none", "create=no"), AEON_TEXT("x"), NULL), -ENOENT);
        CHECK_INT(aeon_consumer_open(b, with("none", "create=no"), NULL, &c), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "not available");
        CHECK(c == NULL);
}

KAFKA_TEST(kafka_what_cannot_be_a_topic_or_an_option_is_refused_with_words)
{
        static const struct {
                const char *destination, *words;
        } wrong[] = {
                { "an ü", "cannot be a Kafka topic" },
                { "x?ordered=sometimes", "\"sometimes\" is not one of none, key, partition" },
                { "x?orderd=key", "did you mean \"ordered\"?" },
                { "x?assignor=best", "is not one of range, roundrobin, cooperative-sticky" },
                { "x?rdkafka.fetch.wait=1", "No such configuration property" },
                { "x?rdkafka.fetch.wait.max.ms=never", "fetch.wait.max.ms" },
                { "x?partitions=0", "a number from 1" },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                aeon_consumer *c = NULL;
                CHECK_INT(aeon_consumer_open(b, wrong[i].destination, NULL, &c), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), wrong[i].words);
                CHECK(c == NULL);
        }
        CHECK_INT(aeon_publish(b, "an ü", AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, "x?color=red", AEON_TEXT("x"), NULL), -EINVAL);
}

static void works(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        publish(b, Q("test"), "hi");
        check_text(c, "hi");
        aeon_consumer_close(c);
}

/* Each of them changes what goes over the wire; the server takes it. */
PLAIN_TEST_WITHIN(kafka_options_that_the_server_sees_work, 60)
{
        static const char *const options[] = {
                "compression=zstd&linger=0s&acks=1",
                "compression=lz4&idempotent=yes",
                "assignor=cooperative-sticky&static_id=me",
                "group=others&rdkafka.fetch.wait.max.ms=100&rdkafka.queue.buffering.max.kbytes=1024&partitions=3&replication=1",
        };
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
                char url[600];
                contract_begin(&contract_kafka);
                snprintf(url, sizeof url, "%s&%s", contract_kafka.url(), options[i]);
                with_broker_at(url, works);
        }
}

static int open_it(void *arg)
{
        aeon_broker *b;
        int r = aeon_broker_open(arg, &b);
        if (r >= 0)
                aeon_broker_close(b);
        return r;
}

PLAIN_TEST(kafka_a_wrong_url_is_refused_with_words)
{
        static const struct {
                const char *url, *words;
        } wrong[] = {
                { "kafka://localhost/orders", "has no path" },
                { "kafka://localhost?acks=2", "is not one of all, 1, 0" },
                { "kafka://localhost?sasl=MAGIC", "is not one of PLAIN" },
                { "kafka://localhost?lingr=1s", "did you mean \"linger\"?" },
                { "kafka://localhost?rdkafka.no.such=1", "No such configuration property" },
                { "kafka+tls://localhost?tls_ca=/nowhere.pem", "nowhere.pem" },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                CHECK_INT(aeon_loop_run(open_it, (void *)(uintptr_t)wrong[i].url), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), wrong[i].words);
        }
}

/* ------------------------------------------------------------------ passwords */

static const char *sasl_url(const char *password, const char *mechanism)
{
        static char url[300];
        const char *address = getenv("AEON_TEST_KAFKA_SASL");
        if (!address)
                printf("AEON_TEST_KAFKA_SASL is not set: eval \"$(scripts/servers up)\", or run scripts/test\n");
        REQUIRE(address != NULL);
        snprintf(url, sizeof url, "kafka://aeon:%s@%s?sasl=%s", password, address, mechanism);
        return url;
}

static void declare_nothing(aeon_app *app)
{
        (void)app;
}

static void run_never(aeon_app *app)
{
        (void)app;
        CHECK(!"the app starts");
}

static void check_password(const char *mechanism)
{
        contract_begin(&contract_kafka);
        with_broker_at(sasl_url("hunter", mechanism), works);
        CHECK_INT(aeon_loop_run(open_it, (void *)(uintptr_t)sasl_url("mistaken", mechanism)), -EACCES);
        CHECK(*aeon_error_text() && !strstr(aeon_error_text(), "mistaken"));
        CHECK_INT(with_app_at(sasl_url("mistaken", mechanism), declare_nothing, run_never, NULL), 1);
}

PLAIN_TEST_WITHIN(kafka_passwords_by_sasl_plain, 60)
{
        check_password("PLAIN");
}

PLAIN_TEST_WITHIN(kafka_passwords_by_sasl_scram, 60)
{
        check_password("SCRAM-SHA-256");
}
