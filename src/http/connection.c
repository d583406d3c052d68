/* One connection from its first byte to its last; see server.h for the tasks.
 *
 * DESIGN
 *   First TLS, when the listener has it, and the choice of the protocol (protocol.h). Then, for HTTP/1.1:
 *
 *       +--> IDLE --first byte--> HEAD --complete--> request task --reply sent--> (again, or close)
 *       |     | idle time-out,      | refused, too slow: error reply
 *       |     | end, quiesce        |
 *       |     v                     v
 *       |   close               linger, close
 *       +---------------- keep-alive ----------------+
 *
 *   LINGER: after an error reply the client may still be sending. Closing at once would make the kernel answer with a reset, which
 *   destroys the reply on its way; so the sending side is closed first, and what comes is read and dropped for a little while.
 *
 *   Only wait_for_head(), await_request() and linger() wait for the client here; all else is plain state, so that these three can
 *   become callbacks when an idle connection shall hold no task.
 */
#include "http/connection.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>
#include <string.h>

enum {
        READ_SIZE = 4096,
        PIPELINED_LIMIT = 32768, /* read ahead while a request runs */
        LINGER_LIMIT = 1 << 20,
};

/* One that was let in a moment ago has a request on its way, most likely. */
static aeon_time last_look(const struct http_connection *c)
{
        aeon_time look = aeon_now() + HTTP_LAST_LOOK, first = c->link.accepted + HTTP_FIRST_LOOK;
        return c->fresh && first > look ? first : look;
}

static void quiesce(struct http_link *link)
{
        struct http_connection *c = container_of(link, struct http_connection, link);
        if (c->idle)
                aeon_scope_set_deadline(&c->waiting, last_look(c));
}

static bool expects(const struct http_link *link)
{
        return container_of(link, struct http_connection, link)->receiving;
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

struct http_connection *aeon__connection_new(struct http_server *server, aeon_stream *stream)
{
        struct http_connection *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->link = (struct http_link){ .server = server, .stream = stream, .ops = &link_ops, .accepted = aeon_now() };
        c->fresh = true;
        aeon__request_init(&c->request, &exchange_ops, server, stream);
        list_append(&server->links, &c->link.place);
        server->count++;
        return c;
}

void aeon__connection_free(struct http_connection *c)
{
        list_remove(&c->link.place);
        c->link.server->count--;
        aeon_stream_close(c->link.stream);
        aeon__request_done(&c->request);
        aeon__http_buffer_done(&c->in);
        aeon__http_buffer_done(&c->out);
        free(c);
}

ssize_t aeon__connection_read(struct http_connection *c)
{
        int r = aeon__http_buffer_reserve(&c->in, c->in.capacity ? READ_SIZE / 4 : READ_SIZE);
        if (r < 0)
                return aeon_fail(r, "HTTP connection");
        ssize_t n = aeon_stream_read(c->link.stream, c->in.data + c->in.end, c->in.capacity - c->in.end);
        if (n > 0)
                c->in.end += (size_t)n;
        return n;
}

static int write_stretch(struct http_connection *c, const aeon_bytes *pieces, size_t count)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = c->link.server->limits.write_timeout, .name = "write" });
        return aeon_scope_close(&s, aeon_stream_writev(c->link.stream, pieces, count));
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
        ssize_t n = aeon_stream_shutdown(c->link.stream);
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
        aeon_log_debug("%s: HTTP request refused: %d %s", aeon_stream_peer(c->link.stream), status, reason);
        c->close = true;
        c->request.method = NULL;
        aeon__reply_problem(&c->request, status, c->link.server->limits.debug ? reason : NULL, NULL);
        if (aeon__connection_send(&c->request) == 0)
                linger(c);
}

/* Wait for more of a head: 1 when something came, 0 when the connection is to be closed, -ETIMEDOUT when the head is too slow. */
static int wait_for_head(struct http_connection *c)
{
        const struct http_limits *limits = &c->link.server->limits;
        c->idle = buffer_size(&c->in) == 0;
        if (!c->idle && !c->head_begun)
                c->head_begun = aeon_now();
        aeon_time idle_end = c->link.server->closing ? last_look(c) : aeon_now() + limits->idle_timeout;
        aeon_time deadline = c->idle ? idle_end : c->head_begun + limits->head_timeout;
        aeon_scope_open(&c->waiting, &(aeon_scope_opts){ .deadline = deadline, .name = c->idle ? "idle" : "head" });
        c->receiving = true;
        ssize_t n = aeon__connection_read(c);
        c->receiving = false;
        int r = aeon_scope_close(&c->waiting, n > 0 ? 1 : (int)n);
        bool idle = c->idle;
        c->idle = false;
        return r == -ETIMEDOUT && !idle ? r : r > 0;
}

/* As aeon__http_head_parse(), and 1 too when c->other is to be spoken. */
static int look_at_head(struct http_connection *c)
{
        const char *bytes = buffer_bytes(&c->in);
        size_t size = buffer_size(&c->in);
        if (!size)
                return 0;
        int preface = c->fresh ? aeon__http2_preface(bytes, size) : -1;
        if (preface >= 0 && aeon__http2()) {
                c->other = preface ? aeon__http2() : NULL;
                return preface;
        }
        return aeon__http_head_parse(&c->request.head, bytes, size);
}

/* 1: a head is complete and its bytes are the request's. 0: no request follows; c->other or close. */
static int receive_head(struct http_connection *c)
{
        struct http_head *head = &c->request.head;
        int r;
        c->head_begun = 0;
        aeon__http_head_init(head);
        while ((r = look_at_head(c)) == 0) {
                r = wait_for_head(c);
                if (r == -ETIMEDOUT)
                        refuse(c, 408, "the head came too slowly");
                if (r <= 0)
                        return 0;
        }
        if (c->other)
                return 0;
        if (r < 0) {
                refuse(c, head->status, head->reason);
                return 0;
        }
        return 1;
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
        c->fresh = false;
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
        const struct http_server *server = c->link.server;
        aeon_scope_open(&c->waiting,
                        &(aeon_scope_opts){ .deadline = c->link.accepted + server->limits.head_timeout, .name = "TLS" });
        c->receiving = c->idle = true;
        int r = aeon_stream_accept_tls(c->link.stream, server->tls);
        c->receiving = c->idle = false;
        bool plain = r == -EPROTO && strstr(aeon_error_text(), "http request");
        if (r < 0)
                aeon_log_debug("%s: %s%s", aeon_stream_peer(c->link.stream), plain ? "plain HTTP came where TLS is spoken: " : "",
                               aeon_error_describe(r));
        aeon_scope_close(&c->waiting, r);
        if (r == 0 && !strcmp(aeon_stream_alpn(c->link.stream), "h2"))
                c->other = aeon__http2();
        return r;
}

int aeon__connection_run(void *arg)
{
        struct http_connection *c = arg;
        c->close = c->link.server->tls && begin_tls(c) < 0;
        while (!c->close && !c->other && receive_head(c)) {
                serve_request(c);
                aeon__request_end(&c->request);
        }
        if (c->other)
                c->other->serve(&c->link, (aeon_bytes){ buffer_bytes(&c->in), buffer_size(&c->in) });
        aeon__connection_free(c);
        return 0;
}
