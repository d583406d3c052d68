/* Log levels, shown and changed while the app runs.
 *
 *       $ curl -d 'broker=debug' localhost:7979/log-level
 *       info,broker=debug
 *
 * Only for clients of this machine, and not for web pages: a page of any site can have its reader's browser POST a form to 127.0.0.1
 * without asking anybody. But then the browser says so: it sends Origin with every request that is neither GET nor HEAD, and a page cannot
 * keep it from that. Other clients have no reason to. So what has an Origin is refused, and nobody needs a header of ours to use curl.
 *
 * Source: WHATWG Fetch, "append a request Origin header"; Fetch Metadata, Sec-Fetch-Site. */
#include "base/log.h"
#include "http/admin.h"
#include "http/request.h"
#include "loop/address.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <string.h>

enum { LEVELS_SIZE = 1024 };

static bool is_from_a_page(const aeon_request *req)
{
        return aeon_request_header(req, "Origin") || aeon_request_header(req, "Sec-Fetch-Site");
}

static int refuse(aeon_request *req, int status, const char *why)
{
        aeon__reply_problem(req, status, why, NULL);
        return 0;
}

static int show(aeon_request *req)
{
        char text[LEVELS_SIZE];
        size_t used = strlen(aeon__log_levels_text(text, sizeof text - 1));
        strcpy(text + used, "\n");
        return aeon_reply_text(req, 200, text);
}

/* The levels without the end of their line, and as one list when a form had several fields. */
static int read_levels(aeon_request *req, char text[LEVELS_SIZE])
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        const char *bytes = (const char *)body.data;
        size_t size = body.size;
        while (size && strchr("\r\n ", bytes[size - 1]))
                size--;
        if (size >= LEVELS_SIZE || memchr(bytes, '\0', size))
                return aeon_fail(-EINVAL, "%zu bytes are no log levels", size);
        for (size_t i = 0; i < size; i++)
                text[i] = bytes[i] == '&' ? ',' : bytes[i];
        text[size] = '\0';
        return 0;
}

static int change(aeon_request *req)
{
        char text[LEVELS_SIZE];
        int r = read_levels(req, text);
        if (r < 0)
                return r;
        if (aeon__log_change_levels(text) < 0)
                return refuse(req, 400, aeon_error_text());
        aeon_log_info("log levels are %s now, asked for by %s", aeon__log_levels_text(text, sizeof text), aeon_request_peer(req));
        return show(req);
}

int aeon__admin_log_level(aeon_request *req)
{
        bool changes = !strcmp(aeon_request_method(req), "POST");
        if (!aeon__address_is_loopback(aeon_request_peer(req)))
                return refuse(req, 403, "log levels are for clients of this machine");
        if (changes && is_from_a_page(req))
                return refuse(req, 403, "log levels are not for web pages: this request has an Origin");
        return changes ? change(req) : show(req);
}
