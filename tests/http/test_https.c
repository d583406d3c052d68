/* HTTPS: the listener's certificate, its choice of a protocol, and what comes instead of a handshake. */
#include "fixture.h"
#include "harness.h"
#include "process.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <aeon/tls.h>
#include <aeon/websocket.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ca.pem, and signed by it server.pem for localhost and 127.0.0.1, in the test's folder. */
static void make_certificates(void)
{
        char script[512];
        snprintf(script, sizeof script, "%s/examples/tls/make-certificates", test_source_folder());
        REQUIRE_INT(RUN(NULL, "sh", script, test_folder()), 0);
}

/* ------------------------------------------------------------------ in this process */

static aeon_tls_server *tls;

static aeon_group *start_secure(const char *alpn, struct http_limits limits)
{
        make_certificates();
        REQUIRE_INT(aeon_tls_server_new(&(aeon_tls_opts){ .certificate = test_path("%s", "server.pem"),
                                                          .key = test_path("%s", "server.key"),
                                                          .alpn = alpn },
                                        &tls),
                    0);
        aeon_group *g = start(limits);
        server.tls = tls;
        return g;
}

static void stop_secure(aeon_group *g)
{
        stop(g);
        aeon_tls_server_free(tls);
}

static aeon_stream *dial_secure(const char *alpn)
{
        aeon_stream *s = dial();
        REQUIRE_INT(aeon_stream_start_tls(s, "localhost", &(aeon_tls_opts){ .ca = test_path("%s", "ca.pem"), .alpn = alpn }), 0);
        return s;
}

static int in_pieces(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        for (int i = 0; i < 3 && r == 0; i++)
                r = aeon_reply_write(req, "piece", 5);
        return r;
}

static int echo_once(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        int r = aeon_websocket_accept(req, NULL, &ws);
        r = r < 0 ? r : aeon_websocket_receive(ws, &m);
        return r <= 0 ? r : aeon_websocket_send(ws, m.kind, m.data, m.size);
}

