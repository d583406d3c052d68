/* Probes and health, answered while everything else may be stuck.
 *
 * DESIGN
 *   A part with no life on the app's loops: bind reserves the address at step 0, and watch runs an HTTP server on the warden's
 * loop, which no handler blocks. Answers come from the last results of the checks, so nothing here waits for anything.
 *
 *       GET /          200        the dashboard, a page for people: dashboard.c
 *       GET /events    200        what it shows, once a second; to loopback clients only, or to all when asked for
 *       GET /livez     200 / 503  {"status":"healthy"} or "unhealthy"     a loop is stuck
 *       GET /startupz  200 / 503                                          start-up is complete
 *       GET /readyz    200 / 503                                          takes work
 *       GET /healthz   200 healthy and degraded, 503 unhealthy; components for loopback clients, or for all when asked for
 *       GET /metrics   200        all numbers, in Prometheus' text format; to whoever reaches the listener: docs/observability.md
 *       GET /log-level 200        "info,broker=debug"; POST changes it; both to loopback clients only, and to no web page
 *       GET /snapshot  200        loops, subscriptions, background and periodic tasks, as JSON; to loopback clients likewise
 *       GET /tasks     200        every task of every loop, as JSON or, with ?verbose, as a tree for people; to loopback clients likewise
 *
 *   Source: Kubernetes, "Configure Liveness, Readiness and Startup Probes"; the query `?verbose` that it sends is accepted.
 */
#include "http/admin.h"

#include "app/calls.h"
#include "app/exposition.h"
#include "app/snapshot.h"
#include "app/worker.h"
#include "app/workers.h"
#include "http/admin_workers.h"
#include "http/dashboard.h"
#include "http/middleware.h"
#include "http/server.h"
#include "loop/address.h"
#include "loop/dump.h"

#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PORT = 7979, LAST_PORT = 7999, BACKLOG = 128 };

struct admin {
        aeon_app *app;
        bool anywhere; /* nobody asked for an address: any free port will do */
        bool details;
        int fd; /* bound; -1 before and once the listener owns it */
        struct dashboard dashboard;
        struct http_router router;
        struct http_server server;
        char address[160];
};

/* ------------------------------------------------------------------ answers */

static struct admin *admin_of(aeon_request *req)
{
        return aeon__request_owner(req);
}

struct dashboard *aeon__dashboard_of(aeon_request *req)
{
        return &admin_of(req)->dashboard;
}

/* A page of another site can have its own name point to this machine, and then its reader's browser asks us on its behalf. But it
 * asks by that name. Over a unix socket no browser comes. */
static bool is_asked_by_our_name(aeon_request *req)
{
        const char *host = aeon_request_header(req, "Host");
        return !host || !strncmp(aeon_request_peer(req), "unix", 4) || aeon__address_is_loopback(host);
}

bool aeon__admin_shows_details(aeon_request *req)
{
        return admin_of(req)->details || (aeon__address_is_loopback(aeon_request_peer(req)) && is_asked_by_our_name(req));
}

/* As lines for people: the components when the reader may see them, then the verdict. */
static int answer_verbosely(aeon_request *req, bool good)
{
        char *lines = aeon__admin_shows_details(req) ? aeon_health_text(admin_of(req)->app) : strdup(""), *text = NULL;
        if (!lines || asprintf(&text, "%s%s check %s\n", lines, aeon_request_path(req) + 1, good ? "passed" : "failed") < 0) {
                free(lines);
                return aeon_fail(-ENOMEM, "health");
        }
        int r = aeon_reply_text(req, good ? 200 : 503, text);
        free(lines);
        free(text);
        return r;
}

static int answer_probe(aeon_request *req, bool good)
{
        if (aeon_request_query(req, "verbose"))
                return answer_verbosely(req, good);
        return aeon_reply_json(req, good ? 200 : 503, good ? "{\"status\":\"healthy\"}" : "{\"status\":\"unhealthy\"}");
}

static int livez(aeon_request *req)
{
        return answer_probe(req, aeon_app_is_live(admin_of(req)->app));
}

