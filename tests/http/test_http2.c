/* HTTP/2: what handlers do for HTTP/1.1 they do here. */
#include "harness.h"
#include "http2_client.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/http_file.h>
#include <aeon/http_form.h>
#include <aeon/log.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct h2_stream *ask_for(struct h2 *c, const char *method, const char *path, const char *const *fields, const char *body)
{
        struct h2_stream *s = h2_ask(c, method, path, fields, body);
        h2_await_end(c, s);
        return s;
}

/* "200:Hello, world!" */
static const char *brief(const struct h2_stream *s)
{
        static char texts[4][512];
        static unsigned turn;
        char *text = texts[turn++ % 4];
        snprintf(text, sizeof texts[0], "%d:%s", s->status, s->text ? s->text : "");
        return text;
}

#define ASK(...) brief(ask_for(c, __VA_ARGS__))

/* ------------------------------------------------------------------ requests and kept replies */

TEST(requests_of_every_kind_are_answered_on_one_connection)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *s = h2_get(c, "/hello");
        CHECK_STR(brief(s), "200:Hello, world!");
        CHECK(s->ended && s->reset == -1);
        CHECK_CONTAINS(s->fields, "content-type: text/plain; charset=utf-8\n");
        CHECK_CONTAINS(s->fields, "content-length: 13\n");
        CHECK_CONTAINS(s->fields, "date: ");
        CHECK_CONTAINS(s->fields, "x-request-id: ");
        CHECK_STR(ASK("POST", "/echo", NULL, "some words"), "200:some words");
        s = ask_for(c, "GET", "/show/a%20b?p=1&q=x+%26y", FIELDS("accept", "any"), NULL);
        CHECK_STR(brief(s), "201:GET /show/a%20b id=a b q=x &y accept=any none=-");
        CHECK_CONTAINS(s->fields, "x-seen: yes\n");
        CHECK_STR(ASK("POST", "/typed", NULL, "{\"word\":\"w\",\"times\":2}"), "200:{\"word\":\"w\",\"times\":4}");
        CHECK_CONTAINS(ASK("POST", "/typed", NULL, "{}"), "400:{\"title\":\"Bad Request\"");
        CHECK_STR(ASK("POST", "/accepted", NULL, ""), "204:");
        CHECK_CONTAINS(ASK("GET", "/nowhere", NULL, NULL), "404:");
        CHECK_CONTAINS(ASK("GET", "/late", NULL, NULL), "504:");
        CHECK_CONTAINS(ASK("GET", "/a/../b", NULL, NULL), "400:");
        s = ask_for(c, "PUT", "/hello", NULL, NULL);
        CHECK_INT(s->status, 405);
        CHECK_CONTAINS(s->fields, "allow: GET, HEAD, OPTIONS\n");
        CHECK_STR(ASK("OPTIONS", "*", NULL, NULL), "204:");
        s = ask_for(c, "HEAD", "/hello", NULL, NULL);
        CHECK_STR(brief(s), "200:");
        CHECK_CONTAINS(s->fields, "content-length: 13\n");
        CHECK_INT(server.count, 1);
        CHECK_INT(c->goaways, 0);
        h2_close(c);
        stop(g);
}

TEST(requests_overtake_each_other)
{
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *slow = h2_ask(c, "GET", "/slow", NULL, NULL), *fast = h2_ask(c, "GET", "/hello", NULL, NULL);
        h2_await_end(c, fast);
        CHECK(!slow->closed);
        h2_await_end(c, slow);
        CHECK_STR(brief(slow), "200:at last");
        h2_close(c);
        stop(g);
}

static int show_head(aeon_request *req)
{
        char text[256];
        const char *host = aeon_request_header(req, "Host"), *cookie = aeon_request_header(req, "Cookie");
        size_t cursor = 0, hosts = 0;
        while (aeon_request_header_next(req, "host", &cursor))
                hosts++;
        snprintf(text, sizeof text, "%s %zu %s %s", host, hosts, cookie ? cookie : "-", aeon_request_id(req));
        return aeon_reply_text(req, 200, text);
}

