/* A world: all loops of a program on one thread, under a clock that nobody waits for. For tests.
 *
 * DESIGN
 *   Inside a world a loop has no thread and no libuv, whatever starts it. One thread turns them all:
 *
 *       somebody has something to do    one of them, drawn by lot, does a little of it
 *       nobody has                      the clock, which all share, jumps to the earliest deadline of all
 *
 *   So a day takes no time, and the same seed gives the same day. A loop counts as having something to do when it has ready tasks,
 *   letters in its mailbox or deadlines that have passed; work for the thread pool is done as a step of its own, between two turns.
 *   A loop's weight in the lottery is itself drawn by lot, so that in some worlds one of them is always late.
 *
 *   Sockets do not exist in a world. Signals do: aeon__world_signal() sends them.
 *
 *   A world belongs to the thread that began it, and nothing in it is locked. A thread is in one world at most.
 */
#pragma once

#include "base/list.h"
#include "task/runner.h"

#include <aeon/loop.h>

/* Who can be drawn: a loop, or one piece of work for the thread pool. */
struct actor {
        struct list place;
        unsigned weight;
        aeon_time (*ready_at)(const struct actor *actor); /* AEON_NEVER: when somebody else has done something */
        void (*act)(struct actor *actor);                 /* may end the actor, which takes itself out of the list */
        void (*unlock)(struct actor *actor, bool harder); /* nothing can happen any more: cancel; @harder: behind shields too */
};

struct world {
        struct driver clock; /* of the thread, outside its loops */
        aeon_time now;
        int64_t wall_begin;    /* what the wall clock shows when now is 0, in nanoseconds */
        uint64_t chance;       /* the state of the lottery */
        uint64_t users_chance; /* the state of what the loops draw themselves */
        struct list actors;
        struct list waiters;   /* struct waiter: tasks in aeon__world_idle() and aeon__world_await() */
        unsigned deadlocks;    /* how often nothing could happen any more */
        struct list signals;   /* struct aeon_signals, by in_world: those that are open */
        struct sched *outside; /* of the task that runs the world, if a task does */
        struct context here;   /* the stack that runs the world */
        struct fault_guard fault_guard;
};

/* The world that the calling thread is in; NULL: the real one. */
extern __thread struct world *aeon__world;

/* From here to the end of @w, the calling thread's loops belong to it. The same @seed draws the same lots. */
void aeon__world_begin(struct world *w, uint64_t seed);
void aeon__world_end(struct world *w); /* loops that have not ended are forgotten with all they hold */

/* Let things happen until @done(@arg). Outside of the world's tasks. When nothing can ever happen any more all tasks are cancelled, and
 * then behind their shields too. Errors: -EDEADLK that changed nothing. */
int aeon__world_run(struct world *w, bool (*done)(void *arg), void *arg);

/* A number from 0 to @limit - 1. */
unsigned aeon__world_draw(struct world *w, unsigned limit);

/* In a task of the world: suspend until nothing can happen before the clock jumps; until @done(@arg), which is asked after each turn
 * of anybody. Errors: -ECANCELED */
int aeon__world_idle(void);
int aeon__world_await(bool (*done)(void *arg), void *arg);

/* Send a signal to those who catch it. Errors: -ESRCH nobody does, and a real process would have died of it; -EALREADY one has come
 * before that nobody has taken yet, and the two are told as one. */
int aeon__world_signal(struct world *w, int number);

/* ------------------------------------------------------------------ between the files of this room */

void aeon__world_add(struct world *w, struct actor *actor);
struct driver aeon__world_driver(void);         /* of its loops */
void aeon__world_adopt(struct aeon_loop *loop); /* a new one, with no task yet */
int aeon__world_loop_run(aeon_task_fn *fn, void *arg);

struct loop_thread;
int aeon__world_thread_start(struct loop_thread *t);
int aeon__world_thread_await_up(struct loop_thread *t);
void aeon__world_thread_join(struct loop_thread *t);
