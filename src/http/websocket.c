/* WebSockets as their handlers see them; see websocket.h for the layers and who writes when. */
#include "http/websocket.h"
#include "base/module.h"
#include "http/connection.h"

#include <aeon/error.h>
#include <errno.h>
#include <string.h>

enum {
        MAX_MESSAGE = 1 << 20,
        OUT_LIMIT = 16384, /* of control frames that wait for a slow client */
        LINGER_LIMIT = 1 << 20,
};

#define CLOSE_TIME AEON_SECONDS(5)

static aeon_time time_after(aeon_duration duration)
{
        aeon_time now = aeon_now();
        return duration < AEON_NEVER - now ? now + duration : AEON_NEVER;
}

/* ------------------------------------------------------------------ writing */

static int add_control(struct aeon_websocket *ws, unsigned opcode, const void *data, size_t size)
{
        unsigned char head[WEBSOCKET_HEAD_LIMIT];
        size_t head_size = ws->in.engine->head(ws->in.codec, opcode, data, size, head);
        int r = aeon__http_buffer_reserve(&ws->out, head_size + size);
        if (r < 0)
                return aeon_fail(r, "WebSocket");
        aeon__http_buffer_add(&ws->out, head, head_size);
        return aeon__http_buffer_add(&ws->out, data, size);
}

/* Send what waits in `out`, then a message (NULL @head: none). `writing` is held, so others only add to `out`; what was being sent when it
 * failed goes back there: if nothing of it has left, it still can. */
static int write_message(struct aeon_websocket *ws, const void *head, size_t head_size, const void *data, size_t size)
{
        struct http_buffer going = ws->out;
        aeon_bytes pieces[] = { { going.data ? buffer_bytes(&going) : "", buffer_size(&going) },
                                { head, head_size },
                                { data, size } };
        ws->out = (struct http_buffer){ 0 };
        int r = aeon__connection_write(connection_of(ws->req), pieces, head ? size ? 3 : 2 : 1);
        if (r < 0 && !buffer_size(&ws->out)) {
                aeon__http_buffer_done(&ws->out);
                ws->out = going;
        } else {
                aeon__http_buffer_done(&going);
        }
        if (r >= 0 || r == -ECANCELED || r == -ENOMEM)
                return r;
        ws->broken = true;
        if (r == -ETIMEDOUT)
                return aeon_fail(r, "WebSocket: the client takes messages too slowly");
        return aeon_fail(-ECONNRESET, "WebSocket: the client has gone");
}

/* Send what waits, also what is added meanwhile. `writing` is held. */
static int write_out(struct aeon_websocket *ws)
{
        int r = 0;
        while (r == 0 && buffer_size(&ws->out) && !ws->broken)
                r = write_message(ws, NULL, 0, NULL, 0);
        return r;
}

static int flush(struct aeon_websocket *ws)
{
        if (!buffer_size(&ws->out))
                return 0;
        int r = aeon_mutex_lock(ws->writing);
        if (r < 0)
                return r;
        r = write_out(ws);
        aeon_mutex_unlock(ws->writing);
        return r;
}

/* The same for who has better things to do than to wait for those who write: they will do it. */
static int flush_if_free(struct aeon_websocket *ws)
{
        if (!buffer_size(&ws->out))
                return 0;
        int r = aeon_mutex_try_lock(ws->writing);
        if (r == -EAGAIN)
                return buffer_size(&ws->out) > OUT_LIMIT ? flush(ws) : 0;
        if (r < 0)
                return r;
        r = write_out(ws);
        aeon_mutex_unlock(ws->writing);
        return r;
}

/* Why nothing can be sent; 0: it can. */
static int check_open(const struct aeon_websocket *ws)
{
        if (ws->broken)
                return aeon_fail(-ECONNRESET, "WebSocket: the client has gone");
        return ws->close_sent ? aeon_fail(-EPIPE, "the WebSocket is closed") : 0;
}

