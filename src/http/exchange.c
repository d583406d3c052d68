/* The request task: from a complete head to the reply.
 *
 * DESIGN
 *   The handler runs in a scope of its own (req->handling), which the connection task cancels when the client goes. The reply is sent
 *   outside of it: a handler that needed nothing that suspends answers a client that has only closed its sending side.
 */
#include "http/connection.h"
#include "http/middleware.h"

#include <aeon/error.h>
#include <aeon/log.h>

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
        req->begun = aeon_now();
        aeon__request_identify(req);
        int r = run_handler(c);
        bool unheard = r < 0 && c->client_gone && (r == -ECANCELED || r == -ECONNRESET);
        if (!unheard)
                aeon__request_settle(req, r, 0);

        if (!aeon__request_skip_body(req) || c->server->closing || c->client_gone || aeon_cancelled())
                c->close = true;
        if (!unheard)
                send_reply(c);
        aeon__access_log(req, unheard ? 499 : req->status);
        c->in_request = false;
        aeon_scope_cancel(&c->waiting, "the request has ended");
        return 0;
}
