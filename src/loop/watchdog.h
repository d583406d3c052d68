/* The watchdog: one thread that looks after the loops of the process.
 *
 * DESIGN
 *   It begins with the first loop and ends with the last, and does two things.
 *
 *   SLOW TASKS. Twice per limit it looks at the progress of each scheduler (fiber.h). A task that was running at two looks a limit apart,
 *   with no progress between, does not let the others run: it is reported, once, with the stack that its thread then stands on
 *   (sample.h). What the thread spent waiting for a processor does not count; the machine's load is not the task's fault.
 *
 *   DUMPS of all loops (dump.c), when a signal asks for them. They are its business because it runs when every loop is stuck.
 *
 *   It sleeps when nothing runs. After some looks without any progress it raises aeon__sched_watcher_asleep, looks once more one tick
 *   later (by then the flag has long reached every processor, so a loop that began to run without seeing it has left a trace), and waits
 *   for its BELL, a semaphore, which the next loop to run a task rings. So an idle process is not woken at all.
 *
 *   A loop that is run inside a task of another COVERS it: the outer one stands still by intent.
 */
#pragma once

#include "base/list.h"
#include "loop/sample.h"

#include <aeon/time.h>

struct aeon_loop;

struct watched {
        struct list in_watches;
        struct aeon_loop *loop;
        pthread_t thread;
        pid_t thread_id;
        struct watched *covered; /* the loop of whose task this one is run; NULL: none */
        bool is_covered;
        struct sched_progress seen;
        aeon_time since;          /* when it was first seen */
        aeon_duration starved;    /* the thread's wait for a processor until then, in all its life */
        bool reported;            /* the task that runs was reported as slow */
        struct stack_sample slow; /* and this is it; task_id 0: its thread did not say */
};

/* Begin and end to watch the loop of the calling thread. That the watchdog cannot begin is logged; the loop runs without. */
void aeon__watchdog_add(struct aeon_loop *loop);
void aeon__watchdog_remove(struct aeon_loop *loop);

/* @loop runs tasks of the house only: it is not watched, and wakes nobody. On its thread. */
void aeon__watchdog_leave_out(struct aeon_loop *loop);

/* Look into the thread of @loop; see aeon__stack_sample(). Any other thread. Also -ESHUTDOWN: it has ended. */
int aeon__watchdog_sample(struct aeon_loop *loop, struct stack_sample *ret_sample);

/* All watched loops, as struct watched by in_watches; none begins or ends until they are given back. */
struct list *aeon__watches_take(void);
void aeon__watches_give(void);

/* Make the watchdog call aeon__loops_dump_to_stderr(). Async-signal-safe. */
void aeon__watchdog_ask_for_dump(void);

/* Something for the watchdog's thread to do, which must not take long. Stays the caller's; out of the list when it is run. */
struct errand {
        struct list in_errands;
        void (*run)(struct errand *errand);
};
void aeon__watchdog_send(struct errand *errand); /* from a loop that is watched */
