/* Commits: one is on its way at a time, with the position of each partition that has changed and its memo. */
#include "broker/kafka/kafka.h"

#include <aeon/log.h>
#include <stdlib.h>
#include <string.h>

/* Where we are in all partitions that have changed; NULL: nowhere else. */
static rd_kafka_topic_partition_list_t *gather_dirty(struct kafka_source *s)
{
        rd_kafka_topic_partition_list_t *list = NULL;
        struct partition *p;
        list_foreach (p, &s->partitions, node) {
                if (!p->dirty || p->position < 0)
                        continue;
                if (!list)
                        list = rd_kafka_topic_partition_list_new(8);
                rd_kafka_topic_partition_t *t = rd_kafka_topic_partition_list_add(list, s->source->destination, p->number);
                t->offset = p->position;
                char *memo = aeon__kafka_partition_memo(p);
                if (memo && *memo) {
                        t->metadata = memo; /* freed with the list */
                        t->metadata_size = strlen(memo);
                } else {
                        free(memo);
                }
                p->dirty = false;
        }
        return list;
}

void aeon__kafka_commit(struct kafka_source *s)
{
        rd_kafka_topic_partition_list_t *list = gather_dirty(s);
        s->commit_at = AEON_NEVER;
        if (!list)
                return;
        rd_kafka_resp_err_t error = rd_kafka_commit_queue(s->consumer.rk, list, s->consumer.queue, NULL, NULL);
        rd_kafka_topic_partition_list_destroy(list);
        s->committing = !error;
        if (error)
                aeon_log_warning("kafka: \"%s\" cannot be committed: %s", s->source->destination, rd_kafka_err2str(error));
}

void aeon__kafka_committed(struct kafka_source *s, rd_kafka_event_t *event)
{
        rd_kafka_resp_err_t error = rd_kafka_event_error(event);
        rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
        s->committing = false;
        for (int i = 0; list && i < list->cnt; i++) {
                struct partition *p = aeon__kafka_partition_find(s, list->elems[i].partition);
                if (!error && list->elems[i].err)
                        error = list->elems[i].err;
                if ((rd_kafka_event_error(event) || list->elems[i].err) && p && !p->revoked)
                        aeon__kafka_changed(s, p);
        }
        if (error && error != RD_KAFKA_RESP_ERR__NO_OFFSET)
                aeon_log_warning("kafka: a commit of \"%s\" has failed: %s", s->source->destination, rd_kafka_err2str(error));
}
