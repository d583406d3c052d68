/* aeon/background.h - tasks that run beside the handlers for as long as the app serves. */
#ifndef AEON_BACKGROUND_H
#define AEON_BACKGROUND_H

#include <aeon/app.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aeon_restart {
        AEON_RESTART_NEVER,
        AEON_RESTART_ON_FAILURE,
        AEON_RESTART_ALWAYS,
} aeon_restart;

typedef struct aeon_background_opts {
        aeon_restart restart; /* AEON_RESTART_NEVER. Pauses grow from 0.1 s to 30 s, half of each by chance */
        aeon_duration stable; /* 60 s: running that long resets the pause */
        bool essential;       /* its failure (when it is not restarted) stops the app with exit code 3 */
} aeon_background_opts;

/* Run @fn(@arg) on the main loop from ready to stop; it is cancelled and awaited at the stop. @name is copied and unique.
 *
 * Errors: -ENOMEM; -EEXIST (kept by the app, which then refuses to start and names both places) */
#define aeon_background(app, name, fn, ...) aeon_background_at((app), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_background_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_background_opts *opts,
                                const char *site);

#ifdef __cplusplus
}
#endif
#endif
