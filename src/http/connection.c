/* One connection of HTTP/1.1 while there is something to do; see server.h for the tasks.
 *
 * DESIGN
 *   First TLS, when the listener has it, and the choice of the protocol (protocol.h). Then, for HTTP/1.1:
 *
 *       PARKED --head complete--> request task --reply sent--> PARKED, or the next request when it is there, or close
 *         |  \--refused, too slow--> error reply --> linger, close
 *         | idle time-out, end, quiesce
 *         v
 *       close
 *
 *   LINGER: after an error reply the client may still be sending. Closing at once would make the kernel answer with a reset, which
 *   destroys the reply on its way; so the sending side is closed first, and what comes is read and dropped for a little while.
 */
#include "http/connection.h"

#include "http/websocket.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>
#include <string.h>

enum {
        READ_SIZE = 4096,
        SPARES = 64,
        PIPELINED_LIMIT = 32768, /* read ahead while a request runs */
        LINGER_LIMIT = 1 << 20,
};

static struct http_connection *speaker_of(const struct http_link *link)
{
        return link->speaker;
}

static void quiesce(struct http_link *link)
{
        struct http_connection *c = speaker_of(link);
        if (c->request.websocket)
                aeon__websocket_drain(c->request.websocket);
        if (c->expecting)
                aeon_scope_set_deadline(&c->waiting, aeon__link_last_look(link));
}

static bool expects(const struct http_link *link)
{
        return speaker_of(link)->expecting;
}

static const struct http_link_ops link_ops = { .quiesce = quiesce, .expects = expects };

static void wake_connection(aeon_request *req)
{
        struct http_connection *c = connection_of(req);
        c->in_request = false;
        aeon_scope_cancel(&c->waiting, "the request has ended");
}

static const struct http_exchange_ops exchange_ops = {
        .read = aeon__connection_read_body,
        .leave_body = aeon__connection_leave_body,
        .send = aeon__connection_send,
        .begin = aeon__connection_begin_reply,
        .write = aeon__connection_write_reply,
        .end = aeon__connection_end_reply,
        .cut = aeon__connection_cut_reply,
        .upgrade = aeon__connection_upgrade,
        .done = wake_connection,
};

struct http_connection *aeon__connection_new(struct http_link *link)
{
        struct http_server *server = link->server;
        struct http_connection *c = NULL;
        if (list_empty(&server->spares)) {
                c = calloc(1, sizeof *c);
        } else {
                c = container_of(list_pop(&server->spares), struct http_connection, spare);
                server->spare_count--;
        }
        if (!c)
                return NULL;
        list_init(&c->spare);
        c->link = link;
        link->speaker = c;
        aeon__request_init(&c->request, &exchange_ops, server, link->stream);
        return c;
}

void aeon__connection_free(struct http_connection *c)
{
        aeon__request_done(&c->request);
        aeon__http_buffer_done(&c->in);
        aeon__http_buffer_done(&c->out);
        free(c);
}

void aeon__connection_drop(struct http_connection *c)
{
        struct http_server *server = c->link->server;
        if (server->spare_count == SPARES) {
                aeon__connection_free(c);
                return;
        }
        aeon__request_end(&c->request);
        aeon__http_buffer_clear(&c->in);
        aeon__http_buffer_clear(&c->out);
        c->other = NULL;
        c->late = c->expecting = c->must_read = c->ended = c->close = c->cut = c->upgraded = false;
        list_prepend(&server->spares, &c->spare);
        server->spare_count++;
}

ssize_t aeon__connection_read(struct http_connection *c)
{
        int r = aeon__http_buffer_reserve(&c->in, c->in.capacity ? READ_SIZE / 4 : READ_SIZE);
        if (r < 0)
                return aeon_fail(r, "HTTP connection");
        ssize_t n = aeon_stream_read(c->link->stream, c->in.data + c->in.end, c->in.capacity - c->in.end);
        if (n > 0)
                c->in.end += (size_t)n;
        return n;
}

static int write_stretch(struct http_connection *c, const aeon_bytes *pieces, size_t count)
{
        return aeon__stream_writev_within(c->link->stream, pieces, count, c->link->server->limits.write_timeout);
}

