/* Sources of all kinds: options, credit, the end of reading; see link.h. */
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_PAUSE AEON_SECONDS(1)
#define UNBLOCK_EVERY AEON_MILLISECONDS(50)
enum { UNBLOCK_TRIES = 20 };

char *aeon__redis_join(const char *base, const char *middle, const char *end)
{
        char *text = malloc(strlen(base) + strlen(middle) + strlen(end) + 1);
        if (text)
                stpcpy(stpcpy(stpcpy(text, base), middle), end);
        return text;
}

/* ------------------------------------------------------------------ options */

static const struct kind_ops *const kinds[] = {
        [KIND_STREAM] = &aeon__kind_stream,
        [KIND_LIST] = &aeon__kind_list,
        [KIND_CHANNEL] = &aeon__kind_channel,
        [KIND_PATTERN] = &aeon__kind_channel,
};

static int read_options(struct redis_source *s)
{
        static const char *const starts[] = { "0", "$", NULL };
        int r = aeon__options_read(s->source->options, &s->texts);
        if (r < 0)
                return r;
        struct options *o = s->texts;
        struct source_options *to = &s->options;
        s->kind = (enum kind)aeon__option_choice(o, "kind", aeon__kind_names, KIND_STREAM);
        s->ops = kinds[s->kind];
        if (s->kind == KIND_STREAM || s->kind == KIND_LIST) {
                to->count = aeon__option_number(o, "count", 1, 10000, 500);
                to->block = aeon__option_duration(o, "block", AEON_SECONDS(2));
                to->min_idle = aeon__option_duration(o, "min_idle", AEON_SECONDS(60));
                to->consumer = aeon__option_text(o, "consumer", "");
        } else {
                to->buffer = aeon__option_number(o, "buffer", 0, 10000000, 10000);
        }
        if (s->kind == KIND_STREAM) {
                int start = aeon__option_choice(o, "start", starts, -1);
                to->start = start < 0 ? "" : starts[start];
        }
        if (s->kind == KIND_LIST)
                to->format = (enum format)aeon__option_choice(o, "envelope", aeon__format_names, (int)s->link->format);
        r = aeon__options_end(o, s->source->destination);
        if (r < 0)
                return r;
        if (to->consumer && to->min_idle < AEON_MILLISECONDS(100))
                return aeon_fail(-EINVAL, "%s: option min_idle: messages cannot be lent for less than 100 ms",
                                 s->source->destination);
        if (to->block > to->min_idle / 2)
                to->block = to->min_idle / 2; /* so that a consumer that waits is seen to be alive */
        if (to->block < AEON_MILLISECONDS(10))
                to->block = AEON_MILLISECONDS(10); /* 0 would be for ever */
        return 0;
}

/* ------------------------------------------------------------------ opening and closing */

/* One that the service has named goes on with what was pending for it; else nobody has had the name. */
int aeon__redis_name_consumer(struct redis_source *s)
{
        char text[200];
        const char *given = s->options.consumer;
        if (!*given) {
                snprintf(text, sizeof text, "%s%s:%s-%llu", AEON_CONSUMER_PREFIX, s->link->login.name, s->link->nonce,
                         ++s->link->serial);
        } else {
                snprintf(text, sizeof text, "consumer %s %s %s", s->source->destination, s->group ? s->group : "", given);
                int r = aeon__number_take(s->link->link->shared, text, &s->numbers[0]);
                if (r < 0)
                        return r;
                snprintf(text, sizeof text, "%s", given);
                if (s->numbers[0].value)
                        snprintf(text, sizeof text, "%s.%u", given, s->numbers[0].value);
        }
        s->consumer = strdup(text);
        return s->consumer ? 0 : aeon_fail(-ENOMEM, "no memory for a name");
}

static void source_free(struct redis_source *s)
{
        struct list *node;
        list_remove(&s->node);
        list_remove(&s->acking);
        while ((node = list_pop(&s->spare)))
                free(container_of(node, struct aeon_message, node));
        while ((node = list_pop(&s->deliveries)))
                free(container_of(node, struct delivery, node));
        for (unsigned i = 0; i < s->laters; i++) {
                aeon__client_forget(&s->link->commands, &s->later[i]);
                free(s->later[i].set);
                free(s->later[i].target);
        }
        for (unsigned i = 0; i < STREAMS; i++) {
                free(s->streams[i]);
                aeon__text_done(&s->acks[i].ids);
                aeon__number_give_back(s->link->link->shared, &s->numbers[i]);
        }
        aeon__options_free(s->texts);
        free(s->consumer);
        free(s->taken);
        free(s->taken_prefix);
        free(s->takers);
        free(s);
}

int aeon__redis_subscribe(struct source *source)
{
        struct redis_source *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        s->source = source;
        s->link = source->link->self;
        list_init(&s->node);
        list_init(&s->acking);
        list_init(&s->deliveries);
        list_init(&s->spare);
        list_init(&s->idlers);
        for (unsigned i = 0; i < STREAMS; i++)
                list_init(&s->acks[i].waiting);
        int r = read_options(s);
        if (r >= 0) {
                source->self = s;
                source->can = s->ops->can;
                if (s->kind == KIND_LIST && s->options.format == FORMAT_NONE)
                        source->can &= ~(unsigned)CAN_RETRY; /* there is nowhere to count */
                source->lease = s->options.min_idle;
                r = s->ops->open(s);
        }
        if (r < 0) {
                source_free(s);
                return r;
        }
        list_append(&s->link->sources, &s->node);
        return 0;
}

void aeon__redis_unsubscribe(struct source *source)
{
        struct redis_source *s = source->self;
        s->ops->close(s);
        source_free(s);
}

