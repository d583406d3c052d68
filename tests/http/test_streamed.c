/* Replies that are streamed: their bytes on the wire, slow clients, and what becomes of those that do not come to their end. */
#include "fixture.h"
#include "harness.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int two_pieces(aeon_request *req)
{
        aeon_reply_header(req, "X-Seen", "yes");
        int r = aeon_reply_begin(req, 200, "text/plain");
        CHECK_INT(aeon_reply_begin(req, 200, NULL), -EALREADY);
        CHECK_INT(aeon_reply_text(req, 200, "other"), -EALREADY);
        CHECK_INT(aeon_reply_header(req, "X-Late", "yes"), -EALREADY);
        r = r < 0 ? r : aeon_reply_write(req, "Hello, ", 7);
        r = r < 0 ? r : aeon_reply_write(req, "wide world!", 11);
        return r < 0 ? r : aeon_reply_end(req);
}

static int without_end(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        return r < 0 ? r : aeon_reply_write(req, "all", 3);
}

static int failing(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, "part", 4);
        return r < 0 ? r : aeon_fail(-EIO, "the disk is full of %s", "words");
}

static int long_as_told(aeon_request *req)
{
        aeon_reply_length(req, 18);
        return two_pieces(req);
}

static int shorter_than_told(aeon_request *req)
{
        aeon_reply_length(req, 10);
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, "12345", 5);
        CHECK_INT(aeon_reply_write(req, "123456", 6), -EMSGSIZE);
        return r;
}

static int bare(aeon_request *req)
{
        int r = aeon_reply_begin(req, 204, NULL);
        return r < 0 ? r : aeon_reply_write(req, "nothing", 7);
}

static int out_of_order(aeon_request *req)
{
        CHECK_INT(aeon_reply_write(req, "x", 1), -EBADF);
        CHECK_INT(aeon_reply_begin(req, 99, NULL), -EINVAL);
        CHECK_INT(aeon_reply_begin(req, 200, "a\nb"), -EINVAL);
        int r = two_pieces(req);
        CHECK_INT(aeon_reply_write(req, "x", 1), -EBADF);
        CHECK_INT(aeon_reply_end(req), -EBADF);
        return r;
}

static aeon_group *start_streaming(void)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /two", two_pieces);
        route("GET /without-end", without_end);
        route("GET /failing", failing);
        route("GET /told", long_as_told);
        route("GET /shorter", shorter_than_told);
        route("GET /bare", bare);
        route("GET /order", out_of_order);
        return g;
}

/* What follows the head. */
static const char *body_of(const char *text)
{
        const char *end = strstr(text, "\r\n\r\n");
        return end ? end + 4 : "(no end of the head)";
}

/* ------------------------------------------------------------------ on the wire */

