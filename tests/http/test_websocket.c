/* WebSockets from a client's side of the wire: the handshake, messages, what breaks the rules, and every way to end. */
#include "failing.h"
#include "fixture.h"
#include "harness.h"
#include "process.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/sync.h>
#include <aeon/websocket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ a client */

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ASK "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY
#define FIN 0x80

enum { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };

/* A masked frame of @first (FIN, reserved bits, opcode) at @to; its size. */
static size_t make_frame(char *to, unsigned first, const void *data, size_t size)
{
        static const unsigned char mask[] = { 0x37, 0xfa, 0x21, 0x3d };
        size_t at = 0;
        to[at++] = (char)first;
        to[at++] = (char)(FIN | (size < 126 ? size : size < 65536 ? 126 : 127));
        for (int bits = size < 126 ? 0 : size < 65536 ? 16 : 64; bits; bits -= 8)
                to[at++] = (char)((uint64_t)size >> (bits - 8));
        memcpy(to + at, mask, 4);
        at += 4;
        for (size_t i = 0; i < size; i++)
                to[at + i] = (char)(((const char *)data)[i] ^ mask[i % 4]);
        return at + size;
}

static void send_bytes(aeon_stream *s, const void *bytes, size_t size)
{
        CHECK_INT(aeon_stream_write(s, bytes, size), 0);
}

static void send_frame(aeon_stream *s, unsigned first, const void *data, size_t size)
{
        char *bytes = malloc(size + 14);
        send_bytes(s, bytes, make_frame(bytes, first, data, size));
        free(bytes);
}

static void send_text(aeon_stream *s, const char *text)
{
        send_frame(s, FIN | TEXT, text, strlen(text));
}

static void send_close(aeon_stream *s, unsigned code)
{
        char payload[] = { (char)(code >> 8), (char)code };
        send_frame(s, FIN | CLOSE, payload, 2);
}

static bool read_all(aeon_stream *s, void *to, size_t size)
{
        for (size_t at = 0; at < size;) {
                ssize_t n = aeon_stream_read(s, (char *)to + at, size - at);
                if (n <= 0)
                        return false;
                at += (size_t)n;
        }
        return true;
}

static char payload[1 << 22];
static size_t payload_size;

/* The next frame: its first byte, the payload in payload[]; -1: the connection has ended. */
static int hear_frame(aeon_stream *s)
{
        unsigned char head[2], more[8];
        aeon_scope limit;
        int r = -1;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(60) });
        if (read_all(s, head, 2)) {
                uint64_t size = head[1];
                unsigned extra = size == 126 ? 2 : size == 127 ? 8 : 0;
                CHECK(read_all(s, more, extra));
                for (unsigned i = 0; i < extra; i++)
                        size = (i ? size << 8 : 0) | more[i];
                REQUIRE(size < sizeof payload);
                CHECK(read_all(s, payload, size));
                payload[size] = '\0';
                payload_size = size;
                r = head[0];
        }
        CHECK_INT(aeon_scope_close(&limit, 0), 0);
        CHECK(!aeon_scope_cancelled(&limit));
        return r;
}

/* The code of the close that comes next; 0: there is none, or without a code. */
static unsigned hear_close(aeon_stream *s)
{
        int first = hear_frame(s);
        CHECK_INT(first, FIN | CLOSE);
        return first == (FIN | CLOSE) && payload_size >= 2 ? (unsigned char)payload[0] << 8 | (unsigned char)payload[1] : 0;
}

static void hear_end(aeon_stream *s)
{
        CHECK_INT(hear_frame(s), -1);
        aeon_stream_close(s);
}

/* Up to the end of the head, and not a byte further. */
static const char *hear_head(aeon_stream *s)
{
        static char head[4096];
        size_t used = 0;
        head[0] = '\0';
        while (used < sizeof head - 1 && !strstr(head, "\r\n\r\n") && read_all(s, head + used, 1))
                head[++used] = '\0';
        return head;
}

static aeon_stream *open_websocket(const char *path)
{
        char request[512];
        aeon_stream *s = dial();
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HEADERS ASK "\r\n", path);
        say(s, request);
        CHECK_CONTAINS(hear_head(s), "HTTP/1.1 101 Switching Protocols\r\n");
        return s;
}

/* ------------------------------------------------------------------ a server */

static aeon_websocket_opts opts;
static int result;    /* of the last handler */
static bool over;     /* it has returned */
static unsigned code; /* by which the client closed */
static const char *agreed;

static int echo_with(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        over = false;
        int r = aeon_websocket_accept(req, &opts, &ws);
        if (r < 0)
                return result = r;
        agreed = aeon_websocket_protocol(ws);
        while (r >= 0 && (r = aeon_websocket_receive(ws, &m)) > 0) {
                CHECK(m.data[m.size] == '\0');
                r = aeon_websocket_send(ws, m.kind, m.data, m.size);
        }
        code = aeon_websocket_close_code(ws);
        over = true;
        return result = r;
}

static void await_end(void)
{
        while (!over)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

static aeon_group *start_echo(void)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /echo", echo_with);
        return g;
}

/* ------------------------------------------------------------------ the handshake */

