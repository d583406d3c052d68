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

#include "base/digits.h"
#include "loop/sink.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>

enum {
        HEAD_ROOM = 256,   /* for all of a head but the content type and the handler's fields */
        SMALL_BODY = 2048, /* sent as a part of the head's piece */
};

/* How a body ends, or that none comes, since the stream changes hands. */
struct framing {
        enum { BY_NOTHING, BY_LENGTH, BY_CHUNKS, BY_UPGRADE } by;
        uint64_t length;
};

/* "Content-Length: 13" and its line end; returns behind it. */
static char *write_framing(char *at, struct framing framing)
{
        if (framing.by == BY_CHUNKS)
                return stpcpy(at, "Transfer-Encoding: chunked\r\n");
        return framing.by == BY_LENGTH ? stpcpy(aeon__digits_write(stpcpy(at, "Content-Length: "), framing.length), "\r\n") : at;
}

/* Make the head in c->out, and have room for @more bytes behind it. */
static int make_head(struct http_connection *c, struct framing framing, size_t more)
{
        const aeon_request *req = &c->request;
        struct http_buffer *out = &c->out;
        const char *type = req->status != 204 && req->status != 304 ? req->content_type : NULL;
        size_t headers = buffer_size(&req->headers);
        aeon__http_buffer_clear(out);
        int r = aeon__http_buffer_reserve(out, HEAD_ROOM + (type ? strlen(type) : 0) + headers + more);
        if (r < 0)
                return r;
        char *at = stpcpy(aeon__digits_write(stpcpy(out->data, "HTTP/1.1 "), req->status), " ");
        at = stpcpy(stpcpy(at, aeon__http_status_name(req->status)), "\r\nDate: ");
        at = write_framing(stpcpy(stpcpy(at, aeon__http_server_date(c->link->server)), "\r\n"), framing);
        if (framing.by == BY_UPGRADE)
                at = stpcpy(at, "Connection: Upgrade\r\n");
        else if (c->close || req->head.minor == 0)
                at = stpcpy(at, c->close ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
        if (type)
                at = stpcpy(stpcpy(stpcpy(at, "Content-Type: "), type), "\r\n");
        if (headers)
                at = mempcpy(at, buffer_bytes(&req->headers), headers);
        out->end = (size_t)(stpcpy(at, "\r\n") - out->data);
        return 0;
}

int aeon__connection_send(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        bool bodiless = req->status == 204 || req->status == 304;
        size_t size = buffer_size(&req->reply), sent = aeon__reply_is_bare(req) ? 0 : size;
        size_t copied = sent <= SMALL_BODY ? sent : 0; /* cheaper than a second piece */
        int r = make_head(c, (struct framing){ bodiless ? BY_NOTHING : BY_LENGTH, size }, copied);
        if (r == 0 && copied)
                r = aeon__http_buffer_add(&c->out, buffer_bytes(&req->reply), copied);
        aeon_bytes pieces[2] = { { buffer_bytes(&c->out), buffer_size(&c->out) }, { buffer_bytes(&req->reply), sent } };
        if (r == 0)
                r = aeon__connection_write(c, pieces, sent > copied ? 2 : 1);
        c->close |= r < 0;
        return r;
}

/* ------------------------------------------------------------------ streamed */

int aeon__connection_begin_reply(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        bool may_have_body = req->status != 204 && req->status != 304, counted = may_have_body && req->reply_has_length;
        c->reply_chunked = may_have_body && !req->reply_has_length && req->head.minor > 0;
        c->close |= c->link->server->closing || (may_have_body && !req->reply_has_length && req->head.minor == 0);
        return make_head(c,
                         (struct framing){ c->reply_chunked ? BY_CHUNKS
                                           : counted        ? BY_LENGTH
                                                            : BY_NOTHING,
                                           req->reply_length },
                         0);
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
        const char *const field[] = { "Upgrade: ", protocol, "\r\n" };
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
        for (size_t i = 0; i < 3 && r == 0; i++)
                r = aeon__http_buffer_add_text(&req->headers, field[i]);
        r = r < 0 ? r : make_head(c, (struct framing){ .by = BY_UPGRADE }, 0);
        if (r == 0)
                r = aeon__connection_write(c, &(aeon_bytes){ buffer_bytes(&c->out), buffer_size(&c->out) }, 1);
        if (r < 0)
                return r;
        *ret_stream = c->link->stream;
        *ret_received = (aeon_bytes){ buffer_bytes(&c->in), buffer_size(&c->in) };
        return 0;
}
