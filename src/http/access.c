/* The access log: one line per request, which counts it, too.
 *
 *       GET /users/7 200 bytes=13 ms=0.4 peer=127.0.0.1:40312 route="GET /users/{id}" request_id=496f22e7ca20b7e3
 *       GET /users/8 404: user 8 bytes=36 ms=0.3 ...
 *
 * In JSON the method, the path and the status are fields of their own, too. The query is left out: secrets travel in it. The logger
 * sees to it that what clients sent forges no lines. */
#include "base/log.h"
#include "http/meter.h"
#include "http/middleware.h"
#include "http/server.h"

#include <aeon/log.h>

enum { FIELDS = 8 };

static void write_line(const aeon_request *req, aeon_log_level level, int status, const char *what, const char *failure)
{
        bool streamed = req->reply_state != REPLY_KEPT, answered = status != 499 && !aeon__reply_is_bare(req);
        size_t bytes = streamed ? (size_t)req->reply_written : answered ? buffer_size(&req->reply) : 0;
        aeon_log_field fields[FIELDS] = {
                { .name = "bytes", .number = (double)bytes },
                { .name = "ms", .number = (double)(int64_t)((double)(aeon_now() - req->begun) / 1e3) / 1e3 },
                { .name = "peer", .text = aeon_request_peer(req) },
        };
        size_t count = 3;
        if (req->route)
                fields[count++] = (aeon_log_field){ .name = "route", .text = req->route->pattern };
        if (aeon__log_is_json()) {
                fields[count++] = (aeon_log_field){ .name = "method", .text = req->method };
                fields[count++] = (aeon_log_field){ .name = "path", .text = req->path };
                fields[count++] = (aeon_log_field){ .name = "status", .number = status };
        }
        aeon_log_fields(level, fields, "%s %s %d%s%s%s", req->method, req->path, status, what, failure ? ": " : "",
                        failure ? failure : "");
}

void aeon__access_log(aeon_request *req, int status, const char *failure)
{
        aeon__http_count_end(req, status);
        aeon__request_trace_end(req, status, failure);
        bool wanted = req->server->limits.access_log || failure;
        aeon_log_level level = status >= 500 ? AEON_LOG_ERROR : wanted ? AEON_LOG_INFO : AEON_LOG_DEBUG;
        if (aeon_log_enabled(level))
                write_line(req, level, status, "", failure);
}

void aeon__access_log_streamed(aeon_request *req, bool cut, const char *failure)
{
        aeon__http_count_end(req, req->status);
        aeon__request_trace_end(req, req->status, failure ? failure : "cut off");
        aeon_log_level level = req->client_gone ? AEON_LOG_INFO : AEON_LOG_ERROR;
        if (aeon_log_enabled(level))
                write_line(req, level, req->status, cut ? " cut off" : "", failure);
}
