/* Slabs, guards and pools; see stack.h. */
#include "fiber/stack.h"

#include <aeon/error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aeon_config.h"
#if AEON_WITH_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#define RUNNING_ON_VALGRIND 0
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* In stacks. A larger slab would save nothing, and be given back only when many more stacks are free at the same time. */
enum { FIRST_SLAB = 16, LARGEST_SLAB = 1024 };
enum { SLABS_PER_TRIM = 4 };

struct stack_slab {
        struct stack_slab *next; /* of the same pool */
        char *memory;
        size_t stack_size;
        uint32_t count, carved;
        enum stack_class class;
        _Atomic(struct stack_slab *) next_known; /* of all pools, for the fault handler; see aeon__stack_slabs */
        _Atomic bool claimed;                    /* it belongs to a pool; else it is empty and may be reused */
};

/* All live slabs, for a fault handler that may interrupt anything: entries are pushed with one exchange, and a slab's descriptor is
 * never freed, only emptied and reused, so a reader in a signal handler always walks valid memory. */
_Atomic(struct stack_slab *) aeon__stack_slabs;

static _Atomic int guard_forced = GUARD_AUTO;
static _Atomic int guards_by_mprotect; /* how many mappings were split so far */

static size_t page_size(void)
{
        static _Atomic size_t cached;
        size_t size = atomic_load_explicit(&cached, memory_order_relaxed);
        if (!size)
                atomic_store_explicit(&cached, size = (size_t)sysconf(_SC_PAGESIZE), memory_order_relaxed);
        return size;
}

/* ------------------------------------------------------------------ guards */

static bool guard_install(char *page)
{
        return madvise(page, page_size(), MADV_GUARD_INSTALL) == 0;
}

/* A system call that reads from a guard says EFAULT. Asked because emulators accept advice that they do not know, and do nothing. */
static bool guard_holds(const char *page)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return false;
        bool holds = write(ends[1], page, 1) < 0 && errno == EFAULT;
        close(ends[0]);
        close(ends[1]);
        return holds;
}

static enum stack_guard probe_guard(void)
{
        char *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return GUARD_MPROTECT;
        bool works = guard_install(page) && guard_holds(page);
        munmap(page, page_size());
        return works ? GUARD_MADVISE : GUARD_MPROTECT;
}

enum stack_guard aeon__stack_guard_kind(void)
{
        static _Atomic int probed = GUARD_AUTO;
        int forced = atomic_load_explicit(&guard_forced, memory_order_relaxed);
        if (forced != GUARD_AUTO)
                return (enum stack_guard)forced;
        int kind = atomic_load_explicit(&probed, memory_order_relaxed);
        if (kind == GUARD_AUTO)
                atomic_store_explicit(&probed, kind = probe_guard(), memory_order_relaxed);
        return (enum stack_guard)kind;
}

void aeon__stack_guard_force(enum stack_guard guard)
{
        atomic_store(&guard_forced, guard);
}

/* Each mprotect() guard costs two mappings; a quarter of the limit leaves room for malloc, files and threads. */
static int mprotect_budget(void)
{
        static _Atomic int cached;
        int budget = atomic_load_explicit(&cached, memory_order_relaxed);
        if (!budget) {
                int limit = 65530;
                FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
                if (f) {
                        if (fscanf(f, "%d", &limit) != 1)
                                limit = 65530;
                        fclose(f);
                }
                atomic_store_explicit(&cached, budget = limit / 4 / 2, memory_order_relaxed);
        }
        return budget;
}

static bool guard_page(char *page)
{
        enum stack_guard kind = aeon__stack_guard_kind();
        if (kind == GUARD_MADVISE && guard_install(page))
                return true;
        if (kind == GUARD_NONE)
                return false;
        if (atomic_fetch_add(&guards_by_mprotect, 1) < mprotect_budget() && mprotect(page, page_size(), PROT_NONE) == 0)
                return true;
        atomic_fetch_sub(&guards_by_mprotect, 1);
        return false;
}

/* ------------------------------------------------------------------ slabs */

static struct stack_slab *known_reuse(void)
{
        for (struct stack_slab *slab = atomic_load(&aeon__stack_slabs); slab; slab = atomic_load(&slab->next_known)) {
                if (!atomic_exchange(&slab->claimed, true))
                        return slab;
        }
        return NULL;
}

