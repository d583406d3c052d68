/* How far a source is behind in its partitions.
 *
 * DESIGN
 *      done | [out] [done] [waits] [out] [waits] | not fetched yet      |
 *                                                ^ behind what is open  ^ high, as the server says
 *
 *   What waits with us counts like what was not fetched: no handler can have seen it. What librdkafka knows of the ends by itself is as old
 *   as its last fetch, and it fetches nothing while nobody takes what it has; so the server is asked, for one partition after the other, on the
 *   producer's connection: on the consumer's a question waits until the fetch before it has something.
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/thread.h>
#include <stdlib.h>

enum { PATIENCE_MS = 1000 };

struct end {
        int32_t partition;
        int64_t low, high;
};

struct ends {
        rd_kafka_t *rk;
        const char *topic;
        struct end *all;
        size_t count;
};

/* In a thread. */
static int ask_ends(void *arg)
{
        struct ends *e = arg;
        for (size_t i = 0; i < e->count; i++) {
                struct end *end = &e->all[i];
                if (aeon_offload_cancelled())
                        return -ECANCELED;
                rd_kafka_resp_err_t error =
                        rd_kafka_query_watermark_offsets(e->rk, e->topic, end->partition, &end->low, &end->high, PATIENCE_MS);
                if (error)
                        return aeon_fail(aeon__kafka_code(error), "partition %d: %s", (int)end->partition, rd_kafka_err2str(error));
        }
        return 0;
}

static uint64_t behind(const struct kafka_source *s, const struct partition *p, const struct end *end)
{
        int64_t next = p->position;
        uint64_t waiting = 0;
        const struct delivery *d;
        if (next < 0) /* nothing was committed, and nothing has come */
                next = aeon__kafka_begins_at_end(&s->o) ? end->high : end->low;
        list_foreach (d, &p->open, node) {
                waiting += !d->out && !d->done && !d->due;
                next = d->offset + 1;
        }
        if (next < end->low) /* what was there is not kept any longer */
                next = end->low;
        return waiting + (end->high > next ? (uint64_t)(end->high - next) : 0);
}

static struct end *partitions_of(const struct kafka_source *s, size_t *ret_count)
{
        const struct partition *p;
        size_t count = 0;
        list_foreach (p, &s->partitions, node)
                count++;
        struct end *all = calloc(count + 1, sizeof *all);
        *ret_count = 0;
        if (all)
                list_foreach (p, &s->partitions, node)
                        all[(*ret_count)++].partition = p->number;
        return all;
}

int aeon__kafka_lag(struct source *source, uint64_t *ret_lag)
{
        struct kafka_source *s = source->self;
        struct ends e = { .rk = s->link->producer.rk, .topic = source->destination };
        e.all = partitions_of(s, &e.count);
        if (!e.all)
                return aeon_fail(-ENOMEM, "no memory for the ends of partitions");
        int r = e.count ? aeon_offload(ask_ends, &e) : 0;
        if (r >= 0) {
                *ret_lag = 0;
                for (size_t i = 0; i < e.count; i++) {
                        const struct partition *p = aeon__kafka_partition_find(s, e.all[i].partition);
                        *ret_lag += p ? behind(s, p, &e.all[i]) : 0; /* it may have been revoked meanwhile */
                }
        }
        free(e.all);
        return r;
}