TEST(a_request_for_a_websocket_is_answered_by_its_key)
{
        aeon_group *g = start_echo();
        aeon_stream *s = dial();
        say(s, "GET /echo HTTP/1.1\r\n" HEADERS ASK "\r\n");
        const char *head = hear_head(s);
        CHECK_CONTAINS(head, "HTTP/1.1 101 Switching Protocols\r\n");
        CHECK_CONTAINS(head, "Upgrade: websocket\r\n");
        CHECK_CONTAINS(head, "Connection: Upgrade\r\n");
        CHECK_CONTAINS(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"); /* RFC 6455, 1.3 */
        CHECK(!strstr(head, "Sec-WebSocket-Protocol") && !strstr(head, "Sec-WebSocket-Extensions"));
        send_text(s, "hello");
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_STR(payload, "hello");
        send_close(s, 1000);
        CHECK_INT(hear_close(s), 1000);
        hear_end(s);
        stop(g);
}

TEST(what_comes_with_the_request_is_received_first)
{
        aeon_group *g = start_echo();
        char bytes[1024];
        int size = snprintf(bytes, sizeof bytes, "GET /echo HTTP/1.1\r\n" HEADERS ASK "\r\n");
        size_t at = (size_t)size;
        at += make_frame(bytes + at, FIN | TEXT, "early", 5);
        at += make_frame(bytes + at, FIN | BINARY, "bird", 4);
        aeon_stream *s = dial();
        send_bytes(s, bytes, at - 3);
        hear_head(s);
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_STR(payload, "early");
        send_bytes(s, bytes + at - 3, 3);
        CHECK_INT(hear_frame(s), FIN | BINARY);
        CHECK_STR(payload, "bird");
        aeon_stream_close(s);
        stop(g);
}

TEST(a_request_that_is_none_for_a_websocket_is_told_why)
{
        aeon_group *g = start_echo();
        CHECK_CONTAINS(ask("GET /echo HTTP/1.1\r\n" LAST), "HTTP/1.1 400 ");
        CHECK_CONTAINS(ask("GET /echo HTTP/1.1\r\n" LAST), "the request asks for no WebSocket");
        CHECK_INT(result, -EBADMSG);
        CHECK_CONTAINS(ask("GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY LAST),
                       "asks for no WebSocket");
        CHECK_CONTAINS(
                ask("GET /echo HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade, close\r\nSec-WebSocket-Version: 13\r\n" KEY HEADERS
                    "\r\n"),
                "asks for no WebSocket");
        const char *text = ask(
                "GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 8\r\n" KEY HEADERS
                "\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 426 Upgrade Required\r\n");
        CHECK_CONTAINS(text, "Sec-WebSocket-Version: 13\r\n");
        CHECK_CONTAINS(ask("GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" HEADERS "\r\n"),
                       "is not 16 bytes in base64");
        CHECK_CONTAINS(ask("GET /echo HTTP/1.0\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), "HTTP/1.1 400 ");
        stop(g);
}

static const char *ask_from(const char *host, const char *origin)
{
        char request[512];
        snprintf(request, sizeof request, "GET /echo HTTP/1.1\r\nHost: %s\r\n%s%s%s" ASK "\r\n", host, origin ? "Origin: " : "",
                 origin ? origin : "", origin ? "\r\n" : "");
        aeon_stream *s = dial();
        say(s, request);
        const char *head = hear_head(s);
        aeon_stream_close(s);
        return head;
}

TEST(pages_of_other_origins_may_not_connect_unless_they_are_named)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start_echo();
        static const char *const same[][2] = {
                { "example.com", NULL },
                { "example.com", "https://example.com" },
                { "example.com", "http://EXAMPLE.com" },
                { "example.com:443", "https://example.com" },
                { "example.com", "https://example.com:443" },
                { "localhost:8000", "http://localhost:8000" },
                { "[::1]:8000", "http://[::1]:8000" },
        };
        static const char *const other[][2] = {
                { "example.com", "https://evil.example" },     { "example.com", "https://example.com.evil.example" },
                { "example.com", "https://example.co" },       { "example.com", "http://example.com:443" },
                { "example.com", "https://example.com:8443" }, { "example.com", "null" },
                { "example.com", "file://example.com" },       { "localhost:8000", "http://localhost:80001" },
                { "localhost:8000", "http://localhost" },
        };
        for (size_t i = 0; i < sizeof same / sizeof *same; i++)
                CHECK_CONTAINS(ask_from(same[i][0], same[i][1]), " 101 ");
        for (size_t i = 0; i < sizeof other / sizeof *other; i++)
                CHECK_CONTAINS(ask_from(other[i][0], other[i][1]), " 403 ");
        opts.origins = (const char *const[]){ "https://a.example", "https://evil.example", NULL };
        CHECK_CONTAINS(ask_from("example.com", "https://evil.example"), " 101 ");
        CHECK_CONTAINS(ask_from("example.com", "https://b.example"), " 403 ");
        CHECK_CONTAINS(ask_from("example.com", "https://example.com"), " 101 ");
        opts.origins = (const char *const[]){ "*", NULL };
        CHECK_CONTAINS(ask_from("example.com", "null"), " 101 ");
        stop(g);
}

TEST(of_the_sub_protocols_that_a_client_offers_our_best_is_taken)
{
        aeon_group *g = start_echo();
        opts.protocols = (const char *const[]){ "v2", "v1", NULL };
        aeon_stream *s = dial();
        say(s, "GET /echo HTTP/1.1\r\n" HEADERS ASK "Sec-WebSocket-Protocol: v0, v1\r\nSec-WebSocket-Protocol: v2,v3\r\n\r\n");
        CHECK_CONTAINS(hear_head(s), "\r\nSec-WebSocket-Protocol: v2\r\n");
        CHECK_STR(agreed, "v2");
        aeon_stream_close(s);
        s = dial();
        say(s, "GET /echo HTTP/1.1\r\n" HEADERS ASK "Sec-WebSocket-Protocol: V1, v\r\n\r\n");
        CHECK(!strstr(hear_head(s), "Sec-WebSocket-Protocol"));
        CHECK(agreed == NULL);
        aeon_stream_close(s);
        stop(g);
}

/* ------------------------------------------------------------------ messages */

static void check_echo(aeon_stream *s, unsigned kind, size_t size)
{
        char *data = malloc(size + 1);
        memset(data, '*', size);
        send_frame(s, FIN | kind, data, size);
        CHECK_INT(hear_frame(s), FIN | kind);
        CHECK_INT(payload_size, size);
        CHECK(size == 0 || memcmp(payload, data, size) == 0);
        free(data);
}

TEST(messages_of_every_size_come_whole)
{
        static const size_t sizes[] = { 0, 1, 125, 126, 127, 128, 4082, 4096, 65535, 65536, 65537, 1 << 20 };
        aeon_group *g = start_echo();
        aeon_stream *s = open_websocket("/echo");
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                check_echo(s, TEXT, sizes[i]);
                check_echo(s, BINARY, sizes[i]);
        }
        aeon_stream_close(s);
        stop(g);
}

TEST(a_message_may_come_byte_by_byte_and_many_at_once)
{
        aeon_group *g = start_echo();
        aeon_stream *s = open_websocket("/echo");
        static char bytes[65536];
        size_t size = make_frame(bytes, FIN | TEXT, "caf\xc3\xa9", 5);
        for (size_t i = 0; i < size; i++) {
                send_bytes(s, bytes + i, 1);
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        }
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_STR(payload, "caf\xc3\xa9");
        size = 0;
        for (unsigned i = 0; i < 2000; i++) {
                char text[16];
                size += make_frame(bytes + size, FIN | TEXT, text, (size_t)snprintf(text, sizeof text, "%u", i));
        }
        send_bytes(s, bytes, size);
        for (unsigned i = 0; i < 2000; i++) {
                hear_frame(s);
                CHECK_INT(atoi(payload), i);
        }
        aeon_stream_close(s);
        stop(g);
}

TEST(fragments_become_one_message_and_control_frames_may_stand_between_them)
{
        aeon_group *g = start_echo();
        aeon_stream *s = open_websocket("/echo");
        send_frame(s, TEXT, "one ", 4);
        send_frame(s, FIN | PING, "ping", 4);
        send_frame(s, CONTINUATION, "", 0);
        send_frame(s, CONTINUATION, "two \xc3", 5); /* a character may be cut */
        send_frame(s, FIN | PONG, "nobody asked", 12);
        send_frame(s, FIN | CONTINUATION, "\xbc", 1);
        CHECK_INT(hear_frame(s), FIN | PONG);
        CHECK_STR(payload, "ping");
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_STR(payload, "one two \xc3\xbc");
        aeon_stream_close(s);
        stop(g);
}

TEST(pings_are_answered_in_order_with_what_they_carry)
{
        aeon_group *g = start_echo();
        aeon_stream *s = open_websocket("/echo");
        char all[125];
        memset(all, 0xfe, sizeof all);
        send_frame(s, FIN | PING, "", 0);
        send_frame(s, FIN | PING, all, sizeof all);
        for (char i = 'a'; i < 'k'; i++)
                send_frame(s, FIN | PING, &i, 1);
        CHECK_INT(hear_frame(s), FIN | PONG);
        CHECK_INT(payload_size, 0);
        CHECK_INT(hear_frame(s), FIN | PONG);
        CHECK(payload_size == sizeof all && memcmp(payload, all, sizeof all) == 0);
        for (char i = 'a'; i < 'k'; i++) {
                CHECK_INT(hear_frame(s), FIN | PONG);
                CHECK_INT(payload[0], i);
        }
        aeon_stream_close(s);
        stop(g);
}

static aeon_event *thought_over;

static int think_about_it(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        int r = aeon_websocket_accept(req, NULL, &ws);
        r = r < 0 ? r : aeon_websocket_receive(ws, &m);
        r = r < 0 ? r : aeon_event_wait(thought_over);
        return r < 0 ? r : aeon_websocket_send(ws, m.kind, m.data, m.size);
}

TEST(a_ping_in_front_of_a_message_does_not_wait_for_its_handler)
{
        aeon_group *g = start((struct http_limits){ 0 });
        char bytes[64];
        REQUIRE_INT(aeon_event_new(&thought_over), 0);
        route("GET /think", think_about_it);
        aeon_stream *s = open_websocket("/think");
        size_t size = make_frame(bytes, FIN | PING, "?", 1);
        size += make_frame(bytes + size, FIN | TEXT, "hm", 2);
        send_bytes(s, bytes, size);
        CHECK_INT(hear_frame(s), FIN | PONG);
        aeon_event_set(thought_over);
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_INT(hear_close(s), 1000);
        send_close(s, 1000);
        hear_end(s);
        stop(g);
        aeon_event_free(thought_over);
}

/* ------------------------------------------------------------------ what breaks the rules, by the classes of the Autobahn suite */

/* What the client sends: frames, raw bytes, and the code that it must be closed with; 0: it is an echo of 2 bytes or more. */
struct rule {
        const char *name;
        struct {
                unsigned first;
                const char *data;
                size_t size;
        } frames[4];
        unsigned code;
};

#define F(first, text)                            \
        {                                         \
                (first), (text), sizeof(text) - 1 \
        }
#define A25 "aaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct rule rules[] = {
        { "2.5 a ping of 126 bytes", { F(FIN | PING, A25 A25 A25 A25 A25 "a") }, 1002 },
        { "3.1 rsv 1", { F(FIN | 0x10 | TEXT, "x") }, 1002 },
        { "3.2 rsv 2, behind a good message", { F(FIN | TEXT, "good"), F(FIN | 0x20 | TEXT, "x") }, 1002 },
        { "3.4 rsv 4", { F(FIN | 0x40 | TEXT, "x") }, 1002 },
        { "3.5 all of them, on a ping", { F(FIN | 0x70 | PING, "x") }, 1002 },
        { "3.7 on a close", { F(FIN | 0x50 | CLOSE, "") }, 1002 },
        { "4.1 opcode 3", { F(FIN | 3, "") }, 1002 },
        { "4.1 opcode 7", { F(FIN | 7, "x") }, 1002 },
        { "4.2 opcode 11", { F(FIN | 11, "") }, 1002 },
        { "4.2 opcode 15", { F(FIN | 15, "x") }, 1002 },
        { "5.1 a ping in fragments", { F(PING, "a"), F(FIN | CONTINUATION, "b") }, 1002 },
        { "5.2 a pong in fragments", { F(PONG, "a"), F(FIN | CONTINUATION, "b") }, 1002 },
        { "5.9 a continuation of nothing", { F(FIN | CONTINUATION, "x") }, 1002 },
        { "5.12 the same, unfinished", { F(CONTINUATION, "x") }, 1002 },
        { "5.15 behind a whole message", { F(TEXT, "a"), F(FIN | CONTINUATION, "b"), F(CONTINUATION, "c") }, 1002 },
        { "5.18 a message within a message", { F(TEXT, "a"), F(FIN | TEXT, "b") }, 1002 },
        { "6.3 no UTF-8", { F(FIN | TEXT, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64") }, 1007 },
        { "6.3 in fragments",
          { F(TEXT, "\xce\xba\xe1"), F(CONTINUATION, "\xbd\xb9\xed"), F(FIN | CONTINUATION, "\xa0\x80") },
          1007 },
        { "6.4 at once, not at the end", { F(TEXT, "\xf4\x90\x80\x80 and more") }, 1007 },
        { "6.6 a cut character", { F(FIN | TEXT, "\xce") }, 1007 },
        { "6.10 overlong", { F(FIN | TEXT, "\xc0\x80") }, 1007 },
        { "6.11 five bytes", { F(FIN | TEXT, "\xf8\x88\x80\x80\x80") }, 1007 },
        { "6.12 above U+10FFFF", { F(FIN | TEXT, "\xf4\x90\x80\x80") }, 1007 },
        { "6.14 a continuation byte alone", { F(FIN | TEXT, "\x80") }, 1007 },
        { "6.20 a surrogate", { F(FIN | TEXT, "\xed\xa0\x80") }, 1007 },
        { "6.21 a pair of them", { F(FIN | TEXT, "\xed\xa0\x80\xed\xb0\x80") }, 1007 },
        { "6.21 bytes that never occur", { F(FIN | TEXT, "abcdefgh\xff\xfe") }, 1007 },
        { "7.3.1 a close without a code", { F(FIN | CLOSE, "") }, 1005 },
        { "7.3.2 half a code", { F(FIN | CLOSE, "\x03") }, 1002 },
        { "7.3.4 with a reason", { F(FIN | CLOSE, "\x03\xe8Hello") }, 1000 },
        { "7.3.6 too long", { F(FIN | CLOSE, "\x03\xe8" A25 A25 A25 A25 A25) }, 1002 },
        { "7.5.1 a reason that is no UTF-8", { F(FIN | CLOSE, "\x03\xe8\xce\xba\xed\xa0\x80") }, 1007 },
        { "7.7 1001", { F(FIN | CLOSE, "\x03\xe9") }, 1001 },
        { "7.7 1011", { F(FIN | CLOSE, "\x03\xf3") }, 1011 },
        { "7.7 3000", { F(FIN | CLOSE, "\x0b\xb8") }, 3000 },
        { "7.7 4999", { F(FIN | CLOSE, "\x13\x87") }, 4999 },
        { "7.9 0", { F(FIN | CLOSE, "\0\0") }, 1002 },
        { "7.9 999", { F(FIN | CLOSE, "\x03\xe7") }, 1002 },
        { "7.9 1004", { F(FIN | CLOSE, "\x03\xec") }, 1002 },
        { "7.9 1005", { F(FIN | CLOSE, "\x03\xed") }, 1002 },
        { "7.9 1006", { F(FIN | CLOSE, "\x03\xee") }, 1002 },
        { "7.9 1016", { F(FIN | CLOSE, "\x03\xf8") }, 1002 },
        { "7.9 2999", { F(FIN | CLOSE, "\x0b\xb7") }, 1002 },
        { "7.9 5000", { F(FIN | CLOSE, "\x13\x88") }, 1002 },
        { "9 above max_message", { F(FIN | BINARY, A25 A25 A25 A25 A25 A25 A25 A25 A25) }, 1009 },
        { "9 in fragments", { F(BINARY, A25 A25 A25 A25), F(CONTINUATION, A25 A25 A25 A25), F(FIN | CONTINUATION, "a") }, 1009 },
};

/* How it ends when the frames come in pieces of @piece bytes (0: at once). */
static unsigned close_for(const struct rule *rule, size_t piece)
{
        char bytes[2048];
        size_t size = 0;
        for (size_t i = 0; i < 4 && rule->frames[i].data; i++)
                size += make_frame(bytes + size, rule->frames[i].first, rule->frames[i].data, rule->frames[i].size);
        aeon_stream *s = open_websocket("/echo");
        for (size_t at = 0; at < size; at += piece) {
                piece = piece && piece < size - at ? piece : size - at;
                if (aeon_stream_write(s, bytes + at, piece) < 0)
                        break; /* it has heard enough */
                aeon_sleep(0);
        }
        int first = hear_frame(s);
        while (first == (FIN | TEXT) || first == (FIN | PONG))
                first = hear_frame(s);
        CHECK_INT(first, FIN | CLOSE);
        unsigned got = payload_size < 2 ? 1005 : (unsigned)(unsigned char)payload[0] << 8 | (unsigned char)payload[1];
        hear_end(s);
        await_end();
        return got;
}

TEST_WITHIN(what_breaks_the_rules_is_closed_with_the_code_for_it, 120)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start_echo();
        opts.max_message = 200;
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
                const struct rule *rule = &rules[i];
                for (size_t piece = 0; piece < 4; piece++)
                        if (!CHECK_INT(close_for(rule, piece), rule->code))
                                printf("    %s, pieces of %zu\n", rule->name, piece);
                bool closed = rule->frames[0].first == (FIN | CLOSE) && rule->code != 1002 && rule->code != 1007;
                CHECK_INT(result, closed ? 0 : rule->code == 1009 ? -EMSGSIZE : -EBADMSG);
                CHECK_INT(code, closed ? rule->code : 0);
        }
        stop(g);
}

/* Heads that make_frame() would not make. */
TEST(frames_without_a_mask_or_in_a_longer_form_than_they_need_are_refused)
{
        static const struct {
                const char *bytes;
                size_t size;
                unsigned code;
        } heads[] = {
                { "\x81\x05hello", 7, 1002 },
                { "\x81\xfe\x00\x05mask", 8, 1002 },
                { "\x81\xff\0\0\0\0\0\0\x01\x00mask", 14, 1002 },
                { "\x82\xff\x80\0\0\0\0\0\0\x01mask", 14, 1002 },
                { "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask?", 15, 1009 },
                { "GET / HTTP/1.1\r\n\r\n", 18, 1002 },
        };
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start_echo();
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
                aeon_stream *s = open_websocket("/echo");
                send_bytes(s, heads[i].bytes, heads[i].size);
                CHECK_INT(hear_close(s), heads[i].code);
                hear_end(s);
        }
        stop(g);
}

/* ------------------------------------------------------------------ ends */

TEST(a_client_that_goes_without_a_word_is_a_reset_and_no_error_in_the_log)
{
        aeon_group *g = start_echo();
        test_stderr_begin();
        aeon_stream *s = open_websocket("/echo");
        aeon_stream_close(s);
        await_end();
        CHECK_INT(result, -ECONNRESET);
        stop(g);
        CHECK_STR(test_stderr(), "");
        test_stderr_end();
}

TEST(a_client_that_breaks_the_rules_is_a_line_in_the_log_and_no_error_of_ours)
{
        aeon_group *g = start_echo();
        test_stderr_begin();
        aeon_stream *s = open_websocket("/echo");
        send_frame(s, FIN | 3, "", 0);
        CHECK_INT(hear_close(s), 1002);
        CHECK_STR(payload + 2, "an opcode is not known");
        hear_end(s);
        stop(g);
        CHECK_CONTAINS(test_stderr(), "info");
        CHECK_CONTAINS(test_stderr(), "GET /echo 101: WebSocket: an opcode is not known");
        test_stderr_end();
}

static int answers;

static int close_by_hand(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        int r = aeon_websocket_accept(req, NULL, &ws);
        if (r < 0)
                return r;
        CHECK_INT(aeon_websocket_close(ws, 1005, NULL), -EINVAL);
        CHECK_INT(aeon_websocket_close(ws, 2000, NULL), -EINVAL);
        CHECK_INT(aeon_websocket_close(ws, 1000, "\xff"), -EINVAL);
        CHECK_INT(aeon_websocket_close(ws, 1000, A25 A25 A25 A25 A25), -EINVAL);
        CHECK_INT(aeon_websocket_send(ws, (aeon_websocket_kind)9, "", 0), -EINVAL);
        CHECK_INT(aeon_websocket_send(ws, AEON_WEBSOCKET_TEXT, "\xff", 1), -EINVAL);
        CHECK_INT(aeon_websocket_send(ws, AEON_WEBSOCKET_TEXT, "last words", 10), 0);
        CHECK_INT(aeon_websocket_close(ws, 4001, "enough"), 0);
        CHECK_INT(aeon_websocket_close(ws, 4002, "more than"), 0);
        CHECK_INT(aeon_websocket_send(ws, AEON_WEBSOCKET_TEXT, "x", 1), -EPIPE);
        CHECK_INT(aeon_websocket_receive(ws, &m), 0);
        CHECK_INT(aeon_websocket_close_code(ws), 4001);
        answers++;
        return 0;
}

TEST(a_close_of_ours_waits_for_the_clients_and_drops_what_it_still_says)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /close", close_by_hand);
        aeon_stream *s = open_websocket("/close");
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_INT(hear_close(s), 4001);
        CHECK_STR(payload + 2, "enough");
        send_text(s, "never heard");
        send_close(s, 4001);
        hear_end(s);
        CHECK_INT(answers, 1);
        stop(g);
}

