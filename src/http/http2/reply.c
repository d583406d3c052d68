/* Replies as HEADERS and DATA; see http2.h.
 *
 * DESIGN
 *   nghttp2 copies a head, and asks give() for the body whenever flow control and the socket have room. So the bytes stay where they are,
 *   borrowed of the request task, which waits until they are taken: a kept reply's in the request, a streamed one's with the
 *   handler. Each HTTP2_STRETCH of them has the write time-out; a client that opens its window by a byte now and then is too slow.
 *
 *   A reply that ends before the request's body does is followed by RST_STREAM(NO_ERROR): send no more (RFC 9113, 8.1).
 */
#include "http/http2/http2.h"

#include <aeon/error.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_FIELDS = 32, OWN_FIELDS = 4 };

/* ------------------------------------------------------------------ heads */

static nghttp2_nv field(const char *name, size_t name_size, const char *value, size_t value_size)
{
        /* What differs each time would only drive what does not out of the compression's memory. */
        bool unique = name_size == 12 && !memcmp(name, "x-request-id", 12);
        return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, name_size, value_size,
                             unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE };
}

static nghttp2_nv text_field(const char *name, const char *value)
{
        return field(name, strlen(name), value, strlen(value));
}

/* The fields of req->headers, names made small in place; returns their count. */
static size_t add_lines(aeon_request *req, nghttp2_nv *fields)
{
        size_t count = 0;
        if (!buffer_size(&req->headers))
                return 0;
        char *at = req->headers.data + req->headers.start, *end = req->headers.data + req->headers.end;
        while (at < end) {
                char *colon = memchr(at, ':', (size_t)(end - at)), *stop = memchr(at, '\r', (size_t)(end - at));
                for (char *c = at; c < colon; c++)
                        *c = (char)tolower((unsigned char)*c);
                fields[count++] = field(at, (size_t)(colon - at), colon + 2, (size_t)(stop - colon - 2));
                at = stop + 2;
        }
        return count;
}

static size_t count_lines(const aeon_request *req)
{
        size_t count = 0;
        for (size_t i = req->headers.start; i < req->headers.end; i++)
                count += req->headers.data[i] == '\n';
        return count;
}

/* The client has taken @n bytes of the reply. */
static void note_taken(struct http2_stream *s, size_t n)
{
        s->out_taken += n;
        if (s->out_taken >= HTTP2_STRETCH) {
                s->out_taken = 0;
                s->out_by = aeon_now() + s->c->link->server->limits.write_timeout;
                if (s->is_waiting)
                        aeon_scope_set_deadline(&s->waiting, s->out_by);
        }
        if (!s->out_size)
                aeon__http2_stream_wake(s);
}

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *room, size_t size, uint32_t *ret_flags,
                    nghttp2_data_source *source, void *arg)
{
        (void)session, (void)id, (void)arg;
        struct http2_stream *s = source->ptr;
        size_t n = size < s->out_size ? size : s->out_size;
        if (!n && !s->out_last)
                return NGHTTP2_ERR_DEFERRED;
        if (n) {
                memcpy(room, s->out, n);
                s->out += n;
                s->out_size -= n;
                note_taken(s, n);
        }
        if (!s->out_size && s->out_last)
                *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
}

/* Hand the head to nghttp2; @length of the body, BODY_UNKNOWN: not told. */
static int submit(struct http2_stream *s, uint64_t length, bool has_body)
{
        aeon_request *req = &s->req;
        nghttp2_nv usual[USUAL_FIELDS], *fields = usual;
        char status[8], length_text[24];
        size_t lines = count_lines(req), count = 0;
        bool may_have_body = req->status != 204 && req->status != 304;
        if (aeon__http2_stream_is_over(s))
                return aeon_fail(-ECONNRESET, "the client has gone");
        if (lines > USUAL_FIELDS - OWN_FIELDS && !(fields = malloc((lines + OWN_FIELDS) * sizeof *fields)))
                return aeon_fail(-ENOMEM, "the reply's head");
        snprintf(status, sizeof status, "%u", req->status);
        snprintf(length_text, sizeof length_text, "%llu", (unsigned long long)length);
        fields[count++] = text_field(":status", status);
        fields[count++] = text_field("date", aeon__http_server_date(req->server));
        if (may_have_body && req->content_type)
                fields[count++] = text_field("content-type", req->content_type);
        if (may_have_body && length != BODY_UNKNOWN)
                fields[count++] = text_field("content-length", length_text);
        count += add_lines(req, fields + count);
        const nghttp2_data_provider body = { .source.ptr = s, .read_callback = give };
        int r = nghttp2_submit_response(s->c->session, s->id, fields, count, has_body ? &body : NULL);
        if (fields != usual)
                free(fields);
        s->reply_begun = r == 0;
        return r < 0 ? aeon_fail(r == NGHTTP2_ERR_NOMEM ? -ENOMEM : -ECONNRESET, "HTTP/2: %s", nghttp2_strerror(r)) : 0;
}

