/* HTTP/2: the end of a server as its clients see it: nothing that was let in is cut, nothing else is waited for. */
#include "harness.h"
#include "http2_client.h"
#include "process.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/loop.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int quiesce(void *arg)
{
        (void)arg;
        aeon__http_server_quiesce(&server);
        return 0;
}

static void begin_stop(aeon_group *g)
{
        REQUIRE_INT(aeon_spawn(g, "stop", quiesce, NULL), 0);
        while (!server.closing)
                REQUIRE_INT(aeon_sleep(0), 0);
}

static void end_stop(aeon_group *g)
{
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(server.count, 0);
        aeon__http_server_done(&server);
        aeon__router_done(&router);
}

TEST(a_stop_lets_requests_end_and_takes_those_that_were_on_their_way)
{
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        struct h2_stream *s = h2_ask(c, "GET", "/slow", NULL, NULL);
        h2_get(c, "/hello"); /* it has begun */
        begin_stop(g);
        struct h2_stream *late = h2_ask(c, "POST", "/echo", NULL, "late"); /* sent before the client has read of the stop */
        h2_send(c);
        h2_await_goaway(c, 2);
        CHECK_INT(c->last_id, late->id);
        CHECK_INT(c->code, NGHTTP2_NO_ERROR);
        h2_await_end(c, late);
        h2_await_end(c, s);
        CHECK_STR(late->text, "late");
        CHECK_STR(s->text, "at last");
        h2_await_gone(c);
        h2_close(c);
        end_stop(g);
}

TEST(a_stop_ends_idle_connections_at_once)
{
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL), *silent = h2_dial(NULL);
        h2_get(c, "/hello");
        h2_turn(silent, AEON_SECONDS(10)); /* a connection that never asks */
        aeon_time begun = aeon_now();
        begin_stop(g);
        h2_await_gone(c);
        h2_await_gone(silent);
        CHECK_INT(c->goaways, 2); /* the notice, then the last stream */
        CHECK_INT(c->last_id, 1);
        CHECK_INT(silent->last_id, 0);
        h2_close(c);
        h2_close(silent);
        end_stop(g);
        CHECK(aeon_now() - begun < AEON_SECONDS(15) || test_is_slow());
}

TEST(who_does_not_answer_the_ping_is_not_waited_for)
{
        aeon_group *g = start((struct http_limits){ .idle_timeout = AEON_SECONDS(600) });
        struct h2 *c = h2_dial(&(struct h2_opts){ .no_acks = true });
        h2_get(c, "/hello");
        begin_stop(g);
        h2_await_gone(c);
        CHECK_INT(c->goaways, 2);
        h2_close(c);
        end_stop(g);
}

static aeon_event *go_on;

static int stream_long(aeon_request *req)
{
        static char piece[100000];
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, piece, 1);
        r = r < 0 ? r : aeon_event_wait(go_on);
        for (int i = 0; i < 50 && r >= 0; i++)
                r = aeon_reply_write(req, piece, sizeof piece);
        return r;
}

TEST(a_long_reply_to_a_slow_client_comes_whole_though_the_server_stops)
{
        aeon_group *g = start((struct http_limits){ 0 });
        REQUIRE_INT(aeon_event_new(&go_on), 0);
        route("GET /long", stream_long);
        struct h2 *c = h2_dial(NULL);
        struct h2_stream *s = h2_ask(c, "GET", "/long", NULL, NULL);
        while (!s->size)
                REQUIRE(h2_turn(c, AEON_SECONDS(10)));
        begin_stop(g);
        h2_await_goaway(c, 2);
        aeon_event_set(go_on);
        for (int i = 0; !s->closed; i++) {
                h2_turn(c, AEON_SECONDS(10));
                if (i < 20)
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(5)), 0);
        }
        CHECK(s->ended);
        CHECK_INT(s->size, 5000001);
        h2_await_gone(c);
        h2_close(c);
        end_stop(g);
        aeon_event_free(go_on);
}

TEST(a_cancelled_group_ends_connections_with_a_farewell)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *idle = h2_dial(NULL), *busy = h2_dial(NULL);
        h2_get(idle, "/hello");
        struct h2_stream *s = h2_ask(busy, "GET", "/slow", NULL, NULL);
        h2_get(busy, "/hello");
        aeon_scope shield; /* the test stands in the group */
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_group_cancel(g, "the test");
        h2_await_gone(idle);
        CHECK_INT(idle->code, NGHTTP2_NO_ERROR);
        CHECK_INT(idle->goaways, 1);
        h2_await_gone(busy);
        CHECK_INT(s->status, 503); /* said to a handler that is cancelled, in the second that it has for it */
        h2_close(idle);
        h2_close(busy);
        aeon_scope_close(&shield, 0);
        end_stop(g);
}

/* ------------------------------------------------------------------ as an app */

static int port;

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!");
}

static int until_draining(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, "text/event-stream");
        r = r < 0 ? r : aeon_reply_write(req, "begun", 5);
        r = r < 0 ? r : aeon_event_wait(aeon_draining());
        return r < 0 ? r : aeon_reply_write(req, "farewell", 8);
}

static int for_ever(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, "begun", 5);
        return r < 0 ? r : aeon_sleep_until(AEON_NEVER);
}

static void web(aeon_app *app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)port });
        aeon_route(app, "GET /hello", hello, NULL);
        aeon_route(app, "GET /draining", until_draining, NULL);
        aeon_route(app, "GET /for-ever", for_ever, NULL);
}

static pid_t start_app(aeon_duration graceful_timeout)
{
        port = test_free_port();
        snprintf(address, sizeof address, "127.0.0.1:%d", port);
        pid_t pid = begin_app(web, &(aeon_app_opts){ .name = "web", .graceful_timeout = graceful_timeout });
        await_words("is ready");
        return pid;
}

/* In a loop of its own, so that the app is not forked from inside one. */
static int ask_app_that_stops(void *arg)
{
        pid_t pid = *(pid_t *)arg;
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *ends = h2_ask(c, "GET", "/draining", NULL, NULL),
                               *stays = h2_ask(c, "GET", "/for-ever", NULL, NULL);
        h2_await_text(c, ends, 5);
        h2_await_text(c, stays, 5);
        kill(pid, SIGTERM);
        h2_await_end(c, ends);
        CHECK_STR(ends->text, "begunfarewell");
        CHECK(ends->ended && !stays->closed);
        h2_await_end(c, stays);
        CHECK_INT(stays->reset, NGHTTP2_INTERNAL_ERROR); /* cut off, at the deadline */
        h2_await_gone(c);
        CHECK_INT(c->goaways, 2);
        h2_close(c);
        return 0;
}

PLAIN_TEST_WITHIN(a_stopping_app_drains_its_streams_and_cuts_off_the_rest_at_the_deadline, 60)
{
        pid_t pid = start_app(AEON_MILLISECONDS(500));
        CHECK_INT(aeon_loop_run(ask_app_that_stops, &pid), 0);
        CHECK_INT(end_app(pid, 0), 0);
        await_words("GET /for-ever 200 cut off");
}
