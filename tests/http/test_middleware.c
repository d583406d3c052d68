/* What stands around handlers: middleware, request ids, traces, the access log, and the shape of errors. */
#include "fixture.h"
#include "harness.h"
#include "http/middleware.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ middleware */

static char trail[256];

static int outer(aeon_request *req, aeon_next *next)
{
        strcat(trail, "outer(");
        aeon_reply_header(req, "X-Before", "kept");
        int r = aeon_next_run(next);
        snprintf(trail + strlen(trail), sizeof trail - strlen(trail), ")%d", aeon_reply_get_status(req));
        aeon_reply_header(req, "X-After", aeon_request_route(req) ? aeon_request_route(req) : "none");
        return r;
}

static int inner(aeon_request *req, aeon_next *next)
{
        strcat(trail, "inner(");
        const char *id = aeon_request_param(req, "id");
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* it may wait */
        if (id && !strcmp(id, "stop"))
                return aeon_fail(-EACCES, "no further");
        int r = aeon_next_run(next);
        CHECK_INT(aeon_next_run(next), -EALREADY);
        if (aeon_reply_get_header(req, "x-seen"))
                CHECK_STR(aeon_reply_get_header(req, "x-seen"), "yes");
        CHECK_INT(aeon_reply_set_header(req, "X-Seen", "changed"), 0);
        CHECK_INT(aeon_reply_set_header(req, "X-Seen", "a\nb"), -EINVAL);
        CHECK_INT(aeon_reply_set_header(req, "X-Gone", NULL), 0);
        strcat(trail, ")");
        return r;
}

static int rescue(aeon_request *req, aeon_next *next)
{
        int r = aeon_next_run(next);
        return r == -ENOENT ? aeon_reply_text(req, 200, "rescued") : r;
}

static int seen(aeon_request *req)
{
        strcat(trail, "handler");
        aeon_reply_header(req, "X-Seen", "yes");
        aeon_reply_header(req, "X-Gone", "1");
        aeon_reply_header(req, "x-gone", "2");
        return aeon_reply_text(req, 200, "seen");
}

static int lost(aeon_request *req)
{
        aeon_reply_header(req, "X-Of-Handler", "dropped");
        return aeon_fail(-ENOENT, "it is lost");
}

static aeon_group *start_with_middleware(void)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        trail[0] = '\0';
        CHECK_INT(aeon__router_use(&router, outer), 0);
        aeon_middleware_fn *of_route[] = { inner, NULL };
        add("GET /around/{id}", seen, &(aeon_route_opts){ .middleware = of_route });
        of_route[0] = NULL; /* it was copied */
        add("GET /lost", lost, NULL);
        add("GET /rescued", lost, &(aeon_route_opts){ .middleware = (aeon_middleware_fn *[]){ rescue, NULL } });
        return g;
}

TEST(middleware_runs_around_the_handler_the_apps_outermost)
{
        aeon_group *g = start_with_middleware();
        const char *text = ask("GET /around/7 HTTP/1.1\r\n" LAST);
        CHECK_STR(trail, "outer(inner(handler))200");
        CHECK_CONTAINS(text, "HTTP/1.1 200 ");
        CHECK_CONTAINS(text, "X-Before: kept\r\n");
        CHECK_CONTAINS(text, "X-After: GET /around/{id}\r\n");
        CHECK_CONTAINS(text, "X-Seen: changed\r\n");
        CHECK_INT(times(text, "X-Seen"), 1);
        CHECK(text && !strcasestr(text, "x-gone"));
        stop(g);
}

TEST(middleware_that_does_not_go_on_answers)
{
        aeon_group *g = start_with_middleware();
        const char *text = ask("GET /around/stop HTTP/1.1\r\n" LAST);
        CHECK_STR(trail, "outer(inner()403");
        CHECK_CONTAINS(text, "HTTP/1.1 403 ");
        stop(g);
}

TEST(middleware_sees_failures_and_what_has_no_route)
{
        aeon_group *g = start_with_middleware();
        const char *text = ask("GET /lost HTTP/1.1\r\n" LAST);
        CHECK_STR(trail, "outer()404");
        CHECK_CONTAINS(text, "X-Before: kept\r\n");
        CHECK_CONTAINS(text, "X-After: GET /lost\r\n");
        CHECK(text && !strstr(text, "X-Of-Handler"));
        text = ask("GET /nowhere HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 404 ");
        CHECK_CONTAINS(text, "X-After: none\r\n");
        text = ask("PUT /lost HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 405 ");
        CHECK_CONTAINS(text, "Allow: GET, HEAD, OPTIONS\r\n");
        CHECK_CONTAINS(text, "X-After: none\r\n");
        CHECK_CONTAINS(ask("GET /a/../b HTTP/1.1\r\n" LAST), "X-After: none\r\n");
        stop(g);
}

