/* aeon/thread.h - between a loop and the world of threads.
 *
 *         aeon_offload(fn, arg)            a task has a thread do what would block its loop
 *         aeon_post(loop, fn, arg)         any thread has the loop do something, and goes on
 *         aeon_call(loop, fn, arg, &r)     any thread has the loop do something, and waits for the result */
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
 * Any thread, and from signal handlers (async-signal-safe). Never suspends, never blocks. Whoever posts must hold @loop
 * (aeon_loop_hold()). However many are posted, the loop's tasks and timers have their turns.
 *
 * Errors: -ESHUTDOWN  the loop has ended: @fn will not run. Tasks that @fn would wake may be gone already when it does run: the
 *                     last posts are run when all tasks have ended.
 *         -ENOMEM
 * Source: concurrency rule 22. */
AEON_API int aeon_post(aeon_loop *loop, void (*fn)(void *arg), void *arg);

/* Run @fn(@arg) as a task of @loop, wait for its end, and store what it returned in @ret_result (may be NULL). Its error text
 * becomes the calling thread's. It gets a copy of the task variables of the calling thread, which has some if it runs in
 * aeon_offload().
 *
 * Inside a function that a task of @loop has offloaded, @loop may be NULL, and the call belongs to that task: when it is cancelled,
 * the call is. When the loop's first task ends, all calls are cancelled.
 *
 * Blocks the calling thread. Any thread that runs no loop and holds @loop; not from signal handlers.
 *
 * Errors: -ECANCELED  @fn was cancelled, or the loop came to its end before @fn could begin; @ret_result is untouched
 *         -EDEADLK    called from the loop's own thread, or from a task of any loop, which would stand still
 *         -ESHUTDOWN  the loop has ended
 *         -EINVAL     @loop is NULL and no task waits for this thread
 *         -ENOMEM
 * Source: AnyIO reference, from_thread.run; Trio reference, trio.from_thread.run; concurrency rules 22, 24. */
#define aeon_call(loop, fn, ...) aeon_call_at((loop), (fn), __VA_ARGS__, AEON_HERE)
AEON_API AEON_MUST_CHECK int aeon_call_at(aeon_loop *loop, aeon_task_fn *fn, void *arg, int *ret_result, const char *site);

/* Run the blocking @fn(@arg) on a thread of the process's pool and return its result, with its error text.
 *
 * Suspends. A cancel that comes before a thread took it up means it did not happen; after that the wait goes on until @fn has
 * returned, and its result is returned (aeon_offload_cancelled() lets @fn notice). @fn gets a copy of the caller's task variables.
 * A limit of your own for one kind of work is an aeon_limiter around the call.
 *
 * Errors: what @fn returned; -ECANCELED; -EAGAIN no thread can be made; -ENOMEM
 * Source: AnyIO reference, to_thread; concurrency rules 21, 24. */
AEON_API AEON_SUSPENDS int aeon_offload(aeon_task_fn *fn, void *arg);

typedef struct aeon_offload_opts {
        bool abandon;            /* a cancel does not wait for the thread: the call returns at once, the thread finishes alone */
        void (*done)(void *arg); /* takes back the argument of a call that returns -ECANCELED */
} aeon_offload_opts;

/* The same with options; NULL: none.
 *
 * An abandoned @fn runs on, possibly after its loop has ended, with its thread and its place in the limit; what it returns is dropped.
 * So its @arg must live as long. opts.done makes that simple: when the call returns -ECANCELED, @arg is not yours any more and done(@arg)
 * is called once, when @fn does not use it any more or never will: by this call, or by the thread that was abandoned. After any other
 * result @arg is yours, and done is not called.
 *
 * Errors: those of aeon_offload() */
AEON_API AEON_SUSPENDS int aeon_offload_with(aeon_task_fn *fn, void *arg, const aeon_offload_opts *opts);

/* Inside an offloaded function: true when the task that waits for it has been cancelled. Any thread; false elsewhere. */
AEON_API bool aeon_offload_cancelled(void);

/* How many offloaded functions may run at a time in the process; 40 at first. Others wait in order. A limit below what runs now is
 * reached as they return. Any thread. Errors: -EINVAL (0). */
AEON_API int aeon_offload_set_limit(unsigned limit);
AEON_API unsigned aeon_offload_limit(void);

#ifdef __cplusplus
}
#endif
#endif
