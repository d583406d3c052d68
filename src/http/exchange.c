/* The request task: from a complete head to the reply.
 *
 * DESIGN
 *   The handler runs in a scope of its own (req->handling), which the connection task cancels when the client goes. The reply is sent
 *   outside of it: a handler that needed nothing that suspends answers a client that has only closed its sending side.
 */
#include "http/connection.h"

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
static void settle_failure(struct http_connection *c, int r)
{
        aeon_request *req = &c->request;
        int status = status_for(req, r);
        const char *text = aeon_error_describe(r);
        aeon_log(status >= 500 ? AEON_LOG_ERROR : AEON_LOG_INFO, "%s %s %d %s", req->method, req->path, status, text);
        aeon__http_buffer_clear(&req->headers);
        bool shown = c->server->limits.debug || (req->body_explained && is_of_body(req, r));
        aeon__reply_status_text(req, status, shown ? text : NULL);
}

/* The result of the handler. A cancel by the client's end is -ECANCELED still, though its scope absorbed it. */
static int run_handler(struct http_connection *c)
{
        aeon_request *req = &c->request;
        aeon_handling_enter(&req->handling);
        int r = c->server->answer(req);
        int e = aeon_handling_close(&req->handling, r);
        return r < 0 && e == 0 ? r : e;
}

/* To a handler that was cancelled by a stop a second is left to say so. */
static void send_reply(struct http_connection *c)
{
        bool late = aeon_cancelled();
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = late, .timeout = late ? AEON_SECONDS(1) : 0, .name = "reply" });
        int r = aeon_scope_close(&s, aeon__reply_send(&c->request));
        if (r < 0) {
                c->close = true;
                aeon_log_debug("%s %s: reply: %s", c->request.method, c->request.path, aeon_error_describe(r));
        }
}

int aeon__exchange_run(void *arg)
{
        struct http_connection *c = arg;
        aeon_request *req = &c->request;
        int r = run_handler(c);
        bool unheard = r < 0 && c->client_gone && (r == -ECANCELED || r == -ECONNRESET);
        if (unheard)
                aeon_log_info("%s %s 499 client disconnected", req->method, req->path);
        else if (r < 0)
                settle_failure(c, r);
        else if (!req->status)
                aeon_reply_status(req, 204);

        if (!aeon__request_skip_body(req) || c->server->closing || c->client_gone || aeon_cancelled())
                c->close = true;
        if (!unheard)
                send_reply(c);
        if (!unheard && r >= 0)
                aeon_log_debug("%s %s %d", req->method, req->path, req->status);
        c->in_request = false;
        aeon_scope_cancel(&c->waiting, "the request has ended");
        return 0;
}
