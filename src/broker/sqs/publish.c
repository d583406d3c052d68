/* Messages out; see reply.h. */
#include "base/random.h"
#include "broker/sqs/message.h"
#include "broker/sqs/reply.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdio.h>

enum { DELAY_MOST = 15 * 60 };

static int add_delay(json_t *entry, aeon_duration delay)
{
        aeon_duration seconds = (delay + AEON_SECONDS(1) - 1) / AEON_SECONDS(1);
        if (seconds > DELAY_MOST)
                return aeon_fail(-EINVAL, "SQS delays a message by %d minutes at most", DELAY_MOST / 60);
        if (seconds)
                json_object_set_new(entry, "DelaySeconds", json_integer(seconds));
        return 0;
}

/* A FIFO queue wants to know which messages keep their order, and which are the same. */
static void add_fifo(json_t *entry, struct options *o)
{
        char unique[40];
        snprintf(unique, sizeof unique, "%016" PRIx64 "%016" PRIx64, random_up_to(INT64_MAX), random_up_to(INT64_MAX));
        json_object_set_new(entry, "MessageGroupId", json_string(aeon__option_text(o, "group", "aeon")));
        json_object_set_new(entry, "MessageDeduplicationId", json_string(aeon__option_text(o, "dedupe", unique)));
}

static int add_options(json_t *entry, const struct sqs_queue *q, const struct envelope *e)
{
        int r = add_delay(entry, e->delay);
        if (r < 0 || (!*e->options && !q->fifo))
                return r;
        struct options *o;
        r = aeon__options_read(e->options, &o);
        if (r < 0)
                return r;
        if (q->fifo)
                add_fifo(entry, o);
        r = aeon__options_end(o, q->fifo ? "FIFO queue" : "queue");
        aeon__options_free(o);
        return r;
}

int aeon__sqs_publish(struct link *link, const struct envelope *e)
{
        struct sqs_link *l = link->self;
        struct sqs_queue *q;
        json_t *entry;
        size_t bytes = 0;
        int r = aeon__sqs_queue_get(l, e->destination, &q);
        if (r >= 0)
                r = aeon__sqs_encode(e, (size_t)l->account.max_message, &entry, &bytes);
        if (r < 0)
                return r;
        r = add_options(entry, q, e);
        if (r < 0) {
                json_decref(entry);
                return r;
        }
        r = aeon__sqs_batch_ask(&q->send, aeon__sqs_members(entry), bytes, q->send.workers == 0);
        return r == -EBUSY ? aeon_fail(-EREMOTEIO, "%s", aeon_error_text()) : r;
}
