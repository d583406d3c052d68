/* See http2_client.h. */
#include "http2_client.h"

#include "harness.h"

#include <aeon/error.h>
#include <aeon/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
        return nghttp2_session_get_stream_user_data(session, id);
}

/* ------------------------------------------------------------------ what comes */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *arg)
{
        (void)flags, (void)arg;
        struct h2_stream *s = stream_of(session, frame->hd.stream_id);
        size_t used = s ? strlen(s->fields) : 0;
        if (!s)
                return 0;
        if (!strcmp((const char *)name, ":status")) {
                int status = atoi((const char *)value);
                s->informed += status < 200;
                s->status = status < 200 ? 0 : status;
                return 0;
        }
        snprintf(s->fields + used, sizeof s->fields - used, "%.*s: %.*s\n", (int)name_size, name, (int)value_size, value);
        return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *arg)
{
        (void)flags, (void)arg;
        struct h2_stream *s = stream_of(session, id);
        if (!s)
                return 0;
        s->text = realloc(s->text, s->size + size + 1);
        memcpy(s->text + s->size, data, size);
        s->size += size;
        s->text[s->size] = '\0';
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        (void)arg;
        struct h2_stream *s = stream_of(session, frame->hd.stream_id);
        if (!s)
                return 0;
        if (frame->hd.type == NGHTTP2_RST_STREAM)
                s->reset = frame->rst_stream.error_code;
        else if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
                s->ended |= frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
        (void)code, (void)arg;
        struct h2_stream *s = stream_of(session, id);
        if (s)
                s->closed = true;
        return 0;
}

static uint32_t number_at(const unsigned char *bytes, size_t size)
{
        uint32_t number = 0;
        while (size--)
                number = number << 8 | *bytes++;
        return number;
}

/* Look for GOAWAY in what comes: nghttp2 tells of the first one only, when nothing is under way. */
static void scan(struct h2 *c, const char *bytes, size_t size)
{
        for (; size; size--, bytes++) {
                if (c->begun < sizeof c->beginning)
                        c->beginning[c->begun] = (unsigned char)*bytes;
                c->begun++;
                size_t whole = c->begun < 9 ? 9 : 9 + number_at(c->beginning, 3);
                if (c->begun < whole)
                        continue;
                c->begun = 0;
                if (c->beginning[3] == NGHTTP2_GOAWAY) {
                        c->goaways++;
                        c->last_id = (int32_t)number_at(c->beginning + 9, 4);
                        c->code = number_at(c->beginning + 13, 4);
                }
        }
}

/* ------------------------------------------------------------------ a connection */

struct h2 *h2_dial(const struct h2_opts *opts)
{
        static const struct h2_opts none;
        opts = opts ? opts : &none;
        struct h2 *c = calloc(1, sizeof *c);
        nghttp2_session_callbacks *callbacks;
        nghttp2_option *option;
        c->stream = dial();
        if (opts->tls)
                REQUIRE_INT(aeon_stream_start_tls(c->stream, "localhost", &(aeon_tls_opts){ .ca = opts->tls, .alpn = "h2" }), 0);
        REQUIRE_INT(nghttp2_session_callbacks_new(&callbacks), 0);
        REQUIRE_INT(nghttp2_option_new(&option), 0);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_option_set_no_auto_window_update(option, opts->keep_window);
        nghttp2_option_set_no_auto_ping_ack(option, opts->no_acks);
        REQUIRE_INT(nghttp2_session_client_new2(&c->session, callbacks, c, option), 0);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_option_del(option);
        const nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                                opts->window < 0 ? 0 : (uint32_t)opts->window };
        REQUIRE_INT(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &window, opts->window != 0), 0);
        return c;
}

void h2_close(struct h2 *c)
{
        for (int i = 0; i < c->count; i++)
                free(c->streams[i].text);
        nghttp2_session_del(c->session);
        aeon_stream_close(c->stream);
        free(c);
}

void h2_send_bytes(struct h2 *c, const void *bytes, size_t size)
{
        if (!c->gone && aeon_stream_write(c->stream, bytes, size) < 0)
                c->gone = true;
}

