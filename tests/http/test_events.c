/* Server-sent events: their bytes, the waits between them, and what ends them. */
#include "failing.h"
#include "fixture.h"
#include "harness.h"
#include "process.h"

#include <aeon/channel.h>
#include <aeon/error.h>
#include <aeon/http_events.h>
#include <aeon/log.h>
#include <aeon/sync.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the client reads, without the frames of its chunks. */
static const char *unchunked(const char *text)
{
        static char body[65536];
        const char *at = strstr(text, "\r\n\r\n");
        size_t used = 0;
        body[0] = '\0';
        at = at ? at + 4 : "";
        while (*at) {
                char *end;
                size_t size = strtoul(at, &end, 16);
                if (!size || strlen(end) < size + 4)
                        break;
                memcpy(body + used, end + 2, size);
                used += size;
                body[used] = '\0';
                at = end + 2 + size + 2;
        }
        return body;
}

static const aeon_server_event *to_send; /* by send_one() */

static int send_one(aeon_request *req)
{
        int r = aeon_events_begin(req, NULL);
        return r < 0 ? r : aeon_events_send(req, to_send);
}

/* What is sent for @event. */
static const char *sent(aeon_server_event event)
{
        to_send = &event;
        return unchunked(ask("GET /one HTTP/1.1\r\n" LAST));
}

TEST(an_event_is_its_fields_and_an_empty_line)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /one", send_one);
        CHECK_STR(sent((aeon_server_event){ .data = "hello" }), "data: hello\n\n");
        CHECK_STR(sent((aeon_server_event){ .name = "greeting", .id = "7", .data = " hello" }),
                  "id: 7\nevent: greeting\ndata:  hello\n\n");
        CHECK_STR(sent((aeon_server_event){ .data = "" }), "data: \n\n");
        CHECK_STR(sent((aeon_server_event){ .name = "tick" }), "event: tick\ndata: \n\n"); /* or no client would tell of it */
        CHECK_STR(sent((aeon_server_event){ .id = "" }), "id: \n\n");
        CHECK_STR(sent((aeon_server_event){ .retry = AEON_SECONDS(3) }), "retry: 3000\n\n");
        CHECK_STR(sent((aeon_server_event){ .retry = 1 }), "retry: 1\n\n");
        CHECK_STR(sent((aeon_server_event){ .comment = "one\ntwo" }), ": one\n: two\n\n");
        stop(g);
}

TEST(every_kind_of_line_end_in_data_begins_a_line_of_its_own)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /one", send_one);
        CHECK_STR(sent((aeon_server_event){ .data = "a\nb\r\nc\rd" }), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        CHECK_STR(sent((aeon_server_event){ .data = "a\n\nid: 9\n" }), "data: a\ndata: \ndata: id: 9\ndata: \n\n");
        stop(g);
}

TEST(the_head_leaves_at_once_and_keeps_caches_and_proxies_from_holding_events_back)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /one", send_one);
        to_send = &(aeon_server_event){ .data = "x" };
        const char *text = ask("GET /one HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "Content-Type: text/event-stream\r\n");
        CHECK_CONTAINS(text, "Cache-Control: no-store\r\n");
        CHECK_CONTAINS(text, "X-Accel-Buffering: no\r\n");
        CHECK_CONTAINS(text, "\r\n0\r\n\r\n"); /* a handler that returns ends the stream well */
        CHECK_STR(strstr(ask("GET /one HTTP/1.0\r\n\r\n"), "\r\n\r\n"), "\r\n\r\ndata: x\n\n");
        stop(g);
}

static int send_wrong(aeon_request *req)
{
        CHECK_INT(aeon_events_send(req, &(aeon_server_event){ .data = "x" }), -EBADF);
        CHECK_INT(aeon_events_sleep(req, 0), -EBADF);
        CHECK_INT(aeon_events_begin(req, &(aeon_events_opts){ .ping = -1 }), -EINVAL);
        int r = aeon_events_begin(req, NULL);
        CHECK_INT(aeon_events_begin(req, NULL), -EALREADY);
        CHECK_INT(aeon_events_send(req, &(aeon_server_event){ .name = "a\nb", .data = "x" }), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "the name of an event");
        CHECK_INT(aeon_events_send(req, &(aeon_server_event){ .name = "a\rb" }), -EINVAL);
        CHECK_INT(aeon_events_send(req, &(aeon_server_event){ .id = "1\r\n" }), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "the id of an event");
        CHECK_INT(aeon_events_send(req, &(aeon_server_event){ .retry = -1 }), -EINVAL);
        CHECK_INT(aeon_events_sleep(req, -1), -EINVAL);
        return r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .data = "right" });
}

