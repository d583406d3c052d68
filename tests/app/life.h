/* An app that writes down what happens to it.
 *
 * DESIGN
 *   Every callback of the app is an INSTANT with a name. It notes its name, its loop and whether the app called itself ready, and
 *   then does nothing, except for the one instant that the test has picked to misbehave:
 *
 *       life_run(&(struct act){ "open.b", life_break }, 1)       the second part cannot open
 *
 *   The names, in the order of an undisturbed life (undo1 and undo2 are what start1 and start2 deferred):
 *
 *       bind.a bind.b start1 start2 enter open.a open.b after serve.a serve.b ready
 *       serving
 *       quiesce.b quiesce.a down close.b close.a leave end unbind.b unbind.a undo2 undo1 free.a free.b
 */
#pragma once

#include "harness.h"

#include <aeon/app.h>
#include <aeon/background.h>
#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/task.h>
#include <aeon/testing.h>

/* ------------------------------------------------------------------ what happened */

enum { NO_LOOP = -1 }; /* of an instant that the process has once */

/* Add a word to the trace. Any thread. */
void trace(const char *name, int loop, bool ready);
void trace_clear(void);

/* The words of @loop and those of no loop, in order; borrowed until the next call. */
const char *trace_of(int loop);

/* How often @name has come, on all loops; with @ready_only, how often while the app was ready. */
unsigned trace_count(const char *name, bool ready_only);
unsigned trace_ready_count(void);

/* ------------------------------------------------------------------ the app */

struct act {
        const char *at;             /* at which instant; NULL: none */
        int (*does)(aeon_app *app); /* the instant's result is its result */
        unsigned loop;              /* on which loop, for an instant that each loop has */
};

int life_break(aeon_app *app);   /* fails with "it broke" */
int life_sigterm(aeon_app *app); /* sends this process a SIGTERM and sleeps for a minute */

/* The loop 0's lifespan's own group and its parts' group; for acts while serving. */
extern aeon_group *life_group, *life_parts_group;

/* Run it; the exit code. What the app kept as its causes is in life_cause and life_also. */
int life_run(const struct act *act, unsigned loops);
extern char life_cause[512], life_also[512];

/* The same app in a test of aeon/testing.h, where the faults are in @opts. Its calls: "open a", "on_startup start1" and so on. */
int life_simulate(aeon_test_fn *test, const aeon_test_opts *opts, aeon_test_result *ret_result);

/* What must have been written down when the way up ends at an instant, for whatever reason. */
struct way {
        const char *at;
        const char *up, *down;
};
extern const struct way life_ways[]; /* ends with at == NULL */

/* Check the trace of an app on one loop. */
void life_check_way(const struct way *way);

/* ------------------------------------------------------------------ apps that may end the process */

/* Run an app in a process of its own; the exit code. What it said on stderr is in *ret_words, to free(). */
int run_apart(void (*define)(aeon_app *app), const aeon_app_opts *opts, char **ret_words);
