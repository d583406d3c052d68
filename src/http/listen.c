/* The app's own server: listeners and routes as a part of the app, by the same hooks that users get.
 *
 * DESIGN
 *   One part per app, made by the first aeon_http_listen() or aeon_route(). It has the routes and a list of endpoints, one for each
 *   address; an endpoint has one server per loop.
 *
 *       bind      every endpoint's socket is bound, and duplicated once per loop: each loop accepts from its own descriptor of the
 *                 same kernel queue, so that a loop which stops early loses no connection that another can take
 *       serve     each loop listens on its own descriptor and starts its accept loop
 *       quiesce   each loop has the socket refuse newcomers, takes who is in the queue, and closes its descriptor
 *
 *   What went wrong while declaring is kept and told by bind, so that the start fails with it.
 */
#include "http/server.h"

#include "http/document.h"
#include "http/middleware.h"
#include "http/protocol.h"
#include "loop/world.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A worker that is replaced has time: others are there for new connections, and who is slow to send its next request need not send it again. */
#define WORKER_LAST_LOOK HTTP_FIRST_LOOK

enum { DEFAULT_PORT = 8000, ADDRESS_SIZE = 160 };

/* One loop's share of an endpoint. */
struct seat {
        struct http_server server;
        int fd; /* bound; -1 once the listener owns it */
};

struct endpoint {
        struct endpoint *next;
        struct http *http;
        char address[ADDRESS_SIZE]; /* as asked for; once bound, as it is */
        bool shared;                /* it was handed to us: whoever did so goes on with it */
        struct http_limits limits;
        struct tls_files *tls;       /* NULL: none */
        aeon_tls_server *tls_server; /* made at bind */
        struct seat *seats;          /* one per loop; NULL before bind */
        unsigned seat_count;
};

/* What aeon_http_opts.tls said; the texts are ours. */
struct tls_files {
        char *certificate, *key, *ca;
};

struct http {
        aeon_app *app;
        struct http_router router;
        struct endpoint *endpoints;
        int failure; /* the first of declaring; 0: none */
        char failure_text[256];
};

/* ------------------------------------------------------------------ step 0 and the end */

static void endpoint_unbind(struct endpoint *e)
{
        for (unsigned i = 0; i < e->seat_count; i++) {
                aeon_listener_close(e->seats[i].server.listener);
                aeon__http_server_done(&e->seats[i].server);
                if (e->seats[i].fd >= 0)
                        close(e->seats[i].fd);
        }
        free(e->seats);
        e->seats = NULL;
        e->seat_count = 0;
        aeon_tls_server_free(e->tls_server);
        e->tls_server = NULL;
}

static int answer(aeon_request *req)
{
        struct endpoint *e = aeon__request_owner(req);
        return aeon__router_answer(&e->http->router, req);
}

static int spawn_handler(void *spawner, const char *name, aeon_task_fn *fn, void *arg)
{
        return aeon_lifespan_handle(spawner, name, fn, arg);
}

static int take_seats(struct endpoint *e, int fd, unsigned loops)
{
        e->seats = calloc(loops, sizeof *e->seats);
        if (!e->seats)
                return aeon_fail(-ENOMEM, "%s", e->address);
        for (; e->seat_count < loops; e->seat_count++) {
                struct seat *seat = &e->seats[e->seat_count];
                seat->server = (struct http_server){ .limits = e->limits,
                                                     .tls = e->tls_server,
                                                     .spawn = spawn_handler,
                                                     .answer = answer,
                                                     .owner = e,
                                                     .last_look = aeon_worker_id() ? WORKER_LAST_LOOK : 0,
                                                     .shared = e->shared,
                                                     .measured = true };
                aeon__http_server_init(&seat->server);
                seat->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
                if (seat->fd < 0)
                        return aeon_fail_os(-errno, "%s", e->address);
        }
        return 0;
}

static int read_tls_files(struct endpoint *e)
{
        const struct tls_files *t = e->tls;
        aeon_tls_opts opts = { .certificate = t->certificate, .key = t->key, .ca = t->ca, .alpn = aeon__http_alpn() };
        int r = aeon_tls_server_new(&opts, &e->tls_server);
        return r < 0 ? aeon_fail(r, "HTTPS on %s", e->address) : 0;
}

static int endpoint_bind(struct endpoint *e, unsigned loops)
{
        int fd;
        e->shared = aeon_worker_id() || !strncmp(e->address, "fd:", strlen("fd:"));
        int r = aeon_socket_bind(e->address, &fd);
        if (r < 0)
                return aeon_fail(r, "HTTP");
        r = aeon_socket_address(fd, e->address, sizeof e->address);
        if (r >= 0 && e->tls)
                r = read_tls_files(e);
        if (r >= 0)
                r = take_seats(e, fd, loops);
        close(fd);
        if (r < 0)
                endpoint_unbind(e);
        return r;
}

