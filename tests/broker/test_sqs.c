/* What is special to SQS, against the server: names, what others see on the wire, leases, FIFO queues, stops. */
#include "contract.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ another client */

static const char *server_address(void)
{
        return strstr(contract_sqs.url(), "://") + 3;
}

static const char *queue_url(const char *name)
{
        static char url[300];
        snprintf(url, sizeof url, "http://%s/000000000000/%s", server_address(), name);
        return url;
}

/* One action in a connection of its own; the answer is the caller's. */
static json_t *say(const char *action, json_t *request)
{
        aeon_stream *s;
        static char answer[512 * 1024];
        char head[300], *body = json_dumps(request, JSON_COMPACT);
        size_t size = 0;
        ssize_t n;
        json_decref(request);
        REQUIRE_INT(aeon_stream_connect(server_address(), &s), 0);
        snprintf(head, sizeof head,
                 "POST / HTTP/1.0\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.%s\r\nContent-Type: application/x-amz-json-1.0\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 action, strlen(body));
        REQUIRE_INT(aeon_stream_write(s, head, strlen(head)), 0);
        REQUIRE_INT(aeon_stream_write(s, body, strlen(body)), 0);
        while ((n = aeon_stream_read(s, answer + size, sizeof answer - size - 1)) > 0)
                size += (size_t)n;
        answer[size] = '\0';
        aeon_stream_close(s);
        free(body);
        const char *json = strstr(answer, "\r\n\r\n");
        return json ? json_loads(json, 0, NULL) : NULL;
}

static bool queue_exists(const char *name)
{
        json_t *answer = say("GetQueueUrl", json_pack("{s:s}", "QueueName", name));
        bool exists = json_object_get(answer, "QueueUrl");
        json_decref(answer);
        return exists;
}

/* As another client sends it: @attributes are pairs of name and text. */
static void send_foreign(const char *name, const char *body, const char *const *attributes)
{
        json_t *all = json_object();
        for (; *attributes; attributes += 2)
                json_object_set_new(all, attributes[0],
                                    json_pack("{s:s, s:s}", "DataType", "String", "StringValue", attributes[1]));
        json_t *answer = say("SendMessage", json_pack("{s:s, s:s, s:o}", "QueueUrl", queue_url(name), "MessageBody", body,
                                                      "MessageAttributes", all));
        CHECK(json_object_get(answer, "MessageId"));
        json_decref(answer);
}

/* The next message as another client receives it. */
static json_t *receive_foreign(const char *name)
{
        json_t *answer = say("ReceiveMessage", json_pack("{s:s, s:i, s:[s]}", "QueueUrl", queue_url(name), "WaitTimeSeconds", 5,
                                                         "MessageAttributeNames", "All"));
        json_t *message = json_incref(json_array_get(json_object_get(answer, "Messages"), 0));
        json_decref(answer);
        REQUIRE(message != NULL);
        return message;
}

static const char *attribute(const json_t *message, const char *name, const char *member)
{
        return json_string_value(json_object_get(json_object_get(json_object_get(message, "MessageAttributes"), name), member));
}

#define SQS_TEST(test_name)                                   \
        static void test_name##_body(aeon_broker *b);         \
        PLAIN_TEST(test_name)                                 \
        {                                                     \
                contract_begin(&contract_sqs);                \
                with_broker(&contract_sqs, test_name##_body); \
        }                                                     \
        static void test_name##_body(aeon_broker *b)

static const char *with(const char *name, const char *rest)
{
        static char texts[8][300];
        static unsigned turn;
        char *text = texts[turn++ % 8];
        snprintf(text, sizeof texts[0], "%s%s", name, rest);
        return text;
}

/* ------------------------------------------------------------------ names */

SQS_TEST(sqs_encodes_names_that_it_refuses_and_no_two_become_one)
{
        const char *dotted = with(Q("a"), ".b ü"), *literal = with(Q("a"), "_x2E_b"), *plain = with(Q("a"), ".b");
        aeon_consumer *c = consume(b, dotted, NULL);
        publish(b, dotted, "x");
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_destination(m), dotted);
        done(m);
        aeon_consumer_close(c);
        CHECK(queue_exists(with(Q("a"), "_x2E_b_x20C3BC_")));

        publish(b, plain, "plain");
        publish(b, literal, "literal");
        CHECK(queue_exists(with(Q("a"), "_x2E_b")));
        CHECK(queue_exists(with(Q("a"), "_x5F_x2E_b")));
        CHECK_STR(take_text(b, plain), "plain");
        CHECK_STR(take_text(b, literal), "literal");
}

SQS_TEST(sqs_refuses_a_name_that_is_too_long)
{
        char name[90];
        memset(name, 'q', sizeof name);
        name[81] = '\0';
        CHECK_INT(aeon_publish(b, name, AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "more than 80 characters");
        name[80] = '\0';
        memcpy(name, Q("x"), strlen(Q("x")));
        CHECK_INT(aeon_publish(b, name, AEON_TEXT("x"), NULL), 0);
}

SQS_TEST(sqs_takes_a_queue_by_its_url_and_does_not_make_it)
{
        CHECK_INT(aeon_publish(b, queue_url(Q("none")), AEON_TEXT("x"), NULL), -ENOENT);
        CHECK(!queue_exists(Q("none")));
        publish(b, Q("test"), "by name");
        CHECK_STR(take_text(b, queue_url(Q("test"))), "by name");
        publish(b, queue_url(Q("test")), "by URL");
        CHECK_STR(take_text(b, Q("test")), "by URL");
}

static int without_creating(void *arg)
{
        aeon_broker *b;
        aeon_consumer *c;
        (void)arg;
        REQUIRE_INT(aeon_broker_open(with(contract_sqs.url(), "?create=no"), &b), 0);
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), NULL), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "create=no");
        CHECK_INT(aeon_consumer_open(b, Q("test"), NULL, &c), -ENOENT);
        CHECK(!queue_exists(Q("test")));
        aeon_broker_close(b);
        return 0;
}

