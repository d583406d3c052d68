/* What handlers read from queries, paths, forms and cookies, as texts and as records. */
#include "fixture.h"
#include "harness.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/http_cookie.h>
#include <aeon/http_form.h>
#include <aeon/log.h>
#include <aeon/record.h>
#include <stdio.h>
#include <string.h>

#define PAGE(F)                                \
        F(i64, limit, .def = "10", .max = 100) \
        F(str, sort, .def = "name")            \
        F(list(str), tag, .def = "[]")         \
        F(optional(f64), above)                \
        F(boolean, all, .def = "false")
AEON_RECORD(page, PAGE, .unknown = AEON_UNKNOWN_REJECT);

#define PLACE(F) F(u64, number) F(str, street)
AEON_RECORD(place, PLACE);

static int reply_page(aeon_request *req, const struct page *p)
{
        char text[512];
        int used = snprintf(text, sizeof text, "limit=%lld sort=%s above=%g all=%d", (long long)p->limit, p->sort,
                            p->above ? *p->above : -1, p->all);
        for (size_t i = 0; i < p->tag.count; i++)
                used += snprintf(text + used, sizeof text - (size_t)used, " [%s]", p->tag.items[i]);
        return aeon_reply_text(req, 200, text);
}

static int list_page(aeon_request *req)
{
        const struct page *p;
        int r = page_query(req, &p);
        return r < 0 ? r : reply_page(req, p);
}

static int form_page(aeon_request *req)
{
        const struct page *p;
        int r = page_form(req, &p);
        return r < 0 ? r : reply_page(req, p);
}

static int show_place(aeon_request *req)
{
        const struct place *p;
        char text[128];
        int r = place_params(req, &p);
        if (r < 0)
                return r;
        snprintf(text, sizeof text, "%llu, %s", (unsigned long long)p->number, p->street);
        return aeon_reply_text(req, 200, text);
}

static int all_values(aeon_request *req)
{
        char text[256] = "";
        size_t cursor = 0;
        for (const char *value; (value = aeon_request_query_next(req, "q", &cursor));)
                snprintf(text + strlen(text), sizeof text - strlen(text), "<%s>", value);
        return aeon_reply_text(req, 200, text);
}

static int form_text(aeon_request *req)
{
        const char *a, *b;
        char text[256];
        int r = aeon_request_form(req, "a", &a);
        if (r == 0)
                r = aeon_request_form(req, "b", &b);
        if (r < 0)
                return r;
        snprintf(text, sizeof text, "a=%s b=%s", a ? a : "none", b ? b : "none");
        return aeon_reply_text(req, 200, text);
}

static aeon_group *start_with_forms(void)
{
        aeon_log_set_level(AEON_LOG_OFF);
        aeon_group *g = start((struct http_limits){ 0 });
        add("GET /page", list_page, NULL);
        add("POST /page", form_page, NULL);
        add("GET /place/{number}/{street}", show_place, NULL);
        add("GET /all", all_values, NULL);
        add("POST /form", form_text, NULL);
        return g;
}

/* Send @body of the type @type to @path. */
static const char *post(const char *path, const char *type, const char *body)
{
        static char request[4096];
        snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n" LAST "%s", path, type,
                 strlen(body), body);
        return ask(request);
}

#define URLENCODED "application/x-www-form-urlencoded"

/* ------------------------------------------------------------------ queries and paths */

TEST(all_values_of_a_name_in_the_query)
{
        aeon_group *g = start_with_forms();
        CHECK_CONTAINS(ask("GET /all?q=1&r=x&q=&q&q=a+b%26c&%71=%3d HTTP/1.1\r\n" LAST), "\r\n\r\n<1><><><a b&c><=>");
        CHECK_CONTAINS(ask("GET /all?&&=&q=1&& HTTP/1.1\r\n" LAST), "\r\n\r\n<1>");
        CHECK_CONTAINS(ask("GET /all HTTP/1.1\r\n" LAST), "Content-Length: 0\r\n");
        stop(g);
}

TEST(a_query_may_be_a_record)
{
        aeon_group *g = start_with_forms();
        CHECK_CONTAINS(ask("GET /page HTTP/1.1\r\n" LAST), "\r\n\r\nlimit=10 sort=name above=-1 all=0");
        CHECK_CONTAINS(ask("GET /page?tag=a&limit=5&tag=b+c&all=yes&above=2.5&limit=7 HTTP/1.1\r\n" LAST),
                       "\r\n\r\nlimit=7 sort=name above=2.5 all=1 [a] [b c]");
        CHECK_CONTAINS(ask("GET /page?limit=&above=&sort= HTTP/1.1\r\n" LAST), "\r\n\r\nlimit=10 sort= above=-1 all=0");
        stop(g);
}

