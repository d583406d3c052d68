/* Channels: how values pass; see channel.h. */
#include "task/channel.h"

/* ------------------------------------------------------------------ without waiting */

static inline int send_now(struct channel *c, const void *item)
{
        if (c->receiving.handles == 0)
                return aeon_fail(-EPIPE, "no receiver is left on the channel");
        struct waiter *receiver = aeon__waiters_pop(&c->receiving.waiters);
        if (receiver) {
                item_copy(receiver->item, item, c->ring.item_size);
                aeon__waiter_wake(receiver, 0);
                return 0;
        }
        if (c->ring.count >= c->ring.limit)
                return -EAGAIN;
        int r = ring_push(&c->ring, item);
        return r < 0 ? aeon_fail(-ENOMEM, "no memory for more than %zu items of a channel", c->ring.count) : 0;
}

static inline int receive_now(struct channel *c, void *ret_item)
{
        struct waiter *sender = aeon__waiters_pop(&c->sending.waiters);
        if (c->ring.count) {
                ring_pop(&c->ring, ret_item);
                if (sender)
                        ring_push(&c->ring, sender->item);
        } else if (sender) {
                item_copy(ret_item, sender->item, c->ring.item_size);
        } else {
                return c->sending.handles ? -EAGAIN : AEON_EOF;
        }
        if (sender)
                aeon__waiter_wake(sender, 0);
        return 0;
}

int aeon_try_send(aeon_sender *s, const void *item)
{
        struct channel *c = s->handle.channel;
        if (!c)
                return aeon__handle_refuse();
        int r = aeon__waiters_check(&c->sending.waiters);
        return r < 0 ? r : send_now(c, item);
}

int aeon_try_receive(aeon_receiver *r, void *ret_item)
{
        struct channel *c = r->handle.channel;
        if (!c)
                return aeon__handle_refuse();
        int e = aeon__waiters_check(&c->receiving.waiters);
        return e < 0 ? e : receive_now(c, ret_item);
}

/* ------------------------------------------------------------------ waiting */

int aeon_send(aeon_sender *s, const void *item)
{
        struct aeon_task *t = NULL;
        struct channel *c = s->handle.channel;
        if (!c)
                return aeon__handle_refuse();
        int r = aeon__waiters_enter(&c->sending.waiters, &t);
        if (r < 0)
                return r;
        r = send_now(c, item);
        if (r == 0)
                return aeon__waiters_skip(t);
        return r == -EAGAIN ? aeon__waiters_wait(&c->sending.waiters, t, &s->handle, (void *)item) : r;
}

int aeon_receive(aeon_receiver *r, void *ret_item)
{
        struct aeon_task *t = NULL;
        struct channel *c = r->handle.channel;
        if (!c)
                return aeon__handle_refuse();
        int e = aeon__waiters_enter(&c->receiving.waiters, &t);
        if (e < 0)
                return e;
        e = receive_now(c, ret_item);
        if (e == 0)
                return aeon__waiters_skip(t);
        return e == -EAGAIN ? aeon__waiters_wait(&c->receiving.waiters, t, &r->handle, ret_item) : e;
}
