/* aeon/testing.h - the whole life of an app inside a test: no threads, no sockets, no servers, and no waiting.
 *
 *         static int ask(aeon_test *t)
 *         {
 *                 int r = aeon_test_await_ready(t);
 *                 if (r < 0)
 *                         return r;
 *                 r = aeon_sleep(AEON_HOURS(24));             // costs nothing
 *                 aeon_test_signal(t, SIGTERM);
 *                 return r;
 *         }
 *
 *         aeon_test_result result;
 *         int r = aeon_test_run(aeon_app_define_app, ask, NULL, &result);
 *         assert(r == 0 && result.exit_code == 0);
 *
 * Inside such a test every loop of the process, the app's and the test's own, takes its turns on the calling thread, in an order drawn
 * from a seed; the clock that aeon_now() reads stands still while anybody works, and jumps to the next deadline when nobody can. Every
 * broker URL names a queue in memory. Nothing listens: aeon_http_listen() is without effect, and connecting is -ENOTSUP. Work for the
 * thread pool runs on the same thread, so what it waits for must not be in the app. docs/testing.md is the guide. */
#ifndef AEON_TESTING_H
#define AEON_TESTING_H

#include <aeon/app.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One app under test. */
typedef struct aeon_test aeon_test;

/* What the test does: a task on a loop of its own, beside the app's loops, from before step 0 of the app's life on. It may use
 * whatever a task may. When it returns, and nothing more can happen before the clock moves, the app is told to stop if it lives. */
typedef int aeon_test_fn(aeon_test *t);

/* What goes wrong on purpose, at one of the app's calls into code that is not its own: hooks, lifespans, parts, tasks, handlers. */
typedef enum aeon_fault_kind {
        AEON_FAULT_FAIL = 1, /* it fails with .code: a shut-down hook or a lifespan's rest when it is done, anything else unmade.
                                  Handlers and what returns nothing cannot fail */
        AEON_FAULT_DELAY,  /* it is made later by .delay, or fails with -ECANCELED unmade; on the way down it is made in any case */
        AEON_FAULT_HANG,   /* the same, for as long as it is not cancelled */
        AEON_FAULT_STUCK,  /* it is not made for as long as the process lives, and ignores its cancellation */
        AEON_FAULT_SIGNAL, /* the signal .code comes, takes its effect, then the call is made */
        AEON_FAULT_STOP,   /* aeon_app_stop(app, .code) takes its effect, then the call is made */
        AEON_FAULT_DIE,    /* the lifespan of the call's loop is cancelled from inside, then the call is made */
} aeon_fault_kind;

typedef struct aeon_fault {
        const char *at; /* which call: a word of the table below and the name of its hook, part or task, "open broker" */
        unsigned loop;  /* on which loop */
        aeon_fault_kind does;
        int code;            /* -EIO, SIGTERM, 0 */
        aeon_duration delay; /* 1 s */
} aeon_fault;

/* The words, in the order of a life:
 *
 *     bind PART, on_startup HOOK, enter (a lifespan, up to aeon_lifespan_serve()), open PART, after_startup HOOK, serve PART,
 *     on_ready HOOK, on_reload HOOK, task NAME (a run of a background or periodic task), handler NAME, quiesce PART,
 *     on_shutdown HOOK, close PART, leave (the lifespan's rest), after_shutdown HOOK, unbind PART, deferred
 *
 * A fault happens once, at the first call that it names. Several at one call happen in their order. At bind, unbind and deferred, which
 * are no tasks, nothing can wait. */

typedef struct aeon_test_opts {
        aeon_app_opts app;        /* as for aeon_app_run(): loops, arguments, time-outs */
        uint64_t seed;            /* of the order in which things happen; the same gives the same. 1 */
        int64_t date;             /* the wall clock at the beginning, in seconds since 1970; 2001-01-01 00:00 UTC */
        aeon_duration limit;      /* how long the test function may take, on the app's clock. 7 days */
        const aeon_fault *faults; /* up to one whose .at is NULL; NULL: none */
        void *arg;                /* for aeon_test_arg() */
} aeon_test_opts;

typedef struct aeon_test_result {
        int exit_code;       /* as of aeon_app_run(), and of a third signal */
        aeon_duration lived; /* on the app's clock */
        char report[4096];   /* the shut-down report, as text; "" when there is none: the app did not even start */
        uint64_t digest;     /* of all that happened; two lives with the same one went the same way */
        bool held_up;        /* a fault held something up: AEON_FAULT_DELAY, _HANG or _STUCK */
        bool late;           /* on the way down something took so long that it was overtaken or abandoned */
        char broken[512];    /* the rule of docs/lifecycle.md that this life broke, and how; "" when it kept all of them */
} aeon_test_result;

