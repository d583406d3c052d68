/* Replies: kept while the handler runs, then sent in one write. */
#include "http/connection.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
        int status;
        const char *name;
} names[] = {
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

/* ------------------------------------------------------------------ what handlers say */

int aeon__reply_keep(aeon_request *req, int status, const char *content_type, const void *data, size_t size)
{
        if (status < 200 || status > 599)
                return aeon_fail(-EINVAL, "reply status %d is not in 200..599", status);
        req->status = 0;
        aeon__http_buffer_clear(&req->reply);
        int r = aeon__http_buffer_add(&req->reply, data, size);
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

int aeon_reply_bytes(aeon_request *req, int status, const char *content_type, const void *data, size_t size)
{
        if (!aeon__http_is_field_value(content_type, strlen(content_type)))
                return aeon_fail(-EINVAL, "a content type cannot have control characters");
        char *copy = aeon__request_alloc(req, strlen(content_type) + 1);
        if (!copy)
                return aeon_fail(-ENOMEM, "content type");
        return aeon__reply_keep(req, status, strcpy(copy, content_type), data, size);
}

static bool is_servers_own(const char *name)
{
        static const char *const own[] = { "content-length", "transfer-encoding", "connection", "date", "keep-alive", "upgrade" };
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
                if (!strcasecmp(name, own[i]))
                        return true;
        return false;
}

int aeon_reply_header(aeon_request *req, const char *name, const char *value)
{
        size_t name_size = strlen(name), value_size = strlen(value);
        if (!aeon__http_is_token(name, name_size) || !aeon__http_is_field_value(value, value_size))
                return aeon_fail(-EINVAL, "a header's name or value has a character that may not stand there");
        if (is_servers_own(name))
                return aeon_fail(-EINVAL, "header %s is the server's own", name);
        struct http_buffer *headers = &req->headers;
        int r = aeon__http_buffer_reserve(headers, name_size + value_size + 4);
        if (r < 0)
                return aeon_fail(r, "header %s", name);
        headers->end += (size_t)sprintf(headers->data + headers->end, "%s: ", name);
        memcpy(headers->data + headers->end, value, value_size);
        memcpy(headers->data + headers->end + value_size, "\r\n", 2);
        headers->end += value_size + 2;
        return 0;
}

/* ------------------------------------------------------------------ on the wire */

static const char *date_text(struct http_server *server)
{
        static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        time_t second = time(NULL);
        if (second != server->date_second) {
                struct tm t;
                gmtime_r(&second, &t);
                snprintf(server->date_text, sizeof server->date_text, "%s, %02d %s %d %02d:%02d:%02d GMT", days[t.tm_wday],
                         t.tm_mday % 100, months[t.tm_mon], (t.tm_year + 1900) % 10000, t.tm_hour % 100, t.tm_min % 100,
                         t.tm_sec % 100);
                server->date_second = second;
        }
        return server->date_text;
}

/* Add the status line and the header fields to @out. */
static int add_head(const aeon_request *req, struct http_buffer *out)
{
        struct http_connection *c = req->connection;
        bool bodiless = req->status == 204 || req->status == 304;
        char text[320];
        int used = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nDate: %s\r\n", req->status, aeon__http_status_name(req->status),
                            date_text(c->server));
        if (!bodiless)
                used += snprintf(text + used, sizeof text - (size_t)used, "Content-Length: %zu\r\n", buffer_size(&req->reply));
        if (c->close)
                used += snprintf(text + used, sizeof text - (size_t)used, "Connection: close\r\n");
        else if (req->head.minor == 0)
                used += snprintf(text + used, sizeof text - (size_t)used, "Connection: keep-alive\r\n");
        int r = aeon__http_buffer_add(out, text, (size_t)used);
        if (r == 0 && req->content_type && !bodiless) {
                r = aeon__http_buffer_add_text(out, "Content-Type: ");
                r = r < 0 ? r : aeon__http_buffer_add_text(out, req->content_type);
                r = r < 0 ? r : aeon__http_buffer_add_text(out, "\r\n");
        }
        if (r == 0 && req->id) {
                r = aeon__http_buffer_add_text(out, "X-Request-Id: ");
                r = r < 0 ? r : aeon__http_buffer_add_text(out, req->id);
                r = r < 0 ? r : aeon__http_buffer_add_text(out, "\r\n");
        }
        if (r == 0)
                r = aeon__http_buffer_add(out, buffer_bytes(&req->headers), buffer_size(&req->headers));
        return r < 0 ? r : aeon__http_buffer_add_text(out, "\r\n");
}

int aeon__reply_send(aeon_request *req)
{
        struct http_buffer *out = &req->connection->out;
        bool bodiless = req->status == 204 || req->status == 304 || (req->method && !strcmp(req->method, "HEAD"));
        aeon__http_buffer_clear(out);
        int r = add_head(req, out);
        if (r < 0)
                return aeon_fail(r, "the reply's head");
        aeon_bytes pieces[2] = {
                { buffer_bytes(out), buffer_size(out) },
                { buffer_bytes(&req->reply), buffer_size(&req->reply) },
        };
        return aeon__connection_write(req->connection, pieces, bodiless || !pieces[1].size ? 1 : 2);
}
