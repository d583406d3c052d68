/* Channels, patterns, and the answers to our requests: what SUBSCRIBE brings.
 *
 * DESIGN
 *   One connection of the link listens to all of it. It does nothing else: RESP2 allows nothing else. After a reconnect it subscribes
 *   again; what was published meanwhile is lost, as Redis has it: at most once.
 *
 *   All loops of a process declare the same subscriptions, but a message is handled once: only the first loop listens. Two subscriptions
 *   of one loop to one channel are two, and each hears everything.
 *
 *   A handler that is too slow makes messages wait here, `buffer` at most. What comes then is dropped, and the log says so: the server
 *   would close our connection for being slow, and all would be lost.
 */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listening {
        struct list node;
        char *name;
        bool pattern, confirmed;
        struct redis_source *source; /* NULL: answers */
        struct list waiting;         /* confirmations of those who wait for it to be confirmed */
};

struct listener {
        struct client client;
        struct redis_link *link;
        struct list all;
};

/* ------------------------------------------------------------------ hearing */

static void confirm(struct listener *n, const char *name, bool pattern)
{
        struct listening *g;
        list_foreach (g, &n->all, node) {
                if (g->pattern != pattern || strcmp(g->name, name) != 0)
                        continue;
                g->confirmed = true;
                aeon__confirmations_come(&g->waiting, 0, NULL);
        }
}

/* The server does not let us listen to something; it does not say to what. */
static void hear_error(struct listener *n, const struct reply *reply)
{
        struct listening *g;
        list_foreach (g, &n->all, node) {
                if (g->confirmed)
                        continue;
                aeon__confirmations_come(&g->waiting, aeon__client_error(reply), reply->text);
                if (g->source)
                        aeon__redis_refused(g->source, reply->text);
        }
}

static void hear_answer(struct listener *n, const struct listening *g, const struct reply *value)
{
        struct aeon_message *m = aeon__redis_message(n->link, g->name, value, "", 1);
        if (m)
                aeon__deliver_reply(n->link->link, m);
}

static void hear_message(struct redis_source *s, const char *channel, const struct reply *value)
{
        if (!s->credit && s->spare_count >= (size_t)s->options.buffer) {
                if (!s->dropped++)
                        aeon_log_warning("redis: channel \"%s\": its handlers are too slow, messages are dropped",
                                         s->source->destination);
                return;
        }
        if (s->dropped)
                aeon_log_warning("redis: channel \"%s\": %llu messages were dropped", s->source->destination, s->dropped);
        s->dropped = 0;
        struct aeon_message *m = aeon__redis_message(s->link, channel, value, "", 1);
        if (m)
                aeon__redis_deliver(s, m, NULL);
}

static void heard(struct client *c, const struct reply *reply)
{
        struct listener *n = c->self;
        const struct reply *what = reply_item(reply, 0), *name = reply_item(reply, 1), *value;
        if (reply->type == REDIS_REPLY_ERROR)
                hear_error(n, reply);
        if (!reply_is_text(what) || !reply_is_text(name))
                return;
        bool pattern = what->text[0] == 'p';
        const char *word = what->text + pattern;
        if (!strcmp(word, "subscribe"))
                confirm(n, name->text, pattern);
        if (strcmp(word, "message") != 0)
                return;
        const struct reply *channel = pattern ? reply_item(reply, 2) : name;
        value = reply_item(reply, 2 + pattern);
        struct listening *g, *following;
        list_foreach_safe (g, following, &n->all, node) {
                if (g->pattern != pattern || strcmp(g->name, name->text) != 0 || !reply_is_text(value) || !reply_is_text(channel))
                        continue;
                if (g->source)
                        hear_message(g->source, channel->text, value);
                else
                        hear_answer(n, g, value);
        }
}

/* ------------------------------------------------------------------ subscribing */

static int ask_for(struct listener *n, const char *command, const struct listening *g)
{
        char text[16];
        snprintf(text, sizeof text, "%s%s", g->pattern ? "P" : "", command);
        aeon__client_begin(&n->client, text);
        aeon__client_text(&n->client, g->name);
        return aeon__client_send(&n->client, NULL, NULL);
}

static int await_confirmed(struct listening *g)
{
        if (g->confirmed)
                return 0;
        struct confirmation c;
        aeon__confirmation_init(&c, "subscription");
        list_append(&g->waiting, &c.node);
        return aeon__confirmation_wait(&c);
}

static int resume(struct client *c)
{
        struct listener *n = c->self;
        struct listening *g;
        int r = 0;
        list_foreach (g, &n->all, node) {
                g->confirmed = false;
                if (r >= 0)
                        r = ask_for(n, "SUBSCRIBE", g);
        }
        list_foreach (g, &n->all, node) {
                if (r >= 0)
                        r = await_confirmed(g);
                if (r >= 0 && g->source)
                        g->source->broken = false;
        }
        return r;
}

static void lost(struct client *c)
{
        struct listener *n = c->self;
        struct listening *g;
        list_foreach (g, &n->all, node) {
                g->confirmed = false;
                aeon__confirmations_come(&g->waiting, -ENOTCONN, "the connection is lost");
        }
}

