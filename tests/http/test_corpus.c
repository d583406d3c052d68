/* The tables of tests/http/corpus over real sockets: what may be smuggled and what is merely odd.
 *
 * Each case is sent with a second request behind it in the same bytes: at once, split in two at many points, and byte by byte. The
 * answer must be the same each time. Behind a refusal the second request must never be answered. */
#include "corpus.h"
#include "fixture.h"
#include "harness.h"
#include "http/middleware.h"

#include <aeon/log.h>
#include <aeon/watch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SECOND "GET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/* ------------------------------------------------------------------ a server that says what it saw */

static struct http_router see_router;

static int see(aeon_request *req)
{
        char text[1024];
        aeon_bytes body;
        const char *rest = aeon_request_param(req, "rest"), *q = aeon_request_query(req, "q"), *a = aeon_request_header(req, "a");
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        if (!rest || !strcmp(rest, aeon_request_path(req) + 1))
                rest = NULL;
        snprintf(text, sizeof text, "%s %s%s%s%s%s%s%s%s%.*s", aeon_request_method(req), aeon_request_path(req),
                 rest ? " rest=" : "", rest ? rest : "", q ? " q=" : "", q ? q : "", a ? " a=" : "", a ? a : "",
                 body.size ? " body=" : "", (int)body.size, (const char *)body.data);
        return aeon_reply_text(req, 200, text);
}

static int answer(aeon_request *req)
{
        return strcmp(aeon_request_path(req), "*") ? aeon__router_answer(&see_router, req) : see(req);
}

/* ------------------------------------------------------------------ sending and hearing */

static int always_ready = -1;
static aeon_watch *turn;

/* Let the server read what was written, before more comes: a wait for what is ready already is one look of the loop at all sockets. The
 * first bytes of a connection take two of them, one to let it in and one to read. */
static void let_it_read(void)
{
        for (int i = 0; i < 3; i++)
                CHECK_INT(aeon_watch_wait(turn, AEON_WRITABLE), AEON_WRITABLE);
}

static aeon_group *start_seeing(void)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon__http2_use(NULL); /* its preface is a request line that is none */
        aeon_group *g = start((struct http_limits){ 0 });
        server.answer = answer;
        REQUIRE_INT(aeon__router_add(&see_router, "GET /{rest...}", see, NULL), 0);
        REQUIRE_INT(aeon__router_add(&see_router, "POST /{rest...}", see, NULL), 0);
        REQUIRE_INT(aeon__router_add(&see_router, "M!#$ /{rest...}", see, NULL), 0);
        always_ready = eventfd(0, 0);
        REQUIRE_INT(aeon_watch_open(always_ready, &turn), 0);
        return g;
}

static void stop_seeing(aeon_group *g)
{
        stop(g);
        aeon_watch_close(turn);
        close(always_ready);
        aeon__router_done(&see_router);
}

/* Send @size bytes: at once up to @split (0: not apart), and what follows in pieces of @step (0: at once too). */
static const char *send_in_pieces(const char *bytes, size_t size, size_t split, size_t step)
{
        aeon_stream *s = dial();
        for (size_t at = 0, end; at < size; at = end) {
                end = at < split ? split : step && at + step < size ? at + step : size;
                CHECK_INT(aeon_stream_write(s, bytes + at, end - at), 0);
                if (end < size)
                        let_it_read();
        }
        const char *text = hear(s, NULL);
        aeon_stream_close(s);
        return text;
}

/* "400 closes", or "200 [GET /] 200 [GET /second] closes". */
static const char *summary(const char *text)
{
        static char out[2048];
        size_t used = 0;
        out[0] = '\0';
        if (!strncmp(text, "HTTP/1.1 100 Continue\r\n\r\n", 25))
                text += 25;
        while (*text) {
                const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "\r\nContent-Length: ");
                const char *close = strstr(text, "\r\nConnection: close\r\n");
                if (strncmp(text, "HTTP/1.1 ", 9) != 0 || !end)
                        return "no replies";
                int status = atoi(text + 9), size = length && length < end ? atoi(length + 18) : 0;
                used += (size_t)snprintf(out + used, sizeof out - used, status == 200 ? "%d [%.*s]" : "%d", status, size, end + 4);
                used += (size_t)snprintf(out + used, sizeof out - used, close && close <= end ? " closes" : " ");
                text = end + 4 + size;
        }
        return out;
}