PLAIN_TEST(sqs_makes_no_queue_when_told_not_to)
{
        contract_begin(&contract_sqs);
        CHECK_INT(aeon_loop_run(without_creating, NULL), 0);
}

static void deleted_under_consumer(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        publish(b, Q("test"), "before");
        done(next(c));
        json_decref(say("DeleteQueue", json_pack("{s:s}", "QueueUrl", queue_url(Q("test")))));
        publish(b, Q("test"), "after");
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "after");
        json_decref(say("DeleteQueue", json_pack("{s:s}", "QueueUrl", queue_url(Q("test")))));
        CHECK_INT(aeon_message_ack(m), -ESTALE);
        aeon_message_free(m);
        aeon_consumer_close(c);
}

/* ElasticMQ never answers a poll whose queue is deleted, so the time for an answer is what it takes. */
PLAIN_TEST(sqs_makes_a_queue_anew_that_was_deleted_under_its_consumer)
{
        contract_begin(&contract_sqs);
        with_broker_at(with(contract_sqs.url(), "?request_timeout=1s"), deleted_under_consumer);
}

SQS_TEST(sqs_refuses_options_that_cannot_be)
{
        static const struct {
                const char *options, *words;
        } wrong[] = {
                { "?wait=500ms", "whole seconds" },        { "?wait=21s", "from 1 s to 20 s" },
                { "?visibility=0s", "from 1 s to 12 h" },  { "?visibility=13h", "from 1 s to 12 h" },
                { "?pollers=0", "a number from 1 to 64" }, { "?poller=2", "did you mean \"pollers\"" },
        };
        aeon_consumer *c;
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                CHECK_INT(aeon_consumer_open(b, with(Q("test"), wrong[i].options), NULL, &c), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), wrong[i].words);
        }
        CHECK_INT(aeon_publish(b, with(Q("test"), "?group=a"), AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"group\"");
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), &(aeon_publish_opts){ .delay = AEON_MINUTES(16) }), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "15 minutes");
}

/* ------------------------------------------------------------------ the wire */

SQS_TEST(sqs_reads_what_faststream_and_propan_write)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        send_foreign(Q("test"), "{\"x\":1}",
                     (const char *const[]){ "content-type", "application/json", "correlation_id", "abc", "reply_to", "answers",
                                            "user", "7", NULL });
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "{\"x\":1}");
        CHECK_STR(aeon_message_content_type(m), "application/json");
        CHECK_STR(aeon_message_correlation_id(m), "abc");
        CHECK_STR(aeon_message_reply_to(m), "answers");
        CHECK_STR(aeon_message_header(m, "user"), "7");
        CHECK_STR(aeon_message_header(m, "reply_to"), NULL);
        done(m);

        send_foreign(Q("test"), " ", (const char *const[]){ "empty-body", "1", NULL });
        m = next(c);
        CHECK_INT(aeon_message_size(m), 0);
        done(m);

        send_foreign(Q("test"), "hi", (const char *const[]){ "reply", "back", NULL });
        send_foreign(Q("test"), "hi", (const char *const[]){ "reply", "0", NULL });
        m = next(c);
        CHECK_STR(aeon_message_reply_to(m), "back");
        done(m);
        m = next(c);
        CHECK_STR(aeon_message_reply_to(m), "");
        done(m);
        aeon_consumer_close(c);
}

