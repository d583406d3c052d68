/* examples/http/copy.c - a download and an upload that are too long to keep: one is read, the other written, in pieces. */
#include <aeon.h>
#include <stdio.h>

enum { LINES = 200000 };

static int report(aeon_request *req) /* some 3 MB */
{
        int r = aeon_reply_begin(req, 200, "text/csv");
        for (int i = 0; r >= 0 && i < LINES; i++) {
                char line[32];
                r = aeon_reply_write(req, line, (size_t)snprintf(line, sizeof line, "%d,%d\n", i, i * 2));
        }
        return r < 0 ? r : aeon_reply_end(req);
}

static int archive(aeon_request *req)
{
        char piece[4096], text[64];
        ssize_t n;
        size_t size = 0;
        while ((n = aeon_request_read(req, piece, sizeof piece)) > 0)
                size += (size_t)n;
        if (n < 0)
                return (int)n;
        snprintf(text, sizeof text, "%zu bytes archived", size);
        return aeon_reply_text(req, 200, text);
}

/* ------------------------------------------------------------------ the client */

static ssize_t next_piece(void *arg, void *buffer, size_t size)
{
        return aeon_http_response_read(arg, buffer, size);
}

/* What the one server sends goes on to the other; nowhere are more than some 100 KiB of it. */
static int copy(const char *from, const char *to)
{
        aeon_http_response *source, *answer;
        int r = aeon_http_open_response(NULL, &(aeon_http_call){ .url = from }, &source);
        if (r < 0)
                return r;
        r = aeon_http_response_check(source);
        if (r >= 0)
                r = aeon_http_send(NULL, &(aeon_http_call){ .url = to, .body_fn = next_piece, .body_arg = source }, &answer);
        aeon_http_response_free(source);
        if (r < 0)
                return r;
        printf("%s\n", aeon_http_response_text(answer));
        aeon_http_response_free(answer);
        return 0;
}

static int ask(aeon_app *app)
{
        char from[80], to[80];
        snprintf(from, sizeof from, "http://%s/report", aeon_http_address(app, 0));
        snprintf(to, sizeof to, "http://%s/archive", aeon_http_address(app, 0));
        int r = copy(from, to);
        return r < 0 ? r : aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0" });
        aeon_route(app, "GET /report", report, NULL);
        aeon_route(app, "POST /archive", archive, NULL);
        aeon_on_ready(app, ask);
}
AEON_MAIN(app);
