/* Servers that are gone, go in the middle, or make no sense. */
#include "client/client.h"

#include "../http/fixture.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <stdio.h>
#include <string.h>

TEST(failure_refused_is_named_without_secrets)
{
        char url[128];
        snprintf(url, sizeof url, "http://bob:secret@127.0.0.1:%d/users?token=abc#part", test_free_port());
        CHECK_INT(status_of(NULL, url), -ECONNREFUSED);
        CHECK_CONTAINS(aeon_error_text(), "GET http://127.0.0.1:");
        CHECK_CONTAINS(aeon_error_text(), "/users: Failed to connect");
        CHECK(!strstr(aeon_error_text(), "bob") && !strstr(aeon_error_text(), "secret") && !strstr(aeon_error_text(), "abc"));
}

TEST(failure_of_a_name_that_nobody_knows)
{
        CHECK_INT(status_of(NULL, "http://nowhere.invalid/"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "nowhere.invalid");
}

static void closes(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
}

TEST(failure_without_an_answer)
{
        aeon_group *g = peer_start(closes);
        CHECK_INT(status_of(NULL, at_peer("/")), -ECONNRESET);
        CHECK_CONTAINS(aeon_error_text(), "GET http://127.0.0.1");
        peer_stop(g);
}

static const char *said;

static void says_this(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, said);
}

TEST(failure_in_the_middle_of_a_response)
{
        static const char *const cut[] = {
                "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        };
        aeon_group *g = peer_start(says_this);
        for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
                said = cut[i];
                CHECK_INT(status_of(NULL, at_peer("/")), -ECONNRESET);
        }
        peer_stop(g);
}

TEST(failure_in_the_middle_of_a_body_that_is_read_in_pieces)
{
        aeon_group *g = peer_start(says_this);
        aeon_http_response *res;
        char piece[100];
        said = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
        REQUIRE_INT(aeon_http_open_response(NULL, &(aeon_http_call){ .url = at_peer("/") }, &res), 0);
        CHECK_INT(aeon_http_response_read(res, piece, sizeof piece), 3); /* what came is given first */
        CHECK_INT(aeon_http_response_read(res, piece, sizeof piece), -ECONNRESET);
        CHECK_INT(aeon_http_response_read(res, piece, sizeof piece), -ECONNRESET);
        aeon_http_response_free(res);
        peer_stop(g);
}

TEST(failure_what_comes_is_not_http)
{
        aeon_group *g = peer_start(says_this);
        said = "220 mail.example.org ESMTP\r\n";
        CHECK_INT(status_of(NULL, at_peer("/")), -EBADMSG);
        said = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n";
        CHECK(status_of(NULL, at_peer("/")) < 0);
        peer_stop(g);
}

static void never_answers(aeon_stream *s, int nth)
{
        (void)nth;
        char byte;
        while (aeon_stream_read(s, &byte, 1) > 0)
                ;
}

TEST(failure_connecting_has_a_time_limit_of_its_own)
{
        aeon_group *g = peer_start(never_answers);
        aeon_http_client *c = client_with((aeon_http_client_opts){ .connect_timeout = AEON_MILLISECONDS(50) });
        char url[128];
        snprintf(url, sizeof url, "https%s", at_peer("/") + strlen("http")); /* the handshake is never answered */
        CHECK_INT(status_of(c, url), -ETIMEDOUT);
        aeon_http_client_close(c);
        peer_stop(g);
}
