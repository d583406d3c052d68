/* The mailbox; see mailbox.h. */
#include "loop/mailbox.h"

#include <errno.h>
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

static int letter_take(struct mailbox *m, struct letter **ret_letter)
{
        struct letter *letter;
        while (!(letter = spare_pop(m))) {
                int r = make_segment(m);
                if (r < 0)
                        return r;
        }
        *ret_letter = letter;
        return 0;
}

int aeon__mailbox_post(struct mailbox *m, void (*fn)(void *), void *arg, bool *ret_first)
{
        struct letter *letter = NULL;
        bool ringing = false;
        uint32_t top = atomic_load(&m->posted);
        int r = top == CLOSED ? -ESHUTDOWN : letter_take(m, &letter);
        if (r < 0)
                return r;
        letter->fn = fn;
        letter->arg = arg;
        do {
                if (top == CLOSED) {
                        spare_push(m, letter->index, letter);
                        r = -ESHUTDOWN;
                        break;
                }
                if (top == 0 && !ringing) {
                        ringing = true;
                        atomic_fetch_add(&m->ringing, 1); /* before the push: closing must see it */
                }
                atomic_store_explicit(&letter->next, top, memory_order_relaxed);
        } while (!atomic_compare_exchange_weak(&m->posted, &top, letter->index));
        bool first = r == 0 && top == 0;
        if (ringing && !first)
                aeon__mailbox_rung(m);
        if (r == 0)
                *ret_first = first;
        return r;
}

void aeon__mailbox_rung(struct mailbox *m)
{
        atomic_fetch_sub(&m->ringing, 1);
}

/* ------------------------------------------------------------------ running */

static void run_stack(struct mailbox *m, uint32_t newest)
{
        uint32_t oldest = 0;
        struct letter *last = newest ? letter_at(m, newest) : NULL;
        while (newest) { /* reverse it */
                struct letter *letter = letter_at(m, newest);
                uint32_t next = atomic_load_explicit(&letter->next, memory_order_relaxed);
                atomic_store_explicit(&letter->next, oldest, memory_order_relaxed);
                oldest = letter->index;
                newest = next;
        }
        for (uint32_t i = oldest; i;) {
                struct letter *letter = letter_at(m, i);
                i = atomic_load_explicit(&letter->next, memory_order_relaxed);
                letter->fn(letter->arg);
        }
        if (oldest)
                spare_push(m, oldest, last);
}

void aeon__mailbox_run(struct mailbox *m)
{
        run_stack(m, atomic_exchange(&m->posted, 0));
}

void aeon__mailbox_close(struct mailbox *m)
{
        uint32_t newest = atomic_exchange(&m->posted, CLOSED);
        if (newest != CLOSED)
                run_stack(m, newest);
        while (atomic_load(&m->ringing))
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