void h2_send(struct h2 *c)
{
        const uint8_t *bytes;
        ssize_t n;
        while (!c->gone && (n = nghttp2_session_mem_send(c->session, &bytes)) > 0)
                h2_send_bytes(c, bytes, (size_t)n);
}

bool h2_turn(struct h2 *c, aeon_duration time)
{
        char bytes[16384];
        aeon_scope limit;
        h2_send(c);
        if (c->gone)
                return false;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = time });
        ssize_t n = aeon_stream_read(c->stream, bytes, sizeof bytes);
        int r = aeon_scope_close(&limit, n < 0 ? (int)n : 0);
        if (n > 0)
                scan(c, bytes, (size_t)n);
        if (n > 0)
                CHECK_INT(nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes, (size_t)n), n);
        else if (r != -ETIMEDOUT)
                c->gone = true;
        h2_send(c);
        return n > 0;
}

/* ------------------------------------------------------------------ asking */

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *room, size_t size, uint32_t *ret_flags,
                    nghttp2_data_source *source, void *arg)
{
        (void)session, (void)id, (void)arg;
        struct h2_stream *s = source->ptr;
        size_t left = s->body_size - s->body_sent, n = size < left ? size : left;
        if (s->held || (!n && s->open_ended))
                return NGHTTP2_ERR_DEFERRED;
        memcpy(room, s->body + s->body_sent, n);
        s->body_sent += n;
        if (n == left && !s->open_ended)
                *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
}

static nghttp2_nv pair(const char *name, const char *value)
{
        return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0 };
}

struct h2_stream *h2_ask_raw(struct h2 *c, const char *const *fields, const char *body, size_t size, bool open_ended)
{
        nghttp2_nv pairs[256];
        size_t count = 0;
        REQUIRE(c->count < H2_STREAMS);
        for (; fields[0]; fields += 2)
                pairs[count++] = pair(fields[0], fields[1]);
        struct h2_stream *s = &c->streams[c->count++];
        s->body = body;
        s->body_size = size;
        s->open_ended = open_ended;
        s->reset = -1;
        const nghttp2_data_provider provider = { .source.ptr = s, .read_callback = give };
        s->id = nghttp2_submit_request(c->session, NULL, pairs, count, body ? &provider : NULL, s);
        REQUIRE(s->id > 0);
        return s;
}

struct h2_stream *h2_ask(struct h2 *c, const char *method, const char *path, const char *const *fields, const char *body)
{
        const char *all[256] = { ":method", method, ":scheme", "http", ":authority", "x", ":path", path };
        size_t count = 8;
        for (; fields && fields[0]; fields++)
                all[count++] = *fields;
        return h2_ask_raw(c, all, body, body ? strlen(body) : 0, false);
}

struct h2_stream *h2_get(struct h2 *c, const char *path)
{
        struct h2_stream *s = h2_ask(c, "GET", path, NULL, NULL);
        h2_await_end(c, s);
        return s;
}

void h2_open_window(struct h2 *c, struct h2_stream *s, int32_t size)
{
        REQUIRE_INT(nghttp2_submit_window_update(c->session, NGHTTP2_FLAG_NONE, s ? s->id : 0, size), 0);
}

/* ------------------------------------------------------------------ waiting */

#define AWAIT(condition)                                     \
        do {                                                 \
                bool more = true;                            \
                while (more && !(condition))                 \
                        more = h2_turn(c, AEON_SECONDS(10)); \
                CHECK(condition);                            \
        } while (0)

void h2_await_end(struct h2 *c, const struct h2_stream *s)
{
        AWAIT(s->closed);
}

void h2_await_text(struct h2 *c, const struct h2_stream *s, size_t size)
{
        AWAIT(s->size >= size);
}

void h2_await_goaway(struct h2 *c, int count)
{
        AWAIT(c->goaways >= count);
}

void h2_await_gone(struct h2 *c)
{
        AWAIT(c->gone);
}
