/* Confirmations, which every driver waits with, and the leases that the core keeps. */
#include "broker/confirmation.h"
#include "broker/core.h"
#include "contract.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ confirmations */

static struct list asked = LIST_INIT(asked);

struct question {
        int result;
        char words[100];
};

static int ask(void *arg)
{
        struct question *q = arg;
        struct confirmation c;
        aeon__confirmation_init(&c, "test");
        list_append(&asked, &c.node);
        q->result = aeon__confirmation_wait(&c);
        snprintf(q->words, sizeof q->words, "%s", aeon_error_text());
        return 0;
}

TEST(confirmation_that_is_here_already_is_not_waited_for)
{
        struct confirmation c;
        aeon_scope s;
        aeon__confirmation_init(&c, "test");
        aeon__confirmation_come(&c, 7, NULL);
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, "too late");
        CHECK_INT(aeon__confirmation_wait(&c), 7);
        aeon_scope_close(&s, 0);
}

TEST(confirmations_come_to_all_who_wait_with_their_words)
{
        struct question q[3] = { { 0 } };
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++)
                aeon_spawn(g, "ask", ask, &q[i]);
        AWAIT(!list_empty(&asked) && list_first(&asked, struct confirmation, node)->task);
        aeon__confirmation_come(list_first(&asked, struct confirmation, node), 0, NULL);
        aeon__confirmations_come(&asked, -EIO, "the line went dead");
        CHECK(list_empty(&asked));
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(q[0].result, 0);
        CHECK_STR(q[0].words, "");
        for (int i = 1; i < 3; i++) {
                CHECK_INT(q[i].result, -EIO);
                CHECK_STR(q[i].words, "the line went dead");
        }
}

TEST(confirmation_s_words_do_not_add_to_an_older_error)
{
        for (int i = 0; i < 2; i++) {
                struct confirmation c;
                aeon__confirmation_init(&c, "test");
                aeon__confirmation_come(&c, -EIO, i ? "second" : "first");
                CHECK_INT(aeon__confirmation_wait(&c), -EIO);
                CHECK_STR(aeon_error_text(), i ? "second" : "first");
        }
}

TEST(confirmation_that_is_given_up_is_in_no_list)
{
        struct question q = { 0 };
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask, &q);
        AWAIT(!list_empty(&asked));
        aeon_group_cancel(g, "never mind");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(q.result, -ECANCELED);
        CHECK(list_empty(&asked));

        REQUIRE_INT(aeon_group_open(&g), 0); /* nor is one that was cancelled before it waited */
        aeon_group_cancel(g, "never mind");
        aeon_spawn(g, "ask", ask, &q);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(q.result, -ECANCELED);
        CHECK(list_empty(&asked));
}

TEST(confirmation_that_came_before_the_cancel_counts)
{
        struct question q = { 0 };
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "ask", ask, &q);
        AWAIT(!list_empty(&asked));
        aeon__confirmations_come(&asked, 5, NULL);
        aeon_group_cancel(g, "too late");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(q.result, 5);
}

/* ------------------------------------------------------------------ leases */

static unsigned extensions, extended;
static struct aeon_message *seen[8];

static void extend(struct source *source, struct aeon_message *const *messages, size_t count)
{
        REQUIRE(source->lease > 0 && count <= 8);
        memcpy(seen, messages, count * sizeof *messages);
        extended = (unsigned)count;
        extensions++;
}

static const struct broker_driver lender = { .name = "lender", .extend = extend };

/* A subscription with nothing but what leases need. */
struct lent {
        struct connection connection;
        struct subscription subscription;
        struct aeon_message messages[2];
};

static void lend(struct lent *l, aeon_group *g, aeon_duration lease)
{
        *l = (struct lent){ .connection.link = { .driver = &lender, .group = g } };
        l->subscription.connection = &l->connection;
        l->subscription.source = (struct source){ .link = &l->connection.link, .lease = lease };
        list_init(&l->subscription.waiting);
        list_init(&l->subscription.taken);
        REQUIRE_INT(aeon__leases_keep(&l->subscription), 0);
}

TEST(leases_of_all_messages_are_extended_those_that_wait_and_those_in_hand)
{
        struct lent l;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        lend(&l, g, AEON_MILLISECONDS(2));
        (void)aeon_sleep(AEON_MILLISECONDS(5));
        CHECK_INT(extensions, 0); /* there is none to extend */

        list_append(&l.subscription.waiting, &l.messages[0].node);
        list_append(&l.subscription.taken, &l.messages[1].node);
        AWAIT(extensions >= 2); /* again and again */
        CHECK_INT(extended, 2);
        CHECK(seen[0] == &l.messages[0] && seen[1] == &l.messages[1]);

        list_remove(&l.messages[0].node);
        unsigned before = extensions;
        AWAIT(extensions > before);
        CHECK_INT(extended, 1);
        CHECK(seen[0] == &l.messages[1]);

        aeon__leases_end(&l.subscription);
        CHECK_INT(aeon_group_close(g), 0); /* its task has ended */
        aeon_event_free(l.subscription.lease_ended);
}

TEST(leases_are_kept_while_the_app_is_being_cancelled)
{
        struct lent l;
        aeon_group *g;
        aeon_scope shield;
        REQUIRE_INT(aeon_group_open(&g), 0);
        lend(&l, g, AEON_MILLISECONDS(2));
        list_append(&l.subscription.taken, &l.messages[0].node);
        aeon_group_cancel(g, "the app stops");
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        AWAIT(extensions >= 2); /* a handler may still run to its end */
        aeon__leases_end(&l.subscription);
        aeon_scope_close(&shield, 0);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_event_free(l.subscription.lease_ended);
}
