/* What is special to RabbitMQ: acknowledgements, confirms, losses of queues, channels and connections, a server short of memory. */
#include "faults.h"
#include "other_client.h"

#include <sys/wait.h>

static aeon_consumer *consume_window(aeon_broker *b, const char *destination, unsigned window)
{
        aeon_consumer *c;
        REQUIRE_INT(aeon_consumer_open(b, destination, &(aeon_subscribe_opts){ .window = window }, &c), 0);
        return c;
}

static int try_publish(aeon_broker *b, const char *to, const char *text)
{
        return aeon_publish(b, to, AEON_TEXT(text), NULL);
}

static void publish_numbers(aeon_broker *b, int count)
{
        char text[16];
        for (int i = 0; i < count; i++) {
                snprintf(text, sizeof text, "%d", i);
                publish(b, Q("test"), text);
        }
}

/* ------------------------------------------------------------------ acknowledgements */

static int acknowledge(void *arg)
{
        return aeon_message_ack(arg);
}

/* All in one turn of the loop, so that they are written together. */
static void some_of_five(aeon_broker *b)
{
        publish_numbers(b, 5);
        aeon_consumer *c = consume_window(b, Q("test"), 5);
        aeon_message *m[5];
        aeon_group *g;
        for (int i = 0; i < 5; i++)
                m[i] = next(c);
        REQUIRE_INT(aeon_group_open(&g), 0);
        static const int acked[] = { 1, 4, 0, 3 };
        for (int i = 0; i < 4; i++)
                CHECK_INT(aeon_spawn(g, "ack", acknowledge, m[acked[i]]), 0);
        CHECK_INT(aeon_group_close(g), 0);
        for (int i = 0; i < 5; i++)
                aeon_message_free(m[i]); /* "2" is released */
        aeon_consumer_close(c);
        CHECK_STR(take_text(b, Q("test")), "2");
        CHECK_STR(take_text(b, Q("other")), ""); /* nothing else, in a queue that is there */
        c = consume_window(b, Q("test"), 1);
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(acknowledging_many_together_leaves_out_what_is_not_done_of_rabbitmq, 30)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, some_of_five);
}

/* ------------------------------------------------------------------ confirms */

struct publish_arg {
        aeon_broker *broker;
        int number;
};

static int publish_one(void *arg)
{
        const struct publish_arg *p = arg;
        char text[16];
        snprintf(text, sizeof text, "%d", p->number);
        return try_publish(p->broker, Q("test"), text);
}

static void a_thousand(aeon_broker *b)
{
        enum { COUNT = 1000 };
        static struct publish_arg args[COUNT];
        static bool seen[COUNT];
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < COUNT; i++) {
                args[i] = (struct publish_arg){ b, i };
                CHECK_INT(aeon_spawn(g, "publish", publish_one, &args[i]), 0);
        }
        CHECK_INT(aeon_group_close(g), 0);
        aeon_consumer *c = consume_window(b, Q("test"), 100);
        for (int i = 0; i < COUNT; i++) {
                aeon_message *m = next(c);
                int number = atoi(aeon_message_body(m));
                CHECK(number >= 0 && number < COUNT && !seen[number]);
                seen[number] = true;
                done(m);
        }
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(a_thousand_publishes_wait_for_their_confirms_at_once_of_rabbitmq, 60)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, a_thousand);
}

/* Of those in flight together, only the one that no queue takes is refused. */
static int publish_nowhere(void *arg)
{
        const struct publish_arg *p = arg;
        char to[200];
        snprintf(to, sizeof to, "x?exchange=amq.direct&key=%s", Q(p->number == 3 ? "nowhere" : "somewhere"));
        int r = try_publish(p->broker, to, "x");
        CHECK_INT(r, p->number == 3 ? -ENOENT : 0);
        return 0;
}

static void one_of_eight(aeon_broker *b)
{
        char to[200];
        struct publish_arg args[8];
        aeon_group *g;
        snprintf(to, sizeof to, "%s?exchange=amq.direct&key=%s", Q("test"), Q("somewhere"));
        aeon_consumer *c = consume_window(b, to, 1);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 8; i++) {
                args[i] = (struct publish_arg){ b, i };
                CHECK_INT(aeon_spawn(g, "publish", publish_nowhere, &args[i]), 0);
        }
        CHECK_INT(aeon_group_close(g), 0);
        for (int i = 0; i < 7; i++)
                done(next(c));
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(a_returned_message_is_the_one_that_fails_of_rabbitmq, 30)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, one_of_eight);
}

/* ------------------------------------------------------------------ things that vanish */

static void queue_of_a_publisher(aeon_broker *b)
{
        publish(b, Q("test"), "1");
        other_delete_queue(Q("test"));
        CHECK_INT(try_publish(b, Q("test"), "2"), 0);
        CHECK_STR(take_text(b, Q("test")), "2");
}

PLAIN_TEST_WITHIN(publishing_to_a_deleted_queue_makes_it_again_of_rabbitmq, 30)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, queue_of_a_publisher);
}

