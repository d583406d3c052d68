/* Calls from other threads and from signal handlers.
 *
 * DESIGN
 *   Posting must not lock and must not call malloc, since a signal handler may post. So entries come from a free list of our own,
 *   and new ones from mmap(), in segments that double in size and stay until the mailbox is done:
 *
 *       free list   a stack of indices with a counter beside the top (one 64-bit word), so that a top that went away and came
 *                   back is noticed
 *       posted      a stack too; the loop takes all of it with one exchange and reverses it: first in, first out
 *
 *   The loop runs a bounded number of calls per turn, so threads that post without pause cannot keep its tasks from running; what
 *   it took and has not come to is kept in `taken`.
 *
 *   Who finds the box empty rings: its owner may be asleep. The others need not, and touch nothing after their push.
 *
 *   Closing exchanges `posted` for CLOSED, after which every post is refused. Whoever is about to ring enters the box first and is
 *   counted, and closing waits for that count to reach zero, so that nobody rings at a closed door.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct letter {
        void (*fn)(void *arg);
        void *arg;
        uint32_t index;        /* its own number */
        _Atomic uint32_t next; /* number of the next letter in whatever stack it is in; 0: none */
};

enum { MAILBOX_SEGMENTS = 24, MAILBOX_FIRST = 64 };

struct mailbox {
        _Atomic(struct letter *) segments[MAILBOX_SEGMENTS]; /* segment i holds MAILBOX_FIRST << i letters */
        _Atomic uint32_t made;                               /* segments in use */
        _Atomic uint64_t spare;                              /* counter << 32 | index */
        _Atomic uint32_t posted;                             /* index of the newest */
        _Atomic unsigned visitors;                           /* between enter and leave */
        uint32_t taken;                                      /* index of the oldest that was taken and not run; owner only */
};

void aeon__mailbox_init(struct mailbox *m);

/* Keep the box from closing until aeon__mailbox_leave(). False: it is closed, and there is nothing to leave. Async-signal-safe. */
bool aeon__mailbox_enter(struct mailbox *m);
void aeon__mailbox_leave(struct mailbox *m);

/* Async-signal-safe. Errors: -ESHUTDOWN, -ENOMEM. *ret_first: nothing was posted, so the owner may be asleep; wake it and then say
 * aeon__mailbox_leave(). */
int aeon__mailbox_post(struct mailbox *m, void (*fn)(void *), void *arg, bool *ret_first);

/* Run what was posted, in order, but at most @limit; true when some are left. Owner only. */
bool aeon__mailbox_run(struct mailbox *m, unsigned limit);

/* True when something waits to be run. Owner only. */
bool aeon__mailbox_pending(const struct mailbox *m);

/* Refuse further posts, then run those that came in time. Owner only. */
void aeon__mailbox_close(struct mailbox *m);

/* Give the memory back; nobody may post any more, not even in vain. */
void aeon__mailbox_done(struct mailbox *m);