static int fail_at_once(aeon_request *req)
{
        aeon_websocket *ws;
        int r = aeon_websocket_accept(req, NULL, &ws);
        return r < 0 ? r : aeon_fail(-EIO, "the disk is full of words");
}

TEST(a_handler_that_fails_closes_with_1011_and_its_words_go_to_the_log_only)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /fail", fail_at_once);
        test_stderr_begin();
        aeon_stream *s = open_websocket("/fail");
        CHECK_INT(hear_close(s), 1011);
        CHECK_INT(payload_size, 2);
        send_close(s, 1011);
        hear_end(s);
        stop(g);
        CHECK_CONTAINS(test_stderr(), "error");
        CHECK_CONTAINS(test_stderr(), "the disk is full of words");
        test_stderr_end();
}

TEST(a_silent_client_is_pinged_and_one_that_does_not_answer_is_given_up)
{
        aeon_group *g = start_echo();
        opts.ping = AEON_MILLISECONDS(50);
        aeon_stream *s = open_websocket("/echo");
        for (int i = 0; i < 3; i++) {
                CHECK_INT(hear_frame(s), FIN | PING);
                send_frame(s, FIN | PONG, payload, payload_size);
        }
        CHECK_INT(hear_frame(s), FIN | PING);
        hear_end(s); /* this one it did not answer */
        CHECK_INT(result, -ECONNRESET);
        stop(g);
}

