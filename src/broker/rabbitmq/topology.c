/* What the options of a destination say, and making the server agree.
 *
 * DESIGN
 *      orders                              the queue "orders", durable, behind the default exchange
 *      orders?type=quorum                  the same of another type
 *      orders?exchange=events&key=a.*      published to "events"; consumed from the queue "orders", which is bound to it
 *      orders?exchange=events, group red   consumed from the queue "orders.red", bound as well: each group has every message
 *
 *   A consumer declares what it says, and the server refuses what contradicts a queue that is there. A publisher that says nothing
 *   about the queue takes it as it is, and only makes it when there is none: what is published before there is a consumer is not lost.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARGUMENTS_ASKED = 20, ARGUMENTS_MOST = ARGUMENTS_ASKED + 2 };

static const char *const exchange_types[] = { "direct", "fanout", "topic", "headers", NULL };
static const char *const queue_types[] = { "classic", "quorum", NULL };

/* ------------------------------------------------------------------ reading */

static void ask(struct topology *t, const char *destination)
{
        struct options *o = t->options;
        const char *name;
        size_t at = 0;
        t->exchange = aeon__option_text(o, "exchange", "");
        t->exchange_type = (enum exchange_type)aeon__option_choice(o, "exchange_type", exchange_types, EXCHANGE_DIRECT);
        t->key = aeon__option_text(o, "key", destination);
        t->create = aeon__option_flag(o, "create", true);
        t->durable = aeon__option_flag(o, "durable", true);
        t->exclusive = aeon__option_flag(o, "exclusive", false);
        t->auto_delete = aeon__option_flag(o, "auto_delete", false);
        t->quorum = aeon__option_choice(o, "type", queue_types, 0) == 1;
        t->max_priority = aeon__option_number(o, "max_priority", 1, 255, 0);
        t->persistent = aeon__option_flag(o, "persistent", true);
        t->persistent_question = aeon__option_flag(o, "persistent", false);
        t->mandatory = aeon__option_flag(o, "mandatory", true);
        (void)aeon__option_choice(o, "match", (const char *const[]){ "all", "any", NULL }, 0);
        t->asked = !t->durable || t->exclusive || t->auto_delete || t->quorum || t->max_priority;
        while (aeon__option_prefixed(o, "x-", &at, &name))
                t->arguments++;
        at = 0;
        while (aeon__option_prefixed(o, "header.", &at, &name))
                t->headers++;
}

static int check(const struct topology *t, const char *destination, const char *group)
{
        if (strlen(destination) + (*group ? strlen(group) + 1 : 0) > NAME_MOST)
                return aeon_fail(-EINVAL, "the name of a queue has 255 bytes at most");
        if (strlen(t->exchange) > NAME_MOST || strlen(t->key) > NAME_MOST)
                return aeon_fail(-EINVAL, "exchange and key have 255 bytes at most");
        if (!*t->exchange && strcmp(t->key, destination) != 0)
                return aeon_fail(-EINVAL, "option key: it needs an exchange; the default one knows queues by their name only");
        if (t->arguments > ARGUMENTS_ASKED || t->headers > ARGUMENTS_ASKED)
                return aeon_fail(-EINVAL, "there may be %d options x-... and header.... at most", ARGUMENTS_ASKED);
        if (t->quorum && (!t->durable || t->exclusive || t->max_priority))
                return aeon_fail(-EINVAL, "option type: a quorum queue is durable, not exclusive, and has no priorities");
        return 0;
}

int aeon__topology_read(const char *destination, const char *options, const char *group, struct topology *ret_topology)
{
        struct topology t = { 0 };
        int r = aeon__options_read(options, &t.options);
        if (r < 0)
                return r;
        ask(&t, destination);
        r = aeon__options_end(t.options, "its options");
        if (r >= 0)
                r = check(&t, destination, group);
        if (r < 0) {
                aeon__options_free(t.options);
                return r;
        }
        bool own = *group && *t.exchange; /* without an exchange there is one queue, so one group, whatever its name */
        snprintf(t.queue, sizeof t.queue, "%s%s%s", destination, own ? "." : "", own ? group : "");
        *ret_topology = t;
        return 0;
}

void aeon__topology_done(struct topology *t)
{
        aeon__options_free(t->options);
        t->options = NULL;
}

/* ------------------------------------------------------------------ arguments */

struct arguments {
        amqp_table_entry_t entries[ARGUMENTS_MOST];
        int count;
};

static amqp_field_value_t integer_of(int64_t number)
{
        return (amqp_field_value_t){ AMQP_FIELD_KIND_I64, { .i64 = number } };
}

