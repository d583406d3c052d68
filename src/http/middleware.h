/* Middleware: the functions around a handler, and what becomes of results.
 *
 * DESIGN
 *   A request is routed first, so that every function around the handler knows its route and its parameters. Then the app's functions
 *   run, outermost first, then those of the route, then the handler; where there is no route, the answer to that (404, 405, OPTIONS)
 *   stands in its place.
 *
 *       app's first ( app's second ( route's first ( handler ) ) )
 *
 *   After each of them its result is SETTLED: a failure becomes the reply at once. So whoever stands around it sees the reply that
 *   the client will get, and what it adds to that reply stays. A failure that a function merely passes on is settled already.
 */
#pragma once

#include "http/request.h"
#include "http/router.h"

/* Turn @r into the reply: a failure into its status, replacing the headers after the first @kept bytes of them; success without a
 * reply into 204. Nothing happens for a failure that is settled already, or when the reply is on its way. Returns @r. */
int aeon__request_settle(aeon_request *req, int r, size_t kept);

/* Route @req by @router, run what stands around the handler, and the handler. The result is settled. */
AEON_SUSPENDS int aeon__router_answer(const struct http_router *router, aeon_request *req);

/* Tell of a request that has its reply: one line, if its listener has an access log or it failed (@failure, NULL: it did not).
 * @status 499: the client went. */
void aeon__access_log(aeon_request *req, int status, const char *failure);

/* The same of one that failed when its reply was on its way; @cut: the client got a fragment. */
void aeon__access_log_streamed(aeon_request *req, bool cut, const char *failure);

/* The request task begins: give it the request's id, and its place in a trace if it has one. */
void aeon__request_identify(aeon_request *req);

/* The request's span: inside the caller's trace, if there is one. Until the task that began it ends it, with what was answered; 499: the client
 * went. */
void aeon__request_trace_begin(aeon_request *req);
void aeon__request_trace_end(aeon_request *req, int status, const char *failure);
