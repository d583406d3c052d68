/* Replies, connections and the end of the server, over real sockets in one loop. */
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

/* ------------------------------------------------------------------ replies */

TEST(a_request_gets_its_reply)
{
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("GET /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "Content-Length: 13\r\n");
        CHECK_CONTAINS(text, "Content-Type: text/plain");
        CHECK_CONTAINS(text, " GMT\r\n");
        CHECK_CONTAINS(text, "Connection: close\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nHello, world!");
        stop(g);
}

TEST(a_handler_sees_all_parts_of_its_request)
{
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("GET /show/a%20b?p=1&q=x+%26y HTTP/1.1\r\nAccept: any\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 201 Created\r\n");
        CHECK_CONTAINS(text, "X-Seen: yes\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nGET /show/a%20b id=a b q=x &y accept=any none=-");
        CHECK_CONTAINS(ask("GET /show/7?q HTTP/1.1\r\n" LAST), "id=7 q= accept=-");
        CHECK_CONTAINS(ask("GET http://h/show/7?qq=1&q=2 HTTP/1.1\r\n" LAST), "GET /show/7 id=7 q=2 ");
        stop(g);
}

TEST(results_become_statuses_and_the_words_stay_inside)
{
        static const struct {
                int code, status;
        } cases[] = { { ENOENT, 404 }, { EACCES, 403 }, { EINVAL, 400 }, { ETIMEDOUT, 504 }, { EIO, 500 }, { ENOMEM, 500 } };
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char request[128], status[32];
                snprintf(request, sizeof request, "GET /fail/%d HTTP/1.1\r\n" LAST, cases[i].code);
                snprintf(status, sizeof status, "HTTP/1.1 %d ", cases[i].status);
                const char *text = ask(request);
                CHECK_CONTAINS(text, status);
                CHECK(!strstr(text, "secret") && !strstr(text, "never seen"));
        }
        server.limits.debug = true;
        CHECK_CONTAINS(ask("GET /fail/5 HTTP/1.1\r\n" LAST), "secret words");
        stop(g);
}

TEST(unknown_paths_methods_and_climbing_paths)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        CHECK_CONTAINS(ask("GET /nope HTTP/1.1\r\n" LAST), "HTTP/1.1 404 Not Found\r\n");
        const char *text = ask("POST /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 405 ");
        CHECK_CONTAINS(text, "Allow: GET, HEAD, OPTIONS\r\n");
        text = ask("OPTIONS /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 204 ");
        CHECK_CONTAINS(text, "Allow: GET, HEAD, OPTIONS\r\n");
        CHECK_CONTAINS(ask("OPTIONS * HTTP/1.1\r\n" LAST), "HTTP/1.1 204 ");
        CHECK_CONTAINS(ask("GET /show/%2e%2e HTTP/1.1\r\n" LAST), "HTTP/1.1 400 ");
        stop(g);
}

TEST(head_has_the_headers_of_get_and_no_body)
{
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("HEAD /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "Content-Length: 13\r\n");
        CHECK(!strstr(text, "Hello"));
        stop(g);
}

TEST(a_handler_without_a_reply_answers_204_without_a_length)
{
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("POST /accepted HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 204 No Content\r\n");
        CHECK(!strstr(text, "Content-Length"));
        CHECK_CONTAINS(ask("GET /bad HTTP/1.1\r\n" LAST), "HTTP/1.1 204 ");
        stop(g);
}

static int read_all(aeon_stream *s, size_t *ret_total)
{
        static char piece[65536];
        ssize_t n;
        *ret_total = 0;
        while ((n = aeon_stream_read(s, piece, sizeof piece)) > 0)
                *ret_total += (size_t)n;
        return (int)n;
}

TEST(a_reply_of_megabytes_arrives_whole)
{
        aeon_group *g = start((struct http_limits){ 0 });
        size_t total;
        aeon_stream *s = dial();
        say(s, "GET /big HTTP/1.1\r\n" LAST);
        CHECK_INT(read_all(s, &total), 0);
        CHECK(total > 5000000 && total < 5000500);
        aeon_stream_close(s);
        stop(g);
}

/* ------------------------------------------------------------------ connections */

TEST(a_connection_serves_many_requests_one_after_another)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        for (int i = 0; i < 50; i++) {
                say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
                CHECK_CONTAINS(hear(s, "world!"), "HTTP/1.1 200 OK\r\n");
        }
        CHECK_INT(server.count, 1);
        aeon_stream_close(s);
        stop(g);
}