TEST(middleware_may_answer_in_place_of_a_failure)
{
        aeon_group *g = start_with_middleware();
        const char *text = ask("GET /rescued HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "\r\n\r\nrescued");
        stop(g);
}

TEST(a_route_timeout_goes_before_what_the_handler_made_of_it)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        CHECK_INT(aeon__router_use(&router, outer), 0);
        const char *text = ask("GET /late HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 504 ");
        CHECK_CONTAINS(text, "X-Before: kept\r\n");
        stop(g);
}

/* ------------------------------------------------------------------ the shape of errors */

TEST(errors_are_problem_details)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        const char *text = ask("GET /fail/2 HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Content-Type: application/problem+json\r\n");
        CHECK_CONTAINS(text, "\r\n\r\n{\"title\":\"Not Found\",\"status\":404}");
        CHECK_CONTAINS(ask("GET /nope HTTP/1.1\r\n" LAST), "\r\n\r\n{\"title\":\"Not Found\",\"status\":404}");
        CHECK_CONTAINS(ask("nonsense\r\n\r\n"), "\r\n\r\n{\"title\":\"Bad Request\",\"status\":400}");
        server.limits.debug = true;
        CHECK_CONTAINS(ask("GET /fail/5 HTTP/1.1\r\n" LAST), "\"status\":500,\"detail\":\"secret words: Input/output error\"}");
        stop(g);
}

/* ------------------------------------------------------------------ ids and traces */

static int show_ids(aeon_request *req)
{
        char text[256];
        const char *trace = aeon_request_traceparent(req);
        snprintf(text, sizeof text, "id=%s trace=%s", aeon_request_id(req), trace ? trace : "-");
        return aeon_reply_text(req, 200, text);
}

static aeon_group *start_with_ids(void)
{
        aeon_group *g = start((struct http_limits){ 0 });
        add("GET /ids", show_ids, NULL);
        return g;
}

TEST(a_sane_request_id_is_taken_and_given_back)
{
        aeon_group *g = start_with_ids();
        const char *text = ask("GET /ids HTTP/1.1\r\nX-Request-Id: 7f-a_b.c:+/=@Z\r\n" LAST);
        CHECK_CONTAINS(text, "id=7f-a_b.c:+/=@Z ");
        CHECK_CONTAINS(text, "X-Request-Id: 7f-a_b.c:+/=@Z\r\n");
        stop(g);
}

TEST(other_requests_get_an_id_of_their_own)
{
        static const char *const wrong[] = {
                "",
                "X-Request-Id: \r\n",
                "X-Request-Id: a b\r\n",
                "X-Request-Id: a\"b\r\n",
                "X-Request-Id: a\xc3\xa4\r\n",
                "X-Request-Id: a\r\nX-Request-Id: b\r\n",
                "X-Request-Id: 12345678901234567890123456789012345678901234567890123456789012345\r\n",
        };
        aeon_group *g = start_with_ids();
        char last[17] = "";
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                char request[256];
                snprintf(request, sizeof request, "GET /ids HTTP/1.1\r\n%s" LAST, wrong[i]);
                const char *id = strstr(ask(request), "X-Request-Id: ");
                REQUIRE(id != NULL);
                id += strlen("X-Request-Id: ");
                CHECK_INT(strspn(id, "0123456789abcdef"), 16);
                CHECK(strncmp(id, last, 16) != 0);
                memcpy(last, id, 16);
        }
        stop(g);
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"

