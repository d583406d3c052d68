/* Queues by their names, and the batches of small things that are said about them.
 *
 * DESIGN
 *   SQS takes ten deletes, ten messages, ten changed time-outs in one request, for the price and the time of one. So they are gathered:
 *
 *      task: aeon__sqs_batch_ask(entry) ----> waiting ----> a WORKER takes up to ten and sends them ----> each entry's confirmation
 *
 *   A worker starts when ten wait, when the caller knows that no more will come soon (@hurry), or 10 ms after the first entry; once
 *   started it goes on while something waits, so the slower the server, the fuller the batches. Each entry gets its own result from
 *   the lists `Successful` and `Failed`; one that failed and may succeed is sent again, alone with its like.
 */
#pragma once

#include "broker/sqs/link.h"

struct sqs_batch {
        struct sqs_queue *queue;
        const char *action;
        struct list waiting; /* confirmations of struct entry */
        unsigned workers, most_workers;
        bool gathering; /* a worker sleeps until the 10 ms are over */
        bool hurried;   /* a worker was started and has not taken yet */
        bool once;      /* not to be carried out twice */
};

struct sqs_queue {
        struct list node; /* in the link */
        struct sqs_link *link;
        char *url;      /* NULL: not known, or no longer */
        char *url_json; /* the same as a string of JSON */
        bool by_url;    /* it was given as one */
        bool fifo;
        bool transient; /* for answers: keeps messages for minutes only */
        struct sqs_batch send, delete, visibility;
        char name[]; /* as SQS knows it */
};

/* The queue of @destination, a name or a queue's URL; does not ask the server. Lives as long as the link.
 * Errors: -EINVAL SQS cannot have such a name; -ENOMEM. */
int aeon__sqs_queue_get(struct sqs_link *l, const char *destination, struct sqs_queue **ret_queue);
void aeon__sqs_queues_free(struct sqs_link *l);

/* Learn the queue's URL from the server if it is not known, making the queue if it @may_create. Suspends.
 * Errors: -ENOENT it is not there; those of a call. */
AEON_SUSPENDS int aeon__sqs_queue_find(struct sqs_queue *q, aeon_duration patience, bool may_create);

/* The server says that it does not exist: ask anew. False: it was given as a URL, so there is no use. */
bool aeon__sqs_queue_forget(struct sqs_queue *q);

/* Say @entry (the members of a JSON object, stolen; NULL: no memory) about the queue and wait for the server's word on it; @bytes of the
 * limit on a batch. @hurry: nothing else is expected. Suspends; cancellable: -ECANCELED while it is not sent means that it did not happen.
 *
 * Errors: those of a call */
AEON_SUSPENDS int aeon__sqs_batch_ask(struct sqs_batch *b, char *entry, size_t bytes, bool hurry);
