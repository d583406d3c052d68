/* Responses: what came, and what to make of it; see client.h. The contract is in aeon/http_client.h. */
#include "client/client.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/record.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NOT_FOUND = 404, GONE = 410, FIRST_FAILURE = 400, SHOWN_BODY = 200 };

int aeon_http_response_status(const aeon_http_response *res)
{
        return res->status;
}

const char *aeon_http_response_header_at(const aeon_http_response *res, const char *name, unsigned n)
{
        const char *at = res->head.data, *end = at ? at + res->head.length : NULL;
        while (at < end) {
                const char *value = at + strlen(at) + 1;
                if (!strcasecmp(at, name) && n-- == 0)
                        return value;
                at = value + strlen(value) + 1;
        }
        return NULL;
}

const char *aeon_http_response_header(const aeon_http_response *res, const char *name)
{
        return aeon_http_response_header_at(res, name, 0);
}

aeon_bytes aeon_http_response_body(const aeon_http_response *res)
{
        if (res->streamed || !res->body.data)
                return (aeon_bytes){ "", 0 };
        return (aeon_bytes){ res->body.data, res->body.length };
}

const char *aeon_http_response_text(const aeon_http_response *res)
{
        return aeon_http_response_body(res).data;
}

/* How much of the body fits into an error: its first line, cut between characters. */
static int shown_length(const char *text)
{
        size_t n = strcspn(text, "\r\n");
        if (n > SHOWN_BODY) {
                n = SHOWN_BODY;
                while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
                        n--;
        }
        return (int)n;
}

int aeon_http_response_check(const aeon_http_response *res)
{
        if (res->status < FIRST_FAILURE)
                return 0;
        const char *text = aeon_http_response_text(res);
        int r = res->status == NOT_FOUND || res->status == GONE ? -ENOENT : -EREMOTEIO;
        return aeon_fail_at(r, true, AEON_HERE, "%s %s: the server answered with status %d%s%.*s", res->method, res->shown,
                            res->status, *text ? ": " : "", shown_length(text), text);
}

int aeon_record_from_response(const aeon_http_response *res, const aeon_record *record, void **ret_value)
{
        int r = aeon_http_response_check(res);
        if (r < 0)
                return r;
        aeon_bytes body = aeon_http_response_body(res);
        r = aeon_record_decode(record, body.data, body.size, ret_value);
        return r < 0 ? aeon_fail(r, "%s %s", res->method, res->shown) : 0;
}

void aeon_http_response_free(aeon_http_response *res)
{
        if (!res)
                return;
        if (res->reading) {
                aeon_log_error("the response to %s %s is freed while a task reads it: it stays", res->method, res->shown);
                return;
        }
        aeon__http_stop(res);
        aeon__text_done(&res->head);
        aeon__text_done(&res->body);
        free(res->out);
        aeon__arena_done(&res->strings);
        free(res);
}