static void lost(struct client *c)
{
        struct redis_source *s = c->self;
        s->ready = false;
}

int aeon__redis_read(struct redis_source *s, int (*resume)(struct client *c))
{
        struct redis_link *l = s->link;
        s->reader = (struct client){ .wire.link = l->link, .wire.url = l->url, .self = s, .resume = resume, .lost = lost };
        aeon__wire_options(&s->reader.wire);
        aeon_duration heartbeat = l->heartbeat ? l->heartbeat + s->options.block : 0; /* while it blocks the server is silent */
        int r = aeon__client_open(&s->reader, &l->login, heartbeat);
        s->reading = r >= 0;
        return r;
}

/* Wait until the command on its way is answered, a little while at most. */
static void await_idle(struct redis_source *s)
{
        struct confirmation c;
        aeon_scope limit;
        aeon__confirmation_init(&c, "the end of a blocking read");
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = UNBLOCK_EVERY, .name = "unblock" });
        list_append(&s->idlers, &c.node);
        (void)aeon_scope_close(&limit, aeon__confirmation_wait(&c));
}

/* CLIENT UNBLOCK may overtake what it is to end, since that is on another connection: it is said until it has worked. */
void aeon__redis_stop_reading(struct redis_source *s)
{
        struct client *commands = &s->link->commands;
        if (!s->reading)
                return;
        for (unsigned i = 0; s->busy && s->reader.wire.up && i < UNBLOCK_TRIES; i++) {
                if (s->reader.id && commands->wire.up) {
                        aeon__client_begin(commands, "CLIENT");
                        aeon__client_text(commands, "UNBLOCK");
                        aeon__client_number(commands, s->reader.id);
                        (void)aeon__client_send(commands, NULL, NULL);
                }
                await_idle(s);
        }
        aeon__client_close(&s->reader);
        s->reading = false;
}

/* ------------------------------------------------------------------ fetching */

void aeon__redis_fetch(struct redis_source *s)
{
        if (s->ready && !s->busy && !s->draining && s->credit && (!s->retry_at || aeon_now() >= s->retry_at))
                s->ops->fetch(s);
}

void aeon__redis_fetched(struct redis_source *s)
{
        s->busy = false;
        aeon__confirmations_come(&s->idlers, 0, NULL);
        aeon__redis_fetch(s);
}

void aeon__redis_refused(struct redis_source *s, const char *words)
{
        if (!s->broken)
                aeon_log_error("redis: nothing can be read from \"%s\": %s", s->source->destination, words);
        s->broken = true;
        s->retry_at = aeon_now() + RETRY_PAUSE;
        snprintf(s->words, sizeof s->words, "%s", words);
}

int aeon__redis_unprepared(struct redis_source *s, int code)
{
        code = aeon_fail(code, "%s \"%s\"", aeon__kind_names[s->kind], s->source->destination);
        if (s->reader.wire.times > 0 && code != -ECANCELED && code != -ECONNABORTED)
                aeon__redis_refused(s, aeon_error_text());
        return code;
}

struct aeon_message *aeon__redis_message(struct redis_link *l, const char *destination, const struct reply *value, const char *id,
                                         unsigned attempt)
{
        struct parts *p = &l->parts;
        struct aeon_message *m = NULL;
        if (aeon__format_read(p, value->text, value->length) >= 0) {
                p->envelope.destination = destination;
                p->envelope.id = id;
                m = aeon__message_new(&p->envelope);
        }
        if (m)
                m->attempt = attempt ? attempt : p->attempt;
        else
                aeon_log_error("redis: no memory for a message of \"%s\" of %zu bytes", destination, value->length);
        return m;
}

void aeon__redis_deliver(struct redis_source *s, struct aeon_message *m, struct delivery *d)
{
        m->token = (int64_t)(intptr_t)d;
        if (d)
                list_append(&s->deliveries, &d->node);
        if (s->credit) {
                s->credit--;
                aeon__deliver(s->source, m);
        } else {
                s->spare_count++;
                list_append(&s->spare, &m->node);
        }
}

static void deliver_spare(struct redis_source *s)
{
        struct list *node;
        while (s->credit && (node = list_pop(&s->spare))) {
                s->credit--;
                s->spare_count--;
                aeon__deliver(s->source, container_of(node, struct aeon_message, node));
        }
}

void aeon__redis_credit(struct source *source, unsigned more)
{
        struct redis_source *s = source->self;
        s->credit += more;
        deliver_spare(s);
        aeon__redis_fetch(s);
}

void aeon__redis_drain(struct source *source)
{
        struct redis_source *s = source->self;
        s->draining = true;
        s->ops->drain(s);
        s->credit += (unsigned)s->spare_count; /* the core gives them back */
        deliver_spare(s);
}

int aeon__redis_lag(struct source *source, uint64_t *ret_lag)
{
        struct redis_source *s = source->self;
        if (!s->ops->lag)
                return aeon_fail(-ENOTSUP, "what is published to \"%s\" does not wait", source->destination);
        int r = aeon__wire_ready(&s->link->commands.wire);
        return r < 0 ? r : s->ops->lag(s, ret_lag);
}

/* ------------------------------------------------------------------ verdicts */

int aeon__redis_settle(struct aeon_message *m, const struct settlement *v)
{
        struct redis_source *s = m->source->self;
        struct delivery *d = (struct delivery *)(intptr_t)m->token;
        int r = s->ops->settle(s, m, v);
        m->token = 0;
        if (d)
                list_remove(&d->node);
        free(d);
        return r;
}

void aeon__redis_extend(struct source *source, struct aeon_message *const *messages, size_t count)
{
        struct redis_source *s = source->self;
        if (s->link->commands.wire.up)
                s->ops->extend(s, messages, count);
}
