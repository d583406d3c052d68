/* What every broker must do with messages: publish, consume, settle, delay, share. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ content */

static void one_message(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        publish(b, Q("test"), "hi");
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_size(m), 2);
        CHECK_STR(aeon_message_body(m), "hi");
        CHECK_STR(aeon_message_destination(m), Q("test"));
        CHECK_STR(aeon_message_content_type(m), "text/plain");
        CHECK_STR(aeon_message_reply_to(m), "");
        CHECK_STR(aeon_message_correlation_id(m), "");
        CHECK(*aeon_message_id(m) != '\0');
        CHECK_INT(aeon_message_attempt(m), 1);
        done(m);
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(c);
}

CONTRACT_TEST(a_message_comes_once_with_all_that_was_said)
{
        with_broker(k, one_message);
}

static void all_options(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        const aeon_publish_opts opts = {
                .headers = (aeon_header[]){ { "tenant", "7" }, { "Empty", "" }, { "x", "ü" }, { 0 } },
                .content_type = "application/cbor",
                .correlation_id = "c-1",
                .reply_to = "elsewhere",
        };
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_BYTES("\0\1\2", 3), &opts), 0);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_header(m, "TENANT"), "7");
        CHECK_STR(aeon_message_header(m, "empty"), "");
        CHECK_STR(aeon_message_header(m, "none"), NULL);
        const char *name, *value;
        CHECK(aeon_message_header_at(m, 2, &name, &value));
        CHECK_STR(name, "x");
        CHECK_STR(value, "ü");
        CHECK(!aeon_message_header_at(m, 3, &name, &value));
        CHECK_STR(aeon_message_content_type(m), "application/cbor");
        CHECK_STR(aeon_message_correlation_id(m), "c-1");
        CHECK_STR(aeon_message_reply_to(m), "elsewhere");
        CHECK_INT(aeon_message_size(m), 3);
        CHECK(memcmp(aeon_message_body(m), "\0\1\2", 4) == 0);
        done(m);
        aeon_consumer_close(c);
}

CONTRACT_TEST(headers_and_bytes_are_kept)
{
        with_broker(k, all_options);
}

static void bodies(aeon_broker *b)
{
        enum { LARGE = 200 * 1024 };
        aeon_consumer *c = consume(b, Q_in_order("test"), NULL);
        char *large = malloc(LARGE);
        REQUIRE(large != NULL);
        for (int i = 0; i < LARGE; i++)
                large[i] = (char)(i * 7);
        REQUIRE_INT(aeon_publish(b, Q_in_order("test"), AEON_TEXT(""), NULL), 0);
        REQUIRE_INT(aeon_publish(b, Q_in_order("test"), AEON_BYTES(large, LARGE), NULL), 0);
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_size(m), 0);
        CHECK_STR(aeon_message_body(m), "");
        done(m);
        m = next(c);
        CHECK_INT(aeon_message_size(m), LARGE);
        CHECK(memcmp(aeon_message_body(m), large, LARGE) == 0);
        done(m);
        free(large);
        aeon_consumer_close(c);
}

CONTRACT_TEST(empty_and_large_bodies)
{
        with_broker(k, bodies);
}

static void refusals(aeon_broker *b)
{
        CHECK_INT(aeon_publish(b, "", AEON_TEXT("x"), NULL), -EINVAL);
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"), &(aeon_publish_opts){ .delay = -1 }), -EINVAL);
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"),
                               &(aeon_publish_opts){ .headers = (aeon_header[]){ { "a", NULL }, { 0 } } }),
                  -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "header \"a\" has no value");
        size_t size = 16 * 1024 * 1024 + 1;
        char *huge = calloc(1, size);
        REQUIRE(huge != NULL);
        CHECK_INT(aeon_publish(b, Q("test"), AEON_BYTES(huge, size), NULL), -EMSGSIZE);
        CHECK_CONTAINS(aeon_error_text(), "16777217 bytes is above the limit of 16777216");
        free(huge);
        CHECK_INT(aeon_publish(NULL, Q("test"), AEON_TEXT("x"), NULL), -EINVAL);
}

CONTRACT_TEST(what_cannot_be_published_is_refused)
{
        with_broker(k, refusals);
}

static void cancelled(aeon_broker *b)
{
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, "test");
        CHECK_INT(aeon_publish(b, Q("test"), AEON_TEXT("never"), NULL), -ECANCELED);
        aeon_scope_close(&s, 0);
        publish(b, Q("test"), "after");
        CHECK_STR(take_text(b, Q("test")), "after");
}

CONTRACT_TEST(a_cancelled_publish_did_not_happen)
{
        with_broker(k, cancelled);
}