int aeon_websocket_send(aeon_websocket *ws, aeon_websocket_kind kind, const void *data, size_t size)
{
        unsigned char head[WEBSOCKET_HEAD_LIMIT];
        if (kind != AEON_WEBSOCKET_TEXT && kind != AEON_WEBSOCKET_BINARY)
                return aeon_fail(-EINVAL, "no kind of WebSocket message is %d", (int)kind);
        if (kind == AEON_WEBSOCKET_TEXT && aeon__websocket_utf8(data, size) < size)
                return aeon_fail(-EINVAL, "a text for a WebSocket is no UTF-8");
        int r = check_open(ws);
        if (r == 0)
                r = aeon_mutex_lock(ws->writing);
        if (r < 0)
                return r;
        r = check_open(ws);
        if (r == 0)
                r = write_message(ws, head, ws->in.engine->head(ws->in.codec, (unsigned)kind, data, size, head), data, size);
        int e = r == 0 || r == -EPIPE ? write_out(ws) : 0;
        aeon_mutex_unlock(ws->writing);
        return r < 0 ? r : e;
}

/* ------------------------------------------------------------------ waiting for the client */

static int ping(struct aeon_websocket *ws)
{
        int r = ws->close_sent ? 0 : add_control(ws, WEBSOCKET_PING, "", 0);
        ws->pinged = true;
        ws->due = time_after(ws->ping);
        return r < 0 ? r : flush_if_free(ws);
}

/* Wait for the client until the next thing is due: how many bytes came; or 0 or an error, which ends the wait; -EAGAIN: it goes on. */
static ssize_t read_once(struct aeon_websocket *ws, void *buffer, size_t size)
{
        aeon_time until = ws->close_sent && ws->close_by < ws->due ? ws->close_by : ws->due;
        aeon_scope_open(&ws->reading, &(aeon_scope_opts){ .deadline = until, .name = "WebSocket" });
        ws->waiting = true;
        ssize_t n = aeon_stream_read(ws->stream, buffer, size);
        ws->waiting = false;
        int r = aeon_scope_close(&ws->reading, n < 0 ? (int)n : 0);
        if (n > 0) {
                ws->pinged = false;
                ws->due = time_after(ws->ping);
                return n;
        }
        if (n == -ECANCELED && r == 0) /* by us: the server stops */
                return 0;
        if (r == -ETIMEDOUT && ws->close_sent && aeon_now() >= ws->close_by) {
                ws->broken = true;
                return 0;
        }
        if (r == -ETIMEDOUT && !ws->pinged)
                r = ping(ws);
        else if (r == -ETIMEDOUT)
                r = aeon_fail(-ECONNRESET, "WebSocket: the client does not answer");
        else if (r != -ECANCELED && r != -ENOMEM)
                r = aeon_fail(-ECONNRESET, "WebSocket: the client has gone");
        ws->broken |= r == -ECONNRESET;
        return r < 0 ? r : -EAGAIN;
}

static size_t pull(void *arg, void *buffer, size_t size)
{
        struct aeon_websocket *ws = arg;
        if (ws->early.size) {
                size_t n = ws->early.size < size ? ws->early.size : size;
                memcpy(buffer, ws->early.data, n);
                ws->early.data = (const char *)ws->early.data + n;
                ws->early.size -= n;
                return n;
        }
        ssize_t n = flush_if_free(ws);
        if (n == 0)
                do
                        n = ws->draining && !ws->close_sent ? 0 : read_once(ws, buffer, size);
                while (n == -EAGAIN);
        ws->pulled = n < 0 ? (int)n : 0;
        return n > 0 ? (size_t)n : 0;
}

/* ------------------------------------------------------------------ receiving */

/* Our close, of two bytes and a reason, or of none when the client gave none. */
static int say_close(struct aeon_websocket *ws, unsigned code, const char *reason)
{
        char payload[WEBSOCKET_CONTROL_LIMIT + 1] = { (char)(code >> 8), (char)code };
        size_t size = strlen(reason);
        strcpy(payload + 2, reason);
        int r = add_control(ws, WEBSOCKET_CLOSE, payload, code == 1005 ? 0 : size + 2);
        if (r < 0)
                return r;
        ws->close_sent = true;
        ws->close_by = time_after(CLOSE_TIME);
        if (ws->waiting) /* somebody who would wait for longer */
                aeon_scope_set_deadline(&ws->reading, ws->close_by < ws->due ? ws->close_by : ws->due);
        return 0;
}

