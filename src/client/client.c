/* HTTP clients: opening, closing, whose they are; see client.h. The contract is in aeon/http_client.h. */
#include "client/client.h"

#include "aeon_config.h"
#include "base/module.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/var.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS = 64, MAX_BODY = 16 * 1024 * 1024, LONGEST_CONNECT = 24 * 3600 };

AEON_LOOP_VAR(loops_http_client, struct aeon_http_client);

static int find_engine(const struct http_engine **ret_engine)
{
        const void *found;
        int r = aeon__module_find("http-client", HTTP_ENGINE_SYMBOL, &found);
        if (r < 0)
                return r;
        *ret_engine = found;
        return 0;
}

/* ------------------------------------------------------------------ options */

static int check_file(const char *path)
{
        if (path && access(path, R_OK) < 0)
                return aeon_fail_os(-errno, "HTTP client: %s", path);
        return 0;
}

static int check(const aeon_http_client_opts *o)
{
        int r = 0;
        if (o->base_url && (!aeon__http_is_web(o->base_url) || strpbrk(o->base_url, "?#")))
                return aeon_fail(-EINVAL, "HTTP client: the base URL must be http or https, without a query");
        for (size_t i = 0; r == 0 && o->headers && o->headers[i]; i++)
                r = aeon__http_header_check(o->headers[i]);
        if (r == 0 && o->user_agent && strpbrk(o->user_agent, "\r\n"))
                r = aeon_fail(-EINVAL, "HTTP client: a user agent is one line");
        if (r == 0 && (o->connect_timeout < 0 || o->connect_timeout > AEON_SECONDS(LONGEST_CONNECT)))
                r = aeon_fail(-EINVAL, "HTTP client: connect_timeout is not between 0 and a day");
        if (r < 0 || !o->tls)
                return r;
        if (o->tls->server_name || o->tls->alpn)
                return aeon_fail(-EINVAL, "HTTP client: the server's name and the protocols follow from the URL, not from tls");
        r = check_file(o->tls->ca);
        if (r == 0)
                r = check_file(o->tls->certificate);
        return r == 0 ? check_file(o->tls->key) : r;
}

/* NULL stays NULL. */
static const char *keep(struct aeon_http_client *c, const char *text, bool *failed)
{
        const char *kept = text ? aeon__arena_copy(&c->strings, text, strlen(text)) : NULL;
        *failed |= text && !kept;
        return kept;
}

static const char *const *keep_lines(struct aeon_http_client *c, const char *const *lines, bool *failed)
{
        size_t n = aeon__http_lines_count(lines);
        const char **kept = aeon__arena_alloc(&c->strings, (n + 1) * sizeof *kept);
        *failed |= !kept;
        for (size_t i = 0; kept && i < n; i++)
                kept[i] = keep(c, lines[i], failed);
        return kept;
}

static int take_options(struct aeon_http_client *c, const aeon_http_client_opts *o)
{
        bool failed = false;
        c->opts = *o;
        c->opts.base_url = keep(c, o->base_url, &failed);
        c->opts.headers = keep_lines(c, o->headers, &failed);
        c->opts.user_agent = keep(c, o->user_agent ? o->user_agent : "aeon/" AEON_VERSION, &failed);
        c->opts.user = keep(c, o->user, &failed);
        c->opts.proxy = keep(c, o->proxy, &failed);
        c->opts.unix_socket = keep(c, o->unix_socket, &failed);
        if (o->tls) {
                c->tls = (aeon_tls_opts){ .insecure = o->tls->insecure };
                c->tls.ca = keep(c, o->tls->ca, &failed);
                c->tls.certificate = keep(c, o->tls->certificate, &failed);
                c->tls.key = keep(c, o->tls->key, &failed);
        }
        c->opts.tls = &c->tls;
        c->opts.max_connections = o->max_connections ? o->max_connections : CONNECTIONS;
        c->opts.max_body = o->max_body ? o->max_body : MAX_BODY;
        c->opts.connect_timeout = o->connect_timeout ? o->connect_timeout : AEON_SECONDS(10);
        return failed ? aeon_fail(-ENOMEM, "no memory for an HTTP client") : 0;
}

/* ------------------------------------------------------------------ closing */

static void client_free(struct aeon_http_client *c)
{
        aeon__arena_done(&c->strings);
        free(c);
}

void aeon__http_end_all(struct aeon_http_client *c, int result, const char *words)
{
        struct list *place;
        while ((place = list_pop(&c->calls))) {
                struct aeon_http_response *x = container_of(place, struct aeon_http_response, in_client);
                c->engine->stop(x->transfer);
                aeon__http_done(x, result, words);
        }
}

/* End all calls and the connections. */
static void shut(struct aeon_http_client *c)
{
        aeon__http_end_all(c, -EBADF, "the client was closed");
        c->engine->close(c->multi);
        c->multi = NULL;
        c->sched = NULL;
}

static void on_loop_end(struct loop_end *end)
{
        struct aeon_http_client *c = container_of(end, struct aeon_http_client, end);
        if (!c->is_default)
                aeon_log_error("an HTTP client was left open when its loop ended");
        shut(c);
        if (c->is_default)
                client_free(c);
}

void aeon_http_client_close(aeon_http_client *c)
{
        if (!c)
                return;
        if (c->sched && c->sched != aeon__sched) {
                aeon_log_error("an HTTP client is closed by the loop that opened it: this one is not, and stays open");
                return;
        }
        if (c->sched) {
                list_remove(&c->end.place);
                shut(c);
        }
        client_free(c);
}

/* ------------------------------------------------------------------ opening */

int aeon_http_client_open(const aeon_http_client_opts *opts, aeon_http_client **ret_client)
{
        static const aeon_http_client_opts defaults;
        const struct http_engine *engine = NULL;
        int r = check(opts ? opts : &defaults);
        if (r >= 0 && !aeon__sched)
                r = aeon_fail(-EINVAL, "an HTTP client needs a loop");
        if (r >= 0)
                r = find_engine(&engine);
        if (r < 0)
                return r;
        struct aeon_http_client *c = calloc(1, sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for an HTTP client");
        c->engine = engine;
        c->sched = aeon__sched;
        c->end.fn = on_loop_end;
        list_init(&c->calls);
        r = take_options(c, opts ? opts : &defaults);
        if (r == 0)
                r = engine->open(c, &c->multi);
        if (r < 0) {
                client_free(c);
                return r;
        }
        aeon__loop_end_add(&c->end);
        *ret_client = c;
        return 0;
}

int aeon__http_client_for(struct aeon_http_client *c, struct aeon_http_client **ret_client)
{
        if (!c)
                c = loops_http_client_get();
        if (c && c->sched != aeon__sched)
                return aeon_fail(-EXDEV, "this HTTP client belongs to another loop");
        if (!c) {
                int r = aeon_http_client_open(NULL, &c);
                if (r < 0)
                        return r;
                r = loops_http_client_set(c);
                if (r < 0) {
                        aeon_http_client_close(c);
                        return r;
                }
                c->is_default = true;
        }
        *ret_client = c;
        return 0;
}
