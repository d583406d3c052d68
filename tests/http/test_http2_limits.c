/* HTTP/2: clients that want too much, break the rules, dawdle, or flood. */
#include "failing.h"
#include "harness.h"
#include "http2_client.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TARGET(path) ":method", "GET", ":scheme", "http", ":authority", "x", ":path", path
#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct h2_stream *get_with(struct h2 *c, const char *const *fields)
{
        struct h2_stream *s = h2_ask_raw(c, fields, NULL, 0, false);
        h2_await_end(c, s);
        return s;
}

/* The connection still serves. */
static void check_alive(struct h2 *c)
{
        CHECK_INT(h2_get(c, "/hello")->status, 200);
        CHECK_INT(c->goaways, 0);
}

static void await_no_connection(void)
{
        while (server.count)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

/* ------------------------------------------------------------------ heads */

TEST(heads_that_are_too_long_are_answered_and_the_connection_goes_on)
{
        static char path[8300], value[7000];
        memset(path, 'p', sizeof path - 1);
        path[0] = '/';
        memset(value, 'v', sizeof value - 1);
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        CHECK_INT(get_with(c, FIELDS(TARGET(path)))->status, 414);
        const struct h2_stream *s = get_with(c, FIELDS(TARGET("/hello"), "a", value, "b", value, "c", value));
        CHECK_INT(s->status, 431);
        CHECK_STR(s->text, "{\"title\":\"Request Header Fields Too Large\",\"status\":431}");
        CHECK_INT(get_with(c, FIELDS(TARGET("/hello"), "cookie", value, "cookie", value, "cookie", value))->status, 431);
        CHECK_INT(get_with(c, FIELDS(":method", "HEAD", ":scheme", "http", ":authority", "x", ":path", path))->status, 414);
        const char *many[220] = { TARGET("/hello") };
        for (int i = 8; i < 8 + 2 * 101; i += 2) {
                many[i] = "a";
                many[i + 1] = "b";
        }
        CHECK_INT(get_with(c, many)->status, 431);
        check_alive(c);
        h2_close(c);
        stop(g);
}

TEST(fields_that_may_not_stand_in_a_request_are_an_error_of_its_stream)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        const char *const *const wrong[] = {
                FIELDS(TARGET("/hello"), "connection", "close"),
                FIELDS(TARGET("/hello"), "transfer-encoding", "chunked"),
                FIELDS(TARGET("/hello"), "upgrade", "x"),
                FIELDS(TARGET("/hello"), "te", "gzip"),
                FIELDS(TARGET("/hello"), "a b", "x"),
                FIELDS(TARGET("/hello"), "a", "x\ny"),
                FIELDS(TARGET("/hello"), "a", " x"),
                FIELDS(TARGET("/hello"), "content-length", "1", "content-length", "1"),
                FIELDS(TARGET("/hello"), ":other", "x"),
                FIELDS(TARGET("/hello"), ":path", "/hello"),
                FIELDS(":method", "GET", ":scheme", "http", ":authority", "x"),
                FIELDS(":method", "GET", ":authority", "x", ":path", "/hello"),
                FIELDS(":scheme", "http", ":authority", "x", ":path", "/hello"),
                FIELDS("a", "x", TARGET("/hello")),
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                const struct h2_stream *s = get_with(c, wrong[i]);
                CHECK_INT(s->reset, NGHTTP2_PROTOCOL_ERROR);
                CHECK_INT(s->status, 0);
        }
        CHECK_INT(get_with(c, FIELDS(TARGET("hello")))->reset, NGHTTP2_PROTOCOL_ERROR);
        CHECK_INT(get_with(c, FIELDS(TARGET("/%2")))->status, 400);
        check_alive(c);
        h2_close(c);
        stop(g);
}

/* ------------------------------------------------------------------ crowds */

TEST(requests_above_the_limit_are_refused_and_none_is_lost)
{
        aeon_group *g = start((struct http_limits){ .max_streams = 3 });
        struct h2 *c = h2_dial(NULL);
        for (int i = 0; i < 5; i++) /* the limit has not been heard of yet */
                h2_ask(c, "GET", "/slow", NULL, NULL);
        for (int i = 0; i < 5; i++)
                h2_await_end(c, &c->streams[i]);
        for (int i = 0; i < 3; i++)
                CHECK_INT(c->streams[i].status, 200);
        for (int i = 3; i < 5; i++)
                CHECK_INT(c->streams[i].reset, NGHTTP2_REFUSED_STREAM);
        CHECK_INT(finished, 3);
        check_alive(c);
        h2_close(c);
        stop(g);
}

static int busy, busiest;

/* Takes its time also to end. */
static int linger_on(aeon_request *req)
{
        (void)req;
        aeon_scope s;
        busy++;
        busiest = busy > busiest ? busy : busiest;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true });
        int r = aeon_scope_close(&s, aeon_sleep(AEON_MILLISECONDS(300)));
        busy--;
        return r;
}

