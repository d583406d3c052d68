/* The redis driver: links, and the table of its functions. How it works stands in link.h.
 *
 *      redis://user:password@host:6379/0?name=shop&heartbeat=15s&envelope=binary          rediss:// with TLS
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the URL */

static int read_url(struct redis_link *l)
{
        int r = aeon__broker_url_read(l->link->url, REDIS_PORT, &l->url);
        if (r < 0)
                return r;
        struct options *o = l->url->options;
        l->commands.wire.url = l->url;
        aeon__wire_options(&l->commands.wire);
        const char *name = aeon__option_text(o, "name", l->link->name);
        l->timeout = aeon__option_duration(o, "connect_timeout", AEON_SECONDS(5));
        l->heartbeat = aeon__option_duration(o, "heartbeat", AEON_SECONDS(15));
        l->format = (enum format)aeon__option_choice(o, "envelope", (const char *const[]){ "binary", "json", NULL }, FORMAT_BINARY);
        r = aeon__options_end(o, "broker URL");
        return r < 0 ? r : aeon__login_read(l->url, name, &l->login);
}

/* ------------------------------------------------------------------ links */

static void link_free(struct redis_link *l)
{
        aeon_mutex_free(l->listening);
        aeon__text_done(&l->payload);
        aeon__parts_done(&l->parts);
        aeon__broker_url_free(l->url);
        free(l);
}

/* What no other link of any process has, for the names of consumers and the like. */
static void write_nonce(struct redis_link *l)
{
        uint64_t random;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
                random = (uint64_t)aeon_now() ^ (uint64_t)getpid() << 40;
        snprintf(l->nonce, sizeof l->nonce, "%016" PRIx64, random);
}

static int redis_open(struct link *link)
{
        struct redis_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->link = link;
        link->self = l;
        list_init(&l->sources);
        list_init(&l->acking);
        list_init(&l->acked);
        write_nonce(l);
        l->commands.wire.link = link;
        l->commands.self = l;
        l->commands.gather = aeon__acks_gather;
        l->commands.lost = aeon__acks_lost;
        int r = aeon_mutex_new(&l->listening);
        if (r >= 0)
                r = read_url(l);
        if (r >= 0)
                r = aeon__client_open(&l->commands, &l->login, l->heartbeat);
        if (r < 0) {
                link_free(l);
                return r;
        }
        r = aeon__later_start(l);
        if (r < 0) {
                aeon__client_close(&l->commands);
                aeon__later_end(l);
                link_free(l);
        }
        return r;
}

static void redis_close(struct link *link)
{
        struct redis_link *l = link->self;
        aeon__later_end(l);
        aeon__listener_close(l);
        aeon__client_close(&l->commands);
        link_free(l);
}

static int redis_ping(struct link *link)
{
        struct redis_link *l = link->self;
        struct redis_source *s;
        list_foreach (s, &l->sources, node)
                if (s->broken)
                        return aeon_fail(-EIO, "nothing can be read from \"%s\": %s", s->source->destination, s->words);
        int r = aeon__wire_ready(&l->commands.wire);
        if (r < 0)
                return r;
        aeon__client_begin(&l->commands, "PING");
        return aeon__client_ask(&l->commands, "ping", NULL, NULL);
}

AEON_API extern const struct broker_driver aeon__driver_redis;

const struct broker_driver aeon__driver_redis = {
        .name = "redis",
        .can = CAN_SETTLE | CAN_RETRY | CAN_REJECT | CAN_GROUP | CAN_DELAY | CAN_REPLY,
        .share = aeon__shared_new,
        .unshare = aeon__shared_free,
        .open = redis_open,
        .close = redis_close,
        .subscribe = aeon__redis_subscribe,
        .credit = aeon__redis_credit,
        .drain = aeon__redis_drain,
        .unsubscribe = aeon__redis_unsubscribe,
        .settle = aeon__redis_settle,
        .extend = aeon__redis_extend,
        .route = aeon__redis_route,
        .unroute = aeon__redis_unroute,
        .publish = aeon__redis_publish,
        .reply_open = aeon__redis_reply_open,
        .ping = redis_ping,
        .lag = aeon__redis_lag,
};
