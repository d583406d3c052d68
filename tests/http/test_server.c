/* The server over real sockets, in one loop: a server in a group of the test, and clients that speak bytes. */
#include "harness.h"

#include "http/connection.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/record.h>
#include <aeon/task.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the server under test */

static struct http_server server;
static struct http_router router;
static char address[64];
static int finished, cancelled; /* what slow() saw */
static char why[64];

static int answer(aeon_request *req)
{
        return aeon__router_answer(&router, req);
}

static int spawn(void *spawner, const char *name, aeon_task_fn *fn, void *arg)
{
        return aeon_spawn(spawner, name, fn, arg);
}

static int server_run(void *arg)
{
        return aeon__http_server_run(arg);
}

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!");
}

static int echo(aeon_request *req)
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        CHECK(((const char *)body.data)[body.size] == '\0');
        return aeon_reply_bytes(req, 200, "application/octet-stream", body.data, body.size);
}

static int show(aeon_request *req)
{
        char text[512];
        const char *q = aeon_request_query(req, "q"), *accept = aeon_request_header(req, "accept");
        snprintf(text, sizeof text, "%s %s id=%s q=%s accept=%s none=%s", aeon_request_method(req), aeon_request_path(req),
                 aeon_request_param(req, "id"), q ? q : "-", accept ? accept : "-", aeon_request_param(req, "none") ? "?" : "-");
        aeon_reply_header(req, "X-Seen", "yes");
        return aeon_reply_text(req, 201, text);
}

static int slow(aeon_request *req)
{
        int r = aeon_sleep(AEON_MILLISECONDS(200));
        if (r == -ECANCELED) {
                cancelled++;
                snprintf(why, sizeof why, "%s", aeon_cancel_reason());
                return r;
        }
        finished++;
        return r < 0 ? r : aeon_reply_text(req, 200, "at last");
}

static int fail(aeon_request *req)
{
        int code = -atoi(aeon_request_param(req, "code"));
        aeon_reply_text(req, 200, "never seen");
        return aeon_fail_os(code, "secret words");
}

static int count(aeon_request *req)
{
        char piece[1000], text[32];
        ssize_t n;
        size_t total = 0;
        while ((n = aeon_request_read(req, piece, sizeof piece)) > 0)
                total += (size_t)n;
        if (n < 0)
                return (int)n;
        snprintf(text, sizeof text, "%zu", total);
        return aeon_reply_text(req, 200, text);
}

#define PAIR(F) F(str, word) F(i64, times, .min = 1)
AEON_RECORD(pair, PAIR);

static int typed(aeon_request *req)
{
        const struct pair *in;
        int r = pair_receive(req, &in);
        return r < 0 ? r : pair_reply(req, 200, &(struct pair){ .word = in->word, .times = in->times * 2 });
}

static int big(aeon_request *req)
{
        size_t size = 5000000;
        char *bytes = malloc(size);
        memset(bytes, 'x', size);
        int r = aeon_reply_bytes(req, 200, "text/plain", bytes, size);
        free(bytes);
        return r;
}

static int accepted(aeon_request *req)
{
        (void)req;
        return 0;
}

static int bad_replies(aeon_request *req)
{
        CHECK_INT(aeon_reply_status(req, 99), -EINVAL);
        CHECK_INT(aeon_reply_status(req, 600), -EINVAL);
        CHECK_INT(aeon_reply_header(req, "A", "b\r\nC: d"), -EINVAL);
        CHECK_INT(aeon_reply_header(req, "A b", "c"), -EINVAL);
        CHECK_INT(aeon_reply_header(req, "content-length", "3"), -EINVAL);
        CHECK_INT(aeon_reply_bytes(req, 200, "a\nb", "", 0), -EINVAL);
        return aeon_reply_status(req, 204);
}

static void add(const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts)
{
        REQUIRE_INT(aeon__router_add(&router, pattern, handler, opts), 0);
}

