/* The request task: from a complete head to the reply.
 *
 * DESIGN
 *   The handler runs in a scope of its own (req->handling), which the connection cancels when the client goes. The kept reply is
 *   sent outside of it: a handler that needed nothing that suspends answers a client that has only closed its sending side.
 */
#include "http/exchange.h"

#include "http/meter.h"
#include "http/middleware.h"
#include "http/server.h"
#include "http/websocket.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <string.h>

/* The result of the handler. A cancel by the client's end is -ECANCELED still, though its scope absorbed it. */
static int run_handler(aeon_request *req)
{
        aeon_handling_enter(&req->handling);
        int r = req->server->answer(req);
        int e = aeon_handling_close(&req->handling, r);
        return r < 0 && e == 0 ? r : e;
}

/* To a handler that was cancelled by a stop a second is left to say so. */
static int send_late(aeon_request *req, int (*send)(aeon_request *req))
{
        if (!aeon_cancelled())
                return send(req);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(1), .name = "reply" });
        return aeon_scope_close(&s, send(req));
}

/* Nobody hears what the handler came to. */
static bool is_unheard(const aeon_request *req, int r)
{
        return r < 0 && req->client_gone && (r == -ECANCELED || r == -ECONNRESET);
}

static void finish_kept(aeon_request *req, int r, size_t kept)
{
        if (is_unheard(req, r)) {
                aeon__access_log(req, 499, "client disconnected");
                req->ops->leave_body(req);
                return;
        }
        aeon__request_settle(req, r, kept);
        req->ops->leave_body(req);
        int e = send_late(req, req->ops->send);
        if (e < 0)
                aeon_log_debug("%s %s: reply: %s", req->method, req->path, aeon_error_describe(e));
        aeon__access_log(req, req->status, req->failure);
}

/* What has left cannot be taken back: a reply that did not come to its end is cut off, so that the client sees it. */
static void finish_streamed(aeon_request *req, int r)
{
        if (r >= 0 && req->reply_state == REPLY_BEGUN)
                r = send_late(req, aeon_reply_end);
        bool cut = req->reply_state == REPLY_BEGUN;
        if (cut)
                req->ops->cut(req);
        if (is_unheard(req, r))
                aeon__access_log(req, 499, "client disconnected");
        else if (r < 0)
                aeon__access_log_streamed(req, cut, aeon_error_describe(r));
        else
                aeon__access_log(req, req->status, NULL);
}

static void finish_upgraded(aeon_request *req, int r)
{
        bool usual = r >= 0 || r == -ECONNRESET || r == -EPIPE || r == -ECANCELED;
        const char *words = usual ? "" : aeon_error_describe(r);
        words = aeon__request_copy(req, words, strlen(words)); /* of the handler, not of what follows */
        words = words ? words : "out of memory";
        bool of_client = req->websocket && aeon__websocket_end(req->websocket, r);
        if (usual || of_client)
                aeon__access_log(req, 101, usual ? NULL : words);
        else
                aeon__access_log_streamed(req, false, words);
}

static int exchange_run(void *arg)
{
        aeon_request *req = arg;
        req->begun = aeon_now();
        aeon__http_count_begin(req);
        aeon__request_identify(req);
        size_t kept = buffer_size(&req->headers);
        int r = run_handler(req);
        if (req->reply_state == REPLY_UPGRADED)
                finish_upgraded(req, r);
        else if (req->reply_state == REPLY_KEPT)
                finish_kept(req, r, kept);
        else
                finish_streamed(req, r);
        req->ops->done(req);
        return 0;
}

/* ------------------------------------------------------------------ for the connection */

/* "GET /users/7", for whoever looks at the tasks. */
static void name_of(const aeon_request *req, char *name, size_t size)
{
        size_t method = strnlen(req->method, size - 2), path = strnlen(req->path, size - 2 - method);
        memcpy(name, req->method, method);
        name[method] = ' ';
        memcpy(name + method + 1, req->path, path);
        name[method + 1 + path] = '\0';
}

int aeon__exchange_start(aeon_request *req)
{
        char name[32];
        name_of(req, name, sizeof name);
        aeon_handling_init(&req->handling, &(aeon_scope_opts){ .name = "request" });
        return req->server->spawn(req->server->spawner, name, exchange_run, req);
}

void aeon__exchange_abandon(aeon_request *req)
{
        if (req->client_gone)
                return;
        req->client_gone = true;
        aeon_scope_cancel(&req->handling.scope, "client disconnected");
}

int aeon__request_upgrade(aeon_request *req, const char *protocol, aeon_stream **ret_stream, aeon_bytes *ret_received)
{
        if (!req->ops->upgrade)
                return aeon_fail(-ENOTSUP, "%s %s: this connection cannot become another protocol's", req->method, req->path);
        if (req->reply_state != REPLY_KEPT)
                return aeon_fail(-EALREADY, "a reply to %s %s has begun", req->method, req->path);
        if (req->body_state != BODY_NONE)
                return aeon_fail(-EINVAL, "%s %s: the body was not received", req->method, req->path);
        int r = req->ops->upgrade(req, protocol, ret_stream, ret_received);
        if (r == 0)
                req->reply_state = REPLY_UPGRADED;
        return r;
}
