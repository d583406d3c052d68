/* Subscriptions.
 *
 * DESIGN
 *   A subscription has a channel of its own. Its qos is the window: the server sends no more than that unsettled, so the core's credit
 *   needs no message.
 *
 *   The KEEPER, a task, sees to it that there is a consumer: when the connection is back, when the server has ended the consumer
 *   because its queue was deleted, when it has closed the channel. Each time all is declared anew. What cannot be mended is told by the log and by
 *   the health check, and tried again.
 *
 *   Messages that were delivered on a channel which is gone are STALE: the server has taken them back, but handlers may still be at
 *   work on them, and they count. So the new consumer begins with a window that is smaller by them, and when the last is settled
 *   it is renewed with the whole one.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>

enum { QOS_MOST = 65535 };

#define PAUSE_LEAST AEON_MILLISECONDS(100)
#define PAUSE_MOST AEON_SECONDS(30)
#define PAUSE_AWAY AEON_MILLISECONDS(10)
#define CANCEL_LIMIT AEON_SECONDS(5)

/* ------------------------------------------------------------------ messages */

static void hand_over(struct rabbit_consumer *c, struct aeon_message *m)
{
        if (c->draining || !c->credit) {
                list_append(&c->held, &m->node);
                return;
        }
        c->credit--;
        aeon__deliver(c->source, m);
}

static struct aeon_message *message_of(struct rabbit_consumer *c, const struct rabbit_content *content)
{
        struct properties own = { .headers = &c->headers };
        if (aeon__amqp_read_properties(content->properties, content->properties_size, &own) < 0)
                aeon_log_warning("a message of \"%s\" comes without its headers: %s", c->source->destination, aeon_error_text());
        struct aeon_message *m = aeon__message_new(&(struct envelope){
                .destination = c->source->destination,
                .id = own.message_id,
                .content_type = own.content_type,
                .reply_to = own.reply_to,
                .correlation_id = own.correlation_id,
                .headers = own.headers->data,
                .headers_size = own.headers->length,
                .body = content->body,
                .size = content->size,
                .priority = own.priority,
        });
        if (m) {
                m->attempt = own.attempt;
                m->losses = own.losses;
        }
        return m;
}

static void content(struct rabbit_channel *ch, const struct rabbit_content *content)
{
        struct rabbit_consumer *c = ch->self;
        struct aeon_message *m = message_of(c, content);
        struct delivery *d = m ? malloc(sizeof *d) : NULL;
        if (!d) {
                free(m);
                aeon_log_error("no memory for a message of \"%s\"; it goes back", c->source->destination);
                aeon__rabbit_give_back(ch, content->tag);
                return;
        }
        d->tag = content->tag;
        list_append(&c->outstanding, &d->node);
        m->token = (intptr_t)d;
        hand_over(c, m);
}

void aeon__rabbit_credit(struct source *source, unsigned more)
{
        struct rabbit_consumer *c = source->self;
        c->credit += more;
        while (c->credit && !c->draining && !list_empty(&c->held))
                hand_over(c, container_of(list_pop(&c->held), struct aeon_message, node));
}

static void drop_held(struct rabbit_consumer *c)
{
        struct list *node;
        while ((node = list_pop(&c->held))) {
                struct aeon_message *m = container_of(node, struct aeon_message, node);
                struct delivery *d = (struct delivery *)(intptr_t)m->token;
                if (d->tag)
                        aeon__rabbit_give_back(&c->channel, d->tag);
                list_remove(&d->node);
                free(d);
                free(m);
        }
}

/* ------------------------------------------------------------------ what the server ends */

static void changed(struct rabbit_consumer *c)
{
        c->consuming = false;
        aeon__confirmation_come(&c->change, 0, NULL);
}

static void cancelled(struct rabbit_channel *ch)
{
        struct rabbit_consumer *c = ch->self;
        if (!c->draining)
                aeon_log_warning("the server has ended the consumer of \"%s\": its queue is gone; trying again", c->topology.queue);
        changed(c);
}