TEST(authority_is_the_host_and_several_cookie_fields_are_one)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /head", show_head);
        struct h2 *c = h2_dial(NULL);
        CHECK_STR(ASK("GET", "/head", FIELDS("cookie", "a=1", "x-request-id", "I", "cookie", "b=2"), NULL), "200:x 1 a=1; b=2 I");
        CHECK_STR(ASK("GET", "/head", FIELDS("host", "X", "x-request-id", "I"), NULL), "200:x 1 - I"); /* the same */
        CHECK_CONTAINS(ASK("GET", "/head", FIELDS("host", "y"), NULL), "400:");
        const struct h2_stream *s =
                h2_ask_raw(c, FIELDS(":method", "GET", ":scheme", "http", ":path", "/head", "host", "z:80", "x-request-id", "I"),
                           NULL, 0, false);
        h2_await_end(c, s);
        CHECK_STR(brief(s), "200:z:80 1 - I");
        s = h2_ask_raw(c, FIELDS(":method", "GET", ":scheme", "http", ":path", "/head", ":authority", "a:b:c"), NULL, 0, false);
        h2_await_end(c, s);
        CHECK_INT(s->status, 400);
        h2_close(c);
        stop(g);
}

static int cannot_upgrade(aeon_request *req)
{
        aeon_stream *stream;
        aeon_bytes received;
        CHECK_INT(aeon__request_upgrade(req, "x", &stream, &received), -ENOTSUP);
        return aeon_reply_text(req, 200, "as ever");
}

TEST(what_http_2_does_not_offer_is_refused)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /upgrade", cannot_upgrade);
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *s = h2_ask_raw(c, FIELDS(":method", "CONNECT", ":authority", "x:80"), NULL, 0, false);
        h2_await_end(c, s);
        CHECK_INT(s->status, 501);
        CHECK_STR(ASK("GET", "/upgrade", NULL, NULL), "200:as ever");
        CHECK_CONTAINS(ASK("POST", "/echo", FIELDS("expect", "miracles"), "body"), "417:");
        s = h2_ask_raw(c, /* extended CONNECT was not offered */
                       FIELDS(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "x"),
                       NULL, 0, false);
        h2_await_end(c, s);
        CHECK_INT(s->reset, NGHTTP2_PROTOCOL_ERROR);
        h2_close(c);
        stop(g);
}

TEST(who_expects_100_gets_it_once_the_handler_reads)
{
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        struct h2_stream *s = h2_ask(c, "POST", "/echo", FIELDS("expect", "100-continue"), "body");
        s->held = true;
        while (!s->informed)
                REQUIRE(h2_turn(c, AEON_SECONDS(10)));
        s->held = false;
        nghttp2_session_resume_data(c->session, s->id);
        h2_await_end(c, s);
        CHECK_STR(brief(s), "200:body");
        CHECK_INT(s->informed, 1);
        h2_close(c);
        stop(g);
}

static int many_headers(aeon_request *req)
{
        char value[1001];
        memset(value, 'v', sizeof value - 1);
        value[sizeof value - 1] = '\0';
        for (int i = 0; i < atoi(aeon_request_param(req, "count")); i++)
                aeon_reply_header(req, "X-Many", value);
        return aeon_reply_text(req, 200, "many");
}

TEST(a_head_that_is_too_long_to_be_sent_is_an_error_of_its_stream)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /many/{count}", many_headers);
        struct h2 *c = h2_dial(NULL);
        CHECK_STR(brief(h2_get(c, "/many/40")), "200:many");
        CHECK_INT(h2_get(c, "/many/70")->reset, NGHTTP2_INTERNAL_ERROR);
        CHECK_STR(brief(h2_get(c, "/hello")), "200:Hello, world!");
        h2_close(c);
        stop(g);
}

static int file(aeon_request *req)
{
        return aeon_reply_file(req, test_path("%s", "file"), NULL);
}

static int form(aeon_request *req)
{
        const char *word;
        int r = aeon_request_form(req, "word", &word);
        return r < 0 ? r : aeon_reply_text(req, 200, word);
}

