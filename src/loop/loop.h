/* A loop: a runner on libuv.
 *
 * DESIGN
 *   The driver's poll() is one turn of uv_run(). One uv_timer, re-armed for each turn that has a deadline, stands for all deadlines
 *   of the runner. Callbacks run in the main context; they wake tasks with aeon__wake() or, when a task should use what has just
 *   arrived while it is warm, aeon__wake_now().
 *
 *   Whenever the loop is about to sleep and more stacks are free than it may need soon, a second timer is set, which lets the
 *   stack pool give some back.
 *
 *   No uv handle lies on a fiber's stack: uv_close() is asynchronous, and a stack may be reused before its callback. Requests
 *   (uv_write_t and the like) may, since their task waits for their callback.
 *
 *   The MAILBOX is the only part that other threads touch; it outlives the loop for as long as somebody holds the handle. Its DOORBELL
 *   is an eventfd of ours. A uv_async_t would do, but its receiver spins until uv_async_send() has returned in the other thread: when
 *   both run on one core, where the wake-up puts the sender aside, that is ten times what the call costs.
 *
 *   HOLDERS are counted for a second reason: a loop in which every task waits, with no deadline, is dead unless the world outside
 *   can still wake it, and from outside it is reached through libuv or by somebody who holds it. So whoever will post, a thread or
 *   one of our own offload jobs, holds the loop until then; the last to let go wakes the loop, so that it looks again. A handle from
 *   aeon_loop_current() that nobody turned into a hold is LENT: it may be in the hands of a thread that will post without a hold, and
 *   a loop that is only waiting must never be taken for dead.
 */
#pragma once

#include "loop/mailbox.h"
#include "loop/watchdog.h"
#include "loop/world.h"
#include "task/runner.h"

#include <pthread.h>
#include <uv.h>

struct aeon_loop {
        struct runner runner; /* first: the running task's runner is its loop */
        struct driver driver;
        uv_loop_t uv;
        uv_timer_t timer; /* the earliest deadline */
        uv_timer_t trim;  /* time to look for stacks that nobody needs */
        uv_poll_t at_doorbell;
        int doorbell; /* an eventfd: something is in the mailbox */
        struct mailbox mailbox;
        _Atomic unsigned holders; /* the loop itself is one until it has ended */
        _Atomic unsigned lent;    /* handles given out and not held since */
        pthread_t thread;         /* that runs it */
        struct watched watch;     /* the watchdog's */
        char title[32];           /* in dumps of all loops */
        aeon_group *callers;      /* tasks on behalf of other threads; NULL: the first task has ended */
        struct list calls;        /* those that such tasks do */
        struct list signals;      /* open receivers */
        struct list ends;         /* struct loop_end: what is to end with the loop */
        aeon_task_fn *first;      /* what its first task runs */
        void *first_arg;
        struct world *world;              /* NULL: the real one. In another, the uv members are not in use */
        struct actor actor;               /* in its world */
        struct loop_thread *world_thread; /* who hears of its end in its world */
};

/* Make a loop, in the world that the calling thread is in, and otherwise for the calling thread to run; end it: all is freed but the
 * handle. */
int aeon__loop_new(struct aeon_loop **ret_loop);
void aeon__loop_end(struct aeon_loop *loop);

/* Run it from @fn(@arg) to the end of its last task. In a world its first task is made by hand: aeon__loop_first(@loop), once @first is
 * set. */
int aeon__loop_run(struct aeon_loop *loop, aeon_task_fn *fn, void *arg);
int aeon__loop_first(void *loop);

/* The running task's loop; NULL outside. */
static inline struct aeon_loop *aeon__loop_now(void)
{
        return (struct aeon_loop *)(void *)aeon__runner_now();
}

/* A hold of our own, not one that somebody makes of a handle from aeon_loop_current(). */
static inline struct aeon_loop *aeon__loop_hold(struct aeon_loop *loop)
{
        atomic_fetch_add(&loop->holders, 1);
        return loop;
}

/* Like aeon_post(), but a shortage of memory is waited out: for what may not get lost. False: the loop has ended. Not for handlers. */
bool aeon__post_surely(struct aeon_loop *loop, void (*fn)(void *arg), void *arg);

/* call.c. In the first task: from now on other threads' calls are taken; and no longer, after those that run were cancelled. */
int aeon__calls_open(struct aeon_loop *loop);
void aeon__calls_close(struct aeon_loop *loop);
void aeon__calls_release(struct aeon_loop *loop); /* when the tasks were thrown away: let the threads go */

/* signal.c: close the receivers that are still open. */
void aeon__signals_end(struct aeon_loop *loop);

/* Whether anything from outside can still wake @loop: it is held or lent, something was posted, or libuv has a handle or a request at work.
 * If not, and no task is ready and no deadline set, it sleeps for ever. The loop's own thread, outside a callback of libuv. */
bool aeon__loop_can_be_woken(struct aeon_loop *loop);