TEST(what_would_be_another_field_is_refused_and_nothing_of_it_leaves)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /wrong", send_wrong);
        CHECK_STR(unchunked(ask("GET /wrong HTTP/1.1\r\n" LAST)), "data: right\n\n");
        stop(g);
}

static int tell_last_id(aeon_request *req)
{
        const char *id = aeon_events_last_id(req);
        return aeon_reply_text(req, 200, id ? id : "(none)");
}

TEST(the_last_event_id_is_what_the_client_saw)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /id", tell_last_id);
        CHECK_CONTAINS(ask("GET /id HTTP/1.1\r\nLast-Event-ID: 41-a\r\n" LAST), "\r\n\r\n41-a");
        CHECK_CONTAINS(ask("GET /id HTTP/1.1\r\nLast-Event-ID:\r\n" LAST), "\r\n\r\n(none)");
        CHECK_CONTAINS(ask("GET /id HTTP/1.1\r\n" LAST), "\r\n\r\n(none)");
        stop(g);
}

/* ------------------------------------------------------------------ waiting */

static aeon_receiver *numbers;
static aeon_duration ping;
static int result;

static int send_numbers(aeon_request *req)
{
        int number;
        char text[16];
        int r = aeon_events_begin(req, &(aeon_events_opts){ .ping = ping });
        while (r >= 0 && (r = aeon_events_receive(req, numbers, &number)) > 0) {
                snprintf(text, sizeof text, "%d", number);
                r = aeon_events_send(req, &(aeon_server_event){ .data = text });
        }
        return result = r;
}

TEST(values_of_a_channel_become_events_until_no_sender_is_left)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_sender *sender;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &sender, &numbers), 0);
        route("GET /numbers", send_numbers);
        aeon_stream *s = dial();
        say(s, "GET /numbers HTTP/1.1\r\n" LAST);
        hear(s, "\r\n\r\n");
        for (int i = 1; i <= 3; i++) {
                char wanted[32];
                snprintf(wanted, sizeof wanted, "data: %d\n\n", i);
                CHECK_INT(aeon_send(sender, &i), 0);
                CHECK_CONTAINS(hear(s, "\n\n\r\n"), wanted);
        }
        aeon_sender_close(sender);
        CHECK_STR(hear(s, NULL), "0\r\n\r\n");
        CHECK_INT(result, 0);
        aeon_stream_close(s);
        aeon_receiver_close(numbers);
        stop(g);
}

TEST(a_handler_that_waits_lets_the_client_hear_a_comment_now_and_then)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_sender *sender;
        ping = AEON_MILLISECONDS(5);
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &sender, &numbers), 0);
        route("GET /numbers", send_numbers);
        aeon_stream *s = dial();
        say(s, "GET /numbers HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(hear(s, ": \n\n"), "\r\n4\r\n: \n\n");
        hear(s, ": \n\n");
        CHECK_INT(aeon_send(sender, &(int){ 7 }), 0);
        CHECK_CONTAINS(hear(s, "data"), "data: 7\n\n");
        aeon_sender_close(sender);
        CHECK_CONTAINS(hear(s, NULL), "0\r\n\r\n");
        aeon_stream_close(s);
        aeon_receiver_close(numbers);
        stop(g);
}

static int sleep_twice(aeon_request *req)
{
        int r = aeon_events_begin(req, &(aeon_events_opts){ .ping = AEON_MILLISECONDS(20) });
        r = r < 0 ? r : aeon_events_sleep(req, AEON_MILLISECONDS(1));
        CHECK_INT(r, 1);
        r = r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .data = "short" });
        r = r < 0 ? r : aeon_events_sleep(req, AEON_MILLISECONDS(100));
        CHECK_INT(r, 1);
        return r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .data = "long" });
}

TEST(a_sleep_is_over_in_time_and_comments_leave_meanwhile)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /sleep", sleep_twice);
        const char *text = unchunked(ask("GET /sleep HTTP/1.1\r\n" LAST));
        CHECK_CONTAINS(text, "data: short\n\n: \n\n");
        CHECK_CONTAINS(text, ": \n\ndata: long\n\n");
        stop(g);
}

/* ------------------------------------------------------------------ its end */

TEST(a_client_that_goes_cancels_the_handler_that_waits)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_sender *sender;
        ping = AEON_NEVER;
        result = 1;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &sender, &numbers), 0);
        route("GET /numbers", send_numbers);
        aeon_stream *s = dial();
        say(s, "GET /numbers HTTP/1.1\r\n" LAST);
        hear(s, "\r\n\r\n");
        aeon_stream_close(s);
        while (result == 1)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(result, -ECANCELED);
        aeon_sender_close(sender);
        aeon_receiver_close(numbers);
        stop(g);
}

enum { EVENTS = 2000 };
static int count;