TEST(files_with_ranges_and_forms)
{
        aeon_group *g = start((struct http_limits){ 0 });
        test_write_file(test_path("%s", "file"), "0123456789");
        route("GET /file", file);
        route("POST /form", form);
        struct h2 *c = h2_dial(NULL);
        CHECK_STR(brief(h2_get(c, "/file")), "200:0123456789");
        const struct h2_stream *s = ask_for(c, "GET", "/file", FIELDS("range", "bytes=2-4"), NULL);
        CHECK_STR(brief(s), "206:234");
        CHECK_CONTAINS(s->fields, "content-range: bytes 2-4/10\n");
        CHECK_STR(ASK("HEAD", "/file", NULL, NULL), "200:");
        CHECK_STR(ASK("POST", "/form", FIELDS("content-type", "application/x-www-form-urlencoded"), "word=a%20b"), "200:a b");
        h2_close(c);
        stop(g);
}

TEST(each_request_has_a_line_in_the_access_log)
{
        aeon_group *g = start((struct http_limits){ .access_log = true });
        struct h2 *c = h2_dial(NULL);
        test_stderr_begin();
        h2_get(c, "/hello?secret=1");
        while (!strstr(test_stderr(), "bytes=13 ms="))
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_CONTAINS(test_stderr(), "GET /hello 200 ");
        test_stderr_end();
        h2_close(c);
        stop(g);
}

/* ------------------------------------------------------------------ bodies */

TEST(a_body_that_is_too_long_is_413_and_the_client_is_told_to_stop)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        CHECK_CONTAINS(ASK("POST", "/echo10", NULL, "more than ten bytes"), "413:");
        struct h2_stream *s = h2_ask_raw(
                c, FIELDS(":method", "POST", ":scheme", "http", ":path", "/echo10", ":authority", "x", "content-length", "1000"),
                "begun", 5, true);
        h2_await_end(c, s);
        CHECK_INT(s->status, 413);
        CHECK(s->ended);
        CHECK_INT(s->reset, NGHTTP2_NO_ERROR);
        CHECK_STR(ASK("POST", "/echo10", NULL, "ten bytes!"), "200:ten bytes!");
        h2_close(c);
        stop(g);
}

static aeon_event *may_read;
static uint64_t had;

static int read_when_told(aeon_request *req)
{
        char piece[5000];
        ssize_t n;
        int r = aeon_event_wait(may_read);
        if (r < 0)
                return r;
        while ((n = aeon_request_read(req, piece, sizeof piece)) > 0)
                had += (size_t)n;
        return n < 0 ? (int)n : aeon_reply_text(req, 200, "all");
}

TEST(a_body_comes_no_faster_than_its_handler_reads_and_holds_up_no_other)
{
        enum { SIZE = 1000000 };
        char *body = malloc(SIZE);
        memset(body, 'b', SIZE);
        aeon_group *g = start((struct http_limits){ 0 });
        REQUIRE_INT(aeon_event_new(&may_read), 0);
        route("POST /told", read_when_told);
        struct h2 *c = h2_dial(NULL);
        const char *const post[] = { ":method", "POST", ":scheme", "http", ":path", "/told", ":authority", "x", NULL };
        struct h2_stream *s = h2_ask_raw(c, post, body, SIZE, false);
        for (int i = 0; i < 20; i++) /* each stalled one takes nothing from the next */
                h2_ask_raw(c, post, body, SIZE, false);
        struct h2_stream *other = h2_ask(c, "POST", "/count", NULL, "123");
        h2_await_end(c, other);
        CHECK_STR(brief(other), "200:3");
        while (h2_turn(c, AEON_MILLISECONDS(200)))
                ;
        for (int i = 0; i < 21; i++)
                CHECK_INT(c->streams[i].body_sent, 65535);
        aeon_event_set(may_read);
        for (int i = 0; i < 21; i++)
                h2_await_end(c, &c->streams[i]);
        CHECK_STR(brief(s), "200:all");
        CHECK_INT(had, 21 * SIZE);
        h2_close(c);
        stop(g);
        aeon_event_free(may_read);
        free(body);
}

