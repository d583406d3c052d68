/* Cookies; see aeon/http_cookie.h. */
#include "base/text.h"
#include "http/request.h"

#include <aeon/error.h>
#include <aeon/http_cookie.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ of the request */

/* The value of @name in "a=b; c=d"; its size in @ret_size. NULL when it is not there. */
static const char *find(const char *cookies, const char *name, size_t *ret_size)
{
        size_t name_size = strlen(name);
        while (*(cookies += strspn(cookies, "; \t"))) {
                size_t size = strcspn(cookies, ";");
                if (size > name_size && !strncmp(cookies, name, name_size) && cookies[name_size] == '=') {
                        const char *value = cookies + name_size + 1, *end = cookies + size;
                        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
                                end--;
                        bool quoted = end - value >= 2 && *value == '"' && end[-1] == '"';
                        *ret_size = (size_t)(end - value) - (quoted ? 2 : 0);
                        return value + quoted;
                }
                cookies += size;
        }
        return NULL;
}

const char *aeon_request_cookie(aeon_request *req, const char *name)
{
        size_t cursor = 0, size;
        const char *cookies, *value = NULL;
        while (!value && (cookies = aeon_request_header_next(req, "Cookie", &cursor)))
                value = find(cookies, name, &size);
        return value ? aeon__request_copy(req, value, size) : NULL;
}

/* ------------------------------------------------------------------ of the reply */

/* Source: RFC 6265, 4.1.1, cookie-octet. */
static bool is_value(const char *text)
{
        for (; *text; text++)
                if (*text <= ' ' || *text >= 0x7f || strchr("\",;\\", *text))
                        return false;
        return true;
}

/* av-octets: of paths and domains. */
static bool is_attribute(const char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text >= 0x7f || *text == ';')
                        return false;
        return true;
}

static int check(const aeon_cookie *c, const char *path)
{
        const char *name = c->name ? c->name : "";
        if (!aeon__http_is_token(name, strlen(name)))
                return aeon_fail(-EINVAL, "cookie: its name cannot be one");
        if (c->value && !is_value(c->value))
                return aeon_fail(-EINVAL, "cookie %s: its value has a character that cookies cannot have", name);
        if (*path != '/' || !is_attribute(path) || (c->domain && (!*c->domain || !is_attribute(c->domain))))
                return aeon_fail(-EINVAL, "cookie %s: its path or domain cannot be one", name);
        if (c->same_site == AEON_SAME_SITE_NONE && !c->secure)
                return aeon_fail(-EINVAL, "cookie %s: SameSite=None needs Secure", name);
        if (!strncasecmp(name, "__Secure-", 9) && !c->secure)
                return aeon_fail(-EINVAL, "cookie %s: such a name needs Secure", name);
        if (!strncasecmp(name, "__Host-", 7) && (!c->secure || c->domain || strcmp(path, "/") != 0))
                return aeon_fail(-EINVAL, "cookie %s: such a name needs Secure, the path / and no domain", name);
        return 0;
}

int aeon_reply_cookie(aeon_request *req, const aeon_cookie *cookie)
{
        static const char *const same_site[] = { "", "; SameSite=Lax", "; SameSite=Strict", "; SameSite=None" };
        const char *path = cookie->path ? cookie->path : "/";
        int r = check(cookie, path);
        if (r < 0)
                return r;
        struct text text = { 0 };
        aeon__text_print(&text, "%s=%s; Path=%s", cookie->name, cookie->value ? cookie->value : "", path);
        if (cookie->domain)
                aeon__text_print(&text, "; Domain=%s", cookie->domain);
        if (cookie->max_age) /* a part of a second is not nothing, which would be "forget it" */
                aeon__text_print(&text, "; Max-Age=%lld",
                                 cookie->max_age < 0 ? 0LL : (long long)((cookie->max_age - 1) / AEON_SECONDS(1) + 1));
        aeon__text_print(&text, "%s%s%s", cookie->secure ? "; Secure" : "", cookie->http_only ? "; HttpOnly" : "",
                         same_site[cookie->same_site]);
        r = text.failed ? aeon_fail(-ENOMEM, "cookie %s", cookie->name) : aeon_reply_header(req, "Set-Cookie", text.data);
        aeon__text_done(&text);
        return r;
}
