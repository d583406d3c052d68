/* The page of an app's documents; see docs_serve.h.
 *
 * DESIGN
 *   The page is docs_page.html, compiled in, with both documents put into it: one answer, and nothing from anywhere else. What it tries goes to
 *   us, and we ask the service: so the service needs no CORS, and the page no right but to talk to its own origin.
 *
 *       page --- POST /try {"method","path","headers","type","body"} ---> here --- the request ---> target
 *            <-- {"status","headers","body"} ----------------------------      <-- its reply ------
 *
 *   That makes us a door to the service, so it is open to the page alone. We listen on this machine, unless told otherwise, and then nothing
 *   can be tried. A page of another site cannot use the door: its browser asks before it sends a field like X-Aeon-Docs, and gets no
 *   permission. Nor can one whose name was made to point to this machine: Host says so.
 */
#include "cli/docs_serve.h"

#include "base/text.h"
#include "loop/address.h"

#include <aeon.h>
#include <aeon/http_client.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

extern const char docs_page[]; /* docs_page.html */

enum { BODY_LIMIT = 16 << 20, FIELD_LIMIT = 64 };
#define PATIENCE AEON_SECONDS(30)
#define MOMENT AEON_SECONDS(2)

#define ATTEMPT(F)                                                \
        F(str, method, .pattern = "^[A-Z]+$")                     \
        F(str, path, .pattern = "^/")                             \
        F(map(str), headers, .def = "{}", .max_len = FIELD_LIMIT) \
        F(optional(str), type)                                    \
        F(bytes, body, .def = "")
AEON_RECORD(attempt, ATTEMPT);

#define ANSWER(F) F(i64, status) F(map(str), headers) F(bytes, body)
AEON_RECORD(answer, ANSWER);

static struct {
        struct docs_site site;
        char *target;
        bool open; /* to trying */
} serving;

/* ------------------------------------------------------------------ the page */

/* @json inside of a script: no "<" begins a tag there. */
static void put_json(FILE *to, const char *json)
{
        for (; *json; json++)
                if (*json == '<')
                        fputs("\\u003c", to);
                else
                        fputc(*json, to);
}

static void put_site(FILE *to)
{
        json_t *site = json_pack("{s:b,s:s}", "try", serving.open, "target", serving.target);
        char *text = json_dumps(site, JSON_COMPACT);
        put_json(to, text ? text : "{}");
        free(text);
        json_decref(site);
}

/* What @word at @at in the page stands for; false: it is no such word. */
static bool put_word(FILE *to, const char *at, const char *nonce, size_t *ret_length)
{
        static const char *const words[] = { "@NONCE@", "@SITE@", "@OPENAPI@", "@ASYNCAPI@" };
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                *ret_length = strlen(words[i]);
                if (strncmp(at, words[i], *ret_length) != 0)
                        continue;
                if (i == 0)
                        fputs(nonce, to);
                else if (i == 1)
                        put_site(to);
                else
                        put_json(to, i == 2 ? serving.site.openapi : serving.site.asyncapi);
                return true;
        }
        return false;
}

static int render(const char *nonce, char **ret_page, size_t *ret_size)
{
        FILE *to = open_memstream(ret_page, ret_size);
        if (!to)
                return aeon_fail(-ENOMEM, "no memory for the page");
        for (const char *at = docs_page; *at;) {
                size_t length;
                if (!put_word(to, at, nonce, &length)) {
                        length = strcspn(at + 1, "@") + 1;
                        fwrite(at, 1, length, to);
                }
                at += length;
        }
        return fclose(to) == 0 ? 0 : aeon_fail(-ENOMEM, "no memory for the page");
}

static int show_page(aeon_request *req)
{
        unsigned char random[16];
        char nonce[33], policy[256], *page;
        size_t size;
        if (getrandom(random, sizeof random, 0) != sizeof random)
                return aeon_fail_os(-errno, "random numbers");
        for (size_t i = 0; i < sizeof random; i++)
                snprintf(nonce + 2 * i, 3, "%02x", random[i]);
        int r = render(nonce, &page, &size);
        if (r < 0)
                return r;
        snprintf(policy, sizeof policy,
                 "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; img-src data:; connect-src 'self'; base-uri "
                 "'none'; "
                 "form-action 'none'; frame-ancestors 'none'",
                 nonce, nonce);
        aeon_reply_set_header(req, "Content-Security-Policy", policy);
        aeon_reply_set_header(req, "Cache-Control", "no-store");
        r = aeon_reply_bytes(req, 200, "text/html; charset=utf-8", page, size);
        free(page);
        return r;
}

static int show_openapi(aeon_request *req)
{
        return aeon_reply_json(req, 200, serving.site.openapi);
}

static int show_asyncapi(aeon_request *req)
{
        return aeon_reply_json(req, 200, serving.site.asyncapi);
}

/* ------------------------------------------------------------------ trying */

/* Of those that say something to people. */
static void take_headers(const aeon_http_response *res, const char **keys, const char **values, size_t *ret_count)
{
        static const char *const names[] = { "Content-Type",  "Location",         "Allow",         "ETag",
                                             "Last-Modified", "Cache-Control",    "Content-Range", "Retry-After",
                                             "Set-Cookie",    "WWW-Authenticate", "X-Request-Id" };
        _Static_assert(sizeof names / sizeof *names <= FIELD_LIMIT, "there is room for all");
        *ret_count = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                const char *value = aeon_http_response_header(res, names[i]);
                if (!value)
                        continue;
                keys[*ret_count] = names[i];
                values[(*ret_count)++] = value;
        }
}

