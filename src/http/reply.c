/* Replies as handlers say them: kept while the handler runs, or streamed.
 *
 * DESIGN
 *   Here a reply is checked and counted; the connection's ops bring it to the client, see exchange.h. A streamed one is in one of the
 *   states of enum reply_state, and is cut off by whoever ends the request when it did not come to its end.
 */
#include "http/exchange.h"
#include "http/server.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
        int status;
        const char *name;
} names[] = {
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 418, "I'm a teapot" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
};

const char *aeon__http_status_name(int status)
{
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (names[i].status == status)
                        return names[i].name;
        return "Unknown"; /* RFC 9112, 4: nobody may rely on the words */
}

bool aeon__reply_is_bare(const aeon_request *req)
{
        return req->status == 204 || req->status == 304 || (req->method && !strcmp(req->method, "HEAD"));
}

/* ------------------------------------------------------------------ kept */

/* A reply with @status may be given now. */
static int check(const aeon_request *req, int status)
{
        if (req->reply_state != REPLY_KEPT)
                return aeon_fail(-EALREADY, "a reply to %s %s has begun", req->method, req->path);
        return status >= 200 && status <= 599 ? 0 : aeon_fail(-EINVAL, "reply status %d is not in 200..599", status);
}

int aeon__reply_keep(aeon_request *req, int status, const char *content_type, const void *data, size_t size)
{
        int r = check(req, status);
        if (r < 0)
                return r;
        req->status = 0;
        aeon__http_buffer_clear(&req->reply);
        r = aeon__http_buffer_add(&req->reply, data, size);
        if (r < 0)
                return aeon_fail(r, "reply of %zu bytes", size);
        req->status = (uint16_t)status;
        req->content_type = content_type;
        return 0;
}

int aeon_reply_status(aeon_request *req, int status)
{
        return aeon__reply_keep(req, status, NULL, NULL, 0);
}

int aeon_reply_text(aeon_request *req, int status, const char *text)
{
        return aeon__reply_keep(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

int aeon_reply_json(aeon_request *req, int status, const char *json)
{
        return aeon__reply_keep(req, status, "application/json", json, strlen(json));
}

/* A copy that ends with the request. */
static int copy_type(aeon_request *req, const char *content_type, const char **ret_copy)
{
        if (!aeon__http_is_field_value(content_type, strlen(content_type)))
                return aeon_fail(-EINVAL, "a content type cannot have control characters");
        char *copy = aeon__request_alloc(req, strlen(content_type) + 1);
        if (!copy)
                return aeon_fail(-ENOMEM, "content type");
        *ret_copy = strcpy(copy, content_type);
        return 0;
}

int aeon_reply_bytes(aeon_request *req, int status, const char *content_type, const void *data, size_t size)
{
        const char *copy;
        int r = copy_type(req, content_type, &copy);
        return r < 0 ? r : aeon__reply_keep(req, status, copy, data, size);
}

static bool is_servers_own(const char *name, size_t size)
{
        static const struct {
                const char *name;
                size_t size;
        } own[] = { { "content-length", 14 }, { "transfer-encoding", 17 },
                    { "connection", 10 },     { "date", 4 },
                    { "keep-alive", 10 },     { "upgrade", 7 } };
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
                if (size == own[i].size && !strncasecmp(name, own[i].name, size))
                        return true;
        return false;
}

int aeon_reply_header(aeon_request *req, const char *name, const char *value)
{
        size_t name_size = strlen(name), value_size = strlen(value);
        if (req->reply_state != REPLY_KEPT)
                return aeon_fail(-EALREADY, "header %s: the reply to %s %s has begun", name, req->method, req->path);
        if (!aeon__http_is_token(name, name_size) || !aeon__http_is_field_value(value, value_size))
                return aeon_fail(-EINVAL, "a header's name or value has a character that may not stand there");
        if (is_servers_own(name, name_size))
                return aeon_fail(-EINVAL, "header %s is the server's own", name);
        struct http_buffer *headers = &req->headers;
        int r = aeon__http_buffer_reserve(headers, name_size + value_size + 5);
        if (r < 0)
                return aeon_fail(r, "header %s", name);
        char *end = stpcpy(stpcpy(stpcpy(stpcpy(headers->data + headers->end, name), ": "), value), "\r\n");
        headers->end = (size_t)(end - headers->data);
        return 0;
}

/* ------------------------------------------------------------------ streamed */

int aeon_reply_length(aeon_request *req, uint64_t size)
{
        if (req->reply_state != REPLY_KEPT)
                return aeon_fail(-EALREADY, "a reply to %s %s has begun", req->method, req->path);
        req->reply_length = size;
        req->reply_has_length = true;
        return 0;
}

int aeon_reply_begin(aeon_request *req, int status, const char *content_type)
{
        const char *copy = NULL;
        int r = check(req, status);
        if (r == 0 && content_type)
                r = copy_type(req, content_type, &copy);
        if (r < 0)
                return r;
        aeon__http_buffer_clear(&req->reply);
        req->status = (uint16_t)status;
        req->content_type = copy;
        r = req->ops->begin(req);
        if (r < 0) {
                req->status = 0;
                return aeon_fail(r, "the reply's head");
        }
        req->reply_state = REPLY_BEGUN;
        return 0;
}

/* A reply that has begun and may go on. */
static int check_begun(const aeon_request *req)
{
        if (req->reply_state != REPLY_BEGUN)
                return aeon_fail(-EBADF, "the reply to %s %s has %s", req->method, req->path,
                                 req->reply_state == REPLY_ENDED ? "ended" : "not begun");
        return req->reply_failed ? aeon_fail(-EPIPE, "the reply to %s %s was cut off", req->method, req->path) : 0;
}

/* @r is what sending came to. */
static int note_sent(aeon_request *req, int r)
{
        if (r >= 0)
                return 0;
        req->reply_failed = true;
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        req->client_gone = true;
        if (r == -ETIMEDOUT)
                return aeon_fail(r, "%s %s: the client takes the reply too slowly", req->method, req->path);
        return aeon_fail(-ECONNRESET, "%s %s: the client has gone", req->method, req->path);
}

int aeon_reply_write(aeon_request *req, const void *data, size_t size)
{
        int r = check_begun(req);
        if (r == 0 && req->reply_has_length && size > req->reply_length - req->reply_written)
                r = aeon_fail(-EMSGSIZE, "the reply to %s %s was to have %llu bytes", req->method, req->path,
                              (unsigned long long)req->reply_length);
        if (r == 0 && aeon_cancelled())
                r = aeon_fail(-ECANCELED, "%s", aeon_cancel_reason()); /* before a byte of it has left */
        if (r < 0)
                return r;
        r = note_sent(req, req->ops->write(req, data, aeon__reply_is_bare(req) ? 0 : size));
        if (r == 0)
                req->reply_written += size;
        return r;
}

int aeon_reply_end(aeon_request *req)
{
        int r = check_begun(req);
        if (r < 0)
                return r;
        if (req->reply_has_length && req->reply_written < req->reply_length && !aeon__reply_is_bare(req))
                return aeon_fail(-EBADMSG, "the reply to %s %s has %llu bytes of %llu", req->method, req->path,
                                 (unsigned long long)req->reply_written, (unsigned long long)req->reply_length);
        req->ops->leave_body(req);
        r = note_sent(req, req->ops->end(req));
        if (r == 0)
                req->reply_state = REPLY_ENDED;
        return r;
}
