/* Verdicts.
 *
 * DESIGN
 *      settle ACK  --+
 *      settle ACK  --+--> at the end of the loop's turn: ack 7 multiple (all up to 7 are done), ack 9
 *      settle ACK  --+
 *
 *   The first of a turn waits until all who run in it have run, then writes for all. One ack with "multiple" is worth any number as
 *   long as no lower tag is still being handled.
 *
 *   The server does not confirm acknowledgements. settle() returns when they are in the output of a channel that lives; if the
 *   connection breaks before the server has read them, the message comes again.
 *
 *   RETRY: the message is published anew, to wait for its delay, with its attempt one higher; when that is confirmed the old one is
 *   acknowledged. Between the two it may be there twice, never not at all.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>

#define PAUSE_BEFORE_RETURN AEON_SECONDS(1)

struct settling {
        struct confirmation confirmation;
        struct delivery *delivery;
};

static int stale(const struct aeon_message *m)
{
        return aeon_fail(-ESTALE, "message %s is no longer ours: its connection was lost, and the server has it again",
                         m->envelope.id);
}

static int acknowledge(struct rabbit_channel *ch, uint64_t tag, bool multiple)
{
        amqp_basic_ack_t ack = { .delivery_tag = tag, .multiple = multiple };
        return aeon__rabbit_send(ch->connection, ch->number, AMQP_BASIC_ACK_METHOD, &ack);
}

int aeon__rabbit_give_back(struct rabbit_channel *ch, uint64_t tag)
{
        if (!ch->open)
                return aeon_fail(-ENOTCONN, "the channel is closed");
        amqp_basic_nack_t nack = { .delivery_tag = tag, .requeue = true };
        return aeon__rabbit_send(ch->connection, ch->number, AMQP_BASIC_NACK_METHOD, &nack);
}

/* ------------------------------------------------------------------ acknowledgements, gathered */

/* Below it all is done. */
static uint64_t lowest_unsettled(const struct rabbit_consumer *c)
{
        return list_empty(&c->outstanding) ? UINT64_MAX : list_first(&c->outstanding, struct delivery, node)->tag;
}

static struct settling *settling_of(struct list *node)
{
        return container_of(container_of(node, struct confirmation, node), struct settling, confirmation);
}

/* Write for all that have gathered. */
static void acknowledge_all(struct rabbit_consumer *c)
{
        uint64_t lowest = lowest_unsettled(c), together = 0;
        int r = 0;
        for (struct list *at = c->settling.next; at != &c->settling && r >= 0; at = at->next) {
                uint64_t tag = settling_of(at)->delivery->tag;
                if (tag && tag < lowest)
                        together = tag > together ? tag : together;
                else if (tag)
                        r = acknowledge(&c->channel, tag, false);
        }
        if (r >= 0 && together)
                r = acknowledge(&c->channel, together, true);
        struct list *node;
        while ((node = list_pop(&c->settling))) {
                struct settling *s = settling_of(node);
                aeon__confirmation_come(&s->confirmation, s->delivery->tag ? r : -ESTALE, r < 0 ? aeon_error_text() : NULL);
        }
}

void aeon__rabbit_settling_lost(struct rabbit_consumer *c)
{
        for (struct list *at = c->settling.next; at != &c->settling; at = at->next) {
                settling_of(at)->delivery->tag = 0;
                c->stale_count++;
        }
}

static int acknowledge_with_others(struct rabbit_consumer *c, struct delivery *d)
{
        struct settling s = { .delivery = d };
        aeon__confirmation_init(&s.confirmation, "acknowledgements of this turn");
        list_remove(&d->node);
        list_append(&c->settling, &s.confirmation.node);
        if (!c->gathering) {
                c->gathering = true;
                (void)aeon_checkpoint();
                c->gathering = false;
                acknowledge_all(c);
        }
        return aeon__confirmation_wait(&s.confirmation);
}

/* ------------------------------------------------------------------ verdicts */

static int retry(struct rabbit_consumer *c, const struct aeon_message *m, aeon_duration delay)
{
        struct rabbit_message again = {
                .envelope = &m->envelope,
                .exchange = "",
                .key = c->topology.queue,
                .expiration = "",
                .id = m->envelope.id,
                .attempt = m->attempt + 1,
                .persistent = true,
                .mandatory = true,
        };
        return aeon__rabbit_publish_late(c->owner, again, delay);
}

/* It could not be published anew: back to its queue, but not as fast as it can come again. */
static void give_back_later(struct rabbit_consumer *c, const struct delivery *d)
{
        (void)aeon_sleep(PAUSE_BEFORE_RETURN);
        if (d->tag)
                (void)aeon__rabbit_give_back(&c->channel, d->tag);
}

int aeon__rabbit_settle(struct aeon_message *m, const struct settlement *s)
{
        struct rabbit_consumer *c = m->source->self;
        struct delivery *d = (struct delivery *)(intptr_t)m->token;
        int r = d->tag ? 0 : -ESTALE;
        if (r >= 0 && s->verdict == VERDICT_RETRY)
                r = retry(c, m, s->delay);
        if (r >= 0 && !d->tag)
                r = -ESTALE;
        if (r >= 0)
                r = s->verdict == VERDICT_RELEASE ? aeon__rabbit_give_back(&c->channel, d->tag) : acknowledge_with_others(c, d);
        else if (r != -ESTALE)
                give_back_later(c, d);
        aeon__rabbit_delivery_free(c, d);
        m->token = 0;
        return r == -ESTALE ? stale(m) : r;
}
