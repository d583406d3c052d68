/* A channel as its files see it: channel.c passes values, handle.c has the handles, select.c waits for several.
 *
 * DESIGN
 *   A channel is a ring of items and two lists of waiting tasks:
 *
 *       senders wait    ==>  the ring is full (or the capacity is 0) and no receiver waits
 *       receivers wait  ==>  the ring is empty and no sender waits
 *
 *   (One task may wait to send and to receive on the same channel, by aeon_select(). Then both lists have that task only, and it
 *   does not meet itself.)
 *
 *   A waiter points to the caller's own item, so a value handed to a waiting receiver is copied once, straight to where it is
 *   wanted. Handing over is what delivers: a task that was woken with its value keeps it, whatever is cancelled afterwards.
 */
#pragma once

#include "task/ring.h"
#include "task/waiters.h"

#include <aeon/channel.h>

/* The channel goes with its last open handle, and closed handles go with the channel: so long a call on one gets -EBADF. */
struct handle {
        struct channel *channel; /* NULL: closed */
        struct end *end;
        struct list in_closed;
};

struct aeon_sender {
        struct handle handle;
};

struct aeon_receiver {
        struct handle handle;
};

struct end {
        struct waiters waiters; /* key: the handle it waits on; item: the sender's item, or where the receiver wants it */
        size_t handles;         /* open ones */
};

struct channel {
        struct end sending, receiving;
        struct ring ring;
        struct list closed; /* struct handle by in_closed, in order of closing */
        size_t closed_count;
};

int aeon__handle_refuse(void); /* the words for -EBADF */

/* Whether a call would do something, good or bad, without waiting. */
static inline bool channel_send_ready(const struct channel *c)
{
        return !c || !c->receiving.handles || !list_empty(&c->receiving.waiters.list) || c->ring.count < c->ring.limit;
}

static inline bool channel_receive_ready(const struct channel *c)
{
        return !c || c->ring.count || !list_empty(&c->sending.waiters.list) || !c->sending.handles;
}
