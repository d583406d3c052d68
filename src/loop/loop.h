/* A loop: a runner on libuv.
 *
 * DESIGN
 *   The driver's poll() is one turn of uv_run(). One uv_timer, re-armed for each turn that has a deadline, stands for all deadlines
 *   of the runner. Callbacks run in the main context; they wake tasks with aeon__wake() or, when a task should use what has just
 *   arrived while it is warm, aeon__wake_now().
 *
 *   No uv handle lies on a fiber's stack: uv_close() is asynchronous, and a stack may be reused before its callback. Requests
 *   (uv_write_t and the like) may, since their task waits for their callback.
 *
 *   The MAILBOX is the only part that other threads touch; it outlives the loop for as long as somebody holds the handle.
 */
#pragma once

#include "loop/mailbox.h"
#include "loop/world.h"
#include "task/runner.h"

#include <uv.h>

struct aeon_loop {
        struct runner runner; /* first: the running task's runner is its loop */
        struct driver driver;
        uv_loop_t uv;
        uv_timer_t timer;  /* the earliest deadline */
        uv_async_t wakeup; /* something is in the mailbox */
        struct mailbox mailbox;
        _Atomic unsigned holders;
        struct world *world;              /* NULL: the real one. In another, the three uv members are not in use */
        struct actor actor;               /* in its world */
        struct loop_thread *world_thread; /* who hears of its end in its world */
};

/* Make a loop, in the world that the calling thread is in; end it: all is freed but the handle. */
int aeon__loop_new(struct aeon_loop **ret_loop);
void aeon__loop_end(struct aeon_loop *loop);

/* The running task's loop; NULL outside. */
static inline struct aeon_loop *aeon__loop_now(void)
{
        return (struct aeon_loop *)(void *)aeon__runner_now();
}