TEST(websockets_go_over_tls)
{
        aeon_group *g = start_secure("http/1.1", (struct http_limits){ 0 });
        route("GET /echo", echo_once);
        aeon_stream *s = dial_secure("http/1.1");
        say(s, "GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(hear(s, "\r\n\r\n"), "HTTP/1.1 101 Switching Protocols\r\n");
        say(s, "\x81\x85mask\x05\x04\x1f\x07\x02"); /* hello */
        CHECK_CONTAINS(hear(s, "hello"), "\x81\x05hello");
        say(s, "\x88\x80mask");
        hear(s, NULL);
        aeon_stream_close(s);
        stop_secure(g);
}

TEST(requests_and_replies_of_every_kind_go_over_tls)
{
        aeon_group *g = start_secure("http/1.1", (struct http_limits){ 0 });
        route("GET /pieces", in_pieces);
        aeon_stream *s = dial_secure("h2,http/1.1");
        CHECK_STR(aeon_stream_alpn(s), "http/1.1");
        say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(hear(s, "world!"), "HTTP/1.1 200 OK\r\n");
        say(s, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n" HEADERS "\r\n");
        say(s, "body");
        CHECK_CONTAINS(hear(s, "\r\n\r\nbody"), "HTTP/1.1 200 OK\r\n");
        say(s, "GET /pieces HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(hear(s, NULL), "5\r\npiece\r\n5\r\npiece\r\n5\r\npiece\r\n0\r\n\r\n");
        aeon_stream_close(s);
        stop_secure(g);
}

/* Two requests in one record are at hand at once, and a part of a record is nothing yet. */
TEST(over_tls_too_who_waits_holds_no_task)
{
        aeon_group *g = start_secure(NULL, (struct http_limits){ 0 });
        aeon_stream *s = dial_secure(NULL);
        struct http_link *link = list_first(&server.links, struct http_link, place);
        for (int i = 0; i < 3; i++) {
                while (aeon_group_size(g) > 2)
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
                CHECK(link->secure && !link->speaker);
                say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\nGET /hello HTTP/1.1\r\n" HEADERS "\r\nGET /he");
                int replies = 0;
                while (replies < 2)
                        replies += times(hear(s, "world!"), "world!");
                say(s, "llo HTTP/1.1\r\n" HEADERS "\r\n");
                hear(s, "world!");
        }
        aeon_stream_close(s);
        stop_secure(g);
}

TEST(plain_http_to_a_tls_port_is_closed_and_the_log_says_why)
{
        aeon_group *g = start_secure(NULL, (struct http_limits){ 0 });
        aeon_log_set_level(AEON_LOG_DEBUG);
        test_stderr_begin();
        CHECK(!strstr(ask("GET /hello HTTP/1.1\r\n" LAST), "HTTP/1.1 200"));
        CHECK_CONTAINS(test_stderr(), "plain HTTP came where TLS is spoken");
        test_stderr_end();
        stop_secure(g);
}

TEST(a_handshake_has_the_time_of_a_head)
{
        aeon_group *g = start_secure(NULL, (struct http_limits){ .head_timeout = AEON_MILLISECONDS(50) });
        CHECK_STR(ask(""), "");
        stop_secure(g);
}

TEST(a_stop_does_not_wait_for_a_handshake_that_does_not_come)
{
        aeon_group *g = start_secure(NULL, (struct http_limits){ 0 });
        aeon_stream *s = dial();
        while (server.count == 0)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        stop_secure(g);
        aeon_stream_close(s);
}

static int took_over;

static void serve_nothing(struct http_link *link, aeon_bytes received)
{
        (void)link;
        CHECK_INT(received.size, 0);
        took_over++;
}

TEST(alpn_h2_goes_to_the_protocol_that_is_there)
{
        static const struct http_protocol h2 = { .serve = serve_nothing };
        aeon__http2_use(NULL);
        CHECK_STR(aeon__http_alpn(), "http/1.1");
        aeon__http2_use(&h2);
        CHECK_STR(aeon__http_alpn(), "h2,http/1.1");
        aeon_group *g = start_secure(aeon__http_alpn(), (struct http_limits){ 0 });
        aeon_stream *s = dial_secure("h2,http/1.1");
        CHECK_STR(aeon_stream_alpn(s), "h2");
        while (!took_over)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        aeon_stream_close(s);
        stop_secure(g);
}

/* ------------------------------------------------------------------ as an app, asked by curl */

static int port;

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!");
}

static void secure_web(aeon_app *app)
{
        char certificate[256], key[256];
        snprintf(certificate, sizeof certificate, "%s", test_path("%s", "server.pem"));
        snprintf(key, sizeof key, "%s", test_path("%s", "server.key"));
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)port,
                                                 .tls = &(aeon_tls_opts){ .certificate = certificate, .key = key } });
        memset(certificate, 'x', sizeof certificate - 1); /* the texts were copied */
        memset(key, 'x', sizeof key - 1);
        aeon_route(app, "GET /hello", hello, NULL);
}

static pid_t start_app(unsigned loops)
{
        port = test_free_port();
        return begin_app(secure_web, &(aeon_app_opts){ .name = "web", .loops = loops });
}

/* What curl prints who trusts @authority; its exit code in @ret_code. */
static const char *curl(const char *authority, int *ret_code)
{
        char url[64];
        const char *output;
        snprintf(url, sizeof url, "https://localhost:%d/hello", port);
        *ret_code = RUN(&output, "curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "--max-time", "20",
                        "--cacert", test_path("%s", authority), url);
        return output;
}

PLAIN_TEST_WITHIN(an_app_serves_https_and_takes_a_new_certificate_on_sighup, 60)
{
        int code;
        make_certificates();
        pid_t pid = start_app(2);
        CHECK_STR(curl("ca.pem", &code), "Hello, world!");

        test_write_file(test_path("server.pem"), "nonsense");
        kill(pid, SIGHUP);
        await_words("server.pem");
        CHECK_STR(curl("ca.pem", &code), "Hello, world!"); /* the old one stays */

        REQUIRE_INT(rename(test_path("ca.pem"), test_path("old.pem")), 0);
        make_certificates();
        kill(pid, SIGHUP);
        await_words(" reloaded");
        CHECK_STR(curl("ca.pem", &code), "Hello, world!");
        curl("old.pem", &code);
        CHECK_INT(code, 60); /* curl: the certificate cannot be verified */
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(a_certificate_that_is_missing_fails_the_start_and_is_named)
{
        CHECK_INT(end_app(start_app(1), 0), 1);
        await_words("server.pem");
        await_words("HTTPS on 127.0.0.1");
}