static int on_close(struct aeon_websocket *ws)
{
        ws->closed = true;
        ws->close_code = ws->in.code;
        int r = ws->close_sent ? 0 : say_close(ws, ws->in.code, "");
        return r < 0 ? r : flush(ws);
}

static int on_failure(struct aeon_websocket *ws, int error)
{
        ws->failed = error;
        int r = ws->close_sent ? 0 : say_close(ws, ws->in.code, ws->in.reason);
        r = r < 0 ? r : flush(ws);
        return r == -ECANCELED ? r : aeon_fail(error, "WebSocket: %s", ws->in.reason);
}

/* 1: ws->in has a message; 0: the handler is to end, or the client has answered our close. */
static int receive(struct aeon_websocket *ws)
{
        while (!ws->closed && !ws->broken && (ws->close_sent || !ws->draining)) {
                int r = aeon__websocket_next(&ws->in);
                if (r == -EAGAIN)
                        return ws->close_sent && ws->broken ? 0 : ws->pulled;
                if (r < 0)
                        return on_failure(ws, r);
                if (r == WEBSOCKET_GOT_CLOSE)
                        return on_close(ws);
                if (r == WEBSOCKET_GOT_PING && !ws->close_sent)
                        r = add_control(ws, WEBSOCKET_PONG, ws->in.control, ws->in.control_size);
                if (r == WEBSOCKET_GOT_MESSAGE && !ws->close_sent) {
                        flush_if_free(ws); /* the handler may be long at it; a failure is the next call's */
                        return 1;
                }
                if (r < 0)
                        return r;
        }
        return ws->close_sent ? 0 : ws->broken ? check_open(ws) : 0;
}

int aeon_websocket_receive(aeon_websocket *ws, aeon_websocket_message *ret_message)
{
        if (ws->receiving)
                return aeon_fail(-EBUSY, "WebSocket: another task is receiving");
        if (ws->failed)
                return aeon_fail(ws->failed, "WebSocket: %s", ws->in.reason);
        if (ws->due <= aeon_now()) { /* the handler was elsewhere: that is not the client's fault */
                ws->due = time_after(ws->ping);
                ws->pinged = false;
        }
        ws->receiving = true;
        int r = aeon_checkpoint(); /* the message may be here already */
        r = r < 0 ? r : receive(ws);
        ws->receiving = false;
        if (r > 0)
                *ret_message = (aeon_websocket_message){
                        .kind = (aeon_websocket_kind)ws->in.kind,
                        .data = buffer_bytes(&ws->in.bytes),
                        .size = buffer_size(&ws->in.bytes),
                };
        return r;
}

/* ------------------------------------------------------------------ the end */

/* Ours leaves, the client's comes. */
static int await_close(struct aeon_websocket *ws)
{
        int r = flush(ws);
        if (r < 0 || ws->receiving || ws->failed)
                return r;
        ws->receiving = true;
        r = receive(ws);
        ws->receiving = false;
        return r;
}

int aeon_websocket_close(aeon_websocket *ws, unsigned code, const char *reason)
{
        size_t size = reason ? strlen(reason) : 0;
        if (!aeon__websocket_is_code(code) || size > WEBSOCKET_CONTROL_LIMIT - 2 || aeon__websocket_utf8(reason, size) < size)
                return aeon_fail(-EINVAL, "a WebSocket cannot be closed with the code %u and a reason of %zu bytes", code, size);
        if (ws->close_sent || ws->broken)
                return 0;
        int r = say_close(ws, code, reason ? reason : "");
        r = r < 0 ? r : await_close(ws);
        return r == -ECANCELED || r == -ENOMEM ? r : 0;
}

unsigned aeon_websocket_close_code(const aeon_websocket *ws)
{
        return ws->close_code;
}

const char *aeon_websocket_protocol(const aeon_websocket *ws)
{
        return ws->protocol;
}

void aeon__websocket_drain(struct aeon_websocket *ws)
{
        ws->draining = true;
        if (ws->waiting && !ws->close_sent)
                aeon_scope_cancel(&ws->reading, "the server stops");
}

/* Over TLS the end has to be said. And a client that had not finished, since it was it that failed, goes on sending: to close at once would
 * make the kernel answer with a reset, which destroys our close on its way. */