TEST(handlers_that_outlive_a_reset_count)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .max_streams = 4 });
        route("GET /on", linger_on);
        struct h2 *c = h2_dial(NULL);
        for (int i = 0; i < 30; i++) {
                struct h2_stream *s = h2_ask(c, "GET", "/on", NULL, NULL);
                h2_send(c);
                nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
                h2_turn(c, AEON_MILLISECONDS(5));
        }
        CHECK_INT(busiest, 4);
        h2_close(c);
        stop(g);
}

/* ------------------------------------------------------------------ floods */

#define FRAME(size, type, flags, id, ...)                         \
        {                                                         \
                0, 0, size, type, flags, 0, 0, 0, id, __VA_ARGS__ \
        }

static const struct {
        const char *name;
        unsigned char bytes[24];
        size_t size;
        bool answered; /* and our client cannot bear that */
} floods[] = {
        { "ping", FRAME(8, NGHTTP2_PING, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8), 17 },
        { "settings", FRAME(0, NGHTTP2_SETTINGS, 0, 0), 9, true },
        { "priority", FRAME(5, NGHTTP2_PRIORITY, 0, 1, 0, 0, 0, 3, 1), 14 },
        { "window of the connection", FRAME(4, NGHTTP2_WINDOW_UPDATE, 0, 0, 0, 0, 0, 1), 13 },
        { "empty data", FRAME(0, NGHTTP2_DATA, 0, 1), 9 },
};

static int wait_for_ever(aeon_request *req)
{
        (void)req;
        return aeon_sleep_until(AEON_NEVER);
}

TEST(floods_of_frames_that_lead_to_nothing_end_the_connection)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("POST /wait", wait_for_ever);
        for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
                struct h2 *c = h2_dial(NULL);
                h2_ask_raw(c, FIELDS(":method", "POST", ":scheme", "http", ":authority", "x", ":path", "/wait"), "x", 1, true);
                h2_send(c);
                for (int n = 0; n < 900; n++)
                        h2_send_bytes(c, floods[i].bytes, floods[i].size);
                if (!floods[i].answered)
                        check_alive(c); /* a good deal is borne */
                for (int n = 0; n < 2000 && !c->gone; n++)
                        h2_send_bytes(c, floods[i].bytes, floods[i].size);
                h2_await_gone(c);
                if (c->goaways)
                        CHECK_INT(c->code, NGHTTP2_ENHANCE_YOUR_CALM);
                h2_close(c);
        }
        await_no_connection();
        stop(g);
}

TEST(rapid_resets_end_the_connection)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /wait", wait_for_ever);
        struct h2 *c = h2_dial(NULL);
        h2_get(c, "/hello");
        int i = 0;
        for (; i < 3000 && !c->gone && !c->goaways; i++) {
                c->count = 1;
                const struct h2_stream *s = h2_ask(c, "GET", "/wait", NULL, NULL);
                nghttp2_session_set_stream_user_data(c->session, s->id, NULL);
                h2_send(c);
                nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
                h2_send(c);
                if (i % 50 == 0)
                        h2_turn(c, AEON_MILLISECONDS(1));
        }
        h2_await_gone(c);
        CHECK(i >= 1000 && i < 3000);
        h2_close(c);
        await_no_connection();
        stop(g);
}

/* The client breaks a rule for each of its streams, and we reset them. */
TEST(resets_that_we_are_driven_to_end_the_connection_too)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /wait", wait_for_ever);
        struct h2 *c = h2_dial(NULL);
        h2_get(c, "/hello");
        int i = 0;
        for (; i < 3000 && !c->gone && !c->goaways; i++) {
                unsigned char overflow[] = FRAME(4, NGHTTP2_WINDOW_UPDATE, 0, 0, 0x7f, 0xff, 0xff, 0xff);
                c->count = 1;
                const struct h2_stream *s = h2_ask(c, "GET", "/wait", NULL, NULL);
                nghttp2_session_set_stream_user_data(c->session, s->id, NULL);
                h2_send(c);
                overflow[7] = (unsigned char)(s->id >> 8);
                overflow[8] = (unsigned char)s->id;
                h2_send_bytes(c, overflow, sizeof overflow);
                if (i % 20 == 0)
                        h2_turn(c, AEON_MILLISECONDS(5));
        }
        h2_await_gone(c);
        CHECK(i < 3000);
        h2_close(c);
        await_no_connection();
        stop(g);
}

TEST(a_head_of_endless_continuations_ends_the_connection)
{
        static const unsigned char head[] = FRAME(1, NGHTTP2_HEADERS, 0, 3, 0x82),
                                   more[] = FRAME(1, NGHTTP2_CONTINUATION, 0, 3, 0x84);
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        h2_get(c, "/hello");
        h2_send_bytes(c, head, sizeof head);
        for (int i = 0; i < 100; i++)
                h2_send_bytes(c, more, sizeof more);
        h2_await_gone(c);
        h2_close(c);
        await_no_connection();
        stop(g);
}

/* ------------------------------------------------------------------ time */

