/* A loop on a thread of its own; in a world (world.h), one more loop of the world. */
#pragma once

#include "base/error.h"

#include <aeon/loop.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct loop_thread {
        aeon_task_fn *fn;
        void *arg;
        struct aeon_loop *loop; /* NULL: not started */
        pthread_t thread;       /* unused in a world */
        sem_t made;             /* posted once: loop is set, or cannot be made */
        sem_t up;               /* posted once: by aeon__loop_thread_up() or by the end */
        bool is_up;             /* up was posted; touched by the thread only */
        int up_result;
        int result;               /* of the first task, once it has ended */
        struct error_slot error;  /* its words */
        bool ended;               /* in a world */
        struct aeon_task *joiner; /* in a world: who waits for the end */
};

/* Make a loop and run @fn(@arg) as its first task, on a thread of its own. @t is yours, at rest until the join.
 *
 * Errors: -ENOMEM, -EMFILE ... of the loop; -EAGAIN no thread can be made. Then nothing has started, and there is nothing to join. */
int aeon__loop_thread_start(struct loop_thread *t, aeon_task_fn *fn, void *arg);

/* From the loop: tell the starter that the start has come to @result. Once. */
void aeon__loop_thread_up(struct loop_thread *t, int result);

/* Block until it is up; returns what it told, or the loop's result when that ended without telling. Outside of tasks. */
int aeon__loop_thread_await_up(struct loop_thread *t);

/* Wait for the end of the loop, and return the result of its first task, with its words. In a task of a world this suspends, whatever is
 * cancelled; otherwise it blocks the thread, so the end must be near. One that was not started is joined at once. */
int aeon__loop_thread_join(struct loop_thread *t);
