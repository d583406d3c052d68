/* One loop's way to SQS: actions, tasks, queues.
 *
 *      driver.c   the table, open, close, ping
 *      source.c   polls, verdicts, leases          publish.c  messages out        reply.c  answers
 *           |            |                              |                             |
 *           +------------+--- message.c (JSON) ---------+---- queue.c, batch.c -------+
 *                                                                  |
 *                                              call.c: one action, its errors, trying again
 *                                                                  |
 *                                                        aeon/http_client.h
 */
#pragma once

#include "base/text.h"
#include "broker/confirmation.h"
#include "broker/driver.h"
#include "broker/sqs/account.h"

#include <aeon/http_client.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <jansson.h>

struct sqs_reply;

struct sqs_link {
        struct link *link;
        struct sqs_account account;
        aeon_http_client *http;
        struct list queues;
        struct list polls;       /* under way: struct sqs_poll */
        struct sqs_reply *reply; /* NULL until reply_open() */
        unsigned tasks;          /* that aeon__sqs_spawn() started */
        aeon_event *idle;        /* at close: there are none left */
        bool away;               /* the last action failed for want of a server; logged once */
};

/* A poll that a stop may have to abort. */
struct sqs_poll {
        struct list node; /* in the link */
        aeon_scope scope;
};

/* Start a task that close() waits for; @fn runs shielded. */
int aeon__sqs_spawn(struct sqs_link *l, const char *name, void (*fn)(struct sqs_link *l, void *arg), void *arg);

/* ------------------------------------------------------------------ call.c */

struct sqs_call {
        const char *action;     /* "ReceiveMessage" */
        const char *request;    /* a JSON object */
        aeon_duration wait;     /* how long the server may take by design */
        aeon_duration patience; /* how long a failure that may pass is tried again; 0: never */
        bool once;              /* it must not be carried out twice: an answer that is lost is not asked for again */
        bool denied;            /* out: -EACCES means "not you", not "who are you" */
};

/* One action. Suspends; cancellable: then nobody knows. The answer is JSON, the caller's to aeon__text_done().
 *
 * Errors: -ENOTCONN it was not sent; -ECONNABORTED no answer came; -EACCES; -ENOENT there is no such queue; -ESTALE the receipt is no longer
 *         good; -EMSGSIZE; -EBUSY the server is overloaded or broken; -EREMOTEIO it refused for another reason; -ENOMEM */
AEON_SUSPENDS int aeon__sqs_call(struct sqs_link *l, struct sqs_call *call, struct text *ret_answer);

/* The same with trees: @request is stolen and may be NULL for want of memory; @ret_answer is an object, the caller's. */
AEON_SUSPENDS int aeon__sqs_ask(struct sqs_link *l, struct sqs_call *call, json_t *request, json_t **ret_answer);

/* The errno for an error code of SQS; words are set. @action: for the words. */
int aeon__sqs_refusal(const char *action, const char *code, const char *message);

/* Is it worth another try? */
bool aeon__sqs_may_pass(int r);

/* The pause before the @n-th further try (0 the first): full jitter. */
aeon_duration aeon__sqs_pause(const struct sqs_link *l, unsigned n);
