/* Calls to a decent server: what is sent, what comes, which connections are used. */
#include "client/client.h"
#include "task/trace.h"

#include "../http/fixture.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/thread.h>
#include <stdio.h>
#include <string.h>

#define PAIR(F) F(str, word) F(i64, times)
AEON_RECORD(pair, PAIR);

static struct http_limits usual;

TEST(client_get_is_one_line_with_the_loops_own_client)
{
        aeon_group *g = start(usual);
        aeon_http_response *res = NULL;
        REQUIRE_INT(aeon_http_get(NULL, at_server("/hello"), &res), 0);
        CHECK_INT(aeon_http_response_status(res), 200);
        CHECK_STR(aeon_http_response_text(res), "Hello, world!");
        aeon_bytes body = aeon_http_response_body(res);
        CHECK_INT(body.size, strlen("Hello, world!"));
        CHECK(((const char *)body.data)[body.size] == '\0');
        aeon_http_response_free(res);
        stop(g);
}

TEST(client_post_sends_the_body_and_its_type)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        struct pair *pair = NULL;
        REQUIRE_INT(aeon_http_post(NULL, at_server("/typed"), AEON_JSON("{\"word\":\"a\",\"times\":4}"), &res), 0);
        CHECK_INT(aeon_http_response_status(res), 200);
        CHECK_STR(aeon_http_response_header(res, "content-TYPE"), "application/json");
        REQUIRE_INT(pair_from_response(res, &pair), 0);
        CHECK_INT(pair->times, 8);
        pair_free(pair);
        aeon_http_response_free(res);
        REQUIRE_INT(aeon_http_post(NULL, at_server("/echo"), AEON_BYTES("a\0b", 3), &res), 0);
        CHECK_INT(aeon_http_response_body(res).size, 3);
        CHECK_INT(memcmp(aeon_http_response_body(res).data, "a\0b", 4), 0);
        aeon_http_response_free(res);
        stop(g);
}

TEST(client_status_is_no_error_until_it_is_checked)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        struct pair *pair = NULL;
        REQUIRE_INT(aeon_http_get(NULL, at_server("/nothing?token=secret"), &res), 0);
        CHECK_INT(aeon_http_response_status(res), 404);
        CHECK_INT(aeon_http_response_check(res), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "/nothing: the server answered with status 404");
        CHECK(!strstr(aeon_error_text(), "secret"));
        CHECK_INT(pair_from_response(res, &pair), -ENOENT);
        aeon_http_response_free(res);
        REQUIRE_INT(aeon_http_get(NULL, at_server("/fail/5"), &res), 0);
        CHECK_INT(aeon_http_response_check(res), -EREMOTEIO);
        aeon_http_response_free(res);
        REQUIRE_INT(aeon_http_get(NULL, at_server("/hello"), &res), 0);
        CHECK_INT(aeon_http_response_check(res), 0);
        CHECK_INT(pair_from_response(res, &pair), -EBADMSG); /* which is no JSON */
        CHECK_CONTAINS(aeon_error_text(), "GET http://127.0.0.1");
        aeon_http_response_free(res);
        stop(g);
}

/* ------------------------------------------------------------------ what is sent */

static char heard[4096];

static void remember(aeon_stream *s, int nth)
{
        (void)nth;
        snprintf(heard, sizeof heard, "%s", peer_hears(s));
        peer_says(s, "HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nX-Other:  b \r\nset-cookie: c=2\r\nConnection: close\r\n\r\n");
}

TEST(client_headers_give_way_to_those_of_a_call)
{
        aeon_group *g = peer_start(remember);
        aeon_http_response *res;
        aeon_http_client *c = client_with(
                (aeon_http_client_opts){ .base_url = at_peer("/api/"),
                                         .headers = (const char *const[]){ "X-Who: client", "X-Of: a", "X-Of: b", NULL },
                                         .user = "bob:secret" });
        const aeon_http_call call = { .url = "/users?x=1",
                                      .method = "PUT",
                                      .headers = (const char *const[]){ "x-who: call", "X-Empty:", NULL },
                                      .body = AEON_TEXT("hi") };
        REQUIRE_INT(aeon_http_send(c, &call, &res), 0);
        CHECK_CONTAINS(heard, "PUT /api/users?x=1 HTTP/1.1\r\n");
        CHECK_CONTAINS(heard, "\r\nx-who: call\r\n");
        CHECK(!strstr(heard, "X-Who: client"));
        CHECK_CONTAINS(heard, "\r\nX-Empty:\r\n");
        CHECK_CONTAINS(heard, "\r\nX-Of: a\r\nX-Of: b\r\n");
        CHECK_CONTAINS(heard, "\r\nContent-Type: text/plain\r\n");
        CHECK_CONTAINS(heard, "\r\nContent-Length: 2\r\n");
        CHECK_CONTAINS(heard, "\r\nUser-Agent: aeon/");
        CHECK(!strstr(heard, "Expect"));
        CHECK_CONTAINS(heard, "\r\nAuthorization: Basic Ym9iOnNlY3JldA==\r\n");
        CHECK(!strstr(heard, "traceparent"));
        CHECK_STR(aeon_http_response_header_at(res, "Set-Cookie", 1), "c=2");
        CHECK(!aeon_http_response_header_at(res, "Set-Cookie", 2));
        CHECK_STR(aeon_http_response_header(res, "X-Other"), "b");
        CHECK_STR(aeon_http_response_text(res), "");
        aeon_http_response_free(res);
        aeon_http_client_close(c);
        peer_stop(g);
}

