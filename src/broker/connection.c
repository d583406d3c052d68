/* One loop's connection: opening, quieting and closing it, and finding it again. */
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <stdlib.h>

/* Take part in what the broker's links share, making it first when @c is the first. */
static int join(struct connection *c)
{
        aeon_broker *b = c->broker;
        int r = 0;
        pthread_mutex_lock(&b->lock);
        if (b->sharers == 0 && b->driver->share)
                r = b->driver->share(b->url, b->rest, &b->shared);
        if (r >= 0) {
                b->sharers++;
                c->link.shared = b->shared;
        }
        pthread_mutex_unlock(&b->lock);
        return r;
}

static void enter(struct connection *c)
{
        pthread_mutex_lock(&c->broker->lock);
        list_append(&c->broker->connections, &c->node);
        pthread_mutex_unlock(&c->broker->lock);
}

static void leave(struct connection *c)
{
        aeon_broker *b = c->broker;
        pthread_mutex_lock(&b->lock);
        list_remove(&c->node);
        aeon__counters_add(&b->closed, &c->counters);
        if (--b->sharers == 0 && b->driver->unshare)
                b->driver->unshare(b->shared);
        pthread_mutex_unlock(&b->lock);
}

static void connection_free(struct connection *c)
{
        aeon_mutex_free(c->reply_lock);
        aeon_event_free(c->lag_ended);
        aeon_loop_release(c->link.loop);
        free(c);
}

static struct connection *connection_new(aeon_broker *b, aeon_lifespan *life, aeon_group *group)
{
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->link = (struct link){
                .driver = b->driver,
                .url = b->url,
                .rest = b->rest,
                .name = b->app ? aeon_app_name(b->app) : "aeon",
                .meter = b->name,
                .patient = life != NULL,
                .loop = aeon_loop_hold(aeon_loop_current()),
                .group = group,
                .max_body = b->max_body,
        };
        c->broker = b;
        c->life = life;
        list_init(&c->node);
        list_init(&c->subscriptions);
        for (unsigned i = 0; i < WAITER_BUCKETS; i++)
                list_init(&c->waiters[i]);
        for (unsigned i = 0; i < ROUTE_BUCKETS; i++)
                list_init(&c->routes[i]);
        return c;
}

int aeon__connection_open(aeon_broker *b, aeon_lifespan *life, aeon_group *group, struct connection **ret_connection)
{
        if (!b->url)
                return aeon_fail(-EINVAL,
                                 "the broker has no URL: give one to aeon_use_broker(), or call aeon_broker_set_url() in a "
                                 "start-up hook");
        struct connection *c = connection_new(b, life, group);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        int r = join(c);
        if (r < 0) {
                connection_free(c);
                return r;
        }
        char shown[256];
        r = b->driver->open(&c->link);
        if (r < 0) {
                r = aeon_fail(r, "broker %s", aeon__url_shown(b->url, shown, sizeof shown));
                aeon__link_answers(&c->link, false);
                leave(c);
                connection_free(c);
                return r;
        }
        enter(c);
        *ret_connection = c;
        return 0;
}

void aeon__connection_quiesce(struct connection *c)
{
        struct subscription *s;
        aeon__lags_end(c);
        list_foreach (s, &c->subscriptions, node)
                aeon__subscription_quiesce(s);
}

static unsigned count_unsettled(const struct connection *c)
{
        unsigned unsettled = 0;
        struct subscription *s;
        list_foreach (s, &c->subscriptions, node)
                unsettled += s->unsettled;
        return unsettled;
}

/* A handler that ignored its cancellation still uses the connection. Most likely the app ends the process before the handler ends, and
 * so does the broker then learn that its messages come back; if not, the last such handler closes it. */
static bool still_used(struct connection *c)
{
        unsigned unsettled = count_unsettled(c);
        if (unsettled)
                aeon_log_warning("a broker connection stays open for %u handlers that do not end", unsettled);
        c->close_late = unsettled;
        return unsettled;
}

void aeon__connection_unused(struct connection *c)
{
        if (c->close_late && !count_unsettled(c))
                aeon__connection_close(c);
}

void aeon__connection_close(struct connection *c)
{
        aeon__connection_quiesce(c);
        if (still_used(c))
                return;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close broker" });
        while (!list_empty(&c->subscriptions))
                aeon__subscription_close(list_first(&c->subscriptions, struct subscription, node));
        aeon__routes_free(c);
        c->link.driver->close(&c->link);
        aeon__link_answers(&c->link, false);
        leave(c);
        connection_free(c);
        aeon_scope_close(&shield, 0);
}

int aeon__connection_now(aeon_broker *b, struct connection **ret_connection)
{
        if (!b)
                return aeon_fail(-EINVAL, "there is no broker: the app has not called aeon_use_broker()");
        aeon_loop *loop = aeon_loop_current();
        struct connection *c, *found = NULL;
        pthread_mutex_lock(&b->lock);
        list_foreach (c, &b->connections, node)
                if (c->link.loop == loop)
                        found = c;
        pthread_mutex_unlock(&b->lock);
        if (!found) {
                char shown[256];
                return aeon_fail(-ENOTCONN, "broker %s is not connected on this loop (it is from after_startup to on_shutdown)",
                                 aeon__url_shown(b->url ? b->url : "(no URL)", shown, sizeof shown));
        }
        *ret_connection = found;
        return 0;
}
