/* The options behind a destination; docs/brokers/nats.md lists them. */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <limits.h>

enum { REPLICAS_MOST = 5 };

static const char *const modes[] = { "jetstream", "core", NULL };

static const char *choice(struct options *o, const char *name, const char *const *choices)
{
        int n = aeon__option_choice(o, name, choices, -1);
        return n < 0 ? NULL : choices[n];
}

/* What a publisher and a subscriber may both say: they may both have to create the stream. */
static void read_common(struct nats_options *o)
{
        static const char *const retentions[] = { "limits", "interest", "workqueue", NULL };
        static const char *const storages[] = { "file", "memory", NULL };
        struct options *all = o->all;
        o->mode = (enum nats_mode)aeon__option_choice(all, "mode", modes, (int)o->mode);
        o->stream = aeon__option_text(all, "stream", NULL);
        o->create = aeon__option_flag(all, "create", o->create);
        o->retention = choice(all, "retention", retentions);
        o->storage = choice(all, "storage", storages);
        o->max_age = aeon__option_duration(all, "max_age", o->max_age);
        o->duplicates = aeon__option_duration(all, "duplicates", 0);
        o->max_bytes = aeon__option_number(all, "max_bytes", -1, LONG_MAX, -1);
        o->max_messages = aeon__option_number(all, "max_messages", -1, LONG_MAX, -1);
        o->replicas = aeon__option_number(all, "replicas", 1, REPLICAS_MOST, 1);
}

static struct nats_options standard(const struct nats *l)
{
        return (struct nats_options){
                .mode = l->mode,
                .create = l->create,
                .max_age = 7 * AEON_HOURS(24),
                .max_bytes = -1,
                .max_messages = -1,
                .replicas = 1,
                .ack_wait = AEON_SECONDS(30),
        };
}

static int end(struct nats_options *o, const char *what, int r)
{
        if (r >= 0)
                r = aeon__options_end(o->all, what);
        if (r < 0) {
                aeon__options_free(o->all);
                o->all = NULL;
        }
        return r;
}

int aeon__nats_publish_options(const struct nats *l, const char *text, struct nats_options *o)
{
        *o = standard(l);
        if (!*text)
                return 0;
        int r = aeon__options_read(text, &o->all);
        if (r < 0)
                return r;
        read_common(o);
        o->message_id = aeon__option_text(o->all, "message_id", NULL);
        return end(o, "destination", 0);
}

int aeon__nats_source_options(const struct nats *l, const char *text, struct nats_options *o)
{
        static const char *const delivers[] = { "all", "new", "last", NULL };
        static const char *const counts[] = { "failures", "deliveries", NULL };
        *o = standard(l);
        if (!*text)
                return 0;
        int r = aeon__options_read(text, &o->all);
        if (r < 0)
                return r;
        read_common(o);
        o->durable = aeon__option_text(o->all, "durable", NULL);
        o->deliver = choice(o->all, "deliver", delivers);
        o->ack_wait = aeon__option_duration(o->all, "ack_wait", 0);
        o->says_ack_wait = o->ack_wait != 0;
        o->ack_wait = o->says_ack_wait ? o->ack_wait : AEON_SECONDS(30);
        o->by_deliveries = aeon__option_choice(o->all, "attempts", counts, 0) == 1;
        if (o->ack_wait < AEON_MILLISECONDS(10))
                r = aeon_fail(-EINVAL, "option ack_wait: below 10 ms nothing can be handled");
        return end(o, "subscription", r);
}
