/* The memory driver: queues inside the process, shared by its loops and by those who give the same name (see queue.h).
 *
 * DESIGN
 *   Every operation is a few moves between lists under one lock, so nothing here waits for anything but time. Each loop has one
 *   TIMER task that sleeps until the next delayed message is due; making something due earlier pokes all of them.
 */
#include "broker/memory/queue.h"

#include "task/task.h"

#include <aeon/channel.h>
#include <aeon/error.h>
#include <aeon/thread.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory_link {
        struct list node; /* in memory.links */
        struct memory *memory;
        struct link *link;
        char address[32]; /* of answers; "" until there is one */
        aeon_sender *poke;
        aeon_receiver *poked;
        aeon_event *timer_ended;
};

static int memory_share(const char *url, const char *rest, void **ret_shared)
{
        (void)url;
        struct memory *m;
        int r = aeon__memory_share(rest, &m);
        if (r >= 0)
                *ret_shared = m;
        return r;
}

static void memory_unshare(void *shared)
{
        aeon__memory_unshare(shared);
}

/* ------------------------------------------------------------------ the timer of delayed messages */

static void poke_here(void *arg)
{
        struct memory_link *l = arg;
        if (l->poke)
                aeon_try_send(l->poke, "");
}

/* Something became due earlier; with the lock held. A loop that has ended needs no poke. */
static void poke_timers(struct memory *m)
{
        struct memory_link *l;
        list_foreach (l, &m->links, node) {
                if (l->link->loop == aeon_loop_current())
                        poke_here(l);
                else
                        (void)aeon_post(l->link->loop, poke_here, l);
        }
}

static int timer(void *arg)
{
        struct memory_link *l = arg;
        int r;
        do {
                pthread_mutex_lock(&l->memory->lock);
                aeon_time next = aeon__memory_promote(l->memory, aeon_now());
                pthread_mutex_unlock(&l->memory->lock);
                char signal;
                aeon_scope until;
                aeon_scope_open(&until, &(aeon_scope_opts){ .deadline = next, .name = "next delayed message" });
                r = aeon_scope_close(&until, aeon_receive(l->poked, &signal));
        } while (r >= 0 || r == -ETIMEDOUT);
        aeon_event_set(l->timer_ended);
        return r == AEON_EOF ? 0 : r;
}

/* ------------------------------------------------------------------ links */

static void link_free(struct memory_link *l)
{
        aeon_sender_close(l->poke);
        aeon_receiver_close(l->poked);
        aeon_event_free(l->timer_ended);
        free(l);
}

static int memory_open(struct link *link)
{
        struct memory_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->memory = link->shared;
        l->link = link;
        int r = aeon_channel_open(1, 1, &l->poke, &l->poked);
        if (r >= 0)
                r = aeon_event_new(&l->timer_ended);
        if (r >= 0)
                r = aeon_spawn(link->group, "delayed messages", timer, l);
        if (r < 0) {
                link_free(l);
                return r;
        }
        pthread_mutex_lock(&l->memory->lock);
        list_append(&l->memory->links, &l->node);
        pthread_mutex_unlock(&l->memory->lock);
        link->self = l;
        return 0;
}

static void wake_closer(void *arg)
{
        aeon__wake(arg, 0);
}

/* Wait until everything that other loops have posted here has run. */
static void settle_mailbox(struct link *link)
{
        struct aeon_task *self;
        struct wait wait = { .what = "deliveries of other loops" };
        if (aeon__wait_enter(&self) >= 0 && aeon_post(link->loop, wake_closer, self) >= 0)
                aeon__wait(&wait);
}

static void memory_close(struct link *link)
{
        struct memory_link *l = link->self;
        pthread_mutex_lock(&l->memory->lock);
        list_remove(&l->node);
        pthread_mutex_unlock(&l->memory->lock);
        settle_mailbox(link);
        aeon_sender_close(l->poke);
        l->poke = NULL;
        aeon_event_wait(l->timer_ended);
        link_free(l);
}

static int memory_ping(struct link *link)
{
        (void)link;
        return aeon_checkpoint();
}

/* ------------------------------------------------------------------ sources */

static int memory_subscribe(struct source *source)
{
        struct memory_source *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        s->memory = source->link->shared;
        s->source = source;
        list_init(&s->node);
        list_init(&s->outstanding);
        pthread_mutex_lock(&s->memory->lock);
        int r = aeon__memory_attach(s->memory, s);
        pthread_mutex_unlock(&s->memory->lock);
        if (r < 0) {
                free(s);
                return r;
        }
        source->self = s;
        return 0;
}

