/* aeon/loop.h - event loops.
 *
 * A loop runs tasks and their I/O on one thread. aeon_app makes the loops of a service; aeon_loop_run() makes one by hand, for a
 * program or a test that only wants tasks. */
#ifndef AEON_LOOP_H
#define AEON_LOOP_H

#include <aeon/attributes.h>
#include <aeon/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_loop aeon_loop;

/* Run @fn(@arg) as the first task of a new loop on the calling thread, until it and everything it started have ended; returns its
 * result. Blocks the thread. A loop may be run inside a task of another: the outer one stands still meanwhile.
 *
 * DEADLOCK: when every task waits, no deadline is set, and nothing outside can wake the loop any more, a report of all tasks is logged
 * and all are cancelled (reason "deadlock"), so that they unwind; the run then fails, with words that name them.
 *
 * Errors: what @fn returned; -EDEADLK; -ENOMEM, -EMFILE when the loop cannot be made
 * Source: concurrency rule 27 (deadlock) */
AEON_API int aeon_loop_run(aeon_task_fn *fn, void *arg);

/* The loop of the running task or posted function; NULL outside. Valid until its aeon_loop_run() returns.
 *
 * A thread that will post to the loop should hold it, and release it after its last post: a loop that nobody holds, in which every
 * task waits and nothing is due, would sleep for ever, so it ends with -EDEADLK instead (see aeon_loop_run()). As long as a handle from
 * here was not turned into a hold, the loop assumes that somebody will still post, and waits. */
AEON_API aeon_loop *aeon_loop_current(void);

/* Keep the handle valid, also after the loop has ended, for whoever will post; give it back with aeon_loop_release(). Holding does not
 * keep the loop running. Any thread. */
AEON_API aeon_loop *aeon_loop_hold(aeon_loop *loop);
AEON_API void aeon_loop_release(aeon_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