/* ------------------------------------------------------------------ order and time */

static void in_order(aeon_broker *b)
{
        char text[16];
        for (int i = 0; i < 100; i++) {
                snprintf(text, sizeof text, "%d", i);
                publish(b, Q_in_order("test"), text);
        }
        aeon_consumer *c = consume(b, Q_in_order("test"), &(aeon_subscribe_opts){ .window = 7 });
        for (int i = 0; i < 100; i++) {
                snprintf(text, sizeof text, "%d", i);
                check_text(c, text);
        }
        aeon_consumer_close(c);
}

CONTRACT_TEST(messages_come_in_order)
{
        with_broker(k, in_order);
}

static const char *with_priorities;

static void by_priority(aeon_broker *b)
{
        static const int priorities[] = { 0, 5, -3, 5, 9 };
        char text[16], destination[200];
        snprintf(destination, sizeof destination, "%s%s", Q("test"), with_priorities ? with_priorities : "");
        for (int i = 0; i < 5; i++) {
                snprintf(text, sizeof text, "%d", i);
                REQUIRE_INT(aeon_publish(b, destination, AEON_TEXT(text), &(aeon_publish_opts){ .priority = priorities[i] }), 0);
        }
        aeon_consumer *c = consume(b, destination, NULL);
        check_text(c, "4");
        check_text(c, "1");
        check_text(c, "3");
        check_text(c, "0");
        check_text(c, "2");
        aeon_consumer_close(c);
}

CONTRACT_TEST(higher_priorities_come_first)
{
        NEEDS(k->has_priorities);
        with_priorities = k->with_priorities;
        with_broker(k, by_priority);
}

static aeon_duration delay_unit;

static void delayed(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        aeon_time begin = aeon_now();
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_TEXT("late"), &(aeon_publish_opts){ .delay = 3 * delay_unit }), 0);
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_TEXT("sooner"), &(aeon_publish_opts){ .delay = delay_unit }), 0);
        publish(b, Q("test"), "now");
        check_text(c, "now");
        check_text(c, "sooner");
        CHECK(aeon_now() - begin >= delay_unit - AEON_MILLISECONDS(1));
        check_text(c, "late");
        CHECK(aeon_now() - begin >= 3 * delay_unit - AEON_MILLISECONDS(1));
        aeon_consumer_close(c);
}

CONTRACT_TEST(a_delayed_message_is_not_early)
{
        NEEDS(k->has_delays);
        delay_unit = k->whole_seconds ? AEON_SECONDS(1) : AEON_MILLISECONDS(100);
        with_broker(k, delayed);
}

/* ------------------------------------------------------------------ verdicts */

static void verdicts(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        REQUIRE_INT(aeon_publish(b, Q("test"), AEON_TEXT("x"),
                                 &(aeon_publish_opts){ .headers = (aeon_header[]){ { "tenant", "7" }, { 0 } } }),
                    0);
        aeon_message *m = next(c);
        CHECK_INT(aeon_message_release(m), 0);
        CHECK_INT(aeon_message_ack(m), -EALREADY);
        aeon_message_free(m);

        m = next(c);
        CHECK_INT(aeon_message_attempt(m), 1);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_message_retry(m, AEON_MILLISECONDS(100)), 0);
        aeon_message_free(m);

        m = next(c);
        CHECK(aeon_now() - begin >= AEON_MILLISECONDS(99));
        CHECK_INT(aeon_message_attempt(m), 2);
        CHECK_INT(aeon_message_reject(m, "too\nround"), 0);
        aeon_message_free(m);
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(c);

        c = consume(b, Q("test.dead"), NULL);
        m = next(c);
        CHECK_STR(aeon_message_body(m), "x");
        CHECK_STR(aeon_message_header(m, "tenant"), "7");
        CHECK_STR(aeon_message_header(m, "x-error"), "too round");
        CHECK_STR(aeon_message_header(m, "x-attempts"), "2");
        CHECK_STR(aeon_message_header(m, "x-origin"), Q("test"));
        CHECK_STR(aeon_message_content_type(m), "text/plain");
        CHECK_INT(aeon_message_attempt(m), 1);
        done(m);
        aeon_consumer_close(c);
}

CONTRACT_TEST(released_retried_rejected)
{
        with_broker(k, verdicts);
}

static void unsettled(aeon_broker *b)
{
        aeon_consumer *c = consume(b, Q("test"), NULL);
        publish(b, Q("test"), "x");
        aeon_message_free(next(c));
        check_text(c, "x");
        aeon_consumer_close(c);
}

CONTRACT_TEST(a_message_freed_unsettled_is_released)
{
        with_broker(k, unsettled);
}

