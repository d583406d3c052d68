/* The session: its settings, and what its callbacks do with frames; see http2.h.
 *
 * DESIGN
 *   The callbacks run in the connection task while it feeds nghttp2 (and a few in the writer), and never suspend.
 *
 *   PATIENCE. Frames that cost us something and bring nobody further are counted: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA,
 *   and streams that end before their reply, whoever ended them (CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2025-8671). A
 *   thousand at once and 33 a second are borne, as nghttp2 itself bears streams that are reset; above, the connection ends with
 *   GOAWAY(ENHANCE_YOUR_CALM). Each DATA frame that is sent earns its WINDOW_UPDATEs.
 */
#include "http/http2/http2.h"

#include <errno.h>

enum { PATIENCE = 1000, PATIENCE_A_SECOND = 33, UPDATES_PER_FRAME = 2 };

/* ------------------------------------------------------------------ patience */

static void recover(struct http2 *c)
{
        aeon_time now = aeon_now();
        int64_t earned = (now - c->patience_had) / (AEON_SECONDS(1) / PATIENCE_A_SECOND);
        if (earned <= 0)
                return;
        c->patience = earned < PATIENCE ? (unsigned)earned : PATIENCE;
        c->patience_had = now;
}

/* NGHTTP2_ERR_CALLBACK_FAILURE: there is no more of it. */
static int bear(struct http2 *c)
{
        if (!c->patience)
                recover(c);
        if (!c->patience) {
                c->verdict = NGHTTP2_ENHANCE_YOUR_CALM;
                return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        c->patience--;
        return 0;
}

/* A client that leaves streams out has closed them (RFC 9113, 5.1.1); nghttp2 lets them pass. */
static int check_order(struct http2 *c, int32_t id)
{
        if (id > (int64_t)c->last_id + 2) {
                c->gap = id;
                c->gap_begin = c->last_id + 2;
        }
        if (id >= c->gap_begin && id < c->gap)
                c->verdict = NGHTTP2_PROTOCOL_ERROR;
        if (id > c->last_id)
                c->last_id = id;
        return c->verdict ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
        (void)session;
        struct http2 *c = arg;
        if (hd->type != NGHTTP2_CONTINUATION)
                c->head_of = 0;
        switch (hd->type) {
        case NGHTTP2_HEADERS:
                return check_order(c, hd->stream_id);
        case NGHTTP2_CONTINUATION: /* nghttp2 bears eight in a row */
        case NGHTTP2_RST_STREAM:   /* counted where it ends a stream */
        case NGHTTP2_GOAWAY:
                return 0;
        case NGHTTP2_DATA:
                return hd->length || hd->flags & NGHTTP2_FLAG_END_STREAM ? 0 : bear(c);
        default:
                return bear(c);
        }
}

/* ------------------------------------------------------------------ heads */

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
        return nghttp2_session_get_stream_user_data(session, id);
}

static bool is_request(const nghttp2_frame *frame)
{
        return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct http2 *c = arg;
        c->head_of = frame->hd.stream_id;
        c->head_begun = aeon_now();
        if (!is_request(frame))
                return 0; /* trailers */
        /* A handler goes on for a while behind a reset, which nghttp2 does not count. */
        bool room = c->running < c->link->server->limits.max_streams;
        struct http2_stream *s = room ? aeon__http2_stream_new(c, frame->hd.stream_id) : NULL;
        if (!s) {
                nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        nghttp2_session_set_stream_user_data(session, s->id, s);
        return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                     void *arg)
{
        (void)flags, (void)arg;
        struct http2_stream *s = is_request(frame) ? stream_of(session, frame->hd.stream_id) : NULL;
        if (s)
                aeon__http2_head_add(s, name, value);
        return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                             uint8_t flags, void *arg)
{
        (void)name, (void)value, (void)flags, (void)arg;
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* ------------------------------------------------------------------ everything else that comes */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *arg)
{
        (void)flags, (void)arg;
        struct http2_stream *s = stream_of(session, id);
        nghttp2_session_consume_connection(session, size);
        if (!s || s->left)
                return 0;
        if (aeon__http_buffer_add(&s->in, data, size) < 0)
                nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
        aeon__http2_stream_wake(s);
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct http2 *c = arg;
        struct http2_stream *s = stream_of(session, frame->hd.stream_id);
        bool head = frame->hd.type == NGHTTP2_HEADERS, ping = frame->hd.type == NGHTTP2_PING;
        bool last = (head || frame->hd.type == NGHTTP2_DATA) && frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        if (head)
                c->head_of = 0;
        if (s && is_request(frame)) {
                aeon__http2_head_end(s, !last);
        } else if (s && last) {
                s->in_ended = true;
                aeon__http2_stream_wake(s);
        } else if (ping && frame->hd.flags & NGHTTP2_FLAG_ACK && c->farewell == FAREWELL_NOTICE) {
                aeon__http2_say_farewell(c);
        }
        return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
        struct http2 *c = arg;
        struct http2_stream *s = stream_of(session, id);
        bool early = s ? !s->reply_ended : code != NGHTTP2_NO_ERROR;
        if (id == c->head_of)
                c->head_of = 0;
        if (s)
                aeon__http2_stream_closed(s);
        if (early)
                bear(c); /* the connection task sees what it came to: this may be the writer */
        return 0;
}

/* ------------------------------------------------------------------ what has been sent */

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct http2 *c = arg;
        struct http2_stream *s = stream_of(session, frame->hd.stream_id);
        bool data = frame->hd.type == NGHTTP2_DATA;
        if (frame->hd.type == NGHTTP2_GOAWAY && c->farewell == FAREWELL_NOTICE) /* behind it, where nghttp2 would let it overtake */
                nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL);
        if (data && c->patience < PATIENCE)
                c->patience += UPDATES_PER_FRAME;
        if (s && (data || frame->hd.type == NGHTTP2_HEADERS) && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
                aeon__http2_reply_sent(s);
        return 0;
}

/* A head that is too long for nghttp2. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *arg)
{
        (void)code, (void)arg;
        if (frame->hd.type == NGHTTP2_HEADERS && stream_of(session, frame->hd.stream_id))
                nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
        return 0;
}

/* ------------------------------------------------------------------ the session */

static int make_session(struct http2 *c, nghttp2_session_callbacks *callbacks, nghttp2_option *option)
{
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
        return nghttp2_session_server_new2(&c->session, callbacks, c, option);
}

static int configure(struct http2 *c)
{
        const nghttp2_settings_entry settings[] = {
                { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, c->link->server->limits.max_streams },
                { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW },
                { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_LIMIT + 32 * HTTP_FIELDS_LIMIT }, /* 32 a field are for show */
        };
        int r = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
        if (r == 0)
                r = nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW);
        return r;
}

int aeon__http2_session_new(struct http2 *c)
{
        nghttp2_session_callbacks *callbacks = NULL;
        nghttp2_option *option = NULL;
        c->patience = PATIENCE;
        c->patience_had = aeon_now();
        int r = nghttp2_session_callbacks_new(&callbacks);
        if (r == 0)
                r = nghttp2_option_new(&option);
        if (r == 0)
                r = make_session(c, callbacks, option);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_option_del(option);
        return r == 0 && configure(c) == 0 ? 0 : -ENOMEM;
}
