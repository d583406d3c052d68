/* Messages that are to come later: queues in which they wait.
 *
 * DESIGN
 *      publish, expiration = the delay      nobody consumes here          what has expired is dead-lettered
 *      ------------------------------> aeon.delay.320ms//orders -------------------------------------------> "orders"
 *
 *   The server looks for expired messages at the head of a queue only, so one that waits for long would hold up others behind it. Hence a
 *   queue for each step of delays, 64 ms, 80, 96, 112, 128, 160 ...: a message is late by a quarter at most, and not at all when
 *   those beside it have the same delay.
 *
 *   Such a queue goes away an hour after its messages can have waited, by x-expires. That does not look for messages: it counts from
 *   the last declaration. So the queue is declared again before a message is put in, unless that was done in the last five minutes.
 *
 *   Source: rabbitmq.com/ttl.html, rabbitmq.com/dlx.html
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEP_LEAST = 64, STEPS_OF_DOUBLING = 4, DELAYS_MOST = 1024 };

#define EXPIRES_AFTER AEON_SECONDS(3600)
#define FRESH_FOR AEON_SECONDS(300)
#define DELAY_LIMIT_MS INT64_C(4294967295) /* the server's limit: 32 bits */

struct delay_queue {
        struct list node;
        aeon_time declared;
        char name[];
};

void aeon__rabbit_delays_forget(struct rabbit_publisher *p)
{
        for (unsigned i = 0; i < DELAY_BUCKETS; i++) {
                struct list *node;
                while ((node = list_pop(&p->delays[i])))
                        free(container_of(node, struct delay_queue, node));
        }
        p->delays_count = 0;
}

static int64_t step_above(int64_t delay)
{
        int64_t octave = STEP_LEAST;
        if (delay <= octave)
                return octave;
        while (octave * 2 < delay)
                octave *= 2;
        int64_t step = octave / STEPS_OF_DOUBLING;
        return octave + (delay - octave + step - 1) / step * step;
}

static int name_queue(const struct rabbit_message *m, int64_t step, char *name)
{
        int size = snprintf(name, NAME_SIZE, DELAY_PREFIX "%" PRId64 "ms/%s/%s", step, m->exchange, m->key);
        return size <= NAME_MOST ? 0
                                 : aeon_fail(-EINVAL, "the name is too long for a delay: \"%s...\" has 255 bytes at most", name);
}

static struct delay_queue *find(struct rabbit_publisher *p, const char *name)
{
        struct delay_queue *q;
        list_foreach (q, &p->delays[rabbit_bucket(name)], node)
                if (!strcmp(q->name, name))
                        return q;
        return NULL;
}

/* No memory to remember it: it is declared again for the next message. */
static void remember(struct rabbit_publisher *p, const char *name, aeon_time declared)
{
        struct delay_queue *q = find(p, name);
        if (!q) {
                if (p->delays_count >= DELAYS_MOST)
                        aeon__rabbit_delays_forget(p);
                q = malloc(sizeof *q + strlen(name) + 1);
                if (!q)
                        return;
                strcpy(q->name, name);
                list_append(&p->delays[rabbit_bucket(name)], &q->node);
                p->delays_count++;
        }
        q->declared = declared;
}

static bool is_fresh(struct rabbit_publisher *p, const char *name)
{
        const struct delay_queue *q = find(p, name);
        return q && aeon_now() - q->declared <= FRESH_FOR;
}

static void forget(struct rabbit_publisher *p, const char *name)
{
        struct delay_queue *q = find(p, name);
        if (!q)
                return;
        list_remove(&q->node);
        free(q);
        p->delays_count--;
}

/* @ch is locked. */
static int declare(struct rabbit_channel *ch, const struct rabbit_message *m, int64_t step, const char *name)
{
        amqp_table_entry_t arguments[] = {
                { amqp_text("x-dead-letter-exchange"), { AMQP_FIELD_KIND_UTF8, { .bytes = amqp_text(m->exchange) } } },
                { amqp_text("x-dead-letter-routing-key"), { AMQP_FIELD_KIND_UTF8, { .bytes = amqp_text(m->key) } } },
                { amqp_text("x-expires"), { AMQP_FIELD_KIND_I64, { .i64 = step + EXPIRES_AFTER / AEON_MILLISECONDS(1) } } },
        };
        amqp_queue_declare_t declare = {
                .queue = amqp_text(name),
                .durable = true,
                .arguments = { sizeof arguments / sizeof *arguments, arguments },
        };
        int r = aeon__rabbit_channel_open(ch);
        return r < 0 ? r : aeon__rabbit_call(ch, AMQP_QUEUE_DECLARE_METHOD, &declare);
}

/* See that the queue is there, and stays as long as a message that is put in now. */
static int prepare(struct rabbit_link *l, const struct rabbit_message *m, int64_t step, const char *name)
{
        struct rabbit_publisher *p = &l->publisher;
        if (is_fresh(p, name))
                return 0;
        int r = aeon__wire_ready(&l->publishing.wire);
        if (r >= 0)
                r = aeon__rabbit_lock(&p->declarations);
        if (r < 0)
                return r;
        aeon_time now = aeon_now();
        if (!is_fresh(p, name)) {
                r = declare(&p->declarations, m, step, name);
                if (r >= 0)
                        remember(p, name, now);
        }
        aeon__rabbit_unlock(&p->declarations);
        return r;
}

static int put_in(struct rabbit_link *l, const struct rabbit_message *m, int64_t step, const char *name)
{
        struct rabbit_message waiting = *m;
        waiting.exchange = "";
        waiting.key = name;
        waiting.mandatory = true;
        int r = prepare(l, m, step, name);
        return r < 0 ? r : aeon__rabbit_publish_one(l, &waiting);
}

int aeon__rabbit_publish_late(struct rabbit_link *l, struct rabbit_message m, aeon_duration delay)
{
        char name[NAME_SIZE], expiration[24];
        int64_t ms = (delay + AEON_MILLISECONDS(1) - 1) / AEON_MILLISECONDS(1);
        int64_t step = step_above(ms);
        if (step > DELAY_LIMIT_MS - EXPIRES_AFTER / AEON_MILLISECONDS(1))
                return aeon_fail(-EINVAL, "a delay of %.3g days: the server knows none above 39", (double)delay / 1e9 / 86400);
        int r = name_queue(&m, step, name);
        if (r < 0)
                return r;
        snprintf(expiration, sizeof expiration, "%" PRId64, ms);
        m.expiration = expiration;
        r = put_in(l, &m, step, name);
        if (r == -ENOENT) { /* deleted since */
                forget(&l->publisher, name);
                r = put_in(l, &m, step, name);
        }
        return r;
}