static void queue_of_a_consumer(aeon_broker *b)
{
        aeon_consumer *c = consume_window(b, Q("test"), 2);
        publish(b, Q("test"), "1");
        aeon_message *m = next(c);
        other_delete_queue(Q("test"));
        AWAIT(other_sees_queue(Q("test")));
        publish(b, Q("test"), "2");
        aeon_message *m2 = next(c);
        CHECK_STR(aeon_message_body(m2), "2");
        done(m2);
        done(m);
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(a_consumer_whose_queue_is_deleted_makes_it_again_of_rabbitmq, 30)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, queue_of_a_consumer);
}

static void queue_not_ours(aeon_broker *b)
{
        char to[200];
        snprintf(to, sizeof to, "%s?create=no", Q("test"));
        publish(b, Q("test"), "1");
        aeon_consumer *c = consume_window(b, to, 1);
        done(next(c));
        other_delete_queue(Q("test"));
        AWAIT(aeon_broker_ping(b) == -EIO);
        CHECK_CONTAINS(aeon_error_text(), "nothing is consumed from");
        CHECK_CONTAINS(aeon_error_text(), "no queue");
        CHECK_INT(try_publish(b, Q("test"), "2"), 0); /* which makes it */
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), "2");
        done(m);
        CHECK_INT(aeon_broker_ping(b), 0);
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(health_tells_of_a_queue_that_is_gone_for_good_of_rabbitmq, 30)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, queue_not_ours);
}

static void exchange_of_a_publisher(aeon_broker *b)
{
        char to[200];
        snprintf(to, sizeof to, "%s?exchange=%s&mandatory=no", Q("test"), Q("x"));
        publish(b, to, "1");
        other_delete_exchange(Q("x"));
        CHECK_INT(try_publish(b, to, "2"), -ECONNABORTED);
        CHECK_CONTAINS(aeon_error_text(), "no exchange");
        CHECK_INT(try_publish(b, to, "3"), 0);
}

PLAIN_TEST_WITHIN(a_channel_that_the_server_closes_is_opened_again_of_rabbitmq, 30)
{
        contract_begin(&contract_rabbitmq);
        with_broker(&contract_rabbitmq, exchange_of_a_publisher);
}

/* ------------------------------------------------------------------ connections */

static struct proxy *proxy;

static int run_behind_proxy(void *arg)
{
        void (*body)(aeon_broker * b) = *(void (**)(aeon_broker * b)) arg;
        aeon_broker *b;
        REQUIRE_INT(aeon_broker_open(server_url(&contract_rabbitmq, proxy_port(proxy), "", "heartbeat=1s"), &b), 0);
        body(b);
        aeon_broker_close(b);
        return 0;
}

static void behind_proxy(void (*body)(aeon_broker *b))
{
        contract_begin(&contract_rabbitmq);
        proxy = proxy_start(atoi(strrchr(contract_rabbitmq.url(), ':') + 1));
        CHECK_INT(aeon_loop_run(run_behind_proxy, &body), 0);
        proxy_end(proxy);
}

/* The server would close after two seconds. */
static void idle(aeon_broker *b)
{
        aeon_consumer *c = consume_window(b, Q("test"), 1);
        (void)aeon_sleep(AEON_SECONDS(4));
        CHECK_INT(aeon_broker_ping(b), 0);
        CHECK_INT(proxy_accepted(proxy), 2); /* one to publish, one to consume */
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(heartbeats_keep_idle_connections_of_rabbitmq, 30)
{
        behind_proxy(idle);
}

static void stalled(aeon_broker *b)
{
        proxy_stall(proxy);
        AWAIT(aeon_broker_ping(b) == -ENOTCONN);
        proxy_pass(proxy);
        AWAIT(aeon_broker_ping(b) == 0);
        publish(b, Q("test"), "x");
        CHECK_STR(take_text(b, Q("test")), "x");
}

PLAIN_TEST_WITHIN(a_server_that_says_nothing_is_given_up_of_rabbitmq, 60)
{
        behind_proxy(stalled);
}

/* The replies to what was given up come when the network is back, before those to what is asked then. */
static void impatient(aeon_broker *b)
{
        aeon_consumer *c = NULL;
        char other_kind[200];
        snprintf(other_kind, sizeof other_kind, "%s?max_priority=5", Q("test"));
        CHECK_INT(try_publish(b, Q("test"), "x"), 0);
        proxy_stall(proxy);
        for (int i = 0; i < 2; i++) {
                aeon_scope limit;
                aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20) });
                int r = i ? try_publish(b, Q("given-up"), "x") : aeon_consumer_open(b, Q("given-up"), NULL, &c);
                CHECK_INT(aeon_scope_close(&limit, r), -ETIMEDOUT);
        }
        proxy_pass(proxy);
        CHECK_INT(aeon_consumer_open(b, other_kind, NULL, &c), -EINVAL);
        CHECK_INT(try_publish(b, other_kind, "x"), -EINVAL);
        c = consume_window(b, Q("test"), 1);
        done(next(c));
        aeon_consumer_close(c);
        CHECK_INT(proxy_accepted(proxy), 2); /* on the same connections */
}