/* The link's listener, which begins with what it is to hear. */
static int open_listener(struct redis_link *l, struct listening *g)
{
        struct listener *n = calloc(1, sizeof *n);
        if (!n)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        n->client = (struct client){
                .wire.link = l->link, .wire.url = l->url, .self = n, .resume = resume, .lost = lost, .heard = heard
        };
        aeon__wire_options(&n->client.wire);
        n->link = l;
        list_init(&n->all);
        list_append(&n->all, &g->node);
        l->listener = n;
        int r = aeon__client_open(&n->client, &l->login, l->heartbeat);
        if (r < 0) {
                list_remove(&g->node);
                l->listener = NULL;
                free(n);
        }
        return r;
}

static int join_listener(struct listener *n, struct listening *g)
{
        list_append(&n->all, &g->node);
        if (!n->client.wire.up)
                return 0; /* resume() asks for all there are */
        int r = ask_for(n, "SUBSCRIBE", g);
        return r < 0 ? r : await_confirmed(g);
}

static void stop_listening(struct redis_link *l, struct listening *g)
{
        struct listener *n = l->listener;
        struct listening *other;
        bool shared = false;
        list_remove(&g->node);
        if (n) {
                list_foreach (other, &n->all, node)
                        shared |= other->pattern == g->pattern && !strcmp(other->name, g->name);
                if (!shared && n->client.wire.up)
                        (void)ask_for(n, "UNSUBSCRIBE", g);
        }
        aeon__confirmations_come(&g->waiting, -ENOTCONN, "nobody listens any more");
        free(g->name);
        free(g);
}

static int listen_to(struct redis_link *l, const char *name, bool pattern, struct redis_source *s, struct listening **ret_listening)
{
        struct listening *g = calloc(1, sizeof *g);
        char *copy = strdup(name);
        if (!g || !copy) {
                free(g);
                free(copy);
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        }
        *g = (struct listening){ .name = copy, .pattern = pattern, .source = s };
        list_init(&g->node);
        list_init(&g->waiting);
        int r = aeon_mutex_lock(l->listening); /* nobody joins one that may fail to open */
        if (r >= 0) {
                r = l->listener ? join_listener(l->listener, g) : open_listener(l, g);
                aeon_mutex_unlock(l->listening);
        }
        if (r < 0)
                stop_listening(l, g);
        else
                *ret_listening = g;
        return r;
}

void aeon__listener_close(struct redis_link *l)
{
        struct listener *n = l->listener;
        if (!n)
                return;
        aeon__client_close(&n->client);
        l->listener = NULL;
        while (!list_empty(&n->all))
                stop_listening(l, list_first(&n->all, struct listening, node));
        free(n);
}

/* ------------------------------------------------------------------ answers */

int aeon__redis_reply_open(struct link *link, char *address, size_t size)
{
        struct redis_link *l = link->self;
        struct listening *g;
        char name[48];
        int r = aeon__wire_ready(&l->commands.wire); /* a request that cannot be sent needs no address */
        if (r < 0)
                return r;
        snprintf(name, sizeof name, "aeon:answers:%s", l->nonce);
        r = listen_to(l, name, false, NULL, &g);
        if (r < 0)
                return r;
        r = aeon__wire_ready(&l->listener->client.wire);
        if (r < 0) {
                stop_listening(l, g);
                return r;
        }
        snprintf(address, size, "%s", name);
        return 0;
}

/* ------------------------------------------------------------------ channels and patterns as sources */

/* Of the loops that have an n-th subscription to this channel, is ours the first? */
static int is_first(struct redis_source *s, bool *ret_first)
{
        struct shared *shared = s->link->link->shared;
        char key[400];
        snprintf(key, sizeof key, "of link %p: %d %s", (void *)s->link, s->kind, s->source->destination);
        int r = aeon__number_take(shared, key, &s->numbers[0]);
        snprintf(key, sizeof key, "of all: %u %d %s", s->numbers[0].value, s->kind, s->source->destination);
        if (r >= 0)
                r = aeon__number_take(shared, key, &s->numbers[1]);
        *ret_first = s->numbers[1].value == 0;
        return r;
}

static int channel_open(struct redis_source *s)
{
        bool first;
        int r = is_first(s, &first);
        if (r < 0 || !first)
                return r;
        return listen_to(s->link, s->source->destination, s->kind == KIND_PATTERN, s, &s->listening);
}

static void channel_fetch(struct redis_source *s)
{
        (void)s; /* it comes by itself */
}

static void channel_drain(struct redis_source *s)
{
        if (s->listening)
                stop_listening(s->link, s->listening);
        s->listening = NULL;
}

/* There is nothing to settle: fetched is gone. */
static int channel_settle(struct redis_source *s, struct aeon_message *m, const struct settlement *v)
{
        (void)s, (void)m, (void)v;
        return 0;
}

static void channel_extend(struct redis_source *s, struct aeon_message *const *messages, size_t count)
{
        (void)s, (void)messages, (void)count;
}

static void channel_close(struct redis_source *s)
{
        channel_drain(s);
}

const struct kind_ops aeon__kind_channel = {
        .can = CAN_REPLY,
        .open = channel_open,
        .fetch = channel_fetch,
        .drain = channel_drain,
        .settle = channel_settle,
        .extend = channel_extend,
        .close = channel_close,
};
