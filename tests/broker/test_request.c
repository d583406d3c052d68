/* Requests, as far as the core answers for them whatever the driver. */
#include "broker/confirmation.h"
#include "broker/core.h"
#include "contract.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A server that delivers what it is given and confirms nothing before it is told to. */
static struct {
        struct list unconfirmed;
        char asked[32]; /* the correlation id of the last question */
} server;

static int reply_open(struct link *link, char *address, size_t size)
{
        (void)link;
        snprintf(address, size, "home");
        return 0;
}

static int publish_unconfirmed(struct link *link, const struct envelope *e)
{
        (void)link;
        struct confirmation c;
        snprintf(server.asked, sizeof server.asked, "%s", e->correlation_id);
        aeon__confirmation_init(&c, "test");
        list_append(&server.unconfirmed, &c.node);
        return aeon__confirmation_wait(&c);
}

static const struct broker_driver slow = {
        .name = "slow", .can = CAN_REPLY, .publish = publish_unconfirmed, .reply_open = reply_open
};

static struct aeon_broker broker;
static struct connection connection;

static void connect_to_server(void)
{
        broker.driver = &slow;
        list_init(&broker.connections);
        pthread_mutex_init(&broker.lock, NULL);
        connection.broker = &broker;
        connection.link = (struct link){ .driver = &slow, .loop = aeon_loop_current(), .max_body = 1000 };
        for (unsigned i = 0; i < WAITER_BUCKETS; i++)
                list_init(&connection.waiters[i]);
        for (unsigned i = 0; i < ROUTE_BUCKETS; i++)
                list_init(&connection.routes[i]);
        list_append(&broker.connections, &connection.node);
        list_init(&server.unconfirmed);
}

static void disconnect(void)
{
        aeon__routes_free(&connection);
        aeon_mutex_free(connection.reply_lock);
        pthread_mutex_destroy(&broker.lock);
}

static void answer(const char *text)
{
        struct aeon_message *m = aeon__message_new(&(struct envelope){ .destination = "home",
                                                                       .id = "",
                                                                       .content_type = "",
                                                                       .reply_to = "",
                                                                       .correlation_id = server.asked,
                                                                       .headers = "",
                                                                       .body = text,
                                                                       .size = strlen(text) });
        aeon__deliver_reply(&connection.link, m);
}

struct asking {
        int result;
        char reply[32];
};

static int ask(void *arg)
{
        struct asking *a = arg;
        aeon_message *reply = NULL;
        a->result = aeon_request(&broker, "there", AEON_TEXT("?"), &reply);
        if (reply)
                snprintf(a->reply, sizeof a->reply, "%s", (const char *)aeon_message_body(reply));
        aeon_message_free(reply);
        return 0;
}

TEST(request_is_over_when_its_answer_comes_before_its_confirmation)
{
        struct asking a = { 0 };
        aeon_group *g;
        connect_to_server();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask, &a);
        AWAIT(!list_empty(&server.unconfirmed));
        answer("42");
        CHECK_INT(aeon_group_close(g), 0); /* it does not hang for the confirmation */
        CHECK_INT(a.result, 0);
        CHECK_STR(a.reply, "42");
        CHECK(list_empty(&server.unconfirmed));
        CHECK_INT(connection.counters.published, 1);
        CHECK_STR(aeon_error_text(), "");
        disconnect();
}

TEST(request_that_is_confirmed_waits_for_its_answer)
{
        struct asking a = { 0 };
        aeon_group *g;
        connect_to_server();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask, &a);
        AWAIT(!list_empty(&server.unconfirmed));
        aeon__confirmations_come(&server.unconfirmed, 0, NULL);
        aeon_checkpoint();
        CHECK_STR(a.reply, "");
        answer("42");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_STR(a.reply, "42");
        CHECK_INT(connection.counters.published, 1);
        disconnect();
}

TEST(request_that_is_refused_does_not_wait_for_an_answer)
{
        struct asking a = { 0 };
        aeon_group *g;
        connect_to_server();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask, &a);
        AWAIT(!list_empty(&server.unconfirmed));
        aeon__confirmations_come(&server.unconfirmed, -ENOENT, "no queue takes it");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(a.result, -ENOENT);
        CHECK_INT(connection.counters.published, 0);
        disconnect();
}

TEST(request_that_is_cancelled_unconfirmed_is_over_and_its_answer_late)
{
        struct asking a = { 0 };
        aeon_group *g;
        connect_to_server();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask, &a);
        AWAIT(!list_empty(&server.unconfirmed));
        aeon_group_cancel(g, "never mind");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(a.result, -ECANCELED);
        answer("42");
        CHECK_INT(connection.counters.late_replies, 1);
        disconnect();
}
