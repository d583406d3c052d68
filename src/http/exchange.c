/* The request task: from a complete head to the reply.
 *
 * DESIGN
 *   The handler runs in a scope of its own (req->handling), which the connection cancels when the client goes. The kept reply is
 *   sent outside of it: a handler that needed nothing that suspends answers a client that has only closed its sending side.
 */
#include "http/exchange.h"

#include "http/server.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <string.h>

/* ------------------------------------------------------------------ which handler */

static int decode_params(aeon_request *req, const struct http_match *match)
{
        for (size_t i = 0; i < match->route->param_count; i++) {
                char *value = aeon__request_alloc(req, match->params[i].size + 1);
                if (!value)
                        return aeon_fail(-ENOMEM, "path parameters");
                aeon__url_decode(value, match->params[i].start, match->params[i].size, false);
                req->params[i] = value;
        }
        return 0;
}

static int answer_without_route(aeon_request *req, const struct http_route *others)
{
        char methods[256];
        if (!strcmp(req->path, "*")) /* OPTIONS for the server as a whole */
                return aeon_reply_status(req, 204);
        if (!others) {
                aeon__reply_status_text(req, 404, NULL);
                return 0;
        }
        aeon__router_methods(others, methods, sizeof methods);
        int r = aeon_reply_header(req, "Allow", methods);
        if (r == 0 && !strcmp(req->method, "OPTIONS"))
                return aeon_reply_status(req, 204);
        if (r == 0)
                aeon__reply_status_text(req, 405, NULL);
        return r;
}

int aeon__router_answer(const struct http_router *router, aeon_request *req)
{
        struct http_match match;
        int r = aeon__router_match(router, req->method, req->path, &match);
        if (r < 0)
                return r;
        if (!match.route)
                return answer_without_route(req, match.others);
        r = decode_params(req, &match);
        if (r < 0)
                return r;
        req->route = match.route;
        if (match.route->opts.timeout)
                aeon_scope_set_deadline(&req->handling.scope, aeon_now() + match.route->opts.timeout);
        return match.route->handler(req);
}

/* ------------------------------------------------------------------ what becomes of its result */

/* The handler hands out what receiving the body gave. */
static bool is_of_body(const aeon_request *req, int code)
{
        return req->body_status && code == req->body_error;
}

static int status_for(const aeon_request *req, int code)
{
        if (is_of_body(req, code))
                return req->body_status;
        switch (code) {
        case -EINVAL:
                return 400;
        case -EACCES:
                return 403;
        case -ENOENT:
                return 404;
        case -ECANCELED:
                return 503;
        case -ETIMEDOUT:
                return 504;
        default:
                return 500;
        }
}

/* Turn the handler's failure into the reply to send. */
static void settle_failure(aeon_request *req, int r)
{
        int status = status_for(req, r);
        const char *text = aeon_error_describe(r);
        aeon_log(status >= 500 ? AEON_LOG_ERROR : AEON_LOG_INFO, "%s %s %d %s", req->method, req->path, status, text);
        aeon__http_buffer_clear(&req->headers);
        bool shown = req->server->limits.debug || (req->body_explained && is_of_body(req, r));
        aeon__reply_status_text(req, status, shown ? text : NULL);
}

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
        bool late = aeon_cancelled();
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = late, .timeout = late ? AEON_SECONDS(1) : 0, .name = "reply" });
        return aeon_scope_close(&s, send(req));
}

/* Nobody hears what the handler came to. */
static bool is_unheard(const aeon_request *req, int r)
{
        return r < 0 && req->client_gone && (r == -ECANCELED || r == -ECONNRESET);
}

static void finish_kept(aeon_request *req, int r)
{
        if (is_unheard(req, r)) {
                aeon_log_info("%s %s 499 client disconnected", req->method, req->path);
                req->ops->leave_body(req);
                return;
        }
        if (r < 0)
                settle_failure(req, r);
        else if (!req->status)
                aeon_reply_status(req, 204);
        req->ops->leave_body(req);
        int e = send_late(req, req->ops->send);
        if (e < 0)
                aeon_log_debug("%s %s: reply: %s", req->method, req->path, aeon_error_describe(e));
        else if (r >= 0)
                aeon_log_debug("%s %s %d", req->method, req->path, req->status);
}

/* What has left cannot be taken back: a reply that did not come to its end is cut off, so that the client sees it. */
static void finish_streamed(aeon_request *req, int r)
{
        unsigned long long written = req->reply_written;
        if (r >= 0 && req->reply_state == REPLY_BEGUN)
                r = send_late(req, aeon_reply_end);
        if (req->reply_state == REPLY_BEGUN)
                req->ops->cut(req);
        if (is_unheard(req, r))
                aeon_log_info("%s %s 499 client disconnected after %llu bytes", req->method, req->path, written);
        else if (r < 0)
                aeon_log(req->client_gone ? AEON_LOG_INFO : AEON_LOG_ERROR, "%s %s %d %s after %llu bytes: %s", req->method,
                         req->path, req->status, req->reply_state == REPLY_BEGUN ? "cut off" : "failed", written,
                         aeon_error_describe(r));
        else
                aeon_log_debug("%s %s %d", req->method, req->path, req->status);
}

static void finish_upgraded(aeon_request *req, int r)
{
        bool usual = r >= 0 || r == -ECONNRESET || r == -EPIPE || r == -ECANCELED;
        aeon_log(usual ? AEON_LOG_DEBUG : AEON_LOG_ERROR, "%s %s 101 %s", req->method, req->path,
                 r < 0 ? aeon_error_describe(r) : "ended");
}

static int exchange_run(void *arg)
{
        aeon_request *req = arg;
        int r = run_handler(req);
        if (req->reply_state == REPLY_UPGRADED)
                finish_upgraded(req, r);
        else if (req->reply_state == REPLY_KEPT)
                finish_kept(req, r);
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