TEST(trailers_are_ignored)
{
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        struct h2_stream *s =
                h2_ask_raw(c, FIELDS(":method", "POST", ":scheme", "http", ":path", "/echo", ":authority", "x"), "body", 4, true);
        h2_send(c);
        const nghttp2_nv trailer = { (uint8_t *)"x-sum", (uint8_t *)"1", 5, 1, 0 };
        REQUIRE_INT(nghttp2_submit_headers(c->session, NGHTTP2_FLAG_END_STREAM, s->id, NULL, &trailer, 1, NULL), 0);
        h2_await_end(c, s);
        CHECK_STR(brief(s), "200:body");
        h2_close(c);
        stop(g);
}

/* ------------------------------------------------------------------ streamed replies */

static int two_pieces(aeon_request *req)
{
        aeon_reply_header(req, "X-Seen", "yes");
        int r = aeon_reply_begin(req, 200, "text/plain");
        r = r < 0 ? r : aeon_reply_write(req, "Hello, ", 7);
        return r < 0 ? r : aeon_reply_write(req, "wide world!", 11);
}

static int head_first(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, NULL, 0);
        r = r < 0 ? r : aeon_event_wait(may_read);
        return r < 0 ? r : aeon_reply_end(req);
}

static int failing(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, "part", 4);
        return r < 0 ? r : aeon_fail(-EIO, "the disk is full of words");
}

static int bare(aeon_request *req)
{
        int r = aeon_reply_begin(req, 204, NULL);
        return r < 0 ? r : aeon_reply_write(req, "nothing", 7);
}

static int told(aeon_request *req)
{
        aeon_reply_length(req, 18);
        return two_pieces(req);
}

TEST(streamed_replies_come_in_pieces_and_end)
{
        aeon_group *g = start((struct http_limits){ 0 });
        REQUIRE_INT(aeon_event_new(&may_read), 0);
        route("GET /two", two_pieces);
        route("GET /first", head_first);
        route("GET /bare", bare);
        route("GET /told", told);
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *s = h2_get(c, "/two");
        CHECK_STR(brief(s), "200:Hello, wide world!");
        CHECK_CONTAINS(s->fields, "x-seen: yes\n");
        CHECK(!strstr(s->fields, "content-length"));
        CHECK_CONTAINS(h2_get(c, "/told")->fields, "content-length: 18\n");
        CHECK_STR(ASK("HEAD", "/told", NULL, NULL), "200:");
        CHECK_STR(ASK("GET", "/bare", NULL, NULL), "204:");
        s = h2_ask(c, "GET", "/first", NULL, NULL);
        while (!s->status)
                REQUIRE(h2_turn(c, AEON_SECONDS(10)));
        CHECK(!s->closed); /* the head is there, the rest is not */
        aeon_event_set(may_read);
        h2_await_end(c, s);
        CHECK(s->ended && !s->size);
        h2_close(c);
        stop(g);
        aeon_event_free(may_read);
}

TEST(a_streamed_reply_that_fails_is_cut_off_and_the_connection_goes_on)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /failing", failing);
        struct h2 *c = h2_dial(NULL);
        test_stderr_begin();
        const struct h2_stream *s = h2_get(c, "/failing");
        CHECK_STR(brief(s), "200:part");
        CHECK_INT(s->reset, NGHTTP2_INTERNAL_ERROR);
        CHECK(!s->ended);
        CHECK_CONTAINS(test_stderr(), "GET /failing 200 cut off: ");
        test_stderr_end();
        CHECK_STR(brief(h2_get(c, "/hello")), "200:Hello, world!");
        h2_close(c);
        stop(g);
}

static size_t written;

static int write_on(aeon_request *req)
{
        static char piece[1000];
        int r = aeon_reply_begin(req, 200, NULL);
        for (int i = 0; i < 300 && r >= 0; i++) {
                r = aeon_reply_write(req, piece, sizeof piece);
                written += r >= 0 ? sizeof piece : 0;
        }
        return r;
}

