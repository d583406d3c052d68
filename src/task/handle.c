/* Channels: opening, cloning, closing; see channel.h.
 *
 * DESIGN
 *   A handle that was closed stays in memory until its channel goes, so that a call on it gets an error and not somebody else's
 *   memory. Services clone a handle for each request, so this must not grow: once there are KEPT of them, a clone takes the
 *   one that was closed first.
 */
#include "task/channel.h"

#include <stdlib.h>

enum { KEPT = 64 };

int aeon__handle_refuse(void)
{
        return aeon_fail(-EBADF, "this handle of the channel was closed");
}

/* ------------------------------------------------------------------ opening */

/* NULL: no memory. */
static struct handle *handle_new(struct channel *c, struct end *end)
{
        struct handle *h;
        if (c->closed_count >= KEPT) {
                h = container_of(list_pop(&c->closed), struct handle, in_closed);
                c->closed_count--;
        } else {
                h = malloc(sizeof *h);
                if (!h)
                        return NULL;
        }
        h->channel = c;
        h->end = end;
        end->handles++;
        return h;
}

static int handle_clone(const struct handle *h, struct handle **ret_clone)
{
        if (!h->channel)
                return aeon__handle_refuse();
        int r = aeon__waiters_check(&h->end->waiters);
        if (r < 0)
                return r;
        struct handle *clone = handle_new(h->channel, h->end);
        if (!clone)
                return aeon_fail(-ENOMEM, "no memory for one more handle of a channel");
        *ret_clone = clone;
        return 0;
}

static void channel_free(struct channel *c)
{
        struct list *node;
        while ((node = list_pop(&c->closed)))
                free(container_of(node, struct handle, in_closed));
        free(c->ring.memory);
        free(c);
}

int aeon_channel_open(size_t item_size, size_t capacity, aeon_sender **ret_sender, aeon_receiver **ret_receiver)
{
        struct runner *runner = aeon__runner_now();
        if (item_size == 0)
                return aeon_fail(-EINVAL, "a channel needs items of at least one byte");
        if (!runner)
                return aeon_fail(-EINVAL, "no loop runs here, and every channel belongs to one");
        struct channel *c = malloc(sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for a channel");
        *c = (struct channel){ .ring = { .item_size = item_size, .limit = capacity } };
        aeon__waiters_init(&c->sending.waiters, runner, "send", c);
        aeon__waiters_init(&c->receiving.waiters, runner, "receive", c);
        list_init(&c->closed);
        struct handle *s = handle_new(c, &c->sending), *r = handle_new(c, &c->receiving);
        if (!s || !r) {
                free(s);
                free(r);
                free(c);
                return aeon_fail(-ENOMEM, "no memory for the handles of a channel");
        }
        *ret_sender = container_of(s, aeon_sender, handle);
        *ret_receiver = container_of(r, aeon_receiver, handle);
        return 0;
}

int aeon_sender_clone(aeon_sender *s, aeon_sender **ret_sender)
{
        struct handle *clone = NULL;
        int e = handle_clone(&s->handle, &clone);
        if (e < 0)
                return e;
        *ret_sender = container_of(clone, aeon_sender, handle);
        return 0;
}

int aeon_receiver_clone(aeon_receiver *r, aeon_receiver **ret_receiver)
{
        struct handle *clone = NULL;
        int e = handle_clone(&r->handle, &clone);
        if (e < 0)
                return e;
        *ret_receiver = container_of(clone, aeon_receiver, handle);
        return 0;
}

/* ------------------------------------------------------------------ closing */

/* Wake those who wait on @h, and nobody else. */
static void dismiss(const struct handle *h)
{
        struct list theirs;
        list_init(&theirs);
        struct waiter *w, *next;
        list_foreach_safe (w, next, &h->end->waiters.list, in_list) {
                if (w->key != h)
                        continue;
                list_remove(&w->in_list);
                list_append(&theirs, &w->in_list);
        }
        struct list *node; /* one by one: waking a task takes out its other waiters, of which some may be here */
        while ((node = list_pop(&theirs)))
                aeon__waiter_wake(container_of(node, struct waiter, in_list), -EBADF);
}

static void handle_close(struct handle *h)
{
        struct channel *c = h->channel;
        if (!c || !aeon__waiters_may_call(&h->end->waiters))
                return;
        dismiss(h);
        h->channel = NULL;
        list_append(&c->closed, &h->in_closed);
        c->closed_count++;
        if (--h->end->handles)
                return;
        if (c->sending.handles == 0)
                aeon__waiters_wake_all(&c->receiving.waiters, AEON_EOF);
        if (c->receiving.handles == 0)
                aeon__waiters_wake_all(&c->sending.waiters, -EPIPE);
        if (c->sending.handles == 0 && c->receiving.handles == 0)
                channel_free(c);
}

void aeon_sender_close(aeon_sender *s)
{
        if (s)
                handle_close(&s->handle);
}

void aeon_receiver_close(aeon_receiver *r)
{
        if (r)
                handle_close(&r->handle);
}

/* ------------------------------------------------------------------ asking */

size_t aeon_receiver_buffered(const aeon_receiver *r)
{
        return r->handle.channel ? r->handle.channel->ring.count : 0;
}

static int get_stats(const struct channel *c, aeon_channel_stats *ret_stats)
{
        if (!c)
                return aeon__handle_refuse();
        *ret_stats = (aeon_channel_stats){
                .capacity = c->ring.limit,
                .buffered = c->ring.count,
                .senders = c->sending.handles,
                .receivers = c->receiving.handles,
                .waiting_senders = aeon__waiters_count(&c->sending.waiters),
                .waiting_receivers = aeon__waiters_count(&c->receiving.waiters),
        };
        return 0;
}

int aeon_sender_get_stats(const aeon_sender *s, aeon_channel_stats *ret_stats)
{
        return get_stats(s->handle.channel, ret_stats);
}

int aeon_receiver_get_stats(const aeon_receiver *r, aeon_channel_stats *ret_stats)
{
        return get_stats(r->handle.channel, ret_stats);
}
