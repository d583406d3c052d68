/* Where messages go: the destinations that were published to.
 *
 * DESIGN
 *   What the options of a destination say is declared before the first message; again after the connection was lost; and when a message was
 *   returned, since its queue has been deleted.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <stdlib.h>

/* A destination that was published to. */
struct rabbit_route {
        struct list node; /* in the publisher */
        struct topology topology;
        bool declared; /* on this connection */
};

int aeon__rabbit_route(struct link *link, const char *destination, const char *options, void **ret_route)
{
        struct rabbit_link *l = link->self;
        struct rabbit_route *route = calloc(1, sizeof *route);
        if (!route)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        int r = aeon__topology_read(destination, options, "", &route->topology);
        if (r < 0) {
                free(route);
                return r;
        }
        list_append(&l->publisher.routes, &route->node);
        *ret_route = route;
        return 0;
}

void aeon__rabbit_unroute(struct link *link, void *self)
{
        struct rabbit_route *route = self;
        (void)link;
        list_remove(&route->node);
        aeon__topology_done(&route->topology);
        free(route);
}

void aeon__rabbit_routes_undeclared(struct rabbit_publisher *p)
{
        struct rabbit_route *route;
        list_foreach (route, &p->routes, node)
                route->declared = false;
        aeon__rabbit_delays_forget(p);
}

/* ------------------------------------------------------------------ publishing to them */

/* An answer goes where the other side says, and nothing is made for it. */
static int publish_answer(struct rabbit_link *l, const struct envelope *e)
{
        struct rabbit_message m = { .envelope = e, .exchange = "", .key = e->destination, .expiration = "", .id = "" };
        if (strlen(e->destination) > NAME_MOST)
                return aeon_fail(-EINVAL, "an address has 255 bytes at most");
        return aeon__rabbit_publish_one(l, &m);
}

static int declare_route(struct rabbit_link *l, struct rabbit_route *route)
{
        struct rabbit_channel *ch = &l->publisher.declarations;
        int r = aeon__wire_ready(&l->publishing.wire);
        if (r >= 0)
                r = aeon__rabbit_lock(ch);
        if (r < 0)
                return r;
        if (!route->declared) /* by somebody before us in the row */
                r = aeon__topology_declare_for_publisher(&route->topology, ch);
        route->declared = r >= 0;
        aeon__rabbit_unlock(ch);
        return r;
}

static int publish_to(struct rabbit_link *l, struct rabbit_route *route, const struct envelope *e)
{
        const struct topology *t = &route->topology;
        struct rabbit_message m = {
                .envelope = e,
                .exchange = t->exchange,
                .key = t->key,
                .expiration = "",
                .id = "",
                .persistent = aeon__rabbit_is_question(e) ? t->persistent_question : t->persistent,
                .mandatory = t->mandatory,
        };
        int r = route->declared ? 0 : declare_route(l, route);
        if (r < 0)
                return r;
        return e->delay ? aeon__rabbit_publish_late(l, m, e->delay) : aeon__rabbit_publish_one(l, &m);
}

int aeon__rabbit_publish(struct link *link, const struct envelope *e)
{
        struct rabbit_link *l = link->self;
        struct rabbit_route *route = e->route;
        int r = aeon_checkpoint();
        if (r < 0)
                return r;
        if (!route)
                return publish_answer(l, e);
        bool known = route->declared;
        r = publish_to(l, route, e);
        if (r == -ENOENT && known) { /* its queue was deleted after we had seen it */
                route->declared = false;
                r = publish_to(l, route, e);
        }
        return r;
}
