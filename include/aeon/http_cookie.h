/* aeon/http_cookie.h - cookies, those that came with a request and those that go with its reply.
 *
 *         const char *session = aeon_request_cookie(req, "session");
 *         ...
 *         aeon_reply_cookie(req, &(aeon_cookie){ .name = "session", .value = id, .max_age = AEON_SECONDS(3600),
 *                                                .http_only = true, .secure = true });
 *
 * Source: RFC 6265. */
#ifndef AEON_HTTP_COOKIE_H
#define AEON_HTTP_COOKIE_H

#include <aeon/attributes.h>
#include <aeon/http.h>
#include <aeon/time.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of the first cookie @name that came with the request, as it was sent but without quotes around it; NULL when there is none,
 * or no memory. Borrowed until the handler ends. Whoever sent it may have written it: check what it says. */
AEON_API const char *aeon_request_cookie(aeon_request *req, const char *name);

typedef enum aeon_same_site {
        AEON_SAME_SITE_UNSET, /* not told: browsers take LAX */
        AEON_SAME_SITE_LAX,
        AEON_SAME_SITE_STRICT,
        AEON_SAME_SITE_NONE, /* needs .secure */
} aeon_same_site;

typedef struct aeon_cookie {
        const char *name;
        const char *value;     /* NULL: "" */
        const char *path;      /* "/" */
        const char *domain;    /* NULL: this host only */
        aeon_duration max_age; /* in whole seconds; 0: until the browser ends; negative: the cookie is to be forgotten */
        bool http_only;        /* scripts do not see it */
        bool secure;           /* over TLS only */
        aeon_same_site same_site;
} aeon_cookie;

/* Set a cookie with the reply. Arguments are copied.
 *
 * Errors: -EINVAL a name or value has a character that cookies cannot have (blanks, quotes, commas, semicolons, backslashes, control
 *                 characters, bytes from 0x80: encode such values), or SAME_SITE_NONE, "__Secure-..." or "__Host-..." without what
 *                 they need
 *         -ENOMEM */
AEON_API int aeon_reply_cookie(aeon_request *req, const aeon_cookie *cookie);

#ifdef __cplusplus
}
#endif
#endif