TEST(client_methods_go_out_as_they_are_called)
{
        aeon_group *g = peer_start(remember);
        static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
                aeon_http_response *res;
                char line[64];
                REQUIRE_INT(aeon_http_send(NULL, &(aeon_http_call){ .method = methods[i], .url = at_peer("/x") }, &res), 0);
                snprintf(line, sizeof line, "%s /x HTTP/1.1\r\n", methods[i]);
                CHECK_CONTAINS(heard, line);
                CHECK_INT(strstr(heard, "Content-Length: 0") != NULL, *methods[i] == 'P'); /* RFC 9110, 8.6 */
                CHECK(!strstr(heard, "Content-Type"));
                aeon_http_response_free(res);
        }
        peer_stop(g);
}

TEST(client_passes_the_trace_on)
{
        aeon_group *g = peer_start(remember);
        CHECK(!aeon__span_take_up(SPAN_SERVER, "test", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "congo=t61"));
        CHECK_INT(status_of(NULL, at_peer("/")), 204);
        CHECK_CONTAINS(heard,
                       "\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: congo=t61\r\n");
        peer_stop(g);
}

TEST(client_signs_for_aws)
{
        aeon_group *g = peer_start(remember);
        aeon_http_response *res;
        const aeon_http_call call = { .url = at_peer("/"),
                                      .user = "KEY:SECRET",
                                      .aws = "eu-west-1:sqs",
                                      .body = AEON_JSON("{}"),
                                      .headers = (const char *const[]){ "X-Extra: 1", NULL } };
        REQUIRE_INT(aeon_http_send(NULL, &call, &res), 0);
        CHECK_CONTAINS(heard, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=KEY/");
        CHECK_CONTAINS(heard, "/eu-west-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-extra, ");
        CHECK(!strcasestr(heard, "\r\nExpect:"));
        CHECK(!strstr(heard, "SECRET"));
        aeon_http_response_free(res);
        peer_stop(g);
}

TEST(client_refuses_what_cannot_be_sent)
{
        aeon_http_response *res;
        static const char *const lines[] = { "no colon", "X-A: b\r\nX-C: d", "X A: b", ": b" };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
                const char *const headers[] = { lines[i], NULL };
                CHECK_INT(aeon_http_send(NULL, &(aeon_http_call){ .url = "http://127.0.0.1:1/", .headers = headers }, &res),
                          -EINVAL);
                aeon_http_client *c;
                CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .headers = headers }, &c), -EINVAL);
        }
        CHECK_INT(aeon_http_send(NULL, &(aeon_http_call){ .url = "http://127.0.0.1:1/", .method = "GET / HTTP/1.1\r\n" }, &res),
                  -EINVAL);
        CHECK_INT(aeon_http_send(NULL, &(aeon_http_call){ .method = "GET" }, &res), -EINVAL);
        CHECK_INT(aeon_http_get(NULL, "/users", &res), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "no base URL");
        CHECK_INT(aeon_http_get(NULL, "file:///etc/passwd", &res), -EINVAL);
        CHECK_INT(aeon_http_get(NULL, "http://127.0.0.1:1/a b", &res), -EINVAL);
        CHECK_INT(aeon_http_get(NULL, "http://127.0.0.1:1/a\r\nX: y", &res), -EINVAL);
        CHECK_INT(aeon_http_get(NULL, "http://[::1/", &res), -EINVAL);
        aeon_body typed = { "", 0, "text/plain\r\nX-C: d" };
        CHECK_INT(aeon_http_post(NULL, "http://127.0.0.1:1/", typed, &res), -EINVAL);
}

