/* Which driver speaks which URL.
 *
 * DESIGN
 *   A broker URL is SCHEME:REST, and the scheme chooses the driver from a table. What the rest means is the driver's business. Drivers that
 *   need a library of their own are modules; one is loaded when a URL first names its scheme.
 */
#include "broker/core.h"

#include "aeon_config.h"
#include "base/module.h"
#include "base/nearest.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct known_driver {
        const char *scheme;
        const struct broker_driver *driver; /* NULL: in the module */
        const char *module, *symbol;
} drivers[] = {
        { "memory", &aeon__driver_memory, NULL, NULL },
#if AEON_WITH_SQLITE
        { "sqlite", &aeon__driver_sqlite, NULL, NULL },
#endif
        { "redis", NULL, "broker-redis", "aeon__driver_redis" },
        { "rediss", NULL, "broker-redis", "aeon__driver_redis" },
        { "nats", &aeon__driver_nats, NULL, NULL },
        { "nats+tls", &aeon__driver_nats, NULL, NULL },
        { "amqp", NULL, "broker-rabbitmq", "aeon__driver_rabbitmq" },
        { "amqps", NULL, "broker-rabbitmq", "aeon__driver_rabbitmq" },
        { "kafka", NULL, "broker-kafka", "aeon__driver_kafka" },
        { "kafka+tls", NULL, "broker-kafka", "aeon__driver_kafka" },
        { "sqs", NULL, "broker-sqs", "aeon__driver_sqs" },
        { "sqs+http", NULL, "broker-sqs", "aeon__driver_sqs" },
        { "sqs+https", NULL, "broker-sqs", "aeon__driver_sqs" },
};

enum { SCHEME_LIMIT = 32, DRIVERS = sizeof drivers / sizeof *drivers };

static int refuse_scheme(const char *scheme)
{
        const char *names[DRIVERS];
        char known[256] = "";
        for (size_t i = 0; i < DRIVERS; i++) {
                size_t used = strlen(known);
                snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", drivers[i].scheme);
                names[i] = drivers[i].scheme;
        }
        const char *nearest = aeon__nearest(scheme, names, DRIVERS);
        return aeon_fail(-EPROTONOSUPPORT, "no broker speaks \"%s\"%s%s%s (known: %s)", scheme, nearest ? "; did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?" : "", known);
}

/* ------------------------------------------------------------------ destinations */

size_t aeon__destination_size(const char *destination)
{
        return strlen(destination) + 2;
}

char *aeon__destination_split(char *to, const char *destination, const char **ret_name, const char **ret_options)
{
        *ret_name = to;
        for (; *destination && *destination != '?'; destination++) {
                bool mark = !strncasecmp(destination, "%3F", 3);
                *to++ = mark ? '?' : *destination;
                destination += mark ? 2 : 0;
        }
        *to++ = '\0';
        *ret_options = to;
        return stpcpy(to, *destination ? destination + 1 : "") + 1;
}

/* ------------------------------------------------------------------ schemes */

int aeon__driver_for(const char *url, const struct broker_driver **ret_driver, const char **ret_rest)
{
        char scheme[SCHEME_LIMIT + 1];
        const char *colon = strchr(url, ':');
        if (!colon || colon == url)
                return aeon_fail(-EINVAL, "broker URL \"%s\" has no scheme (like sqlite:./q.db)", url);
        snprintf(scheme, sizeof scheme, "%.*s", (int)(colon - url > SCHEME_LIMIT ? SCHEME_LIMIT : colon - url), url);

        for (size_t i = 0; i < DRIVERS; i++) {
                if (strcmp(drivers[i].scheme, scheme))
                        continue;
                const void *found = drivers[i].driver;
                int r = found ? 0 : aeon__module_find(drivers[i].module, drivers[i].symbol, &found);
                if (r < 0)
                        return aeon_fail(r, "%s:", scheme);
                *ret_driver = found;
                *ret_rest = colon + 1;
                return 0;
        }
        return refuse_scheme(scheme);
}

/* Cut the values of options that are secrets: what is left is as long or shorter. */
static void hide_secrets(char *options)
{
        static const char *const secrets[] = { "token=", "password=", "secret=" };
        for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
                for (char *at = options; (at = strstr(at, secrets[i]));) {
                        at += strlen(secrets[i]);
                        size_t length = strcspn(at, "&"), kept = length < 3 ? length : 3;
                        memset(at, '*', kept);
                        memmove(at + kept, at + length, strlen(at + length) + 1);
                }
}

const char *aeon__url_shown(const char *url, char *text, size_t size)
{
        const char *authority = strstr(url, "://"), *at = strrchr(url, '@'), *colon;
        if (authority && at && at > authority) { /* the last "@", since a careless password may contain anything */
                colon = memchr(authority + 3, ':', (size_t)(at - authority - 3));
                if (colon)
                        snprintf(text, size, "%.*s:***%s", (int)(colon - url), url, at);
                else /* a name alone is a token to some */
                        snprintf(text, size, "%.*s***%s", (int)(authority + 3 - url), url, at);
        } else {
                snprintf(text, size, "%s", url);
        }
        char *options = strchr(text, '?');
        if (options)
                hide_secrets(options);
        return text;
}
