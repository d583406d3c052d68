/* Stacks by the million: carved from slabs, guarded, recycled warm.
 *
 * DESIGN
 *   One mmap() per stack would cost a kernel mapping each, and a process has 65,530 of those. So stacks are carved from SLABS,
 *   large reservations that double in size, and memory appears page by page as it is touched.
 *
 *      slab |guard|.....stack 0.....|guard|.....stack 1.....|guard| ...
 *                                  ^top: the owner's control block lives in the topmost bytes, in the page that is touched anyway
 *
 *   The lowest page of each stack is a GUARD. Linux 6.13 has guards without a mapping of their own (MADV_GUARD_INSTALL), probed
 *   once; before that mprotect() splits the mapping in two, so at most a quarter of the kernel's limit is spent on guards and the
 *   stacks after that go without (the bounds check at each park still sees an overrun afterwards).
 *
 *   A freed stack goes on a list, last in first out, with its pages still there: reusing it costs 20 ns, a first touch 1.5 us.
 *   After a burst those at the far end of the list hold memory for nothing. So time is cut into EPOCHS, each stack remembers in
 *   which it was last given back, and a loop that has nothing to do returns the slabs in which nothing happened for a whole epoch,
 *   one system call each.
 *
 *   Pools belong to one thread.
 */
#pragma once

#include "fiber/context.h"

#include <stdatomic.h>
#include <stdint.h>

enum stack_class { STACK_SMALL, STACK_LARGE, STACK_CLASSES };
enum { STACK_SMALL_SIZE = 64 * 1024, STACK_LARGE_SIZE = 256 * 1024 };

/* How a stack's lowest page is guarded. */
enum stack_guard { GUARD_AUTO, GUARD_MADVISE, GUARD_MPROTECT, GUARD_NONE };

/* Lives in the topmost bytes of each stack; the owner's bytes lie below it. */
struct stack {
        struct stack *next_free;
        struct stack *prev_free; /* meaningless for the first of the list */
        char *low;               /* lowest usable byte, above the guard */
        struct stack_pool *pool;
        void *tsan_fiber;
        uint32_t valgrind_id;
        uint32_t given_in; /* the epoch */
        bool guarded;
        bool used;
};

struct stack_slab;

struct stack_pool {
        struct stack *free[STACK_CLASSES];
        struct stack_slab *slabs;
        size_t live;                 /* stacks in use */
        size_t carved;               /* stacks that exist */
        uint32_t epoch;              /* see aeon__stack_pool_trim() */
        struct stack_slab **trim_at; /* where the pass over the slabs goes on; NULL: no pass is under way */
};

/* Take a stack with @reserve bytes for its owner: *ret_block points to them, 16-byte aligned, and the stack grows down from there.
 * Errors: -ENOMEM. */
int aeon__stack_take(struct stack_pool *pool, enum stack_class class, size_t reserve, struct stack **ret_stack, void **ret_block);

/* Give it back. The caller may still be running on it, as long as it takes no other stack before it has left. */
void aeon__stack_give(struct stack *stack, enum stack_class class);

enum { STACKS_KEPT = 256 }; /* free ones that are no waste */

static inline bool aeon__stack_pool_is_wasteful(const struct stack_pool *pool)
{
        return pool->carved - pool->live > STACKS_KEPT;
}

/* Begin an epoch and return the slabs whose stacks are all free, and have been since before the last epoch began, but keep
 * STACKS_KEPT. True: some slabs are left to look at; call again soon, and the pass goes on. A call takes a millisecond or two. */
bool aeon__stack_pool_trim(struct stack_pool *pool);

/* Unmap all slabs; no stack may be in use. */
void aeon__stack_pool_done(struct stack_pool *pool);

/* The slabs of all threads, for the fault handler, and for the debugger, which finds every task by them (packaging/gdb/aeon-gdb.py). */
extern _Atomic(struct stack_slab *) aeon__stack_slabs;

/* What lies at @address: sets the outputs and returns true when it is in a live slab of any thread. Async-signal-safe. */
struct stack_fault {
        bool in_guard;
        struct stack *stack;
        size_t size;
};
bool aeon__stack_find(const void *address, struct stack_fault *ret_fault);

/* How many times slower than a plain build everything may run under the checker that is at work: 1 when there is none. */
int aeon__checker_slowdown(void);

/* For tests: use this kind of guard for slabs made from now on. GUARD_AUTO probes. */
void aeon__stack_guard_force(enum stack_guard guard);
enum stack_guard aeon__stack_guard_kind(void);