static int reply_with(aeon_request *req, const aeon_http_response *res, const struct text *body)
{
        const char *keys[FIELD_LIMIT], *values[FIELD_LIMIT];
        struct answer answer = { .status = aeon_http_response_status(res), .body = { body->data, body->length } };
        take_headers(res, keys, values, &answer.headers.count);
        answer.headers.keys = keys;
        answer.headers.values = values;
        return answer_reply(req, 200, &answer);
}

static bool is_endless(const aeon_http_response *res)
{
        const char *type = aeon_http_response_header(res, "Content-Type");
        return type && !strncmp(type, "text/event-stream", strlen("text/event-stream"));
}

/* The body; of a stream of events what comes in a moment. */
static int read_body(aeon_http_response *res, struct text *body)
{
        char piece[16384];
        aeon_scope moment;
        ssize_t n = 0;
        aeon_scope_open(&moment, &(aeon_scope_opts){ .timeout = is_endless(res) ? MOMENT : PATIENCE, .name = "body" });
        while (body->length < BODY_LIMIT && (n = aeon_http_response_read(res, piece, sizeof piece)) > 0)
                aeon__text_add(body, piece, (size_t)n);
        int r = aeon_scope_close(&moment, n < 0 ? (int)n : 0);
        if (body->failed)
                return aeon_fail(-ENOMEM, "no memory for the reply");
        return r == -ETIMEDOUT && is_endless(res) ? 0 : r;
}

static int ask(aeon_http_client *client, const struct attempt *a, const char *const *headers, aeon_http_response **ret_response)
{
        aeon_scope patience;
        aeon_http_call call = { .method = a->method, .url = a->path, .headers = headers };
        if (a->type)
                call.body = aeon_body_of(a->body.data, a->body.size, a->type);
        aeon_scope_open(&patience, &(aeon_scope_opts){ .timeout = PATIENCE, .name = "try" });
        return aeon_scope_close(&patience, aeon_http_open_response(client, &call, ret_response));
}

static void free_headers(char **headers)
{
        for (size_t i = 0; headers[i]; i++)
                free(headers[i]);
}

static int make_headers(const struct attempt *a, char **headers)
{
        for (size_t i = 0; i < a->headers.count; i++)
                if (asprintf(&headers[i], "%s: %s", a->headers.keys[i], a->headers.values[i]) < 0) {
                        headers[i] = NULL;
                        return aeon_fail(-ENOMEM, "no memory for a header");
                }
        return 0;
}

static int try_it(aeon_request *req)
{
        const struct attempt *a;
        char *headers[FIELD_LIMIT + 1] = { 0 };
        aeon_http_client *client;
        aeon_http_response *res = NULL;
        struct text body = { 0 };
        if (!aeon_request_header(req, "X-Aeon-Docs"))
                return aeon_fail(-EACCES, "only the page itself may try");
        int r = attempt_receive(req, &a);
        if (r < 0)
                return r;
        r = aeon_http_client_open(&(aeon_http_client_opts){ .base_url = serving.target, .proxy = "" }, &client);
        if (r < 0)
                return r;
        r = make_headers(a, headers);
        if (r >= 0)
                r = ask(client, a, (const char *const *)headers, &res);
        if (r >= 0)
                r = read_body(res, &body);
        if (r >= 0)
                r = reply_with(req, res, &body);
        aeon__text_done(&body);
        aeon_http_response_free(res);
        aeon_http_client_close(client);
        free_headers(headers);
        return r;
}

/* ------------------------------------------------------------------ this machine */

static int only_by_our_name(aeon_request *req, aeon_next *next)
{
        const char *host = aeon_request_header(req, "Host");
        if (serving.open && !(host && aeon__address_is_loopback(host)))
                return aeon_fail(-EACCES, "\"%s\" is no name of this machine", host ? host : "");
        aeon_reply_set_header(req, "X-Content-Type-Options", "nosniff");
        return aeon_next_run(next);
}

/* Where the service says that it listens. */
static char *own_target(const char *openapi)
{
        json_t *document = json_loads(openapi, JSON_DECODE_INT_AS_REAL, NULL);
        const char *url = json_string_value(json_object_get(json_array_get(json_object_get(document, "servers"), 0), "url"));
        char *target = strdup(url && aeon__address_is_loopback(url) ? url : "http://127.0.0.1:8000");
        json_decref(document);
        return target;
}

/* ------------------------------------------------------------------ the service that we are */

static int tell_address(aeon_app *app)
{
        printf("http://%s/\n", aeon_http_address(app, 0));
        fflush(stdout);
        return 0;
}

static void define(aeon_app *app)
{
        aeon_http_listen(app,
                         &(aeon_http_opts){ .address = serving.site.listen, .debug = true, .access_log = AEON_ACCESS_LOG_OFF });
        aeon_use_middleware(app, only_by_our_name);
        aeon_route(app, "GET /", show_page, NULL);
        aeon_route(app, "GET /openapi.json", show_openapi, NULL);
        aeon_route(app, "GET /asyncapi.json", show_asyncapi, NULL);
        if (serving.open)
                aeon_route(app, "POST /try", try_it, &(aeon_route_opts){ .max_body = BODY_LIMIT });
        aeon_on_ready(app, tell_address);
}

int docs_serve(const struct docs_site *site)
{
        serving.site = *site;
        serving.open = aeon__address_is_loopback(site->listen);
        serving.target = site->target ? strdup(site->target) : own_target(site->openapi);
        if (!serving.target) {
                aeon_log_error("cannot start: out of memory");
                return 1;
        }
        aeon_log_set_levels("warning");
        int code = aeon_app_run(define, &(aeon_app_opts){ .name = "docs", .quiet = true });
        free(serving.target);
        return code;
}
