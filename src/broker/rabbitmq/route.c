/* Where messages go: the destinations that were published to.
 *
 * DESIGN
 *   The options of a destination are read once and kept, since most are published to again and again. What they say is declared before the
 *   first message; again after the connection was lost; and when a message was returned, since its queue has been deleted.
 *
 *   There is a limit to how many are kept. Above it a new one takes the place of those in its bucket that are not in use.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <stdlib.h>

enum { ROUTES_MOST = 1024 };

/* A destination that was published to. */
struct route {
        struct list node;
        struct topology topology;
        bool declared;  /* on this connection */
        unsigned users; /* publishes under way */
        char name[];    /* destination NUL options NUL */
};

static void route_free(struct rabbit_publisher *p, struct route *route)
{
        list_remove(&route->node);
        p->routes_count--;
        aeon__topology_done(&route->topology);
        free(route);
}

/* Those of @bucket that nobody is publishing to. */
static void forget_idle(struct rabbit_publisher *p, struct list *bucket)
{
        struct route *route, *following;
        list_foreach_safe (route, following, bucket, node)
                if (!route->users)
                        route_free(p, route);
}

static int route_new(struct rabbit_publisher *p, const struct envelope *e, struct list *bucket, struct route **ret_route)
{
        size_t name = strlen(e->destination) + 1, options = strlen(e->options) + 1;
        struct route *route = calloc(1, sizeof *route + name + options);
        if (!route)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        memcpy(route->name, e->destination, name);
        memcpy(route->name + name, e->options, options);
        int r = aeon__topology_read(route->name, route->name + name, "", &route->topology);
        if (r < 0) {
                free(route);
                return r;
        }
        if (p->routes_count >= ROUTES_MOST)
                forget_idle(p, bucket);
        list_append(bucket, &route->node);
        p->routes_count++;
        *ret_route = route;
        return 0;
}

static int find_route(struct rabbit_publisher *p, const struct envelope *e, struct route **ret_route)
{
        struct list *bucket = &p->routes[rabbit_bucket(e->destination)];
        struct route *route;
        list_foreach (route, bucket, node)
                if (!strcmp(route->name, e->destination) && !strcmp(route->name + strlen(route->name) + 1, e->options)) {
                        *ret_route = route;
                        return 0;
                }
        return route_new(p, e, bucket, ret_route);
}

void aeon__rabbit_routes_undeclared(struct rabbit_publisher *p)
{
        for (unsigned i = 0; i < ROUTE_BUCKETS; i++) {
                struct route *route;
                list_foreach (route, &p->routes[i], node)
                        route->declared = false;
        }
        aeon__rabbit_delays_forget(p);
}

void aeon__rabbit_routes_forget(struct rabbit_publisher *p)
{
        for (unsigned i = 0; i < ROUTE_BUCKETS; i++)
                forget_idle(p, &p->routes[i]);
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

static int declare_route(struct rabbit_link *l, struct route *route)
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

static int publish_to(struct rabbit_link *l, struct route *route, const struct envelope *e)
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
        struct route *route;
        int r = aeon_checkpoint();
        if (r < 0)
                return r;
        if (e->answer)
                return publish_answer(l, e);
        r = find_route(&l->publisher, e, &route);
        if (r < 0)
                return r;
        route->users++;
        bool known = route->declared;
        r = publish_to(l, route, e);
        if (r == -ENOENT && known) { /* its queue was deleted after we had seen it */
                route->declared = false;
                r = publish_to(l, route, e);
        }
        route->users--;
        return r;
}
