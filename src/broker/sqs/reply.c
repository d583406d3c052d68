/* Answers; see reply.h.
 *
 * DESIGN
 *   One task polls the queue for answers; what has come is deleted by tasks beside it, so that the next poll need not wait for that. At the
 *   end the queue is deleted, but not under those: a server need not answer who deletes messages of a queue that goes just then.
 */
#include "broker/sqs/reply.h"

#include "base/random.h"
#include "broker/sqs/message.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT = 20 };

struct sqs_reply {
        struct sqs_queue *queue;
        aeon_scope life; /* of the task that polls */
        aeon_event *ended;
        bool closing;
        unsigned deletes;    /* tasks that delete answers */
        struct list deleted; /* a confirmation, of who waits for the last of them */
};

static void send_deletes(struct sqs_link *l, void *arg)
{
        char *request = arg;
        struct text answer;
        struct sqs_call call = { .action = "DeleteMessageBatch", .request = request };
        if (aeon__sqs_call(l, &call, &answer) >= 0)
                aeon__text_done(&answer); /* what was not deleted comes again, is late then, and is dropped */
        free(request);
        if (!--l->reply->deletes)
                aeon__confirmations_come(&l->reply->deleted, 0, NULL);
}

static void await_deletes(struct sqs_reply *reply)
{
        struct confirmation c;
        aeon__confirmation_init(&c, "answers to be deleted");
        if (!reply->deletes)
                return;
        list_append(&reply->deleted, &c.node);
        (void)aeon__confirmation_wait(&c);
}

static void deliver(struct sqs_link *l, struct sqs_answer *answer)
{
        struct text deletes = { 0 };
        struct sqs_received received;
        struct scan scan = aeon__sqs_messages(answer);
        unsigned count = 0;
        aeon__text_print(&deletes, "{\"QueueUrl\":%s,\"Entries\":[", l->reply->queue->url_json);
        for (; aeon__sqs_next(answer, &scan, &received); count++) {
                struct aeon_message *m = aeon__sqs_decode(&received, "");
                if (!m)
                        break; /* the rest comes again */
                aeon__text_print(&deletes, "%s{\"Id\":\"%u\",\"ReceiptHandle\":%.*s}", count ? "," : "", count,
                                 (int)received.receipt.length, received.receipt.at);
                aeon__deliver_reply(l->link, m);
        }
        aeon__text_add(&deletes, "]}", 2);
        if (count && !deletes.failed && aeon__sqs_spawn(l, "delete answers", send_deletes, deletes.data) >= 0)
                l->reply->deletes++;
        else
                aeon__text_done(&deletes);
}

static int poll_once(struct sqs_link *l)
{
        struct text request = { 0 }, text;
        int r = aeon__sqs_queue_find(l->reply->queue, 0, true);
        if (r < 0)
                return r;
        aeon__text_print(&request,
                         "{\"QueueUrl\":%s,\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":%d,\"MessageAttributeNames\":[\"All\"]}",
                         l->reply->queue->url_json, WAIT);
        struct sqs_call call = { .action = "ReceiveMessage", .wait = AEON_SECONDS(WAIT) };
        call.request = request.failed ? NULL : request.data;
        r = aeon__sqs_call(l, &call, &text);
        aeon__text_done(&request);
        if (r == -ENOENT) /* the server has lost it: the same name gets it again */
                aeon__sqs_queue_forget(l->reply->queue);
        struct sqs_answer *answer = r >= 0 ? aeon__sqs_answer_new(&text) : NULL;
        if (answer) {
                deliver(l, answer);
                aeon__sqs_answer_leave(answer);
        }
        return r;
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
        name_queue(l->link, name, sizeof name);
        int r = aeon__sqs_queue_get(l, name, &reply->queue);
        if (r < 0)
                return r;
        reply->queue->transient = true;
        r = aeon__sqs_queue_find(reply->queue, l->account.connect_timeout, true);
        if (r < 0)
                return r;
        const char *url = reply->queue->url;
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
        list_init(&reply->deleted);
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
        await_deletes(reply);
        if (reply->queue->url) {
                json_t *answer, *request = json_pack("{s:s}", "QueueUrl", reply->queue->url);
                struct sqs_call call = { .action = "DeleteQueue" };
                int r = aeon__sqs_ask(l, &call, request, &answer);
                if (r >= 0)
                        json_decref(answer);
                else
                        aeon_log_warning("the queue for answers %s is left over: %s", reply->queue->name, aeon_error_describe(r));
        }
        aeon_event_free(reply->ended);
        l->reply = NULL;
        free(reply);
}
