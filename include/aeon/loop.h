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
 * Errors: what @fn returned; -ENOMEM, -EMFILE when the loop cannot be made */
AEON_API int aeon_loop_run(aeon_task_fn *fn, void *arg);

/* The loop of the running task or posted function; NULL outside. Valid until its aeon_loop_run() returns.
 *
 * A thread or signal handler that will post to the loop must hold it: a loop that nobody holds, in which every task waits and nothing
 * is due, knows that it would sleep for ever. */
AEON_API aeon_loop *aeon_loop_current(void);

/* Keep the handle valid, also after the loop has ended, for whoever will post; give it back with aeon_loop_release(). Holding does not
 * keep the loop running. Any thread. */
AEON_API aeon_loop *aeon_loop_hold(aeon_loop *loop);
AEON_API void aeon_loop_release(aeon_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