SQS_TEST(sqs_shows_others_text_and_string_attributes)
{
        const aeon_publish_opts opts = {
                .headers = (aeon_header[]){ { "user", "7" }, { "Nothing", "" }, { 0 } },
                .content_type = "application/json",
                .correlation_id = "abc",
                .reply_to = "answers",
        };
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_TEXT("{\"x\":\"ü\"}"), &opts), 0);
        json_t *m = receive_foreign(Q("test"));
        CHECK_STR(json_string_value(json_object_get(m, "Body")), "{\"x\":\"ü\"}");
        CHECK_STR(attribute(m, "content-type", "StringValue"), "application/json");
        CHECK_STR(attribute(m, "content-type", "DataType"), "String");
        CHECK_STR(attribute(m, "correlation_id", "StringValue"), "abc");
        CHECK_STR(attribute(m, "reply_to", "StringValue"), "answers");
        CHECK_STR(attribute(m, "user", "StringValue"), "7");
        CHECK_CONTAINS(attribute(m, "Nothing", "DataType"), "String");
        json_decref(m);

        REQUIRE_INT(aeon_publish(b, Q("other"), AEON_BYTES("\0\1\2", 3), NULL), 0);
        m = receive_foreign(Q("other"));
        CHECK_STR(json_string_value(json_object_get(m, "Body")), "AAEC");
        CHECK_STR(attribute(m, "content-encoding", "StringValue"), "base64");
        json_decref(m);
}

SQS_TEST(sqs_carries_headers_that_are_no_attributes)
{
        aeon_header headers[15] = { { "content-type", "mine" }, { "a b:ü", "blank" }, { "raw", "\xff\1" } };
        char names[10][8];
        for (int i = 0; i < 10; i++) {
                snprintf(names[i], sizeof names[i], "n%d", i);
                headers[3 + i] = (aeon_header){ names[i], names[i] };
        }
        aeon_consumer *c = consume(b, Q("test"), NULL);
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), &(aeon_publish_opts){ .headers = headers }), 0);
        aeon_message *m = next(c);
        const char *name, *value;
        for (size_t i = 0; i < 13; i++) {
                REQUIRE(aeon_message_header_at(m, i, &name, &value));
                CHECK_STR(name, headers[i].name);
                CHECK_STR(value, headers[i].value);
        }
        CHECK(!aeon_message_header_at(m, 13, &name, &value));
        CHECK_STR(aeon_message_content_type(m), "text/plain");
        done(m);
        aeon_consumer_close(c);
}

SQS_TEST(sqs_refuses_what_is_above_its_limit)
{
        size_t limit = (size_t)256 * 1024;
        char *body = malloc(limit + 1);
        REQUIRE(body != NULL);
        memset(body, 'x', limit + 1);
        CHECK_INT(aeon_publish(b, Q("test"), aeon_body_of(body, limit + 1, ""), NULL), -EMSGSIZE);
        CHECK_CONTAINS(aeon_error_text(), "262144");
        CHECK_INT(aeon_publish(b, Q("test"), aeon_body_of(body, limit, ""), NULL), 0);
        free(body);
}

/* ------------------------------------------------------------------ leases and attempts */

SQS_TEST(sqs_keeps_a_message_from_others_for_as_long_as_it_is_handled)
{
        publish(b, Q("test"), "x");
        aeon_consumer *c = consume(b, with(Q("test"), "?visibility=2s"), NULL);
        aeon_consumer *other = consume(b, Q("test"), NULL);
        aeon_message *m = next_within(c, AEON_MILLISECONDS(500));
        aeon_consumer *idle = other;
        if (!m) { /* the other one was quicker: then it has thirty seconds */
                m = next(other);
                idle = c;
        }
        CHECK(next_within(idle, AEON_SECONDS(5)) == NULL);
        CHECK_INT(aeon_message_ack(m), 0);
        aeon_message_free(m);
        aeon_consumer_close(other);
        aeon_consumer_close(c);
}

SQS_TEST(sqs_release_leaves_the_attempt_as_it_was)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_BYTES("\0x", 2),
                                 &(aeon_publish_opts){ .headers = (aeon_header[]){ { "a", "1" }, { "b", "" }, { 0 } } }),
                    0);
        for (unsigned failures = 0; failures < 3; failures++) {
                aeon_message *m = next(c);
                CHECK_INT(aeon_message_attempt(m), failures + 1);
                CHECK_INT(aeon_message_release(m), 0);
                aeon_message_free(m);
                m = next(c);
                CHECK_INT(aeon_message_attempt(m), failures + 1);
                CHECK_INT(aeon_message_size(m), 2);
                CHECK(memcmp(aeon_message_body(m), "\0x", 2) == 0);
                CHECK_STR(aeon_message_header(m, "a"), "1");
                CHECK_STR(aeon_message_header(m, "b"), "");
                CHECK_INT(aeon_message_retry(m, 0), 0);
                aeon_message_free(m);
        }
        done(next(c));
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(c);
}

