/* Leases: brokers that lend a message for some time get it back unless they hear from us.
 *
 * DESIGN
 *   One task for each subscription whose source has a lease. At half time it extends the leases of all messages at once, those that wait
 *   and those that are being handled, also while the app drains. So a slow handler keeps its message, and a service that hangs as a
 *   whole (its loop does not turn) loses it, which is what a lease is for.
 */
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <stdlib.h>

static size_t gather(struct list *from, struct aeon_message **to)
{
        size_t count = 0;
        struct aeon_message *m;
        list_foreach (m, from, node)
                to[count++] = m;
        return count;
}

static size_t count_of(const struct list *l)
{
        size_t count = 0;
        for (const struct list *at = l->next; at != l; at = at->next)
                count++;
        return count;
}

static void extend_all(struct subscription *s)
{
        size_t count = count_of(&s->waiting) + count_of(&s->taken);
        if (!count)
                return;
        struct aeon_message **all = reallocarray(NULL, count, sizeof *all);
        if (!all)
                return; /* half the lease is left: the next time may have memory */
        count = gather(&s->waiting, all);
        count += gather(&s->taken, all + count);
        s->connection->link.driver->extend(&s->source, all, count);
        free(all);
}

static int keeper(void *arg)
{
        struct subscription *s = arg;
        int r;
        aeon_scope_enter(&s->lease_life);
        do {
                r = aeon_sleep(s->source.lease / 2);
                if (r >= 0)
                        extend_all(s);
        } while (r >= 0);
        aeon_scope_close(&s->lease_life, 0);
        aeon_event_set(s->lease_ended);
        return 0;
}

int aeon__leases_keep(struct subscription *s)
{
        aeon_scope_init(&s->lease_life, &(aeon_scope_opts){ .name = "leases", .shield = true });
        int r = aeon_event_new(&s->lease_ended);
        if (r >= 0)
                r = aeon_spawn(s->connection->link.group, "leases", keeper, s);
        s->leasing = r >= 0;
        return r;
}

void aeon__leases_end(struct subscription *s)
{
        if (!s->leasing)
                return;
        aeon_scope_cancel(&s->lease_life, "the subscription ends");
        aeon_event_wait(s->lease_ended);
}
