/* Fibers and the scheduler that switches between them.
 *
 * DESIGN
 *   A fiber is a context with a stack; its control block lies in the topmost bytes of that stack, followed upwards by nothing of
 *   ours. Whoever makes a fiber says how large a block it wants, and embeds `struct fiber` first in it.
 *
 *   A scheduler belongs to one loop. It has a queue of ready fibers and the MAIN context, which is the thread's own stack, where
 *   the loop polls for I/O. A fiber that parks switches straight to the next ready fiber; only when none is left, or the batch's
 *   BUDGET is spent, does it switch to the main context. So a million ready fibers cannot keep the loop from its I/O; and one that
 *   yields while nobody else is ready goes straight on, but not for ever, since that costs budget too.
 *
 *        main --sched_run()--> fiber A --park--> fiber B --park--> fiber C --park (queue empty)--> main --poll--> ...
 *
 *   A fiber never leaves its loop. It is in the queue iff its state is FIBER_READY.
 *
 *   WATCHING. Another thread can tell whether the running fiber has let others run since it last looked: then the PROGRESS has
 *   changed, that is `running`, the budget left or the number of entries. These are the numbers that the scheduler needs anyway,
 *   written with relaxed stores, so being watched costs nothing. A watcher that went to sleep because nothing ran is woken by the next
 *   entry from the main context.
 *
 *   Tests may SHUFFLE: each time the main context lets fibers run, those that are ready by then form a round, and the round runs in
 *   a random order that a seed determines. What they ready meanwhile is the next round, so chance starves nobody.
 *
 *   Whoever stops does so through ONE function, aeon__fiber_leave(), and what lies between it and the public call is inline. A
 *   processor predicts returns from the calls it saw last; after a switch those belong to another fiber, so each return is guessed
 *   wrong unless both fibers stand at the same place. One shared frame and short chains leave two wrong guesses per switch, not four,
 *   and one where the room above has a shared frame too (task/waiters.h).
 */
#pragma once

#include "fiber/context.h"
#include "fiber/stack.h"

enum fiber_state { FIBER_PARKED, FIBER_READY, FIBER_RUNNING };

struct fiber {
        struct context context;
        struct fiber *next;  /* in the ready queue */
        struct stack *stack; /* what it runs on and lives in */
        void (*body)(struct fiber *self);
        uint8_t class; /* enum stack_class */
        uint8_t state; /* enum fiber_state */
};

struct sched {
        struct fiber *first_ready, **last_ready;
        struct fiber *running; /* NULL in the main context */
        struct context main;
        /* How many more fibers may run before the main context has its turn. Below 0: no other, but the running one may go on past so
         * many yields. */
        int budget;
        unsigned entries; /* how often the main context has handed over; wraps */
        bool unwatched;   /* its entries wake no watcher */
        int64_t time;     /* what the clock read when somebody last looked at it; kept by the room above */
        uint64_t shuffle; /* state of the random order; 0: first come, first served */
        struct stack_pool stacks;
};

/* The scheduler that the calling thread runs now, whether in one of its fibers or in its main context; NULL outside. */
extern __thread struct sched *aeon__sched;

struct sched_progress {
        const struct fiber *running; /* NULL: the main context */
        int budget;
        unsigned entries;
};

/* Any thread, while @s lives. The running fiber itself must not be looked into from another thread. */
static inline struct sched_progress aeon__sched_progress(const struct sched *s)
{
        return (struct sched_progress){
                .running = __atomic_load_n(&s->running, __ATOMIC_RELAXED),
                .budget = __atomic_load_n(&s->budget, __ATOMIC_RELAXED),
                .entries = __atomic_load_n(&s->entries, __ATOMIC_RELAXED),
        };
}

static inline bool aeon__progress_equal(struct sched_progress a, struct sched_progress b)
{
        return a.running == b.running && a.budget == b.budget && a.entries == b.entries;
}

/* Set by a watcher before it sleeps; the next entry into a fiber, of any thread, clears it and calls aeon__sched_wake_watcher(). */
extern _Atomic bool aeon__sched_watcher_asleep;
extern void (*aeon__sched_wake_watcher)(void);

void aeon__sched_init(struct sched *s);
void aeon__sched_done(struct sched *s); /* no fiber may be left */

/* Make a parked fiber that will run @body; *ret_block is @block_size bytes that begin with its struct fiber (the rest is not
 * initialised). Errors: -ENOMEM. */
int aeon__fiber_new(struct sched *s, enum stack_class class, size_t block_size, void (*body)(struct fiber *), void **ret_block);

/* Put a parked fiber at the end of the ready queue. */
static inline void aeon__fiber_ready(struct sched *s, struct fiber *f)
{
        f->state = FIBER_READY;
        f->next = NULL;
        *s->last_ready = f;
        s->last_ready = &f->next;
}

static inline void aeon__sched_set_running(struct sched *s, struct fiber *f)
{
        __atomic_store_n(&s->running, f, __ATOMIC_RELAXED);
}

static inline void aeon__sched_set_budget(struct sched *s, int budget)
{
        __atomic_store_n(&s->budget, budget, __ATOMIC_RELAXED);
}

static inline void aeon__sched_spend(struct sched *s)
{
        aeon__sched_set_budget(s, s->budget > 0 ? s->budget - 1 : s->budget + 1);
}

/* From the running fiber @f, whose state says whether it comes back: switch to the next one or to the main context. */
void aeon__fiber_leave(struct sched *s, struct fiber *f);

/* From a fiber: stop, FIBER_PARKED until somebody readies it, FIBER_READY until its turn comes. */
static inline void aeon__fiber_stop(struct sched *s, enum fiber_state state)
{
        struct fiber *f = s->running;
        if (state == FIBER_READY)
                aeon__fiber_ready(s, f);
        else
                f->state = FIBER_PARKED;
        aeon__fiber_leave(s, f);
}

/* From a fiber that would let the others run first: nobody is ready and the budget lasts, so its next turn begins right now. */
static inline bool aeon__fiber_goes_on(struct sched *s)
{
        if (s->first_ready || !s->budget)
                return false;
        aeon__sched_spend(s);
        return true;
}

/* From a fiber: let the others run first. */
static inline void aeon__fiber_yield(struct sched *s)
{
        if (!aeon__fiber_goes_on(s))
                aeon__fiber_stop(s, FIBER_READY);
}

/* From the main context: run ready fibers until none is left or @budget of them have run; when shuffling, those that are ready now. */
void aeon__sched_run(struct sched *s, unsigned budget);

/* From the main context, typically inside an I/O callback: run the parked @f now, before those in the queue, and come back when it
 * parks or lets others run. What it readies waits for its turn. */
void aeon__sched_run_now(struct sched *s, struct fiber *f);

static inline bool aeon__sched_has_ready(const struct sched *s)
{
        return s->first_ready != NULL;
}
