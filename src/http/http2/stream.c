/* Streams: their life, and how their request tasks wait; see http2.h. */
#include "http/http2/http2.h"

#include <stdlib.h>

static void request_is_done(aeon_request *req)
{
        struct http2_stream *s = aeon__http2_stream_of(req);
        struct http2 *c = s->c;
        s->running = false;
        if (s->closed)
                aeon__http2_stream_free(s);
        else if (!s->reply_ended)
                aeon__http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
        aeon__http2_request_ended(c);
}

static const struct http_exchange_ops exchange_ops = {
        .read = aeon__http2_read,
        .leave_body = aeon__http2_leave_body,
        .send = aeon__http2_send,
        .begin = aeon__http2_begin_reply,
        .write = aeon__http2_write_reply,
        .end = aeon__http2_end_reply,
        .cut = aeon__http2_cut_reply,
        .done = request_is_done,
};

struct http2_stream *aeon__http2_stream_new(struct http2 *c, int32_t id)
{
        struct http2_stream *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->c = c;
        s->id = id;
        s->length = BODY_UNKNOWN;
        list_append(&c->streams, &s->place);
        aeon__request_init(&s->req, &exchange_ops, c->link->server, c->link->stream);
        return s;
}

void aeon__http2_stream_free(struct http2_stream *s)
{
        nghttp2_rcbuf *const kept[] = { s->method, s->path, s->authority, s->host };
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
                if (kept[i])
                        nghttp2_rcbuf_decref(kept[i]);
        list_remove(&s->place);
        aeon__http_buffer_done(&s->cookies);
        aeon__http_buffer_done(&s->in);
        aeon__request_done(&s->req);
        free(s);
}

void aeon__http2_stream_closed(struct http2_stream *s)
{
        s->closed = true;
        if (!s->running) {
                aeon__http2_stream_free(s);
                return;
        }
        if (!s->reply_ended)
                aeon__exchange_abandon(&s->req);
        aeon__http2_stream_wake(s);
}

void aeon__http2_stream_reset(struct http2_stream *s, uint32_t code)
{
        if (s->closed)
                return;
        nghttp2_submit_rst_stream(s->c->session, NGHTTP2_FLAG_NONE, s->id, code);
        aeon__http2_flush(s->c);
}

bool aeon__http2_stream_is_over(const struct http2_stream *s)
{
        return s->closed || s->c->broken || s->c->ending;
}

int aeon__http2_stream_wait(struct http2_stream *s, aeon_time deadline)
{
        aeon_scope_open(&s->waiting, &(aeon_scope_opts){ .deadline = deadline, .name = "HTTP/2 stream" });
        s->is_waiting = true;
        int r = aeon_sleep_until(AEON_NEVER);
        s->is_waiting = false;
        return aeon_scope_close(&s->waiting, r);
}

void aeon__http2_stream_wake(struct http2_stream *s)
{
        if (s->is_waiting)
                aeon_scope_cancel(&s->waiting, "something has changed");
}
