/* Requests: what a call and its client's options come to; see client.h. */
#include "client/client.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char separators[] = " \t\"(),/:;<=>?@[\\]{}";

/* A word of RFC 9110, section 5.6.2. */
static bool is_token(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] > '~' || strchr(separators, text[i]))
                        return false;
        return length > 0;
}

/* ------------------------------------------------------------------ headers */

int aeon__http_header_check(const char *line)
{
        size_t name = strcspn(line, ":");
        if (line[name] != ':' || !is_token(line, name))
                return aeon_fail(-EINVAL, "a header is not of the form \"Name: value\"");
        for (const char *c = line; *c; c++)
                if (((unsigned char)*c < ' ' && *c != '\t') || *c == '\x7f')
                        return aeon_fail(-EINVAL, "the header %.*s holds a control character", (int)name, line);
        return 0;
}

struct lines {
        const char **items;
        size_t count;
};

/* Has one of the first @count the name of @line? */
static bool has_name(const struct lines *l, size_t count, const char *line)
{
        size_t name = strcspn(line, ":") + 1;
        for (size_t i = 0; i < count; i++)
                if (!strncasecmp(line, l->items[i], name))
                        return true;
        return false;
}

/* Unless one of the first @hiding has the same name. */
static void add_line(struct lines *l, const char *line, size_t hiding)
{
        if (!has_name(l, hiding, line))
                l->items[l->count++] = line;
}

/* The same; @value NULL or "": nothing to add. */
static int add_pair(struct lines *l, struct arena *a, const char *name, const char *value, size_t hiding)
{
        if (!value || !*value)
                return 0;
        size_t size = strlen(name) + strlen(value) + sizeof ": ";
        char *line = aeon__arena_alloc(a, size);
        if (!line)
                return aeon_fail(-ENOMEM, "no memory for a header");
        snprintf(line, size, "%s: %s", name, value);
        add_line(l, line, hiding);
        return aeon__http_header_check(line);
}

size_t aeon__http_lines_count(const char *const *lines)
{
        size_t n = 0;
        while (lines && lines[n])
                n++;
        return n;
}

static int make_lines(struct aeon_http_client *c, const aeon_http_call *call, struct arena *a, struct http_request *request)
{
        enum { OURS = 4 }; /* those below, and the NULL */
        struct lines l = { 0 };
        int r = 0;
        size_t given = aeon__http_lines_count(call->headers), usual = aeon__http_lines_count(c->opts.headers);
        l.items = aeon__arena_alloc(a, (given + usual + OURS) * sizeof *l.items);
        if (!l.items)
                return aeon_fail(-ENOMEM, "no memory for headers");
        for (size_t i = 0; r == 0 && i < given; i++) {
                r = aeon__http_header_check(call->headers[i]);
                add_line(&l, call->headers[i], 0);
        }
        if (r == 0)
                r = add_pair(&l, a, "Content-Type", call->body_fn ? call->body_type : call->body.content_type, l.count);
        if (r == 0)
                r = add_pair(&l, a, "traceparent", aeon_traceparent(), l.count);
        if (r == 0)
                r = add_pair(&l, a, "tracestate", aeon__tracestate(), l.count);
        size_t own = l.count;
        for (size_t i = 0; i < usual; i++)
                add_line(&l, c->opts.headers[i], own);
        request->user_agent = has_name(&l, l.count, "User-Agent:") ? NULL : c->opts.user_agent;
        request->lines = l.items;
        return r;
}

/* ------------------------------------------------------------------ URLs */

/* Without user, password, query and fragment. NULL: no memory. */
static char *without_secrets(struct arena *a, const char *url)
{
        const char *scheme = strstr(url, "://"), *host = scheme ? scheme + strlen("://") : url;
        size_t front = (size_t)(host - url);
        const char *at = memrchr(host, '@', strcspn(host, "/?#"));
        if (at)
                host = at + 1;
        size_t rest = strcspn(host, "?#");
        char *shown = aeon__arena_alloc(a, front + rest + 1);
        if (!shown)
                return NULL;
        memcpy(shown, url, front);
        memcpy(shown + front, host, rest);
        for (char *c = shown; *c; c++)
                if ((unsigned char)*c < ' ')
                        *c = '?';
        return shown;
}

/* A URL that begins with "/" goes behind the base, of which a "/" at the end then counts for nothing. */
static char *whole_url(struct arena *a, const char *base, const char *url)
{
        size_t front = *url == '/' && base ? strlen(base) : 0;
        if (front && base[front - 1] == '/')
                front--;
        char *whole = aeon__arena_alloc(a, front + strlen(url) + 1);
        if (!whole)
                return NULL;
        snprintf(whole, front + strlen(url) + 1, "%.*s%s", (int)front, base ? base : "", url);
        return whole;
}

bool aeon__http_is_web(const char *url)
{
        return !strncasecmp(url, "http://", strlen("http://")) || !strncasecmp(url, "https://", strlen("https://"));
}

static int check_url(const char *url)
{
        if (*url == '/')
                return aeon_fail(-EINVAL, "this HTTP client has no base URL");
        if (!aeon__http_is_web(url))
                return aeon_fail(-EINVAL, "the URL is neither http nor https");
        for (const char *c = url; *c; c++)
                if ((unsigned char)*c <= ' ' || *c == '\x7f')
                        return aeon_fail(-EINVAL, "the URL holds a blank or a control character");
        return 0;
}

/* ------------------------------------------------------------------ all of it */

int aeon__http_request_make(struct aeon_http_client *c, const aeon_http_call *call, struct aeon_http_response *x,
                            struct http_request *ret_request)
{
        bool has_body = call->body_fn || call->body.data || call->body.content_type;
        const char *method = call->method ? call->method : (has_body ? "POST" : "GET");
        bool is_safe = !strcmp(method, "GET") || !strcmp(method, "HEAD");
        if (!call->url || !is_token(method, strlen(method)))
                return aeon_fail(-EINVAL, call->url ? "the method is not a word" : "a call without a URL");
        const char *url = whole_url(&x->strings, c->opts.base_url, call->url);
        x->method = aeon__arena_copy(&x->strings, method, strlen(method));
        x->shown = url ? without_secrets(&x->strings, url) : NULL;
        if (!x->shown || !x->method)
                return aeon_fail(-ENOMEM, "no memory for an HTTP call");
        struct http_request request = {
                .method = method,
                .url = url,
                .has_body = has_body,
                .body = call->body_fn ? NULL : (call->body.data ? call->body.data : ""),
                .size = call->body_fn ? x->body_left : call->body.size,
                .copy = x->streamed,
                .user = call->user ? call->user : c->opts.user,
                .aws = call->aws,
                .redirects = is_safe && !has_body ? c->opts.redirects : 0,
        };
        int r = check_url(url);
        if (r == 0)
                r = make_lines(c, call, &x->strings, &request);
        if (r < 0)
                return aeon_fail(r, "%s %s", method, x->shown);
        *ret_request = request;
        return 0;
}
