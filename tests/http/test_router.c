/* Routes: which one answers, with which values. */
#include "harness.h"

#include "http/router.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>

static int nothing(aeon_request *req)
{
        (void)req;
        return 0;
}

static struct http_router router_with(const char *const patterns[])
{
        struct http_router router = { 0 };
        for (; *patterns; patterns++)
                if (!CHECK_INT(aeon__router_add(&router, *patterns, nothing, NULL), 0))
                        CHECK_STR(aeon_error_text(), *patterns);
        return router;
}

#define ROUTER(...) router_with((const char *const[]){ __VA_ARGS__, NULL })

/* "GET /users/{id} id=7" for a route that was found; the methods for another method; "" for nothing; "refused". */
static const char *find(const struct http_router *router, const char *method, const char *path)
{
        static char text[512];
        struct http_match m;
        text[0] = '\0';
        if (aeon__router_match(router, method, path, &m) < 0)
                return "refused";
        if (!m.route) {
                if (m.others)
                        aeon__router_methods(m.others, text, sizeof text);
                return text;
        }
        int used = snprintf(text, sizeof text, "%s", m.route->pattern);
        for (size_t i = 0; i < m.route->param_count; i++) {
                char value[128];
                aeon__url_decode(value, m.params[i].start, m.params[i].size, false);
                used += snprintf(text + used, sizeof text - (size_t)used, " %s=%s", m.route->names[i], value);
        }
        return text;
}

PLAIN_TEST(literals_go_before_names_and_names_before_the_rest)
{
        struct http_router r = ROUTER("GET /users/{rest...}", "GET /users/{id}", "GET /users/me", "GET /users", "GET /");
        CHECK_STR(find(&r, "GET", "/"), "GET /");
        CHECK_STR(find(&r, "GET", "/users"), "GET /users");
        CHECK_STR(find(&r, "GET", "/users/me"), "GET /users/me");
        CHECK_STR(find(&r, "GET", "/users/7"), "GET /users/{id} id=7");
        CHECK_STR(find(&r, "GET", "/users/7/x"), "GET /users/{rest...} rest=7/x");
        CHECK_STR(find(&r, "GET", "/users/"), "GET /users/{rest...} rest=");
        CHECK_STR(find(&r, "GET", "/user"), "");
        CHECK_STR(find(&r, "GET", "/users2"), "");
        CHECK_STR(find(&r, "GET", "//users"), "");
        CHECK_STR(find(&r, "GET", "*"), "");
        aeon__router_done(&r);
}

PLAIN_TEST(a_branch_without_the_method_is_left_again)
{
        struct http_router r = ROUTER("GET /a/b", "POST /a/{x}", "PUT /a/{x...}", "GET /c/{x}/d", "GET /c/e/f");
        CHECK_STR(find(&r, "POST", "/a/b"), "POST /a/{x} x=b");
        CHECK_STR(find(&r, "PUT", "/a/b"), "PUT /a/{x...} x=b");
        CHECK_STR(find(&r, "GET", "/c/e/d"), "GET /c/{x}/d x=e");
        CHECK_STR(find(&r, "GET", "/c/e/f"), "GET /c/e/f");
        CHECK_STR(find(&r, "DELETE", "/a/b"), "GET, HEAD, OPTIONS");
        aeon__router_done(&r);
}

PLAIN_TEST(another_method_of_a_known_path_is_told_apart_from_an_unknown_path)
{
        struct http_router r = ROUTER("POST /a", "PUT /a", "GET /b", "OPTIONS /c", "GET /c");
        CHECK_STR(find(&r, "GET", "/a"), "POST, PUT, OPTIONS");
        CHECK_STR(find(&r, "POST", "/b"), "GET, HEAD, OPTIONS");
        CHECK_STR(find(&r, "POST", "/c"), "OPTIONS, GET, HEAD");
        CHECK_STR(find(&r, "POST", "/d"), "");
        CHECK_STR(find(&r, "get", "/b"), "GET, HEAD, OPTIONS");
        aeon__router_done(&r);
}

