/* Options in text and broker URLs; see options.h. */
#include "broker/options.h"

#include "base/digits.h"
#include "base/nearest.h"
#include "record/number.h"

#include <aeon/error.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASKED_LIMIT = 64, PORT_MOST = 65535 };

struct option {
        const char *name, *value;
        bool known; /* somebody has asked for it */
};

struct options {
        char words[200]; /* on the first wrong value; "": none */
        const char *asked[ASKED_LIMIT];
        size_t asked_count, count;
        char *text; /* the names and values */
        struct option list[];
};

/* ------------------------------------------------------------------ reading */

/* Percent-decode [@from, @end) to @to, with a NUL; returns behind it. NULL: a "%" without two digits, or a NUL inside. */
static char *decode(char *to, const char *from, const char *end)
{
        while (from < end) {
                if (*from != '%') {
                        *to++ = *from++;
                        continue;
                }
                if (end - from < 3 || aeon__hex_digit(from[1]) < 0 || aeon__hex_digit(from[2]) < 0)
                        return NULL;
                char c = (char)(aeon__hex_digit(from[1]) * 16 + aeon__hex_digit(from[2]));
                if (!c)
                        return NULL;
                *to++ = c;
                from += 3;
        }
        *to++ = '\0';
        return to;
}

int aeon__options_read(const char *query, struct options **ret_options)
{
        const char *text = query ? query : "";
        size_t most = 1;
        for (const char *at = text; *at; at++)
                most += *at == '&';
        struct options *o = calloc(1, sizeof *o + most * sizeof *o->list);
        char *to = o ? malloc(strlen(text) + 2 * most + 1) : NULL;
        if (!to) {
                free(o);
                return aeon_fail(-ENOMEM, "no memory for options");
        }
        o->text = to;
        while (*text) {
                const char *end = text + strcspn(text, "&"), *equals = memchr(text, '=', (size_t)(end - text));
                if (!equals || equals == text) {
                        aeon__options_free(o);
                        return aeon_fail(-EINVAL, "\"%.*s\" is not of the form option=value", (int)(end - text), text);
                }
                struct option *option = &o->list[o->count++];
                option->name = to;
                to = decode(to, text, equals);
                option->value = to;
                to = to ? decode(to, equals + 1, end) : NULL;
                if (!to) {
                        aeon__options_free(o);
                        return aeon_fail(-EINVAL, "\"%.*s\": a \"%%\" needs two hexadecimal digits", (int)(end - text), text);
                }
                text = *end ? end + 1 : end;
        }
        *ret_options = o;
        return 0;
}

void aeon__options_free(struct options *o)
{
        if (!o)
                return;
        free(o->text);
        free(o);
}

/* ------------------------------------------------------------------ questions */

/* Its value, the last one when it is there twice; NULL: it is not there. */
static const char *ask(struct options *o, const char *name)
{
        const char *value = NULL;
        if (o->asked_count < ASKED_LIMIT)
                o->asked[o->asked_count++] = name;
        for (size_t i = 0; i < o->count; i++)
                if (!strcmp(o->list[i].name, name)) {
                        o->list[i].known = true;
                        value = o->list[i].value;
                }
        return value;
}

static void refuse(struct options *o, const char *name, const char *value, const char *wanted)
{
        if (*o->words)
                return;
        snprintf(o->words, sizeof o->words, "option %s: \"%s\" is not %s", name, value, wanted);
}

const char *aeon__option_text(struct options *o, const char *name, const char *standard)
{
        const char *value = ask(o, name);
        return value ? value : standard;
}

long aeon__option_number(struct options *o, const char *name, long least, long most, long standard)
{
        const char *value = ask(o, name);
        if (!value)
                return standard;
        char wanted[80];
        int64_t number;
        if (aeon__whole_parse(value, &number) >= 0 && number >= least && number <= most)
                return (long)number;
        snprintf(wanted, sizeof wanted, "a number from %ld to %ld", least, most);
        refuse(o, name, value, wanted);
        return standard;
}

aeon_duration aeon__option_duration(struct options *o, const char *name, aeon_duration standard)
{
        const char *value = ask(o, name);
        int64_t ns;
        if (!value)
                return standard;
        if (aeon__duration_parse(value, &ns) >= 0 && ns >= 0)
                return ns;
        refuse(o, name, value, "a duration (like 30s, 500ms, 1m30s)");
        return standard;
}

bool aeon__option_flag(struct options *o, const char *name, bool standard)
{
        static const char *const words[] = { "no", "false", "0", "off", "yes", "true", "1", "on", NULL };
        const char *value = ask(o, name);
        for (int i = 0; value && words[i]; i++)
                if (!strcmp(value, words[i]))
                        return i >= 4;
        if (value)
                refuse(o, name, value, "yes or no");
        return standard;
}

int aeon__option_choice(struct options *o, const char *name, const char *const *choices, int standard)
{
        const char *value = ask(o, name);
        char wanted[160] = "one of";
        for (int i = 0; value && choices[i]; i++) {
                if (!strcmp(value, choices[i]))
                        return i;
                size_t used = strlen(wanted);
                snprintf(wanted + used, sizeof wanted - used, "%s %s", i ? "," : "", choices[i]);
        }
        if (value)
                refuse(o, name, value, wanted);
        return standard;
}

const char *aeon__option_prefixed(struct options *o, const char *prefix, size_t *at, const char **ret_name)
{
        size_t length = strlen(prefix);
        while (*at < o->count) {
                struct option *option = &o->list[(*at)++];
                if (strncmp(option->name, prefix, length))
                        continue;
                option->known = true;
                *ret_name = option->name + length;
                return option->value;
        }
        return NULL;
}

