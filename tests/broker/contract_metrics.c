/* What every broker shows of its messages: counters by destination, a line for each, the id in the handler's own lines, traces. */
#include "contract.h"

#include "app/snapshot.h"
#include "base/metrics.h"
#include "task/trace.h"

#include <stdio.h>
#include <string.h>

static char ids[8][128];
static int calls;

static int good_or_bad(aeon_message *m)
{
        bool bad = !strcmp(aeon_message_body(m), "bad");
        snprintf(ids[calls++ % 8], sizeof ids[0], "%s", aeon_message_id(m));
        aeon_log_info("looking at it");
        return bad ? aeon_fail(-EIO, "no good") : 0;
}
AEON_RAW_HANDLER(good_or_bad);

static void declare(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &good_or_bad_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_REJECT_ON_ERROR });
}

static int counted(const char *metric)
{
        const char *const labels[] = { "broker", Q("test"), "good_or_bad" };
        return (int)aeon_series_value(aeon_metric_series(aeon__metric_find(metric), labels));
}

static int published(const char *destination)
{
        const char *const labels[] = { "broker", destination };
        return (int)aeon_series_value(aeon_metric_series(aeon__metric_find("aeon_messages_published_total"), labels));
}

/* ------------------------------------------------------------------ counters */

static void count_four(aeon_app *app)
{
        aeon_broker *b = aeon_app_broker(app);
        publish(b, Q("test"), "good");
        publish(b, Q("test"), "good");
        publish(b, Q("test"), "bad");
        publish(b, Q("test"), "good");
        AWAIT(counted("aeon_messages_processed_total") == 3 && counted("aeon_messages_dead_letters_total") == 1);
        CHECK_INT(counted("aeon_messages_received_total"), 4);
        CHECK_INT(counted("aeon_messages_failed_total"), 1);
        CHECK_INT(counted("aeon_messages_invalid_total"), 0);
        CHECK_INT(counted("aeon_messages_retried_total"), 0);
        CHECK_INT(counted("aeon_messages_in_process"), 0);
        CHECK_INT(counted("aeon_message_duration_seconds"), 4);
        CHECK_INT(published(Q("test")), 4);
        CHECK_INT(stats_of(app).processed, 3);
        CHECK_INT(stats_of(app).failed, 1);
        struct text snapshot = { 0 };
        char item[512];
        CHECK_INT(aeon__snapshot_write(app, &snapshot), 0);
        snprintf(item, sizeof item,
                 "\"subscriptions\":[{\"broker\":\"broker\",\"destination\":\"%s\",\"handler\":\"good_or_bad\",\"received\":4,"
                 "\"processed\":3,"
                 "\"failed\":1,\"invalid\":0,\"retried\":0,\"dead_letters\":1,\"released\":0,\"in_process\":0,\"lag\":",
                 Q("test"));
        CHECK_CONTAINS(snapshot.data, item);
        aeon__text_done(&snapshot);
}

CONTRACT_TEST(messages_are_counted_by_destination_and_handler)
{
        CHECK_INT(with_app(k, declare, count_four, NULL), 0);
}

/* ------------------------------------------------------------------ lines */

/* A line with all of these; each ends the list of who looks. */
static bool has_line(const char *log, const char *const parts[])
{
        char line[4096];
        for (const char *at = log, *end; (end = strchr(at, '\n')); at = end + 1) {
                bool all = (size_t)(end - at) < sizeof line;
                snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
                for (int i = 0; all && parts[i]; i++)
                        all = strstr(line, parts[i]) != NULL;
                if (all)
                        return true;
        }
        return false;
}

static void check_lines(const char *id, const char *outcome)
{
        char id_field[160], destination[256], outcome_field[64];
        snprintf(id_field, sizeof id_field, "\"message_id\":\"%s\"", id);
        snprintf(destination, sizeof destination, "\"destination\":\"%s\"", Q("test"));
        snprintf(outcome_field, sizeof outcome_field, "\"outcome\":\"%s\"", outcome);
        CHECK(*id != '\0');
        const char *const own[] = { "\"message\":\"looking at it\"", id_field, NULL };
        const char *const last[] = {
                "\"level\":\"debug\"", id_field, destination, "\"attempt\":1", "\"ms\":", outcome_field, NULL
        };
        CHECK(has_line(test_stderr(), own));
        CHECK(has_line(test_stderr(), last));
}

