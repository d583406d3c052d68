/* Subscriptions: the window, the queue of messages that wait, and the pump that starts their handlers.
 *
 * DESIGN
 *        driver --deliver--> waiting ----pump----> running --settle--> gone
 *           ^                   (at most `concurrency`)                 |
 *           |                                                           |
 *           +---- credit: as many as are gone, `refill` at a time ------+
 *
 *   credit out + waiting + running + being settled + owed == window, at all times until draining. A handler's place is free once
 *   it has returned: the next begins while the last is being settled, so the broker confirms many at a time.
 *
 *   Draining: the driver stops fetching, what waits is released, the pump ends; what runs goes on and is settled as ever.
 */
#include "base/random.h"
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ opening */

/* Where a broker knows no groups all who consume from a queue are one, whatever its name; but not two. */
static bool has_other_group(const struct subscription *s)
{
        const struct subscription *other;
        list_foreach (other, &s->connection->subscriptions, node)
                if (!strcmp(other->declaration->destination, s->declaration->destination) &&
                    strcmp(other->declaration->opts.group, s->declaration->opts.group))
                        return true;
        return false;
}

/* What was declared before @s with the same destination and group; NULL also for a consumer, which nobody declared. */
static const struct declaration *twin_of(const struct subscription *s)
{
        const struct declaration *d = s->declaration, *other, *twin = NULL;
        list_foreach (other, &s->connection->broker->declarations, node) {
                if (other == d)
                        return twin;
                if (!strcmp(other->destination, d->destination) && !strcmp(other->options, d->options) &&
                    !strcmp(other->opts.group, d->opts.group))
                        twin = other;
        }
        return NULL;
}

/* Where each message goes to one of a group, two handlers would get some of the messages each. */
static int refuse_twin(const struct subscription *s)
{
        const struct declaration *twin = s->source.can & CAN_SETTLE ? twin_of(s) : NULL;
        if (!twin)
                return 0;
        return aeon_fail(-EEXIST, "%s (%s) and %s (%s) would share its messages: give them groups, or one of them more concurrency",
                         twin->handler->name, twin->handler->site, s->declaration->handler->name, s->declaration->handler->site);
}

/* Errors: -ENOTSUP the declaration wants what the source cannot do. */
static int refuse_incapable(const struct subscription *s)
{
        const struct declaration *d = s->declaration;
        const char *wanted = NULL;
        if (!(s->source.can & CAN_GROUP) && has_other_group(s))
                wanted = "second group";
        if (!(s->source.can & CAN_RETRY) && (d->opts.ack == AEON_ACK_NACK_ON_ERROR || d->opts.ack == AEON_ACK_MANUAL))
                wanted = "retries";
        if (wanted)
                return aeon_fail(-ENOTSUP, "this kind of %s subscription has no %s", s->connection->link.driver->name, wanted);
        return 0;
}

static void subscription_free(struct subscription *s)
{
        while (list_pop(&s->taken)) /* a consumer's messages: still somebody's, and each takes itself out of its list */
                ;
        aeon_sender_close(s->wake);
        aeon_receiver_close(s->woken);
        aeon_event_free(s->pump_ended);
        aeon_event_free(s->lease_ended);
        free(s);
}

static int begin_to_fetch(struct subscription *s)
{
        const struct broker_driver *driver = s->connection->link.driver;
        int r = driver->subscribe(&s->source);
        if (r < 0)
                return r;
        r = refuse_incapable(s);
        if (r >= 0)
                r = refuse_twin(s);
        if (r >= 0 && s->source.lease)
                r = aeon__leases_keep(s);
        if (r < 0) {
                driver->drain(&s->source);
                driver->unsubscribe(&s->source);
        }
        return r;
}

int aeon__subscription_open(struct connection *c, struct declaration *d, struct subscription **ret_subscription)
{
        const struct broker_driver *driver = c->link.driver;
        struct subscription *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for the subscription \"%s\"", d->destination);
        s->source = (struct source){
                .link = &c->link,
                .destination = d->destination,
                .options = d->options,
                .group = d->opts.group,
                .window = d->opts.window,
                .timeout = d->opts.timeout,
                .dead_letter = d->opts.dead_letter,
                .can = driver->can,
        };
        s->connection = c;
        s->declaration = d;
        aeon__broker_meter_find(&s->meter, c->broker->name, d->destination, d->handler->name);
        list_init(&s->waiting);
        list_init(&s->taken);

        /* Handlers must not run dry while credit is gathered. */
        unsigned spare = d->opts.window - d->opts.concurrency;
        s->refill = spare < d->opts.window / 2 ? spare : d->opts.window / 2;

        int r = aeon_channel_open(1, 1, &s->wake, &s->woken);
        if (r >= 0)
                r = begin_to_fetch(s);
        if (r < 0) {
                subscription_free(s);
                return aeon_fail(r, "subscription \"%s\"", d->destination);
        }
        list_append(&c->subscriptions, &s->node);
        driver->credit(&s->source, d->opts.window);
        *ret_subscription = s;
        return 0;
}

