/* Answers; see reply.h. */
#include "broker/sqs/reply.h"

#include "base/random.h"
#include "broker/sqs/message.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10, WAIT = 20 };

struct sqs_reply {
        struct sqs_queue *queue;
        aeon_scope life; /* of the task that polls */
        aeon_event *ended;
        bool closing;
};

static void send_deletes(struct sqs_link *l, void *arg)
{
        json_t *request = arg, *answer;
        struct sqs_call call = { .action = "DeleteMessageBatch", .request = request, .patience = l->account.connect_timeout };
        if (aeon__sqs_call(l, &call, &answer) >= 0)
                json_decref(answer); /* what was not deleted comes again, is late then, and is dropped */
        json_decref(request);
}

static void deliver(struct sqs_link *l, const char *url, const json_t *messages)
{
        size_t i;
        json_t *received, *entries = json_array();
        json_array_foreach(messages, i, received)
        {
                struct aeon_message *m = aeon__sqs_decode(received, "");
                char id[24];
                snprintf(id, sizeof id, "%zu", i);
                json_array_append_new(
                        entries, json_pack("{s:s, s:O}", "Id", id, "ReceiptHandle", json_object_get(received, "ReceiptHandle")));
                if (m)
                        aeon__deliver_reply(l->link, m);
        }
        json_t *request = json_pack("{s:s, s:o}", "QueueUrl", url, "Entries", entries);
        if (request && aeon__sqs_spawn(l, "delete answers", send_deletes, request) < 0)
                json_decref(request);
}

static int poll_once(struct sqs_link *l)
{
        const char *url;
        int r = aeon__sqs_queue_find(l->reply->queue, 0, true, &url);
        if (r < 0)
                return r;
        json_t *answer, *request = json_pack("{s:s, s:i, s:i, s:[s]}", "QueueUrl", url, "MaxNumberOfMessages", BATCH,
                                             "WaitTimeSeconds", WAIT, "MessageAttributeNames", "All");
        struct sqs_call call = { .action = "ReceiveMessage", .request = request, .wait = AEON_SECONDS(WAIT) };
        r = request ? aeon__sqs_call(l, &call, &answer) : aeon_fail(-ENOMEM, "no memory for a request");
        json_decref(request);
        if (r < 0) {
                if (r == -ENOENT) /* the server has lost it: the same name gets it again */
                        aeon__sqs_queue_forget(l->reply->queue);
                return r;
        }
        json_t *messages = json_object_get(answer, "Messages");
        if (json_array_size(messages))
                deliver(l, url, messages);
        json_decref(answer);
        return 0;
}

static void poll_answers(struct sqs_link *l, void *arg)
{
        struct sqs_reply *reply = arg;
        unsigned failures = 0;
        aeon_scope_enter(&reply->life);
        while (!reply->closing) {
                int r = poll_once(l);
                if (r < 0)
                        (void)aeon_sleep(aeon__sqs_pause(l, failures++));
                else
                        failures = 0;
        }
        aeon_scope_close(&reply->life, 0);
        aeon_event_set(reply->ended);
}

/* A name that nobody else has: the app's, as far as SQS can have it, and chance. */
static void name_queue(const struct link *link, char *name, size_t size)
{
        snprintf(name, size, "aeon-reply-%.32s-%016" PRIx64, link->name, (uint64_t)random_up_to(INT64_MAX));
        for (char *c = name; *c; c++)
                if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", *c))
                        *c = '-';
}

static int start(struct sqs_link *l, struct sqs_reply *reply, char *address, size_t size)
{
        char name[80];
        const char *url;
        name_queue(l->link, name, sizeof name);
        int r = aeon__sqs_queue_get(l, name, &reply->queue);
        if (r < 0)
                return r;
        reply->queue->transient = true;
        r = aeon__sqs_queue_find(reply->queue, l->account.connect_timeout, true, &url);
        if (r < 0)
                return r;
        if (strlen(url) >= size)
                return aeon_fail(-ENAMETOOLONG, "the URL of the queue for answers is too long: %s", url);
        r = aeon_event_new(&reply->ended);
        if (r < 0)
                return r;
        aeon_scope_init(&reply->life, &(aeon_scope_opts){ .name = "answers" });
        l->reply = reply;
        r = aeon__sqs_spawn(l, "answers", poll_answers, reply);
        if (r < 0) {
                l->reply = NULL;
                aeon_event_free(reply->ended);
                return r;
        }
        strcpy(address, url);
        return 0;
}

int aeon__sqs_reply_open(struct link *link, char *address, size_t size)
{
        struct sqs_reply *reply = calloc(1, sizeof *reply);
        if (!reply)
                return aeon_fail(-ENOMEM, "no memory for answers");
        int r = start(link->self, reply, address, size);
        if (r < 0)
                free(reply);
        return r;
}

void aeon__sqs_reply_close(struct sqs_link *l)
{
        struct sqs_reply *reply = l->reply;
        if (!reply)
                return;
        reply->closing = true;
        aeon_scope_cancel(&reply->life, "the link closes");
        aeon_event_wait(reply->ended);
        if (reply->queue->url) {
                json_t *answer, *request = json_pack("{s:s}", "QueueUrl", reply->queue->url);
                struct sqs_call call = { .action = "DeleteQueue", .request = request };
                int r = request ? aeon__sqs_call(l, &call, &answer) : -ENOMEM;
                if (r >= 0)
                        json_decref(answer);
                else
                        aeon_log_warning("the queue for answers %s is left over: %s", reply->queue->name, aeon_error_describe(r));
                json_decref(request);
        }
        aeon_event_free(reply->ended);
        l->reply = NULL;
        free(reply);
}
