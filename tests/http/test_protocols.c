/* What stands beside HTTP/1.1: requests of another kind of connection, and streams that a handler or another protocol takes over. */
#include "fixture.h"
#include "harness.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ requests whose heads come decoded */

/* A connection that is no connection: what would be sent is kept in text. */
static struct other {
        aeon_request req;
        const char *body;
        char said[512];
        size_t size;
        int left; /* how often leave_body() was called */
        aeon_event *ended;
} other;

static struct other *other_of(aeon_request *req)
{
        return container_of(req, struct other, req);
}

static void add_said(aeon_request *req, const void *data, size_t size)
{
        struct other *o = other_of(req);
        if (size && o->size + size < sizeof o->said)
                memcpy(o->said + o->size, data, size);
        o->size += size;
        o->said[o->size] = '\0';
}

static ssize_t other_read(aeon_request *req, void *buffer, size_t size)
{
        struct other *o = other_of(req);
        size_t n = strlen(o->body) < size ? strlen(o->body) : size;
        memcpy(buffer, o->body, n);
        o->body += n;
        if (!*o->body)
                req->body_state = BODY_NONE;
        return (ssize_t)n;
}

static void other_leave(aeon_request *req)
{
        other_of(req)->left++;
}

static int other_begin(aeon_request *req)
{
        char status[8];
        add_said(req, status, (size_t)snprintf(status, sizeof status, "%d:", req->status));
        return 0;
}

static int other_write(aeon_request *req, const void *data, size_t size)
{
        add_said(req, data, size);
        return 0;
}

static int other_send(aeon_request *req)
{
        other_begin(req);
        CHECK_INT(aeon_reply_set_header(req, "X-Request-Id", NULL), 0); /* which is by chance */
        add_said(req, buffer_bytes(&req->headers), buffer_size(&req->headers));
        add_said(req, buffer_bytes(&req->reply), buffer_size(&req->reply));
        return 0;
}

static int other_end(aeon_request *req)
{
        add_said(req, "(end)", 5);
        return 0;
}

static void other_cut(aeon_request *req)
{
        add_said(req, "(cut)", 5);
}

static void other_done(aeon_request *req)
{
        aeon_event_set(other_of(req)->ended);
}

static const struct http_exchange_ops other_ops = {
        .read = other_read,
        .leave_body = other_leave,
        .send = other_send,
        .begin = other_begin,
        .write = other_write,
        .end = other_end,
        .cut = other_cut,
        .done = other_done,
};

static aeon_bytes bytes(const char *text)
{
        return (aeon_bytes){ text, strlen(text) };
}

/* What is said to this request; NULL @body: none. */
static const char *ask_otherwise(const char *method, const char *target, const char *body)
{
        aeon_request *req = &other.req;
        other.size = 0;
        other.left = 0;
        aeon__request_init(req, &other_ops, &server, NULL);
        REQUIRE_INT(aeon_event_new(&other.ended), 0);
        REQUIRE_INT(aeon__request_set_target(req, bytes(method), bytes(target)), 0);
        REQUIRE_INT(aeon__request_add_field(req, bytes("accept"), bytes("any")), 0);
        aeon__request_begin(req);
        other.body = body ? body : "";
        req->body_state = body ? BODY_COMING : BODY_NONE;
        req->body_left = BODY_UNKNOWN;
        REQUIRE_INT(aeon__exchange_start(req), 0);
        CHECK_INT(aeon_event_wait(other.ended), 0);
        aeon_event_free(other.ended);
        aeon__request_end(req);
        return other.said;
}

static int failing(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, "part", 4);
        return r < 0 ? r : -EIO;
}

TEST(requests_of_another_kind_have_the_same_handlers_limits_and_results)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /failing", failing);
        CHECK_STR(ask_otherwise("GET", "/show/a%20b?p=1&q=x+%26y", NULL),
                  "201:X-Seen: yes\r\nGET /show/a%20b id=a b q=x &y accept=any none=-");
        CHECK_STR(ask_otherwise("POST", "/echo", "some words"), "200:some words");
        CHECK_CONTAINS(ask_otherwise("POST", "/echo10", "more than ten bytes"), "413:");
        CHECK_CONTAINS(ask_otherwise("GET", "/fail/2", NULL), "404:");
        CHECK_CONTAINS(ask_otherwise("GET", "/late", NULL), "504:");
        CHECK_CONTAINS(ask_otherwise("PUT", "/hello", NULL), "405:Allow: GET, HEAD, OPTIONS\r\n");
        CHECK_INT(other.left, 1);
        CHECK_STR(ask_otherwise("GET", "/failing", NULL), "200:part(cut)");
        aeon__request_done(&other.req);
        stop(g);
}

TEST(decoded_heads_keep_the_rules_and_limits)
{
        aeon_request *req = &other.req;
        char long_text[HTTP_HEAD_LIMIT + 2];
        memset(long_text, 'a', sizeof long_text);
        long_text[sizeof long_text - 1] = '\0';
        CHECK_INT(aeon__request_set_target(req, bytes("G T"), bytes("/")), -EBADMSG);
        CHECK_INT(aeon__request_set_target(req, bytes("GET"), bytes("x")), -EBADMSG);
        CHECK_INT(aeon__request_set_target(req, bytes("GET"), bytes("*")), -EBADMSG);
        CHECK_INT(aeon__request_set_target(req, bytes("GET"), bytes("/%2")), -EBADMSG);
        CHECK_INT(aeon__request_add_field(req, bytes("a b"), bytes("x")), -EBADMSG);
        CHECK_INT(aeon__request_add_field(req, bytes("a"), bytes("x\ny")), -EBADMSG);
        CHECK_INT(aeon__request_add_field(req, bytes("a"), bytes(long_text)), -EMSGSIZE);
        aeon__request_end(req);
        REQUIRE_INT(aeon__request_set_target(req, bytes("GET"), bytes("/")), 0);
        for (int i = 0; i < HTTP_FIELDS_LIMIT; i++)
                REQUIRE_INT(aeon__request_add_field(req, bytes("a"), bytes("x")), 0);
        CHECK_INT(aeon__request_add_field(req, bytes("a"), bytes("x")), -EMSGSIZE);
        aeon__request_begin(req);
        CHECK_STR(aeon_request_path(req), "/");
        CHECK_STR(aeon_request_header(req, "A"), "x");
        aeon__request_done(req);
}