static void say_farewell(struct aeon_websocket *ws)
{
        char dropped[1024];
        size_t total = 0;
        ssize_t n = aeon_stream_shutdown(ws->stream);
        if (!ws->failed)
                return;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(2), .name = "linger" });
        while (n >= 0 && total < LINGER_LIMIT && (n = aeon_stream_read(ws->stream, dropped, sizeof dropped)) > 0)
                total += (size_t)n;
        aeon_scope_close(&s, n < 0 ? (int)n : 0);
}

static void websocket_done(struct aeon_websocket *ws)
{
        aeon__websocket_messages_done(&ws->in);
        aeon__http_buffer_done(&ws->out);
        aeon_mutex_free(ws->writing);
}

bool aeon__websocket_end(struct aeon_websocket *ws, int r)
{
        bool late = aeon_cancelled(), of_client = r < 0 && (ws->failed || ws->broken);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = late, .timeout = late ? AEON_SECONDS(1) : 0, .name = "close" });
        int e = ws->close_sent || ws->broken ? 0 : say_close(ws, ws->draining ? 1012 : r < 0 ? 1011 : 1000, "");
        if (e == 0 && !ws->broken)
                e = await_close(ws); /* also of a close whose sending was cancelled */
        if (e == 0 && !ws->broken)
                say_farewell(ws);
        aeon_scope_close(&s, e);
        websocket_done(ws);
        return of_client;
}

/* ------------------------------------------------------------------ the beginning */

static int find_engine(const struct websocket_engine **ret_engine)
{
        const void *found;
        int r = aeon__module_find("websocket", WEBSOCKET_ENGINE_SYMBOL, &found);
        if (r < 0)
                return r;
        *ret_engine = found;
        return 0;
}

/* Everything that may fail for want of memory, before the client hears that it has a WebSocket. */
static int websocket_new(aeon_request *req, const aeon_websocket_opts *opts, const char *protocol, struct aeon_websocket **ret_ws)
{
        struct aeon_websocket *ws = aeon__request_alloc(req, sizeof *ws);
        char *copy = protocol ? aeon__request_copy(req, protocol, strlen(protocol)) : NULL;
        if (!ws || (protocol && !copy))
                return aeon_fail(-ENOMEM, "WebSocket");
        *ws = (struct aeon_websocket){
                .req = req,
                .protocol = copy,
                .in.max_message = opts->max_message ? opts->max_message : MAX_MESSAGE,
                .ping = opts->ping ? opts->ping : AEON_SECONDS(20),
                .draining = req->server->closing,
        };
        int r = find_engine(&ws->in.engine);
        if (r < 0)
                return r;
        r = ws->in.engine->open(pull, ws, &ws->in.codec);
        if (r < 0)
                aeon_fail(r, "WebSocket");
        else
                r = aeon_mutex_new(&ws->writing);
        if (r < 0)
                websocket_done(ws);
        else
                *ret_ws = ws;
        return r;
}

static int upgrade(struct aeon_websocket *ws, const char *answer)
{
        aeon_request *req = ws->req;
        int r = aeon_reply_set_header(req, "Sec-WebSocket-Accept", answer);
        if (r == 0 && ws->protocol)
                r = aeon_reply_set_header(req, "Sec-WebSocket-Protocol", ws->protocol);
        return r < 0 ? r : aeon__request_upgrade(req, "websocket", &ws->stream, &ws->early);
}

int aeon_websocket_accept(aeon_request *req, const aeon_websocket_opts *opts, aeon_websocket **ret_ws)
{
        static const aeon_websocket_opts defaults;
        char answer[32];
        const char *protocol;
        struct aeon_websocket *ws;
        opts = opts ? opts : &defaults;
        if (opts->ping < 0)
                return aeon_fail(-EINVAL, "the ping of a WebSocket is negative");
        int r = aeon__websocket_check(req, opts, answer, &protocol);
        if (r < 0)
                return r;
        r = websocket_new(req, opts, protocol, &ws);
        if (r < 0)
                return r;
        r = upgrade(ws, answer);
        if (r < 0) {
                websocket_done(ws);
                return r;
        }
        ws->due = time_after(ws->ping);
        req->websocket = ws;
        *ret_ws = ws;
        return 0;
}