static int startupz(aeon_request *req)
{
        return answer_probe(req, aeon_app_is_started(admin_of(req)->app));
}

static int readyz(aeon_request *req)
{
        return answer_probe(req, aeon_app_is_ready(admin_of(req)->app));
}

static int healthz(aeon_request *req)
{
        struct admin *admin = admin_of(req);
        bool good = aeon_health_overall(admin->app) != AEON_UNHEALTHY;
        if (aeon_request_query(req, "verbose"))
                return answer_verbosely(req, good);
        char *json = aeon_health_json(admin->app, aeon__admin_shows_details(req));
        if (!json)
                return aeon_fail(-ENOMEM, "health");
        int r = aeon_reply_json(req, good ? 200 : 503, json);
        free(json);
        return r;
}

enum of_workers { TASKS_JSON, TASKS_TEXT, METRICS };

/* In place of a supervisor's own @text: its workers', too. */
static int of_all_workers(aeon_app *app, enum of_workers what, struct text *text)
{
        struct text all;
        int r = what == METRICS ? aeon__workers_metrics(app, text, &all) : aeon__workers_tasks(app, what == TASKS_JSON, text, &all);
        aeon__text_done(text);
        *text = r < 0 ? (struct text){ 0 } : all;
        return r;
}

static int tasks(aeon_request *req)
{
        bool json = !aeon_request_query(req, "verbose");
        struct text dump;
        if (!aeon__admin_shows_details(req))
                return aeon_reply_json(req, 403, "{\"error\":\"tasks are shown to loopback clients only (--health-details)\"}");
        int r = aeon__loops_dump_for_task(json, &dump);
        if (r == 0 && aeon__workers_count(admin_of(req)->app))
                r = of_all_workers(admin_of(req)->app, json ? TASKS_JSON : TASKS_TEXT, &dump);
        if (r < 0)
                return r;
        r = json ? aeon_reply_json(req, 200, dump.data) : aeon_reply_text(req, 200, dump.data);
        aeon__text_done(&dump);
        return r;
}

static int snapshot(aeon_request *req)
{
        struct text text = { 0 };
        if (!aeon__admin_shows_details(req))
                return aeon_reply_json(req, 403,
                                       "{\"error\":\"the snapshot is shown to loopback clients only (--health-details)\"}");
        int r = aeon__snapshot_write(admin_of(req)->app, &text);
        if (r == 0)
                r = aeon_reply_json(req, 200, text.data);
        aeon__text_done(&text);
        return r;
}

static int metrics(aeon_request *req)
{
        struct text text = { 0 };
        int r = aeon__metrics_text(admin_of(req)->app, &text);
        if (r == 0 && aeon__workers_count(admin_of(req)->app))
                r = of_all_workers(admin_of(req)->app, METRICS, &text);
        if (r == 0)
                r = aeon_reply_bytes(req, 200, EXPOSITION_TYPE, text.data, text.length);
        aeon__text_done(&text);
        return r;
}

static int answer(aeon_request *req)
{
        struct admin *admin = aeon__request_owner(req);
        int r = aeon_reply_header(req, "Cache-Control", "no-store");
        return r < 0 ? r : aeon__router_answer(&admin->router, req);
}

/* ------------------------------------------------------------------ life */

/* Bind and listen at once: two sockets may be bound to one port as long as none listens, and here the first to come must have it.
 */
static int reserve(struct admin *admin)
{
        int fd;
        int r = aeon__socket_bind_here(admin->address, &fd); /* ours alone, in a worker too */
        if (r < 0)
                return r;
        if (listen(fd, BACKLOG) < 0) {
                r = aeon_fail_os(-errno, "cannot listen on %s", admin->address);
                close(fd);
                return r;
        }
        admin->fd = fd;
        return 0;
}

static int reserve_first_free(struct admin *admin)
{
        int r = -EADDRINUSE;
        for (int port = FIRST_PORT; port <= LAST_PORT && r == -EADDRINUSE; port++) {
                snprintf(admin->address, sizeof admin->address, "127.0.0.1:%d", port);
                r = reserve(admin);
        }
        return r;
}

