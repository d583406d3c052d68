/* Spans: whose they are, what they inherit, and which of them are made. */
#include "harness.h"

#include "task/trace.h"

#include <aeon/task.h>
#include <stdio.h>
#include <string.h>

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define UNSAMPLED "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
#define TRACE "0af7651916cd43dd8448eb211c80319c"

enum { TAKEN = 8 };
static aeon_span *taken[TAKEN];
static unsigned count;

static void take(aeon_span *span)
{
        if (count < TAKEN)
                taken[count++] = span;
        else
                aeon__span_free(span);
}

static void forget(void)
{
        while (count)
                aeon__span_free(taken[--count]);
        aeon__tracing_set(0, NULL);
}

static bool is_child(const aeon_span *child, const aeon_span *parent)
{
        return !memcmp(child->parent, parent->context->span, 8) && !memcmp(child->context->trace, parent->context->trace, 16);
}

static bool is_root(const aeon_span *span)
{
        return !memcmp(span->parent, (uint8_t[8]){ 0 }, 8);
}

TEST(spans_nest_and_the_outer_one_is_current_again)
{
        aeon__tracing_set(1, take);
        aeon_span *outer = aeon_span_begin("outer"), *inner = aeon_span_begin("inner");
        aeon_span_end(inner);
        aeon_span_end(aeon_span_begin("second"));
        aeon_span_end(outer);
        CHECK(aeon_traceparent() == NULL);
        aeon_span_end(aeon_span_begin("elsewhere"));
        REQUIRE_INT(count, 4);
        CHECK_STR(taken[0]->name, "inner");
        CHECK(is_child(taken[0], taken[2]));
        CHECK(is_child(taken[1], taken[2]));
        CHECK(is_root(taken[2]) && is_root(taken[3]));
        CHECK(memcmp(taken[2]->context->trace, taken[3]->context->trace, 16) != 0);
        CHECK(taken[2]->begun <= taken[0]->begun && taken[0]->ended <= taken[2]->ended);
        CHECK_INT(taken[0]->kind, SPAN_INTERNAL);
        forget();
}

static int span_in_task(void *unused)
{
        (void)unused;
        aeon_span_end(aeon_span_begin("in task"));
        return 0;
}

TEST(what_a_task_spawns_is_inside_its_span)
{
        aeon__tracing_set(1, take);
        aeon_span *span = aeon_span_begin("spawns");
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_spawn(g, "child", span_in_task, NULL), 0);
        aeon_span_end(span);
        CHECK_INT(aeon_group_close(g), 0);
        REQUIRE_INT(count, 2);
        CHECK(is_child(taken[1], taken[0]));
        forget();
}

TEST(a_trace_from_outside_is_taken_up)
{
        aeon__tracing_set(0, take); /* the share is of those that begin here */
        aeon_span *span = aeon__span_take_up(SPAN_SERVER, "GET", PARENT, "congo=t61");
        REQUIRE(span != NULL);
        const char *now = aeon_traceparent();
        CHECK_INT(strncmp(now, "00-" TRACE "-", 36), 0);
        CHECK(!strstr(now, "b7ad6b7169203331"));
        CHECK_STR(now + 52, "-01");
        CHECK_STR(aeon__tracestate(), "congo=t61");
        aeon_span_end(span);
        REQUIRE_INT(count, 1);
        char parent[17];
        aeon__hex_write(taken[0]->parent, 8, parent);
        CHECK_STR(parent, "b7ad6b7169203331");
        forget();
}

TEST(a_trace_that_is_not_sampled_has_no_spans_and_goes_on_unsampled)
{
        aeon__tracing_set(1, take);
        aeon_span *span = aeon__span_take_up(SPAN_SERVER, "GET", UNSAMPLED, NULL);
        CHECK(aeon_span_begin("inside") == NULL);
        CHECK_INT(strncmp(aeon_traceparent(), "00-" TRACE "-", 36), 0);
        CHECK_STR(aeon_traceparent() + 52, "-00");
        aeon_span_set(span, "a", "b");
        aeon_span_end(span);
        CHECK_INT(count, 0);
        aeon__tracing_set(0, take);
        for (int i = 0; i < 100; i++) { /* the end of one that is not sampled leaves the next to chance again */
                aeon_span_end(aeon_span_begin("unlucky"));
                CHECK(aeon_traceparent() == NULL);
        }
        CHECK_INT(count, 0);
        forget();
}

