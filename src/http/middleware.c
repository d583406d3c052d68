/* The chain of middleware.h. */
#include "http/middleware.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

struct chain {
        aeon_request *req;
        const struct http_router *router;
        const struct http_route *others; /* of the path, for other methods; without a route only */
        int routed;                      /* what routing gave: 0, or why the path is refused */
};

struct aeon_next {
        const struct chain *chain;
        size_t position; /* of what comes next, the app's functions and the route's counted through */
        bool run;
};

/* ------------------------------------------------------------------ in place of a handler */

static int answer_without_route(aeon_request *req, const struct http_route *others)
{
        char methods[256];
        if (!strcmp(req->path, "*")) /* OPTIONS for the server as a whole */
                return aeon_reply_status(req, 204);
        if (!others) {
                aeon__reply_problem(req, 404, NULL, NULL);
                return 0;
        }
        aeon__router_methods(others, methods, sizeof methods);
        int r = aeon_reply_header(req, "Allow", methods);
        if (r == 0 && !strcmp(req->method, "OPTIONS"))
                return aeon_reply_status(req, 204);
        if (r == 0)
                aeon__reply_problem(req, 405, NULL, NULL);
        return r;
}

static int answer(const struct chain *chain)
{
        aeon_request *req = chain->req;
        if (chain->routed < 0)
                return chain->routed;
        return req->route ? req->route->handler(req) : answer_without_route(req, chain->others);
}

/* ------------------------------------------------------------------ the chain */

static aeon_middleware_fn *function_at(const struct chain *chain, size_t position)
{
        const struct http_route *route = chain->req->route;
        if (position < chain->router->middleware_count)
                return chain->router->middleware[position];
        return route && route->middleware ? route->middleware[position - chain->router->middleware_count] : NULL;
}

static int run_from(const struct chain *chain, size_t position)
{
        aeon_request *req = chain->req;
        size_t kept = buffer_size(&req->headers);
        struct aeon_next next = { .chain = chain, .position = position + 1 };
        aeon_middleware_fn *fn = function_at(chain, position);
        return aeon__request_settle(req, fn ? fn(req, &next) : answer(chain), kept);
}

int aeon_next_run(aeon_next *next)
{
        if (next->run)
                return aeon_fail(-EALREADY, "middleware: aeon_next_run() was called twice");
        next->run = true;
        return run_from(next->chain, next->position);
}

/* ------------------------------------------------------------------ routing */

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

int aeon__router_answer(const struct http_router *router, aeon_request *req)
{
        struct http_match match;
        struct chain chain = { .req = req, .router = router };
        chain.routed = aeon__router_match(router, req->method, req->path, &match);
        chain.others = match.others;
        if (chain.routed == 0 && match.route)
                chain.routed = decode_params(req, &match);
        if (chain.routed == 0)
                req->route = match.route;
        if (req->route && req->route->opts.timeout)
                aeon_scope_set_deadline(&req->handling.scope, aeon_now() + req->route->opts.timeout);
        return run_from(&chain, 0);
}

/* ------------------------------------------------------------------ declaring */

int aeon__router_use(struct http_router *router, aeon_middleware_fn *fn)
{
        aeon_middleware_fn **list = realloc(router->middleware, (router->middleware_count + 1) * sizeof *list);
        if (!list)
                return aeon_fail(-ENOMEM, "middleware");
        list[router->middleware_count++] = fn;
        router->middleware = list;
        return 0;
}