static int send_many(aeon_request *req)
{
        static char data[32768];
        memset(data, 'x', sizeof data - 1);
        int r = aeon_events_begin(req, NULL);
        for (count = 0; count < EVENTS && r >= 0; count++)
                r = aeon_events_send(req, &(aeon_server_event){ .data = data });
        return r;
}

TEST(a_client_that_reads_slowly_holds_the_handler_back)
{
        aeon_group *g = start((struct http_limits){ 0 });
        static char piece[65536];
        size_t total = 0;
        ssize_t n;
        route("GET /many", send_many);
        aeon_stream *s = dial();
        say(s, "GET /many HTTP/1.0\r\n\r\n");
        while (!count)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(count < EVENTS); /* else it sent them all before anybody else had a turn */
        while ((n = aeon_stream_read(s, piece, sizeof piece)) > 0)
                total += (size_t)n;
        CHECK_INT(n, 0);
        CHECK(total > (size_t)EVENTS * 32768);
        CHECK_INT(count, EVENTS);
        aeon_stream_close(s);
        stop(g);
}

TEST(a_head_request_gets_the_head_and_does_not_wait)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_sender *sender;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &sender, &numbers), 0);
        route("GET /numbers", send_numbers);
        const char *text = ask("HEAD /numbers HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Content-Type: text/event-stream\r\n");
        CHECK_STR(strstr(text, "\r\n\r\n"), "\r\n\r\n");
        aeon_sender_close(sender);
        aeon_receiver_close(numbers);
        stop(g);
}

static int nth;
static bool failed;

static int send_without_memory(aeon_request *req)
{
        failing_once(nth);
        int r = aeon_events_begin(req, NULL);
        r = r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .name = "name", .id = "id", .data = "data" });
        r = r < 0 ? r : aeon_events_sleep(req, 0);
        failed = failing_end();
        CHECK(r >= 0 || r == -ENOMEM);
        return r;
}

TEST(events_survive_every_failed_allocation)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /memory", send_without_memory);
        const char *text;
        nth = 0;
        do {
                nth++;
                text = ask("GET /memory HTTP/1.1\r\n" LAST);
                bool whole = strstr(text, "data: data\n\n") && strstr(text, "\r\n0\r\n\r\n");
                CHECK(whole || strstr(text, "HTTP/1.1 500 ") || (strstr(text, "HTTP/1.1 200 ") && !strstr(text, "\r\n0\r\n\r\n")));
        } while (failed);
        CHECK_CONTAINS(text, "data: data\n\n");
        stop(g);
}

/* ------------------------------------------------------------------ the app's end */

static int port;

static int tick_for_ever(aeon_request *req)
{
        int r = aeon_events_begin(req, NULL);
        do
                r = r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .name = "tick" });
        while (r >= 0 && (r = aeon_events_sleep(req, AEON_MILLISECONDS(10))) > 0);
        r = r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .data = "farewell" });
        return r < 0 ? r : aeon_events_sleep(req, AEON_HOURS(1)); /* which is as over as the first */
}

static int wait_for_ever(aeon_request *req)
{
        aeon_sender *sender;
        aeon_receiver *receiver;
        int number;
        int r = aeon_channel_open(sizeof number, 0, &sender, &receiver);
        if (r < 0)
                return r;
        r = aeon_events_begin(req, NULL);
        r = r < 0 ? r : aeon_events_receive(req, receiver, &number);
        aeon_sender_close(sender);
        aeon_receiver_close(receiver);
        return r;
}

static void ticking(aeon_app *app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)port });
        aeon_route(app, "GET /tick", tick_for_ever, NULL);
        aeon_route(app, "GET /wait", wait_for_ever, NULL);
}

PLAIN_TEST_WITHIN(endless_events_end_well_when_the_app_drains, 60)
{
        port = test_free_port();
        pid_t pid = begin_app(ticking, &(aeon_app_opts){ .name = "web", .graceful_timeout = AEON_SECONDS(600), .loops = 2 });
        int tick = connect_to(port), wait = connect_to(port);
        send_text_to(tick, "GET /tick HTTP/1.1\r\n" HEADERS "\r\n");
        send_text_to(wait, "GET /wait HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(receive_text(tick, "event: tick\ndata: \n\n"), "event-stream");
        CHECK_CONTAINS(receive_text(wait, "\r\n\r\n"), "event-stream");
        kill(pid, SIGTERM);
        CHECK_CONTAINS(receive_text(tick, NULL), "data: farewell\n\n\r\n0\r\n\r\n");
        CHECK_STR(receive_text(wait, NULL), "0\r\n\r\n");
        CHECK_INT(end_app(pid, 0), 0);
        close(tick);
        close(wait);
}
