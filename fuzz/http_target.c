/* Targets of requests: the route that they take, what they decode to, and that no ".." gets through are what a second reading says:
 * route by route, segment by segment, with every string decoded by itself. */
#include "pieces.h"

#include "http/request.h"

#include <errno.h>

static const char *const patterns[] = {
        "GET /",
        "GET /users",
        "GET /users/me",
        "GET /users/me/{what}",
        "GET /users/{id}",
        "GET /users/{id}/posts/{post}",
        "GET /{one}/two",
        "GET /files/{path...}",
        "GET /a b/c",
        "GET /trailing/",
        "GET /{one}/{x}/{y}/{z}",
};

enum { PATTERNS = sizeof patterns / sizeof *patterns };

static int no_handler(aeon_request *req)
{
        (void)req;
        return 0;
}

/* ------------------------------------------------------------------ the naive reading */

static char *decode_naively(const char *text, size_t size, bool plus)
{
        char *out = malloc(size + 1), *end = out;
        if (!out)
                abort();
        for (const char *stop = text + size; text < stop; text++) {
                char digits[3] = "";
                if (*text == '%') {
                        memcpy(digits, text + 1, 2);
                        *end++ = (char)strtoul(digits, NULL, 16);
                        text += 2;
                } else {
                        *end++ = plus && *text == '+' ? ' ' : *text;
                }
        }
        *end = '\0';
        return out;
}

static bool climbs_naively(const char *path)
{
        char *decoded = decode_naively(path, strlen(path), false);
        bool climbs = false;
        for (const char *segment = decoded; segment; segment = strpbrk(segment, "/\\"), segment = segment ? segment + 1 : NULL) {
                size_t size = strcspn(segment, "/\\");
                climbs |= size == 2 && !memcmp(segment, "..", 2);
        }
        free(decoded);
        return climbs;
}

/* True when @path takes the pattern; @params are the raw values. */
static bool fits(const char *pattern, const char *path, struct http_match *params)
{
        size_t count = 0;
        for (pattern += 4; *pattern == '/' && *path == '/';) {
                size_t size = strcspn(++path, "/"), expected = strcspn(++pattern, "/");
                bool named = *pattern == '{', rest = named && memchr(pattern, '.', expected);
                if (named) {
                        params->params[count].start = path;
                        params->params[count++].size = rest ? strlen(path) : size;
                }
                if (rest)
                        return true;
                char *decoded = decode_naively(path, size, false);
                bool same = named ? size > 0 : strlen(decoded) == expected && !memcmp(decoded, pattern, expected);
                free(decoded);
                if (!same)
                        return false;
                path += size;
                pattern += expected;
        }
        if (!strncmp(pattern, "/{", 2) && strchr(pattern, '.') && !*path) { /* the rest may be nothing at all */
                params->params[count].start = path;
                params->params[count].size = 0;
                return true;
        }
        return !*pattern && !*path;
}

/* ------------------------------------------------------------------ the check */

static void check_decoding(const char *text, size_t size, bool plus)
{
        char *out = malloc(size + 1), *expected = decode_naively(text, size, plus);
        HOLDS(out != NULL);
        size_t length = aeon__url_decode(out, text, size, plus);
        HOLDS(length <= size && strlen(out) == length && !strcmp(out, expected));
        free(out);
        free(expected);
}

/* More specific: a literal before a name before the rest, at the first segment where they differ. */
static bool is_better(const char *a, const char *b)
{
        for (a += 4, b += 4; *a == '/' && *b == '/'; a += strcspn(a, "/"), b += strcspn(b, "/")) {
                a++;
                b++;
                int kind_a = *a != '{' ? 0 : memchr(a, '.', strcspn(a, "/")) ? 2 : 1;
                int kind_b = *b != '{' ? 0 : memchr(b, '.', strcspn(b, "/")) ? 2 : 1;
                if (kind_a != kind_b)
                        return kind_a < kind_b;
        }
        return !*a && *b; /* what ends here needs no rest */
}

static void check_route(const struct http_router *router, const char *path)
{
        struct http_match match, expected = { 0 };
        const char *best = NULL;
        int r = aeon__router_match(router, "GET", path, &match);
        HOLDS(r == (climbs_naively(path) ? -EINVAL : 0));
        for (size_t i = 0; r == 0 && i < PATTERNS; i++) {
                struct http_match found = { 0 };
                if (fits(patterns[i], path, &found) && (!best || is_better(patterns[i], best))) {
                        best = patterns[i];
                        expected = found;
                }
        }
        HOLDS((best != NULL) == (match.route != NULL));
        if (!best)
                return;
        HOLDS(!strcmp(match.route->pattern, best));
        for (size_t i = 0; i < match.route->param_count; i++) {
                HOLDS(match.params[i].start == expected.params[i].start && match.params[i].size == expected.params[i].size);
                check_decoding(match.params[i].start, match.params[i].size, false);
        }
}

/* The value of the first pair that is called "q", found by cutting the query into pairs. */
static void check_query(aeon_request *req, const char *query)
{
        char *value = NULL;
        const char *found = aeon_request_query(req, "q");
        for (const char *pair = query; pair && !value; pair = strchr(pair, '&'), pair = pair ? pair + 1 : NULL) {
                size_t size = strcspn(pair, "&"), name_size = strcspn(pair, "=&");
                char *name = decode_naively(pair, name_size, true);
                check_decoding(pair, size, true);
                if (!strcmp(name, "q"))
                        value = name_size == size ? strdup("") : decode_naively(pair + name_size + 1, size - name_size - 1, true);
                free(name);
        }
        HOLDS((value != NULL) == (found != NULL) && (!value || !strcmp(value, found)));
        free(value);
}

/* The request of @bytes as a handler sees it. */
static void check_request(const struct http_router *router, const char *bytes, size_t size)
{
        aeon_request req = { 0 };
        aeon__http_head_init(&req.head);
        int r = aeon__http_head_parse(&req.head, bytes, size);
        HOLDS(r == 1 || (r == -EBADMSG && (req.head.status == 400 || req.head.status == 414)));
        if (r < 0)
                return;
        HOLDS(aeon__http_buffer_add(&req.bytes, bytes, req.head.size) == 0);
        aeon__request_begin(&req);
        HOLDS(!strcmp(req.method, "GET") && *req.path == '/' && !strpbrk(req.path, "? \r\n"));
        check_route(router, req.path);
        if (req.query)
                check_query(&req, req.query);
        aeon__request_done(&req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
        static struct http_router router; /* made once; it cannot change */
        static const char before[] = "GET ", behind[] = " HTTP/1.1\r\nHost: x\r\n\r\n";
        for (size_t i = 0; i < PATTERNS && !(router.root && i == 0); i++)
                HOLDS(aeon__router_add(&router, patterns[i], no_handler, NULL) == 0);
        if (memchr(bytes, '\n', size) || memchr(bytes, ' ', size) || size > HTTP_REQUEST_LINE_LIMIT)
                return 0;
        size_t whole = size + sizeof before + sizeof behind - 2;
        char *request = malloc(whole);
        HOLDS(request != NULL);
        memcpy(request, before, sizeof before - 1);
        memcpy(request + sizeof before - 1, bytes, size);
        memcpy(request + sizeof before - 1 + size, behind, sizeof behind - 1);
        check_request(&router, request, whole);
        free(request);
        return 0;
}
