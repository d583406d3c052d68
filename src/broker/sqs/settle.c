/* Verdicts and leases; see source.h. */
#include "broker/sqs/source.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10, DELAY_MOST = 12 * 60 * 60 };

struct sqs_delivery *aeon__sqs_delivery_new(struct sqs_source *s, const struct sqs_received *received, unsigned attempt)
{
        struct sqs_delivery *d = malloc(sizeof *d);
        if (!d)
                return NULL;
        *d = (struct sqs_delivery){
                .source = s, .received = *received, .attempt = attempt, .until = aeon_now() + AEON_SECONDS(s->visibility)
        };
        received->answer->users++;
        list_append(&s->deliveries, &d->node);
        return d;
}

void aeon__sqs_delivery_free(struct sqs_delivery *d)
{
        list_remove(&d->node);
        aeon__sqs_answer_leave(d->received.answer);
        free(d);
}

/* ------------------------------------------------------------------ verdicts */

/* The members of an entry about @d; @seconds < 0: it names no visibility time-out. To free(). */
static char *entry_of(const struct sqs_delivery *d, long seconds)
{
        struct text t = { 0 };
        aeon__text_add(&t, "\"ReceiptHandle\":", strlen("\"ReceiptHandle\":"));
        aeon__text_add(&t, d->received.receipt.at, d->received.receipt.length);
        if (seconds >= 0)
                aeon__text_print(&t, ",\"VisibilityTimeout\":%ld", seconds);
        if (t.failed)
                aeon__text_done(&t);
        return t.data;
}

static int forget(struct sqs_delivery *d, bool hurry)
{
        return aeon__sqs_batch_ask(&d->source->queue->delete, entry_of(d, -1), 0, hurry);
}

static int show_after(struct sqs_delivery *d, aeon_duration delay, bool hurry)
{
        long seconds = (long)((delay + AEON_SECONDS(1) - 1) / AEON_SECONDS(1));
        if (seconds > DELAY_MOST - d->source->visibility) /* twelve hours from when it was received */
                seconds = DELAY_MOST - d->source->visibility;
        d->leaving = true;
        return aeon__sqs_batch_ask(&d->source->queue->visibility, entry_of(d, seconds), 0, hurry);
}

int aeon__sqs_give_back(struct sqs_delivery *d, bool hurry)
{
        struct sqs_queue *q = d->source->queue;
        size_t bytes;
        char *copy = q->fifo ? NULL : aeon__sqs_copy(&d->received, d->attempt, &bytes);
        if (!copy)
                return show_after(d, 0, hurry);
        if (d->until <= aeon_now()) {
                free(copy);
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
        char *request = arg;
        struct text answer;
        struct sqs_call call = { .action = "ChangeMessageVisibilityBatch",
                                 .request = request,
                                 .patience = l->account.connect_timeout };
        int r = aeon__sqs_call(l, &call, &answer);
        free(request);
        if (r < 0) {
                aeon_log_warning("messages could not be kept and may come again: %s", aeon_error_describe(r));
                return;
        }
        if (answer.data && strstr(answer.data, "ReceiptHandleIsInvalid"))
                aeon_log_warning("messages are no longer ours and may come again");
        aeon__text_done(&answer);
}

/* Send off the request so far, and begin the next. */
static void flush(struct sqs_source *s, struct text *request)
{
        aeon__text_add(request, "]}", 2);
        if (request->failed || aeon__sqs_spawn(s->link, "leases", send_extension, request->data) < 0)
                aeon__text_done(request); /* half the lease is left: the next time may have memory */
        *request = (struct text){ 0 };
}

void aeon__sqs_extend(struct source *source, struct aeon_message *const *messages, size_t count)
{
        struct sqs_source *s = source->self;
        struct text request = { 0 };
        unsigned entries = 0;
        for (size_t i = 0; s->queue->url && i < count; i++) {
                struct sqs_delivery *d = (struct sqs_delivery *)(intptr_t)messages[i]->token;
                if (!d || d->leaving)
                        continue;
                if (!entries)
                        aeon__text_print(&request, "{\"QueueUrl\":%s,\"Entries\":[", s->queue->url_json);
                char *entry = entry_of(d, s->visibility);
                aeon__text_print(&request, "%s{\"Id\":\"%u\",%s}", entries ? "," : "", entries, entry ? entry : "");
                free(entry);
                d->until = aeon_now() + AEON_SECONDS(s->visibility);
                if (++entries == BATCH) {
                        flush(s, &request);
                        entries = 0;
                }
        }
        if (entries)
                flush(s, &request);
}