static void handle_two(aeon_app *app)
{
        aeon_log_set_format(AEON_LOG_JSON);
        CHECK_INT(aeon_log_set_levels("info,dispatch=debug"), 0);
        publish(aeon_app_broker(app), Q("test"), "good");
        AWAIT(counted("aeon_messages_processed_total") == 1);
        publish(aeon_app_broker(app), Q("test"), "bad");
        AWAIT(counted("aeon_messages_dead_letters_total") == 1);
        AWAIT(strstr(test_stderr(), "\"outcome\":\"failed\""));
        check_lines(ids[0], "processed");
        check_lines(ids[1], "failed");
}

CONTRACT_TEST(each_message_is_a_line_with_columns_and_its_id_is_in_its_handlers_lines)
{
        test_stderr_begin();
        CHECK_INT(with_app(k, declare, handle_two, NULL), 0);
        test_stderr_end();
}

/* ------------------------------------------------------------------ traces */

enum { SPANS = 16 };
static aeon_span *spans[SPANS];
static unsigned span_count;

static void take(aeon_span *span)
{
        if (span_count < SPANS)
                spans[span_count++] = span;
        else
                aeon__span_free(span);
}

/* The first of this kind whose name is @what and @destination. */
static const aeon_span *find(enum span_kind kind, const char *what, const char *destination)
{
        char name[SPAN_NAME];
        snprintf(name, sizeof name, "%s%s%s", what, *destination ? " " : "", destination);
        for (unsigned i = 0; i < span_count; i++)
                if (spans[i]->kind == kind && !strcmp(spans[i]->name, name))
                        return spans[i];
        return NULL;
}

static bool is_child(const aeon_span *child, const aeon_span *parent)
{
        REQUIRE(child && parent);
        return !memcmp(child->parent, parent->context->span, 8) && !memcmp(child->context->trace, parent->context->trace, 16);
}

static int look_at_trace(aeon_message *m)
{
        CHECK(aeon_message_header(m, "traceparent") != NULL);
        CHECK_STR(aeon_message_header(m, "tracestate"), "congo=t61");
        CHECK_STR(aeon_message_header(m, "tenant"), "7");
        aeon_span_end(aeon_span_begin("inside"));
        return aeon_message_reply(m, AEON_TEXT("done"));
}
AEON_RAW_HANDLER(look_at_trace);

static void declare_traced(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &look_at_trace_handler, NULL);
}

static void ask_in_a_trace(aeon_app *app)
{
        static const aeon_header headers[] = { { "tenant", "7" }, { NULL, NULL } };
        aeon_message *reply;
        aeon__tracing_set(1, take);
        aeon_span *outer =
                aeon__span_take_up(SPAN_SERVER, "outer", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "congo=t61");
        REQUIRE_INT(aeon_request_with(aeon_app_broker(app), Q("test"), AEON_TEXT("x"), &(aeon_publish_opts){ .headers = headers },
                                      &reply),
                    0);
        CHECK(!strncmp(aeon_message_header(reply, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-", 36));
        aeon_message_free(reply);
        aeon_span_end(outer);
        AWAIT(find(SPAN_CONSUMER, "process", Q("test")));
        aeon__tracing_set(0, NULL);
        const aeon_span *publish = find(SPAN_PRODUCER, "publish", Q("test")), *process = find(SPAN_CONSUMER, "process", Q("test"));
        CHECK(is_child(find(SPAN_CLIENT, "request", Q("test")), find(SPAN_SERVER, "outer", "")));
        CHECK(is_child(publish, find(SPAN_CLIENT, "request", Q("test"))));
        CHECK(is_child(process, publish));
        CHECK(is_child(find(SPAN_INTERNAL, "inside", ""), process));
        CHECK_CONTAINS(process->attributes.data, "\"messaging.destination.name\"");
        CHECK(!process->failed);
        while (span_count)
                aeon__span_free(spans[--span_count]);
}

CONTRACT_TEST(a_message_carries_its_trace_and_its_answer_does)
{
        CHECK_INT(with_app(k, declare_traced, ask_in_a_trace, NULL), 0);
}
