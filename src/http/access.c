/* The access log: one line per request.
 *
 *       GET /users/7 200, 13 bytes in 0.4 ms, 127.0.0.1:40312, GET /users/{id}
 *       GET /users/8 404, 40 bytes in 0.3 ms, 127.0.0.1:40312, GET /users/{id}: user 8
 *
 * The request's id stands in front, as in all lines of its task. The query is left out: secrets travel in it. What clients sent and what
 * failures say is escaped, so that a line is a line. */
#include "http/connection.h"
#include "http/middleware.h"

#include <aeon/log.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SHOWN = 1024, WORDS_SHOWN = 2048 };

/* Copy @text, cut at @size, its control characters written out. */
static const char *on_one_line(char *out, size_t size, const char *text)
{
        size_t used = 0;
        for (; *text && used + 5 <= size; text++) {
                unsigned char c = (unsigned char)*text;
                if (c < 0x20 || c == 0x7f)
                        used += (size_t)snprintf(out + used, size - used, "\\x%02x", c);
                else
                        out[used++] = (char)c;
        }
        out[used] = '\0';
        return out;
}

void aeon__access_log(const aeon_request *req, int status)
{
        bool wanted = req->connection->server->limits.access_log || req->failure || status == 499;
        aeon_log_level level = status >= 500 ? AEON_LOG_ERROR : wanted ? AEON_LOG_INFO : AEON_LOG_DEBUG;
        if (!aeon_log_enabled(level))
                return;
        char path[PATH_SHOWN], words[WORDS_SHOWN];
        on_one_line(path, sizeof path, req->path);
        on_one_line(words, sizeof words, status == 499 ? "client disconnected" : req->failure ? req->failure : "");
        size_t bytes =
                status == 499 || status == 204 || status == 304 || !strcmp(req->method, "HEAD") ? 0 : buffer_size(&req->reply);
        aeon_log(level, "%s %s %d, %zu bytes in %.1f ms, %s, %s%s%s", req->method, path, status, bytes,
                 (double)(aeon_now() - req->begun) / 1e6, aeon_request_peer(req), req->route ? req->route->pattern : "no route",
                 *words ? ": " : "", words);
}
