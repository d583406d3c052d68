/* The request that asks for a WebSocket (RFC 6455, 4.2). */
#include "base/sha1.h"
#include "http/request.h"
#include "http/websocket.h"
#include "record/number.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int refuse(aeon_request *req, int status, const char *words)
{
        req->explanation = words;
        return aeon__request_wrong(req, aeon_fail(-EBADMSG, "WebSocket: %s", words), status);
}

/* ------------------------------------------------------------------ lists of tokens, in one field or several */

/* The next of "a, b,c" at *@at; false at the end. */
static bool next_token(const char **at, const char **ret_token, size_t *ret_size)
{
        *at += strspn(*at, ", \t");
        *ret_token = *at;
        *at += strcspn(*at, ",");
        size_t size = (size_t)(*at - *ret_token);
        while (size && strchr(" \t", (*ret_token)[size - 1]))
                size--;
        *ret_size = size;
        return size > 0;
}

static bool has_token(const aeon_request *req, const char *field, const char *wanted,
                      int (*compare)(const char *, const char *, size_t))
{
        size_t cursor = 0, size;
        const char *value, *token;
        while ((value = aeon_request_header_next(req, field, &cursor)))
                while (next_token(&value, &token, &size))
                        if (size == strlen(wanted) && compare(token, wanted, size) == 0)
                                return true;
        return false;
}

/* ------------------------------------------------------------------ whose page asks */

/* "https://example.com:443" and the host "example.com" are one: the port that goes without saying is the scheme's. */
static bool is_same_host(const char *origin, const char *host)
{
        bool secure = !strncasecmp(origin, "https://", strlen("https://"));
        if (!secure && strncasecmp(origin, "http://", strlen("http://")) != 0)
                return false; /* "null", an extension's, ... */
        const char *authority = strstr(origin, "//") + 2, *port = secure ? ":443" : ":80";
        size_t common = strlen(host);
        if (strncasecmp(authority, host, common) == 0)
                return !authority[common] || !strcmp(authority + common, port);
        common = strlen(authority);
        return strncasecmp(authority, host, common) == 0 && !strcmp(host + common, port);
}

static int check_origin(const aeon_request *req, const char *const *allowed)
{
        const char *origin = aeon_request_header(req, "Origin"), *host = aeon_request_header(req, "Host");
        if (!origin || (host && is_same_host(origin, host)))
                return 0;
        for (; allowed && *allowed; allowed++)
                if (!strcmp(*allowed, "*") || !strcasecmp(*allowed, origin))
                        return 0;
        return aeon_fail(-EACCES, "WebSocket: pages of the origin %s may not connect", origin);
}

/* ------------------------------------------------------------------ the key */

static void answer_key(const char *key, char ret_answer[32])
{
        char text[24 + 36 + 1];
        unsigned char digest[20];
        int size = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
        aeon__sha1(text, (size_t)size, digest);
        aeon__base64_write(ret_answer, digest, sizeof digest);
        ret_answer[aeon__base64_size(sizeof digest)] = '\0';
}

static bool is_key(const char *key)
{
        char bytes[18];
        size_t size;
        return key && strlen(key) == 24 && aeon__base64_read(key, 24, bytes, &size) && size == 16;
}

int aeon__websocket_check(aeon_request *req, const aeon_websocket_opts *opts, char ret_answer[32], const char **ret_protocol)
{
        const char *version = aeon_request_header(req, "Sec-WebSocket-Version"),
                   *key = aeon_request_header(req, "Sec-WebSocket-Key");
        if (strcmp(aeon_request_method(req), "GET") != 0 || !has_token(req, "Upgrade", "websocket", strncasecmp) ||
            !has_token(req, "Connection", "upgrade", strncasecmp))
                return refuse(req, 400, "the request asks for no WebSocket");
        if (req->head.minor == 0)
                return refuse(req, 400, "HTTP/1.0 knows no upgrade");
        if (!version || strcmp(version, "13") != 0) {
                req->remedy = "Sec-WebSocket-Version: 13\r\n";
                return refuse(req, 426, "only version 13 is spoken");
        }
        if (!is_key(key))
                return refuse(req, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
        int r = check_origin(req, opts->origins);
        if (r < 0)
                return r;
        answer_key(key, ret_answer);
        *ret_protocol = NULL;
        for (const char *const *p = opts->protocols; p && *p && !*ret_protocol; p++)
                if (has_token(req, "Sec-WebSocket-Protocol", *p, strncmp))
                        *ret_protocol = *p;
        return 0;
}
