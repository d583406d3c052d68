/* The NATS driver.
 *
 *      nats://[user:password@|token@]host:4222[,host2][?options]          nats+tls:// with TLS
 *      subject[?stream=ORDERS&...]   on JetStream: kept by a stream, given to each group's durable consumer, acknowledged
 *      subject?mode=core             core NATS: to whoever listens now, at most once
 *
 * DESIGN
 *      hello.c      the hello: INFO, TLS, CONNECT            protocol.c   the protocol itself
 *      ask.c        who waits for which answer               content.c    headers
 *      stream.c     finding and creating streams             consumer.c   durable consumers
 *      source.c     JetStream's subscriptions: pulls         core.c       those of core NATS
 *      verdict.c    acknowledgements, in batches             attempts.c   counting failures
 *      publish.c    publishing                               subject.c    subjects and names
 *      options.c    what stands behind a "?"                 nkey.c       users that are keys
 *
 *   It is one connection per loop, and everything happens in tasks on that loop. What is sent in one turn of the loop leaves in one
 *   system call, and its last part asks for the server's word on all of it (gather()). The TICKER looks around every now and then: a
 *   subscription that could not be set up is tried again, and what was not answered in ANSWER_TIME fails.
 */
#include "broker/nats/nats.h"

#include "base/random.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STANDARD_PORT = 4222, GROUP_SIZE = 32 };

static const aeon_duration tick = AEON_MILLISECONDS(2500), answer_time = AEON_SECONDS(10);

/* ------------------------------------------------------------------ what all loops share: the name of the process */

static int nats_share(const char *url, const char *rest, void **ret_shared)
{
        (void)url, (void)rest;
        char *group = malloc(GROUP_SIZE);
        if (!group)
                return aeon_fail(-ENOMEM, "no memory for a broker");
        snprintf(group, GROUP_SIZE, "aeon-%016" PRIx64, (uint64_t)random_up_to(INT64_MAX));
        *ret_shared = group;
        return 0;
}

static void nats_unshare(void *shared)
{
        free(shared);
}

/* ------------------------------------------------------------------ the wire's protocol */

static struct nats_source *unready(struct nats *l, uint64_t behind)
{
        struct nats_source *s;
        list_foreach (s, &l->sources, node)
                if (s->id > behind && !s->ready && !s->starting && !s->draining)
                        return s;
        return NULL;
}

/* Set up what is not. One that cannot be is logged, and tried again later. */
static void start_sources(struct nats *l)
{
        uint64_t last = 0;
        struct nats_source *s;
        while (l->wire.now && (s = unready(l, last))) {
                char destination[NATS_NAME_SIZE];
                last = s->id;
                snprintf(destination, sizeof destination, "%s", s->source->destination);
                int r = aeon__nats_source_start(s); /* it may be gone behind this */
                if (r < 0 && l->wire.now)
                        aeon_log_warning("nats: subscription \"%s\" cannot begin yet: %s", destination, aeon_error_describe(r));
        }
}

static int resume(struct wire *w)
{
        struct nats *l = w->self;
        l->last_sid = 1;
        int r = aeon__nats_say(l, "SUB %s* 1\r\n", l->prefix);
        if (r >= 0)
                start_sources(l);
        return w->now ? r : -ENOTCONN;
}

static void gather(struct wire *w)
{
        struct nats *l = w->self;
        struct nats_source *s;
        list_foreach (s, &l->sources, node) {
                if (!s->dirty)
                        continue;
                s->dirty = false;
                aeon__nats_verdicts_flush(s);
                aeon__nats_pull(s);
        }
        aeon__nats_ping(l);
}

static void lost(struct wire *w, int code, const char *words)
{
        struct nats *l = w->self;
        struct nats_source *s;
        (void)code;
        list_foreach (s, &l->sources, node)
                aeon__nats_source_lost(s);
        aeon__nats_asked_lost(l, words);
        l->recent = NULL;
}

static void probe(struct wire *w)
{
        aeon__nats_probe(w->self);
}

static const struct wire_protocol protocol = {
        .name = "nats",
        .tls_later = true,
        .greet = aeon__nats_greet,
        .resume = resume,
        .take = aeon__nats_take,
        .brake = aeon__nats_brake,
        .gather = gather,
        .lost = lost,
        .probe = probe,
};

/* ------------------------------------------------------------------ the ticker */

static struct nats_source *ready_behind(struct nats *l, uint64_t behind)
{
        struct nats_source *s;
        list_foreach (s, &l->sources, node)
                if (s->id > behind && s->ready && !s->draining && s->options.mode == NATS_JETSTREAM)
                        return s;
        return NULL;
}

/* The server is about to end, and there is another to go to: take the pulls back, let what is under way be answered, and go. What is still
 * under way after a few looks around (the server gives ten seconds) is cut off, as the server would. */
static void leave(struct nats *l)
{
        enum { PATIENCE = 3 };
        struct nats_source *s;
        uint64_t last = 0;
        while (l->wire.up && (s = ready_behind(l, last))) {
                last = s->id;
                aeon__nats_source_pause(s);
        }
        if (l->wire.up && (!aeon__nats_awaits_something(l) || ++l->looks_before_leaving > PATIENCE))
                aeon__wire_break(&l->wire, -ECONNABORTED, "the server is about to end (lame duck mode)");
}