/* Start a server with these limits (zero: the defaults) in a new group. */
static aeon_group *start(struct http_limits limits)
{
        int fd;
        aeon_group *group;
        add("GET /hello", hello, NULL);
        add("POST /echo", echo, NULL);
        add("POST /echo10", echo, &(aeon_route_opts){ .max_body = 10 });
        add("GET /show/{id}", show, NULL);
        add("GET /slow", slow, NULL);
        add("POST /slow", slow, NULL);
        add("GET /late", slow, &(aeon_route_opts){ .timeout = AEON_MILLISECONDS(20) });
        add("GET /fail/{code}", fail, NULL);
        add("POST /count", count, NULL);
        add("POST /typed", typed, NULL);
        add("GET /big", big, NULL);
        add("POST /accepted", accepted, NULL);
        add("GET /bad", bad_replies, NULL);
        REQUIRE_INT(aeon_group_open(&group), 0);
        server = (struct http_server){ .limits = limits, .group = group, .spawn = spawn, .spawner = group, .answer = answer };
        aeon__http_server_init(&server);
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE(aeon_socket_address(fd, address, sizeof address) >= 0);
        REQUIRE_INT(aeon_listener_open(fd, &server.listener), 0);
        REQUIRE_INT(aeon_spawn(group, "server", server_run, &server), 0);
        return group;
}

static void stop(aeon_group *group)
{
        aeon__http_server_quiesce(&server);
        CHECK_INT(aeon_group_close(group), 0);
        CHECK_INT(server.count, 0);
        aeon__router_done(&router);
}

/* ------------------------------------------------------------------ a client */

static aeon_stream *dial(void)
{
        aeon_stream *s = NULL;
        REQUIRE_INT(aeon_stream_connect(address, &s), 0);
        return s;
}

static void say(aeon_stream *s, const char *text)
{
        CHECK_INT(aeon_stream_write(s, text, strlen(text)), 0);
}

/* Everything until the server closes, or until @part has come. */
static const char *hear(aeon_stream *s, const char *part)
{
        static char texts[4][65536];
        static unsigned turn;
        char *text = texts[turn++ % 4];
        size_t used = 0;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(10) });
        ssize_t n = 1;
        text[0] = '\0';
        while (n > 0 && used < sizeof texts[0] - 1 && !(part && strstr(text, part))) {
                n = aeon_stream_read(s, text + used, sizeof texts[0] - 1 - used);
                used += n > 0 ? (size_t)n : 0;
                text[used] = '\0';
        }
        CHECK_INT(aeon_scope_close(&limit, n < 0 ? (int)n : 0), 0);
        return text;
}

/* One connection: say @request, hear all until the server closes. */
static const char *ask(const char *request)
{
        aeon_stream *s = dial();
        say(s, request);
        const char *text = hear(s, NULL);
        aeon_stream_close(s);
        return text;
}

#define HEADERS "Host: x\r\n"
#define LAST HEADERS "Connection: close\r\n\r\n"

static int times(const char *text, const char *part)
{
        int n = 0;
        while ((text = strstr(text, part))) {
                n++;
                text += strlen(part);
        }
        return n;
}

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

/* ------------------------------------------------------------------ bodies */

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

/* ------------------------------------------------------------------ bad clients */

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
        CHECK_INT(aeon_group_close(g), 0);
        aeon__router_done(&router);
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
        CHECK_INT(aeon_group_close(g), 0);
        aeon__router_done(&router);
}

TEST(a_cancelled_server_waits_for_its_handlers_to_end)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        say(s, "GET /slow HTTP/1.1\r\n" HEADERS "\r\n");
        aeon_sleep(AEON_MILLISECONDS(20));
        aeon_group_cancel(g, "enough");
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(cancelled, 1);
        CHECK_INT(server.count, 0);
        CHECK_CONTAINS(hear(s, NULL), "HTTP/1.1 503 ");
        aeon_stream_close(s);
        aeon_listener_close(server.listener);
        aeon__router_done(&router);
}