TEST(a_stop_closes_with_1012_though_nothing_comes)
{
        aeon_group *g = start_echo();
        aeon_stream *s = open_websocket("/echo"), *late = open_websocket("/echo");
        send_text(s, "x");
        hear_frame(s);
        aeon__http_server_quiesce(&server);
        CHECK_INT(hear_close(s), 1012);
        CHECK_INT(hear_close(late), 1012);
        send_close(s, 1012);
        send_close(late, 1012);
        hear_end(s);
        hear_end(late);
        CHECK_INT(result, 0);
        stop(g);
}

/* ------------------------------------------------------------------ several tasks */

enum { SENDERS = 8, MESSAGES = 200, LENGTH = 20000, PINGS = 500 /* more than may wait */ };

struct sender {
        aeon_websocket *ws;
        char letter;
};

static int send_letters(void *arg)
{
        const struct sender *sender = arg;
        char text[LENGTH];
        memset(text, sender->letter, sizeof text);
        int r = 0;
        for (int i = 0; i < MESSAGES && r == 0; i++)
                r = aeon_websocket_send(sender->ws, AEON_WEBSOCKET_TEXT, text, sizeof text);
        return r;
}

static int send_from_many(aeon_request *req)
{
        struct sender senders[SENDERS];
        aeon_websocket *ws;
        aeon_websocket_message m;
        aeon_group *g;
        int r = aeon_websocket_accept(req, NULL, &ws);
        r = r < 0 ? r : aeon_group_open(&g);
        if (r < 0)
                return r;
        for (int i = 0; i < SENDERS; i++) {
                senders[i] = (struct sender){ ws, (char)('a' + i) };
                REQUIRE_INT(aeon_spawn(g, "sender", send_letters, &senders[i]), 0);
        }
        while (r >= 0 && (r = aeon_websocket_receive(ws, &m)) > 0)
                r = aeon_websocket_send(ws, m.kind, m.data, m.size);
        int e = aeon_group_close(g);
        return r < 0 ? r : e;
}