static void http_unbind(void *self, aeon_app *app)
{
        (void)app;
        struct http *http = self;
        for (struct endpoint *e = http->endpoints; e; e = e->next)
                endpoint_unbind(e);
}

static int http_bind(void *self, aeon_app *app)
{
        struct http *http = self;
        if (http->failure < 0)
                return aeon_fail_at(http->failure, true, AEON_HERE, "%s", http->failure_text);
        for (struct endpoint *e = http->endpoints; e && !aeon__world; e = e->next) { /* nothing listens in a test's world */
                int r = endpoint_bind(e, aeon_app_loops(app));
                if (r < 0) {
                        http_unbind(http, app);
                        return r;
                }
        }
        return 0;
}

/* ------------------------------------------------------------------ per loop */

static int accept_run(void *arg)
{
        return aeon__http_server_run(arg);
}

static int seat_serve(struct endpoint *e, struct seat *seat, aeon_lifespan *life)
{
        struct http_server *server = &seat->server;
        server->group = aeon_lifespan_group(life);
        server->spawner = life;
        int r = aeon_listener_open(seat->fd, &server->listener);
        if (r < 0)
                return aeon_fail(r, "HTTP on %s", e->address);
        seat->fd = -1;
        if (aeon_lifespan_index(life) == 0)
                aeon_log_info("%s on %s", e->tls ? "HTTPS" : "HTTP", e->address);
        return aeon_spawn(server->group, "http accept", accept_run, server);
}

static void http_quiesce(void *self, aeon_lifespan *life)
{
        struct http *http = self;
        for (struct endpoint *e = http->endpoints; e && e->seats; e = e->next)
                aeon__http_server_quiesce(&e->seats[aeon_lifespan_index(life)].server);
}

static int http_serve(void *self, aeon_lifespan *life)
{
        struct http *http = self;
        for (struct endpoint *e = http->endpoints; e && e->seats; e = e->next) {
                int r = seat_serve(e, &e->seats[aeon_lifespan_index(life)], life);
                if (r < 0) {
                        http_quiesce(http, life);
                        return r;
                }
        }
        return 0;
}

static void endpoint_free(struct endpoint *e)
{
        if (e->tls) {
                free(e->tls->certificate);
                free(e->tls->key);
                free(e->tls->ca);
                free(e->tls);
        }
        free(e);
}

static void http_free(void *self)
{
        struct http *http = self;
        for (struct endpoint *e = http->endpoints, *next; e; e = next) {
                next = e->next;
                endpoint_unbind(e);
                endpoint_free(e);
        }
        aeon__router_done(&http->router);
        free(http);
}

static const aeon_part http_part = {
        .name = "http",
        .bind = http_bind,
        .serve = http_serve,
        .quiesce = http_quiesce,
        .unbind = http_unbind,
        .free = http_free,
};

/* ------------------------------------------------------------------ declaring */

static struct http *http_of(aeon_app *app)
{
        struct http *http = aeon_app_part(app, &http_part);
        if (http)
                return http;
        http = calloc(1, sizeof *http);
        if (!http || aeon_use_part(app, &http_part, http) < 0) {
                free(http);
                return NULL;
        }
        http->app = app;
        return http;
}

/* The files of TLS again, of every endpoint: one that fails keeps what it had, and the others go on. */
static int reload_tls(aeon_app *app)
{
        const struct http *http = aeon_app_part(app, &http_part);
        int first = 0;
        for (struct endpoint *e = http->endpoints; e; e = e->next) {
                int r = e->tls_server ? aeon_tls_server_reload(e->tls_server) : 0;
                if (r < 0)
                        r = aeon_fail(r, "HTTPS on %s", e->address);
                if (r < 0 && first < 0)
                        aeon_log_error("%s", aeon_error_describe(r));
                first = first < 0 ? first : r;
        }
        return first;
}

/* Copy what is said of TLS, and have SIGHUP read the files again. */
static int take_tls(struct http *http, struct endpoint *e, const aeon_tls_opts *tls)
{
        struct tls_files *files = e->tls = calloc(1, sizeof *files);
        if (!files || (tls->certificate && !(files->certificate = strdup(tls->certificate))) ||
            (tls->key && !(files->key = strdup(tls->key))) || (tls->ca && !(files->ca = strdup(tls->ca))))
                return aeon_fail(-ENOMEM, "HTTPS on %s", e->address);
        for (const struct endpoint *other = http->endpoints; other; other = other->next)
                if (other->tls)
                        return 0;
        return aeon_hook_add(http->app, AEON_ON_RELOAD, reload_tls, "https", &(aeon_hook_opts){ .blocking = true });
}