PLAIN_TEST(head_is_answered_by_get_unless_it_has_a_route)
{
        struct http_router r = ROUTER("GET /a", "GET /b", "HEAD /b", "POST /c");
        CHECK_STR(find(&r, "HEAD", "/a"), "GET /a");
        CHECK_STR(find(&r, "HEAD", "/b"), "HEAD /b");
        CHECK_STR(find(&r, "HEAD", "/c"), "POST, OPTIONS");
        aeon__router_done(&r);
}

PLAIN_TEST(escapes_are_decoded_once_and_after_cutting)
{
        struct http_router r = ROUTER("GET /a b/{x}", "GET /f/{x...}");
        CHECK_STR(find(&r, "GET", "/a%20b/c%2Fd"), "GET /a b/{x} x=c/d");
        CHECK_STR(find(&r, "GET", "/%61%20b/%2541"), "GET /a b/{x} x=%41");
        CHECK_STR(find(&r, "GET", "/a%20b/J%c3%bcrgen"), "GET /a b/{x} x=J\xc3\xbcrgen");
        CHECK_STR(find(&r, "GET", "/a+b/x"), "");
        CHECK_STR(find(&r, "GET", "/a%20b/+"), "GET /a b/{x} x=+");
        CHECK_STR(find(&r, "GET", "/f/a%2fb/c"), "GET /f/{x...} x=a/b/c");
        CHECK_STR(find(&r, "GET", "/f%2fa"), "");
        aeon__router_done(&r);
}

PLAIN_TEST(paths_that_climb_are_refused)
{
        static const char *const bad[] = { "/f/..",     "/..",       "/f/../x",       "/f/%2e%2e/x",       "/f/.%2E",
                                           "/f/a%2f..", "/f/..%2fa", "/f/%2e%2e%2fx", "/f/a%5c..%5cpasswd" };
        static const char *const good[] = { "/f/...", "/f/..a", "/f/a..", "/f/.", "/f/.a/b.", "/f/a/.../b" };
        struct http_router r = ROUTER("GET /f/{x...}");
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                if (!CHECK_STR(find(&r, "GET", bad[i]), "refused"))
                        CHECK_STR(bad[i], "refused");
        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
                CHECK_CONTAINS(find(&r, "GET", good[i]), "GET /f/{x...}");
        aeon__router_done(&r);
}

PLAIN_TEST(patterns_that_cannot_be_meant_are_refused_with_their_text)
{
        static const char *const bad[] = {
                "",        "GET",       "/a",         "GET a",        "GET  /a",         "G(T /a",
                "GET /{",  "GET /{}",   "GET /{...}", "GET /a{x}",    "GET /{x}a",       "GET /{x...}/a",
                "GET /{x", "GET /{{x}", "GET /{x}}",  "GET /{x}/{x}", "GET /{x}/{x...}", "GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"
        };
        struct http_router r = { 0 };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                if (!CHECK_INT(aeon__router_add(&r, bad[i], nothing, NULL), -EINVAL))
                        CHECK_STR(bad[i], "refused");
                CHECK_CONTAINS(aeon_error_text(), bad[i]);
        }
        aeon__router_done(&r);
}

PLAIN_TEST(a_route_can_be_declared_only_once)
{
        struct http_router r = ROUTER("GET /a/{x}", "POST /a/{y}");
        CHECK_INT(aeon__router_add(&r, "GET /a/{z}", nothing, NULL), -EEXIST);
        CHECK_CONTAINS(aeon_error_text(), "GET /a/{z}");
        CHECK_CONTAINS(aeon_error_text(), "GET /a/{x}");
        CHECK_STR(find(&r, "POST", "/a/1"), "POST /a/{y} y=1");
        aeon__router_done(&r);
}

PLAIN_TEST(an_empty_router_knows_no_path)
{
        struct http_router r = { 0 };
        CHECK_STR(find(&r, "GET", "/"), "");
        aeon__router_done(&r);
}

PLAIN_TEST(deep_paths_cost_no_depth)
{
        static char path[8000];
        for (size_t i = 0; i < sizeof path - 1; i++)
                path[i] = '/';
        struct http_router r = ROUTER("GET /{a}/{b}", "GET /{a...}");
        CHECK_CONTAINS(find(&r, "GET", "/x/y"), "GET /{a}/{b} a=x b=y");
        CHECK_INT(aeon__router_match(&r, "GET", path, &(struct http_match){ 0 }), 0);
        aeon__router_done(&r);
}