PLAIN_TEST_WITHIN(replies_to_calls_that_were_given_up_are_not_for_the_next_of_rabbitmq, 30)
{
        behind_proxy(impatient);
}

static void broken(aeon_broker *b)
{
        aeon_message *m[3], *again;
        publish_numbers(b, 5);
        aeon_consumer *c = consume_window(b, Q("test"), 3);
        for (int i = 0; i < 3; i++)
                m[i] = next(c);
        proxy_reset(proxy);
        AWAIT(aeon_broker_ping(b) == 0);
        CHECK(next_within(c, AEON_MILLISECONDS(300)) == NULL); /* three are held still, by the broker's count or by ours */

        CHECK_INT(aeon_message_ack(m[0]), -ESTALE);
        aeon_message_free(m[0]);
        again = next(c);
        CHECK_STR(aeon_message_body(again), "0");
        CHECK(next_within(c, AEON_MILLISECONDS(100)) == NULL);
        CHECK_INT(aeon_message_retry(m[1], 0), -ESTALE);
        aeon_message_free(m[1]);
        aeon_message_free(m[2]); /* released, as far as it is ours */
        done(again);
        for (int i = 1; i < 5; i++) {
                char text[16];
                snprintf(text, sizeof text, "%d", i);
                again = next(c);
                CHECK_STR(aeon_message_body(again), text);
                done(again);
        }
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(the_window_holds_across_a_loss_of_the_connection_of_rabbitmq, 60)
{
        behind_proxy(broken);
}

static bool answered;

static int ask(void *arg)
{
        aeon_message *reply;
        int r = aeon_request((aeon_broker *)arg, Q("test"), AEON_TEXT("?"), &reply);
        answered = true;
        if (r >= 0)
                aeon_message_free(reply);
        return r;
}

static void asked_again(aeon_broker *b)
{
        aeon_consumer *c = consume_window(b, Q("test"), 1);
        for (int i = 0; i < 2; i++) {
                aeon_group *g;
                REQUIRE_INT(aeon_group_open(&g), 0);
                answered = false;
                CHECK_INT(aeon_spawn(g, "ask", ask, b), 0);
                while (!answered) { /* an older question comes again when its acknowledgement was lost */
                        aeon_message *m = next_within(c, AEON_MILLISECONDS(100));
                        if (!m)
                                continue;
                        CHECK_INT(aeon_message_reply(m, AEON_TEXT("!")), 0);
                        done(m);
                }
                CHECK_INT(aeon_group_close(g), 0);
                proxy_reset(proxy);
                AWAIT(aeon_broker_ping(b) == 0);
        }
        aeon_consumer_close(c);
}

PLAIN_TEST_WITHIN(requests_work_after_a_loss_of_the_connection_of_rabbitmq, 60)
{
        behind_proxy(asked_again);
}

/* ------------------------------------------------------------------ a server that is short of memory */

static struct server server;

static void control(const char *command)
{
        char line[1000];
        const char *words;
        snprintf(line, sizeof line,
                 "read -r dist epmd <'%s/ports'; HOME='%s' ERL_EPMD_PORT=$epmd RABBITMQ_NODENAME=t%d@localhost "
                 "RABBITMQ_CONF_ENV_FILE=/dev/null exec /usr/lib/rabbitmq/bin/rabbitmqctl %s",
                 test_path("rabbitmq-%d", server.port), test_path("rabbitmq-%d", server.port), server.port, command);
        if (!CHECK_INT(RUN(&words, "sh", "-c", line), 0))
                printf("    %s\n", words);
}

static int publish_in_background(void *arg)
{
        return try_publish(arg, Q("test"), "x");
}

static int run_blocked(void *arg)
{
        aeon_broker *b;
        aeon_group *g;
        (void)arg;
        REQUIRE_INT(aeon_broker_open(server_url(&contract_rabbitmq, server.port, "", ""), &b), 0);
        aeon_consumer *c = consume_window(b, Q("test"), 2);
        publish(b, Q("test"), "held");
        aeon_message *m = next(c);
        control("set_vm_memory_high_watermark 0.00001");
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_spawn(g, "publish", publish_in_background, b), 0);
        AWAIT(aeon_broker_ping(b) == -EBUSY);
        CHECK_CONTAINS(aeon_error_text(), "low on memory");
        done(m); /* the other connection still gets through */
        control("set_vm_memory_high_watermark 0.6");
        AWAIT(aeon_broker_ping(b) == 0);
        CHECK_INT(aeon_group_close(g), 0);
        done(next(c));
        aeon_consumer_close(c);
        aeon_broker_close(b);
        return 0;
}

PLAIN_TEST_WITHIN(a_server_short_of_memory_is_told_by_the_health_check_of_rabbitmq, 120)
{
        contract_begin(&contract_rabbitmq);
        server_init(&server, &contract_rabbitmq);
        server_start(&server);
        CHECK_INT(aeon_loop_run(run_blocked, NULL), 0);
        servers_end();
}