TEST(a_head_that_never_ends_ends_the_connection)
{
        static const unsigned char head[] = FRAME(1, NGHTTP2_HEADERS, 0, 3, 0x82);
        aeon_group *g = start((struct http_limits){ .head_timeout = AEON_MILLISECONDS(50) });
        struct h2 *c = h2_dial(NULL);
        h2_get(c, "/hello"); /* from now on nothing else is to be said */
        h2_send_bytes(c, head, sizeof head);
        h2_await_gone(c);
        CHECK_INT(c->code, NGHTTP2_ENHANCE_YOUR_CALM);
        h2_close(c);
        stop(g);
}

TEST(an_idle_connection_ends_with_a_farewell_but_not_under_a_request)
{
        aeon_group *g = start((struct http_limits){ .idle_timeout = AEON_MILLISECONDS(50) });
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *s = h2_get(c, "/slow"); /* takes longer than that */
        CHECK_INT(s->status, 200);
        h2_await_gone(c);
        CHECK_INT(c->goaways, 1);
        CHECK_INT(c->code, NGHTTP2_NO_ERROR);
        CHECK_INT(c->last_id, 1);
        h2_close(c);
        stop(g);
}

TEST(a_client_that_opens_no_window_loses_its_streams)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .write_timeout = AEON_MILLISECONDS(100) });
        struct h2 *c = h2_dial(&(struct h2_opts){ .window = -1, .keep_window = true });
        struct h2_stream *s = h2_get(c, "/hello");
        CHECK_INT(s->status, 200);
        CHECK_INT(s->reset, NGHTTP2_CANCEL);
        s = h2_ask(c, "GET", "/big", NULL, NULL); /* a byte now and then is not enough */
        while (!s->closed) {
                h2_open_window(c, s, 1);
                h2_turn(c, AEON_MILLISECONDS(10));
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(5)), 0);
        }
        CHECK_INT(s->reset, NGHTTP2_CANCEL);
        CHECK(s->size < 1000);
        CHECK_INT(c->goaways, 0);
        h2_close(c);
        stop(g);
}

TEST(a_client_that_reads_nothing_is_dropped)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .write_timeout = AEON_MILLISECONDS(100) });
        struct h2 *c = h2_dial(&(struct h2_opts){ .window = 100000000 });
        h2_open_window(c, NULL, 100000000);
        for (int i = 0; i < 5; i++)
                h2_ask(c, "GET", "/big", NULL, NULL);
        h2_send(c);
        while (!server.count)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        await_no_connection();
        h2_close(c);
        stop(g);
}

TEST(a_body_that_does_not_come_is_408_and_the_connection_goes_on)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .body_timeout = AEON_MILLISECONDS(50) });
        struct h2 *c = h2_dial(NULL);
        struct h2_stream *s =
                h2_ask_raw(c, FIELDS(":method", "POST", ":scheme", "http", ":authority", "x", ":path", "/echo"), "half", 4, true);
        h2_await_end(c, s);
        CHECK_INT(s->status, 408);
        CHECK_INT(s->reset, NGHTTP2_NO_ERROR);
        check_alive(c);
        h2_close(c);
        stop(g);
}

TEST(a_preface_that_goes_on_wrong_ends_the_connection)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        CHECK_CONTAINS(ask(HTTP2_PREFACE "GET / HTTP/1.1\r\n\r\n"), "");
        await_no_connection();
        stop(g);
}

/* ------------------------------------------------------------------ no memory */

static _Atomic bool heard_enough;

/* A POST as bytes, from a thread that fails at nothing; until the connection ends or all has come. */
static void *client_run(void *arg)
{
        static const char bytes[] =
                HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0"                                 /* SETTINGS */
                              "\0\0\x0c\1\4\0\0\0\1\x83\x86\x04\x05/echo\x01\x01x" /* HEADERS: POST, http, /echo, x */
                              "\0\0\4\0\1\0\0\0\1body";                            /* DATA */
        char room[4096];
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        to.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_usec = 300000 }, sizeof(struct timeval));
        *(int *)arg = 0;
        if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send(fd, bytes, sizeof bytes - 1, MSG_NOSIGNAL) > 0) {
                ssize_t n, used = 0;
                while ((n = recv(fd, room + used, sizeof room - (size_t)used, 0)) > 0 && !*(int *)arg) {
                        used += n;
                        *(int *)arg = memmem(room, (size_t)used, "body", 4) != NULL;
                }
        }
        close(fd);
        atomic_store(&heard_enough, true);
        return NULL;
}

static bool ask_failing(int nth)
{
        pthread_t client;
        int answered;
        atomic_store(&heard_enough, false);
        REQUIRE_INT(pthread_create(&client, NULL, client_run, &answered), 0);
        failing_once(nth);
        while (!atomic_load(&heard_enough) || server.count)
                (void)aeon_sleep(AEON_MILLISECONDS(1));
        bool failed = failing_end();
        pthread_join(client, NULL);
        CHECK(failed || answered);
        return failed;
}

TEST_WITHIN(a_request_survives_or_fails_cleanly_at_each_allocation, 120)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        ask_failing(0);
        int n = 1;
        while (ask_failing(n))
                n++;
        CHECK(n > 30 || test_is_slow());
        ask_failing(0);
        stop(g);
}
