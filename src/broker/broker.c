/* Brokers as parts of an app, and opened by hand.
 *
 * DESIGN
 *   A broker is an aeon_part, made of the same hooks that users get. Per loop it opens a connection with its subscriptions (step 4),
 *   quiesces it (step 9) and closes it (step 13); handlers are started with aeon_lifespan_handle(), so the app knows what is in
 *   flight and does the waiting and cancelling between. Without an app there is one connection and nobody starts handlers.
 */
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_BODY = 16 * 1024 * 1024 };

int aeon__broker_new(aeon_app *app, aeon_broker **ret_broker)
{
        aeon_broker *b = calloc(1, sizeof *b);
        if (!b)
                return aeon_fail(-ENOMEM, "no memory for a broker");
        b->app = app;
        b->max_body = DEFAULT_MAX_BODY;
        list_init(&b->declarations);
        list_init(&b->publishers);
        list_init(&b->connections);
        pthread_mutex_init(&b->lock, NULL);
        *ret_broker = b;
        return 0;
}

void aeon__broker_free(aeon_broker *b)
{
        struct list *node;
        while ((node = list_pop(&b->declarations)))
                free(container_of(node, struct declaration, node));
        while ((node = list_pop(&b->publishers)))
                free(container_of(node, struct publisher, node));
        pthread_mutex_destroy(&b->lock);
        free(b->url);
        free(b->refusal_text);
        free(b);
}

/* ------------------------------------------------------------------ as a part of an app */

static int part_bind(void *self, aeon_app *app)
{
        aeon_broker *b = self;
        (void)app;
        if (b->refusal)
                return aeon_fail_at(b->refusal, true, AEON_HERE, "%s",
                                    b->refusal_text ? b->refusal_text : aeon_strerror(b->refusal));
        return 0;
}

static struct connection *connection_of(aeon_broker *b, aeon_lifespan *life)
{
        struct connection *c, *found = NULL;
        pthread_mutex_lock(&b->lock);
        list_foreach (c, &b->connections, node)
                if (c->life == life)
                        found = c;
        pthread_mutex_unlock(&b->lock);
        return found;
}

static int part_open(void *self, aeon_lifespan *life)
{
        aeon_broker *b = self;
        struct connection *c;
        int r = aeon__connection_open(b, life, aeon_lifespan_group(life), &c);
        if (r < 0)
                return r;

        struct declaration *d;
        list_foreach (d, &b->declarations, node) {
                struct subscription *s;
                r = aeon__subscription_open(c, d, &s);
                if (r >= 0)
                        r = aeon__subscription_pump(s);
                if (r < 0) {
                        aeon__connection_close(c);
                        return r;
                }
        }
        r = aeon__lags_watch(c);
        if (r < 0) {
                aeon__connection_close(c);
                return r;
        }
        char shown[256];
        aeon_log_debug("broker %s is connected", aeon__url_shown(b->url, shown, sizeof shown));
        return 0;
}

static void part_quiesce(void *self, aeon_lifespan *life)
{
        struct connection *c = connection_of(self, life);
        if (c)
                aeon__connection_quiesce(c);
}

static void part_close(void *self, aeon_lifespan *life)
{
        struct connection *c = connection_of(self, life);
        if (c)
                aeon__connection_close(c);
}

static void part_free(void *self)
{
        aeon__broker_free(self);
}

static const aeon_part broker_part = {
        .name = "broker",
        .bind = part_bind,
        .open = part_open,
        .quiesce = part_quiesce,
        .close = part_close,
        .free = part_free,
};

static int check_health(aeon_health *h)
{
        return aeon_broker_ping(aeon_health_arg(h));
}

static int declare_broker(aeon_app *app, bool implied, aeon_broker **ret_broker)
{
        aeon_broker *b = NULL;
        int r = aeon__broker_new(app, &b);
        if (r < 0)
                return r;
        b->implied = implied;

        unsigned n = 0;
        while (aeon_app_broker_at(app, n))
                n++;
        r = aeon_use_part(app, &broker_part, b);
        if (r < 0) {
                aeon__broker_free(b);
                return r;
        }
        snprintf(b->name, sizeof b->name, n ? "broker%u" : "broker", n + 1);
        r = aeon_health_check_with(app, b->name, check_health, b, &(aeon_health_opts){ .impact = AEON_CRITICAL });
        if (r < 0)
                return aeon__broker_refuse(b, r);
        *ret_broker = b;
        return 0;
}

