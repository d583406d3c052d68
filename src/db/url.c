/* Which driver speaks which URL, how a URL is shown, and other words. */
#include "db/db.h"

#include "aeon_config.h"
#include "base/module.h"
#include "base/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct known_driver {
        const char *scheme;
        const struct db_driver *driver; /* NULL: in the module */
        const char *module, *symbol;
} drivers[] = {
        { "postgresql", NULL, "db-postgres", "aeon__db_postgres" },
        { "postgres", NULL, "db-postgres", "aeon__db_postgres" },
#if AEON_WITH_SQLITE
        { "sqlite", &aeon__db_sqlite, NULL, NULL },
#endif
};

enum { DRIVERS = sizeof drivers / sizeof *drivers };

static int refuse_scheme(const char *url, size_t length)
{
        char scheme[32], known[128] = "";
        const char *names[DRIVERS];
        snprintf(scheme, sizeof scheme, "%.*s", (int)length, url);
        for (size_t i = 0; i < DRIVERS; i++) {
                size_t used = strlen(known);
                snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", drivers[i].scheme);
                names[i] = drivers[i].scheme;
        }
        const char *nearest = aeon__nearest(scheme, names, DRIVERS);
        return aeon_fail(-EPROTONOSUPPORT, "no database speaks \"%s\"%s%s%s (known: %s)", scheme,
                         nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "", known);
}

int aeon__db_driver_for(const char *url, const struct db_driver **ret_driver)
{
        const char *colon = url ? strchr(url, ':') : NULL;
        if (!colon || colon == url) /* it may hold a password: not shown */
                return aeon_fail(-EINVAL, "the database's URL has no scheme (like postgresql://localhost/shop)");
        size_t length = (size_t)(colon - url);
        for (size_t i = 0; i < DRIVERS; i++) {
                if (strlen(drivers[i].scheme) != length || strncmp(drivers[i].scheme, url, length) != 0)
                        continue;
                const void *found = drivers[i].driver;
                int r = found ? 0 : aeon__module_find(drivers[i].module, drivers[i].symbol, &found);
                const struct db_driver *driver = found;
                if (r >= 0)
                        r = driver->check(url);
                if (r < 0)
                        return aeon_fail(r, "%s", drivers[i].scheme);
                *ret_driver = driver;
                return 0;
        }
        return refuse_scheme(url, length);
}

/* Cut what follows a "password=" among the options. */
static void hide_options(char *shown)
{
        for (char *at = strchr(shown, '?'); at && (at = strstr(at, "password="));) {
                at += strlen("password=");
                size_t length = strcspn(at, "&"), kept = length < 3 ? length : 3;
                memset(at, '*', kept);
                memmove(at + kept, at + length, strlen(at + length) + 1);
        }
}

char *aeon__db_url_shown(const char *url)
{
        const char *authority = strstr(url, "://");
        const char *end = authority ? authority + 3 + strcspn(authority + 3, "/?") : NULL;
        const char *at = strrchr(url, '@'); /* the last: a careless password may contain anything */
        const char *colon = authority && at ? memchr(authority + 3, ':', (size_t)(at - authority - 3)) : NULL;
        char *shown = NULL;
        if (authority && at && colon && at > colon && (colon < end || at > end)) {
                if (asprintf(&shown, "%.*s:***%s", (int)(colon - url), url, at) < 0)
                        return NULL;
        } else {
                shown = strdup(url);
        }
        if (shown)
                hide_options(shown);
        return shown;
}

const char *aeon__db_statement_shown(const char *sql, char shown[STATEMENT_SHOWN])
{
        size_t length = 0;
        bool blank = false;
        for (; *sql && length < STATEMENT_SHOWN - 6; sql++) {
                if (strchr(" \t\r\n", *sql)) {
                        blank = length > 0;
                        continue;
                }
                if (blank)
                        shown[length++] = ' ';
                blank = false;
                shown[length++] = *sql;
        }
        strcpy(shown + length, *sql ? "..." : "");
        return shown;
}
