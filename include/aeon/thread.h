/* aeon/thread.h - between a loop and the world of threads. */
#ifndef AEON_THREAD_H
#define AEON_THREAD_H

#include <aeon/attributes.h>
#include <aeon/loop.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Run @fn(@arg) on @loop's thread soon, outside any task: it must not suspend. Calls from one thread run in their order.
 *
 * Any thread, and from signal handlers (async-signal-safe). Never suspends, never blocks.
 *
 * Errors: -ESHUTDOWN  the loop has ended or is ending: @fn will not run
 *         -ENOMEM
 * Source: concurrency rule 22. */
AEON_API int aeon_post(aeon_loop *loop, void (*fn)(void *arg), void *arg);

/* Run the blocking @fn(@arg) on a thread of the pool and return its result, with its error text.
 *
 * Suspends. A cancel that comes before a thread took it up means it did not happen; after that the wait goes on until @fn has
 * returned, and its result is returned (aeon_offload_cancelled() lets @fn notice). @fn gets a copy of the caller's task variables.
 * At most 40 run at a time in the process; others wait in order.
 *
 * Errors: what @fn returned; -ECANCELED; -EAGAIN no thread can be made; -ENOMEM
 * Source: AnyIO reference, to_thread; concurrency rule 21. */
AEON_API AEON_SUSPENDS int aeon_offload(aeon_task_fn *fn, void *arg);

/* Inside aeon_offload()'s function: true when the waiting task has been cancelled. Any thread; false elsewhere. */
AEON_API bool aeon_offload_cancelled(void);

#ifdef __cplusplus
}
#endif
#endif
