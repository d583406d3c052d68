/* aeon/app.h - an application and its life.
 *
 *     settings -> start-up -> brokers and listeners -> ready -> serving -> draining -> shut-down -> exit code
 *
 * A service declares what it has in one function and Aeon runs the life of it:
 *
 *         AEON_APP(app)
 *         {
 *                 aeon_use_broker(app, "sqlite:./q.db");
 *                 aeon_on_startup(app, load_model);
 *                 aeon_subscribe(app, "test", &predict_handler, NULL);
 *         }
 *
 * The order of everything, and what happens when a step fails, is the table in docs/lifecycle.md. The declaring functions below
 * return 0 or a negative errno; nobody needs to look: the app keeps the first error and refuses to start, naming it. */
#ifndef AEON_APP_H
#define AEON_APP_H

#include <aeon/attributes.h>
#include <aeon/loop.h>
#include <aeon/sync.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_app aeon_app;

/* ------------------------------------------------------------------ declaring an app */

/* Declare an app; the block that follows is run once, before anything starts, and must only declare. */
#define AEON_APP(name)                                                       \
        AEON__EXTERN_C AEON_API void aeon_app_define_##name(aeon_app *name); \
        void aeon_app_define_##name(aeon_app *name)

/* Make the app declared above a program of its own, with all flags of `aeon run`. */
#define AEON_MAIN(name)                                                      \
        int main(int argc, char **argv)                                      \
        {                                                                    \
                return aeon_main(argc, argv, #name, aeon_app_define_##name); \
        }                                                                    \
        struct aeon__needs_a_semicolon

/* What AEON_MAIN calls: parse the flags of `aeon run` and the app's own arguments, run the app, return its exit code. */
AEON_API int aeon_main(int argc, char **argv, const char *name, void (*define)(aeon_app *app));

/* What a service is, for those who read its documents (`aeon docs`). */
typedef struct aeon_app_description {
        const char *title;   /* the app's name */
        const char *version; /* of what it offers to others: "1.0.0" */
        const char *doc;     /* what it is for, in some sentences; NULL: not told */
} aeon_app_description;

/* Describe the app; once more replaces what was said. To be called in AEON_APP. Strings are copied. Errors: -ENOMEM, and the app refuses to
 * start. */
AEON_API int aeon_app_describe(aeon_app *app, const aeon_app_description *description);

/* ------------------------------------------------------------------ hooks */

/* A step of the app's life. Runs in a task: it may suspend, and is cancelled when the app is told to stop during start-up.
 * Hooks of one kind run one after another in order of registration. */
typedef int aeon_hook_fn(aeon_app *app);

typedef enum aeon_hook_kind {
        AEON_ON_STARTUP,     /* step 2: before any broker is touched. Failing: exit 1 */
        AEON_AFTER_STARTUP,  /* step 5: brokers are connected; may publish. Failing: undo, exit 1 */
        AEON_ON_READY,       /* step 6: just after the app is ready. Failing: as serving failed, exit 1 */
        AEON_ON_SHUTDOWN,    /* step 12: brokers are still connected. Runs iff all start-up hooks succeeded */
        AEON_AFTER_SHUTDOWN, /* step 14: always, once start-up hooks had begun */
        AEON_ON_RELOAD,      /* on SIGHUP, while serving. Failing: the log says so, and everything stays as it was */
} aeon_hook_kind;

/* Where a hook runs when the service is several processes, `--workers N`. In one that is not, both mean the same. */
typedef enum aeon_hook_scope {
        AEON_EACH, /* in every worker */
        AEON_ONCE, /* in the supervisor only: the first three kinds but AEON_ON_READY before any worker starts, that one when all are
                      ready, those of the shut-down when all have ended. No broker is connected there; a database is opened when used */
} aeon_hook_scope;

typedef struct aeon_hook_opts {
        bool blocking;         /* run it on the thread pool: the loop and the probes stay alive */
        aeon_hook_scope scope; /* AEON_EACH */
} aeon_hook_opts;

/* Call @fn at one step of the app's life; each kind says above which step that is and what its failure does. To be called in AEON_APP.
 * What goes wrong in declaring is kept, and the app refuses to start. Errors: -ENOMEM. Source: Propan's hooks. */
#define aeon_on_startup(app, fn) aeon_hook_add((app), AEON_ON_STARTUP, (fn), #fn, NULL)
#define aeon_after_startup(app, fn) aeon_hook_add((app), AEON_AFTER_STARTUP, (fn), #fn, NULL)
#define aeon_on_ready(app, fn) aeon_hook_add((app), AEON_ON_READY, (fn), #fn, NULL)
#define aeon_on_shutdown(app, fn) aeon_hook_add((app), AEON_ON_SHUTDOWN, (fn), #fn, NULL)
#define aeon_after_shutdown(app, fn) aeon_hook_add((app), AEON_AFTER_SHUTDOWN, (fn), #fn, NULL)
#define aeon_on_reload(app, fn) aeon_hook_add((app), AEON_ON_RELOAD, (fn), #fn, NULL)

/* Behind the macros, and the form with options. Errors: -ENOMEM. Source: Propan's hooks. */
AEON_API int aeon_hook_add(aeon_app *app, aeon_hook_kind kind, aeon_hook_fn *fn, const char *name, const aeon_hook_opts *opts);

/* ------------------------------------------------------------------ the lifespan */

/* One loop's stretch of the app's life. */
typedef struct aeon_lifespan aeon_lifespan;

/* Start-up and shut-down of one loop in one function, with aeon_lifespan_serve() between. Three ways to end early: returning 0 before
 * serving declines (the loop serves without it), failing before serving fails the start (exit 1), and returning or failing while
 * serving stops the app (exit 3). */
typedef int aeon_lifespan_fn(aeon_lifespan *life);

/* Run @fn once per loop. An app has one lifespan function; a second is -EEXIST. */
AEON_API int aeon_use_lifespan(aeon_app *app, aeon_lifespan_fn *fn);

/* "Yield": this loop is up; serve until it must stop. Returns 0 when the app stops, -ECANCELED when something in the lifespan
 * itself was cancelled or failed. What follows it runs shielded, within the clean-up budget.
 *
 * Suspends. Once per lifespan. Errors: -ECANCELED; -EALREADY when called again. Source: ASGI specification, Lifespan. */
AEON_API AEON_SUSPENDS int aeon_lifespan_serve(aeon_lifespan *life);

/* The app whose life it is. Borrowed. */
AEON_API aeon_app *aeon_lifespan_app(aeon_lifespan *life);

/* Which loop: 0 for the main one, up to aeon_app_loops() - 1. */
AEON_API unsigned aeon_lifespan_index(const aeon_lifespan *life);

/* ------------------------------------------------------------------ inside hooks and handlers */

/* Memory that is freed when the app ends, after all hooks; zeroed. NULL when there is none. Any thread. */
AEON_API void *aeon_app_alloc(aeon_app *app, size_t size);

/* Call @fn(@arg) at the very end, in reverse order of these calls, also when start-up failed half-way. Errors: -ENOMEM. Any thread. */
AEON_API int aeon_app_defer(aeon_app *app, void (*fn)(void *arg), void *arg);

/* The app argument `--name VALUE`, or @otherwise. A flag (`--name`) is "true", `--no-name` is "false"; of several values the last.
 * Borrowed while the app lives. */
AEON_API const char *aeon_app_arg(aeon_app *app, const char *name, const char *otherwise);

/* Values by name, for what is known at run time only; prefer AEON_APP_VAR, which has a type. @value stays yours. Setting a name again
 * replaces it; what was set is forgotten when the app ends, or by aeon_app_reset() (NULL: all names). Any thread, any time.
 *
 * aeon_app_get() gives NULL when there is none. aeon_app_require() fails with words that help: the nearest name, and what was set
 * where. Errors: -ENOENT; setting: -ENOMEM. Source: Propan's context, set_global. */
#define aeon_app_set(app, name, value) aeon_app_set_at((app), (name), (value), AEON_HERE)
AEON_API int aeon_app_set_at(aeon_app *app, const char *name, void *value, const char *site);
AEON_API void *aeon_app_get(aeon_app *app, const char *name);
AEON_API AEON_MUST_CHECK int aeon_app_require(aeon_app *app, const char *name, void **ret_value);
AEON_API void aeon_app_reset(aeon_app *app, const char *name);

/* Ask the app to stop with exit code @code (kept if it is the first cause). Returns 0 at once; the stop itself happens in the app's
 * own task. Any thread, any number of times. */
AEON_API int aeon_app_stop(aeon_app *app, int code);

/* The event that is set when this loop begins to drain; NULL outside an app. For handlers that run long and can end early. */
AEON_API aeon_event *aeon_draining(void);

/* The app that the running task belongs to; NULL outside an app's loops. */
AEON_API aeon_app *aeon_app_current(void);
AEON_API const char *aeon_app_name(const aeon_app *app);
AEON_API unsigned aeon_app_loops(const aeon_app *app);

/* Which of the processes of `--workers N` this one is: 1 to N, the same as $AEON_WORKER_ID. 0 in their supervisor, and in a service that
 * has none. While a worker is replaced the old and the new one have the same number for a moment. Any thread. */
AEON_API unsigned aeon_worker_id(void);

/* ------------------------------------------------------------------ parts: what http and broker are made of, open to all */

/* Something with a life of its own inside the app: a broker, a listener, a database pool. Every member may be NULL. They are called
 * in order of registration on the way up and in reverse on the way down; what opened is closed, what did not is not. */
typedef struct aeon_part {
        const char *name;
        int (*bind)(void *self, aeon_app *app);  /* step 0, once, outside any loop: reserve ports, read nothing. Fails: exit 1 */
        int (*watch)(void *self, aeon_app *app); /* steps 1-14, once, a task on the warden's loop (never blocked by handlers);
                                                             cancelled at the end; failing stops the app */
        int (*open)(void *self, aeon_lifespan *life);  /* step 4, per loop, inside its lifespan: connect. Fails: undo, exit 1 */
        int (*serve)(void *self, aeon_lifespan *life); /* step 6, per loop: begin to take work from outside. Fails: undo, exit 1 */
        void (*quiesce)(void *self, aeon_lifespan *life); /* step 9, per loop: take nothing new; must not wait long */
        void (*close)(void *self, aeon_lifespan *life);   /* step 13, per loop, shielded, iff open succeeded */
        void (*leave)(void *self, aeon_app *app);  /* the last of each loop, always: behind the lifespan's clean-up, on the main
                                                             loop behind the last hook. For what was made when first needed */
        void (*unbind)(void *self, aeon_app *app); /* end of step 14, once, iff bind succeeded */
        void (*free)(void *self);                  /* with the app, always */
} aeon_part;

/* Give @self's life to the app. @part must live as long as the app. Errors: -ENOMEM (then @self stays yours). */
AEON_API int aeon_use_part(aeon_app *app, const aeon_part *part, void *self);

/* The first part of this kind, NULL when there is none; the @n-th with aeon_app_part_at(). */
AEON_API void *aeon_app_part(aeon_app *app, const aeon_part *part);
AEON_API void *aeon_app_part_at(aeon_app *app, const aeon_part *part, unsigned n);

/* Start @fn(@arg) as a HANDLER: a child of the loop's lifespan that a stop waits for (step 10), then cancels (step 11). Its failure
 * is the caller's business: @fn returns what it likes and nothing else is cancelled. Called on the lifespan's own loop, from a task
 * inside the lifespan, so that the task variables of the lifespan are seen. Errors: -ENOMEM, -ESHUTDOWN when it is too late. */
#define aeon_lifespan_handle(life, name, fn, ...) aeon_lifespan_handle_at((life), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_lifespan_handle_at(aeon_lifespan *life, const char *name, aeon_task_fn *fn, void *arg, const char *site);

/* The group for a part's own tasks (accept loops, pumps). Cancelled and joined after all parts have closed; a failure of one of them
 * ends the lifespan and stops the app (exit 3). Borrowed. */
AEON_API aeon_group *aeon_lifespan_group(aeon_lifespan *life);

/* Tell the app where its admin endpoints answer, for the ready line ("127.0.0.1:7979"). For a part's bind(). */
AEON_API void aeon_app_set_admin_address(aeon_app *app, const char *address);

/* ------------------------------------------------------------------ running an app by hand */

typedef struct aeon_app_opts {
        const char *name;               /* "app" */
        unsigned loops;                 /* 1 */
        unsigned workers;               /* processes under this one, each this program again with its arguments; 0: no others */
        int argc;                       /* app arguments, by the grammar of `aeon run` */
        char **argv;                    /* borrowed until the app is freed */
        aeon_duration drain_delay;      /* 0: step 9 follows the stop at once */
        aeon_duration graceful_timeout; /* 30 s: one deadline for everything in flight */
        aeon_duration cleanup_timeout;  /* 5 s: for what was cancelled, and for shut-down hooks and closes */
        aeon_duration grace_period; /* what the world gives a stop before it kills; 0: unknown. A warning when it is too short */
        aeon_duration stall_limit;  /* 10 s: a loop that does not come round for longer makes the app not live */
        const char *admin;          /* "127.0.0.1:7979", "unix:PATH", "off"; NULL: the first free port of 7979..7999 */
        const char *
                trace_endpoint; /* of an OTLP/HTTP collector, "http://localhost:4318"; "off"; NULL: what OTEL_* in the environment say */
        double trace_ratio;    /* the share of traces that is sampled, of those that begin here; 0: what OTEL_* say, or all */
        bool health_details;   /* show component details to everybody, not only to loopback */
        bool reload;           /* with workers (1 if none are asked for): replace them when what they were made from changes */
        bool explain_settings; /* print where each setting came from, and stop */
        bool quiet;            /* no ready line and no report on stderr */
        bool no_signals;       /* leave SIGTERM, SIGINT and SIGUSR1 alone */
} aeon_app_opts;

/* Make an app, declare it with @define, run it to its end and return its exit code:
 * 0 clean; 1 start failed, or a shut-down hook failed; 2 bad usage or settings; 3 a lifespan or an essential background task failed;
 * 4 something had to be abandoned. Blocks the calling thread, which becomes the main loop's. */
AEON_API int aeon_app_run(void (*define)(aeon_app *app), const aeon_app_opts *opts);

#ifdef __cplusplus
}
#define AEON__EXTERN_C extern "C"
#else
#define AEON__EXTERN_C
#endif
#endif