/* Send @c in all its pieces; the answer must always be @expected. */
static void check_answer(const struct corpus_case *c, const char *expected)
{
        size_t size = c->size + strlen(SECOND);
        char *bytes = malloc(size + 1);
        REQUIRE(bytes != NULL);
        memcpy(bytes, c->bytes, c->size);
        strcpy(bytes + c->size, SECOND);
        size_t apart = size / (test_is_slow() ? 5 : 31) + 1, step = size < 1000 ? 1 : 997;
        bool same = CHECK_STR(summary(send_in_pieces(bytes, size, 0, 0)), expected) &&
                    CHECK_STR(summary(send_in_pieces(bytes, size, 0, step)), expected);
        for (size_t split = 1; split < size && same; split += apart)
                same = CHECK_STR(summary(send_in_pieces(bytes, size, split, 0)), expected);
        if (same) /* between CR and LF of the very end */
                same = CHECK_STR(summary(send_in_pieces(bytes, size, c->size - 1, 0)), expected);
        if (!same)
                CHECK_STR(c->name, "answered as it should be");
        free(bytes);
}

/* ------------------------------------------------------------------ the tables */

TEST(a_piece_is_read_before_the_next_one_comes)
{
        aeon_group *g = start_seeing();
        aeon_stream *s = dial();
        say(s, "GET / HT");
        let_it_read();
        struct http_connection *c = list_first(&server.links, struct http_link, place)->speaker;
        REQUIRE_INT(server.count, 1);
        CHECK_INT(buffer_size(&c->in), 8);
        say(s, "TP/1.1\r\n" LAST);
        CHECK_STR(summary(hear(s, NULL)), "200 [GET /] closes");
        aeon_stream_close(s);
        stop_seeing(g);
}

TEST_WITHIN(what_must_be_refused_is_refused_and_nothing_behind_it_is_answered, 60)
{
        aeon_group *g = start_seeing();
        struct corpus refused;
        corpus_open(&refused, "refused.txt");
        CHECK(refused.count >= 150);
        for (size_t i = 0; i < refused.count; i++) {
                char expected[64];
                snprintf(expected, sizeof expected, "%s closes", refused.cases[i].answer);
                check_answer(&refused.cases[i], expected);
        }
        corpus_close(&refused);
        stop_seeing(g);
}

/* "GET / close" of the table is "200 [GET /] closes"; "status 405" is "405 " and the second request's answer. */
static void expect_accepted(const char *saw, char *expected, size_t size)
{
        size_t length = strlen(saw);
        if (!strncmp(saw, "status ", 7))
                snprintf(expected, size, "%s 200 [GET /second] closes", saw + 7);
        else if (length > 6 && !strcmp(saw + length - 6, " close"))
                snprintf(expected, size, "200 [%.*s] closes", (int)length - 6, saw);
        else
                snprintf(expected, size, "200 [%s] 200 [GET /second] closes", saw);
}

TEST_WITHIN(what_is_odd_but_right_is_understood_and_so_is_what_follows, 60)
{
        aeon_group *g = start_seeing();
        struct corpus accepted;
        corpus_open(&accepted, "accepted.txt");
        CHECK(accepted.count >= 50);
        for (size_t i = 0; i < accepted.count; i++) {
                char expected[1024];
                expect_accepted(accepted.cases[i].answer, expected, sizeof expected);
                check_answer(&accepted.cases[i], expected);
        }
        corpus_close(&accepted);
        stop_seeing(g);
}
