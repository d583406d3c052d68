/* Request bodies, received when the handler asks and not before.
 *
 * DESIGN
 *   aeon_request_read() is the one way in: from what the connection has received already, else from the stream. A body with a
 * length is read straight into the caller's buffer and never past its end; a chunked one goes through the connection's buffer.
 *
 *   The deadline moves with what has come: a body that keeps up 1 KiB a second is never too slow, one that trickles is.
 */
#include "http/connection.h"

#include <aeon/error.h>
#include <string.h>

enum { SLOWEST = 1024 /* bytes a second */, SKIPPED_LIMIT = 65536, FIRST_PIECE = 16384 };

/* Keep why the body cannot be received: every later call gives the same. */
static int broken(aeon_request *req, int code, int status, const char *reason)
{
        req->body_state = BODY_BROKEN;
        req->body_error = code;
        req->body_status = (uint16_t)status;
        req->connection->client_gone |= code == -ECONNRESET;
        return aeon_fail(code, "%s %s: body: %s", req->method, req->path, reason);
}

static int send_continue(aeon_request *req)
{
        static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
        req->continue_wanted = false;
        return aeon__connection_write(req->connection, &(aeon_bytes){ line, sizeof line - 1 }, 1);
}

/* Wait for bytes: into @buffer, or into the connection's buffer when that is NULL. */
static ssize_t await_bytes(aeon_request *req, void *buffer, size_t size)
{
        struct http_connection *c = req->connection;
        if (req->continue_wanted) {
                int r = send_continue(req);
                if (r < 0)
                        return r == -ECANCELED ? r : broken(req, -ECONNRESET, 0, "the client has gone");
        }
        aeon_duration earned = AEON_SECONDS((aeon_duration)(req->body_received / SLOWEST));
        aeon_scope s;
        aeon_scope_open(
                &s, &(aeon_scope_opts){ .deadline = req->body_begun + c->server->limits.body_timeout + earned, .name = "body" });
        ssize_t n = buffer ? aeon_stream_read(c->stream, buffer, size) : aeon__connection_read(c);
        int r = aeon_scope_close(&s, n < 0 ? (int)n : 0);
        if (r == -ETIMEDOUT)
                return broken(req, -ETIMEDOUT, 408, "it comes too slowly");
        if (r < 0 && r != -ECANCELED && r != -ENOMEM)
                return broken(req, -ECONNRESET, 0, "the client has gone");
        if (r < 0)
                return r;
        return n ? n : broken(req, -ECONNRESET, 0, "the client has gone");
}

static ssize_t read_length(aeon_request *req, void *buffer, size_t size)
{
        struct http_buffer *in = &req->connection->in;
        if (size > req->body_left)
                size = (size_t)req->body_left;
        ssize_t n = (ssize_t)(size < buffer_size(in) ? size : buffer_size(in));
        if (n) {
                memcpy(buffer, buffer_bytes(in), (size_t)n);
                aeon__http_buffer_take(in, (size_t)n);
        } else {
                n = await_bytes(req, buffer, size);
                if (n < 0)
                        return n;
        }
        req->body_left -= (uint64_t)n;
        if (!req->body_left)
                req->body_state = BODY_NONE;
        return n;
}

static ssize_t read_chunked(aeon_request *req, void *buffer, size_t size)
{
        struct http_buffer *in = &req->connection->in;
        for (;;) {
                size_t taken = 0;
                const char *bytes = buffer_bytes(in);
                ssize_t n = buffer_size(in) ? aeon__http_chunked_next(&req->chunked, bytes, buffer_size(in), size, &taken) : 0;
                if (n < 0)
                        return broken(req, -EBADMSG, 400, "its chunks cannot be read");
                if (n)
                        memcpy(buffer, bytes + taken - n, (size_t)n);
                aeon__http_buffer_take(in, taken);
                if (aeon__http_chunked_done(&req->chunked))
                        req->body_state = BODY_NONE;
                if (n || req->body_state == BODY_NONE)
                        return n;
                n = await_bytes(req, NULL, 0);
                if (n < 0)
                        return n;
        }
}

/* The connection task may watch for the client's end from now on. */
static void tell_connection(aeon_request *req)
{
        if (req->body_state == BODY_NONE)
                aeon_scope_cancel(&req->connection->waiting, "the body is in");
}

ssize_t aeon_request_read(aeon_request *req, void *buffer, size_t size)
{
        if (req->body_state == BODY_BROKEN)
                return aeon_fail_os(req->body_error, "%s %s: body", req->method, req->path);
        if (req->body_state == BODY_NONE || !size)
                return 0;
        ssize_t n = req->body_state == BODY_LENGTH ? read_length(req, buffer, size) : read_chunked(req, buffer, size);
        if (n > 0)
                req->body_received += (uint64_t)n;
        if (n >= 0)
                tell_connection(req);
        return n;
}

/* ------------------------------------------------------------------ whole */

size_t aeon__request_body_limit(const aeon_request *req)
{
        size_t own = req->route ? req->route->opts.max_body : 0;
        return own ? own : req->connection->server->limits.max_body;
}

static int too_long(aeon_request *req, size_t limit)
{
        req->body_error = -EMSGSIZE;
        req->body_status = 413;
        return aeon_fail(-EMSGSIZE, "%s %s: body: longer than %zu bytes", req->method, req->path, limit);
}

/* Collect all that is left, and one byte of room for the NUL. */
static int collect(aeon_request *req)
{
        size_t limit = aeon__request_body_limit(req);
        if (req->body_state == BODY_LENGTH && req->body_left > limit)
                return too_long(req, limit);
        while (req->body_state != BODY_NONE) {
                size_t size = buffer_size(&req->body);
                size_t wanted = size < FIRST_PIECE ? FIRST_PIECE : size; /* not all at once: a promise of bytes is no bytes */
                if (req->body_state == BODY_LENGTH && wanted > req->body_left)
                        wanted = (size_t)req->body_left;
                if (wanted > limit - size)
                        wanted = limit - size + 1; /* one more tells that it is too long */
                int r = aeon__http_buffer_reserve(&req->body, wanted + 1);
                if (r < 0)
                        return aeon_fail(r, "%s %s: body", req->method, req->path);
                ssize_t n = aeon_request_read(req, req->body.data + req->body.end, wanted);
                if (n < 0)
                        return (int)n;
                req->body.end += (size_t)n;
                if (buffer_size(&req->body) > limit)
                        return too_long(req, limit);
        }
        return aeon__http_buffer_reserve(&req->body, 1);
}

int aeon_request_body(aeon_request *req, aeon_bytes *ret_body)
{
        if (!req->body_whole) {
                if (req->body_received > buffer_size(&req->body))
                        return aeon_fail(-EBADMSG, "%s %s: body: a part of it was read before", req->method, req->path);
                int r = collect(req);
                if (r < 0)
                        return r;
                req->body_whole = true;
                req->body.data[req->body.end] = '\0';
        }
        *ret_body = (aeon_bytes){ buffer_bytes(&req->body), buffer_size(&req->body) };
        return 0;
}

bool aeon__request_skip_body(aeon_request *req)
{
        char dropped[4096];
        size_t count = 0;
        if (req->body_state == BODY_NONE)
                return true;
        if (req->body_status || req->continue_wanted || (req->body_state == BODY_LENGTH && req->body_left > SKIPPED_LIMIT))
                return false;
        while (req->body_state != BODY_NONE && count < SKIPPED_LIMIT) {
                ssize_t n = aeon_request_read(req, dropped, sizeof dropped);
                if (n < 0)
                        return false;
                count += (size_t)n;
        }
        return req->body_state == BODY_NONE;
}
