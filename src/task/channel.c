/* Channels.
 *
 * DESIGN
 *   A channel is a ring of items and two lists of waiting tasks. At most one of the lists has anyone in it:
 *
 *       senders wait    ==>  the ring is full (or the capacity is 0) and no receiver waits
 *       receivers wait  ==>  the ring is empty and no sender waits
 *
 *   A waiter points to the caller's own item, so a value handed to a waiting receiver is copied once, straight to where it is
 *   wanted. Handing over is what delivers: a task that was woken with its value keeps it, whatever is cancelled afterwards.
 */
#include "task/runner.h"

#include <aeon/channel.h>
#include <stdlib.h>
#include <string.h>

struct channel {
        size_t item_size;
        size_t capacity;
        unsigned char *ring;       /* room for `slots` items; NULL while nothing was ever buffered */
        size_t slots;              /* grows up to capacity */
        size_t head, count;        /* first item and number of items */
        size_t senders, receivers; /* open handles */
        struct list waiting_senders, waiting_receivers;
};

struct aeon_sender {
        struct channel *channel;
};

struct aeon_receiver {
        struct channel *channel;
};

struct party { /* a waiting task */
        struct wait wait;
        struct list in_channel;
        struct aeon_task *task;
        const void *handle; /* the sender or receiver it waits on */
        const void *from;   /* sender: the item */
        void *to;           /* receiver: where it goes */
};

/* ------------------------------------------------------------------ the ring */

enum { FIRST_SLOTS = 16 };

static int ring_grow(struct channel *c)
{
        size_t slots = c->slots ? c->slots * 2 : FIRST_SLOTS;
        if (slots > c->capacity)
                slots = c->capacity;
        unsigned char *ring = malloc(slots * c->item_size);
        if (!ring)
                return aeon_fail(-ENOMEM, "no memory for %zu items of a channel", slots);
        size_t until_end = c->slots - c->head < c->count ? c->slots - c->head : c->count;
        if (c->ring) {
                memcpy(ring, c->ring + c->head * c->item_size, until_end * c->item_size);
                memcpy(ring + until_end * c->item_size, c->ring, (c->count - until_end) * c->item_size);
        }
        free(c->ring);
        c->ring = ring;
        c->slots = slots;
        c->head = 0;
        return 0;
}

static void *ring_slot(struct channel *c, size_t i)
{
        size_t at = c->head + i;
        return c->ring + (at >= c->slots ? at - c->slots : at) * c->item_size;
}

static int ring_push(struct channel *c, const void *item)
{
        if (c->count == c->slots && ring_grow(c) < 0)
                return -ENOMEM;
        memcpy(ring_slot(c, c->count++), item, c->item_size);
        return 0;
}

static void ring_pop(struct channel *c, void *ret_item)
{
        memcpy(ret_item, ring_slot(c, 0), c->item_size);
        c->head = c->head + 1 == c->slots ? 0 : c->head + 1;
        c->count--;
}

/* ------------------------------------------------------------------ without waiting */

static struct party *first_party(struct list *waiting)
{
        struct list *node = list_pop(waiting);
        return node ? container_of(node, struct party, in_channel) : NULL;
}

int aeon_try_send(aeon_sender *s, const void *item)
{
        struct channel *c = s->channel;
        if (c->receivers == 0)
                return aeon_fail(-EPIPE, "no receiver is left on the channel");
        struct party *receiver = first_party(&c->waiting_receivers);
        if (receiver) {
                memcpy(receiver->to, item, c->item_size);
                aeon__wake(receiver->task, 0);
                return 0;
        }
        if (c->count >= c->capacity)
                return -EAGAIN;
        return ring_push(c, item);
}

int aeon_try_receive(aeon_receiver *r, void *ret_item)
{
        struct channel *c = r->channel;
        if (c->count) {
                ring_pop(c, ret_item);
                struct party *sender = first_party(&c->waiting_senders);
                if (sender) {
                        ring_push(c, sender->from); /* cannot fail: a place was just freed */
                        aeon__wake(sender->task, 0);
                }
                return 0;
        }
        struct party *sender = first_party(&c->waiting_senders);
        if (sender) {
                memcpy(ret_item, sender->from, c->item_size);
                aeon__wake(sender->task, 0);
                return 0;
        }
        return c->senders ? -EAGAIN : AEON_EOF;
}