SQS_TEST(sqs_gives_back_what_a_poll_brings_after_the_stop)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        (void)aeon_sleep(AEON_MILLISECONDS(100)); /* its poll waits at the server now, most likely */
        aeon_consumer_close(c);
        publish(b, Q("test"), "x");
        c = consume(b, Q("test"), NULL);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "x");
        CHECK_INT(aeon_message_attempt(m), 1);
        done(m);
        aeon_consumer_close(c);
}

SQS_TEST(sqs_polls_with_several_and_gets_each_message_once)
{
        enum { COUNT = 100 };
        bool seen[COUNT] = { false };
        char text[16];
        for (int i = 0; i < COUNT; i++) {
                snprintf(text, sizeof text, "%d", i);
                publish(b, Q("test"), text);
        }
        aeon_consumer *c = consume(b, with(Q("test"), "?pollers=4&wait=1s"), &(aeon_subscribe_opts){ .window = 40 });
        for (int i = 0; i < COUNT; i++) {
                aeon_message *m = next(c);
                int number = atoi(aeon_message_body(m));
                REQUIRE(number >= 0 && number < COUNT);
                CHECK(!seen[number]);
                seen[number] = true;
                done(m);
        }
        aeon_consumer_close(c);
}

/* ------------------------------------------------------------------ FIFO queues */

SQS_TEST(sqs_fifo_has_one_of_a_group_in_flight)
{
        publish(b, with(Q("f"), ".fifo?group=red"), "red 1");
        publish(b, with(Q("f"), ".fifo?group=red"), "red 2");
        publish(b, with(Q("f"), ".fifo?group=blue"), "blue 1");
        aeon_consumer *c = consume(b, with(Q("f"), ".fifo"), &(aeon_subscribe_opts){ .window = 10 });
        aeon_message *first = next(c), *second = next(c);
        bool red_first = !strcmp(aeon_message_body(first), "red 1");
        CHECK_STR(aeon_message_body(red_first ? first : second), "red 1");
        CHECK_STR(aeon_message_body(red_first ? second : first), "blue 1");
        CHECK(next_within(c, AEON_MILLISECONDS(300)) == NULL);
        CHECK_INT(aeon_message_retry(red_first ? first : second, 0), 0); /* the next one must not overtake it */
        aeon_message *again = next(c);
        CHECK_STR(aeon_message_body(again), "red 1");
        CHECK_INT(aeon_message_attempt(again), 2);
        done(again);
        again = next(c);
        CHECK_STR(aeon_message_body(again), "red 2");
        done(again);
        done(red_first ? second : first);
        aeon_message_free(red_first ? first : second);
        aeon_consumer_close(c);
}

SQS_TEST(sqs_fifo_takes_a_message_with_the_same_dedupe_id_once)
{
        publish(b, with(Q("f"), ".fifo?dedupe=7"), "first");
        publish(b, with(Q("f"), ".fifo?dedupe=7"), "again");
        publish(b, with(Q("f"), ".fifo"), "same text");
        publish(b, with(Q("f"), ".fifo"), "same text");
        CHECK_STR(take_text(b, with(Q("f"), ".fifo")), "first");
        CHECK_STR(take_text(b, with(Q("f"), ".fifo")), "same text");
        CHECK_STR(take_text(b, with(Q("f"), ".fifo")), "same text");
}

/* ------------------------------------------------------------------ answers */

static char answers_url[300];

static void ask_in_vain(aeon_broker *b)
{
        aeon_scope limit;
        aeon_message *reply;
        aeon_consumer *c = consume(b, Q("test"), NULL);
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_scope_close(&limit, aeon_request(b, Q("test"), AEON_TEXT("?"), &reply)), -ETIMEDOUT);
        aeon_message *m = next(c);
        snprintf(answers_url, sizeof answers_url, "%s", aeon_message_reply_to(m));
        CHECK_CONTAINS(answers_url, "/aeon-reply-");
        CHECK(queue_exists(strrchr(answers_url, '/') + 1));
        done(m);
        aeon_consumer_close(c);
}

static int look_for_answers(void *arg)
{
        (void)arg;
        CHECK(!queue_exists(strrchr(answers_url, '/') + 1));
        return 0;
}

PLAIN_TEST(sqs_deletes_its_queue_for_answers_at_the_end)
{
        contract_begin(&contract_sqs);
        with_broker(&contract_sqs, ask_in_vain);
        CHECK_INT(aeon_loop_run(look_for_answers, NULL), 0);
}
