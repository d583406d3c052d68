/* Partitions that come and go.
 *
 * DESIGN
 *      ASSIGN  ask for the committed offsets and their memos, open the partitions' queues, assign
 *      REVOKE  the partitions are fenced: what waits in the core is called back, and nothing more is delivered; when the handlers that
 *              run have finished, or time is up, what is done is committed, and only then are they given up
 *      LOST    the group has thrown us out: they are given up at once; who settles one of their messages hears -ESTALE
 */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/thread.h>
#include <string.h>

/* ------------------------------------------------------------------ assigned */

struct question {
        rd_kafka_t *rk;
        rd_kafka_topic_partition_list_t *list;
        int ms;
        bool latest; /* where a group begins that has committed nothing */
};

/* Where they begin of which nothing was committed. Without this each would ask for itself, and one that hears of its beginning a moment
 * after the others waits until their first empty fetch is over, for half a second. */
static int ask_beginnings(const struct question *q)
{
        rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(q->list->cnt);
        for (int i = 0; i < q->list->cnt; i++)
                if (q->list->elems[i].offset < 0)
                        rd_kafka_topic_partition_list_add(fresh, q->list->elems[i].topic, q->list->elems[i].partition)->offset =
                                q->latest ? KAFKA_LATEST : KAFKA_EARLIEST;
        rd_kafka_resp_err_t error = fresh->cnt ? rd_kafka_offsets_for_times(q->rk, fresh, q->ms) : RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int i = 0; !error && i < fresh->cnt; i++) {
                const rd_kafka_topic_partition_t *t = &fresh->elems[i];
                if (!t->err && t->offset >= 0)
                        rd_kafka_topic_partition_list_set_offset(q->list, t->topic, t->partition, t->offset);
        }
        rd_kafka_topic_partition_list_destroy(fresh);
        return 0; /* those that are not known are librdkafka's to find */
}

static int ask_committed(void *arg)
{
        struct question *q = arg;
        rd_kafka_resp_err_t error = rd_kafka_committed(q->rk, q->list, q->ms);
        return error ? aeon__kafka_code(error) : ask_beginnings(q);
}

static void add_partition(struct kafka_source *s, rd_kafka_topic_partition_t *t, bool known)
{
        struct partition *p = aeon__kafka_partition_find(s, t->partition);
        if (p)
                aeon__kafka_partition_free(p);
        p = aeon__kafka_partition_new(s, t->partition, known && t->offset >= 0 ? t->offset : -1, t->metadata, t->metadata_size);
        if (!p) {
                aeon_log_error("no memory for partition %d of \"%s\"", t->partition, t->topic);
                return;
        }
        p->queue = rd_kafka_queue_get_partition(s->consumer.rk, t->topic, t->partition);
        rd_kafka_queue_forward(p->queue, NULL); /* before it is assigned: not one message may go elsewhere */
        aeon__kafka_handle_listen(&s->consumer, p->queue);
        if (known && t->offset < 0)
                t->offset = RD_KAFKA_OFFSET_INVALID; /* nothing was committed: as offset_reset says */
        else if (!known)
                t->offset = RD_KAFKA_OFFSET_STORED;
}

void aeon__kafka_told(struct kafka_source *s, const char *what, rd_kafka_error_t *error, rd_kafka_resp_err_t code)
{
        if (error || code)
                aeon_log_warning("kafka: \"%s\" %s: %s", s->source->destination, what,
                                 error ? rd_kafka_error_string(error) : rd_kafka_err2str(code));
        if (error)
                rd_kafka_error_destroy(error);
}

static bool is_cooperative(struct kafka_source *s)
{
        const char *protocol = rd_kafka_rebalance_protocol(s->consumer.rk);
        return protocol && !strcmp(protocol, "COOPERATIVE");
}

static void assign(struct kafka_source *s, rd_kafka_topic_partition_list_t *list)
{
        struct question q = { s->consumer.rk, list, (int)(s->link->o.connect_timeout / 1000000), aeon__kafka_begins_at_end(&s->o) };
        bool known = list->cnt && aeon_offload(ask_committed, &q) >= 0;
        for (int i = 0; i < list->cnt; i++)
                add_partition(s, &list->elems[i], known);
        if (is_cooperative(s))
                aeon__kafka_told(s, "cannot be assigned", rd_kafka_incremental_assign(s->consumer.rk, list), 0);
        else
                aeon__kafka_told(s, "cannot be assigned", NULL, rd_kafka_assign(s->consumer.rk, list));
        aeon_log_debug("kafka: \"%s\" is assigned %d partitions", s->source->destination, list->cnt);
        aeon_event_set(s->assigned);
}

