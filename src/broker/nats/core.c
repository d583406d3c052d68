/* Subscriptions of core NATS: what comes is ours, at most once, and nothing can be asked for or given back.
 *
 * DESIGN
 *   The server sends as fast as it gets messages. Those that come without credit wait in a backlog. When it is long, reading pauses as
 *   long as handlers make progress, so a flood waits in the socket and at the server. It does not pause for handlers that stand still: they
 *   may wait for an answer that comes by this very connection. What would then make the backlog longer than BACKLOG_MOST is lost, as it
 *   would be for anybody else who cannot follow, and that is said once per flood.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKLOG_LONG = 1024, BACKLOG_MOST = 65536 };

void aeon__nats_core_flow(struct nats_source *s)
{
        while (s->credit && !list_empty(&s->backlog)) {
                struct aeon_message *m = container_of(list_pop(&s->backlog), struct aeon_message, node);
                s->backlog_count--;
                s->nats->backlog--;
                s->credit--;
                aeon__deliver(s->source, m);
        }
        if (!s->backlog_count && s->dropped) {
                aeon_log_warning("nats: \"%s\": %" PRIu64 " messages were lost, because they came faster than they are handled",
                                 s->source->destination, s->dropped);
                s->dropped = 0;
        }
}

void aeon__nats_core_arrive(struct nats_source *s, struct arrival *a, struct content *c)
{
        if (!s->credit && s->backlog_count >= BACKLOG_MOST) {
                s->dropped++;
                return;
        }
        if (*a->reply)
                c->envelope.reply_to = a->reply;
        struct aeon_message *m = aeon__message_new(&c->envelope);
        if (!m) {
                s->dropped++;
                return;
        }
        m->token = -1;
        if (s->credit) {
                s->credit--;
                aeon__deliver(s->source, m);
                return;
        }
        list_append(&s->backlog, &m->node);
        s->backlog_count++;
        s->nats->backlog++;
}

/* Wait while the backlog is long and becomes shorter. Once it did not, there is no more waiting until it does. */
int aeon__nats_brake(struct wire *w)
{
        enum { TURNS = 16, PAUSES = 20 };
        struct nats *l = w->self;
        int r = 0;
        if (l->backlog <= BACKLOG_LONG || l->stuck_at == l->handled)
                return 0;
        for (unsigned idle = 0; r >= 0 && l->backlog > BACKLOG_LONG && idle < TURNS + PAUSES;) {
                uint64_t before = l->handled;
                r = idle < TURNS ? aeon_checkpoint() : aeon_sleep(AEON_MILLISECONDS(1));
                idle = l->handled == before ? idle + 1 : 0;
        }
        l->stuck_at = l->backlog > BACKLOG_LONG ? l->handled : UINT64_MAX;
        return r;
}