/* Keep the first failure for bind; returns it. */
static int declaring_failed(struct http *http, int r)
{
        if (!http->failure) {
                http->failure = r;
                snprintf(http->failure_text, sizeof http->failure_text, "%s", aeon_error_describe(r));
        }
        return r;
}

static int write_address(const aeon_http_opts *opts, char *text)
{
        const char *host = opts->host ? opts->host : "127.0.0.1";
        bool bare_ipv6 = strchr(host, ':') && *host != '[';
        unsigned port = opts->port ? opts->port : DEFAULT_PORT;
        int used;
        if (port > 65535)
                return aeon_fail(-EINVAL, "HTTP port %u is above 65535", port);
        if (opts->address)
                used = snprintf(text, ADDRESS_SIZE, "%s", opts->address);
        else
                used = snprintf(text, ADDRESS_SIZE, bare_ipv6 ? "[%s]:%u" : "%s:%u", host, port);
        return used < ADDRESS_SIZE ? 0 : aeon_fail(-EINVAL, "HTTP address \"%.40s...\" is too long", text);
}

int aeon_http_listen(aeon_app *app, const aeon_http_opts *opts)
{
        static const aeon_http_opts defaults = { 0 };
        struct http *http = http_of(app);
        if (!http)
                return aeon_fail(-ENOMEM, "HTTP");
        struct endpoint *e = calloc(1, sizeof *e);
        if (!e)
                return declaring_failed(http, aeon_fail(-ENOMEM, "HTTP"));
        opts = opts ? opts : &defaults;
        int r = write_address(opts, e->address);
        if (r == 0 && opts->tls)
                r = take_tls(http, e, opts->tls);
        if (r < 0) {
                endpoint_free(e);
                return declaring_failed(http, r);
        }
        e->http = http;
        e->limits = (struct http_limits){
                .max_body = opts->max_body,
                .max_connections = opts->max_connections,
                .max_streams = opts->max_streams,
                .head_timeout = opts->head_timeout,
                .body_timeout = opts->body_timeout,
                .idle_timeout = opts->idle_timeout,
                .write_timeout = opts->write_timeout,
                .debug = opts->debug,
                .access_log = opts->access_log != AEON_ACCESS_LOG_OFF,
        };
        struct endpoint **last = &http->endpoints;
        while (*last)
                last = &(*last)->next;
        *last = e;
        return 0;
}

const char *aeon_http_address(aeon_app *app, unsigned n)
{
        const struct http *http = aeon_app_part(app, &http_part);
        const struct endpoint *e = http ? http->endpoints : NULL;
        while (e && n--)
                e = e->next;
        return e && e->seats ? e->address : NULL;
}

int aeon__http_declared(aeon_app *app, const struct http_router **ret_router, const char **ret_address, bool *ret_tls)
{
        struct http *http = aeon_app_part(app, &http_part);
        if (http && http->failure < 0)
                return aeon_fail_at(http->failure, true, AEON_HERE, "%s", http->failure_text);
        *ret_router = http ? &http->router : NULL;
        *ret_address = http && http->endpoints ? http->endpoints->address : NULL;
        *ret_tls = http && http->endpoints && http->endpoints->tls;
        return 0;
}

int aeon_route(aeon_app *app, const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts)
{
        struct http *http = http_of(app);
        if (!http)
                return aeon_fail(-ENOMEM, "route \"%s\"", pattern);
        int r = aeon__router_add(&http->router, pattern, handler, opts);
        return r < 0 ? declaring_failed(http, r) : 0;
}

int aeon_use_middleware(aeon_app *app, aeon_middleware_fn *fn)
{
        struct http *http = http_of(app);
        if (!http)
                return aeon_fail(-ENOMEM, "middleware");
        int r = aeon__router_use(&http->router, fn);
        return r < 0 ? declaring_failed(http, r) : 0;
}

int aeon_route_files(aeon_app *app, const char *pattern, const char *folder, const aeon_file_opts *opts)
{
        struct http *http = http_of(app);
        if (!http)
                return aeon_fail(-ENOMEM, "route \"%s\"", pattern);
        int r = aeon__router_add_files(&http->router, pattern, folder, opts);
        return r < 0 ? declaring_failed(http, r) : 0;
}