/* ------------------------------------------------------------------ waiting */

static bool abort_party(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        list_remove(&container_of(wait, struct party, wait)->in_channel);
        return true;
}

int aeon_send(aeon_sender *s, const void *item)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        r = aeon_try_send(s, item);
        if (r == 0)
                aeon__wait_skip(t);
        if (r != -EAGAIN)
                return r;
        struct party self = {
                .wait = { .what = "send", .object = s->channel, .abort = abort_party }, .task = t, .handle = s, .from = item
        };
        list_append(&s->channel->waiting_senders, &self.in_channel);
        return aeon__wait(&self.wait);
}

int aeon_receive(aeon_receiver *r, void *ret_item)
{
        struct aeon_task *t = NULL;
        int e = aeon__wait_enter(&t);
        if (e < 0)
                return e;
        e = aeon_try_receive(r, ret_item);
        if (e == 0)
                aeon__wait_skip(t);
        if (e != -EAGAIN)
                return e;
        struct party self = {
                .wait = { .what = "receive", .object = r->channel, .abort = abort_party }, .task = t, .handle = r, .to = ret_item
        };
        list_append(&r->channel->waiting_receivers, &self.in_channel);
        return aeon__wait(&self.wait);
}

/* ------------------------------------------------------------------ handles */

static void channel_free_if_unused(struct channel *c)
{
        if (c->senders || c->receivers)
                return;
        free(c->ring);
        free(c);
}

/* Wake those who wait on @handle (NULL: all) with @result. */
static void dismiss(struct list *waiting, const void *handle, int result)
{
        struct party *p, *next;
        list_foreach_safe (p, next, waiting, in_channel) {
                if (handle && p->handle != handle)
                        continue;
                list_remove(&p->in_channel);
                aeon__wake(p->task, result);
        }
}

static int sender_new(struct channel *c, aeon_sender **ret_sender)
{
        aeon_sender *s = malloc(sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a sender");
        s->channel = c;
        c->senders++;
        *ret_sender = s;
        return 0;
}

static int receiver_new(struct channel *c, aeon_receiver **ret_receiver)
{
        aeon_receiver *r = malloc(sizeof *r);
        if (!r)
                return aeon_fail(-ENOMEM, "no memory for a receiver");
        r->channel = c;
        c->receivers++;
        *ret_receiver = r;
        return 0;
}

int aeon_channel_open(size_t item_size, size_t capacity, aeon_sender **ret_sender, aeon_receiver **ret_receiver)
{
        if (item_size == 0 || !aeon__task_now())
                return aeon_fail(-EINVAL,
                                 item_size ? "a channel must be opened from a task" : "a channel needs items of at least one byte");
        struct channel *c = malloc(sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for a channel");
        *c = (struct channel){ .item_size = item_size, .capacity = capacity };
        list_init(&c->waiting_senders);
        list_init(&c->waiting_receivers);
        aeon_sender *s = NULL;
        aeon_receiver *r = NULL;
        if (sender_new(c, &s) < 0) {
                free(c);
                return -ENOMEM;
        }
        if (receiver_new(c, &r) < 0) {
                aeon_sender_close(s);
                return -ENOMEM;
        }
        *ret_sender = s;
        *ret_receiver = r;
        return 0;
}

int aeon_sender_clone(aeon_sender *s, aeon_sender **ret_sender)
{
        return sender_new(s->channel, ret_sender);
}

int aeon_receiver_clone(aeon_receiver *r, aeon_receiver **ret_receiver)
{
        return receiver_new(r->channel, ret_receiver);
}

void aeon_sender_close(aeon_sender *s)
{
        if (!s)
                return;
        struct channel *c = s->channel;
        dismiss(&c->waiting_senders, s, -EBADF);
        if (--c->senders == 0)
                dismiss(&c->waiting_receivers, NULL, AEON_EOF);
        free(s);
        channel_free_if_unused(c);
}

void aeon_receiver_close(aeon_receiver *r)
{
        if (!r)
                return;
        struct channel *c = r->channel;
        dismiss(&c->waiting_receivers, r, -EBADF);
        if (--c->receivers == 0)
                dismiss(&c->waiting_senders, NULL, -EPIPE);
        free(r);
        channel_free_if_unused(c);
}

size_t aeon_receiver_buffered(const aeon_receiver *r)
{
        return r->channel->count;
}