TEST(a_writer_waits_until_flow_control_has_taken_what_it_wrote)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /on", write_on);
        struct h2 *c = h2_dial(&(struct h2_opts){ .window = 10500, .keep_window = true });
        struct h2_stream *s = h2_ask(c, "GET", "/on", NULL, NULL);
        while (s->size < 10500)
                REQUIRE(h2_turn(c, AEON_SECONDS(10)));
        CHECK(!h2_turn(c, AEON_MILLISECONDS(100)));
        CHECK_INT(s->size, 10500);
        CHECK_INT(written, 10000); /* of the eleventh piece only a half has gone */
        CHECK_STR(brief(ask_for(c, "POST", "/echo", NULL, "others")), "200:others");
        h2_open_window(c, s, 1000000);
        h2_open_window(c, NULL, 1000000);
        h2_await_end(c, s);
        CHECK_INT(s->size, 300000);
        CHECK_INT(written, 300000);
        h2_close(c);
        stop(g);
}

TEST(a_long_kept_reply_comes_whole)
{
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        CHECK_INT(h2_get(c, "/big")->size, 5000000);
        h2_close(c);
        stop(g);
}

/* ------------------------------------------------------------------ clients that go */

TEST(a_reset_cancels_its_handler_and_no_other)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *given_up = h2_ask(c, "GET", "/slow", NULL, NULL), *kept = h2_ask(c, "GET", "/slow", NULL, NULL);
        h2_get(c, "/hello"); /* both have begun */
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, given_up->id, NGHTTP2_CANCEL);
        h2_await_end(c, kept);
        CHECK_STR(brief(kept), "200:at last");
        CHECK_INT(finished, 1);
        CHECK_INT(cancelled, 1);
        CHECK_CONTAINS(why, "client disconnected");
        h2_close(c);
        stop(g);
}

TEST(the_end_of_a_connection_cancels_all_its_handlers)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        REQUIRE_INT(aeon_event_new(&may_read), 0);
        route("POST /told", read_when_told);
        struct h2 *c = h2_dial(NULL);
        for (int i = 0; i < 5; i++)
                h2_ask(c, "GET", "/slow", NULL, NULL);
        h2_ask_raw(c, FIELDS(":method", "POST", ":scheme", "http", ":path", "/told", ":authority", "x"), "body", 4, true);
        h2_ask_raw(c, FIELDS(":method", "POST", ":scheme", "http", ":path", "/count", ":authority", "x"), "body", 4, true);
        h2_get(c, "/hello");
        h2_close(c);
        while (server.count)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(finished, 0);
        CHECK_INT(cancelled, 5);
        stop(g);
        aeon_event_free(may_read);
}

TEST(a_body_that_is_not_as_long_as_told_is_an_error_of_its_stream)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        struct h2 *c = h2_dial(NULL);
        const struct h2_stream *s = h2_ask_raw(
                c, FIELDS(":method", "POST", ":scheme", "http", ":path", "/echo", ":authority", "x", "content-length", "5"), "four",
                4, false);
        h2_await_end(c, s);
        CHECK_INT(s->reset, NGHTTP2_PROTOCOL_ERROR);
        CHECK_INT(s->status, 0);
        CHECK_STR(brief(h2_get(c, "/hello")), "200:Hello, world!");
        h2_close(c);
        stop(g);
}

/* ------------------------------------------------------------------ over TLS */

TEST(alpn_gives_http_2_over_tls)
{
        char script[512];
        aeon_tls_server *tls;
        snprintf(script, sizeof script, "%s/examples/tls/make-certificates", test_source_folder());
        REQUIRE_INT(RUN(NULL, "sh", script, test_folder()), 0);
        REQUIRE_INT(aeon_tls_server_new(&(aeon_tls_opts){ .certificate = test_path("%s", "server.pem"),
                                                          .key = test_path("%s", "server.key"),
                                                          .alpn = aeon__http_alpn() },
                                        &tls),
                    0);
        aeon_group *g = start((struct http_limits){ 0 });
        server.tls = tls;
        struct h2 *c = h2_dial(&(struct h2_opts){ .tls = test_path("%s", "ca.pem") });
        CHECK_STR(aeon_stream_alpn(c->stream), "h2");
        CHECK_STR(brief(h2_get(c, "/hello")), "200:Hello, world!");
        CHECK_STR(ASK("POST", "/echo", NULL, "some words"), "200:some words");
        CHECK_INT(h2_get(c, "/big")->size, 5000000);
        h2_close(c);
        stop(g);
        aeon_tls_server_free(tls);
}
