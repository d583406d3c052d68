/* What the server does when it runs short, and how long it has patience. */
#include "fixture.h"
#include "harness.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int taken[64], count;

static void take_all_descriptors(void)
{
        REQUIRE_INT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 64, 64 }), 0);
        while (count < 64 && (taken[count] = dup(0)) >= 0)
                count++;
}

TEST(without_descriptors_clients_wait_and_the_log_says_so_once)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        hear(s, "world!");
        test_stderr_begin();
        aeon_stream *waiting[2];
        take_all_descriptors();
        for (int i = 0; i < 2; i++) {
                close(taken[--count]); /* for the client's side */
                waiting[i] = dial();
                say(waiting[i], "GET /hello HTTP/1.1\r\n" LAST);
        }
        while (!server.failing)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(250)), 0); /* it has tried again, and fails as before */
        CHECK(server.failing);
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n"); /* who is in is served */
        CHECK_CONTAINS(hear(s, "world!"), "200 OK");
        while (count)
                close(taken[--count]);
        for (int i = 0; i < 2; i++) {
                CHECK_CONTAINS(hear(waiting[i], NULL), "Hello, world!");
                aeon_stream_close(waiting[i]);
        }
        CHECK_INT(times(test_stderr(), "HTTP accept: cannot accept a connection: Too many open files"), 1);
        test_stderr_end();
        CHECK(!server.failing);
        aeon_stream_close(s);
        stop(g);
}

TEST(the_limit_of_connections_is_logged_once_and_each_that_ends_lets_one_in)
{
        enum { CLIENTS = 8 };
        aeon_group *g = start((struct http_limits){ .max_connections = 2 });
        aeon_stream *s[CLIENTS];
        test_stderr_begin();
        for (int i = 0; i < CLIENTS; i++)
                s[i] = dial();
        for (int i = 0; i < CLIENTS; i++) {
                say(s[i], "GET /hello HTTP/1.1\r\n" LAST);
                CHECK_CONTAINS(hear(s[i], NULL), "Hello, world!");
                CHECK(server.count <= 2);
                aeon_stream_close(s[i]);
        }
        CHECK_INT(times(test_stderr(), "which is the limit"), 1);
        test_stderr_end();
        stop(g);
}

TEST(a_server_that_is_full_can_be_stopped)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .max_connections = 1 });
        aeon_stream *s = dial();
        while (!server.full)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        stop(g);
        aeon_stream_close(s);
}

TEST(a_body_that_keeps_up_its_rate_has_time)
{
        static char half[4096];
        aeon_group *g = start((struct http_limits){ .body_timeout = AEON_MILLISECONDS(20) });
        memset(half, 'x', sizeof half - 1);
        aeon_stream *s = dial();
        say(s, "POST /count HTTP/1.1\r\nContent-Length: 8190\r\n" LAST);
        say(s, half);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(100)), 0); /* in which 3 KiB have earned it three seconds */
        say(s, half);
        CHECK_CONTAINS(hear(s, NULL), "\r\n\r\n8190");
        aeon_stream_close(s);
        stop(g);
}

/* Closing while bytes of the client are unread resets the connection, and the reply may be lost on its way. */
TEST(who_is_refused_in_the_middle_of_sending_may_send_on_and_reads_why)
{
        static char rest[1 << 18];
        aeon_group *g = start((struct http_limits){ 0 });
        memset(rest, 'x', sizeof rest);
        aeon_stream *s = dial();
        say(s, "GET / HTTP/1.1\r\nno colon\r\n\r\n");
        const char *text = hear(s, NULL);
        CHECK_CONTAINS(text, "HTTP/1.1 400 ");
        CHECK_CONTAINS(text, "{\"title\":\"Bad Request\",\"status\":400}");
        CHECK_INT(server.count, 1);
        CHECK_INT(aeon_stream_write(s, rest, sizeof rest), 0);
        CHECK_INT(server.count, 1);
        aeon_stream_close(s);
        while (server.count)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        stop(g);
}
