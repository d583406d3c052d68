/* What is done and what is not in one partition.
 *
 * DESIGN
 *      done, committed      | open: a delivery for each fetched message                          | not fetched yet
 *      ...................  | [done] [in a handler] [done] [waits for its retry, failed twice]   |
 *                           ^ position
 *
 *   Kafka remembers ONE offset per group and partition: all before it is done. So the position is that of the first message that is not
 *   done, and what is done behind it would be handled again by the next owner. Beside its offset a commit may carry a text, and in that
 *   we leave a MEMO, in offsets from the position: which messages behind it are done, and how often others have failed.
 *
 *      "aeon d0-1 f3=2 d5"            like Parallel Consumer's offset map, but text
 *
 *   The server takes 4096 bytes of it (offset.metadata.max.bytes); what does not fit is forgotten, and only then handled again.
 */
#include "broker/kafka/kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMO_MOST = 3500, ENTRY_MOST = 64 };

#define MEMO_WORD "aeon"

struct memo {
        int64_t from, to;
        unsigned failures; /* 0: done */
};

/* ------------------------------------------------------------------ memos */

/* One word of a memo. False: it is none of ours. */
static bool read_memo(const char *word, int64_t position, struct memo *m)
{
        int64_t from, to;
        unsigned failures;
        if (sscanf(word, "f%" SCNd64 "=%u", &from, &failures) == 2) {
                *m = (struct memo){ position + from, position + from, failures };
                return failures > 0;
        }
        int count = sscanf(word, "d%" SCNd64 "-%" SCNd64, &from, &to);
        *m = (struct memo){ position + from, position + (count == 2 ? to : from), 0 };
        return count >= 1;
}

static void read_memos(struct partition *p, const char *text, size_t size)
{
        if (!size || strncmp(text, MEMO_WORD " ", sizeof MEMO_WORD) != 0)
                return;
        p->memos = calloc(size / 2, sizeof *p->memos);
        char *copy = strndup(text, size), *rest, *word;
        if (p->memos && copy) {
                strtok_r(copy, " ", &rest);
                while ((word = strtok_r(NULL, " ", &rest)))
                        p->memo_count += read_memo(word, p->position, &p->memos[p->memo_count]);
        }
        free(copy);
}

static struct memo *memo_of(struct partition *p, int64_t offset)
{
        while (p->memo_at < p->memo_count && p->memos[p->memo_at].to < offset)
                p->memo_at++;
        struct memo *m = &p->memos[p->memo_at];
        if (p->memo_at == p->memo_count || m->from > offset)
                return NULL;
        if (m->to == offset)
                p->memo_at++;
        return m;
}

static size_t print_memo(char *to, const struct memo *m, int64_t position)
{
        int64_t from = m->from - position;
        if (m->failures)
                return (size_t)sprintf(to, " f%" PRId64 "=%u", from, m->failures);
        if (m->from == m->to)
                return (size_t)sprintf(to, " d%" PRId64, from);
        return (size_t)sprintf(to, " d%" PRId64 "-%" PRId64, from, m->to - position);
}

/* The memo that begins with @d; returns the delivery behind it. */
static const struct delivery *gather(const struct partition *p, const struct delivery *d, struct memo *m)
{
        *m = (struct memo){ d->offset, d->offset, d->failures };
        for (bool done = d->done;;) {
                d = container_of(d->node.next, struct delivery, node);
                if (!done || &d->node == &p->open || !d->done)
                        break;
                m->to = d->offset;
        }
        return d;
}

char *aeon__kafka_partition_memo(const struct partition *p)
{
        char *text = malloc(MEMO_MOST + ENTRY_MOST);
        if (!text)
                return NULL;
        size_t length = 0;
        struct memo m;
        for (const struct delivery *d = list_first(&p->open, struct delivery, node); &d->node != &p->open && length < MEMO_MOST;) {
                bool tells = d->done || d->failures;
                bool done = d->done;
                d = gather(p, d, &m);
                m.failures = done ? 0 : m.failures;
                if (tells)
                        length += print_memo(text + length, &m, p->position);
        }
        for (size_t i = p->memo_at; i < p->memo_count && length < MEMO_MOST; i++)
                length += print_memo(text + length, &p->memos[i], p->position);
        if (!length) {
                *text = '\0';
                return text;
        }
        char *whole = NULL;
        if (asprintf(&whole, MEMO_WORD "%s", text) < 0)
                whole = NULL;
        free(text);
        return whole;
}

/* ------------------------------------------------------------------ deliveries */

static struct delivery *delivery_new(struct kafka_source *s)
{
        struct list *spare = list_pop(&s->spare);
        return spare ? container_of(spare, struct delivery, node) : malloc(sizeof(struct delivery));
}

void aeon__kafka_delivery_free(struct delivery *d)
{
        list_remove(&d->node);
        list_prepend(&d->source->spare, &d->node);
}

struct delivery *aeon__kafka_partition_enter(struct partition *p, int64_t offset, bool *ret_done)
{
        struct delivery *d = delivery_new(p->source);
        if (!d)
                return NULL;
        const struct memo *m = p->memo_at < p->memo_count ? memo_of(p, offset) : NULL;
        *d = (struct delivery){
                .source = p->source,
                .partition = p,
                .offset = offset,
                .failures = m ? m->failures : 0,
                .done = m && !m->failures,
        };
        list_init(&d->queue);
        list_init(&d->lane_node);
        if (p->position < 0)
                p->position = offset;
        list_append(&p->open, &d->node);
        p->open_count++;
        *ret_done = d->done;
        return d;
}

void aeon__kafka_partition_advance(struct partition *p)
{
        while (!list_empty(&p->open)) {
                struct delivery *d = list_first(&p->open, struct delivery, node);
                if (!d->done)
                        return;
                p->position = d->offset + 1;
                p->open_count--;
                aeon__kafka_delivery_free(d);
        }
}

void aeon__kafka_delivery_drop(struct delivery *d)
{
        list_remove(&d->queue);
        list_remove(&d->lane_node);
        d->source->held_count -= d->held;
        d->held = false;
        free(d->message);
        d->message = NULL;
}

/* ------------------------------------------------------------------ partitions */

struct partition *aeon__kafka_partition_new(struct kafka_source *s, int32_t number, int64_t position, const char *text, size_t size)
{
        struct partition *p = calloc(1, sizeof *p);
        if (!p)
                return NULL;
        p->source = s;
        p->number = number;
        p->position = position;
        list_init(&p->open);
        list_append(&s->partitions, &p->node);
        if (position >= 0)
                read_memos(p, text, size);
        return p;
}

struct partition *aeon__kafka_partition_find(struct kafka_source *s, int32_t number)
{
        struct partition *p;
        list_foreach (p, &s->partitions, node)
                if (p->number == number)
                        return p;
        return NULL;
}

void aeon__kafka_partition_free(struct partition *p)
{
        struct list *node;
        while ((node = list_pop(&p->open))) {
                struct delivery *d = container_of(node, struct delivery, node);
                if (!d->out) {
                        aeon__kafka_delivery_drop(d);
                        aeon__kafka_delivery_free(d);
                        continue;
                }
                d->partition = NULL;
                list_remove(&d->lane_node);
                list_append(&p->source->strays, &d->node);
        }
        list_remove(&p->node);
        if (p->queue)
                rd_kafka_queue_destroy(p->queue);
        free(p->memos);
        free(p);
}
