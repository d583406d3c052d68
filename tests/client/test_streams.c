/* Bodies in pieces, both ways. */
#include "client/client.h"

#include "../http/fixture.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_limits usual;

enum { LONG = 32 * 1024 * 1024, AT_ONCE = 16 * 1024 }; /* curl hands out that much at a time */

static unsigned char byte_at(size_t i)
{
        return (unsigned char)(i % 251);
}

static void sends_much(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        char head[128], piece[8192];
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LONG);
        peer_says(s, head);
        for (size_t at = 0; at < LONG; at += sizeof piece) {
                for (size_t i = 0; i < sizeof piece; i++)
                        piece[i] = (char)byte_at(at + i);
                if (aeon_stream_write(s, piece, sizeof piece) < 0)
                        return;
        }
        peer_hears(s);
}

TEST_WITHIN(stream_of_a_slow_reader_is_held_back, 60)
{
        aeon_group *g = peer_start(sends_much);
        aeon_http_response *res;
        size_t total = 0, most = 0, wrong = 0;
        unsigned char piece[3001];
        ssize_t n;
        REQUIRE_INT(aeon_http_open_response(NULL, &(aeon_http_call){ .url = at_peer("/"), .max_body = 1 }, &res), 0);
        CHECK_INT(aeon_http_response_status(res), 200);
        while ((n = aeon_http_response_read(res, piece, sizeof piece)) > 0) {
                for (ssize_t i = 0; i < n; i++)
                        wrong += piece[i] != byte_at(total + (size_t)i);
                total += (size_t)n;
                most = res->body.length > most ? res->body.length : most;
        }
        CHECK_INT(n, 0);
        CHECK_INT(total, LONG);
        CHECK_INT(wrong, 0);
        CHECK(most > HTTP_WINDOW / 2 && most <= HTTP_WINDOW + AT_ONCE);
        CHECK_INT(aeon_http_response_read(res, piece, sizeof piece), 0); /* it stays at its end */
        aeon_http_response_free(res);
        peer_stop(g);
}

static void says_three_times(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for (int i = 0; i < 3; i++) {
                char text[16];
                snprintf(text, sizeof text, "event %d\n", i);
                (void)aeon_sleep(AEON_MILLISECONDS(5));
                peer_says(s, text);
        }
}

TEST(stream_gives_its_head_before_its_body_and_pieces_as_they_come)
{
        aeon_group *g = peer_start(says_three_times);
        aeon_http_response *res;
        char text[64] = "";
        ssize_t n;
        REQUIRE_INT(aeon_http_open_response(NULL, &(aeon_http_call){ .url = at_peer("/") }, &res), 0);
        CHECK_INT(res->body.length, 0);
        REQUIRE((n = aeon_http_response_read(res, text, sizeof text)) > 0);
        CHECK_STR(text, "event 0\n");
        size_t used = (size_t)n;
        while ((n = aeon_http_response_read(res, text + used, sizeof text - used)) > 0)
                used += (size_t)n;
        CHECK_STR(text, "event 0\nevent 1\nevent 2\n");
        CHECK_STR(aeon_http_response_text(res), ""); /* it is not kept */
        CHECK_INT(aeon_http_response_read(res, text, 0), -EINVAL);
        aeon_http_response_free(res);
        peer_stop(g);
}

static void says_when_asked(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        (void)aeon_sleep(AEON_MILLISECONDS(60));
        peer_says(s, "late");
}

TEST(stream_read_that_is_cancelled_has_taken_nothing)
{
        aeon_group *g = peer_start(says_when_asked);
        aeon_http_response *res;
        char text[8] = "";
        aeon_scope s;
        REQUIRE_INT(aeon_http_open_response(NULL, &(aeon_http_call){ .url = at_peer("/") }, &res), 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(1) });
        CHECK_INT(aeon_scope_close(&s, (int)aeon_http_response_read(res, text, sizeof text)), -ETIMEDOUT);
        CHECK_INT(aeon_http_response_read(res, text, sizeof text), 4);
        CHECK_STR(text, "late");
        aeon_http_response_free(res);
        peer_stop(g);
}

static int read_one(void *arg)
{
        char byte;
        CHECK_INT(aeon_http_response_read(arg, &byte, 1), 1);
        return 0;
}

