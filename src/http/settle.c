/* From a handler's result to the reply: statuses, and the body that tells of an error.
 *
 * DESIGN
 *   Every error that the server answers by itself has one shape, RFC 9457's:
 *
 *       {"title":"Bad Request","status":400,"detail":"order: id: missing","errors":[{"in":"body","path":"id","detail":"missing"}]}
 *
 *   `detail` is there when clients may see it: in debugging, and when it is about what they sent. `errors` lists all that is wrong
 *   with a body, a query, a form or a path that had to be a record.
 */
#include "base/log.h"
#include "base/text.h"
#include "http/middleware.h"
#include "http/server.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the body of an error */

void aeon__reply_problem(aeon_request *req, int status, const char *detail, const char *errors)
{
        struct text json = { 0 };
        aeon__text_print(&json, "{\"title\":\"%s\",\"status\":%d", aeon__http_status_name(status), status);
        if (detail) {
                aeon__text_print(&json, ",\"detail\":");
                aeon__json_add_string(&json, detail);
        }
        if (errors)
                aeon__text_print(&json, ",\"errors\":%s", errors);
        aeon__text_print(&json, "}");
        if (json.failed || aeon__reply_keep(req, status, "application/problem+json", json.data, json.length) < 0) {
                req->status = (uint16_t)status;
                req->content_type = NULL;
                aeon__http_buffer_clear(&req->reply);
        }
        aeon__text_done(&json);
}

/* ------------------------------------------------------------------ statuses */

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

int aeon__request_wrong(aeon_request *req, int code, int status)
{
        req->body_error = code;
        req->body_status = (uint16_t)status;
        return code;
}

int aeon__request_settle(aeon_request *req, int r, size_t kept)
{
        if (req->reply_state != REPLY_KEPT)
                return r;
        if (r >= 0) {
                req->settled = 0;
                req->failure = NULL;
                return req->status || aeon_reply_status(req, 204) == 0 ? r : -ENOMEM;
        }
        if (r == req->settled)
                return r;
        bool told = is_of_body(req, r) && req->explanation;
        const char *words = aeon_error_describe(r);
        words = aeon__request_copy(req, words, strlen(words));
        words = words ? words : "out of memory";
        const char *shown = req->server->limits.debug ? words : told ? req->explanation : NULL;
        if (!req->settled && buffer_size(&req->headers) > kept) /* once settled, all headers are of those who stand around */
                req->headers.end = req->headers.start + kept;
        req->settled = r;
        req->failure = words;
        if (told && req->remedy)
                aeon__http_buffer_add_text(&req->headers, req->remedy);
        aeon__reply_problem(req, status_for(req, r), shown, told ? req->problems : NULL);
        return r;
}
