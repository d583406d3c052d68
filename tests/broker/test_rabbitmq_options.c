/* What is special to RabbitMQ: options of URLs and destinations, exchanges, and what other clients see. */
#include "other_client.h"

static char destination[600];

static const char *with(const char *name, const char *options)
{
        snprintf(destination, sizeof destination, "%s?%s", Q(name), options);
        return destination;
}

static aeon_consumer *consume_as(aeon_broker *b, const char *to, const char *group)
{
        aeon_consumer *c = NULL;
        REQUIRE_INT(aeon_consumer_open(b, to, &(aeon_subscribe_opts){ .group = group }, &c), 0);
        return c;
}

static int try_consume(aeon_broker *b, const char *to)
{
        aeon_consumer *c = NULL;
        int r = aeon_consumer_open(b, to, NULL, &c);
        aeon_consumer_close(c);
        return r;
}

static int try_publish(aeon_broker *b, const char *to, const char *text)
{
        return aeon_publish(b, to, AEON_TEXT(text), NULL);
}

#define RABBITMQ_TEST(name)                            \
        static void name(aeon_broker *b);              \
        PLAIN_TEST(name##_of_rabbitmq)                 \
        {                                              \
                contract_begin(&contract_rabbitmq);    \
                with_broker(&contract_rabbitmq, name); \
        }                                              \
        static void name(aeon_broker *b)

/* ------------------------------------------------------------------ exchanges */

static const char *exchange(const char *type, const char *rest)
{
        static char options[300];
        snprintf(options, sizeof options, "exchange=%s&exchange_type=%s%s", Q(type), type, rest);
        return options;
}

RABBITMQ_TEST(a_fanout_exchange_gives_each_group_every_message)
{
        aeon_consumer *red = consume_as(b, with("events", exchange("fanout", "")), "red");
        aeon_consumer *blue = consume_as(b, destination, "blue"), *blue2 = consume_as(b, destination, "blue");
        publish(b, destination, "1");
        publish(b, destination, "2");
        check_text(red, "1");
        check_text(red, "2");
        aeon_message *first = next(blue), *second = next(blue2);
        CHECK(strcmp(aeon_message_body(first), aeon_message_body(second)) != 0);
        CHECK_STR(aeon_message_destination(first), Q("events"));
        done(first);
        done(second);
        check_nothing(blue);
        aeon_consumer_close(blue2);
        aeon_consumer_close(blue);
        aeon_consumer_close(red);
}

RABBITMQ_TEST(a_topic_exchange_leads_by_patterns)
{
        aeon_consumer *all = consume_as(b, with("all", exchange("topic", "&key=order.%23")), ""); /* "#" */
        aeon_consumer *new = consume_as(b, with("new", exchange("topic", "&key=order.*.new")), "");
        publish(b, with("x", exchange("topic", "&key=order.7.new")), "7");
        publish(b, with("x", exchange("topic", "&key=order.8.paid")), "8");
        check_text(all, "7");
        check_text(all, "8");
        check_text(new, "7");
        check_nothing(new);
        aeon_consumer_close(new);
        aeon_consumer_close(all);
}

RABBITMQ_TEST(a_headers_exchange_leads_by_headers)
{
        aeon_consumer *both = consume_as(b, with("both", exchange("headers", "&header.kind=a&header.size=1")), "");
        aeon_consumer *any = consume_as(b, with("any", exchange("headers", "&header.kind=a&header.size=1&match=any")), "");
        const aeon_publish_opts opts = { .headers = (aeon_header[]){ { "kind", "a" }, { 0 } } };
        REQUIRE_INT(aeon_publish(b, with("x", exchange("headers", "")), AEON_TEXT("a"), &opts), 0);
        check_text(any, "a");
        check_nothing(both);
        aeon_consumer_close(any);
        aeon_consumer_close(both);
}

RABBITMQ_TEST(a_delayed_message_reaches_an_exchange)
{
        aeon_consumer *c = consume_as(b, with("late", exchange("direct", "&key=k")), "");
        aeon_time begin = aeon_now();
        REQUIRE_INT(aeon_publish(b, destination, AEON_TEXT("x"), &(aeon_publish_opts){ .delay = AEON_MILLISECONDS(100) }), 0);
        check_text(c, "x");
        CHECK(aeon_now() - begin >= AEON_MILLISECONDS(99));
        aeon_consumer_close(c);
}

RABBITMQ_TEST(what_no_queue_takes_is_an_error_unless_that_does_not_matter)
{
        CHECK_INT(try_publish(b, with("x", exchange("direct", "")), "x"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "NO_ROUTE");
        CHECK_INT(try_publish(b, with("x", exchange("direct", "&mandatory=no")), "x"), 0);
        CHECK_INT(aeon_broker_ping(b), 0);
}

RABBITMQ_TEST(a_retry_goes_to_the_queue_that_failed_only)
{
        aeon_consumer *red = consume_as(b, with("events", exchange("fanout", "")), "red");
        aeon_consumer *blue = consume_as(b, destination, "blue");
        publish(b, destination, "x");
        check_text(blue, "x");
        aeon_message *m = next(red);
        CHECK_INT(aeon_message_retry(m, AEON_MILLISECONDS(1)), 0);
        aeon_message_free(m);
        m = next(red);
        CHECK_INT(aeon_message_attempt(m), 2);
        done(m);
        check_nothing(blue);
        aeon_consumer_close(blue);
        aeon_consumer_close(red);
}

/* ------------------------------------------------------------------ queues */

RABBITMQ_TEST(a_queue_of_another_kind_is_an_error_with_the_words_of_the_server)
{
        publish(b, Q("test"), "x");
        CHECK_INT(try_consume(b, with("test", "max_priority=5")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "inequivalent arg 'x-max-priority'");
        CHECK_INT(try_publish(b, with("test", "durable=no"), "x"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "inequivalent arg 'durable'");
        CHECK_STR(take_text(b, Q("test")), "x"); /* nothing else was lost with the channel */
}

RABBITMQ_TEST(what_is_not_to_be_created_must_be_there)
{
        CHECK_INT(try_consume(b, with("test", "create=no")), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "no queue");
        CHECK_INT(try_publish(b, destination, "x"), -ENOENT);
        CHECK_INT(try_publish(b, with("test", exchange("direct", "&create=no")), "x"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "no exchange");
        publish(b, Q("test"), "x");
        CHECK_STR(take_text(b, with("test", "create=no")), "x");
}

RABBITMQ_TEST(a_quorum_queue_retries_and_releases)
{
        aeon_consumer *c = consume_as(b, with("test", "type=quorum"), "");
        publish(b, destination, "x");
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_release(m), 0);
        aeon_message_free(m);
        m = next(c);
        CHECK_INT(aeon_message_attempt(m), 1);
        CHECK_INT(aeon_message_retry(m, AEON_MILLISECONDS(10)), 0);
        aeon_message_free(m);
        m = next(c);
        CHECK_INT(aeon_message_attempt(m), 2);
        done(m);
        aeon_consumer_close(c);
}

RABBITMQ_TEST(an_exclusive_queue_goes_with_its_consumer)
{
        aeon_broker *second;
        aeon_consumer *c = consume_as(b, with("test", "exclusive=yes"), "");
        REQUIRE_INT(aeon_broker_open(contract_rabbitmq.url(), &second), 0);
        CHECK_INT(try_consume(second, destination), -EBUSY);
        aeon_broker_close(second);
        publish(b, Q("test"), "x"); /* by another connection: it may publish */
        check_text(c, "x");
        aeon_consumer_close(c);
}

RABBITMQ_TEST(a_full_queue_refuses)
{
        with("test", "x-max-length=1&x-overflow=reject-publish");
        publish(b, destination, "1");
        CHECK_INT(try_publish(b, destination, "2"), -EREMOTEIO);
        CHECK_STR(take_text(b, destination), "1");
        CHECK_INT(try_publish(b, destination, "3"), 0);
}

RABBITMQ_TEST(options_that_cannot_be_are_refused)
{
        static const struct {
                const char *options, *words;
        } cases[] = {
                { "typ=quorum", "did you mean \"type\"?" },
                { "type=fast", "classic, quorum" },
                { "type=quorum&max_priority=3", "quorum queue is durable" },
                { "max_priority=256", "a number from 1 to 255" },
                { "key=other", "it needs an exchange" },
                { "durable=perhaps", "yes or no" },
                { "exchange=x&exchange_type=round", "direct, fanout, topic, headers" },
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                CHECK_INT(try_consume(b, with("test", cases[i].options)), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), cases[i].words);
                CHECK_INT(try_publish(b, destination, "x"), -EINVAL);
        }
}

RABBITMQ_TEST(names_may_be_anything_of_255_bytes)
{
        char name[300];
        snprintf(name, sizeof name, "%s a.b/c ü*#", Q("test"));
        publish(b, name, "x");
        CHECK_STR(take_text(b, name), "x");
        memset(name, 'n', 256);
        name[256] = '\0';
        CHECK_INT(try_publish(b, name, "x"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "255 bytes");
}

/* ------------------------------------------------------------------ the URL */

static int open_error(const char *format, const char *port)
{
        char url[200];
        aeon_broker *b = NULL;
        snprintf(url, sizeof url, format, port);
        int r = aeon_broker_open(url, &b);
        if (r >= 0)
                aeon_broker_close(b);
        return r;
}

static int open_urls(void *arg)
{
        const char *port = arg;
        CHECK_INT(open_error("amqp://guest:guest@127.0.0.1:%s", port), 0);
        CHECK_INT(open_error("amqp://127.0.0.1:%s/%%2F?heartbeat=10s", port), 0);
        CHECK_INT(open_error("amqp://127.0.0.1:%s/", port), -EINVAL); /* the virtual host with the empty name */
        CHECK_CONTAINS(aeon_error_text(), "vhost  not found");
        CHECK_INT(open_error("amqp://127.0.0.1:%s/nowhere", port), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "vhost nowhere not found");
        CHECK_INT(open_error("amqp://guest:mistaken@127.0.0.1:%s", port), -EACCES);
        CHECK(!strstr(aeon_error_text(), "mistaken"));
        CHECK_INT(open_error("amqp://127.0.0.1:%s?heartbeat=1ms", port), -EINVAL);
        CHECK_INT(open_error("amqp://127.0.0.1:%s?heartbeet=1s", port), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "did you mean \"heartbeat\"?");
        return 0;
}

PLAIN_TEST(user_password_and_virtual_host_of_rabbitmq)
{
        CHECK_INT(aeon_loop_run(open_urls, strrchr(contract_rabbitmq.url(), ':') + 1), 0);
}

/* ------------------------------------------------------------------ other clients */

static amqp_table_entry_t entry(const char *name, uint8_t kind)
{
        return (amqp_table_entry_t){ text_bytes(name), { .kind = kind } };
}

/* A header of tables in each other, far deeper than a task's stack could follow. */
static amqp_table_entry_t nested(void)
{
        enum { DEPTH = 3000 };
        static amqp_table_entry_t inner[DEPTH];
        amqp_table_entry_t e = entry("deep", AMQP_FIELD_KIND_VOID);
        for (int i = 0; i < DEPTH; i++) {
                inner[i] = e;
                e = entry("deep", AMQP_FIELD_KIND_TABLE);
                e.value.value.table = (amqp_table_t){ 1, &inner[i] };
        }
        return e;
}

static void read_theirs(aeon_broker *b)
{
        aeon_consumer *c = consume_as(b, Q("test"), "");
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "{\"x\":1}");
        CHECK_STR(aeon_message_content_type(m), "application/json");
        CHECK_STR(aeon_message_correlation_id(m), "c-1");
        CHECK_STR(aeon_message_reply_to(m), "there");
        CHECK_STR(aeon_message_id(m), "m-1");
        CHECK_STR(aeon_message_header(m, "text"), "words");
        CHECK_STR(aeon_message_header(m, "yes"), "true");
        CHECK_STR(aeon_message_header(m, "small"), "-5");
        CHECK_STR(aeon_message_header(m, "large"), "-1234567890123");
        CHECK_STR(aeon_message_header(m, "half"), "0.5");
        CHECK_STR(aeon_message_header(m, "when"), "1700000000");
        CHECK_STR(aeon_message_header(m, "nothing"), "");
        CHECK_STR(aeon_message_header(m, "deep"), NULL);
        CHECK_STR(aeon_message_header(m, "last"), "one");
        CHECK_INT(aeon_message_attempt(m), 1);
        done(m);
        aeon_consumer_close(c);
}

PLAIN_TEST(headers_of_all_kinds_come_as_text_of_rabbitmq)
{
        contract_begin(&contract_rabbitmq);
        amqp_table_entry_t entries[] = {
                entry("text", AMQP_FIELD_KIND_UTF8),    entry("yes", AMQP_FIELD_KIND_BOOLEAN),
                entry("small", AMQP_FIELD_KIND_I8),     entry("large", AMQP_FIELD_KIND_I64),
                entry("half", AMQP_FIELD_KIND_F64),     entry("when", AMQP_FIELD_KIND_TIMESTAMP),
                entry("nothing", AMQP_FIELD_KIND_VOID), nested(),
                entry("last", AMQP_FIELD_KIND_UTF8),
        };
        entries[0].value.value.bytes = text_bytes("words");
        entries[1].value.value.boolean = 1;
        entries[2].value.value.i8 = -5;
        entries[3].value.value.i64 = -1234567890123;
        entries[4].value.value.f64 = 0.5;
        entries[5].value.value.u64 = 1700000000;
        entries[8].value.value.bytes = text_bytes("one");
        amqp_basic_properties_t properties = {
                ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG |
                          AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                          AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG,
                .content_type = text_bytes("application/json"),
                .content_encoding = text_bytes("utf-8"),
                .headers = { sizeof entries / sizeof *entries, entries },
                .correlation_id = text_bytes("c-1"),
                .reply_to = text_bytes("there"),
                .message_id = text_bytes("m-1"),
                .timestamp = 1,
                .type = text_bytes("t"),
        };
        other_publish(Q("test"), &properties, "{\"x\":1}");
        with_broker(&contract_rabbitmq, read_theirs);
}

static bool is(amqp_bytes_t bytes, const char *text)
{
        return bytes.len == strlen(text) && !memcmp(bytes.bytes, text, bytes.len);
}

RABBITMQ_TEST(another_client_sees_plain_amqp)
{
        const aeon_publish_opts opts = {
                .headers = (aeon_header[]){ { "tenant", "7" }, { 0 } },
                .correlation_id = "c-1",
                .reply_to = "there",
                .priority = 3,
        };
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_JSON("{}"), &opts), 0);
        amqp_connection_state_t other = other_open();
        amqp_message_t m = other_get(other, Q("test"));
        const amqp_basic_properties_t *p = &m.properties;
        CHECK(is(m.body, "{}"));
        CHECK(is(p->content_type, "application/json"));
        CHECK(is(p->correlation_id, "c-1"));
        CHECK(is(p->reply_to, "there"));
        CHECK(p->message_id.len > 0);
        CHECK_INT(p->delivery_mode, 2);
        CHECK_INT(p->priority, 3);
        REQUIRE_INT(p->headers.num_entries, 1);
        CHECK(is(p->headers.entries[0].key, "tenant"));
        CHECK_INT(p->headers.entries[0].value.kind, AMQP_FIELD_KIND_UTF8);
        CHECK(is(p->headers.entries[0].value.value.bytes, "7"));
        amqp_destroy_message(&m);
        other_close(other);
}

RABBITMQ_TEST(a_message_need_not_be_persistent)
{
        publish(b, with("test", "persistent=no"), "x");
        amqp_connection_state_t other = other_open();
        amqp_message_t m = other_get(other, Q("test"));
        CHECK_INT(m.properties.delivery_mode, 1);
        amqp_destroy_message(&m);
        other_close(other);
}

/* How a question to @to is delivered; nobody answers it. */
static uint8_t delivery_mode_of_question(aeon_broker *b, const char *to)
{
        aeon_scope limit;
        aeon_message *reply;
        amqp_connection_state_t other = other_open();
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(200) });
        CHECK_INT(aeon_scope_close(&limit, aeon_request(b, to, AEON_TEXT("?"), &reply)), -ETIMEDOUT);
        amqp_message_t m = other_get(other, Q("test"));
        uint8_t mode = m.properties.delivery_mode;
        amqp_destroy_message(&m);
        other_close(other);
        return mode;
}