static void closed(struct rabbit_channel *ch, int code, const char *words)
{
        struct rabbit_consumer *c = ch->self;
        struct delivery *d;
        if (code != -ENOTCONN)
                aeon_log_warning("the server has closed the channel of \"%s\": %s", c->topology.queue, words);
        list_foreach (d, &c->outstanding, node)
                d->tag = 0;
        aeon__rabbit_settling_lost(c);
        drop_held(c);
        struct list *node;
        while ((node = list_pop(&c->outstanding))) {
                list_append(&c->stale, node);
                c->stale_count++;
        }
        changed(c);
}

void aeon__rabbit_delivery_free(struct rabbit_consumer *c, struct delivery *d)
{
        list_remove(&d->node);
        if (!d->tag && --c->stale_count == 0 && c->reduced)
                aeon__confirmation_come(&c->change, 0, NULL);
        free(d);
}

/* ------------------------------------------------------------------ consuming */

static int consume(struct rabbit_consumer *c)
{
        unsigned window = c->source->window;
        unsigned prefetch = c->stale_count < window ? window - c->stale_count : 1;
        c->reduced = c->stale_count > 0;
        amqp_basic_qos_t qos = { .prefetch_count = (uint16_t)(prefetch < QOS_MOST ? prefetch : QOS_MOST) };
        int r = aeon__rabbit_call(&c->channel, AMQP_BASIC_QOS_METHOD, &qos);
        if (r < 0)
                return r;
        snprintf(c->tag, sizeof c->tag, "%.200s-%u", c->source->link->name, ++c->owner->last_consumer);
        amqp_basic_consume_t consume = { .queue = amqp_text(c->topology.queue), .consumer_tag = amqp_text(c->tag) };
        c->consuming = true; /* also when we are cancelled before the reply */
        r = aeon__rabbit_call(&c->channel, AMQP_BASIC_CONSUME_METHOD, &consume);
        c->consuming = (r >= 0 || r == -ECANCELED) && c->channel.open;
        return r;
}

static int stop_consuming(struct rabbit_consumer *c)
{
        amqp_basic_cancel_t cancel = { .consumer_tag = amqp_text(c->tag) };
        int r = aeon__rabbit_call(&c->channel, AMQP_BASIC_CANCEL_METHOD, &cancel);
        c->consuming = false;
        return r;
}

static int establish(struct rabbit_consumer *c)
{
        int r = aeon__wire_ready(&c->owner->consuming.wire);
        if (r >= 0)
                r = aeon__topology_declare_for_consumer(&c->topology, &c->owner->declarations);
        if (r >= 0)
                r = aeon__rabbit_channel_open(&c->channel);
        return r < 0 ? r : consume(c);
}

static int mend(struct rabbit_consumer *c)
{
        int r = c->consuming ? stop_consuming(c) : 0;
        return r < 0 ? r : establish(c);
}

/* ------------------------------------------------------------------ the keeper */

static void note_trouble(struct rabbit_consumer *c, int code)
{
        bool new = !*c->trouble;
        snprintf(c->trouble, sizeof c->trouble, "%s", aeon_error_describe(code));
        if (new)
                aeon_log_error("nothing is consumed from \"%s\" at present: %s", c->topology.queue, c->trouble);
}

static void note_success(struct rabbit_consumer *c)
{
        if (*c->trouble)
                aeon_log_info("\"%s\" is consumed again", c->topology.queue);
        c->trouble[0] = '\0';
}

static int keeper(void *arg)
{
        struct rabbit_consumer *c = arg;
        aeon_duration pause = PAUSE_LEAST;
        int r = 0;
        aeon_scope_enter(&c->life);
        while (r != -ECANCELED) {
                aeon__confirmation_init(&c->change, "an end of the consumer");
                if (c->consuming && (c->stale_count || !c->reduced)) {
                        r = aeon__confirmation_wait(&c->change);
                        continue;
                }
                r = mend(c);
                if (r >= 0) {
                        note_success(c);
                        pause = PAUSE_LEAST;
                } else if (r != -ECANCELED && !c->owner->consuming.wire.up) {
                        r = aeon_sleep(PAUSE_AWAY);
                } else if (r != -ECANCELED) {
                        note_trouble(c, r);
                        r = aeon_sleep(pause);
                        pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
                }
        }
        aeon_scope_close(&c->life, 0);
        aeon_event_set(c->ended);
        return 0;
}