TEST(a_traceparent_is_taken_when_it_is_as_it_has_to_be)
{
        static const struct {
                const char *value;
                bool good;
        } cases[] = {
                { "00-" TRACE "-01", true },
                { "00-" TRACE "-00", true },
                { "cc-" TRACE "-01", true },
                { "cc-" TRACE "-01-what-comes-later", true },
                { "00-" TRACE "-01-more", false },
                { "cc-" TRACE "-01.more", false },
                { "ff-" TRACE "-01", false },
                { "00-" TRACE "-1", false },
                { "00-" TRACE, false },
                { "00-" TRACE "-0G", false },
                { "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
                { "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false },
                { "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
                { "00-" TRACE "-01\r\ntraceparent: 00-" TRACE "-01", false },
        };
        aeon_group *g = start_with_ids();
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char request[256], expected[128];
                snprintf(request, sizeof request, "GET /ids HTTP/1.1\r\ntraceparent: %s\r\n" LAST, cases[i].value);
                snprintf(expected, sizeof expected, "trace=%s", cases[i].good ? cases[i].value : "-");
                const char *text = ask(request);
                CHECK_CONTAINS(text, expected);
        }
        stop(g);
}

/* ------------------------------------------------------------------ the log */

static int log_file;
static int stderr_before;

static void log_begin(void)
{
        log_file = open(test_path("log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        stderr_before = dup(STDERR_FILENO);
        dup2(log_file, STDERR_FILENO);
}

static char *log_end(void)
{
        dup2(stderr_before, STDERR_FILENO);
        close(stderr_before);
        close(log_file);
        return test_read_file(test_path("log"));
}

static int child(void *arg)
{
        (void)arg;
        aeon_log_info("a child speaks");
        return 0;
}

static int speak(aeon_request *req)
{
        aeon_group *g;
        aeon_log_info("the handler speaks");
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "child", child, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        return aeon_reply_text(req, 200, "spoken");
}

static int forge(aeon_request *req)
{
        return aeon_fail(-EINVAL, "it said \"%s\"", aeon_request_query(req, "q"));
}

static aeon_group *start_speaking(bool access_log)
{
        aeon_group *g = start((struct http_limits){ .access_log = access_log });
        add("GET /speak/{name}", speak, NULL);
        add("GET /forge", forge, NULL);
        return g;
}

TEST(each_line_of_a_requests_tasks_has_its_id)
{
        aeon_group *g = start_speaking(true);
        log_begin();
        ask("GET /speak/7?token=secret HTTP/1.1\r\nX-Request-Id: my-id\r\n" LAST);
        char *text = log_end();
        CHECK_INT(times(text, " request_id=my-id"), 3);
        CHECK_CONTAINS(text, "] the handler speaks request_id=my-id\n");
        CHECK_CONTAINS(text, "] a child speaks request_id=my-id\n");
        CHECK_CONTAINS(text, "] GET /speak/7 200 request_id=my-id bytes=6 ms=");
        CHECK_CONTAINS(text, " peer=127.0.0.1:");
        CHECK_CONTAINS(text, " route=\"GET /speak/{name}\"\n");
        CHECK(text && !strstr(text, "secret"));
        free(text);
        stop(g);
}

TEST(in_json_the_id_is_a_field)
{
        aeon_group *g = start_speaking(false);
        log_begin();
        aeon_log_set_format(AEON_LOG_JSON);
        ask("GET /speak/7 HTTP/1.1\r\nX-Request-Id: my-id\r\n" LAST);
        aeon_log_set_format(AEON_LOG_TEXT);
        char *text = log_end();
        CHECK_INT(times(text, ",\"request_id\":\"my-id\""), 2); /* no access log */
        free(text);
        stop(g);
}

TEST(a_request_cannot_forge_a_line_of_the_log)
{
        aeon_group *g = start_speaking(false);
        log_begin();
        ask("GET /forge?q=a%0a12:00:00.000+error+forged%1b[31m HTTP/1.1\r\n" LAST);
        char *text = log_end();
        CHECK(text && !strstr(text, "\n12:00")); /* what is left of the line end is indented */
        CHECK_CONTAINS(text, "GET /forge 400: it said \"a\n    12:00:00.000 error forged\\x1b[31m\" ");
        free(text);
        stop(g);
}

TEST(a_client_that_went_is_499_in_the_log)
{
        aeon_group *g = start_speaking(true);
        log_begin();
        aeon_stream *s = dial();
        say(s, "GET /slow HTTP/1.1\r\n" HEADERS "\r\n");
        aeon_sleep(AEON_MILLISECONDS(20));
        aeon_stream_close(s);
        while (!cancelled || server.count)
                aeon_sleep(AEON_MILLISECONDS(1));
        char *text = log_end();
        CHECK_CONTAINS(text, "GET /slow 499: client disconnected ");
        CHECK_CONTAINS(text, " bytes=0 ");
        free(text);
        stop(g);
}