static void look_around(struct nats *l)
{
        aeon_time now = aeon_now();
        struct nats_source *s;
        aeon__nats_asked_overdue(l, now - answer_time);
        list_foreach (s, &l->sources, node) {
                aeon__nats_verdicts_overdue(s, now - answer_time);
                if (s->ready && s->options.mode == NATS_JETSTREAM)
                        aeon__nats_pulls_look(s, now);
        }
        if (!l->leaving || l->wire.hosts_count < 2)
                start_sources(l);
        else
                leave(l);
}

static int ticker(void *arg)
{
        struct nats *l = arg;
        int r;
        aeon_scope_enter(&l->ticker_life);
        do {
                r = aeon_sleep(tick);
                if (r >= 0 && l->wire.up)
                        look_around(l);
        } while (r >= 0);
        aeon_scope_close(&l->ticker_life, 0);
        aeon_event_set(l->ticker_ended);
        return 0;
}

static int start_ticker(struct nats *l)
{
        aeon_scope_init(&l->ticker_life, &(aeon_scope_opts){ .name = "nats ticker", .shield = true });
        int r = aeon_event_new(&l->ticker_ended);
        return r < 0 ? r : aeon_spawn(l->link->group, "nats ticker", ticker, l);
}

/* ------------------------------------------------------------------ opening and closing */

static void nats_free(struct nats *l)
{
        aeon__nats_topics_free(l);
        aeon_event_free(l->ticker_ended);
        aeon__broker_url_free(l->url);
        aeon__text_done(&l->packed);
        aeon__text_done(&l->block);
        explicit_bzero(l->seed, sizeof l->seed);
        free(l);
}

static int read_url(struct nats *l)
{
        static const char *const modes[] = { "jetstream", "core", NULL };
        int r = aeon__broker_url_read(l->link->url, STANDARD_PORT, &l->url);
        if (r < 0)
                return r;
        struct options *o = l->url->options;
        l->wire.url = l->url;
        l->wire.secure = !strcmp(l->url->scheme, "nats+tls");
        l->wire.heartbeat = aeon__option_duration(o, "heartbeat", AEON_SECONDS(15));
        l->token = aeon__option_text(o, "token", NULL);
        l->name = aeon__option_text(o, "name", l->link->name);
        const char *nkey = aeon__option_text(o, "nkey", NULL);
        l->mode = (enum nats_mode)aeon__option_choice(o, "mode", modes, NATS_JETSTREAM);
        l->create = aeon__option_flag(o, "create", true);
        aeon__wire_options(&l->wire);
        r = aeon__options_end(o, "URL");
        if (r >= 0 && *l->url->path)
                r = aeon_fail(-EINVAL, "a NATS URL has no path (\"/%s\")", l->url->path);
        return r >= 0 && nkey ? aeon__nats_nkey_read(l, nkey) : r;
}

static int nats_open(struct link *link)
{
        struct nats *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->link = link;
        l->wire.protocol = &protocol;
        l->wire.self = l;
        l->wire.link = link;
        l->stuck_at = UINT64_MAX;
        l->prefix_length =
                (size_t)snprintf(l->prefix, sizeof l->prefix, "_INBOX.%016" PRIx64 ".", (uint64_t)random_up_to(INT64_MAX));
        list_init(&l->sources);
        list_init(&l->flushes);
        for (size_t i = 0; i < NATS_BUCKETS; i++)
                list_init(&l->waiting[i]);
        link->self = l;
        int r = read_url(l);
        if (r >= 0)
                r = aeon__wire_open(&l->wire);
        if (r < 0) {
                nats_free(l);
                return r;
        }
        r = start_ticker(l);
        if (r < 0) {
                aeon__wire_close(&l->wire);
                nats_free(l);
        }
        return r;
}

static void nats_close(struct link *link)
{
        struct nats *l = link->self;
        aeon_scope_cancel(&l->ticker_life, "the connection is closed");
        aeon_event_wait(l->ticker_ended);
        aeon__wire_close(&l->wire);
        nats_free(l);
}

static int nats_ping(struct link *link)
{
        struct nats *l = link->self;
        if (!l->wire.up)
                return aeon_fail(-ENOTCONN, "nats is not connected: %s", l->wire.words);
        return aeon__nats_flushed(l, "");
}

static int nats_reply_open(struct link *link, char *address, size_t size)
{
        struct nats *l = link->self;
        snprintf(address, size, "%sr", l->prefix);
        return 0;
}

const struct broker_driver aeon__driver_nats = {
        .name = "nats",
        .can = CAN_SETTLE | CAN_RETRY | CAN_GROUP | CAN_REPLY,
        .share = nats_share,
        .unshare = nats_unshare,
        .open = nats_open,
        .close = nats_close,
        .subscribe = aeon__nats_subscribe,
        .credit = aeon__nats_credit,
        .drain = aeon__nats_drain,
        .unsubscribe = aeon__nats_unsubscribe,
        .settle = aeon__nats_settle,
        .extend = aeon__nats_extend,
        .route = aeon__nats_route,
        .unroute = aeon__nats_unroute,
        .publish = aeon__nats_publish,
        .reply_open = nats_reply_open,
        .ping = nats_ping,
        .lag = aeon__nats_lag,
};
