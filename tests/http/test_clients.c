/* Clients that break the rules, dawdle, go away or come in crowds. */
#include "fixture.h"
#include "harness.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TEST(malformed_heads_are_answered_and_the_connection_ends)
{
        static const char *const bad[] = {
                "GET / HTTP/1.1\n" HEADERS "\n",
                "GET /hello HTTP/1.1\r\n\r\n",
                "GET /hello HTTP/1.1\r\n" HEADERS HEADERS "\r\n",
                "POST /echo HTTP/1.1\r\n" HEADERS "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        };
        aeon_group *g = start((struct http_limits){ 0 });
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                char request[512];
                snprintf(request, sizeof request, "%sGET /hello HTTP/1.1\r\n" HEADERS "\r\n", bad[i]);
                const char *text = ask(request);
                CHECK_INT(times(text, "HTTP/1.1 "), 1);
                CHECK_CONTAINS(text, "HTTP/1.1 400 Bad Request\r\n");
                CHECK_CONTAINS(text, "Connection: close\r\n");
        }
        stop(g);
}

TEST(a_head_that_never_ends_is_408)
{
        aeon_group *g = start((struct http_limits){ .head_timeout = AEON_MILLISECONDS(100) });
        aeon_stream *s = dial();
        aeon_time begun = aeon_now();
        int r = 0;
        for (int i = 0; i < 100 && r == 0 && aeon_now() - begun < AEON_MILLISECONDS(150); i++) {
                r = aeon_stream_write(s, i ? "a" : "GET /", i ? 1 : 5); /* each byte keeps it alive for nobody */
                aeon_sleep(AEON_MILLISECONDS(10));
        }
        CHECK_CONTAINS(hear(s, NULL), "HTTP/1.1 408 ");
        aeon_stream_close(s);
        stop(g);
}

TEST(an_idle_connection_is_closed_without_a_word)
{
        aeon_group *g = start((struct http_limits){ .idle_timeout = AEON_MILLISECONDS(50) });
        CHECK_STR(ask(""), "");
        aeon_stream *s = dial();
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_INT(times(hear(s, NULL), "HTTP/1.1 "), 1);
        aeon_stream_close(s);
        stop(g);
}

TEST(a_client_that_takes_no_reply_is_dropped)
{
        aeon_group *g = start((struct http_limits){ .write_timeout = AEON_MILLISECONDS(50) });
        aeon_stream *s = dial();
        say(s, "GET /big HTTP/1.1\r\n" HEADERS "\r\n");
        for (int i = 0; i < 500 && server.count == 0; i++)
                aeon_sleep(AEON_MILLISECONDS(2));
        for (int i = 0; i < 2500 && server.count > 0; i++)
                aeon_sleep(AEON_MILLISECONDS(2));
        CHECK_INT(server.count, 0);
        aeon_stream_close(s);
        stop(g);
}

TEST(a_handler_is_cancelled_when_its_client_goes)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        for (int with_body = 0; with_body < 2; with_body++) {
                aeon_stream *s = dial();
                say(s, "GET /slow HTTP/1.1\r\n" HEADERS "\r\n");
                aeon_sleep(AEON_MILLISECONDS(20));
                aeon_stream_close(s);
                aeon_sleep(AEON_MILLISECONDS(50));
        }
        CHECK_INT(finished, 0);
        CHECK_INT(cancelled, 2);
        CHECK_CONTAINS(why, "client disconnected");
        stop(g);
}

/* One client that says a part of something, perhaps garbled, perhaps hears something, and goes without a word. */
static int rude_client(void *arg)
{
        static const char whole[] = "POST /echo HTTP/1.1\r\n" HEADERS "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                                    "GET /slow HTTP/1.1\r\n" HEADERS "\r\nPOST /count HTTP/1.1\r\n" HEADERS
                                    "Content-Length: 9\r\n\r\n123456789GET /hello HTTP/1.1\r\n" HEADERS "\r\n";
        char text[sizeof whole], heard[64];
        unsigned seed = (unsigned)(uintptr_t)arg;
        size_t size = (size_t)rand_r(&seed) % sizeof whole, half = (size_t)rand_r(&seed) % (size + 1);
        aeon_stream *s;
        memcpy(text, whole, sizeof whole);
        if (size && rand_r(&seed) % 3 == 0)
                text[(size_t)rand_r(&seed) % size] = (char)rand_r(&seed);
        if (aeon_stream_connect(address, &s) < 0)
                return 0;
        int r = aeon_stream_write(s, text, half);
        aeon_sleep(AEON_MILLISECONDS(rand_r(&seed) % 20));
        if (r == 0)
                r = aeon_stream_write(s, text + half, size - half);
        aeon_sleep(AEON_MILLISECONDS(rand_r(&seed) % 300));
        if (r == 0 && rand_r(&seed) % 2) {
                aeon_scope limit;
                aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(10) });
                ssize_t n = aeon_stream_read(s, heard, sizeof heard);
                aeon_scope_close(&limit, n < 0 ? (int)n : 0);
        }
        aeon_stream_close(s);
        return 0;
}

TEST_WITHIN(rude_clients_leave_nothing_behind, 60)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g =
                start((struct http_limits){ .head_timeout = AEON_MILLISECONDS(100), .body_timeout = AEON_MILLISECONDS(100) });
        for (uintptr_t round = 0; round < 5; round++) {
                aeon_group *clients;
                REQUIRE_INT(aeon_group_open(&clients), 0);
                for (uintptr_t i = 1; i <= 60; i++)
                        aeon_spawn(clients, "rude", rude_client, (void *)(round * 60 + i));
                CHECK_INT(aeon_group_close(clients), 0);
        }
        CHECK_CONTAINS(ask("GET /hello HTTP/1.1\r\n" LAST), "Hello");
        for (int i = 0; i < 500 && server.count > 0; i++)
                aeon_sleep(AEON_MILLISECONDS(10));
        CHECK_INT(server.count, 0);
        stop(g);
}

TEST(a_route_may_limit_its_time)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        CHECK_CONTAINS(ask("GET /late HTTP/1.1\r\n" LAST), "HTTP/1.1 504 ");
        CHECK_INT(cancelled, 1);
        stop(g);
}

TEST(connections_above_the_limit_wait_for_their_turn)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .max_connections = 1 });
        aeon_stream *first = dial(), *second = dial();
        say(first, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        hear(first, "world!");
        say(second, "GET /hello HTTP/1.1\r\n" LAST);
        aeon_sleep(AEON_MILLISECONDS(20));
        CHECK_INT(server.count, 1);
        aeon_stream_close(first);
        CHECK_CONTAINS(hear(second, NULL), "Hello");
        aeon_stream_close(second);
        stop(g);
}