int aeon__connection_write(struct http_connection *c, const aeon_bytes *pieces, size_t count)
{
        size_t total = 0;
        for (size_t i = 0; i < count; i++)
                total += pieces[i].size;
        if (total <= HTTP_WRITE_STRETCH)
                return write_stretch(c, pieces, count);
        int r = 0;
        for (size_t i = 0; i < count; i++) {
                for (size_t at = 0; at < pieces[i].size && r >= 0; at += HTTP_WRITE_STRETCH) {
                        size_t size = pieces[i].size - at < HTTP_WRITE_STRETCH ? pieces[i].size - at : HTTP_WRITE_STRETCH;
                        r = write_stretch(c, &(aeon_bytes){ (const char *)pieces[i].data + at, size }, 1);
                }
        }
        return r;
}

/* ------------------------------------------------------------------ the connection task */

static void linger(struct http_connection *c)
{
        size_t dropped = 0;
        ssize_t n = aeon_stream_shutdown(c->link->stream);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(2), .name = "linger" });
        while (n >= 0 && dropped < LINGER_LIMIT) {
                c->in.start = c->in.end = 0;
                n = aeon__connection_read(c);
                if (n <= 0)
                        break;
                dropped += (size_t)n;
        }
        aeon_scope_close(&s, n < 0 ? (int)n : 0);
}

/* Answer what never became a request, and close. */
static void refuse(struct http_connection *c, int status, const char *reason)
{
        aeon_log_debug("%s: HTTP request refused: %d %s", aeon_stream_peer(c->link->stream), status, reason);
        c->close = true;
        c->request.method = NULL;
        aeon__reply_problem(&c->request, status, c->link->server->limits.debug ? reason : NULL, NULL);
        if (aeon__connection_send(&c->request) == 0)
                linger(c);
}

int aeon__connection_look(struct http_connection *c)
{
        const char *bytes = buffer_bytes(&c->in);
        size_t size = buffer_size(&c->in);
        if (c->other)
                return 1;
        if (!size)
                return 0;
        int preface = c->link->fresh ? aeon__http2_preface(bytes, size) : -1;
        if (preface >= 0 && aeon__http2()) {
                c->other = preface ? aeon__http2() : NULL;
                return preface;
        }
        return aeon__http_head_parse(&c->request.head, bytes, size);
}

/* Read what has come, in the time of a head: of TLS it may be a part of a record only. */
static ssize_t read_once(struct http_connection *c)
{
        const struct http_server *server = c->link->server;
        aeon_scope_open(&c->waiting, &(aeon_scope_opts){ .timeout = server->limits.head_timeout, .name = "head" });
        c->expecting = true;
        ssize_t n = aeon__connection_read(c);
        c->expecting = false;
        int r = aeon_scope_close(&c->waiting, n < 0 ? (int)n : 0);
        return n < 0 ? r < 0 ? r : -ECANCELED : n;
}

/* Take in what is there without waiting for what is not: true when there was something. */
static bool take_in(struct http_connection *c)
{
        ssize_t n = -EAGAIN;
        if (c->must_read)
                n = read_once(c);
        else if (c->link->secure && aeon__http_buffer_reserve(&c->in, READ_SIZE) == 0)
                n = aeon__stream_read_at_hand(c->link->stream, c->in.data + c->in.end, c->in.capacity - c->in.end);
        if (n > 0 && !c->must_read)
                c->in.end += (size_t)n;
        c->must_read = false;
        c->close |= n <= 0 && n != -EAGAIN;
        return n > 0;
}

/* 1: a head is complete and its bytes are the request's. 0: there is none yet, or something else to do (c->other), or no more will come
 * (c->close). */
static int receive_head(struct http_connection *c)
{
        int r = c->late ? -ETIMEDOUT : aeon__connection_look(c);
        while (r == 0 && take_in(c))
                r = aeon__connection_look(c);
        if (r == -ETIMEDOUT)
                refuse(c, 408, "the head came too slowly");
        else if (r < 0)
                refuse(c, c->request.head.status, c->request.head.reason);
        return r > 0 && !c->other;
}

