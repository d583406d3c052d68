/* One app under test, between the files of this folder. */
#pragma once

#include "app/app.h"
#include "app/testing/rules.h"
#include "app/testing/story.h"
#include "loop/world.h"

#include <aeon/testing.h>

/* ------------------------------------------------------------------ faults.c: what shall go wrong */

enum { FAULTS_LIMIT = 32 };

struct planned {
        aeon_fault fault;
        enum call_kind kind;
        bool by_number; /* it happens at the call with this number, whatever that is; kind and fault.at do not count */
        unsigned number;
        bool happened;
};

struct plan {
        struct planned faults[FAULTS_LIMIT];
        unsigned count;
        unsigned calls;   /* how many have begun */
        int late_failure; /* of the shut-down hook that runs now: it fails once it is done; 0: it does not */
};

/* Errors: -EINVAL, -E2BIG */
int aeon__plan_read(struct plan *plan, const aeon_fault *faults);

/* Numbers were given in 1/10,000 of a whole life; now it is known how many calls that has. */
void aeon__plan_scale(struct plan *plan, unsigned calls);

/* In the caller's task, before it makes @call: let happen what was planned. Returns what the call is to return unmade, or 0. */
int aeon__plan_apply(struct aeon_test *t, const struct call *call);

/* What becomes of its result. */
int aeon__plan_result(struct plan *plan, const struct call *call, int r);

/* ------------------------------------------------------------------ run.c */

struct aeon_test {
        struct watcher watcher;
        struct world world;
        struct loop_thread thread; /* the test function's loop */
        aeon_test_fn *fn;
        aeon_test_opts opts; /* with defaults filled in */
        struct plan plan;
        struct story story;
        struct rules *rules;
        aeon_time begun;
        bool ended; /* the app's life, or its process */
        aeon_test_result result;
};

/* Something has happened. */
void aeon__test_note(struct aeon_test *t, enum moment_kind kind, const struct call *call, int result);
void aeon__test_note_fault(struct aeon_test *t, const struct call *call, const aeon_fault *fault);

/* A whole life. @t is filled in up to plan; the caller frees it, after it has looked at its story. */
int aeon__test_live(struct aeon_test *t, void (*define)(aeon_app *app));
struct aeon_test *aeon__test_new(aeon_test_fn *fn, const aeon_test_opts *opts);
void aeon__test_free(struct aeon_test *t);
