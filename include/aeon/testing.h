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

typedef struct aeon_test_opts {
        aeon_app_opts app;   /* as for aeon_app_run(): loops, arguments, time-outs */
        uint64_t seed;       /* of the order in which things happen; the same gives the same. 1 */
        aeon_duration limit; /* how long the test function may take, on the app's clock. 1 day */
        void *arg;           /* for aeon_test_arg() */
} aeon_test_opts;

typedef struct aeon_test_result {
        int exit_code;       /* as of aeon_app_run(), and of a third signal */
        aeon_duration lived; /* on the app's clock */
        char report[4096];   /* the shut-down report, as text; "" when there is none: the app did not even start */
} aeon_test_result;

/* Run the app that @define declares through its whole life, and @test beside it. Returns what @test returned, with its words.
 * @ret_result, which may be NULL, is always filled in.
 *
 * Where the process would end (a third signal, the hard deadline, something that was abandoned) the result is settled; what is left
 * of the app's life still runs, to return its memory, and counts for nothing.
 *
 * Blocks, but waits for nothing real. Not inside another test. One app at a time in the process.
 *
 * Errors: what @test returned; -ETIMEDOUT it took longer than its limit; -EDEADLK nothing could ever happen any more, since something
 * waits for ever and ignores its cancellation; -ENOMEM */
AEON_API int aeon_test_run(void (*define)(aeon_app *app), aeon_test_fn *test, const aeon_test_opts *opts,
                           aeon_test_result *ret_result);

/* ------------------------------------------------------------------ inside the test's function */

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

#ifdef __cplusplus
}
#endif
#endif