static int admin_bind(void *self, aeon_app *app)
{
        struct admin *admin = self;
        int r = admin->anywhere ? reserve_first_free(admin) : reserve(admin);
        if (r < 0)
                return aeon_fail(r, "admin listener");
        r = aeon_socket_address(admin->fd, admin->address, sizeof admin->address);
        if (r < 0) {
                close(admin->fd);
                admin->fd = -1;
                return aeon_fail(r, "admin listener");
        }
        aeon_app_set_admin_address(app, admin->address);
        aeon__worker_tell("X_ADMIN=%s", admin->address);
        return 0;
}

static void admin_unbind(void *self, aeon_app *app)
{
        (void)app;
        struct admin *admin = self;
        if (admin->fd >= 0)
                close(admin->fd);
        admin->fd = -1;
}

static int spawn_in_group(void *spawner, const char *name, aeon_task_fn *fn, void *arg)
{
        return aeon_spawn(spawner, name, fn, arg);
}

static int admin_watch(void *self, aeon_app *app)
{
        (void)app;
        struct admin *admin = self;
        struct http_server *server = &admin->server;
        int r = aeon_listener_open(admin->fd, &server->listener);
        if (r < 0)
                return aeon_fail(r, "admin listener on %s", admin->address);
        admin->fd = -1;
        r = aeon_group_open(&server->group);
        if (r == 0) {
                server->spawner = server->group;
                r = aeon__http_server_run(server);
                aeon_group_cancel(server->group, "the app ends");
                int e = aeon_group_close(server->group);
                r = r < 0 ? r : e;
        }
        aeon_listener_close(server->listener);
        server->listener = NULL;
        aeon__http_server_done(server);
        return r;
}

static void admin_free(void *self)
{
        struct admin *admin = self;
        admin_unbind(admin, NULL);
        aeon__router_done(&admin->router);
        free(admin);
}

static const aeon_part admin_part = {
        .name = "admin",
        .bind = admin_bind,
        .watch = admin_watch,
        .unbind = admin_unbind,
        .free = admin_free,
};

/* ------------------------------------------------------------------ declaring */

static int add_routes(struct http_router *router)
{
        static const struct {
                const char *pattern;
                aeon_request_fn *handler;
        } routes[] = {
                { "GET /", aeon__dashboard_page },
                { "GET /events", aeon__dashboard_events },
                { "GET /livez", livez },
                { "GET /startupz", startupz },
                { "GET /readyz", readyz },
                { "GET /healthz", healthz },
                { "GET /tasks", tasks },
                { "GET /metrics", metrics },
                { "GET /snapshot", snapshot },
                { "GET /log-level", aeon__admin_log_level },
                { "POST /log-level", aeon__admin_log_level },
        };
        for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
                int r = aeon__router_add(router, routes[i].pattern, routes[i].handler, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

int aeon__admin_use(aeon_app *app, const char *address, bool details)
{
        if (address && !strcmp(address, "off"))
                return 0;
        if (aeon_worker_id())
                address = "127.0.0.1:0"; /* what was asked for is the supervisor's */
        struct admin *admin = calloc(1, sizeof *admin);
        if (!admin)
                return aeon_fail(-ENOMEM, "admin listener");
        admin->app = admin->dashboard.app = app;
        admin->anywhere = !address;
        admin->details = details;
        admin->fd = -1;
        admin->server = (struct http_server){ .spawn = spawn_in_group, .answer = answer, .owner = admin };
        admin->server.limits.max_connections = 256;
        aeon__http_server_init(&admin->server);
        int r = 0;
        if (address && (size_t)snprintf(admin->address, sizeof admin->address, "%s", address) >= sizeof admin->address)
                r = aeon_fail(-EINVAL, "admin address \"%.40s...\" is too long", address);
        if (r == 0)
                r = add_routes(&admin->router);
        if (r == 0)
                r = aeon__use_part_anyway(app, &admin_part, admin);
        if (r < 0)
                admin_free(admin);
        return r;
}
