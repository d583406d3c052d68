/* aeon/health.h - is the service well, and who says so.
 *
 * A check is a function that is asked now and then. Probes (`/readyz`, `/healthz`) never run a check: they answer from the last
 * results, so a stuck component cannot stick the probe. */
#ifndef AEON_HEALTH_H
#define AEON_HEALTH_H

#include <aeon/app.h>
#include <aeon/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One run of one check. */
typedef struct aeon_health aeon_health;

/* 0: healthy; aeon_health_degraded()'s result: degraded; a negative errno with its text: unhealthy. Runs in a task under the check's
 * time-out; a check that is still running then is unhealthy, and is not started twice. */
typedef int aeon_health_fn(aeon_health *h);

/* What an unhealthy check does to the service. */
typedef enum aeon_impact {
        AEON_INFO,      /* shown only */
        AEON_DEGRADING, /* overall: degraded */
        AEON_CRITICAL,  /* overall: unhealthy, and not ready */
} aeon_impact;

typedef struct aeon_health_opts {
        aeon_duration interval; /* 10 s */
        aeon_duration timeout;  /* 1 s */
        aeon_impact impact;     /* AEON_INFO */
        bool on_demand;         /* run once at start, then only when aeon_health_ask() says so */
} aeon_health_opts;

/* Add a check. @name is copied. Errors: -ENOMEM, -EEXIST (kept by the app, which then refuses to start). */
AEON_API int aeon_health_check(aeon_app *app, const char *name, aeon_health_fn *check, const aeon_health_opts *opts);

/* The same with an argument, for parts that check several things of one kind; aeon_health_arg() gives it back. */
AEON_API int aeon_health_check_with(aeon_app *app, const char *name, aeon_health_fn *check, void *arg,
                                    const aeon_health_opts *opts);
AEON_API void *aeon_health_arg(const aeon_health *h);

/* Say "degraded" with words, as a check's result. Returns a positive number. */
AEON_API int aeon_health_degraded(aeon_health *h, const char *format, ...) AEON_PRINTF(2, 3);

/* Run the check @name soon, without waiting for its interval. One that is running already is not started again: its result is the
 * answer. Any thread. Errors: -ENOENT (the words name the nearest), -ESHUTDOWN when the app does not run. */
AEON_API int aeon_health_ask(aeon_app *app, const char *name);

/* ------------------------------------------------------------------ the last results, as the probes see them */

typedef enum aeon_status { AEON_HEALTHY, AEON_DEGRADED, AEON_UNHEALTHY } aeon_status;

/* Where the app stands in its life, for the probes. Any thread. */
AEON_API bool aeon_app_is_live(aeon_app *app);    /* false: a loop is stuck */
AEON_API bool aeon_app_is_started(aeon_app *app); /* start-up is complete */
AEON_API bool aeon_app_is_ready(aeon_app *app);   /* started, not draining, no critical check unhealthy */

/* Overall status, and with @details the components, as one JSON object to free():
 * {"status":"healthy","components":[{"name":..,"status":..,"latency_ms":..,"error":..,"impact":..,"since_s":..,"failures":..}]}; since
 * when it has this status, and how many runs in a row have failed. NULL when memory is short. Any thread. */
AEON_API aeon_status aeon_health_overall(aeon_app *app);
AEON_API char *aeon_health_json(aeon_app *app, bool details);

/* The components as lines for people, to free(): "[+]database ok", "[-]cache unhealthy: nobody answers", "[~]..." for degraded. NULL when
 * memory is short. Any thread. Source: Kubernetes, "?verbose" of its API server's health endpoints. */
AEON_API char *aeon_health_text(aeon_app *app);

#ifdef __cplusplus
}
#endif
#endif
