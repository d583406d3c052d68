/* aeon/periodic.h - tasks that run again and again. */
#ifndef AEON_PERIODIC_H
#define AEON_PERIODIC_H

#include <aeon/app.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_periodic_opts {
        aeon_duration every;   /* the period; required. Ticks keep their rate: a run that takes longer skips the ticks it missed */
        double jitter;         /* 0..1: each tick comes later by a random part of the period, up to this share */
        aeon_duration timeout; /* of one run; 0: none */
} aeon_periodic_opts;

/* Run @fn(@arg) every period on the main loop from ready to stop, never two at a time. A failing run is logged with name and text,
 * and the next one still comes. @name is copied and unique among periodic and background tasks.
 *
 * Errors: -ENOMEM; -EINVAL @every is not positive; -EEXIST (kept by the app, which then refuses to start) */
#define aeon_periodic(app, name, fn, ...) aeon_periodic_at((app), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_periodic_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_periodic_opts *opts,
                              const char *site);

#ifdef __cplusplus
}
#endif
#endif
