/* Who a request is: its id, and the trace that it belongs to. */
#include "base/random.h"
#include "http/meter.h"
#include "http/middleware.h"
#include "http/server.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <string.h>

enum { ID_LIMIT = 64 };

/* ------------------------------------------------------------------ id */

/* What may stand in a log line and in a header as it is. */
static bool is_sane_id(const char *id)
{
        static const char marks[] = "-_.:+/=@";
        size_t size = 0;
        for (; id[size]; size++) {
                char c = id[size];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (size == ID_LIMIT || (!letter && !strchr(marks, c)))
                        return false;
        }
        return size > 0;
}

/* Sixteen digits of chance: to tell requests apart, not to be unguessable. */
static const char *new_id(aeon_request *req)
{
        static __thread uint64_t state;
        char *id = req->own_id;
        if (!state && getrandom(&state, sizeof state, GRND_NONBLOCK) != sizeof state)
                state = (uint64_t)aeon_now() ^ (uintptr_t)&state;
        uint64_t number = random_next(aeon__random_state ? aeon__random_state : &state);
        for (int i = 0; i < 16; i++)
                id[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
        id[16] = '\0';
        return id;
}

const char *aeon_request_id(const aeon_request *req)
{
        return req->id;
}

/* ------------------------------------------------------------------ trace */

static bool is_hex(const char *text, size_t size)
{
        size_t zeros = 0;
        for (size_t i = 0; i < size; i++) {
                if (!strchr("0123456789abcdef", text[i]) || !text[i])
                        return false;
                zeros += text[i] == '0';
        }
        return size == 2 || zeros < size; /* version and flags may be 0, ids not */
}

/* version-trace-parent-flags. A version that is not known yet may say more behind these.
 * Source: W3C Trace Context, 3.2. */
static bool is_traceparent(const char *text)
{
        size_t size = strlen(text);
        bool known = !strncmp(text, "00", 2);
        return size >= TRACEPARENT && (size == TRACEPARENT || (!known && text[TRACEPARENT] == '-')) && is_hex(text, 2) &&
               strncmp(text, "ff", 2) != 0 && text[2] == '-' && is_hex(text + 3, 32) && text[35] == '-' && is_hex(text + 36, 16) &&
               text[52] == '-' && is_hex(text + 53, 2);
}

/* The one field of this name; NULL when there is none, or several. */
static const char *only_header(const aeon_request *req, const char *name)
{
        size_t count = 0, cursor = 0;
        const char *only = NULL, *value;
        for (; (value = aeon_request_header_next(req, name, &cursor)); count++)
                only = value;
        return count == 1 ? only : NULL;
}

const char *aeon_request_traceparent(const aeon_request *req)
{
        return req->traceparent;
}

void aeon__request_trace_begin(aeon_request *req)
{
        const char *text = only_header(req, "traceparent");
        if (text && is_traceparent(text))
                req->traceparent = text;
        if (!req->server->measured)
                return; /* probes are nobody's work */
        req->span = aeon__span_take_up(SPAN_SERVER, aeon__http_method_label(req->method), req->traceparent,
                                       req->traceparent ? aeon_request_header(req, "tracestate") : NULL);
        if (aeon__trace_now())
                aeon__trace_name_lines();
}

void aeon__request_trace_end(aeon_request *req, int status, const char *failure)
{
        enum { SERVER_ERROR = 500 };
        aeon_span *span = req->span;
        if (!span)
                return;
        req->span = NULL;
        if (req->route) {
                char name[SPAN_NAME];
                const char *path = req->route->pattern + req->route->method_size + 1;
                snprintf(name, sizeof name, "%s %s", req->method, path);
                aeon__span_rename(span, name);
                aeon_span_set(span, "http.route", path);
        }
        aeon_span_set(span, "http.request.method", req->method);
        aeon_span_set(span, "url.path", req->path);
        aeon_span_set_number(span, "http.response.status_code", status);
        if (status >= SERVER_ERROR)
                aeon_span_fail(span, failure);
        aeon_span_end(span);
}

/* ------------------------------------------------------------------ both */

void aeon__request_identify(aeon_request *req)
{
        const char *given = only_header(req, "X-Request-Id");
        req->id = given && is_sane_id(given) ? given : new_id(req);
        if (aeon__log_with("request_id", req->id) < 0 || aeon_reply_header(req, "X-Request-Id", req->id) < 0)
                aeon_log_debug("request %s: %s", req->id, aeon_error_text()); /* it is served without */
        if (req->server->limits.access_log)
                aeon_request_peer(req); /* once it has gone it cannot be asked for */
        aeon__request_trace_begin(req);
}
