/* What an app says about its broker before anything starts: brokers, URLs, subscriptions.
 *
 * DESIGN
 *   Declaring functions may be called without a look at their result, so a broker keeps the first error of its declarations and
 *   gives it back when the app binds its parts (step 0): the app then refuses to start, with the words of that error.
 */
#include "broker/core.h"
#include "loop/world.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_WINDOW = 64, DEFAULT_ATTEMPTS = 5, DEFAULT_DELIVERIES = 20, WINDOW_LIMIT = 100000 };

int aeon__broker_refuse(aeon_broker *b, int code)
{
        if (!b->refusal) {
                b->refusal = code;
                b->refusal_text = strdup(aeon_error_describe(code));
        }
        return code;
}

static int refuse_options(const char *destination, const aeon_handler *handler, const aeon_subscribe_opts *o)
{
        if (!destination || !*destination)
                return aeon_fail(-EINVAL, "a subscription needs a destination");
        if (!handler)
                return aeon_fail(-EINVAL, "subscription \"%s\" has no handler", destination);
        if (o->timeout < 0 || o->backoff < 0 || o->backoff_max < 0)
                return aeon_fail(-EINVAL, "subscription \"%s\" has a negative duration", destination);
        if ((unsigned)o->ack > AEON_ACK_MANUAL)
                return aeon_fail(-EINVAL, "subscription \"%s\" has an unknown ack policy (%d)", destination, (int)o->ack);
        if (o->window > WINDOW_LIMIT || o->concurrency > WINDOW_LIMIT)
                return aeon_fail(-EINVAL, "subscription \"%s\": window and concurrency may be %d at most", destination,
                                 WINDOW_LIMIT);
        if (o->window && o->window < o->concurrency)
                return aeon_fail(-EINVAL, "subscription \"%s\": a window of %u cannot feed %u handlers at a time", destination,
                                 o->window, o->concurrency);
        return 0;
}

static void complete(aeon_subscribe_opts *o)
{
        if (!o->concurrency)
                o->concurrency = 1;
        if (!o->window)
                o->window = 2 * o->concurrency > DEFAULT_WINDOW ? 2 * o->concurrency : DEFAULT_WINDOW;
        if (!o->max_attempts)
                o->max_attempts = DEFAULT_ATTEMPTS;
        if (!o->max_deliveries)
                o->max_deliveries = DEFAULT_DELIVERIES;
        if (!o->backoff)
                o->backoff = AEON_SECONDS(1);
        if (!o->backoff_max)
                o->backoff_max = AEON_MINUTES(1);
        if (!o->group)
                o->group = "";
}

int aeon__declaration_new(const char *destination, const aeon_handler *handler, const aeon_subscribe_opts *opts,
                          struct declaration **ret_declaration)
{
        aeon_subscribe_opts o = opts ? *opts : (aeon_subscribe_opts){ 0 };
        int r = refuse_options(destination, handler, &o);
        if (r < 0)
                return r;
        complete(&o);

        size_t destination_size = aeon__destination_size(destination), group_size = strlen(o.group) + 1;
        size_t dead_size = o.dead_letter ? strlen(o.dead_letter) + 1 : destination_size + strlen(".dead");
        struct declaration *d = malloc(sizeof *d + destination_size + group_size + dead_size);
        if (!d)
                return aeon_fail(-ENOMEM, "no memory for the subscription \"%s\"", destination);
        *d = (struct declaration){ .handler = handler, .opts = o };
        list_init(&d->node);
        const char *name;
        char *at = aeon__destination_split(d->destination, destination, &name, &d->options);
        d->opts.group = at;
        at = stpcpy(at, o.group) + 1;
        d->opts.dead_letter = at;
        if (o.dead_letter)
                strcpy(at, o.dead_letter);
        else
                strcpy(stpcpy(at, name), ".dead");
        *ret_declaration = d;
        return 0;
}

/* Metrics tell the subscriptions of a destination apart by their handlers' names. */
static int refuse_namesake(const aeon_broker *b, const struct declaration *d)
{
        const struct declaration *other;
        list_foreach (other, &b->declarations, node)
                if (!strcmp(other->destination, d->destination) && !strcmp(other->handler->name, d->handler->name) &&
                    strcmp(other->handler->site, d->handler->site))
                        return aeon_fail(-EEXIST, "two handlers of \"%s\" are named %s: at %s and at %s", d->destination,
                                         d->handler->name, other->handler->site, d->handler->site);
        return 0;
}

int aeon_broker_subscribe(aeon_broker *broker, const char *destination, const aeon_handler *handler,
                          const aeon_subscribe_opts *opts)
{
        if (!broker)
                return aeon_fail(-EINVAL, "there is no broker to subscribe with");
        struct declaration *d;
        int r = aeon__declaration_new(destination, handler, opts, &d);
        if (r < 0)
                return aeon__broker_refuse(broker, r);
        r = refuse_namesake(broker, d);
        if (r < 0) {
                free(d);
                return aeon__broker_refuse(broker, r);
        }
        list_append(&broker->declarations, &d->node);
        return 0;
}

int aeon_use_publisher(aeon_app *app, const char *destination, const struct aeon_record *record)
{
        aeon_broker *b = aeon_app_broker(app);
        if (!b)
                return aeon_fail(-EINVAL, "a publisher needs a broker: call aeon_use_broker() first");
        if (!destination || !*destination)
                return aeon__broker_refuse(b, aeon_fail(-EINVAL, "a publisher needs a destination"));
        struct publisher *p = malloc(sizeof *p + strlen(destination) + 1);
        if (!p)
                return aeon__broker_refuse(b, aeon_fail(-ENOMEM, "no memory for a publisher"));
        p->record = record;
        strcpy(p->destination, destination);
        p->destination[strcspn(destination, "?")] = '\0';
        list_append(&b->publishers, &p->node);
        return 0;
}

int aeon_broker_set_url(aeon_broker *broker, const char *url)
{
        if (!broker || !url)
                return aeon_fail(-EINVAL, broker ? "the broker's URL is NULL" : "there is no broker to give a URL to");
        pthread_mutex_lock(&broker->lock);
        bool connected = broker->sharers > 0;
        pthread_mutex_unlock(&broker->lock);
        if (connected)
                return aeon_fail(-EBUSY, "the broker is connected already; set its URL in a start-up hook");
        const struct broker_driver *driver;
        const char *rest;
        int r = aeon__driver_for(url, &driver, &rest);
        if (r < 0)
                return r;
        char *copy = strdup(url);
        if (!copy)
                return aeon_fail(-ENOMEM, "no memory for the broker's URL");
        free(broker->url);
        broker->url = copy;
        broker->driver = driver;
        if (!broker->app)
                snprintf(broker->name, sizeof broker->name, "%s", driver->name);
        broker->rest = copy + (rest - url);
        if (aeon__world) { /* in a test's world the whole URL is the name of queues in memory */
                broker->driver = &aeon__driver_memory;
                broker->rest = copy;
        }
        return 0;
}

void aeon_broker_set_max_body(aeon_broker *broker, size_t bytes)
{
        broker->max_body = bytes;
}
