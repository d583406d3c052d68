/* Which driver speaks which URL.
 *
 * DESIGN
 *   A broker URL is SCHEME:REST, and the scheme chooses the driver from a table. What the rest means is the driver's business.
 */
#include "broker/core.h"

#include "aeon_config.h"
#include "base/nearest.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>

static const struct broker_driver *const drivers[] = {
        &aeon__driver_memory,
#if AEON_WITH_SQLITE
        &aeon__driver_sqlite,
#endif
        NULL,
};

enum { SCHEME_LIMIT = 32, SCHEMES_LIMIT = 32 };

static int refuse_scheme(const char *scheme)
{
        const char *names[SCHEMES_LIMIT];
        size_t count = 0;
        char known[256] = "";
        for (size_t i = 0; drivers[i]; i++) {
                for (const char *const *s = drivers[i]->schemes; *s && count < SCHEMES_LIMIT; s++) {
                        size_t used = strlen(known);
                        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", *s);
                        names[count++] = *s;
                }
        }
        const char *nearest = aeon__nearest(scheme, names, count);
        return aeon_fail(-EPROTONOSUPPORT, "no broker speaks \"%s\"%s%s%s (known: %s)", scheme, nearest ? "; did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?" : "", known);
}

int aeon__driver_for(const char *url, const struct broker_driver **ret_driver, const char **ret_rest)
{
        char scheme[SCHEME_LIMIT + 1];
        const char *colon = strchr(url, ':');
        if (!colon || colon == url)
                return aeon_fail(-EINVAL, "broker URL \"%s\" has no scheme (like sqlite:./q.db)", url);
        snprintf(scheme, sizeof scheme, "%.*s", (int)(colon - url > SCHEME_LIMIT ? SCHEME_LIMIT : colon - url), url);

        for (size_t i = 0; drivers[i]; i++)
                for (const char *const *s = drivers[i]->schemes; *s; s++)
                        if (!strcmp(*s, scheme)) {
                                *ret_driver = drivers[i];
                                *ret_rest = colon + 1;
                                return 0;
                        }
        return refuse_scheme(scheme);
}

const char *aeon__url_shown(const char *url, char *text, size_t size)
{
        const char *authority = strstr(url, "://"), *at, *colon;
        if (authority) {
                authority += 3;
                size_t length = strcspn(authority, "/?#");
                at = memrchr(authority, '@', length);
                colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
                if (colon) {
                        snprintf(text, size, "%.*s:***%s", (int)(colon - url), url, at);
                        return text;
                }
        }
        snprintf(text, size, "%s", url);
        return text;
}
