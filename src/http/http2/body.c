/* Bodies of requests: what has come waits in the stream until the handler reads it; see http2.h. */
#include "http/http2/http2.h"

#include <aeon/error.h>
#include <string.h>

static void send_continue(struct http2_stream *s)
{
        static char name[] = ":status", value[] = "100";
        const nghttp2_nv status = { (uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE };
        s->req.continue_wanted = false;
        if (s->reply_begun)
                return;
        nghttp2_submit_headers(s->c->session, NGHTTP2_FLAG_NONE, s->id, NULL, &status, 1, NULL);
        aeon__http2_flush(s->c);
}

/* Until something is there to be read, or nothing will be. */
static int await_bytes(struct http2_stream *s)
{
        aeon_request *req = &s->req;
        while (!buffer_size(&s->in) && !s->in_ended) {
                if (aeon__http2_stream_is_over(s))
                        return aeon__request_body_broken(req, -ECONNRESET, 0, "the client has gone");
                if (req->continue_wanted)
                        send_continue(s);
                int r = aeon__http2_stream_wait(s, aeon__request_body_deadline(req));
                if (r == -ETIMEDOUT)
                        return aeon__request_body_broken(req, -ETIMEDOUT, 408, "it comes too slowly");
                if (r < 0)
                        return r;
        }
        return 0;
}

ssize_t aeon__http2_read(aeon_request *req, void *buffer, size_t size)
{
        struct http2_stream *s = aeon__http2_stream_of(req);
        int r = await_bytes(s);
        if (r < 0)
                return r;
        size_t n = size < buffer_size(&s->in) ? size : buffer_size(&s->in);
        if (n) {
                memcpy(buffer, buffer_bytes(&s->in), n);
                aeon__http_buffer_take(&s->in, n);
        }
        if (req->body_left != BODY_UNKNOWN)
                req->body_left -= n;
        if (s->in_ended && !buffer_size(&s->in))
                req->body_state = BODY_NONE;
        if (!s->in_ended && !s->closed) {
                nghttp2_session_consume_stream(s->c->session, s->id, n);
                aeon__http2_flush(s->c);
        }
        return (ssize_t)n;
}

/* The client hears it behind the reply (reply.c). */
void aeon__http2_leave_body(aeon_request *req)
{
        struct http2_stream *s = aeon__http2_stream_of(req);
        s->left = true;
        aeon__http_buffer_done(&s->in);
}
