/* URLs and declarations: what is refused, and in which words. */
#include "broker/core.h"
#include "contract.h"

#include <aeon/error.h>
#include <stdlib.h>

TEST(an_unknown_scheme_names_the_known_ones)
{
        aeon_broker *b;
        CHECK_INT(aeon_broker_open("carrier-pigeon://x", &b), -EPROTONOSUPPORT);
        CHECK_CONTAINS(aeon_error_text(), "no broker speaks \"carrier-pigeon\" (known: memory, sqlite, redis, ");
        CHECK_INT(aeon_broker_open("sqlit:./q.db", &b), -EPROTONOSUPPORT);
        CHECK_CONTAINS(aeon_error_text(), "did you mean \"sqlite\"?");
        CHECK_INT(aeon_broker_open("./q.db", &b), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "has no scheme");
        CHECK_INT(aeon_broker_open(NULL, &b), -EINVAL);
}

TEST(an_incomplete_url_is_refused)
{
        aeon_broker *b;
        CHECK_INT(aeon_broker_open("sqlite:", &b), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "names no file");
}

TEST(brokers_of_one_name_in_memory_share_their_queues)
{
        aeon_broker *one, *two, *other;
        REQUIRE_INT(aeon_broker_open("memory:shared", &one), 0);
        REQUIRE_INT(aeon_broker_open("memory:shared", &two), 0);
        REQUIRE_INT(aeon_broker_open("memory:", &other), 0);
        CHECK_INT(aeon_publish(one, "test", AEON_TEXT("hello"), NULL), 0);
        CHECK_STR(take_text(other, "test"), "");
        CHECK_STR(take_text(two, "test"), "hello");
        aeon_broker_close(other);
        aeon_broker_close(two);
        CHECK_INT(aeon_publish(one, "test", AEON_TEXT("again"), NULL), 0); /* one is left */
        CHECK_STR(take_text(one, "test"), "again");
        CHECK_INT(aeon_publish(one, "test", AEON_TEXT("lost"), NULL), 0);
        aeon_broker_close(one);
        REQUIRE_INT(aeon_broker_open("memory:shared", &one), 0);
        CHECK_STR(take_text(one, "test"), "");
        aeon_broker_close(one);
}

PLAIN_TEST(passwords_are_not_shown)
{
        char text[64];
        CHECK_STR(aeon__url_shown("redis://bob:secret@host:1/0", text, sizeof text), "redis://bob:***@host:1/0");
        CHECK_STR(aeon__url_shown("redis://bob:a@b@host", text, sizeof text), "redis://bob:***@host");
        CHECK_STR(aeon__url_shown("nats://s3cret@host", text, sizeof text), "nats://***@host");
        CHECK_STR(aeon__url_shown("nats://host?token=s3cret&name=x", text, sizeof text), "nats://host?token=***&name=x");
        CHECK_STR(aeon__url_shown("redis://host:1", text, sizeof text), "redis://host:1");
        CHECK_STR(aeon__url_shown("sqlite:./q.db", text, sizeof text), "sqlite:./q.db");
}

PLAIN_TEST(options_of_a_subscription_are_checked_and_completed)
{
        static const aeon_handler handler = { "nothing", NULL, NULL, NULL, NULL };
        struct declaration *d;
        CHECK_INT(aeon__declaration_new("", &handler, NULL, &d), -EINVAL);
        CHECK_INT(aeon__declaration_new("x", NULL, NULL, &d), -EINVAL);
        CHECK_INT(aeon__declaration_new("x", &handler, &(aeon_subscribe_opts){ .timeout = -1 }, &d), -EINVAL);
        CHECK_INT(aeon__declaration_new("x", &handler, &(aeon_subscribe_opts){ .window = 2, .concurrency = 3 }, &d), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "a window of 2 cannot feed 3 handlers");
        REQUIRE_INT(aeon__declaration_new("x", &handler, &(aeon_subscribe_opts){ .concurrency = 100 }, &d), 0);
        CHECK_INT(d->opts.window, 200);
        CHECK_INT(d->opts.max_attempts, 5);
        CHECK_STR(d->opts.dead_letter, "x.dead");
        CHECK_STR(d->opts.group, "");
        free(d);
}