TEST(a_streamed_reply_is_chunks_in_1_1_and_the_connection_goes_on)
{
        aeon_group *g = start_streaming();
        aeon_stream *s = dial();
        say(s, "GET /two HTTP/1.1\r\n" HEADERS "\r\n");
        const char *text = hear(s, "0\r\n\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "Transfer-Encoding: chunked\r\n");
        CHECK_CONTAINS(text, "Content-Type: text/plain\r\n");
        CHECK_CONTAINS(text, "X-Seen: yes\r\n");
        CHECK(!strstr(text, "Content-Length") && !strstr(text, "X-Late"));
        CHECK_STR(body_of(text), "7\r\nHello, \r\nb\r\nwide world!\r\n0\r\n\r\n");
        say(s, "GET /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(hear(s, NULL), "\r\n\r\nHello, world!");
        aeon_stream_close(s);
        stop(g);
}

TEST(a_streamed_reply_to_1_0_ends_with_the_connection)
{
        aeon_group *g = start_streaming();
        const char *text = ask("GET /two HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK_CONTAINS(text, "Connection: close\r\n");
        CHECK(!strstr(text, "Transfer-Encoding") && !strstr(text, "Content-Length"));
        CHECK_STR(body_of(text), "Hello, wide world!");
        stop(g);
}

TEST(a_length_that_was_told_is_sent_in_place_of_chunks)
{
        aeon_group *g = start_streaming();
        const char *text = ask("GET /told HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Content-Length: 18\r\n");
        CHECK(!strstr(text, "Transfer-Encoding"));
        CHECK_STR(body_of(text), "Hello, wide world!");
        text = ask("GET /told HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /told HTTP/1.0\r\n\r\n");
        CHECK_INT(times(text, "Content-Length: 18\r\n"), 2);
        stop(g);
}

TEST(head_204_and_304_stream_no_body)
{
        aeon_group *g = start_streaming();
        const char *text = ask("HEAD /two HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Transfer-Encoding: chunked\r\n");
        CHECK_STR(body_of(text), "");
        text = ask("HEAD /told HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Content-Length: 18\r\n");
        CHECK_STR(body_of(text), "");
        text = ask("GET /bare HTTP/1.1\r\n" HEADERS "\r\nGET /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 204 No Content\r\n");
        CHECK(!strstr(text, "Transfer-Encoding") && !strstr(text, "nothing"));
        CHECK_CONTAINS(body_of(text), "HTTP/1.1 200 OK\r\n"); /* right behind */
        stop(g);
}

TEST(a_reply_that_was_not_ended_is_ended_for_its_handler)
{
        aeon_group *g = start_streaming();
        const char *text = ask("GET /without-end HTTP/1.1\r\n" HEADERS "\r\nGET /hello HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "\r\n\r\n3\r\nall\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
        stop(g);
}

TEST(writing_out_of_order_is_refused)
{
        aeon_group *g = start_streaming();
        CHECK_CONTAINS(ask("GET /order HTTP/1.1\r\n" LAST), "wide world!\r\n0\r\n\r\n");
        stop(g);
}

/* ------------------------------------------------------------------ cut off */

TEST(a_failure_after_the_beginning_cuts_the_connection_and_is_logged)
{
        aeon_group *g = start_streaming();
        test_stderr_begin();
        const char *text = ask("GET /failing HTTP/1.1\r\n" HEADERS "\r\nGET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_STR(body_of(text), "4\r\npart\r\n"); /* neither an end nor another reply */
        CHECK_CONTAINS(test_stderr(), "GET /failing 200 cut off: ");
        CHECK_CONTAINS(test_stderr(), " bytes=4 ");
        CHECK_CONTAINS(test_stderr(), "the disk is full of words");
        test_stderr_end();
        stop(g);
}

TEST(a_reply_shorter_than_told_is_cut_off)
{
        aeon_group *g = start_streaming();
        test_stderr_begin();
        const char *text = ask("GET /shorter HTTP/1.1\r\n" HEADERS "\r\nGET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(text, "Content-Length: 10\r\n");
        CHECK_STR(body_of(text), "12345");
        CHECK_CONTAINS(test_stderr(), "has 5 bytes of 10");
        test_stderr_end();
        stop(g);
}

/* Where the connection's end is the reply's end, it must not look like one. */
TEST(a_reply_to_1_0_that_is_cut_off_ends_in_a_reset)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start_streaming();
        char byte;
        ssize_t n;
        aeon_stream *s = dial();
        say(s, "GET /failing HTTP/1.0\r\n\r\n");
        while ((n = aeon_stream_read(s, &byte, 1)) > 0) /* libuv calls a reset an end when it comes behind less than was room for */
                ;
        CHECK_INT(n, -ECONNRESET);
        aeon_stream_close(s);
        stop(g);
}

/* ------------------------------------------------------------------ the client's pace */

enum { PIECE = 65536, PIECES = 1000 };
static int written, result;

static int endless(aeon_request *req)
{
        static const char piece[PIECE];
        result = aeon_reply_begin(req, 200, NULL);
        for (written = 0; written < PIECES && result == 0; written++)
                result = aeon_reply_write(req, piece, sizeof piece);
        return result;
}

TEST(a_slow_client_holds_the_handler_back)
{
        aeon_group *g = start((struct http_limits){ 0 });
        static char bytes[PIECE];
        ssize_t n;
        size_t total = 0;
        route("GET /endless", endless);
        aeon_stream *s = dial();
        say(s, "GET /endless HTTP/1.0\r\n\r\n");
        while (!written)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(written < PIECES); /* unless it was held back, it wrote them all before anybody else had a turn */
        while ((n = aeon_stream_read(s, bytes, sizeof bytes)) > 0)
                total += (size_t)n;
        CHECK_INT(n, 0);
        CHECK(total > (size_t)PIECE * PIECES && total < (size_t)PIECE * PIECES + 500);
        CHECK_INT(written, PIECES);
        aeon_stream_close(s);
        stop(g);
}

TEST(a_client_that_goes_ends_the_stream)
{
        aeon_group *g = start((struct http_limits){ 0 });
        test_stderr_begin();
        route("GET /endless", endless);
        aeon_stream *s = dial();
        say(s, "GET /endless HTTP/1.1\r\n" HEADERS "\r\n");
        hear(s, "\r\n\r\n");
        aeon_stream_close(s);
        stop(g);
        CHECK(result == -ECONNRESET || result == -ECANCELED);
        CHECK_CONTAINS(test_stderr(), "GET /endless 499: client disconnected");
        test_stderr_end();
}

TEST(a_client_that_takes_nothing_is_cut_off_in_time)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .write_timeout = AEON_MILLISECONDS(50) });
        route("GET /endless", endless);
        aeon_stream *s = dial();
        say(s, "GET /endless HTTP/1.1\r\n" HEADERS "\r\n");
        stop(g);
        CHECK_INT(result, -ETIMEDOUT);
        aeon_stream_close(s);
}

static aeon_event *more;

static int head_first(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, "text/event-stream");
        r = r < 0 ? r : aeon_reply_write(req, NULL, 0);
        r = r < 0 ? r : aeon_event_wait(more);
        return r < 0 ? r : aeon_reply_write(req, "at last", 7);
}

TEST(writing_nothing_sends_the_head)
{
        aeon_group *g = start((struct http_limits){ 0 });
        REQUIRE_INT(aeon_event_new(&more), 0);
        route("GET /head-first", head_first);
        aeon_stream *s = dial();
        say(s, "GET /head-first HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(hear(s, "\r\n\r\n"), "Content-Type: text/event-stream\r\n");
        aeon_event_set(more);
        CHECK_STR(hear(s, NULL), "7\r\nat last\r\n0\r\n\r\n");
        aeon_stream_close(s);
        stop(g);
        aeon_event_free(more);
}