TEST_WITHIN(messages_of_several_tasks_leave_whole_and_pings_are_answered_meanwhile, 60)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /many", send_from_many);
        aeon_stream *s = open_websocket("/many");
        int count = 0, pongs = 0;
        char ping[125] = "";
        for (int i = 0; i < PINGS; i++)
                send_frame(s, FIN | PING, ping, sizeof ping);
        while (count < SENDERS * MESSAGES || pongs < PINGS) {
                int first = hear_frame(s);
                REQUIRE(first == (FIN | TEXT) || first == (FIN | PONG));
                pongs += first == (FIN | PONG);
                if (first == (FIN | TEXT)) {
                        count++;
                        CHECK_INT(payload_size, LENGTH);
                        CHECK(strspn(payload, (char[]){ payload[0], '\0' }) == LENGTH);
                }
        }
        send_close(s, 1000);
        CHECK_INT(hear_close(s), 1000);
        hear_end(s);
        stop(g);
}

static int flood(aeon_request *req)
{
        static char data[65536];
        aeon_websocket *ws;
        int r = aeon_websocket_accept(req, NULL, &ws);
        for (answers = 0; answers < 2000 && r == 0; answers++)
                r = aeon_websocket_send(ws, AEON_WEBSOCKET_BINARY, data, sizeof data);
        return result = r;
}