/* ------------------------------------------------------------------ revoked */

/* It waits in the core, and its partition is fenced. */
static bool is_revoked(struct aeon_message *m)
{
        struct delivery *d = (struct delivery *)(intptr_t)m->token;
        if (!d->partition || !d->partition->revoked)
                return false;
        d->out = false;
        d->partition->out--;
        return true;
}

static void fence(struct partition *p)
{
        struct delivery *d;
        p->revoked = true;
        list_foreach (d, &p->open, node)
                if (!d->out && !d->done)
                        aeon__kafka_delivery_drop(d);
}

static void fence_all(struct kafka_source *s, const rd_kafka_topic_partition_list_t *list)
{
        for (int i = 0; i < list->cnt; i++) {
                struct partition *p = aeon__kafka_partition_find(s, list->elems[i].partition);
                if (p)
                        fence(p);
        }
        if (!s->draining) /* afterwards nothing waits there */
                aeon__recall(s->source, is_revoked);
}

static void give_up(struct kafka_source *s, rd_kafka_topic_partition_list_t *list)
{
        for (int i = 0; i < list->cnt; i++) {
                struct partition *p = aeon__kafka_partition_find(s, list->elems[i].partition);
                if (p)
                        aeon__kafka_partition_free(p);
        }
        if (is_cooperative(s))
                aeon__kafka_told(s, "cannot be given up", rd_kafka_incremental_unassign(s->consumer.rk, list), 0);
        else
                aeon__kafka_told(s, "cannot be given up", NULL, rd_kafka_assign(s->consumer.rk, NULL));
        rd_kafka_topic_partition_list_destroy(list);
        aeon_log_debug("kafka: \"%s\" has given partitions up", s->source->destination);
}

static void revoke(struct kafka_source *s, const rd_kafka_topic_partition_list_t *list)
{
        bool lost = rd_kafka_assignment_lost(s->consumer.rk);
        rd_kafka_topic_partition_list_t *copy = rd_kafka_topic_partition_list_copy(list);
        fence_all(s, copy);
        if (lost) {
                aeon_log_warning("kafka: the group has taken the partitions of \"%s\" away: what is being handled will come again",
                                 s->source->destination);
                give_up(s, copy);
                return;
        }
        s->revoking = copy;
        s->revoke_until = aeon_now() + s->o.max_poll / 4 * 3; /* the group waits for max_poll, then it throws us out */
        s->revoke_committed = false;
}

bool aeon__kafka_still_handled(struct kafka_source *s)
{
        for (int i = 0; i < s->revoking->cnt; i++) {
                struct partition *p = aeon__kafka_partition_find(s, s->revoking->elems[i].partition);
                if (p && p->out)
                        return true;
        }
        return false;
}

void aeon__kafka_go_on_revoking(struct kafka_source *s, aeon_time now)
{
        bool lost = rd_kafka_assignment_lost(s->consumer.rk);
        if (!lost && !s->closing && aeon__kafka_still_handled(s) && now < s->revoke_until)
                return;
        if (s->committing && !lost)
                return; /* its answer wakes us; it comes within the socket's time-out */
        if (!s->revoke_committed && !lost) {
                s->revoke_committed = true;
                aeon__kafka_commit(s);
                if (s->committing)
                        return;
        }
        rd_kafka_topic_partition_list_t *list = s->revoking;
        s->revoking = NULL;
        give_up(s, list);
}

void aeon__kafka_rebalance(struct kafka_source *s, rd_kafka_event_t *event)
{
        rd_kafka_resp_err_t error = rd_kafka_event_error(event);
        rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
        if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
                assign(s, list);
        else if (error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
                revoke(s, list);
        else
                aeon__kafka_told(s, "cannot be assigned", NULL, rd_kafka_assign(s->consumer.rk, NULL));
}
