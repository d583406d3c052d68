/* How far a source is behind in its partitions.
 *
 * DESIGN
 *      done | [out] [done] [waits] [out] [waits] | not fetched yet      |
 *                                                ^ behind what is open  ^ the end, as the server says
 *
 *   What waits with us counts like what was not fetched: no handler can have seen it. What librdkafka knows of the ends by itself is as old
 *   as its last fetch, and it fetches nothing while nobody takes what it has. So the server is asked: with a "time" that means the end,
 *   for all partitions at once, and on the producer's connection, since on the consumer's a question waits until the fetch before it
 *   has something. (rd_kafka_query_watermark_offsets() takes one partition, and heeds its time-out only as long as nothing was sent.)
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/thread.h>

enum { PATIENCE_MS = 500 };

struct ends {
        rd_kafka_t *rk;
        rd_kafka_topic_partition_list_t *ends;
        rd_kafka_topic_partition_list_t *beginnings; /* of those of which nothing was committed and nothing has come */
};

static int ask(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
        rd_kafka_resp_err_t error = list->cnt ? rd_kafka_offsets_for_times(rk, list, PATIENCE_MS) : RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int i = 0; i < list->cnt && !error; i++)
                error = list->elems[i].err;
        return error ? aeon_fail(aeon__kafka_code(error), "the ends of its partitions: %s", rd_kafka_err2str(error)) : 0;
}

/* In a thread. */
static int ask_both(void *arg)
{
        const struct ends *e = arg;
        int r = ask(e->rk, e->ends);
        return r < 0 ? r : ask(e->rk, e->beginnings);
}

static uint64_t behind(const struct partition *p, int64_t beginning, int64_t end)
{
        int64_t next = p->position < 0 ? beginning : p->position;
        uint64_t waiting = 0;
        const struct delivery *d;
        list_foreach (d, &p->open, node) {
                waiting += !d->out && !d->done && !d->due;
                next = d->offset + 1;
        }
        return waiting + (end > next ? (uint64_t)(end - next) : 0);
}

static uint64_t add_up(struct kafka_source *s, const struct ends *e)
{
        uint64_t lag = 0;
        for (int i = 0; i < e->ends->cnt; i++) {
                const rd_kafka_topic_partition_t *end = &e->ends->elems[i];
                const rd_kafka_topic_partition_t *beginning =
                        rd_kafka_topic_partition_list_find(e->beginnings, end->topic, end->partition);
                const struct partition *p = aeon__kafka_partition_find(s, end->partition);
                if (p) /* else it was revoked meanwhile */
                        lag += behind(p, beginning ? beginning->offset : end->offset, end->offset);
        }
        return lag;
}

int aeon__kafka_lag(struct source *source, uint64_t *ret_lag)
{
        struct kafka_source *s = source->self;
        struct ends e = { s->link->producer.rk, rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_new(1) };
        const struct partition *p;
        list_foreach (p, &s->partitions, node) {
                rd_kafka_topic_partition_list_add(e.ends, source->destination, p->number)->offset = KAFKA_LATEST;
                if (p->position < 0)
                        rd_kafka_topic_partition_list_add(e.beginnings, source->destination, p->number)->offset =
                                aeon__kafka_begins_at_end(&s->o) ? KAFKA_LATEST : KAFKA_EARLIEST;
        }
        int r = aeon_offload(ask_both, &e);
        if (r >= 0)
                *ret_lag = add_up(s, &e);
        rd_kafka_topic_partition_list_destroy(e.ends);
        rd_kafka_topic_partition_list_destroy(e.beginnings);
        return r;
}
