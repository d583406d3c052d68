/* The sqlite driver: the loops' side. What happens behind it is the story of writer.h (the thread), store.h (the file) and owners.h
 * (who is alive); docs/decisions/sqlite-owners.md says why. */
#include "broker/sqlite/writer.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sqlite_link {
        struct writer *writer;
        struct tap answers; /* its address; in the writer's taps once there is one */
        char address[64];
        int number; /* of this link among those of the owner */
};

static int sqlite_share(const char *url, const char *rest, void **ret_shared)
{
        if (!*rest || *rest == ':')
                return aeon_fail(-EINVAL, "broker URL \"%s\" names no file (like sqlite:./q.db)", url);
        struct writer *w;
        int r = aeon__writer_start(rest, &w);
        if (r >= 0)
                *ret_shared = w;
        return r;
}

static void sqlite_unshare(void *shared)
{
        aeon__writer_stop(shared);
}

static int sqlite_open(struct link *link)
{
        struct sqlite_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->writer = link->shared;
        l->answers = (struct tap){ .destination = l->address, .link = link };
        list_init(&l->answers.node);
        int r = aeon__writer_do(l->writer, link, &(struct operation){ .kind = OPERATION_OPEN });
        if (r < 0) {
                free(l);
                return r;
        }
        l->number = r;
        link->self = l;
        return 0;
}

static void sqlite_close(struct link *link)
{
        struct sqlite_link *l = link->self;
        (void)aeon__writer_do(l->writer, link, &(struct operation){ .kind = OPERATION_CLOSE, .tap = &l->answers });
        free(l);
}

static int sqlite_ping(struct link *link)
{
        struct sqlite_link *l = link->self;
        return aeon__writer_do(l->writer, link, &(struct operation){ .kind = OPERATION_PING });
}

/* ------------------------------------------------------------------ sources */

static int sqlite_subscribe(struct source *source)
{
        struct sqlite_link *l = source->link->self;
        struct tap *t = calloc(1, sizeof *t);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        *t = (struct tap){ .destination = source->destination, .source = source, .link = source->link };
        list_init(&t->node);
        source->self = t;
        int r = aeon__writer_do(l->writer, source->link, &(struct operation){ .kind = OPERATION_SUBSCRIBE, .tap = t });
        if (r < 0)
                free(t);
        return r;
}

static void sqlite_credit(struct source *source, unsigned more)
{
        struct sqlite_link *l = source->link->self;
        struct tap *t = source->self;
        atomic_fetch_add(&t->credit, more);
        aeon__writer_poke(l->writer);
}

static void sqlite_drain(struct source *source)
{
        struct sqlite_link *l = source->link->self;
        (void)aeon__writer_do(l->writer, source->link, &(struct operation){ .kind = OPERATION_DRAIN, .tap = source->self });
}

static void sqlite_unsubscribe(struct source *source)
{
        free(source->self);
}

static int sqlite_lag(struct source *source, uint64_t *ret_lag)
{
        struct sqlite_link *l = source->link->self;
        struct tap *t = source->self;
        int r = aeon__writer_do(l->writer, source->link, &(struct operation){ .kind = OPERATION_COUNT, .tap = t });
        if (r >= 0)
                *ret_lag = t->waiting;
        return r;
}

static int sqlite_settle(struct aeon_message *m, const struct settlement *verdict)
{
        struct sqlite_link *l = m->source->link->self;
        struct operation op = { .kind = OPERATION_SETTLE, .token = m->token, .settlement = verdict };
        return aeon__writer_do(l->writer, m->source->link, &op);
}

/* ------------------------------------------------------------------ publishing and answers */

static int sqlite_publish(struct link *link, const struct envelope *e)
{
        struct sqlite_link *l = link->self;
        return aeon__writer_do(l->writer, link, &(struct operation){ .kind = OPERATION_PUBLISH, .envelope = e });
}

static int sqlite_reply_open(struct link *link, char *address, size_t size)
{
        struct sqlite_link *l = link->self;
        snprintf(l->address, sizeof l->address, "_reply.%" PRId64 ".%d", aeon__writer_owner(l->writer), l->number);
        snprintf(address, size, "%s", l->address);
        return aeon__writer_do(l->writer, link, &(struct operation){ .kind = OPERATION_SUBSCRIBE, .tap = &l->answers });
}

const struct broker_driver aeon__driver_sqlite = {
        .name = "sqlite",
        .can = CAN_SETTLE | CAN_RETRY | CAN_REJECT | CAN_GROUP | CAN_DELAY | CAN_PRIORITY | CAN_REPLY,
        .share = sqlite_share,
        .unshare = sqlite_unshare,
        .open = sqlite_open,
        .close = sqlite_close,
        .subscribe = sqlite_subscribe,
        .credit = sqlite_credit,
        .drain = sqlite_drain,
        .unsubscribe = sqlite_unsubscribe,
        .settle = sqlite_settle,
        .publish = sqlite_publish,
        .reply_open = sqlite_reply_open,
        .ping = sqlite_ping,
        .lag = sqlite_lag,
};
