/* Bodies that are received whole: chunked, packed, too long; redirects. */
#include "client/client.h"

#include "../http/fixture.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <stdio.h>
#include <string.h>

static struct http_limits usual;

static void chunked(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 100 Continue\r\nX-Not: this\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: "
                     "X-Late\r\n\r\n3\r\nabc\r\n");
        (void)aeon_checkpoint();
        peer_says(s, "5;ext=1\r\ndefgh\r\n0\r\nX-Late: yes\r\n\r\n");
        peer_hears(s);
}

TEST(body_may_come_chunked)
{
        aeon_group *g = peer_start(chunked);
        aeon_http_response *res;
        REQUIRE_INT(aeon_http_get(NULL, at_peer("/"), &res), 0);
        CHECK_STR(aeon_http_response_text(res), "abcdefgh");
        CHECK(!aeon_http_response_header(res, "X-Not"));
        CHECK(!aeon_http_response_header(res, "X-Late")); /* a trailer is no header */
        aeon_http_response_free(res);
        peer_stop(g);
}

/* printf 'hello hello hello' | gzip -n */
static const unsigned char packed[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9,
        0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00, 0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00,
};
static bool spoilt;

static void packs(aeon_stream *s, int nth)
{
        (void)nth;
        CHECK_CONTAINS(peer_hears(s), "Accept-Encoding: ");
        char head[128];
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                 sizeof packed);
        peer_says(s, head);
        if (spoilt)
                peer_says(s, "this was never packed by anybody");
        else
                (void)aeon_stream_write(s, packed, sizeof packed);
}

TEST(body_is_unpacked)
{
        aeon_group *g = peer_start(packs);
        aeon_http_response *res;
        REQUIRE_INT(aeon_http_get(NULL, at_peer("/"), &res), 0);
        CHECK_STR(aeon_http_response_text(res), "hello hello hello");
        aeon_http_response_free(res);
        aeon_http_client *c = client_with((aeon_http_client_opts){ .max_body = 16 }); /* it counts unpacked */
        CHECK_INT(aeon_http_get(c, at_peer("/"), &res), -EMSGSIZE);
        aeon_http_client_close(c);
        spoilt = true;
        CHECK_INT(aeon_http_get(NULL, at_peer("/"), &res), -EBADMSG);
        peer_stop(g);
}

TEST(body_over_the_limit_is_refused_with_words)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        aeon_http_client *c = client_with((aeon_http_client_opts){ .max_body = 1000 });
        CHECK_INT(aeon_http_get(c, at_server("/big"), &res), -EMSGSIZE);
        CHECK_CONTAINS(aeon_error_text(), "/big: the body is longer than the 1000 bytes that are allowed");
        REQUIRE_INT(aeon_http_send(c, &(aeon_http_call){ .url = at_server("/big"), .max_body = 5000000 }, &res), 0);
        CHECK_INT(aeon_http_response_body(res).size, 5000000);
        aeon_http_response_free(res);
        CHECK_INT(aeon_http_send(c, &(aeon_http_call){ .url = at_server("/big"), .max_body = 4999999 }, &res), -EMSGSIZE);
        CHECK_INT(status_of(c, at_server("/hello")), 200); /* and the client goes on */
        aeon_http_client_close(c);
        stop(g);
}

static void endless_head(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 200 OK\r\n");
        char line[1024];
        memset(line, 'x', sizeof line);
        memcpy(line, "X: ", 3);
        memcpy(line + sizeof line - 2, "\r\n", 2);
        while (aeon_stream_write(s, line, sizeof line) >= 0)
                ;
}

TEST(head_without_end_is_refused)
{
        aeon_group *g = peer_start(endless_head);
        aeon_http_response *res;
        CHECK_INT(aeon_http_get(NULL, at_peer("/"), &res), -EMSGSIZE);
        CHECK_CONTAINS(aeon_error_text(), "head");
        peer_stop(g);
}

TEST(head_request_has_no_body)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        REQUIRE_INT(aeon_http_send(NULL, &(aeon_http_call){ .method = "HEAD", .url = at_server("/hello") }, &res), 0);
        CHECK_INT(aeon_http_response_status(res), 200);
        CHECK_STR(aeon_http_response_header(res, "Content-Length"), "13");
        CHECK_INT(aeon_http_response_body(res).size, 0);
        aeon_http_response_free(res);
        stop(g);
}

/* ------------------------------------------------------------------ redirects */

/* /N leads to /N-1, and /0 is there. */
static void leads_on(aeon_stream *s, int nth)
{
        (void)nth;
        const char *head;
        while (*(head = peer_hears(s))) {
                int n = 0;
                char answer[128];
                CHECK_INT(sscanf(head, "%*s /%d", &n), 1);
                snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nLocation: /%d\r\nX-Hop: %d\r\nContent-Length: 4\r\n\r\ngone",
                         n - 1, n);
                peer_says(s, n ? answer : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere");
        }
}

TEST(redirect_is_a_response_unless_it_is_asked_for)
{
        aeon_group *g = peer_start(leads_on);
        aeon_http_response *res;
        REQUIRE_INT(aeon_http_get(NULL, at_peer("/2"), &res), 0);
        CHECK_INT(aeon_http_response_status(res), 302);
        CHECK_STR(aeon_http_response_header(res, "Location"), "/1");
        CHECK_STR(aeon_http_response_text(res), "gone");
        aeon_http_response_free(res);

        aeon_http_client *c = client_with((aeon_http_client_opts){ .redirects = 3 });
        REQUIRE_INT(aeon_http_get(c, at_peer("/3"), &res), 0);
        CHECK_INT(aeon_http_response_status(res), 200);
        CHECK_STR(aeon_http_response_text(res), "there");
        CHECK(!aeon_http_response_header(res, "X-Hop")); /* the headers are the last head's */
        aeon_http_response_free(res);
        CHECK_INT(aeon_http_get(c, at_peer("/4"), &res), -ELOOP);
        REQUIRE_INT(aeon_http_open_response(c, &(aeon_http_call){ .url = at_peer("/3") }, &res), 0);
        CHECK_INT(aeon_http_response_status(res), 200);
        aeon_http_response_free(res);
        aeon_http_client_close(c);
        peer_stop(g);
}

static void takes_and_redirects(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST(redirect_of_a_post_is_never_followed)
{
        aeon_group *g = peer_start(takes_and_redirects);
        aeon_http_response *res;
        aeon_http_client *c = client_with((aeon_http_client_opts){ .redirects = 3 });
        REQUIRE_INT(aeon_http_post(c, at_peer("/"), AEON_TEXT("pay"), &res), 0);
        CHECK_INT(aeon_http_response_status(res), 307);
        CHECK_INT(peer_connections, 1);
        aeon_http_response_free(res);
        aeon_http_client_close(c);
        peer_stop(g);
}

static void leads_astray(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
}

TEST(redirect_to_a_file_is_refused)
{
        aeon_group *g = peer_start(leads_astray);
        aeon_http_response *res;
        aeon_http_client *c = client_with((aeon_http_client_opts){ .redirects = 3 });
        CHECK_INT(aeon_http_get(c, at_peer("/"), &res), -EBADMSG);
        aeon_http_client_close(c);
        peer_stop(g);
}