TEST(a_client_that_reads_slowly_holds_the_sender_back)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /flood", flood);
        aeon_stream *s = open_websocket("/flood");
        CHECK(answers < 2000);
        for (int i = 0; i < 2000; i++)
                CHECK_INT(hear_frame(s), FIN | BINARY);
        CHECK_INT(hear_close(s), 1000);
        aeon_stream_close(s);
        stop(g);
}

TEST(a_client_that_takes_nothing_is_given_up_in_time)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ .write_timeout = AEON_MILLISECONDS(50) });
        route("GET /flood", flood);
        aeon_stream *s = open_websocket("/flood");
        stop(g);
        CHECK_INT(result, -ETIMEDOUT);
        aeon_stream_close(s);
}

static int receive_in_short_turns(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        int r = aeon_websocket_accept(req, NULL, &ws);
        answers = 0;
        while (r == 0 || r == -ETIMEDOUT) {
                aeon_scope turn;
                aeon_scope_open(&turn, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(1) });
                r = aeon_scope_close(&turn, aeon_websocket_receive(ws, &m));
                answers += r == -ETIMEDOUT;
        }
        return r < 0 ? r : aeon_websocket_send(ws, m.kind, m.data, m.size);
}

TEST(a_receive_that_is_cancelled_loses_nothing)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /turns", receive_in_short_turns);
        aeon_stream *s = open_websocket("/turns");
        char bytes[64];
        size_t size = make_frame(bytes, TEXT, "in pieces", 9);
        size += make_frame(bytes + size, FIN | CONTINUATION, ", all", 5);
        for (size_t i = 0; i < size; i++) {
                int before = answers;
                send_bytes(s, bytes + i, 1);
                while (i + 1 < size && answers == before)
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        }
        CHECK_INT(hear_frame(s), FIN | TEXT);
        CHECK_STR(payload, "in pieces, all");
        CHECK_INT(hear_close(s), 1000);
        aeon_stream_close(s);
        stop(g);
}