int aeon__options_end(struct options *o, const char *what)
{
        if (*o->words)
                return aeon_fail(-EINVAL, "%s: %s", what, o->words);
        for (size_t i = 0; i < o->count; i++) {
                if (o->list[i].known)
                        continue;
                const char *nearest = aeon__nearest(o->list[i].name, o->asked, o->asked_count);
                return aeon_fail(-EINVAL, "%s: nobody knows the option \"%s\"%s%s%s", what, o->list[i].name,
                                 nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
        }
        return 0;
}

/* ------------------------------------------------------------------ URLs */

struct url_parts {
        struct broker_url url;
        char *text; /* the decoded texts */
        char *to;   /* the end of what was written to it */
};

static const char *keep(struct url_parts *p, const char *from, const char *end)
{
        const char *kept = p->to;
        char *to = decode(p->to, from, end);
        if (to)
                p->to = to;
        return to ? kept : NULL;
}

static int read_port(const char *from, const char *end, int *ret_port)
{
        int port = 0;
        while (from < end && isdigit((unsigned char)*from) && port <= PORT_MOST)
                port = port * 10 + (*from++ - '0');
        if (from < end || port < 1 || port > PORT_MOST)
                return aeon_fail(-EINVAL, "the port is no number from 1 to %d", PORT_MOST);
        *ret_port = port;
        return 0;
}

static int read_host(struct url_parts *p, const char *from, const char *end, struct broker_host *host)
{
        const char *name = from, *name_end, *port;
        if (*from == '[') {
                name++;
                name_end = memchr(from, ']', (size_t)(end - from));
                if (!name_end)
                        return aeon_fail(-EINVAL, "\"%.*s\" has no \"]\"", (int)(end - from), from);
                port = name_end + 1;
        } else {
                port = memchr(from, ':', (size_t)(end - from));
                port = port ? port : end;
                name_end = port;
        }
        host->name = name == name_end ? "localhost" : keep(p, name, name_end);
        if (!host->name || (port < end && *port != ':'))
                return aeon_fail(-EINVAL, "\"%.*s\" is not a host", (int)(end - from), from);
        return port < end ? read_port(port + 1, end, &host->port) : 0;
}

static int read_hosts(struct url_parts *p, const char *from, const char *end, int standard_port)
{
        size_t most = 1;
        for (const char *at = from; at < end; at++)
                most += *at == ',';
        p->url.hosts = calloc(most, sizeof *p->url.hosts);
        if (!p->url.hosts)
                return aeon_fail(-ENOMEM, "no memory for a URL");
        for (size_t i = 0; i < most; i++) {
                const char *comma = memchr(from, ',', (size_t)(end - from));
                struct broker_host *host = &p->url.hosts[p->url.hosts_count++];
                host->port = standard_port;
                int r = read_host(p, from, comma ? comma : end, host);
                if (r < 0)
                        return r;
                from = comma ? comma + 1 : end;
        }
        return 0;
}

static int read_user(struct url_parts *p, const char *from, const char *end)
{
        const char *colon = memchr(from, ':', (size_t)(end - from));
        p->url.user = keep(p, from, colon ? colon : end);
        p->url.has_password = colon;
        p->url.password = colon ? keep(p, colon + 1, end) : "";
        return p->url.user && p->url.password ? 0 : aeon_fail(-EINVAL, "the user's name and password are not percent-encoded");
}

/* A "/" or "?" in a password ends the authority too soon: half of it would be taken for a port, and shown. */
static bool hides_user(const char *path, const char *query)
{
        const char *at = strchr(path, '@');
        return at && (!query || at < query || !strchr(query, '='));
}

static int read_url(struct url_parts *p, const char *url, int standard_port)
{
        const char *scheme_end = strstr(url, "://");
        if (!scheme_end)
                return aeon_fail(-EINVAL, "it is not of the form scheme://host");
        const char *authority = scheme_end + 3, *end = authority + strcspn(authority, "/?");
        const char *query = strchr(end, '?'), *path_end = query ? query : end + strlen(end);
        const char *at = memrchr(authority, '@', (size_t)(end - authority));

        p->url.user = p->url.password = p->url.path = "";
        p->url.scheme = keep(p, url, scheme_end);
        if (!at && hides_user(end, query))
                return aeon_fail(
                        -EINVAL,
                        "an \"@\" behind the host: in a password write \"/\" as %%2F and \"?\" as %%3F, in a path \"@\" as %%40");
        int r = at ? read_user(p, authority, at) : 0;
        if (r >= 0)
                r = read_hosts(p, at ? at + 1 : authority, end, standard_port);
        if (r >= 0 && *end == '/')
                p->url.path = keep(p, end + 1, path_end);
        if (r >= 0 && (!p->url.path || !p->url.scheme))
                r = aeon_fail(-EINVAL, "a \"%%\" needs two hexadecimal digits");
        return r < 0 ? r : aeon__options_read(query ? query + 1 : NULL, &p->url.options);
}

int aeon__broker_url_read(const char *url, int standard_port, struct broker_url **ret_url)
{
        struct url_parts *p = calloc(1, sizeof *p);
        if (p)
                p->to = p->text = malloc(2 * strlen(url) + 16); /* each part has a NUL of its own, and a delimiter in @url */
        if (!p || !p->text) {
                free(p);
                return aeon_fail(-ENOMEM, "no memory for a URL");
        }
        int r = read_url(p, url, standard_port);
        if (r < 0) {
                aeon__broker_url_free(&p->url);
                return r;
        }
        *ret_url = &p->url;
        return 0;
}

void aeon__broker_url_free(struct broker_url *u)
{
        if (!u)
                return;
        struct url_parts *p = (struct url_parts *)u;
        aeon__options_free(u->options);
        free(u->hosts);
        free(p->text);
        free(p);
}
