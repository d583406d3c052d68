/* The connection task, and the module's one symbol; see http2.h.
 *
 * DESIGN
 *   It reads until nghttp2 wants no more. How it ends:
 *
 *       the server stops      notice and PING, the answer, GOAWAY(last stream), the streams' ends
 *       idle for too long     GOAWAY
 *       a rule was broken     GOAWAY(code)              the streams' handlers are cancelled: "client disconnected"
 *       the client has gone   nothing                   the same
 *
 *   and then, unless the client has gone, it says that no more will come and reads what still does, for a moment: closing with bytes
 *   unread makes the kernel destroy what is on its way to the client.
 */
#include "http/http2/http2.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/task.h>
#include <stdlib.h>

enum { SMALL = 4096, LARGE = 32768, LINGER = 2 /* seconds */ };

/* ------------------------------------------------------------------ time */

/* When the connection task must look again, though nothing has come. */
static aeon_time deadline_of(const struct http2 *c)
{
        const struct http_limits *limits = &c->link->server->limits;
        aeon_time deadline = AEON_NEVER;
        if (c->head_of)
                deadline = c->head_begun + limits->head_timeout;
        if (!c->running && c->idle_since + limits->idle_timeout < deadline)
                deadline = c->idle_since + limits->idle_timeout;
        if (c->farewell == FAREWELL_NOTICE && c->farewell_by < deadline)
                deadline = c->farewell_by;
        return deadline;
}

static void set_deadline(struct http2 *c)
{
        if (c->is_waiting)
                aeon_scope_set_deadline(&c->waiting, deadline_of(c));
}

static void break_off(struct http2 *c, uint32_t code)
{
        nghttp2_session_terminate_session(c->session, code);
        c->ending = true;
        aeon__http2_flush(c);
}

static void end_by_time(struct http2 *c)
{
        aeon_time now = aeon_now();
        if (c->farewell == FAREWELL_NOTICE && c->farewell_by <= now)
                aeon__http2_say_farewell(c);
        else if (deadline_of(c) <= now)
                break_off(c, c->head_of ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_NO_ERROR);
}

void aeon__http2_wake(struct http2 *c)
{
        if (c->is_waiting)
                aeon_scope_cancel(&c->waiting, "something has changed");
}

void aeon__http2_request_ended(struct http2 *c)
{
        if (--c->running)
                return;
        c->idle_since = aeon_now();
        if (c->ending) {
                aeon__http2_wake(c);
        } else if (c->is_waiting) {
                set_deadline(c);
                aeon_scope_set_shield(&c->waiting, false);
        }
}

/* ------------------------------------------------------------------ the server stops */

void aeon__http2_say_farewell(struct http2 *c)
{
        int32_t last = nghttp2_session_get_last_proc_stream_id(c->session);
        c->farewell = FAREWELL_SAID;
        nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
        aeon__http2_flush(c);
}

static void quiesce(struct http_link *link)
{
        struct http2 *c = link->speaker;
        if (c->ending || c->farewell != FAREWELL_NOT_YET)
                return;
        c->farewell = FAREWELL_NOTICE;
        c->farewell_by = aeon_now() + HTTP_FIRST_LOOK;
        nghttp2_submit_shutdown_notice(c->session);
        set_deadline(c);
        aeon__http2_flush(c);
}

static bool expects(const struct http_link *link)
{
        const struct http2 *c = link->speaker;
        return !c->ending && c->farewell == FAREWELL_NOTICE;
}

static const struct http_link_ops link_ops = { .quiesce = quiesce, .expects = expects };

/* ------------------------------------------------------------------ reading */

static uint32_t error_code(int failure)
{
        switch (failure) {
        case NGHTTP2_ERR_FLOODED:
                return NGHTTP2_ENHANCE_YOUR_CALM;
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
                return NGHTTP2_PROTOCOL_ERROR;
        default:
                return NGHTTP2_INTERNAL_ERROR;
        }
}

static void feed(struct http2 *c, const void *bytes, size_t size)
{
        ssize_t n = nghttp2_session_mem_recv(c->session, bytes, size);
        const char *peer = aeon_stream_peer(c->link->stream);
        if (n < 0 && !c->verdict)
                c->verdict = error_code((int)n);
        if (c->verdict == NGHTTP2_ENHANCE_YOUR_CALM)
                aeon_log_info("%s: HTTP/2: too many frames that lead to nothing: the connection ends", peer);
        else if (c->verdict)
                aeon_log_debug("%s: HTTP/2: %s: the connection ends", peer, nghttp2_http2_strerror(c->verdict));
        if (c->verdict)
                break_off(c, c->verdict);
        aeon__http2_flush(c);
}