TEST(client_options_that_cannot_be_are_refused)
{
        aeon_http_client *c;
        CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .base_url = "ftp://x" }, &c), -EINVAL);
        CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .base_url = "http://x/?a=b" }, &c), -EINVAL);
        CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .user_agent = "a\nb" }, &c), -EINVAL);
        CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .connect_timeout = -1 }, &c), -EINVAL);
        CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .tls = &(aeon_tls_opts){ .alpn = "h2" } }, &c), -EINVAL);
        CHECK_INT(aeon_http_client_open(&(aeon_http_client_opts){ .tls = &(aeon_tls_opts){ .ca = "/no/ca.pem" } }, &c), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "/no/ca.pem");
}

/* ------------------------------------------------------------------ connections */

TEST(client_uses_a_connection_again)
{
        aeon_group *g = start(usual);
        aeon_http_client *c = client_with((aeon_http_client_opts){ .base_url = at_server("") });
        for (int i = 0; i < 20; i++) {
                CHECK_INT(status_of(c, "/hello"), 200);
                CHECK_INT(server.count, 1);
        }
        aeon_http_client_close(c);
        stop(g);
}

static const char *target;
static int answered, most;

static int get_one(void *arg)
{
        int status = status_of(arg, target);
        answered += status == 200;
        most = (int)server.count > most ? (int)server.count : most;
        return status < 0 ? status : 0;
}

static void get_many(aeon_http_client *c, int n)
{
        aeon_group *g;
        answered = most = 0;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < n; i++)
                CHECK_INT(aeon_spawn(g, "get", get_one, c), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(answered, n);
}

TEST(client_takes_64_calls_at_once)
{
        aeon_group *g = start(usual);
        aeon_http_client *c = client_with((aeon_http_client_opts){ 0 });
        target = at_server("/hello");
        for (int round = 0; round < 5; round++)
                get_many(c, 64);
        CHECK(most <= 64);
        aeon_http_client_close(c);
        stop(g);
}

TEST(client_calls_beyond_max_connections_wait_for_one)
{
        aeon_group *g = start(usual);
        aeon_http_client *c =
                client_with((aeon_http_client_opts){ .max_connections = 2, .connect_timeout = AEON_MILLISECONDS(150) });
        target = at_server("/slow"); /* 200 ms each: longer than connecting may take, and the waiting does not count */
        get_many(c, 6);
        CHECK_INT(most, 2);
        aeon_http_client_close(c);
        stop(g);
}

static void once_and_close(aeon_stream *s, int nth)
{
        (void)nth;
        peer_hears(s);
        peer_says(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); /* and then the connection is gone without a word */
}

TEST(client_connects_anew_when_an_idle_connection_was_closed)
{
        aeon_group *g = peer_start(once_and_close);
        for (int i = 1; i <= 5; i++) {
                CHECK_INT(status_of(NULL, at_peer("/")), 200);
                CHECK_INT(peer_connections, i);
        }
        peer_stop(g);
}

static int call_of_another_loop(void *arg)
{
        aeon_http_response *res = NULL;
        if (arg) {
                CHECK_INT(aeon_http_get(arg, target, &res), -EXDEV);
                CHECK_CONTAINS(aeon_error_text(), "belongs to another loop");
                test_stderr_begin();
                aeon_http_client_close(arg);
                CHECK_CONTAINS(test_stderr(), "stays open");
                test_stderr_end();
        } else {
                for (int i = 0; i < 10; i++)
                        CHECK_INT(status_of(NULL, target), 200);
        }
        return 0;
}

static int run_loop(void *arg)
{
        return aeon_loop_run(call_of_another_loop, arg);
}

TEST(client_belongs_to_its_loop)
{
        aeon_group *g = start(usual);
        aeon_http_client *c = client_with((aeon_http_client_opts){ 0 });
        target = at_server("/hello");
        CHECK_INT(aeon_offload(run_loop, c), 0);
        CHECK_INT(status_of(c, target), 200);
        aeon_http_client_close(c);
        stop(g);
}

static int offload_loop(void *arg)
{
        return aeon_offload(run_loop, arg);
}

TEST(client_of_each_loop_is_its_own)
{
        aeon_group *g = start(usual), *loops;
        target = at_server("/hello");
        REQUIRE_INT(aeon_group_open(&loops), 0);
        for (int i = 0; i < 2; i++)
                CHECK_INT(aeon_spawn(loops, "loop", offload_loop, NULL), 0);
        CHECK_INT(aeon_spawn(loops, "get", get_one, NULL), 0);
        CHECK_INT(aeon_group_close(loops), 0);
        stop(g);
}

PLAIN_TEST(client_needs_a_loop)
{
        aeon_http_client *c;
        aeon_http_response *res;
        CHECK_INT(aeon_http_client_open(NULL, &c), -EINVAL);
        CHECK_INT(aeon_http_get(NULL, "http://127.0.0.1:1/", &res), -EINVAL);
        aeon_http_client_close(NULL);
        aeon_http_response_free(NULL);
}
