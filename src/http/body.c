/* Request bodies, received when the handler asks and not before.
 *
 * DESIGN
 *   aeon_request_read() is the one way in, and the connection's ops->read() what it is made of. Here are the limits: of size for a
 *   body that is kept, of time for all.
 *
 *   The deadline moves with what has come: a body that keeps up 1 KiB a second is never too slow, one that trickles is.
 */
#include "http/exchange.h"
#include "http/server.h"

#include <aeon/error.h>
#include <string.h>

enum { SLOWEST = 1024 /* bytes a second */, SKIPPED_LIMIT = 65536, FIRST_PIECE = 16384 };

int aeon__request_body_broken(aeon_request *req, int code, int status, const char *reason)
{
        req->body_state = BODY_BROKEN;
        req->body_error = code;
        req->body_status = (uint16_t)status;
        req->client_gone |= code == -ECONNRESET;
        return aeon_fail(code, "%s %s: body: %s", req->method, req->path, reason);
}

aeon_time aeon__request_body_deadline(const aeon_request *req)
{
        aeon_duration earned = AEON_SECONDS((aeon_duration)(req->body_received / SLOWEST));
        return req->body_begun + req->server->limits.body_timeout + earned;
}

ssize_t aeon_request_read(aeon_request *req, void *buffer, size_t size)
{
        if (req->body_state == BODY_BROKEN)
                return aeon_fail_os(req->body_error, "%s %s: body", req->method, req->path);
        if (req->body_state == BODY_NONE || !size)
                return 0;
        ssize_t n = req->ops->read(req, buffer, size);
        if (n > 0)
                req->body_received += (uint64_t)n;
        return n;
}

/* ------------------------------------------------------------------ whole */

size_t aeon__request_body_limit(const aeon_request *req)
{
        size_t own = req->route ? req->route->opts.max_body : 0;
        return own ? own : req->server->limits.max_body;
}

static int too_long(aeon_request *req, size_t limit)
{
        req->body_error = -EMSGSIZE;
        req->body_status = 413;
        return aeon_fail(-EMSGSIZE, "%s %s: body: longer than %zu bytes", req->method, req->path, limit);
}

/* More than @limit bytes were announced. */
static bool is_longer(const aeon_request *req, size_t limit)
{
        return req->body_state == BODY_COMING && req->body_left != BODY_UNKNOWN && req->body_left > limit;
}

/* Collect all that is left, and one byte of room for the NUL. */
static int collect(aeon_request *req)
{
        size_t limit = aeon__request_body_limit(req);
        if (is_longer(req, limit))
                return too_long(req, limit);
        while (req->body_state != BODY_NONE) {
                size_t size = buffer_size(&req->body);
                size_t wanted = size < FIRST_PIECE ? FIRST_PIECE : size; /* not all at once: a promise of bytes is no bytes */
                if (wanted > req->body_left)
                        wanted = (size_t)req->body_left;
                if (wanted > limit - size)
                        wanted = limit - size + 1; /* one more tells that it is too long */
                int r = aeon__http_buffer_reserve(&req->body, wanted + 1);
                if (r < 0)
                        return aeon_fail(r, "%s %s: body", req->method, req->path);
                ssize_t n = aeon_request_read(req, req->body.data + req->body.end, wanted);
                if (n < 0)
                        return (int)n;
                req->body.end += (size_t)n;
                if (buffer_size(&req->body) > limit)
                        return too_long(req, limit);
        }
        return aeon__http_buffer_reserve(&req->body, 1);
}

int aeon_request_body(aeon_request *req, aeon_bytes *ret_body)
{
        if (!req->body_whole) {
                if (req->body_received > buffer_size(&req->body))
                        return aeon_fail(-EBADMSG, "%s %s: body: a part of it was read before", req->method, req->path);
                int r = collect(req);
                if (r < 0)
                        return r;
                req->body_whole = true;
                req->body.data[req->body.end] = '\0';
        }
        *ret_body = (aeon_bytes){ buffer_bytes(&req->body), buffer_size(&req->body) };
        return 0;
}

bool aeon__request_skip_body(aeon_request *req)
{
        char dropped[4096];
        size_t count = 0;
        if (req->body_state == BODY_NONE)
                return true;
        if (req->body_status || req->continue_wanted || is_longer(req, SKIPPED_LIMIT))
                return false;
        while (req->body_state != BODY_NONE && count < SKIPPED_LIMIT) {
                ssize_t n = aeon_request_read(req, dropped, sizeof dropped);
                if (n < 0)
                        return false;
                count += (size_t)n;
        }
        return req->body_state == BODY_NONE;
}
