/* Verdicts and leases; see source.h. */
#include "broker/sqs/message.h"
#include "broker/sqs/source.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>

enum { BATCH = 10, DELAY_MOST = 12 * 60 * 60 };

struct sqs_delivery *aeon__sqs_delivery_new(struct sqs_source *s, json_t *received, unsigned attempt)
{
        struct sqs_delivery *d = malloc(sizeof *d);
        if (!d)
                return NULL;
        *d = (struct sqs_delivery){ .source = s,
                                    .received = json_incref(received),
                                    .attempt = attempt,
                                    .until = aeon_now() + AEON_SECONDS(s->visibility) };
        list_append(&s->deliveries, &d->node);
        return d;
}

void aeon__sqs_delivery_free(struct sqs_delivery *d)
{
        list_remove(&d->node);
        json_decref(d->received);
        free(d);
}

/* ------------------------------------------------------------------ verdicts */

static json_t *receipt_of(const struct sqs_delivery *d)
{
        return json_object_get(d->received, "ReceiptHandle");
}

static int forget(struct sqs_delivery *d, bool hurry)
{
        json_t *entry = json_pack("{s:O}", "ReceiptHandle", receipt_of(d));
        return aeon__sqs_batch_ask(&d->source->queue->delete, entry, 0, hurry);
}

static int show_after(struct sqs_delivery *d, aeon_duration delay, bool hurry)
{
        long seconds = (long)((delay + AEON_SECONDS(1) - 1) / AEON_SECONDS(1));
        if (seconds > DELAY_MOST - d->source->visibility) /* twelve hours from when it was received */
                seconds = DELAY_MOST - d->source->visibility;
        d->leaving = true;
        json_t *entry = json_pack("{s:O, s:I}", "ReceiptHandle", receipt_of(d), "VisibilityTimeout", (json_int_t)seconds);
        return aeon__sqs_batch_ask(&d->source->queue->visibility, entry, 0, hurry);
}

int aeon__sqs_give_back(struct sqs_delivery *d, bool hurry)
{
        struct sqs_queue *q = d->source->queue;
        size_t bytes;
        json_t *copy = q->fifo ? NULL : aeon__sqs_copy(d->received, d->attempt, &bytes);
        if (!copy)
                return show_after(d, 0, hurry);
        if (d->until <= aeon_now()) {
                json_decref(copy);
                return aeon_fail(-ESTALE, "its time is over");
        }
        int r = aeon__sqs_batch_ask(&q->send, copy, bytes, q->send.workers == 0);
        return r < 0 ? r : forget(d, hurry);
}

int aeon__sqs_settle(struct aeon_message *m, const struct settlement *settlement)
{
        struct sqs_delivery *d = (struct sqs_delivery *)(intptr_t)m->token;
        bool hurry = --d->source->unsettled == 0; /* nobody will join */
        int r;
        switch (settlement->verdict) {
        case VERDICT_ACK:
                r = forget(d, hurry);
                break;
        case VERDICT_RETRY:
                r = show_after(d, settlement->delay, hurry);
                break;
        case VERDICT_RELEASE:
                r = aeon__sqs_give_back(d, hurry);
                break;
        default:
                r = aeon_fail(-EINVAL, "unknown verdict");
        }
        aeon__sqs_delivery_free(d);
        m->token = 0; /* the core may still have it when it extends leases */
        return r;
}

/* ------------------------------------------------------------------ leases */

static void send_extension(struct sqs_link *l, void *arg)
{
        json_t *request = arg, *answer;
        struct sqs_call call = { .action = "ChangeMessageVisibilityBatch",
                                 .request = request,
                                 .patience = l->account.connect_timeout };
        int r = aeon__sqs_call(l, &call, &answer);
        json_decref(request);
        if (r < 0) {
                aeon_log_warning("messages could not be kept and may come again: %s", aeon_error_describe(r));
                return;
        }
        size_t failed = json_array_size(json_object_get(answer, "Failed"));
        if (failed)
                aeon_log_warning("%zu messages are no longer ours and may come again", failed);
        json_decref(answer);
}

static void spawn_extension(struct sqs_source *s, json_t *entries)
{
        json_t *request = json_pack("{s:s, s:o}", "QueueUrl", s->queue->url, "Entries", entries);
        if (request && aeon__sqs_spawn(s->link, "leases", send_extension, request) < 0)
                json_decref(request);
}

void aeon__sqs_extend(struct source *source, struct aeon_message *const *messages, size_t count)
{
        struct sqs_source *s = source->self;
        json_t *entries = NULL;
        for (size_t i = 0; s->queue->url && i < count; i++) {
                struct sqs_delivery *d = (struct sqs_delivery *)(intptr_t)messages[i]->token;
                if (!d || d->leaving)
                        continue;
                entries = entries ? entries : json_array();
                char id[24];
                snprintf(id, sizeof id, "%zu", json_array_size(entries));
                json_array_append_new(entries, json_pack("{s:s, s:O, s:I}", "Id", id, "ReceiptHandle", receipt_of(d),
                                                         "VisibilityTimeout", (json_int_t)s->visibility));
                d->until = aeon_now() + AEON_SECONDS(s->visibility);
                if (json_array_size(entries) == BATCH) {
                        spawn_extension(s, entries);
                        entries = NULL;
                }
        }
        if (entries)
                spawn_extension(s, entries);
}
