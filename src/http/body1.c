/* Bodies of HTTP/1.1 requests: from what the connection has received already, else from its stream.
 *
 * DESIGN
 *   A body with a length is read straight into the caller's buffer and never past its end; a chunked one goes through the
 *   connection's buffer.
 */
#include "http/connection.h"

#include <aeon/error.h>
#include <string.h>

static int client_is_gone(aeon_request *req)
{
        return aeon__request_body_broken(req, -ECONNRESET, 0, "the client has gone");
}

static int send_continue(struct http_connection *c)
{
        static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
        c->request.continue_wanted = false;
        return aeon__connection_write(c, &(aeon_bytes){ line, sizeof line - 1 }, 1);
}

/* Wait for bytes: into @buffer, or into the connection's buffer when that is NULL. */
static ssize_t await_bytes(struct http_connection *c, void *buffer, size_t size)
{
        aeon_request *req = &c->request;
        if (req->continue_wanted) {
                int r = send_continue(c);
                if (r < 0)
                        return r == -ECANCELED ? r : client_is_gone(req);
        }
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .deadline = aeon__request_body_deadline(req), .name = "body" });
        ssize_t n = buffer ? aeon_stream_read(c->link->stream, buffer, size) : aeon__connection_read(c);
        int r = aeon_scope_close(&s, n < 0 ? (int)n : 0);
        if (r == -ETIMEDOUT)
                return aeon__request_body_broken(req, -ETIMEDOUT, 408, "it comes too slowly");
        if (r < 0 && r != -ECANCELED && r != -ENOMEM)
                return client_is_gone(req);
        if (r < 0)
                return r;
        return n ? n : client_is_gone(req);
}

static ssize_t read_length(struct http_connection *c, void *buffer, size_t size)
{
        aeon_request *req = &c->request;
        struct http_buffer *in = &c->in;
        if (size > req->body_left)
                size = (size_t)req->body_left;
        ssize_t n = (ssize_t)(size < buffer_size(in) ? size : buffer_size(in));
        if (n) {
                memcpy(buffer, buffer_bytes(in), (size_t)n);
                aeon__http_buffer_take(in, (size_t)n);
        } else {
                n = await_bytes(c, buffer, size);
                if (n < 0)
                        return n;
        }
        req->body_left -= (uint64_t)n;
        if (!req->body_left)
                req->body_state = BODY_NONE;
        return n;
}

static ssize_t read_chunked(struct http_connection *c, void *buffer, size_t size)
{
        aeon_request *req = &c->request;
        struct http_buffer *in = &c->in;
        for (;;) {
                size_t taken = 0;
                const char *bytes = buffer_bytes(in);
                ssize_t n = buffer_size(in) ? aeon__http_chunked_next(&c->chunked, bytes, buffer_size(in), size, &taken) : 0;
                if (n < 0)
                        return aeon__request_body_broken(req, -EBADMSG, 400, "its chunks cannot be read");
                if (n)
                        memcpy(buffer, bytes + taken - n, (size_t)n);
                aeon__http_buffer_take(in, taken);
                if (aeon__http_chunked_done(&c->chunked))
                        req->body_state = BODY_NONE;
                if (n || req->body_state == BODY_NONE)
                        return n;
                n = await_bytes(c, NULL, 0);
                if (n < 0)
                        return n;
        }
}

void aeon__connection_begin_body(struct http_connection *c)
{
        aeon_request *req = &c->request;
        const struct http_head *head = &req->head;
        bool any = head->chunked || head->content_length;
        c->chunked = (struct http_chunked){ 0 };
        req->body_state = any ? BODY_COMING : BODY_NONE;
        req->body_left = head->chunked ? BODY_UNKNOWN : head->content_length;
        req->body_begun = any ? aeon_now() : 0;
        req->continue_wanted = head->expect_continue;
}

ssize_t aeon__connection_read_body(aeon_request *req, void *buffer, size_t size)
{
        struct http_connection *c = connection_of(req);
        ssize_t n = req->head.chunked ? read_chunked(c, buffer, size) : read_length(c, buffer, size);
        if (n >= 0 && req->body_state == BODY_NONE) /* the connection task may watch for the client's end from now on */
                aeon_scope_cancel(&c->waiting, "the body is in");
        return n;
}

/* What is left stands in the way of the next request. */
void aeon__connection_leave_body(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        if (!aeon__request_skip_body(req) || c->link->server->closing || req->client_gone || aeon_cancelled())
                c->close = true;
}
