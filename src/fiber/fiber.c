/* Fibers and their scheduler; see fiber.h. */
#include "fiber/fiber.h"

#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        YIELDS_NOW = 8, /* about as many as an answer has writes */
        CACHE_LINE = 64,
};

__thread struct sched *aeon__sched;
_Atomic bool aeon__sched_watcher_asleep;
void (*aeon__sched_wake_watcher)(void);

/* ------------------------------------------------------------------ the ready queue */

/* What @f will touch first. When there are many fibers, a stack that comes to its turn is in no cache any more. (Always inline: gcc
 * leaves out calls of a function that does nothing but prefetch.) */
static inline __attribute__((always_inline)) void prefetch_stack(const struct fiber *f)
{
        const char *sp = f->context.sp;
        __builtin_prefetch(sp);
        __builtin_prefetch(sp + CACHE_LINE);
        __builtin_prefetch(sp + 2L * CACHE_LINE);
        __builtin_prefetch(sp + 3L * CACHE_LINE);
}

/* While it and the one after it run, the third is fetched: one run is too short for that. */
static struct fiber *queue_pop(struct sched *s)
{
        struct fiber *f = s->first_ready;
        s->first_ready = f->next;
        if (!f->next)
                s->last_ready = &s->first_ready;
        else if (f->next->next)
                prefetch_stack(f->next->next);
        return f;
}

/* Deal the ready fibers into piles at random and stack the piles. Repeated, it sorts by the digits of a random number each; unlike
 * an array of them it needs no memory. Returns how many there are. */
static unsigned deal(struct sched *s)
{
        enum { PILES = 16 };
        struct fiber *pile[PILES], **end[PILES];
        for (int i = 0; i < PILES; i++)
                end[i] = &pile[i];
        unsigned count = 0;
        for (struct fiber *f = s->first_ready; f; f = f->next, count++) {
                unsigned i = random_next(&s->shuffle) % PILES;
                *end[i] = f;
                end[i] = &f->next;
        }
        s->last_ready = &s->first_ready;
        for (int i = 0; i < PILES; i++) {
                if (end[i] == &pile[i])
                        continue;
                *s->last_ready = pile[i];
                s->last_ready = end[i];
        }
        *s->last_ready = NULL;
        return count;
}

static unsigned shuffle(struct sched *s)
{
        unsigned count = 0;
        for (int digit = 0; digit < 5; digit++) /* a million random numbers */
                count = deal(s);
        return count;
}

/* ------------------------------------------------------------------ switching */

/* The guard page catches most overruns; a frame larger than a page can step over it, and this sees that it did. */
static inline void check_bounds(const struct fiber *f)
{
        const char *here = __builtin_frame_address(0);
        if (__builtin_expect(here < (const char *)f->context.low || here > (const char *)f->stack, 0)) {
                fprintf(stderr, "aeon: a fiber parked outside its stack: it overflowed, or jumped to another\n");
                abort();
        }
}

/* Leave @f for the next ready fiber, or for the main context. @last: @f has ended. */
static inline void leave(struct sched *s, struct fiber *f, bool last)
{
        check_bounds(f);
        struct context *to = &s->main;
        struct fiber *next = NULL;
        if (s->first_ready && s->budget > 0) {
                aeon__sched_spend(s);
                next = queue_pop(s);
                next->state = FIBER_RUNNING;
        }
        aeon__sched_set_running(s, next);
        if (next == f)
                return;
        if (next)
                to = &next->context;
        context_switch(&f->context, to, last);
}

void aeon__fiber_leave(struct sched *s, struct fiber *f)
{
        leave(s, f, false);
}

static __attribute__((noinline)) void wake_watcher(const struct sched *s)
{
        if (!s->unwatched && atomic_exchange(&aeon__sched_watcher_asleep, false))
                aeon__sched_wake_watcher();
}

static void enter(struct sched *s, struct fiber *f)
{
        aeon__sched_set_running(s, f);
        __atomic_store_n(&s->entries, s->entries + 1, __ATOMIC_RELAXED);
        if (__builtin_expect(atomic_load_explicit(&aeon__sched_watcher_asleep, memory_order_relaxed), 0))
                wake_watcher(s);
        f->state = FIBER_RUNNING;
        struct sched *outer = aeon__sched;
        aeon__sched = s;
        context_switch(&s->main, &f->context, false);
        aeon__sched = outer;
}

void aeon__sched_run(struct sched *s, unsigned budget)
{
        if (!s->first_ready)
                return;
        if (s->shuffle)
                budget = shuffle(s);
        aeon__sched_set_budget(s, (int)budget - 1);
        enter(s, queue_pop(s));
}

void aeon__sched_run_now(struct sched *s, struct fiber *f)
{
        aeon__sched_set_budget(s, -YIELDS_NOW);
        enter(s, f);
}

/* ------------------------------------------------------------------ fibers */

static void fiber_main(void *arg)
{
        context_arrived();
        struct fiber *f = arg;
        struct sched *s = aeon__sched;
        f->body(f);
        /* Nothing takes a stack between here and the switch, so it may be on the free list while we stand on it. */
        aeon__stack_give(f->stack, f->class);
        leave(s, f, true);
        abort(); /* an ended fiber was switched to */
}

int aeon__fiber_new(struct sched *s, enum stack_class class, size_t block_size, void (*body)(struct fiber *), void **ret_block)
{
        struct stack *stack;
        void *block;
        int r = aeon__stack_take(&s->stacks, class, block_size, &stack, &block);
        if (r < 0)
                return r;
        struct fiber *f = block;
        *f = (struct fiber){
                .context = { .low = stack->low, .size = (size_t)((char *)block - stack->low), .tsan_fiber = stack->tsan_fiber },
                .stack = stack,
                .body = body,
                .class = (uint8_t) class,
                .state = FIBER_PARKED,
        };
        f->context.sp = aeon__context_prepare(block, fiber_main, f);
        *ret_block = block;
        return 0;
}

/* ASan must know the bounds of the stack that polls: the thread's own, or that of the fiber that runs this loop inside another. */
static void find_main_bounds(struct context *main)
{
#ifdef FIBER_ASAN
        if (aeon__sched) {
                const struct context *here = aeon__sched->running ? &aeon__sched->running->context : &aeon__sched->main;
                main->low = here->low;
                main->size = here->size;
                return;
        }
        static _Thread_local void *low; /* kept: to find them a file is opened, and descriptors may have run out */
        static _Thread_local size_t size;
        pthread_attr_t attributes;
        if (!low && pthread_getattr_np(pthread_self(), &attributes) == 0) {
                pthread_attr_getstack(&attributes, &low, &size);
                pthread_attr_destroy(&attributes);
        }
        main->low = low;
        main->size = size;
#else
        (void)main;
#endif
}

void aeon__sched_init(struct sched *s)
{
        *s = (struct sched){ 0 };
        s->last_ready = &s->first_ready;
        find_main_bounds(&s->main);
}

void aeon__sched_done(struct sched *s)
{
        aeon__stack_pool_done(&s->stacks);
}
