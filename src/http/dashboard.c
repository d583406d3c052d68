/* The dashboard: what the app does now, for people who look.
 *
 * DESIGN
 *   GET / is dashboard.html, compiled in as it is: it holds no data, so everybody may have it, and it can have no script but its own, which
 * the policy names by its hash. GET /events is what it shows: once a second the whole state, as one event of a stream.
 *
 *       {"at_ms":81234.5,                          the app's clock, to make rates of what is counted
 *        "app":{"name":"shop","version":"2.1","phase":"serving","up_s":81.2,"process":4711,"worker":0,"admin":"127.0.0.1:7979",
 *               "resident_bytes":12582912,"cpu_s":0.41},
 *        "probes":{"livez":true,"startupz":true,"readyz":true},
 *        "health":{...},                           as /healthz
 *        "snapshot":{...},                         as /snapshot
 *        "workers":[{"worker":1,"process":4712,"admin":"127.0.0.1:40001"}]}
 *
 *   Tasks are not in it: the page asks /tasks while somebody looks at them. Nothing is sampled or kept here, so a dashboard that nobody looks at
 * costs nothing, and one that is looked at one JSON text a second. The page makes rates and lines of what it has seen itself.
 *
 *   A browser that takes nothing holds up its own stream alone: that waits with one event, until the listener's write timeout ends it. Streams
 * are requests of the admin listener, whose end ends them; no stop waits for them, and the page can watch one to its end.
 */
#include "http/dashboard.h"

#include "app/exposition.h"
#include "app/snapshot.h"
#include "app/workers.h"

#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/http_events.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char dashboard_page[], dashboard_page_hashes[]; /* dashboard.html */

enum { WATCHERS_MAX = 16 };
#define PERIOD AEON_SECONDS(1)

/* ------------------------------------------------------------------ the page */

int aeon__dashboard_page(aeon_request *req)
{
        char policy[512];
        snprintf(policy, sizeof policy,
                 "default-src 'none'; %s; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
                 "'none'",
                 dashboard_page_hashes);
        int r = aeon_reply_header(req, "Content-Security-Policy", policy);
        r = r < 0 ? r : aeon_reply_header(req, "X-Content-Type-Options", "nosniff");
        r = r < 0 ? r : aeon_reply_header(req, "Referrer-Policy", "no-referrer");
        return r < 0 ? r : aeon_reply_bytes(req, 200, "text/html; charset=utf-8", dashboard_page, strlen(dashboard_page));
}

/* ------------------------------------------------------------------ the state */

static const char *truth(bool b)
{
        return b ? "true" : "false";
}

static const char *phase(aeon_app *app)
{
        if (aeon__stop_level(app) != STOP_NONE)
                return "draining";
        return aeon_app_is_started(app) ? "serving" : "starting";
}

static void write_app(aeon_app *app, struct text *out)
{
        aeon__text_print(out, "\"app\":{\"name\":");
        aeon__json_add_string(out, app->title ? app->title : app->opts.name);
        aeon__text_print(out, ",\"version\":");
        aeon__json_add_string(out, app->version ? app->version : "");
        aeon__text_print(out, ",\"phase\":\"%s\",\"up_s\":%.3f,\"process\":%d,\"worker\":%u,\"admin\":", phase(app),
                         aeon__process_age(), (int)getpid(), aeon_worker_id());
        aeon__json_add_string(out, app->admin_address);
        aeon__text_print(out, ",\"resident_bytes\":%.0f,\"cpu_s\":%.3f}", aeon__process_resident_bytes(),
                         aeon__process_cpu_seconds());
}

static void write_probes(aeon_app *app, struct text *out)
{
        aeon__text_print(out, "\"probes\":{\"livez\":%s,\"startupz\":%s,\"readyz\":%s}", truth(aeon_app_is_live(app)),
                         truth(aeon_app_is_started(app)), truth(aeon_app_is_ready(app)));
}

static void write_health(aeon_app *app, struct text *out)
{
        char *health = aeon_health_json(app, true);
        aeon__text_print(out, "\"health\":%s", health ? health : "null");
        out->failed = out->failed || !health;
        free(health);
}

static void write_workers(aeon_app *app, struct text *out)
{
        aeon__text_print(out, "\"workers\":[");
        for (unsigned i = 0; i < aeon__workers_count(app); i++) {
                struct worker_place place;
                aeon__workers_place(app, i, &place);
                aeon__text_print(out, "%s{\"worker\":%u,\"process\":%d,\"admin\":", i ? "," : "", place.id, place.pid);
                aeon__json_add_string(out, place.admin);
                aeon__text_print(out, "}");
        }
        aeon__text_print(out, "]");
}

static int write_state(aeon_app *app, struct text *out)
{
        aeon__text_print(out, "{\"at_ms\":%.3f,", (double)aeon_now() / 1e6);
        write_app(app, out);
        aeon__text_print(out, ",");
        write_probes(app, out);
        aeon__text_print(out, ",");
        write_health(app, out);
        aeon__text_print(out, ",\"snapshot\":");
        int r = aeon__snapshot_write(app, out);
        aeon__text_print(out, ",");
        write_workers(app, out);
        aeon__text_print(out, "}");
        return r == 0 && out->failed ? aeon_fail(-ENOMEM, "no memory for the dashboard") : r;
}

/* ------------------------------------------------------------------ the stream */

static int send_state(aeon_request *req, aeon_app *app)
{
        struct text state = { 0 };
        int r = write_state(app, &state);
        if (r == 0)
                r = aeon_events_send(req, &(aeon_server_event){ .data = state.data });
        aeon__text_done(&state);
        return r;
}

static int watch(aeon_request *req, aeon_app *app)
{
        int r = aeon_events_begin(req, NULL);
        r = r < 0 ? r : aeon_events_send(req, &(aeon_server_event){ .retry = 2 * PERIOD });
        while (r >= 0) {
                r = send_state(req, app);
                r = r < 0 ? r : aeon_events_sleep(req, PERIOD);
                if (r == 0)
                        break;
        }
        return r;
}

int aeon__dashboard_events(aeon_request *req)
{
        struct dashboard *dashboard = aeon__dashboard_of(req);
        if (!aeon__admin_shows_details(req))
                return aeon_reply_json(req, 403,
                                       "{\"error\":\"the dashboard is for clients of this machine that ask for localhost; "
                                       "--health-details is for all\"}");
        if (dashboard->watchers == WATCHERS_MAX)
                return aeon_reply_json(req, 503, "{\"error\":\"too many dashboards are open\"}");
        dashboard->watchers++;
        int r = watch(req, dashboard->app);
        dashboard->watchers--;
        return r;
}