TEST(pipelined_requests_are_answered_in_order)
{
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text =
                ask("GET /show/1 HTTP/1.1\r\n" HEADERS "\r\n"
                    "POST /echo HTTP/1.1\r\n" HEADERS "Content-Length: 5\r\n\r\nfirst"
                    "GET /slow HTTP/1.1\r\n" HEADERS "\r\n"
                    "POST /echo HTTP/1.1\r\n" HEADERS "Transfer-Encoding: chunked\r\n\r\n4\r\nseco\r\n2\r\nnd\r\n0\r\n\r\n"
                    "GET /show/2 HTTP/1.1\r\n" LAST);
        const char *parts[] = { "id=1", "first", "at last", "second", "id=2" };
        for (size_t i = 0; i < 5 && text; i++) {
                text = strstr(text, parts[i]);
                CHECK(text != NULL);
        }
        stop(g);
}

TEST(many_pipelined_requests_in_one_write)
{
        static char requests[100000];
        aeon_group *g = start((struct http_limits){ 0 });
        for (int i = 0; i < 300; i++)
                strcat(requests, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        strcat(requests, "GET /hello HTTP/1.1\r\n" LAST);
        CHECK_INT(times(ask(requests), "HTTP/1.1 200 OK"), 301);
        stop(g);
}

TEST(a_request_in_single_bytes_is_the_same_request)
{
        aeon_group *g = start((struct http_limits){ 0 });
        static const char request[] = "POST /echo HTTP/1.1\r\n" HEADERS "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                                      "5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n";
        aeon_stream *s = dial();
        for (size_t i = 0; i < sizeof request - 1; i++) {
                CHECK_INT(aeon_stream_write(s, request + i, 1), 0);
                aeon_sleep(AEON_MICROSECONDS(200));
        }
        CHECK_CONTAINS(hear(s, NULL), "\r\n\r\nhello");
        aeon_stream_close(s);
        stop(g);
}

TEST(http_1_0_closes_unless_asked)
{
        aeon_group *g = start((struct http_limits){ 0 });
        CHECK_CONTAINS(ask("GET /hello HTTP/1.0\r\n\r\n"), "Connection: close\r\n");
        aeon_stream *s = dial();
        say(s, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK_CONTAINS(hear(s, "world!"), "Connection: keep-alive\r\n");
        say(s, "GET /hello HTTP/1.0\r\n\r\n");
        CHECK_CONTAINS(hear(s, NULL), "Hello");
        aeon_stream_close(s);
        stop(g);
}

TEST(a_client_that_only_closed_its_sending_side_is_answered)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_INT(aeon_stream_shutdown(s), 0);
        CHECK_CONTAINS(hear(s, NULL), "Hello");
        aeon_stream_close(s);
        stop(g);
}

TEST(pipelined_requests_are_answered_though_the_client_closed_its_sending_side)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        say(s,
            "GET /slow HTTP/1.1\r\n" HEADERS "\r\nGET /hello HTTP/1.1\r\n" HEADERS "\r\nGET /show/2 HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_INT(aeon_stream_shutdown(s), 0);
        const char *text = hear(s, NULL);
        CHECK_CONTAINS(text, "at last");
        CHECK_CONTAINS(text, "Hello");
        CHECK_CONTAINS(text, "id=2");
        aeon_stream_close(s);
        stop(g);
}

/* ------------------------------------------------------------------ the end */

TEST(a_stop_answers_what_has_begun_and_closes_what_is_idle)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *idle = dial(), *busy = dial();
        say(idle, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        hear(idle, "world!");
        say(busy, "GET /slow HTTP/1.1\r\n" HEADERS "\r\n");
        aeon_sleep(AEON_MILLISECONDS(20));
        aeon__http_server_quiesce(&server);
        CHECK_STR(hear(idle, NULL), "");
        const char *text = hear(busy, NULL);
        CHECK_CONTAINS(text, "Connection: close\r\n");
        CHECK_CONTAINS(text, "at last");
        aeon_stream_close(idle);
        aeon_stream_close(busy);
        aeon_stream *late = NULL;
        CHECK_INT(aeon_stream_connect(address, &late), -ECONNREFUSED);
        stop(g);
}

TEST(a_request_on_the_wire_when_the_stop_comes_is_answered)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        hear(s, "world!");
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n"); /* in the kernel; the server has not read it */
        aeon__http_server_quiesce(&server);
        CHECK_CONTAINS(hear(s, NULL), "Hello");
        aeon_stream_close(s);
        stop(g);
}

static int began, ended;

static int wait_for_cancel(aeon_request *req)
{
        (void)req;
        began++;
        int r = aeon_sleep_until(AEON_NEVER);
        ended++;
        return r;
}

TEST(a_cancelled_server_waits_for_its_handlers_to_end)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /cancel", wait_for_cancel);
        aeon_stream *s = dial();
        say(s, "GET /cancel HTTP/1.1\r\n" HEADERS "\r\n");
        while (!began)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        aeon_group_cancel(g, "enough");
        stop(g);
        CHECK_INT(ended, 1);
        CHECK_CONTAINS(hear(s, NULL), "HTTP/1.1 503 ");
        aeon_stream_close(s);
}