TEST(all_that_is_wrong_with_a_query_is_told)
{
        aeon_group *g = start_with_forms();
        const char *text = ask("GET /page?limit=1000&above=%22x&all=perhaps&limitt=1&sort=%ff HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "HTTP/1.1 400 ");
        CHECK_CONTAINS(text, "Content-Type: application/problem+json\r\n");
        CHECK_CONTAINS(text, "{\"in\":\"query\",\"path\":\"limit\",\"detail\":\"1000 is above 100\"}");
        CHECK_CONTAINS(text, "{\"in\":\"query\",\"path\":\"above\",\"detail\":");
        CHECK_CONTAINS(text, "{\"in\":\"query\",\"path\":\"all\",\"detail\":");
        CHECK_CONTAINS(text, "{\"in\":\"query\",\"path\":\"limitt\",\"detail\":\"no such field; did you mean limit?\"}");
        CHECK_CONTAINS(text, "{\"in\":\"query\",\"path\":\"sort\",\"detail\":\"not UTF-8\"}");
        CHECK_INT(times(text, "\"in\":"), 5);
        stop(g);
}

TEST(the_parameters_of_a_path_may_be_a_record)
{
        aeon_group *g = start_with_forms();
        CHECK_CONTAINS(ask("GET /place/7/High%20Street HTTP/1.1\r\n" LAST), "\r\n\r\n7, High Street");
        CHECK_CONTAINS(ask("GET /place/x/y HTTP/1.1\r\n" LAST), "{\"in\":\"path\",\"path\":\"number\",\"detail\":");
        CHECK_CONTAINS(ask("GET /place/7/y%00z HTTP/1.1\r\n" LAST), "HTTP/1.1 400 ");
        stop(g);
}

TEST(all_that_is_wrong_with_a_body_is_told_with_its_path)
{
        aeon_group *g = start_with_forms();
        const char *text = post("/typed", "application/json", "{\"word\":true,\"times\":0}");
        CHECK_CONTAINS(text, "HTTP/1.1 400 ");
        CHECK_CONTAINS(text, "\"detail\":\"pair: word: ");
        CHECK_CONTAINS(text, "\"errors\":[{\"in\":\"body\",\"path\":\"word\",\"detail\":");
        CHECK_CONTAINS(text, "},{\"in\":\"body\",\"path\":\"times\",\"detail\":\"0 is below 1 (line 1, column 22)\"}]}");
        stop(g);
}

/* ------------------------------------------------------------------ forms */

TEST(a_urlencoded_form_is_read)
{
        aeon_group *g = start_with_forms();
        CHECK_CONTAINS(post("/form", URLENCODED, "b=x%3Dy&a=1+2"), "\r\n\r\na=1 2 b=x=y");
        CHECK_CONTAINS(post("/form", URLENCODED "; charset=utf-8", "a=%c3%a4"), "\r\n\r\na=\xc3\xa4 b=none");
        CHECK_CONTAINS(post("/form", URLENCODED, "a=1%00x&a=2"), "\r\n\r\na=2 b=none"); /* not "1" */
        CHECK_CONTAINS(post("/form", URLENCODED, ""), "\r\n\r\na=none b=none");
        CHECK_CONTAINS(post("/form", URLENCODED, "a=%zz"), "HTTP/1.1 400 ");
        CHECK_CONTAINS(post("/form", URLENCODED, "a=%4"), "\"detail\":\"an escape is none\"");
        CHECK_CONTAINS(post("/form", "application/json", "{}"), "HTTP/1.1 415 ");
        CHECK_CONTAINS(post("/form", URLENCODED "x", "a=1"), "HTTP/1.1 415 ");
        CHECK_CONTAINS(ask("POST /form HTTP/1.1\r\n" LAST), "HTTP/1.1 415 ");
        stop(g);
}

TEST(a_form_may_be_a_record)
{
        aeon_group *g = start_with_forms();
        CHECK_CONTAINS(post("/page", URLENCODED, "limit=3&tag=a&tag=b&all=on"), "\r\n\r\nlimit=3 sort=name above=-1 all=1 [a] [b]");
        const char *text = post("/page", URLENCODED, "limit=x&all=5&sort=a%00");
        CHECK_CONTAINS(text, "{\"in\":\"form\",\"path\":\"sort\",\"detail\":\"contains a NUL character\"}");
        CHECK_CONTAINS(text, "{\"in\":\"form\",\"path\":\"limit\",\"detail\":");
        CHECK_CONTAINS(text, "{\"in\":\"form\",\"path\":\"all\",\"detail\":");
        CHECK_CONTAINS(post("/page", "multipart/form-data; boundary=b",
                            "--b\r\nContent-Disposition: form-data; name=\"limit\"\r\n\r\n4\r\n"
                            "--b\r\nContent-Disposition: form-data; name=\"tag\"; filename=\"x\"\r\n\r\na file\r\n"
                            "--b\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\nc\r\n--b--\r\n"),
                       "\r\n\r\nlimit=4 sort=name above=-1 all=0 [c]");
        stop(g);
}

/* ------------------------------------------------------------------ cookies */

static int show_cookies(aeon_request *req)
{
        char text[256];
        const char *a = aeon_request_cookie(req, "a"), *b = aeon_request_cookie(req, "b");
        snprintf(text, sizeof text, "a=%s b=%s", a ? a : "none", b ? b : "none");
        return aeon_reply_text(req, 200, text);
}

static int set_cookies(aeon_request *req)
{
        CHECK_INT(aeon_reply_cookie(req, &(aeon_cookie){ .name = "plain", .value = "1" }), 0);
        CHECK_INT(aeon_reply_cookie(req, &(aeon_cookie){ .name = "__Host-all",
                                                         .value = "x=y",
                                                         .max_age = AEON_SECONDS(60),
                                                         .http_only = true,
                                                         .secure = true,
                                                         .same_site = AEON_SAME_SITE_STRICT }),
                  0);
        CHECK_INT(aeon_reply_cookie(req, &(aeon_cookie){ .name = "short", .path = "/a b", .max_age = 1, .domain = "example.org" }),
                  0);
        CHECK_INT(aeon_reply_cookie(req, &(aeon_cookie){ .name = "gone", .max_age = -1 }), 0);
        static const aeon_cookie wrong[] = {
                { .name = NULL },
                { .name = "a b" },
                { .name = "a=" },
                { .name = "a", .value = "b;c" },
                { .name = "a", .value = "b c" },
                { .name = "a", .value = "b\r\nX: y" },
                { .name = "a", .value = "\xc3\xa4" },
                { .name = "a", .value = "\"b\"" },
                { .name = "a", .path = "b" },
                { .name = "a", .path = "/;Domain=evil" },
                { .name = "a", .domain = "b\n" },
                { .name = "a", .domain = "" },
                { .name = "a", .same_site = AEON_SAME_SITE_NONE },
                { .name = "__Secure-a" },
                { .name = "__Host-a" },
                { .name = "__Host-a", .secure = true, .path = "/b" },
                { .name = "__Host-a", .secure = true, .domain = "b" },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
                CHECK_INT(aeon_reply_cookie(req, &wrong[i]), -EINVAL);
        return aeon_reply_status(req, 204);
}

TEST(cookies_of_a_request)
{
        aeon_group *g = start_with_forms();
        add("GET /cookies", show_cookies, NULL);
        CHECK_CONTAINS(ask("GET /cookies HTTP/1.1\r\nCookie: aa=0; a=1; b=\"x y\" ;a=2\r\n" LAST), "\r\n\r\na=1 b=x y");
        CHECK_CONTAINS(ask("GET /cookies HTTP/1.1\r\nCookie: b=p=q\r\nCookie: a=\r\n" LAST), "\r\n\r\na= b=p=q");
        CHECK_CONTAINS(ask("GET /cookies HTTP/1.1\r\nCookie: A=1; a; ;b\r\n" LAST), "\r\n\r\na=none b=none");
        stop(g);
}

TEST(cookies_of_a_reply)
{
        aeon_group *g = start_with_forms();
        add("GET /set", set_cookies, NULL);
        const char *text = ask("GET /set HTTP/1.1\r\n" LAST);
        CHECK_CONTAINS(text, "Set-Cookie: plain=1; Path=/\r\n");
        CHECK_CONTAINS(text, "Set-Cookie: __Host-all=x=y; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict\r\n");
        CHECK_CONTAINS(text, "Set-Cookie: short=; Path=/a b; Domain=example.org; Max-Age=1\r\n");
        CHECK_CONTAINS(text, "Set-Cookie: gone=; Path=/; Max-Age=0\r\n");
        CHECK_INT(times(text, "Set-Cookie"), 4);
        stop(g);
}
