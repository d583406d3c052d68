/* Heads of requests: from fields, as they come out of HPACK, to a request.
 *
 * DESIGN
 *   nghttp2 has checked by then what RFC 9113, 8.1 to 8.3 asks: the pseudo fields, names in small letters, no field of a connection, one
 *   Content-Length that the body keeps to; what breaks that never gets here. Here are the rules and limits of HTTP/1.1 heads
 *   (http/request.h). Who breaks those gets the same status, without a handler.
 *
 *   :authority becomes the field `host`; a Host beside it must say the same. Several `cookie` fields become one (RFC 9113, 8.2.3).
 */
#include "http/http2/http2.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static aeon_bytes bytes_of(nghttp2_rcbuf *buffer)
{
        if (!buffer)
                return (aeon_bytes){ "", 0 };
        nghttp2_vec vec = nghttp2_rcbuf_get_buf(buffer);
        return (aeon_bytes){ vec.base, vec.len };
}

static bool is(aeon_bytes text, const char *word)
{
        return text.size == strlen(word) && !strncasecmp(text.data, word, text.size);
}

static void refuse(struct http2_stream *s, int status, const char *reason)
{
        if (s->refusal)
                return;
        s->refusal = (uint16_t)status;
        s->refusal_reason = reason;
}

/* @r is what keeping a part of the head came to. */
static void check(struct http2_stream *s, int r, int too_long)
{
        if (r == -EBADMSG)
                refuse(s, 400, "the head breaks the rules");
        else if (r == -EMSGSIZE)
                refuse(s, too_long, "the head is too long");
        else if (r < 0)
                refuse(s, 503, "no memory");
}

/* ------------------------------------------------------------------ fields */

static void keep(nghttp2_rcbuf **place, nghttp2_rcbuf *value)
{
        if (*place)
                return;
        nghttp2_rcbuf_incref(value);
        *place = value;
}

static int add_cookie(struct http2_stream *s, aeon_bytes value)
{
        size_t size = buffer_size(&s->cookies);
        if (size + value.size + 2 > HTTP_HEAD_LIMIT)
                return -EMSGSIZE;
        int r = size ? aeon__http_buffer_add(&s->cookies, "; ", 2) : 0;
        return r < 0 ? r : aeon__http_buffer_add(&s->cookies, value.data, value.size);
}

static void note_length(struct http2_stream *s, aeon_bytes value)
{
        s->length = 0;
        for (size_t i = 0; i < value.size; i++) /* digits, and few enough: nghttp2 has looked */
                s->length = s->length * 10 + (uint64_t)(((const char *)value.data)[i] - '0');
}

void aeon__http2_head_add(struct http2_stream *s, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
        aeon_bytes n = bytes_of(name), v = bytes_of(value);
        if (s->refusal)
                return;
        if (is(n, ":method"))
                keep(&s->method, value);
        else if (is(n, ":path"))
                keep(&s->path, value);
        else if (is(n, ":authority"))
                keep(&s->authority, value);
        if (*(const char *)n.data == ':')
                return;
        if (is(n, "host")) {
                keep(&s->host, value);
                return;
        }
        if (is(n, "cookie")) {
                check(s, add_cookie(s, v), 431);
                return;
        }
        if (is(n, "content-length"))
                note_length(s, v);
        else if (is(n, "expect") && is(v, "100-continue"))
                s->req.continue_wanted = true;
        else if (is(n, "expect"))
                refuse(s, 417, "an expectation that nobody knows");
        check(s, aeon__request_add_field(&s->req, n, v), 431);
}

/* ------------------------------------------------------------------ the whole */

static void complete(struct http2_stream *s)
{
        aeon_bytes method = bytes_of(s->method), authority = bytes_of(s->authority ? s->authority : s->host);
        const aeon_bytes host_name = { "host", 4 };
        if (is(method, "CONNECT")) {
                refuse(s, 501, "CONNECT");
                return;
        }
        check(s, aeon__request_set_target(&s->req, method, bytes_of(s->path)), 414);
        if (s->authority && s->host) {
                aeon_bytes host = bytes_of(s->host);
                if (host.size != authority.size || strncasecmp(host.data, authority.data, host.size) != 0)
                        refuse(s, 400, "Host and :authority differ");
        }
        check(s, aeon__request_add_field(&s->req, host_name, authority), 431);
        if (buffer_size(&s->cookies)) {
                const aeon_bytes cookies = { buffer_bytes(&s->cookies), buffer_size(&s->cookies) };
                check(s, aeon__request_add_field(&s->req, (aeon_bytes){ "cookie", 6 }, cookies), 431);
        }
}

/* Answer what never became a request. */
static void answer_refused(struct http2_stream *s)
{
        const struct http_limits *limits = &s->c->link->server->limits;
        aeon_log_debug("%s: HTTP request refused: %d %s", aeon_stream_peer(s->c->link->stream), s->refusal, s->refusal_reason);
        s->req.method = is(bytes_of(s->method), "HEAD") ? "HEAD" : NULL;
        aeon__reply_problem(&s->req, s->refusal, limits->debug ? s->refusal_reason : NULL, NULL);
        s->left = true;
        aeon__http2_send_unattended(s);
}

static int start(struct http2_stream *s, bool has_body)
{
        aeon_request *req = &s->req;
        aeon__request_begin(req);
        req->body_state = has_body ? BODY_COMING : BODY_NONE;
        req->body_left = has_body ? s->length : 0;
        req->body_begun = aeon_now();
        req->continue_wanted &= has_body;
        return aeon__exchange_start(req);
}

void aeon__http2_head_end(struct http2_stream *s, bool has_body)
{
        s->in_ended = !has_body;
        if (!s->refusal)
                complete(s);
        if (s->refusal) {
                answer_refused(s);
                return;
        }
        int r = start(s, has_body);
        if (r < 0) {
                aeon_log_debug("%s: HTTP request: %s", aeon_stream_peer(s->c->link->stream), aeon_error_describe(r));
                aeon__http2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
                return;
        }
        s->running = true;
        s->c->running++;
}