TEST(stream_has_one_reader_and_stays_while_it_reads)
{
        aeon_group *g = peer_start(says_when_asked), *readers;
        aeon_http_response *res;
        char byte;
        REQUIRE_INT(aeon_http_open_response(NULL, &(aeon_http_call){ .url = at_peer("/") }, &res), 0);
        REQUIRE_INT(aeon_group_open(&readers), 0);
        REQUIRE_INT(aeon_spawn(readers, "reader", read_one, res), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_http_response_read(res, &byte, 1), -EBUSY);
        test_stderr_begin();
        aeon_http_response_free(res);
        CHECK_CONTAINS(test_stderr(), "is freed while a task reads it");
        test_stderr_end();
        CHECK_INT(aeon_group_close(readers), 0);
        aeon_http_response_free(res);
        peer_stop(g);
}

TEST(whole_response_is_not_read_in_pieces)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        char byte;
        REQUIRE_INT(aeon_http_get(NULL, at_server("/hello"), &res), 0);
        CHECK_INT(aeon_http_response_read(res, &byte, 1), -EINVAL);
        aeon_http_response_free(res);
        stop(g);
}

/* ------------------------------------------------------------------ requests in pieces */

struct source {
        size_t left, piece;
        int fails;
};

static ssize_t next_piece(void *arg, void *buffer, size_t size)
{
        struct source *s = arg;
        int r = aeon_checkpoint(); /* it may suspend */
        if (r < 0)
                return r;
        if (s->fails)
                return aeon_fail(s->fails, "the tape is torn");
        size_t n = s->piece < s->left ? s->piece : s->left;
        n = n < size ? n : size;
        memset(buffer, 'u', n);
        s->left -= n;
        return (ssize_t)n;
}

static void upload(size_t size, size_t piece, uint64_t announced)
{
        aeon_http_response *res;
        char text[32];
        struct source s = { .left = size, .piece = piece };
        const aeon_http_call call = { .url = at_server("/count"), .body_fn = next_piece, .body_arg = &s, .body_size = announced };
        REQUIRE_INT(aeon_http_send(NULL, &call, &res), 0);
        snprintf(text, sizeof text, "%zu", size);
        CHECK_STR(aeon_http_response_text(res), text);
        aeon_http_response_free(res);
}

TEST(upload_in_pieces_arrives)
{
        aeon_group *g = start(usual);
        upload(0, 10, 0);
        upload(10, 3, 10);
        upload(10, 3, 0);
        upload(3000000, 70000, 3000000);
        upload(3000000, 70000, 0);
        stop(g);
}

TEST(upload_goes_on_while_the_answer_is_read)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        char text[32] = "";
        struct source s = { .left = 500000, .piece = 1000 };
        const aeon_http_call call = { .url = at_server("/count"), .method = "POST", .body_fn = next_piece, .body_arg = &s };
        REQUIRE_INT(aeon_http_open_response(NULL, &call, &res), 0);
        CHECK_INT(aeon_http_response_read(res, text, sizeof text), 6);
        CHECK_STR(text, "500000");
        aeon_http_response_free(res);
        stop(g);
}

TEST(upload_that_fails_is_given_up_with_the_sources_error)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        struct source s = { .left = 10, .piece = 3, .fails = -EIO };
        CHECK_INT(
                aeon_http_send(NULL, &(aeon_http_call){ .url = at_server("/count"), .body_fn = next_piece, .body_arg = &s }, &res),
                -EIO);
        CHECK_CONTAINS(aeon_error_text(), "the tape is torn");
        CHECK_INT(status_of(NULL, at_server("/hello")), 200);
        stop(g);
}

TEST(upload_of_another_length_than_was_said_is_refused)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        struct source s = { .left = 10, .piece = 3 };
        const aeon_http_call call = { .url = at_server("/count"), .body_fn = next_piece, .body_arg = &s, .body_size = 20 };
        CHECK_INT(aeon_http_send(NULL, &call, &res), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "body_size");
        stop(g);
}

static void refuses_at_once(aeon_stream *s, int nth)
{
        (void)nth;
        char bytes[4096];
        peer_hears(s);
        peer_says(s, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch");
        while (aeon_stream_read(s, bytes, sizeof bytes) > 0)
                ;
}

TEST(upload_that_is_refused_early_gets_the_answer)
{
        aeon_group *g = peer_start(refuses_at_once);
        aeon_http_response *res;
        struct source s = { .left = 100000000, .piece = 16384 };
        REQUIRE_INT(aeon_http_send(NULL, &(aeon_http_call){ .url = at_peer("/"), .body_fn = next_piece, .body_arg = &s }, &res), 0);
        CHECK_INT(aeon_http_response_status(res), 413);
        CHECK_STR(aeon_http_response_text(res), "much");
        CHECK(s.left > 0);
        aeon_http_response_free(res);
        peer_stop(g);
}
