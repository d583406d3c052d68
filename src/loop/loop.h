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
 *   The MAILBOX is the only part that other threads touch; it outlives the loop for as long as somebody holds the handle.
 */
#pragma once

#include "loop/mailbox.h"
#include "task/runner.h"

#include <aeon/loop.h>
#include <uv.h>

struct aeon_loop {
        struct runner runner; /* first: the running task's runner is its loop */
        struct driver driver;
        uv_loop_t uv;
        uv_timer_t timer;  /* the earliest deadline */
        uv_timer_t trim;   /* time to look for stacks that nobody needs */
        uv_async_t wakeup; /* something is in the mailbox */
        struct mailbox mailbox;
        _Atomic unsigned holders;
};

/* The running task's loop; NULL outside. */
static inline struct aeon_loop *aeon__loop_now(void)
{
        return (struct aeon_loop *)(void *)aeon__runner_now();
}