/* Numbers and flags are such for the server, too. */
static amqp_field_value_t value_of(const char *text)
{
        char *end;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        if (*text && !*end && !errno)
                return integer_of(number);
        if (!strcmp(text, "true") || !strcmp(text, "false"))
                return (amqp_field_value_t){ AMQP_FIELD_KIND_BOOLEAN, { .boolean = *text == 't' } };
        return (amqp_field_value_t){ AMQP_FIELD_KIND_UTF8, { .bytes = amqp_text(text) } };
}

static void add(struct arguments *a, const char *name, amqp_field_value_t value)
{
        if (a->count < ARGUMENTS_MOST)
                a->entries[a->count++] = (amqp_table_entry_t){ amqp_text(name), value };
}

static amqp_table_t table_of(struct arguments *a)
{
        return (amqp_table_t){ a->count, a->entries };
}

/* ------------------------------------------------------------------ declaring */

static int declare_queue(const struct topology *t, struct rabbit_channel *ch, bool passive)
{
        struct arguments a = { .count = 0 };
        const char *name, *value;
        char names[ARGUMENTS_MOST][64];
        size_t at = 0;
        if (t->quorum)
                add(&a, "x-queue-type", value_of("quorum"));
        if (t->max_priority)
                add(&a, "x-max-priority", integer_of(t->max_priority));
        while ((value = aeon__option_prefixed(t->options, "x-", &at, &name))) {
                snprintf(names[a.count], sizeof names[0], "x-%s", name);
                add(&a, names[a.count], value_of(value));
        }
        amqp_queue_declare_t declare = {
                .queue = amqp_text(t->queue),
                .passive = passive,
                .durable = t->durable,
                .exclusive = t->exclusive,
                .auto_delete = t->auto_delete,
                .arguments = table_of(&a),
        };
        int r = aeon__rabbit_channel_open(ch);
        return r < 0 ? r : aeon__rabbit_call(ch, AMQP_QUEUE_DECLARE_METHOD, &declare);
}

/* The server's own exchanges are there and not to be declared. */
static int declare_exchange(const struct topology *t, struct rabbit_channel *ch)
{
        amqp_exchange_declare_t declare = {
                .exchange = amqp_text(t->exchange),
                .type = amqp_text(exchange_types[t->exchange_type]),
                .passive = !t->create || !strncmp(t->exchange, "amq.", 4),
                .durable = true,
        };
        int r = aeon__rabbit_channel_open(ch);
        return r < 0 ? r : aeon__rabbit_call(ch, AMQP_EXCHANGE_DECLARE_METHOD, &declare);
}

static int bind(const struct topology *t, struct rabbit_channel *ch)
{
        struct arguments a = { .count = 0 };
        const char *name, *value;
        size_t at = 0;
        if (t->exchange_type == EXCHANGE_HEADERS) {
                add(&a, "x-match", value_of(aeon__option_text(t->options, "match", "all")));
                while ((value = aeon__option_prefixed(t->options, "header.", &at, &name)))
                        add(&a, name, (amqp_field_value_t){ AMQP_FIELD_KIND_UTF8, { .bytes = amqp_text(value) } });
        }
        amqp_queue_bind_t binding = {
                .queue = amqp_text(t->queue),
                .exchange = amqp_text(t->exchange),
                .routing_key = amqp_text(t->key),
                .arguments = table_of(&a),
        };
        return aeon__rabbit_call(ch, AMQP_QUEUE_BIND_METHOD, &binding);
}

static int declare_all(const struct topology *t, struct rabbit_channel *ch)
{
        int r = *t->exchange ? declare_exchange(t, ch) : 0;
        if (r >= 0)
                r = declare_queue(t, ch, !t->create);
        return r >= 0 && *t->exchange && t->create ? bind(t, ch) : r;
}

int aeon__topology_declare_for_consumer(const struct topology *t, struct rabbit_channel *ch)
{
        int r = aeon__rabbit_lock(ch);
        if (r < 0)
                return r;
        r = declare_all(t, ch);
        aeon__rabbit_unlock(ch);
        return r;
}

/* Locked by somebody else's connection is there, too. */
static int see_queue(const struct topology *t, struct rabbit_channel *ch)
{
        int r = declare_queue(t, ch, true);
        return r == -EBUSY ? 0 : r;
}

int aeon__topology_declare_for_publisher(const struct topology *t, struct rabbit_channel *ch)
{
        if (*t->exchange)
                return declare_exchange(t, ch);
        if ((t->asked || t->arguments) && t->create)
                return declare_queue(t, ch, false);
        int r = see_queue(t, ch);
        return r == -ENOENT && t->create ? declare_queue(t, ch, false) : r;
}

int aeon__topology_count(const struct topology *t, struct rabbit_channel *ch, uint64_t *ret_count)
{
        int r = aeon__rabbit_lock(ch);
        if (r < 0)
                return r;
        r = declare_queue(t, ch, true);
        if (r >= 0)
                *ret_count = ch->messages;
        aeon__rabbit_unlock(ch);
        return r;
}