/* ------------------------------------------------------------------ messages come and go */

void aeon__subscription_wake(struct subscription *s)
{
        if (s->wake)
                aeon_try_send(s->wake, ""); /* full: it is awake already */
}

void aeon__deliver(struct source *source, struct aeon_message *m)
{
        struct subscription *s = container_of(source, struct subscription, source);
        m->source = source;
        COUNT(s->connection, received);
        aeon__cell_add(s->meter.received, 1);
        list_append(&s->waiting, &m->node);
        aeon__subscription_wake(s);
}

void aeon__recall(struct source *source, bool (*which)(struct aeon_message *m))
{
        struct subscription *s = container_of(source, struct subscription, source);
        struct aeon_message *m, *following;
        list_foreach_safe (m, following, &s->waiting, node) {
                if (!which(m))
                        continue;
                list_remove(&m->node);
                free(m);
                COUNT_BY(s->connection, received, -1);
                aeon__subscription_settled(s);
        }
}

void aeon__subscription_settled(struct subscription *s)
{
        if (s->draining || ++s->owed < s->refill)
                return;
        s->connection->link.driver->credit(&s->source, s->owed);
        s->owed = 0;
}

/* ------------------------------------------------------------------ the pump */

/* Any one of the messages that may kill the service. What waits beside one that does is lost with it and counted, too; chosen by chance half of
 * them are handled before it each time, so that it is soon alone. */
static struct aeon_message *any_suspect(struct subscription *s)
{
        struct aeon_message *m, *chosen = NULL;
        int64_t seen = 0;
        list_foreach (m, &s->waiting, node)
                if (aeon__is_suspect(m) && random_up_to(seen++) == 0)
                        chosen = m;
        return chosen;
}

/* The next one in order, unless it must be alone and is not. */
static struct aeon_message *next_to_begin(struct subscription *s)
{
        if (s->draining || (s->alone && s->running) || s->running >= s->declaration->opts.concurrency || list_empty(&s->waiting))
                return NULL;
        struct aeon_message *m = list_first(&s->waiting, struct aeon_message, node);
        if (!aeon__is_suspect(m))
                return m;
        return s->running ? NULL : any_suspect(s);
}

/* Start handlers while there are messages and free places. */
static void begin(struct subscription *s)
{
        struct aeon_message *m;
        while ((m = next_to_begin(s))) {
                const aeon_handler *handler = s->declaration->handler;
                int r = aeon_lifespan_handle_at(s->connection->life, handler->name, aeon__dispatch, m, handler->site);
                if (r < 0) {
                        aeon_log_warning("message %s of \"%s\" cannot be handled now: %s", m->envelope.id, m->envelope.destination,
                                         aeon_error_describe(r));
                        return;
                }
                list_remove(&m->node);
                list_append(&s->taken, &m->node);
                s->alone = aeon__is_suspect(m);
                s->running++;
                s->unsettled++;
        }
}

static int pump(void *arg)
{
        struct subscription *s = arg;
        int r;
        char signal;
        do {
                begin(s);
                r = aeon_receive(s->woken, &signal);
        } while (r >= 0);
        aeon_event_set(s->pump_ended);
        return r == AEON_EOF ? 0 : r;
}

int aeon__subscription_pump(struct subscription *s)
{
        int r = aeon_event_new(&s->pump_ended);
        if (r < 0)
                return r;
        r = aeon_spawn(aeon_lifespan_group(s->connection->life), "subscription", pump, s);
        if (r < 0) {
                aeon_event_free(s->pump_ended);
                s->pump_ended = NULL;
        }
        return r;
}

/* ------------------------------------------------------------------ the end */

static int release(void *arg)
{
        struct aeon_message *m = arg;
        aeon__settle(m, VERDICT_RELEASE, 0, NULL);
        free(m);
        return 0;
}

/* Give back all that waits, together: brokers confirm many at the price of one. */
static void release_waiting(struct subscription *s)
{
        aeon_group *g;
        bool together = aeon_group_open(&g) >= 0;
        struct list *node;
        while ((node = list_pop(&s->waiting))) {
                struct aeon_message *m = container_of(node, struct aeon_message, node);
                if (!together || aeon_spawn(g, "release", release, m) < 0)
                        release(m);
        }
        if (together)
                aeon_group_close(g);
}

void aeon__subscription_quiesce(struct subscription *s)
{
        if (s->draining)
                return;
        s->draining = true;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "drain subscription" });
        s->connection->link.driver->drain(&s->source);
        release_waiting(s);
        aeon_scope_close(&shield, 0);
        aeon_sender_close(s->wake);
        s->wake = NULL;
}

void aeon__subscription_close(struct subscription *s)
{
        aeon__subscription_quiesce(s);
        if (s->pump_ended)
                aeon_event_wait(s->pump_ended);
        list_remove(&s->node);
        aeon__leases_end(s);
        s->connection->link.driver->unsubscribe(&s->source);
        subscription_free(s);
}
