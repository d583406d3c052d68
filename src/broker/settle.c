/* Settling: giving a verdict to the broker, and making dead letters. */
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Its dead letter could not be published: it comes again, but not as fast as it can. */
static void keep(struct aeon_message *m)
{
        struct subscription *s = subscription_of(m);
        struct settlement later = { .verdict = s->source.can & CAN_RETRY ? VERDICT_RETRY : VERDICT_RELEASE,
                                    .delay = s->declaration->opts.backoff_max };
        (void)s->connection->link.driver->settle(m, &later);
}

/* Publish the dead letter and forget the message: at once if the driver can, else the safe way round. */
static int reject(struct aeon_message *m, const char *reason)
{
        struct subscription *s = subscription_of(m);
        const struct broker_driver *driver = s->connection->link.driver;
        struct envelope dead = m->envelope;
        dead.destination = s->declaration->opts.dead_letter;
        dead.options = "";
        dead.reply_to = ""; /* the requester has had its answer */
        dead.delay = 0;
        char *headers = aeon__headers_of_dead(m, reason, &dead.headers_size);
        if (!headers)
                return aeon_fail(-ENOMEM, "no memory for a dead letter");
        dead.headers = headers;

        int r;
        if (s->source.can & CAN_REJECT) {
                r = driver->settle(m, &(struct settlement){ .verdict = VERDICT_REJECT, .dead = &dead });
        } else {
                r = aeon__publish(s->connection, &dead);
                if (r >= 0)
                        r = driver->settle(m, &(struct settlement){ .verdict = VERDICT_ACK });
                else
                        keep(m);
        }
        free(headers);
        return r;
}

static void count(struct subscription *s, enum verdict verdict)
{
        if (verdict == VERDICT_REJECT) {
                COUNT(s->connection, dead_letters);
                aeon__cell_add(s->meter.dead_letters, 1);
        } else if (verdict == VERDICT_RELEASE) {
                COUNT(s->connection, released);
                aeon__cell_add(s->meter.released, 1);
        } else if (verdict == VERDICT_RETRY) {
                aeon__cell_add(s->meter.retried, 1);
        }
}

int aeon__settle(struct aeon_message *m, enum verdict verdict, aeon_duration delay, const char *reason)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "settle" });
        return aeon_scope_close(&shield, aeon__settle_shielded(m, verdict, delay, reason));
}

int aeon__settle_shielded(struct aeon_message *m, enum verdict verdict, aeon_duration delay, const char *reason)
{
        struct subscription *s = subscription_of(m);
        m->settled = true;
        int r = verdict == VERDICT_REJECT
                        ? reject(m, reason)
                        : s->connection->link.driver->settle(m, &(struct settlement){ .verdict = verdict, .delay = delay });
        if (r >= 0)
                count(s, verdict);
        else if (r == -ESTALE) /* the connection was lost meanwhile, and that was said; it may be a whole window of them */
                aeon_log_debug("message %s of \"%s\" is no longer ours and will come again", m->envelope.id,
                               m->envelope.destination);
        else
                aeon_log_warning("message %s of \"%s\" could not be settled and may come again: %s", m->envelope.id,
                                 m->envelope.destination, aeon_error_describe(r));
        aeon__subscription_settled(s);
        return r;
}
