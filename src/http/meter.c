/* Counting requests; see meter.h. */
#include "http/meter.h"

#include "http/server.h"

#include <aeon/metrics.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

AEON_COUNTER(aeon_http_requests_total, "Requests that were answered.", "method", "route", "code");
AEON_HISTOGRAM(aeon_http_request_duration_seconds, "From a request's head to the end of its reply.", "method", "route");
AEON_GAUGE(aeon_http_requests_in_flight, "Requests that are being answered.");
AEON_GAUGE(aeon_http_connections, "Connections of clients that are open.");

static const uint16_t usual[] = { 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403,
                                  404, 405, 409, 410, 413, 415, 422, 429, 499, 500, 501, 502, 503, 504 };
enum { USUAL = sizeof usual / sizeof *usual };

struct http_meter {
        char method[16];
        const char *path; /* of the pattern, borrowed */
        _Atomic(aeon_series *) duration;
        _Atomic(aeon_series *) answers[USUAL];
};

/* ------------------------------------------------------------------ of one route */

struct http_meter *aeon__http_meter_new(const char *pattern)
{
        struct http_meter *meter = calloc(1, sizeof *meter);
        if (!meter)
                return NULL;
        size_t method = strcspn(pattern, " ");
        snprintf(meter->method, sizeof meter->method, "%.*s", (int)method, pattern);
        meter->path = pattern + method + 1;
        return meter;
}

void aeon__http_meter_free(struct http_meter *meter)
{
        free(meter);
}

static aeon_series *look_up(const char *method, const char *route, int status)
{
        char code[8];
        snprintf(code, sizeof code, "%d", status);
        return aeon_http_requests_total_series(method, route, code);
}

static aeon_series *answers_of(struct http_meter *meter, int status)
{
        unsigned i = 0;
        while (i < USUAL && usual[i] != status)
                i++;
        if (i == USUAL)
                return look_up(meter->method, meter->path, status);
        aeon_series *series = atomic_load_explicit(&meter->answers[i], memory_order_acquire);
        if (!series) {
                series = look_up(meter->method, meter->path, status);
                atomic_store_explicit(&meter->answers[i], series, memory_order_release);
        }
        return series;
}

static aeon_series *duration_of(struct http_meter *meter)
{
        aeon_series *series = atomic_load_explicit(&meter->duration, memory_order_acquire);
        if (!series) {
                series = aeon_http_request_duration_seconds_series(meter->method, meter->path);
                atomic_store_explicit(&meter->duration, series, memory_order_release);
        }
        return series;
}

/* ------------------------------------------------------------------ of a request */

/* HEAD is answered by the route of GET, and is no GET. */
static bool is_for(const aeon_request *req, const struct http_meter *meter)
{
        return !strcmp(req->method, meter->method);
}

const char *aeon__http_method_label(const char *method)
{
        static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT" };
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                if (!strcmp(method, known[i]))
                        return known[i];
        return "other";
}

static const char *route_of(const aeon_request *req)
{
        return req->route ? req->route->pattern + req->route->method_size + 1 : "";
}

void aeon__http_count_begin(const aeon_request *req)
{
        if (req->server->measured)
                aeon_http_requests_in_flight_add(1);
}

void aeon__http_count_end(const aeon_request *req, int status)
{
        if (!req->server->measured)
                return;
        struct http_meter *meter = req->route ? req->route->meter : NULL;
        double seconds = (double)(aeon_now() - req->begun) / 1e9;
        bool lasts = status == 101; /* a conversation, not a request */
        aeon_http_requests_in_flight_add(-1);
        if (meter && is_for(req, meter)) {
                aeon_series_add(answers_of(meter, status), 1);
                if (!lasts)
                        aeon_series_observe(duration_of(meter), seconds);
                return;
        }
        const char *method = aeon__http_method_label(req->method), *route = route_of(req);
        aeon_series_add(look_up(method, route, status), 1);
        if (!lasts)
                aeon_http_request_duration_seconds_observe(seconds, method, route);
}

void aeon__http_count_connection(const struct http_server *server, int change)
{
        if (server->measured)
                aeon_http_connections_add(change);
}