static int start_keeper(struct rabbit_consumer *c)
{
        aeon_scope_init(&c->life, &(aeon_scope_opts){ .name = "consumer", .shield = true });
        int r = aeon_event_new(&c->ended);
        if (r < 0)
                return r;
        r = aeon_spawn(c->source->link->group, "consumer", keeper, c);
        if (r < 0) {
                aeon_event_free(c->ended);
                c->ended = NULL;
        }
        return r;
}

static void end_keeper(struct rabbit_consumer *c)
{
        if (!c->ended)
                return;
        aeon_scope_cancel(&c->life, "the subscription ends");
        aeon_event_wait(c->ended);
        aeon_event_free(c->ended);
        c->ended = NULL;
}

/* ------------------------------------------------------------------ the driver's functions */

static void consumer_free(struct rabbit_consumer *c)
{
        struct list *const lists[] = { &c->outstanding, &c->stale };
        struct list *node;
        for (int i = 0; i < 2; i++)
                while ((node = list_pop(lists[i])))
                        free(container_of(node, struct delivery, node));
        list_remove(&c->node);
        aeon__rabbit_channel_done(&c->channel);
        aeon__topology_done(&c->topology);
        aeon__text_done(&c->headers);
        free(c);
}

static int consumer_new(struct source *source, struct rabbit_consumer **ret_consumer)
{
        struct rabbit_link *l = source->link->self;
        struct rabbit_consumer *c = calloc(1, sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        c->source = source;
        c->owner = l;
        list_init(&c->held);
        list_init(&c->outstanding);
        list_init(&c->stale);
        list_init(&c->settling);
        list_append(&l->consumers, &c->node);
        aeon__confirmation_init(&c->change, "");
        int r = aeon__rabbit_channel_init(&c->channel, &l->consuming);
        if (r >= 0)
                r = aeon__topology_read(source->destination, source->options, source->group, &c->topology);
        if (r < 0) {
                consumer_free(c);
                return r;
        }
        c->channel.self = c;
        c->channel.content = content;
        c->channel.cancelled = cancelled;
        c->channel.closed = closed;
        *ret_consumer = c;
        return 0;
}

int aeon__rabbit_subscribe(struct source *source)
{
        struct rabbit_consumer *c;
        int r = consumer_new(source, &c);
        if (r < 0)
                return r;
        if (!*c->topology.exchange)
                source->can &= ~(unsigned)CAN_GROUP;
        bool later = source->link->patient && !c->owner->consuming.wire.up;
        r = later ? 0 : establish(c);
        if (r == -ENOTCONN && source->link->patient)
                r = 0;
        if (r >= 0)
                r = start_keeper(c);
        if (r < 0) {
                drop_held(c);
                aeon__rabbit_channel_close(&c->channel);
                consumer_free(c);
                return r;
        }
        source->self = c;
        return 0;
}

void aeon__rabbit_drain(struct source *source)
{
        struct rabbit_consumer *c = source->self;
        c->draining = true;
        end_keeper(c);
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = CANCEL_LIMIT, .name = "cancel consumer" });
        if (c->consuming)
                (void)stop_consuming(c);
        aeon_scope_close(&limit, 0);
        drop_held(c);
}

void aeon__rabbit_unsubscribe(struct source *source)
{
        struct rabbit_consumer *c = source->self;
        drop_held(c);
        aeon__rabbit_channel_close(&c->channel);
        drop_held(c);
        consumer_free(c);
}

int aeon__rabbit_lag(struct source *source, uint64_t *ret_lag)
{
        struct rabbit_consumer *c = source->self;
        return aeon__topology_count(&c->topology, &c->owner->declarations, ret_lag);
}
