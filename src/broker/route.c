/* Routes: the destinations that a connection publishes to.
 *
 * DESIGN
 *   Most are published to again and again. So each is taken apart once, into its name and its options, and the driver reads the options once
 *   (broker_driver.route). Routes hang in a table by their text; the one that was used last is looked at first.
 *
 *   There is a limit to how many are kept. Above it a new one takes the place of those in its bucket that nobody is publishing to.
 */
#include "broker/core.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MOST = 1024 };

static struct list *bucket(struct connection *c, const char *text)
{
        uint32_t hash = 2166136261u; /* FNV-1a */
        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * 16777619u;
        return &c->routes[hash % ROUTE_BUCKETS];
}

static void route_free(struct connection *c, struct route *route)
{
        if (c->recent == route)
                c->recent = NULL;
        list_remove(&route->node);
        c->routes_count--;
        if (c->link.driver->unroute)
                c->link.driver->unroute(&c->link, route->self);
        free(route);
}

/* Those of @bucket that nobody is publishing to. */
static void free_idle(struct connection *c, struct list *bucket)
{
        struct route *route, *following;
        list_foreach_safe (route, following, bucket, node)
                if (!route->users)
                        route_free(c, route);
}

static int route_new(struct connection *c, const char *text, struct list *in, struct route **ret_route)
{
        size_t size = strlen(text) + 1;
        struct route *route = calloc(1, sizeof *route + size + aeon__destination_size(text));
        if (!route)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        memcpy(route->text, text, size);
        aeon__destination_split(route->text + size, text, &route->name, &route->options);
        const struct broker_driver *driver = c->link.driver;
        int r = driver->route ? driver->route(&c->link, route->name, route->options, &route->self) : 0;
        if (r < 0) {
                free(route);
                return r;
        }
        if (c->routes_count >= ROUTES_MOST)
                free_idle(c, in);
        list_append(in, &route->node);
        c->routes_count++;
        *ret_route = route;
        return 0;
}

int aeon__route_take(struct connection *c, const char *destination, struct route **ret_route)
{
        struct route *route = c->recent;
        int r = 0;
        if (!route || strcmp(route->text, destination)) {
                struct list *in = bucket(c, destination);
                list_foreach (route, in, node)
                        if (!strcmp(route->text, destination))
                                break;
                if (&route->node == in)
                        r = route_new(c, destination, in, &route);
        }
        if (r < 0)
                return r;
        c->recent = route;
        route->users++;
        *ret_route = route;
        return 0;
}

void aeon__routes_free(struct connection *c)
{
        for (unsigned i = 0; i < ROUTE_BUCKETS; i++)
                free_idle(c, &c->routes[i]);
}