static unsigned sampled_of(unsigned traces, double ratio)
{
        unsigned sampled = 0;
        aeon__tracing_set(ratio, aeon__span_free);
        for (unsigned i = 0; i < traces; i++) {
                aeon_span *span = aeon_span_begin("x");
                sampled += span->context->sampled;
                aeon_span_end(span);
        }
        aeon__tracing_set(0, NULL);
        return sampled;
}

TEST(about_the_share_that_was_asked_for_is_sampled)
{
        CHECK_INT(sampled_of(1000, 0), 0);
        CHECK_INT(sampled_of(1000, 1), 1000);
        unsigned quarter = sampled_of(10000, 0.25);
        CHECK(quarter > 2200 && quarter < 2800); /* more than six standard deviations */
}

TEST(while_nothing_is_traced_a_trace_is_handed_on_as_it_came)
{
        CHECK(aeon_span_begin("nothing") == NULL);
        CHECK(aeon_traceparent() == NULL);
        CHECK(aeon__span_take_up(SPAN_SERVER, "GET", PARENT, "a=1") == NULL);
        CHECK_STR(aeon_traceparent(), PARENT);
        CHECK_STR(aeon__tracestate(), "a=1");
        aeon_span_set(NULL, "a", "b");
        aeon_span_set_number(NULL, "a", 1);
        aeon_span_fail(NULL, "x");
        aeon_span_end(NULL);
}

TEST(a_header_that_is_no_traceparent_begins_a_trace_of_its_own)
{
        static const char *const bad[] = {
                "",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
                "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
                NULL,
        };
        aeon__tracing_set(1, take);
        for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
                aeon_span_end(aeon__span_take_up(SPAN_CONSUMER, "x", bad[i], "a=1"));
                REQUIRE_INT(count, 1);
                CHECK(is_root(taken[0]));
                CHECK_STR(taken[0]->context->state, "");
                aeon__span_free(taken[--count]);
        }
        static const char *const good[] = { PARENT, "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later",
                                            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03" };
        for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
                aeon_span_end(aeon__span_take_up(SPAN_CONSUMER, "x", good[i], NULL));
                REQUIRE_INT(count, 1);
                CHECK(!is_root(taken[0]));
                aeon__span_free(taken[--count]);
        }
        forget();
}

TEST(attributes_and_failures_are_json)
{
        aeon__tracing_set(1, take);
        aeon_span *span = aeon_span_begin("x");
        aeon_span_set(span, "quo\"te", "line\nend\xff");
        aeon_span_set_number(span, "whole", 42);
        aeon_span_set_number(span, "part", 0.5);
        aeon_span_set(span, "none", NULL);
        aeon_span_fail(span, "first");
        aeon_span_fail(span, "no \\ way");
        aeon_span_end(span);
        REQUIRE_INT(count, 1);
        CHECK_STR(taken[0]->attributes.data, "{\"key\":\"quo\\\"te\",\"value\":{\"stringValue\":\"line\\nend\\ufffd\"}},"
                                             "{\"key\":\"whole\",\"value\":{\"intValue\":\"42\"}},"
                                             "{\"key\":\"part\",\"value\":{\"doubleValue\":0.5}}");
        CHECK(taken[0]->failed);
        CHECK_STR(taken[0]->words.data, "\"no \\\\ way\"");
        forget();
}

TEST(who_is_silenced_makes_no_spans_and_hands_nothing_on)
{
        aeon__tracing_set(1, take);
        aeon__trace_silence();
        CHECK(aeon_span_begin("x") == NULL);
        CHECK(aeon_traceparent() == NULL);
        CHECK_INT(count, 0);
        forget();
}

PLAIN_TEST(outside_of_tasks_there_are_no_spans)
{
        aeon__tracing_set(1, take);
        CHECK(aeon_span_begin("x") == NULL);
        CHECK(aeon_traceparent() == NULL);
        forget();
}
