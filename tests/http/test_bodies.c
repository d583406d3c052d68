/* Request bodies: whole, streamed, in chunks, as records, unread, too long, too slow. */
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

TEST(a_body_too_long_is_413)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .max_body = 100 });
        CHECK_CONTAINS(ask("POST /echo HTTP/1.1\r\n" HEADERS "Content-Length: 101\r\n\r\n"), "HTTP/1.1 413 ");
        CHECK_CONTAINS(ask("POST /echo HTTP/1.1\r\n" HEADERS "Content-Length: 1000000\r\n\r\n"), "HTTP/1.1 413 ");
        CHECK_CONTAINS(ask("POST /echo10 HTTP/1.1\r\n" LAST "1234567890"), "HTTP/1.1 200 ");
        CHECK_CONTAINS(ask("POST /echo10 HTTP/1.1\r\nContent-Length: 11\r\n" LAST "12345678901"), "HTTP/1.1 413 ");
        CHECK_CONTAINS(ask("POST /echo10 HTTP/1.1\r\nContent-Length: 10\r\n" LAST "1234567890"), "\r\n\r\n1234567890");
        CHECK_CONTAINS(ask("POST /echo10 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" LAST "a\r\n1234567890\r\n0\r\n\r\n"),
                       "HTTP/1.1 200 ");
        CHECK_CONTAINS(ask("POST /echo10 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" LAST "b\r\n12345678901\r\n0\r\n\r\n"),
                       "HTTP/1.1 413 ");
        stop(g);
}

TEST(a_streamed_body_may_be_longer_than_memory_allows)
{
        static char piece[100000];
        aeon_group *g = start((struct http_limits){ .max_body = 100 });
        aeon_stream *s = dial();
        memset(piece, 'x', sizeof piece);
        say(s, "POST /count HTTP/1.1\r\nContent-Length: 3000000\r\n" LAST);
        for (int i = 0; i < 30; i++)
                CHECK_INT(aeon_stream_write(s, piece, sizeof piece), 0);
        CHECK_CONTAINS(hear(s, NULL), "\r\n\r\n3000000");
        aeon_stream_close(s);
        stop(g);
}

TEST(bad_chunks_are_400_and_the_end)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("POST /echo HTTP/1.1\r\n" HEADERS "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n"
                               "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 400 ");
        CHECK_CONTAINS(text, "Connection: close\r\n");
        CHECK_INT(times(text, "HTTP/1.1 "), 1);
        text = ask("POST /accepted HTTP/1.1\r\n" HEADERS
                   "Transfer-Encoding: chunked\r\n\r\nzz\r\n" /* never looked at by the handler */
                   "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_INT(times(text, "HTTP/1.1 "), 1);
        stop(g);
}

TEST(a_body_nobody_reads_does_not_become_the_next_request)
{
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text =
                ask("POST /accepted HTTP/1.1\r\n" HEADERS "Content-Length: 36\r\n\r\nGET /hello HTTP/1.1\r\n" HEADERS "\r\nxxxx"
                    "GET /show/9 HTTP/1.1\r\n" LAST);
        CHECK_INT(times(text, "HTTP/1.1 "), 2);
        CHECK_CONTAINS(text, "id=9");
        stop(g);
}

TEST(a_client_may_wait_for_100_continue)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        say(s, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n" LAST);
        CHECK_STR(hear(s, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        say(s, "body");
        CHECK_CONTAINS(hear(s, NULL), "\r\n\r\nbody");
        aeon_stream_close(s);
        s = dial(); /* an answer that needs no body comes at once, and ends the connection */
        say(s, "POST /echo10 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 40\r\n" HEADERS "\r\n");
        const char *text = hear(s, NULL);
        CHECK_INT(times(text, "HTTP/1.1 "), 1);
        CHECK_CONTAINS(text, "HTTP/1.1 413 ");
        CHECK_CONTAINS(text, "Connection: close\r\n");
        aeon_stream_close(s);
        stop(g);
}

TEST(bodies_and_replies_may_be_records)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("POST /typed HTTP/1.1\r\nContent-Length: 23\r\n" LAST "{\"word\":\"a\",\"times\":21}");
        CHECK_CONTAINS(text, "HTTP/1.1 200 ");
        CHECK_CONTAINS(text, "Content-Type: application/json\r\n");
        CHECK_CONTAINS(text, "{\"word\":\"a\",\"times\":42}");
        text = ask("POST /typed HTTP/1.1\r\nContent-Length: 23\r\n" LAST "{\"word\":true,\"times\":0}");
        CHECK_CONTAINS(text, "HTTP/1.1 400 ");
        CHECK_CONTAINS(text, "word");
        CHECK_CONTAINS(text, "times");
        stop(g);
}

TEST(a_body_that_trickles_is_408)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .body_timeout = AEON_MILLISECONDS(50) });
        CHECK_CONTAINS(ask("POST /echo HTTP/1.1\r\n" HEADERS "Content-Length: 5\r\n\r\nab"), "HTTP/1.1 408 ");
        stop(g);
}