/* Much comes: more room, until nothing is under way. */
static char *room_for_more(struct http2 *c)
{
        if (!c->large)
                c->large = malloc(LARGE);
        return c->large;
}

/* Read once: the count, 0 when it is time to look at something else, or an error. */
static ssize_t read_some(struct http2 *c, char *room, size_t size)
{
        aeon_scope_open(&c->waiting, &(aeon_scope_opts){ .deadline = deadline_of(c), .shield = c->running > 0, .name = "HTTP/2" });
        c->is_waiting = true;
        ssize_t n = aeon_stream_read(c->link->stream, room, size);
        c->is_waiting = false;
        int r = aeon_scope_close(&c->waiting, n < 0 ? (int)n : 0);
        if (n >= 0)
                return n ? n : -ECONNRESET;
        if (r == -ETIMEDOUT)
                end_by_time(c);
        return r == -ETIMEDOUT ? 0 : r;
}

static void receive(struct http2 *c)
{
        char small[SMALL];
        bool full = false;
        while (!c->broken && !c->ending && (nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session))) {
                char *room = full ? room_for_more(c) : NULL;
                ssize_t n = room ? read_some(c, room, LARGE) : read_some(c, small, SMALL);
                full = room ? n > SMALL / 2 : n == SMALL;
                if (n > 0)
                        feed(c, room ? room : small, (size_t)n);
                else if (n < 0)
                        c->broken = (int)n;
                if (!c->running && c->large) {
                        free(c->large);
                        c->large = NULL;
                }
        }
}

/* ------------------------------------------------------------------ the end */

static void abandon_streams(struct http2 *c)
{
        struct http2_stream *s;
        list_foreach (s, &c->streams, place) {
                if (s->running && !s->reply_ended)
                        aeon__exchange_abandon(&s->req);
                aeon__http2_stream_wake(s);
        }
}

/* Until the other tasks of this connection have ended. */
static void await_others(struct http2 *c)
{
        while (c->running || c->writing) {
                aeon_scope_open(&c->waiting, &(aeon_scope_opts){ .shield = true, .name = "HTTP/2 end" });
                c->is_waiting = true;
                int r = aeon_sleep_until(AEON_NEVER);
                c->is_waiting = false;
                aeon_scope_close(&c->waiting, r);
        }
}

static void linger(struct http2 *c)
{
        char dropped[SMALL];
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(LINGER), .name = "linger" });
        ssize_t n = aeon_stream_shutdown(c->link->stream);
        if (n == 0)
                do
                        n = aeon_stream_read(c->link->stream, dropped, sizeof dropped);
                while (n > 0);
        aeon_scope_close(&s, n < 0 ? (int)n : 0);
}

static void end(struct http2 *c)
{
        if (c->broken == -ECANCELED) { /* the client is still there */
                c->broken = 0;
                nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
                aeon__http2_flush(c);
        }
        c->ending = true;
        c->end_by = aeon_now() + AEON_SECONDS(LINGER);
        if (c->is_sending && c->end_by < aeon_scope_deadline(&c->sending))
                aeon_scope_set_deadline(&c->sending, c->end_by);
        abandon_streams(c);
        await_others(c);
        if (!c->broken)
                linger(c);
}

static void http2_free(struct http2 *c)
{
        struct list *place;
        while ((place = list_pop(&c->streams)))
                aeon__http2_stream_free(container_of(place, struct http2_stream, place));
        nghttp2_session_del(c->session);
        free(c->large);
        free(c);
}

static struct http2 *http2_new(struct http_link *link)
{
        struct http2 *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->link = link;
        c->idle_since = aeon_now();
        c->last_id = -1;
        list_init(&c->streams);
        if (aeon__http2_session_new(c) == 0)
                return c;
        http2_free(c);
        return NULL;
}

static void serve(struct http_link *link, aeon_bytes received)
{
        struct http2 *c = http2_new(link);
        if (!c) {
                aeon_log_error("%s: HTTP/2 connection: no memory", aeon_stream_peer(link->stream));
                return;
        }
        link->speaker = c;
        link->ops = &link_ops;
        if (received.size)
                feed(c, received.data, received.size);
        if (link->server->closing)
                quiesce(link);
        aeon__http2_flush(c);
        receive(c);
        end(c);
        http2_free(c);
}

AEON_API const struct http_protocol aeon__http2_protocol = { .serve = serve };