RABBITMQ_TEST(a_question_is_persistent_only_when_that_is_said)
{
        publish(b, Q("test"), "makes the queue");
        CHECK_STR(take_text(b, Q("test")), "makes the queue");
        CHECK_INT(delivery_mode_of_question(b, Q("test")), 1);
        CHECK_INT(delivery_mode_of_question(b, with("test", "persistent=yes")), 2);
}

RABBITMQ_TEST(a_retried_message_is_the_same_but_for_its_attempt)
{
        aeon_consumer *c = consume_as(b, Q("test"), "");
        char id[100];
        const aeon_publish_opts opts = { .headers = (aeon_header[]){ { "tenant", "7" }, { 0 } }, .correlation_id = "c-1" };
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_JSON("{}"), &opts), 0);
        aeon_message *m = next(c);
        snprintf(id, sizeof id, "%s", aeon_message_id(m));
        for (unsigned attempt = 2; attempt <= 3; attempt++) {
                CHECK_INT(aeon_message_retry(m, 0), 0);
                aeon_message_free(m);
                m = next(c);
                CHECK_INT(aeon_message_attempt(m), attempt);
        }
        const char *name, *value;
        CHECK_STR(aeon_message_id(m), id);
        CHECK_STR(aeon_message_correlation_id(m), "c-1");
        CHECK_STR(aeon_message_content_type(m), "application/json");
        CHECK_STR(aeon_message_header(m, "tenant"), "7");
        CHECK(!aeon_message_header_at(m, 1, &name, &value)); /* ours and the server's are hidden */
        done(m);
        aeon_consumer_close(c);
}

RABBITMQ_TEST(an_answer_to_somebody_who_is_gone_makes_no_queue)
{
        aeon_consumer *c = consume_as(b, Q("test"), "");
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_TEXT("?"), &(aeon_publish_opts){ .reply_to = Q("gone") }), 0);
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_reply(m, AEON_TEXT("!")), 0);
        done(m);
        aeon_consumer_close(c);
        CHECK(!other_sees_queue(Q("gone")));
        CHECK(other_sees_queue(Q("test")));
}
