/* The rabbitmq driver: AMQP 0-9-1 over our own stream; see rabbit.h.
 *
 * DESIGN
 *   amqp://user:password@host:5672/vhost, amqps:// with TLS. librabbitmq is a codec here and nothing else: its own input and output
 *   would block the loop. What all of it promises stands in docs/brokers/rabbitmq.md.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>

enum { PORT = 5672, PORT_TLS = 5671, HEARTBEAT_MOST = 65535 };

#define PERIOD_LEAST AEON_SECONDS(1)

/* ------------------------------------------------------------------ the pulse */

/* The server may want a shorter one than we; it says so when it is connected. */
static aeon_duration period_of(const struct rabbit_link *l)
{
        aeon_duration a = l->publishing.wire.heartbeat, b = l->consuming.wire.heartbeat;
        return !a || !b ? PERIOD_LEAST : a < b ? a : b;
}

static int pulse(void *arg)
{
        struct rabbit_link *l = arg;
        int r;
        aeon_scope_enter(&l->life);
        do {
                r = aeon_sleep(period_of(l) / 2);
                aeon__rabbit_pulse(&l->publishing);
                aeon__rabbit_pulse(&l->consuming);
        } while (r >= 0);
        aeon_scope_close(&l->life, 0);
        aeon_event_set(l->ended);
        return 0;
}

static int start_pulse(struct rabbit_link *l)
{
        aeon_scope_init(&l->life, &(aeon_scope_opts){ .name = "heartbeat", .shield = true });
        if (!l->heartbeat)
                return 0;
        int r = aeon_event_new(&l->ended);
        if (r < 0)
                return r;
        r = aeon_spawn(l->link->group, "heartbeat", pulse, l);
        if (r < 0) {
                aeon_event_free(l->ended);
                l->ended = NULL;
        }
        return r;
}

static void end_pulse(struct rabbit_link *l)
{
        if (!l->ended)
                return;
        aeon_scope_cancel(&l->life, "the connection is closed");
        aeon_event_wait(l->ended);
        aeon_event_free(l->ended);
}

/* ------------------------------------------------------------------ opening and closing */

static int read_url(struct rabbit_link *l)
{
        const char *url = l->link->url;
        int r = aeon__broker_url_read(url, strncmp(url, "amqps:", 6) == 0 ? PORT_TLS : PORT, &l->url);
        if (r < 0)
                return r;
        /* amqp://host is the virtual host "/", amqp://host/ the one with the empty name. Source: rabbitmq.com/uri-spec.html */
        const char *authority = strstr(url, "://") + 3;
        l->vhost = authority[strcspn(authority, "/?")] == '/' ? l->url->path : "/";
        if (strlen(l->vhost) > NAME_MOST)
                return aeon_fail(-EINVAL, "the name of a virtual host has 255 bytes at most");
        l->heartbeat = aeon__option_duration(l->url->options, "heartbeat", AEON_SECONDS(30));
        if (l->heartbeat && (l->heartbeat < AEON_SECONDS(1) || l->heartbeat > AEON_SECONDS(HEARTBEAT_MOST)))
                return aeon_fail(-EINVAL, "option heartbeat: it is 1 s to 65535 s, or 0 for none");
        l->publishing.wire.url = l->consuming.wire.url = l->url;
        aeon__wire_options(&l->publishing.wire);
        aeon__wire_options(&l->consuming.wire);
        return aeon__options_end(l->url->options, "the URL");
}

static void link_free(struct rabbit_link *l)
{
        aeon__rabbit_channel_done(&l->declarations);
        aeon__rabbit_publisher_close(l);
        aeon__broker_url_free(l->url);
        free(l);
}

static int open_connections(struct rabbit_link *l)
{
        int r = aeon__rabbit_connection_open(&l->publishing, l, "publisher");
        if (r < 0)
                return r;
        r = aeon__rabbit_connection_open(&l->consuming, l, "consumer");
        if (r >= 0) {
                r = start_pulse(l);
                if (r < 0)
                        aeon__rabbit_connection_close(&l->consuming);
        }
        if (r < 0)
                aeon__rabbit_connection_close(&l->publishing);
        return r;
}

static int rabbit_open(struct link *link)
{
        struct rabbit_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->link = link;
        list_init(&l->consumers);
        int r = aeon__rabbit_publisher_open(l);
        if (r >= 0)
                r = aeon__rabbit_channel_init(&l->declarations, &l->consuming);
        if (r >= 0)
                r = read_url(l);
        if (r >= 0)
                r = open_connections(l);
        if (r < 0) {
                link_free(l);
                return r;
        }
        link->self = l;
        return 0;
}

static void rabbit_close(struct link *link)
{
        struct rabbit_link *l = link->self;
        end_pulse(l);
        aeon__rabbit_connection_close(&l->consuming);
        aeon__rabbit_connection_close(&l->publishing);
        link_free(l);
}

/* ------------------------------------------------------------------ health */

static int check_consumers(const struct rabbit_link *l)
{
        struct rabbit_consumer *c;
        if (!l->consuming.wire.up)
                return aeon_fail(-ENOTCONN, "rabbitmq is not connected for consuming: %s", l->consuming.wire.words);
        list_foreach (c, &l->consumers, node)
                if (*c->trouble)
                        return aeon_fail(-EIO, "nothing is consumed from \"%s\": %s", c->topology.queue, c->trouble);
        return 0;
}

/* The smallest thing that the server answers. */
static int rabbit_ping(struct link *link)
{
        struct rabbit_link *l = link->self;
        struct rabbit_channel *ch = &l->publisher.declarations;
        int r = check_consumers(l);
        if (r < 0)
                return r;
        if (*l->publishing.blocked)
                return aeon_fail(-EBUSY, "the server takes no messages at present: %s", l->publishing.blocked);
        r = aeon__rabbit_lock(ch);
        if (r < 0)
                return r;
        r = aeon__rabbit_channel_open(ch);
        if (r >= 0)
                r = aeon__rabbit_call(ch, AMQP_BASIC_QOS_METHOD, &(amqp_basic_qos_t){ 0 });
        aeon__rabbit_unlock(ch);
        return r;
}

AEON_API extern const struct broker_driver aeon__driver_rabbitmq;

const struct broker_driver aeon__driver_rabbitmq = {
        .name = "rabbitmq",
        .can = CAN_SETTLE | CAN_RETRY | CAN_GROUP | CAN_DELAY | CAN_PRIORITY | CAN_REPLY,
        .open = rabbit_open,
        .close = rabbit_close,
        .subscribe = aeon__rabbit_subscribe,
        .credit = aeon__rabbit_credit,
        .drain = aeon__rabbit_drain,
        .unsubscribe = aeon__rabbit_unsubscribe,
        .settle = aeon__rabbit_settle,
        .route = aeon__rabbit_route,
        .unroute = aeon__rabbit_unroute,
        .publish = aeon__rabbit_publish,
        .reply_open = aeon__rabbit_reply_open,
        .ping = rabbit_ping,
        .lag = aeon__rabbit_lag,
};