static struct stack_slab *known_new(void)
{
        struct stack_slab *slab = known_reuse();
        if (slab)
                return slab;
        slab = calloc(1, sizeof *slab);
        if (!slab)
                return NULL;
        atomic_store(&slab->claimed, true);
        struct stack_slab *head = atomic_load(&aeon__stack_slabs);
        do
                atomic_store(&slab->next_known, head);
        while (!atomic_compare_exchange_weak(&aeon__stack_slabs, &head, slab));
        return slab;
}

static char *slab_map(size_t size)
{
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED)
                return NULL;
        madvise(memory, size, MADV_NOHUGEPAGE); /* a huge page would back 8 to 32 stacks at once: 65 KB a fiber */
        return memory;
}

static int slab_new(struct stack_pool *pool, enum stack_class class)
{
        uint32_t count = FIRST_SLAB;
        for (struct stack_slab *s = pool->slabs; s; s = s->next)
                if (s->class == class && s->count >= count)
                        count = s->count < LARGEST_SLAB ? s->count * 2 : s->count;
        size_t stack_size = class == STACK_SMALL ? STACK_SMALL_SIZE : STACK_LARGE_SIZE;
        struct stack_slab *slab = known_new();
        if (!slab)
                return aeon_fail(-ENOMEM, "no memory for a slab of stacks");
        char *memory = NULL;
        while (!(memory = slab_map(count * stack_size)) && count > FIRST_SLAB)
                count /= 2;
        if (!memory) {
                atomic_store(&slab->claimed, false);
                return aeon_fail(-ENOMEM, "no address space for %u stacks of %zu KiB", count, stack_size / 1024);
        }
        slab->stack_size = stack_size;
        slab->class = class;
        slab->carved = 0;
        slab->next = pool->slabs;
        pool->slabs = slab;
        __atomic_store_n(&slab->memory, memory, __ATOMIC_RELEASE);
        __atomic_store_n(&slab->count, count, __ATOMIC_RELEASE);
        return 0;
}

static struct stack *stack_at(const struct stack_slab *slab, uint32_t index)
{
        return (struct stack *)(void *)(slab->memory + (size_t)(index + 1) * slab->stack_size) - 1;
}

/* Make the next stack of @slab: the one place that pays for guard, page fault and tools. */
static struct stack *carve(struct stack_pool *pool, struct stack_slab *slab)
{
        uint32_t index = slab->carved;
        char *bottom = slab->memory + (size_t)index * slab->stack_size;
        struct stack *stack = stack_at(slab, index);
        *stack = (struct stack){ .pool = pool, .low = bottom + page_size(), .guarded = guard_page(bottom) };
#ifdef FIBER_ASAN
        __lsan_register_root_region(stack->low, (size_t)((char *)stack - stack->low));
#endif
#ifdef FIBER_TSAN
        stack->tsan_fiber = __tsan_create_fiber(0);
#endif
        stack->valgrind_id = (uint32_t)VALGRIND_STACK_REGISTER(stack->low, (char *)stack);
        __atomic_store_n(&slab->carved, index + 1, __ATOMIC_RELEASE);
        pool->carved++;
        return stack;
}

static struct stack *carve_any(struct stack_pool *pool, enum stack_class class)
{
        for (int attempt = 0; attempt < 2; attempt++) {
                for (struct stack_slab *slab = pool->slabs; slab; slab = slab->next)
                        if (slab->class == class && slab->carved < slab->count)
                                return carve(pool, slab);
                if (attempt == 0 && slab_new(pool, class) < 0)
                        break;
        }
        return NULL;
}

/* ------------------------------------------------------------------ taking and giving */

int aeon__stack_take(struct stack_pool *pool, enum stack_class class, size_t reserve, struct stack **ret_stack, void **ret_block)
{
        struct stack *stack = pool->free[class];
        if (stack)
                pool->free[class] = stack->next_free;
        else if (!(stack = carve_any(pool, class)))
                return -ENOMEM;
        stack->used = true;
        pool->live++;
        *ret_stack = stack;
        *ret_block = (void *)(((uintptr_t)stack - reserve) & ~(uintptr_t)15);
        return 0;
}