static void windowed(aeon_broker *b)
{
        for (int i = 0; i < 10; i++)
                publish(b, Q("test"), "x");
        aeon_consumer *few = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 2 });
        aeon_message *mine[2] = { next(few), next(few) };
        CHECK(next_within(few, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer *rest = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 100 });
        for (int i = 0; i < 8; i++)
                done(next(rest));
        done(mine[0]);
        done(mine[1]);
        aeon_consumer_close(rest);
        aeon_consumer_close(few);
        aeon_broker_stats stats;
        aeon_broker_get_stats(b, &stats);
        CHECK_INT(stats.published, 10);
        CHECK_INT(stats.received, 10);
        CHECK_INT(stats.in_process, 0);
}

CONTRACT_TEST(no_more_than_a_window_is_fetched)
{
        NEEDS(!k->by_partition);
        with_broker(k, windowed);
}

static void given_back(aeon_broker *b)
{
        for (int i = 0; i < 5; i++)
                publish(b, Q("test"), "x");
        aeon_consumer *c = consume(b, Q("test"), &(aeon_subscribe_opts){ .window = 5 });
        done(next(c));
        aeon_consumer_close(c);
        c = consume(b, Q("test"), NULL);
        for (int i = 0; i < 4; i++) {
                aeon_message *m = next(c);
                CHECK_INT(aeon_message_attempt(m), 1);
                done(m);
        }
        CHECK(next_within(c, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(c);
}

CONTRACT_TEST(what_was_fetched_and_not_taken_goes_back)
{
        with_broker(k, given_back);
}

/* ------------------------------------------------------------------ groups */

static void groups(aeon_broker *b)
{
        publish(b, Q("test"), "before");
        aeon_consumer *red = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = "red" });
        aeon_consumer *blue = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = "blue" });
        aeon_consumer *blue2 = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = "blue" });
        check_text(red, "before");
        CHECK(next_within(blue, AEON_MILLISECONDS(50)) == NULL);
        publish(b, Q("test"), "1");
        publish(b, Q("test"), "2");
        check_text(red, "1");
        check_text(red, "2");
        aeon_message *first = next(blue), *second = next(blue2);
        CHECK(strcmp(aeon_message_body(first), aeon_message_body(second)) != 0);
        done(first);
        done(second);
        CHECK(next_within(blue, AEON_MILLISECONDS(50)) == NULL);
        aeon_consumer_close(blue2);
        aeon_consumer_close(blue);
        aeon_consumer_close(red);
}

static void one_group(aeon_broker *b)
{
        aeon_consumer *red = consume(b, Q("test"), &(aeon_subscribe_opts){ .group = "red" }), *blue;
        CHECK_INT(aeon_consumer_open(b, Q("test"), &(aeon_subscribe_opts){ .group = "blue" }, &blue), -ENOTSUP);
        publish(b, Q("test"), "1");
        check_text(red, "1");
        aeon_consumer_close(red);
}

CONTRACT_TEST(a_broker_without_groups_has_one)
{
        NEEDS(!k->has_groups);
        with_broker(k, one_group);
}

CONTRACT_TEST(groups_share_inside_and_not_between)
{
        NEEDS(!k->by_partition);
        NEEDS(k->has_groups);
        with_broker(k, groups);
}

/* ------------------------------------------------------------------ requests */

static void unanswered(aeon_broker *b)
{
        aeon_scope limit;
        aeon_message *reply = NULL;
        aeon_broker_stats stats = { 0 };
        for (aeon_duration timeout = AEON_MILLISECONDS(50); stats.published == 0; timeout *= 2) { /* the first may take longer */
                aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = timeout });
                int r = aeon_request(b, Q("test"), AEON_TEXT("?"), &reply);
                CHECK_INT(aeon_scope_close(&limit, r), -ETIMEDOUT);
                CHECK(reply == NULL);
                aeon_broker_get_stats(b, &stats);
        }

        aeon_consumer *c = consume(b, Q("test"), NULL);
        aeon_message *m = next(c);
        CHECK(*aeon_message_reply_to(m) != '\0');
        CHECK_INT(aeon_message_reply(m, AEON_TEXT("too late")), 0);
        done(m);
        aeon_consumer_close(c);
        AWAIT((aeon_broker_get_stats(b, &stats), stats.late_replies == 1));
}

CONTRACT_TEST(a_late_reply_is_dropped_and_counted)
{
        with_broker(k, unanswered);
}

static void pinged(aeon_broker *b)
{
        CHECK_INT(aeon_broker_ping(b), 0);
}

CONTRACT_TEST(ping)
{
        with_broker(k, pinged);
}
