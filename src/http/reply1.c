/* HTTP/1.1 replies on the wire.
 *
 * DESIGN
 *   A kept reply is one write: head and body. The head of a streamed one waits in the connection's `out` and leaves with the first
 *   piece, in one write too. How the client knows the end:
 *
 *       length told      Content-Length
 *       HTTP/1.1         chunks, one for each write of the handler (of at most HTTP_LARGEST_CHUNK bytes)
 *       HTTP/1.0         by the connection's end; so one that is cut off ends in a reset, else a fragment would look whole
 */
#include "http/connection.h"

#include "loop/sink.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>

/* Make the head in c->out; @framing and @fate say how the body ends and what becomes of the connection. */
static int make_head(struct http_connection *c, const char *framing, const char *fate)
{
        const aeon_request *req = &c->request;
        struct http_buffer *out = &c->out;
        char text[320];
        int used = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s", req->status,
                            aeon__http_status_name(req->status), aeon__http_server_date(c->link->server), framing, fate);
        aeon__http_buffer_clear(out);
        int r = aeon__http_buffer_add(out, text, (size_t)used);
        if (r == 0 && req->content_type && req->status != 204 && req->status != 304) {
                r = aeon__http_buffer_add_text(out, "Content-Type: ");
                r = r < 0 ? r : aeon__http_buffer_add_text(out, req->content_type);
                r = r < 0 ? r : aeon__http_buffer_add_text(out, "\r\n");
        }
        if (r == 0)
                r = aeon__http_buffer_add(out, buffer_bytes(&req->headers), buffer_size(&req->headers));
        return r < 0 ? r : aeon__http_buffer_add_text(out, "\r\n");
}

/* What the head says of the connection. */
static const char *fate_of(const struct http_connection *c)
{
        return c->close ? "Connection: close\r\n" : c->request.head.minor == 0 ? "Connection: keep-alive\r\n" : "";
}

int aeon__connection_send(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        char length[48] = "";
        if (req->status != 204 && req->status != 304)
                snprintf(length, sizeof length, "Content-Length: %zu\r\n", buffer_size(&req->reply));
        int r = make_head(c, length, fate_of(c));
        aeon_bytes pieces[2] = {
                { buffer_bytes(&c->out), buffer_size(&c->out) },
                { buffer_bytes(&req->reply), buffer_size(&req->reply) },
        };
        if (r == 0)
                r = aeon__connection_write(c, pieces, aeon__reply_is_bare(req) || !pieces[1].size ? 1 : 2);
        c->close |= r < 0;
        return r;
}

/* ------------------------------------------------------------------ streamed */

int aeon__connection_begin_reply(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        bool may_have_body = req->status != 204 && req->status != 304;
        char length[48] = "";
        c->reply_chunked = may_have_body && !req->reply_has_length && req->head.minor > 0;
        c->close |= c->link->server->closing || (may_have_body && !req->reply_has_length && req->head.minor == 0);
        if (may_have_body && req->reply_has_length)
                snprintf(length, sizeof length, "Content-Length: %llu\r\n", (unsigned long long)req->reply_length);
        return make_head(c, c->reply_chunked ? "Transfer-Encoding: chunked\r\n" : length, fate_of(c));
}

static int write_piece(struct http_connection *c, const void *data, size_t size)
{
        char frame[24];
        int frame_size = snprintf(frame, sizeof frame, "%zx\r\n", size);
        aeon_bytes pieces[4] = { { buffer_bytes(&c->out), buffer_size(&c->out) } };
        size_t count = 1;
        if (size && c->reply_chunked)
                pieces[count++] = (aeon_bytes){ frame, (size_t)frame_size };
        if (size)
                pieces[count++] = (aeon_bytes){ data, size };
        if (size && c->reply_chunked)
                pieces[count++] = (aeon_bytes){ "\r\n", 2 };
        int r = aeon__connection_write(c, pieces, count);
        aeon__http_buffer_clear(&c->out);
        return r;
}

int aeon__connection_write_reply(aeon_request *req, const void *data, size_t size)
{
        struct http_connection *c = connection_of(req);
        int r = 0;
        if (!size)
                return buffer_size(&c->out) ? write_piece(c, NULL, 0) : 0;
        for (size_t at = 0; at < size && r >= 0; at += HTTP_LARGEST_CHUNK)
                r = write_piece(c, (const char *)data + at, size - at < HTTP_LARGEST_CHUNK ? size - at : HTTP_LARGEST_CHUNK);
        return r;
}

int aeon__connection_end_reply(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        int r = c->reply_chunked && !aeon__reply_is_bare(req) ? aeon__http_buffer_add_text(&c->out, "0\r\n\r\n") : 0;
        return r < 0 ? r : aeon__connection_write_reply(req, NULL, 0);
}

void aeon__connection_cut_reply(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        c->close = c->cut = true;
        if (!c->reply_chunked && !req->reply_has_length)
                aeon__stream_reset(c->link->stream);
}

/* ------------------------------------------------------------------ none: the stream is given away */

int aeon__connection_upgrade(aeon_request *req, const char *protocol, aeon_stream **ret_stream, aeon_bytes *ret_received)
{
        struct http_connection *c = connection_of(req);
        char upgrade[64];
        if (req->head.minor == 0)
                return aeon_fail(-ENOTSUP, "HTTP/1.0 knows no upgrade");
        c->upgraded = c->close = true;
        aeon_scope_cancel(&c->waiting, "the stream is taken over");
        int r = 0;
        while (c->watching && r == 0) /* until the connection task has let go of the stream: one turn */
                r = aeon_sleep(0);
        if (r < 0)
                return r;
        req->status = 101;
        snprintf(upgrade, sizeof upgrade, "Upgrade: %.50s\r\n", protocol);
        r = make_head(c, "Connection: Upgrade\r\n", upgrade);
        if (r == 0)
                r = aeon__connection_write(c, &(aeon_bytes){ buffer_bytes(&c->out), buffer_size(&c->out) }, 1);
        if (r < 0)
                return r;
        *ret_stream = c->link->stream;
        *ret_received = (aeon_bytes){ buffer_bytes(&c->in), buffer_size(&c->in) };
        return 0;
}