void aeon__stack_give(struct stack *stack, enum stack_class class)
{
        struct stack_pool *pool = stack->pool;
        struct stack *next = pool->free[class];
        stack->used = false;
        stack->given_in = pool->epoch;
        stack->next_free = next;
        if (next)
                next->prev_free = stack;
        pool->free[class] = stack;
        pool->live--;
}

static void leave_free_list(struct stack_pool *pool, struct stack *stack, enum stack_class class)
{
        struct stack *next = stack->next_free;
        if (pool->free[class] == stack)
                pool->free[class] = next;
        else
                stack->prev_free->next_free = next;
        if (next)
                next->prev_free = stack->prev_free;
}

static void slab_free(struct stack_slab *slab)
{
        for (uint32_t i = 0; i < slab->carved; i++) {
                struct stack *stack = stack_at(slab, i);
                if (stack->guarded && aeon__stack_guard_kind() == GUARD_MPROTECT)
                        atomic_fetch_sub(&guards_by_mprotect, 1);
                VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#ifdef FIBER_ASAN
                __lsan_unregister_root_region(stack->low, (size_t)((char *)stack - stack->low));
                __asan_unpoison_memory_region(stack->low, (size_t)((char *)stack - stack->low));
#endif
#ifdef FIBER_TSAN
                __tsan_destroy_fiber(stack->tsan_fiber);
#endif
        }
        char *memory = slab->memory;
        uint32_t count = slab->count;
        __atomic_store_n(&slab->count, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&slab->carved, 0, __ATOMIC_RELEASE);
        munmap(memory, count * slab->stack_size);
        __atomic_store_n(&slab->memory, NULL, __ATOMIC_RELEASE);
        atomic_store(&slab->claimed, false);
}

/* ------------------------------------------------------------------ giving memory back */

static bool slab_is_idle(const struct stack_pool *pool, const struct stack_slab *slab)
{
        for (uint32_t i = 0; i < slab->carved; i++) {
                const struct stack *stack = stack_at(slab, i);
                if (stack->used || pool->epoch - stack->given_in < 2)
                        return false;
        }
        return true;
}

static void slab_retire(struct stack_pool *pool, struct stack_slab *slab)
{
        for (uint32_t i = 0; i < slab->carved; i++)
                leave_free_list(pool, stack_at(slab, i), slab->class);
        pool->carved -= slab->carved;
        slab_free(slab);
}

bool aeon__stack_pool_trim(struct stack_pool *pool)
{
        if (!pool->trim_at) {
                pool->trim_at = &pool->slabs;
                pool->epoch++;
        }
        struct stack_slab *slab;
        for (int i = 0; i < SLABS_PER_TRIM && (slab = *pool->trim_at); i++) {
                bool enough_left = pool->carved - pool->live >= STACKS_KEPT + slab->carved;
                if (enough_left && slab_is_idle(pool, slab)) {
                        *pool->trim_at = slab->next;
                        slab_retire(pool, slab);
                } else {
                        pool->trim_at = &slab->next;
                }
        }
        if (*pool->trim_at)
                return true;
        pool->trim_at = NULL;
        return false;
}

void aeon__stack_pool_done(struct stack_pool *pool)
{
        while (pool->slabs) {
                struct stack_slab *slab = pool->slabs;
                pool->slabs = slab->next;
                slab_free(slab);
        }
        *pool = (struct stack_pool){ 0 };
}

int aeon__checker_slowdown(void)
{
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
        return 10;
#else
        return RUNNING_ON_VALGRIND ? 50 : 1;
#endif
}

bool aeon__stack_find(const void *address, struct stack_fault *ret_fault)
{
        for (struct stack_slab *slab = atomic_load(&aeon__stack_slabs); slab; slab = atomic_load(&slab->next_known)) {
                const char *memory = __atomic_load_n(&slab->memory, __ATOMIC_ACQUIRE);
                uint32_t carved = __atomic_load_n(&slab->carved, __ATOMIC_ACQUIRE);
                if (!memory || (const char *)address < memory || (const char *)address >= memory + carved * slab->stack_size)
                        continue;
                size_t offset = (size_t)((const char *)address - memory);
                *ret_fault = (struct stack_fault){
                        .in_guard = offset % slab->stack_size < page_size(),
                        .stack = stack_at(slab, (uint32_t)(offset / slab->stack_size)),
                        .size = slab->stack_size,
                };
                return true;
        }
        return false;
}