void aeon__http2_reply_sent(struct http2_stream *s)
{
        s->reply_ended = true;
        if (s->left && !s->in_ended)
                nghttp2_submit_rst_stream(s->c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
        aeon__http2_stream_wake(s);
}

/* ------------------------------------------------------------------ waiting for the client */

static bool is_taken(const struct http2_stream *s)
{
        return !s->out_size && (!s->out_last || s->reply_ended);
}

/* Let @size bytes of @data go, and wait until they have; the last ones until the end has, too. */
static int put(struct http2_stream *s, const void *data, size_t size, bool last)
{
        struct http2 *c = s->c;
        s->out = data;
        s->out_size = size;
        s->out_taken = 0;
        s->out_by = aeon_now() + c->link->server->limits.write_timeout;
        s->out_last = last;
        if (!s->closed)
                nghttp2_session_resume_data(c->session, s->id);
        aeon__http2_flush(c);
        int r = 0;
        while (!is_taken(s) && r == 0) {
                if (aeon__http2_stream_is_over(s))
                        r = aeon_fail(-ECONNRESET, "the client has gone");
                else
                        r = aeon__http2_stream_wait(s, s->out_by);
        }
        s->out = NULL;
        s->out_size = 0;
        s->out_last &= r == 0;
        return r;
}

/* ------------------------------------------------------------------ kept */

int aeon__http2_send(aeon_request *req)
{
        struct http2_stream *s = aeon__http2_stream_of(req);
        size_t size = buffer_size(&req->reply);
        bool has_body = size && !aeon__reply_is_bare(req);
        int r = submit(s, size, has_body);
        if (r == 0 && has_body)
                r = put(s, buffer_bytes(&req->reply), size, true);
        else if (r == 0)
                r = put(s, NULL, 0, true);
        if (r < 0)
                aeon__http2_stream_reset(s, r == -ETIMEDOUT ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
        return r;
}

void aeon__http2_send_unattended(struct http2_stream *s)
{
        size_t size = buffer_size(&s->req.reply);
        bool has_body = size && !aeon__reply_is_bare(&s->req);
        s->out = has_body ? buffer_bytes(&s->req.reply) : NULL;
        s->out_size = has_body ? size : 0;
        s->out_last = true;
        if (submit(s, size, has_body) < 0)
                aeon__http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
}

/* ------------------------------------------------------------------ streamed */

int aeon__http2_begin_reply(aeon_request *req)
{
        return submit(aeon__http2_stream_of(req), req->reply_has_length ? req->reply_length : BODY_UNKNOWN,
                      !aeon__reply_is_bare(req));
}

int aeon__http2_write_reply(aeon_request *req, const void *data, size_t size)
{
        struct http2_stream *s = aeon__http2_stream_of(req);
        if (aeon__http2_stream_is_over(s))
                return aeon_fail(-ECONNRESET, "the client has gone");
        if (size)
                return put(s, data, size, false);
        aeon__http2_flush(s->c);
        return 0;
}

int aeon__http2_end_reply(aeon_request *req)
{
        return put(aeon__http2_stream_of(req), NULL, 0, true);
}

void aeon__http2_cut_reply(aeon_request *req)
{
        aeon__http2_stream_reset(aeon__http2_stream_of(req), NGHTTP2_INTERNAL_ERROR);
}
