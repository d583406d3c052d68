/* Lags: how many messages wait at the broker for each subscription, for metrics and the dashboard.
 *
 * DESIGN
 *   One task for each connection asks the driver for one subscription after the other, every INTERVAL. The gauge belongs to the process,
 *   as all of them do: where a group's messages are one heap, the first of the loops' connections tells of it, alone; where they are
 *   parted (Kafka), each tells of its own part, and the gauge is their sum.
 *
 *   A broker that is away cannot be asked: the lag stays as it was last told, and aeon_broker_connections says why.
 */
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <aeon/sync.h>

#define INTERVAL AEON_SECONDS(2)

static void tell(struct subscription *s, uint64_t lag)
{
        const struct declaration *d = s->declaration;
        aeon__broker_count_lag(s->connection->broker->name, d->destination, d->handler->name, (double)lag - (double)s->lag);
        s->lag = lag;
}

static int ask(struct subscription *s)
{
        const struct broker_driver *driver = s->connection->link.driver;
        uint64_t lag = 0;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = INTERVAL, .name = "lag of a subscription" });
        int r = aeon_scope_close(&limit, driver->lag(&s->source, &lag));
        if (r >= 0)
                tell(s, lag);
        else if (r != -ECANCELED && r != -ENOTSUP)
                aeon_log_debug("the lag of \"%s\" is not known: %s", s->source.destination, aeon_error_describe(r));
        return r;
}

static bool is_first(const struct connection *c)
{
        pthread_mutex_lock(&c->broker->lock);
        bool first = c == list_first(&c->broker->connections, struct connection, node);
        pthread_mutex_unlock(&c->broker->lock);
        return first;
}

static int watch(void *arg)
{
        struct connection *c = arg;
        struct subscription *s;
        int r = aeon_scope_enter(&c->lag_life);
        while (r != -ECANCELED) {
                if (c->link.driver->lags_apart || is_first(c))
                        list_foreach (s, &c->subscriptions, node)
                                if (s->pump_ended && r != -ECANCELED) /* a consumer may go while it is asked about */
                                        r = ask(s);
                if (r != -ECANCELED)
                        r = aeon_sleep(INTERVAL);
        }
        aeon_scope_close(&c->lag_life, 0);
        aeon_event_set(c->lag_ended);
        return 0;
}

int aeon__lags_watch(struct connection *c)
{
        if (!c->link.driver->lag || list_empty(&c->subscriptions))
                return 0;
        aeon_event *ended;
        int r = aeon_event_new(&ended);
        if (r < 0)
                return r;
        aeon_scope_init(&c->lag_life, &(aeon_scope_opts){ .name = "lags" });
        r = aeon_spawn(c->link.group, "lags", watch, c);
        if (r < 0)
                aeon_event_free(ended);
        else
                c->lag_ended = ended;
        return r;
}

void aeon__lags_end(struct connection *c)
{
        if (!c->lag_ended)
                return;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "end of lags" });
        aeon_scope_cancel(&c->lag_life, "the connection drains");
        aeon_event_wait(c->lag_ended);
        aeon_scope_close(&shield, 0);
        struct subscription *s;
        list_foreach (s, &c->subscriptions, node)
                if (s->lag)
                        tell(s, 0);
        aeon_event_free(c->lag_ended);
        c->lag_ended = NULL;
}