static void memory_credit(struct source *source, unsigned more)
{
        struct memory_source *s = source->self;
        pthread_mutex_lock(&s->memory->lock);
        s->credit += more;
        aeon__memory_flow(s);
        pthread_mutex_unlock(&s->memory->lock);
}

static void memory_drain(struct source *source)
{
        struct memory_source *s = source->self;
        pthread_mutex_lock(&s->memory->lock);
        s->draining = true;
        pthread_mutex_unlock(&s->memory->lock);
        settle_mailbox(source->link);
}

static void memory_unsubscribe(struct source *source)
{
        struct memory_source *s = source->self;
        pthread_mutex_lock(&s->memory->lock);
        aeon__memory_detach(s);
        pthread_mutex_unlock(&s->memory->lock);
        free(s);
}

static int memory_lag(struct source *source, uint64_t *ret_lag)
{
        struct memory_source *s = source->self;
        pthread_mutex_lock(&s->memory->lock);
        *ret_lag = aeon__memory_waiting(s);
        pthread_mutex_unlock(&s->memory->lock);
        return 0;
}

static int memory_settle(struct aeon_message *m, const struct settlement *verdict)
{
        struct memory_source *s = m->source->self;
        pthread_mutex_lock(&s->memory->lock);
        int r = aeon__memory_settle(s, m->token, verdict, aeon_now());
        if (verdict->verdict == VERDICT_RETRY)
                poke_timers(s->memory);
        pthread_mutex_unlock(&s->memory->lock);
        return r;
}

/* ------------------------------------------------------------------ publishing and answers */

struct posted_reply {
        struct link *link;
        struct aeon_message *message;
};

static void deliver_reply(void *arg)
{
        struct posted_reply reply = *(struct posted_reply *)arg;
        free(arg);
        aeon__deliver_reply(reply.link, reply.message);
}

/* With the lock held, so the link is there until it has been posted to; an answer to a closed one is nobody's. */
static int publish_reply(struct memory *memory, const struct envelope *e)
{
        struct memory_link *l, *found = NULL;
        list_foreach (l, &memory->links, node)
                if (!strcmp(l->address, e->destination))
                        found = l;
        if (!found)
                return 0;
        struct aeon_message *m = aeon__message_new(e);
        struct posted_reply *reply = malloc(sizeof *reply);
        if (m && reply) {
                *reply = (struct posted_reply){ found->link, m };
                if (aeon_post(found->link->loop, deliver_reply, reply) >= 0)
                        return 0;
        }
        free(m);
        free(reply);
        return aeon_fail(-ENOMEM, "no memory for an answer");
}

static int memory_publish(struct link *link, const struct envelope *e)
{
        struct memory_link *l = link->self;
        int r = aeon_checkpoint();
        if (r < 0)
                return r;
        pthread_mutex_lock(&l->memory->lock);
        if (!strncmp(e->destination, "_reply.", strlen("_reply.")))
                r = publish_reply(l->memory, e);
        else
                r = aeon__memory_publish(l->memory, e, aeon_now());
        if (r >= 0 && e->delay)
                poke_timers(l->memory);
        pthread_mutex_unlock(&l->memory->lock);
        return r;
}

static int memory_reply_open(struct link *link, char *address, size_t size)
{
        struct memory_link *l = link->self;
        pthread_mutex_lock(&l->memory->lock);
        snprintf(l->address, sizeof l->address, "_reply.%" PRIu64, ++l->memory->last_address);
        pthread_mutex_unlock(&l->memory->lock);
        snprintf(address, size, "%s", l->address);
        return 0;
}

const struct broker_driver aeon__driver_memory = {
        .name = "memory",
        .can = CAN_SETTLE | CAN_RETRY | CAN_REJECT | CAN_GROUP | CAN_DELAY | CAN_PRIORITY | CAN_REPLY,
        .share = memory_share,
        .unshare = memory_unshare,
        .open = memory_open,
        .close = memory_close,
        .subscribe = memory_subscribe,
        .credit = memory_credit,
        .drain = memory_drain,
        .unsubscribe = memory_unsubscribe,
        .settle = memory_settle,
        .publish = memory_publish,
        .reply_open = memory_reply_open,
        .ping = memory_ping,
        .lag = memory_lag,
};