static int be_cancelled(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        int r = aeon_websocket_accept(req, NULL, &ws);
        if (r < 0)
                return r;
        CHECK_INT(aeon_websocket_receive(ws, &m), 1);
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, "enough");
        CHECK_INT(aeon_websocket_receive(ws, &m), -ECANCELED); /* though the next one is here */
        CHECK_INT(aeon_websocket_send(ws, AEON_WEBSOCKET_TEXT, "never", 5), -ECANCELED);
        CHECK_INT(aeon_websocket_close(ws, 4000, NULL), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        return 0;
}

TEST(in_a_cancelled_scope_nothing_is_received_or_sent_but_the_close_leaves_at_the_end)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /cancelled", be_cancelled);
        aeon_stream *s = open_websocket("/cancelled");
        char bytes[64];
        size_t size = make_frame(bytes, FIN | TEXT, "one", 3);
        size += make_frame(bytes + size, FIN | TEXT, "two", 3);
        send_bytes(s, bytes, size);
        CHECK_INT(hear_close(s), 4000);
        send_close(s, 4000);
        hear_end(s);
        stop(g);
}

static int receive_again(void *arg)
{
        aeon_websocket_message m;
        return aeon_websocket_receive(arg, &m);
}

static int receive_twice(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        aeon_group *g;
        int r = aeon_websocket_accept(req, NULL, &ws);
        if (r < 0)
                return r;
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "second", receive_again, ws), 0);
        r = aeon_websocket_receive(ws, &m);
        CHECK_INT(r, -ECANCELED);
        CHECK_INT(aeon_group_close(g), -EBUSY);
        return 0;
}

TEST(one_task_receives)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /twice", receive_twice);
        aeon_stream *s = open_websocket("/twice");
        CHECK_INT(hear_close(s), 1000);
        send_close(s, 1000);
        hear_end(s);
        stop(g);
}

static int kick(void *arg)
{
        int r = aeon_sleep(AEON_MILLISECONDS(5));
        return r < 0 ? r : aeon_websocket_close(arg, 1008, "you talk too much");
}

static int be_kicked(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        aeon_group *g;
        int r = aeon_websocket_accept(req, NULL, &ws);
        if (r < 0)
                return r;
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "kick", kick, ws), 0);
        CHECK_INT(aeon_websocket_receive(ws, &m), 0);
        answers++;
        return aeon_group_close(g);
}

TEST(another_task_may_close_and_the_receiver_hears_the_answer)
{
        aeon_group *g = start((struct http_limits){ 0 });
        route("GET /kicked", be_kicked);
        aeon_stream *s = open_websocket("/kicked");
        CHECK_INT(hear_close(s), 1008);
        CHECK_INT(answers, 0);
        send_close(s, 1008);
        hear_end(s);
        CHECK_INT(answers, 1);
        stop(g);
}