/* ------------------------------------------------------------------ streams that a handler takes over */

static int reverse(aeon_request *req)
{
        aeon_stream *s;
        aeon_bytes received;
        char text[64];
        aeon_reply_header(req, "X-Accept", "yes");
        int r = aeon__request_upgrade(req, "reverse", &s, &received);
        if (r < 0)
                return r;
        CHECK_INT(aeon_reply_status(req, 200), -EALREADY);
        size_t size = received.size;
        memcpy(text, received.data, size);
        while (size < 6) {
                ssize_t n = aeon_stream_read(s, text + size, sizeof text - size);
                if (n <= 0)
                        return -ECONNRESET;
                size += (size_t)n;
        }
        for (size_t i = 0; i < size / 2; i++) {
                char c = text[i];
                text[i] = text[size - 1 - i];
                text[size - 1 - i] = c;
        }
        return aeon_stream_write(s, text, size);
}

#define UPGRADE HEADERS "Connection: upgrade\r\nUpgrade: reverse\r\n\r\n"

TEST(a_handler_takes_the_stream_over_and_gets_what_came_early)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /reverse", reverse);
        const char *text = ask("GET /reverse HTTP/1.1\r\n" UPGRADE "abcdef");
        CHECK_CONTAINS(text, "HTTP/1.1 101 Switching Protocols\r\n");
        CHECK_CONTAINS(text, "\r\nConnection: Upgrade\r\n");
        CHECK_CONTAINS(text, "\r\nUpgrade: reverse\r\n");
        CHECK_CONTAINS(text, "X-Accept: yes\r\n");
        CHECK(!strstr(text, "Content-Length"));
        CHECK_CONTAINS(text, "\r\n\r\nfedcba");

        aeon_stream *s = dial();
        say(s, "GET /reverse HTTP/1.1\r\n" UPGRADE);
        hear(s, "\r\n\r\n");
        say(s, "ab");
        say(s, "cdef");
        CHECK_STR(hear(s, NULL), "fedcba"); /* the connection ends with the handler */
        aeon_stream_close(s);
        stop(g);
}

static int refused(aeon_request *req)
{
        aeon_stream *s = NULL;
        aeon_bytes received;
        int wanted = !strcmp(aeon_request_method(req), "POST") ? -EINVAL : -ENOTSUP;
        CHECK_INT(aeon__request_upgrade(req, "x", &s, &received), wanted);
        CHECK(s == NULL);
        return aeon_reply_text(req, 200, "as ever");
}

TEST(what_cannot_be_taken_over_is_answered_as_ever)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /refused", refused);
        route("POST /refused", refused);
        CHECK_CONTAINS(ask("GET /refused HTTP/1.0\r\n\r\n"), "as ever");
        CHECK_CONTAINS(ask("POST /refused HTTP/1.1\r\nContent-Length: 1\r\n" LAST "x"), "as ever");
        CHECK_STR(ask_otherwise("GET", "/refused", NULL), "200:as ever");
        aeon__request_done(&other.req);
        stop(g);
}

/* ------------------------------------------------------------------ another protocol from the first byte on */

static int quiesced;

static void note_quiesce(struct http_link *link)
{
        (void)link;
        quiesced++;
}

static bool expects_nothing(const struct http_link *link)
{
        (void)link;
        return false;
}

static const struct http_link_ops echo_ops = { .quiesce = note_quiesce, .expects = expects_nothing };

/* Says what had come already, then whatever comes. */
static void serve_echo(struct http_link *link, aeon_bytes received)
{
        char text[64];
        link->ops = &echo_ops;
        ssize_t n = received.size;
        int r = aeon_stream_write(link->stream, received.data, received.size);
        while (r == 0 && (n = aeon_stream_read(link->stream, text, sizeof text)) > 0)
                r = aeon_stream_write(link->stream, text, (size_t)n);
}

static const struct http_protocol echo_protocol = { .serve = serve_echo };

TEST(a_preface_of_http_2_goes_to_its_protocol_and_the_server_asks_it_to_end)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon__http2_use(&echo_protocol);
        aeon_stream *s = dial();
        say(s, "PRI * HTTP/2.0\r\n\r");
        say(s, "\nSM\r\n\r\nmore");
        hear(s, "more");
        say(s, "words");
        CHECK_STR(hear(s, "words"), "words");
        aeon__http_server_quiesce(&server);
        CHECK_INT(quiesced, 1);
        aeon_stream_close(s);
        stop(g);
}

TEST(without_http_2_its_preface_is_refused)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon__http2_use(NULL);
        CHECK_CONTAINS(ask(HTTP2_PREFACE), "HTTP/1.1 505 ");
        aeon__http2_use(&echo_protocol);
        CHECK_CONTAINS(ask("PRIZE / HTTP/1.1\r\n" LAST), "HTTP/1.1 404 ");
        CHECK_CONTAINS(ask("GET /hello HTTP/1.1\r\n" HEADERS "\r\n" HTTP2_PREFACE), "HTTP/1.1 505 "); /* only at the beginning */
        stop(g);
}
