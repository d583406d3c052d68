/* The mailbox; see mailbox.h. */
#include "loop/mailbox.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { CLOSED = UINT32_MAX };

/* Letters are numbered from 1; segment i begins at MAILBOX_FIRST * (2^i - 1) + 1. */
static struct letter *letter_at(struct mailbox *m, uint32_t index)
{
        uint32_t i = (index - 1) / MAILBOX_FIRST + 1;
        unsigned segment = 31u - (unsigned)__builtin_clz(i);
        uint32_t begin = MAILBOX_FIRST * ((1u << segment) - 1);
        return &atomic_load_explicit(&m->segments[segment], memory_order_acquire)[index - 1 - begin];
}

/* ------------------------------------------------------------------ the free list */

static void spare_push(struct mailbox *m, uint32_t first, struct letter *last)
{
        uint64_t top = atomic_load_explicit(&m->spare, memory_order_relaxed), wanted;
        do {
                atomic_store_explicit(&last->next, (uint32_t)top, memory_order_relaxed);
                wanted = ((top >> 32) + 1) << 32 | first;
        } while (!atomic_compare_exchange_weak_explicit(&m->spare, &top, wanted, memory_order_acq_rel, memory_order_relaxed));
}

static struct letter *spare_pop(struct mailbox *m)
{
        uint64_t top = atomic_load_explicit(&m->spare, memory_order_acquire);
        while ((uint32_t)top) {
                struct letter *letter = letter_at(m, (uint32_t)top);
                uint64_t wanted = ((top >> 32) + 1) << 32 | atomic_load_explicit(&letter->next, memory_order_relaxed);
                if (atomic_compare_exchange_weak_explicit(&m->spare, &top, wanted, memory_order_acq_rel, memory_order_acquire))
                        return letter;
        }
        return NULL;
}

/* Map one more segment; several threads may do so at once, and each adds its own. */
static int make_segment(struct mailbox *m)
{
        uint32_t segment = atomic_fetch_add_explicit(&m->made, 1, memory_order_acq_rel);
        if (segment >= MAILBOX_SEGMENTS) {
                atomic_fetch_sub(&m->made, 1);
                return -ENOMEM;
        }
        uint32_t count = (uint32_t)MAILBOX_FIRST << segment, begin = MAILBOX_FIRST * ((1u << segment) - 1);
        struct letter *letters = mmap(NULL, count * sizeof *letters, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (letters == MAP_FAILED) {
                /* The number is given back; if another thread took the next one meanwhile, a hole would remain, so only the last
                 * may be returned. Otherwise it stays unused, which costs a number and no memory. */
                uint32_t expected = segment + 1;
                atomic_compare_exchange_strong(&m->made, &expected, segment);
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < count; i++) {
                letters[i].index = begin + i + 1;
                atomic_init(&letters[i].next, i + 1 < count ? begin + i + 2 : 0);
        }
        atomic_store_explicit(&m->segments[segment], letters, memory_order_release);
        spare_push(m, begin + 1, &letters[count - 1]);
        return 0;
}

/* ------------------------------------------------------------------ posting */

void aeon__mailbox_init(struct mailbox *m)
{
        memset(m, 0, sizeof *m);
}

bool aeon__mailbox_enter(struct mailbox *m)
{
        atomic_fetch_add(&m->visitors, 1);
        if (atomic_load(&m->posted) != CLOSED)
                return true;
        atomic_fetch_sub(&m->visitors, 1);
        return false;
}

void aeon__mailbox_leave(struct mailbox *m)
{
        atomic_fetch_sub(&m->visitors, 1);
}

static struct letter *letter_take(struct mailbox *m)
{
        struct letter *letter;
        while (!(letter = spare_pop(m)))
                if (make_segment(m) < 0)
                        return NULL;
        return letter;
}

int aeon__mailbox_post(struct mailbox *m, void (*fn)(void *), void *arg, bool *ret_first)
{
        if (atomic_load(&m->posted) == CLOSED)
                return -ESHUTDOWN;
        struct letter *letter = letter_take(m);
        if (!letter)
                return -ENOMEM;
        letter->fn = fn;
        letter->arg = arg;
        bool inside = false;
        uint32_t top = atomic_load(&m->posted);
        do {
                if (top == 0 && !inside && !(inside = aeon__mailbox_enter(m))) /* before the push, so that closing sees it */
                        top = CLOSED;
                if (top == CLOSED) {
                        spare_push(m, letter->index, letter);
                        break;
                }
                atomic_store_explicit(&letter->next, top, memory_order_relaxed);
        } while (!atomic_compare_exchange_weak(&m->posted, &top, letter->index));
        *ret_first = top == 0;
        if (inside && top != 0)
                aeon__mailbox_leave(m);
        return top == CLOSED ? -ESHUTDOWN : 0;
}

/* ------------------------------------------------------------------ running */

/* From newest first to oldest first. */
static uint32_t reverse(struct mailbox *m, uint32_t newest)
{
        uint32_t oldest = 0;
        while (newest) {
                struct letter *letter = letter_at(m, newest);
                uint32_t next = atomic_load_explicit(&letter->next, memory_order_relaxed);
                atomic_store_explicit(&letter->next, oldest, memory_order_relaxed);
                oldest = letter->index;
                newest = next;
        }
        return oldest;
}

/* Run @limit of those in `taken`. */
static void run_taken(struct mailbox *m, unsigned limit)
{
        uint32_t first = m->taken;
        struct letter *last = NULL;
        while (m->taken && limit--) {
                last = letter_at(m, m->taken);
                m->taken = atomic_load_explicit(&last->next, memory_order_relaxed);
                last->fn(last->arg);
        }
        if (last)
                spare_push(m, first, last);
}

bool aeon__mailbox_pending(const struct mailbox *m)
{
        uint32_t top = atomic_load(&m->posted);
        return m->taken || (top && top != CLOSED);
}

bool aeon__mailbox_run(struct mailbox *m, unsigned limit)
{
        if (!m->taken)
                m->taken = reverse(m, atomic_exchange(&m->posted, 0));
        run_taken(m, limit);
        return aeon__mailbox_pending(m); /* also what came meanwhile: it rang, and this run was the answer */
}

void aeon__mailbox_close(struct mailbox *m)
{
        uint32_t newest = atomic_exchange(&m->posted, CLOSED);
        run_taken(m, UINT_MAX);
        m->taken = reverse(m, newest);
        run_taken(m, UINT_MAX);
        while (atomic_load(&m->visitors))
                sched_yield(); /* a few instructions of another thread */
}

void aeon__mailbox_done(struct mailbox *m)
{
        for (uint32_t i = 0; i < MAILBOX_SEGMENTS; i++) {
                struct letter *letters = atomic_load(&m->segments[i]);
                if (letters)
                        munmap(letters, ((size_t)MAILBOX_FIRST << i) * sizeof *letters);
        }
}