/* ------------------------------------------------------------------ memory */

static int nth;
static bool failed;

static int without_memory(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        failing_once(nth);
        int r = aeon_websocket_accept(req, &opts, &ws);
        while (r >= 0 && (r = aeon_websocket_receive(ws, &m)) > 0)
                r = aeon_websocket_send(ws, m.kind, m.data, m.size);
        failed = failing_end();
        over = true;
        return result = r;
}

TEST_WITHIN(every_failed_allocation_is_survived, 120)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        opts.protocols = (const char *const[]){ "v1", NULL };
        route("GET /memory", without_memory);
        char bytes[4096];
        nth = 0;
        do {
                nth++;
                over = false;
                size_t size = (size_t)snprintf(bytes, sizeof bytes,
                                               "GET /memory HTTP/1.1\r\n" HEADERS ASK "Sec-WebSocket-Protocol: v1\r\n\r\n");
                size += make_frame(bytes + size, FIN | PING, "ping", 4);
                size += make_frame(bytes + size, TEXT, A25 A25 A25 A25, 100);
                size += make_frame(bytes + size, FIN | CONTINUATION, A25 A25 A25 A25, 100);
                size += make_frame(bytes + size, FIN | CLOSE, "\x03\xe8", 2);
                aeon_stream *s = dial();
                send_bytes(s, bytes, size);
                aeon_stream_shutdown(s);
                hear(s, NULL);
                aeon_stream_close(s);
                await_end();
                CHECK(result == 0 || (failed && (result == -ENOMEM || result == -ENOPKG /* dlopen() */)));
        } while (failed);
        CHECK(nth > 5 || test_is_slow()); /* there nothing fails */
        stop(g);
}

/* ------------------------------------------------------------------ whole apps */

static int port;

static int echo(aeon_request *req)
{
        aeon_websocket *ws;
        aeon_websocket_message m;
        int r = aeon_websocket_accept(req, NULL, &ws);
        while (r >= 0 && (r = aeon_websocket_receive(ws, &m)) > 0)
                r = aeon_websocket_send(ws, m.kind, m.data, m.size);
        return r;
}

/* It does not listen, so only the deadline ends it. */
static int sleep_for_ever(aeon_request *req)
{
        aeon_websocket *ws;
        int r = aeon_websocket_accept(req, NULL, &ws);
        r = r < 0 ? r : aeon_websocket_send(ws, AEON_WEBSOCKET_TEXT, "begun", 5);
        return r < 0 ? r : aeon_sleep_until(AEON_NEVER);
}

static void chat(aeon_app *app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)port });
        aeon_route(app, "GET /echo", echo, NULL);
        aeon_route(app, "GET /sleep", sleep_for_ever, NULL);
}

enum { CLIENTS = 8 };

static int open_from_outside(const char *path)
{
        char request[512];
        int fd = connect_to(port);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HEADERS ASK "\r\n", path);
        send_text_to(fd, request);
        CHECK_CONTAINS(receive_text(fd, "\r\n\r\n"), "101 Switching");
        return fd;
}

PLAIN_TEST_WITHIN(a_stopping_app_closes_all_with_1012_and_does_not_wait_for_its_deadline, 60)
{
        port = test_free_port();
        pid_t pid = begin_app(chat, &(aeon_app_opts){ .name = "chat", .graceful_timeout = AEON_SECONDS(600), .loops = 4 });
        int fds[CLIENTS];
        char answer[16];
        size_t size = make_frame(answer, FIN | CLOSE, "\x03\xf4", 2);
        for (int i = 0; i < CLIENTS; i++)
                fds[i] = open_from_outside("/echo");
        kill(pid, SIGTERM);
        for (int i = 0; i < CLIENTS; i++) {
                char frame[4] = "";
                for (size_t at = 0; at < sizeof frame;) {
                        ssize_t n = read(fds[i], frame + at, sizeof frame - at);
                        REQUIRE(n > 0);
                        at += (size_t)n;
                }
                CHECK(memcmp(frame, "\x88\x02\x03\xf4", 4) == 0);
                CHECK_INT(write(fds[i], answer, size), size);
                CHECK_INT(read(fds[i], frame, 1), 0);
                close(fds[i]);
        }
        CHECK_INT(end_app(pid, 0), 0);
}

PLAIN_TEST_WITHIN(a_handler_that_does_not_end_is_closed_with_1012_at_the_deadline, 60)
{
        port = test_free_port();
        pid_t pid = begin_app(chat, &(aeon_app_opts){ .name = "chat", .graceful_timeout = AEON_MILLISECONDS(100) });
        int fd = open_from_outside("/sleep");
        char frame[16] = "";
        size_t at = 0;
        kill(pid, SIGTERM);
        for (ssize_t n = 1; n > 0 && at < sizeof frame; at += (size_t)n) {
                n = read(fd, frame + at, sizeof frame - at);
                REQUIRE(n >= 0);
        }
        CHECK(at >= 4 && memcmp(frame + at - 4, "\x88\x02\x03\xf4", 4) == 0);
        CHECK_INT(end_app(pid, 0), 0);
        close(fd);
}