int aeon_use_broker(aeon_app *app, const char *url)
{
        aeon_broker *b = aeon_app_broker(app);
        if (b && b->implied) {
                b->implied = false;
        } else {
                int r = declare_broker(app, false, &b);
                if (r < 0)
                        return r;
        }
        int r = url ? aeon_broker_set_url(b, url) : 0;
        return r < 0 ? aeon__broker_refuse(b, r) : 0;
}

int aeon_subscribe(aeon_app *app, const char *destination, const aeon_handler *handler, const aeon_subscribe_opts *opts)
{
        aeon_broker *b = aeon_app_broker(app);
        if (!b) {
                int r = declare_broker(app, true, &b);
                if (r < 0)
                        return r;
        }
        return aeon_broker_subscribe(b, destination, handler, opts);
}

aeon_broker *aeon_app_broker(aeon_app *app)
{
        return aeon_app_part(app, &broker_part);
}

aeon_broker *aeon_app_broker_at(aeon_app *app, unsigned n)
{
        return aeon_app_part_at(app, &broker_part, n);
}

/* ------------------------------------------------------------------ by hand */

int aeon_broker_open(const char *url, aeon_broker **ret_broker)
{
        aeon_broker *b = NULL;
        int r = aeon__broker_new(NULL, &b);
        if (r < 0)
                return r;
        r = aeon_broker_set_url(b, url);
        if (r >= 0)
                r = aeon_group_open(&b->group);
        if (r < 0) {
                aeon__broker_free(b);
                return r;
        }
        struct connection *c;
        r = aeon__connection_open(b, NULL, b->group, &c);
        if (r < 0) {
                aeon_group_fail(b->group, r);
                aeon_group_close(b->group);
                aeon__broker_free(b);
                return r;
        }
        *ret_broker = b;
        return 0;
}

void aeon_broker_close(aeon_broker *b)
{
        if (!b)
                return;
        while (!list_empty(&b->connections))
                aeon__connection_close(list_first(&b->connections, struct connection, node));
        aeon_group_cancel(b->group, "the broker is closed");
        aeon_group_close(b->group);
        aeon__broker_free(b);
}

int aeon_broker_ping(aeon_broker *broker)
{
        struct connection *c;
        int r = aeon__connection_now(broker, &c);
        return r < 0 ? r : c->link.driver->ping(&c->link);
}

/* ------------------------------------------------------------------ counters */

#define ADD(counter) atomic_store(&to->counter, atomic_load(&to->counter) + atomic_load(&from->counter))

void aeon__counters_add(struct counters *to, const struct counters *from)
{
        ADD(published);
        ADD(received);
        ADD(processed);
        ADD(failed);
        ADD(invalid);
        ADD(dead_letters);
        ADD(released);
        ADD(late_replies);
        ADD(in_process);
}

void aeon_broker_get_stats(const aeon_broker *broker, aeon_broker_stats *ret_stats)
{
        aeon_broker *b = (aeon_broker *)broker; /* for its lock */
        struct counters sum = { 0 };
        const struct connection *c;
        pthread_mutex_lock(&b->lock);
        aeon__counters_add(&sum, &b->closed);
        list_foreach (c, &b->connections, node)
                aeon__counters_add(&sum, &c->counters);
        pthread_mutex_unlock(&b->lock);
        *ret_stats = (aeon_broker_stats){
                .published = sum.published,
                .received = sum.received,
                .processed = sum.processed,
                .failed = sum.failed,
                .invalid = sum.invalid,
                .dead_letters = sum.dead_letters,
                .released = sum.released,
                .late_replies = sum.late_replies,
                .in_process = sum.in_process,
        };
}

/* ------------------------------------------------------------------ what drivers tell */

void aeon__link_up(struct link *link, bool again)
{
        aeon__broker_count_connection(link->meter, 1);
        if (again)
                aeon__broker_count_reconnect(link->meter);
}

void aeon__link_down(struct link *link)
{
        aeon__broker_count_connection(link->meter, -1);
}

void aeon__link_answers(struct link *link, bool answers)
{
        if (link->answers == answers)
                return;
        link->answers = answers;
        if (answers)
                aeon__link_up(link, link->answered);
        else
                aeon__link_down(link);
        link->answered = true;
}