/* The head's bytes become the request's; what follows them stays in c->in. No copy unless requests are pipelined. */
static int hand_over(struct http_connection *c)
{
        aeon_request *req = &c->request;
        size_t rest = buffer_size(&c->in) - req->head.size;
        struct http_buffer whole = c->in;
        aeon__http_buffer_clear(&req->bytes);
        int r = aeon__http_buffer_add(&req->bytes, buffer_bytes(&whole) + req->head.size, rest);
        if (r < 0)
                return r;
        c->in = req->bytes;
        whole.end -= rest;
        req->bytes = whole;
        aeon__request_begin(req);
        aeon__connection_begin_body(c);
        return 0;
}

/* Wait until the request task has ended; once the body is in, by reading. The end of the stream means that the client has gone,
 * unless it sent more requests before: those are to be answered. */
static void await_request(struct http_connection *c)
{
        while (c->in_request) {
                bool watching =
                        c->request.body_state == BODY_NONE && !c->upgraded && !c->ended && buffer_size(&c->in) < PIPELINED_LIMIT;
                aeon_scope_open(&c->waiting, &(aeon_scope_opts){ .shield = true, .name = "request" });
                c->watching = watching;
                ssize_t n = watching ? aeon__connection_read(c) : aeon_sleep_until(AEON_NEVER);
                c->watching = false;
                bool broke = watching && n < 0 && n != -ECANCELED;
                c->ended |= broke || (watching && n == 0);
                aeon_scope_close(&c->waiting, n < 0 ? (int)n : 0);
                bool by_us = n == -EPIPE; /* the reply was not taken in time: its writer hears that itself */
                if (c->ended && !by_us && (broke || !buffer_size(&c->in)))
                        aeon__exchange_abandon(&c->request);
        }
}

static void serve_request(struct http_connection *c)
{
        c->link->fresh = false;
        c->close = !c->request.head.keep_alive;
        int r = hand_over(c);
        c->in_request = r == 0;
        if (r == 0)
                r = aeon__exchange_start(&c->request);
        if (r < 0) {
                c->in_request = false;
                refuse(c, 503, aeon_error_describe(r));
                return;
        }
        await_request(c);
        if (c->close && !c->request.client_gone && !c->cut && !c->upgraded)
                linger(c);
}

/* ------------------------------------------------------------------ the beginning */

/* Shake hands, as part of the time that a head may take. */
static int begin_tls(struct http_connection *c)
{
        struct http_link *link = c->link;
        const struct http_server *server = link->server;
        aeon_time deadline = server->closing ? aeon__link_last_look(link) : aeon_now() + server->limits.head_timeout;
        aeon_scope_open(&c->waiting, &(aeon_scope_opts){ .deadline = deadline, .name = "TLS" });
        c->expecting = true;
        int r = aeon_stream_accept_tls(link->stream, server->tls);
        c->expecting = false;
        bool plain = r == -EPROTO && strstr(aeon_error_text(), "http request");
        if (r < 0)
                aeon_log_debug("%s: %s%s", aeon_stream_peer(link->stream), plain ? "plain HTTP came where TLS is spoken: " : "",
                               aeon_error_describe(r));
        aeon_scope_close(&c->waiting, r);
        link->secure = r == 0;
        if (r == 0 && !strcmp(aeon_stream_alpn(link->stream), "h2"))
                c->other = aeon__http2();
        return r;
}

int aeon__connection_run(void *arg)
{
        struct http_connection *c = arg;
        struct http_link *link = c->link;
        link->ops = &link_ops;
        c->close = link->server->tls && !link->secure && begin_tls(c) < 0;
        while (!c->close && !c->other && receive_head(c)) {
                serve_request(c);
                aeon__request_end(&c->request);
        }
        if (!c->close && c->other)
                c->other->serve(link, (aeon_bytes){ buffer_bytes(&c->in), buffer_size(&c->in) });
        link->speaker = c;
        if (c->close || c->other || aeon_cancelled())
                aeon__link_free(link);
        else
                aeon__link_park(link);
        return 0;
}