/* Run the app that @define declares through its whole life, and @test beside it. Returns what @test returned, with its words.
 * @ret_result, which may be NULL, is always filled in.
 *
 * Where the process would end (a third signal, the hard deadline, something that was abandoned) the result is settled; what is left
 * of the app's life still runs, to return its memory, and counts for nothing.
 *
 * Blocks, but waits for nothing real. Not inside another test. One app at a time in the process.
 *
 * Errors: what @test returned; -EPROTO the life broke a rule of its own (a fault of Aeon, or of an app that ends loops by force), which
 * the words name; -EINVAL a fault names no call that there is; -ETIMEDOUT it took longer than its limit; -EDEADLK something waited for
 * ever and ignored its cancellation; -ENOMEM */
AEON_API int aeon_test_run(void (*define)(aeon_app *app), aeon_test_fn *test, const aeon_test_opts *opts,
                           aeon_test_result *ret_result);

/* ------------------------------------------------------------------ inside the test's function */

/* What .arg of the options was. */
AEON_API void *aeon_test_arg(aeon_test *t);

/* The app; NULL before its life has begun and after it has ended. For questions (aeon_app_is_ready(), aeon_health_overall()) and for
 * aeon_app_stop(): the test's loop is not one of the app's. Borrowed until the next suspending call. */
AEON_API aeon_app *aeon_test_app(aeon_test *t);

/* Wait until the app is ready. Suspends. Cancellable. Errors: -ESHUTDOWN it ended without; -ECANCELED */
AEON_API AEON_SUSPENDS int aeon_test_await_ready(aeon_test *t);

/* Wait until the app has ended; returns its exit code. Suspends. Cancellable. Errors: -ECANCELED */
AEON_API AEON_SUSPENDS int aeon_test_await_end(aeon_test *t);

/* Wait until everybody waits: nothing more can happen before the clock moves. Suspends. Cancellable. Errors: -ECANCELED */
AEON_API AEON_SUSPENDS int aeon_test_idle(aeon_test *t);

/* Send SIGTERM or SIGINT, as a real one would come, to the app alone. Errors: -ESRCH nobody catches it: the app is not there yet, or
 * no more, and a real process would have died of it */
AEON_API int aeon_test_signal(aeon_test *t, int signal);

/* ------------------------------------------------------------------ many lives, each with its own misfortunes */

typedef struct aeon_simulation_opts {
        aeon_app_opts app; /* what is 0 in it is drawn by lot for each life: loops (1 to 4), drain delay and time-outs */
        uint64_t seed;     /* 1 */
        unsigned lives;    /* 1,000 */
        aeon_test_fn
                *test; /* beside each life: traffic. What it returns counts for nothing: it meets an app in trouble. NULL: none */
        int (*check)(const aeon_test_result *life, void *arg); /* after each life: your own rules. Negative: one was broken, in the
                                                                   words of aeon_fail(). NULL: none */
        void *arg;                                             /* for check, and for aeon_test_arg() */
} aeon_simulation_opts;

typedef struct aeon_simulation_result {
        unsigned lives;    /* how many came to their end */
        uint64_t seed;     /* of the life that broke a rule: with .seed set to it and .lives to 1 the same life comes again */
        char story[16384]; /* of that life, a line for each thing that happened; "" when all is well */
} aeon_simulation_result;

/* Run the app through many lives. In each, faults drawn from the seed happen to it (see aeon_fault): calls fail, are slow, hang or
 * stick; it is told to stop, by a signal or three of them or by itself, at any moment; loops get their turns in an order that no machine
 * would show twice. After each life the rules of docs/lifecycle.md are held against what happened, and then your own.
 *
 * Log lines are not written meanwhile. Stops at the first life that breaks a rule. @ret_result may be NULL.
 *
 * Errors: -EPROTO a rule was broken: the words say which, and the seed; -EDEADLK the same, for a life that could not end; -ENOMEM
 * Source: Will Wilson, "Testing Distributed Systems with Deterministic Simulation" (FoundationDB). */
AEON_API int aeon_test_simulate(void (*define)(aeon_app *app), const aeon_simulation_opts *opts,
                                aeon_simulation_result *ret_result);

#ifdef __cplusplus
}
#endif
#endif
