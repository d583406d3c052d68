/* Subscriptions: polls, leases and verdicts.
 *
 * DESIGN
 *   `pollers` tasks ask for up to ten messages each, as many as there is credit for, and wait at the server for them. A poll that comes back
 *   empty makes the next one twice as long, from one second up to `wait`, and one that brings something starts at a second again:
 *   so a poll is never much longer than the queue has been quiet.
 *
 *   A STOP does not abort polls: the server may just have taken a message for one, which would then be invisible for all of its
 *   visibility time-out. drain() leaves them alone; what they bring goes back at once; close() waits for them, `linger` at most.
 *
 *   ATTEMPTS. SQS counts deliveries, and nothing of a message can be changed. A message that is RELEASED was delivered and has not
 *   failed; so it is sent again as a copy that says which attempt it is, and then deleted. RETRY sets the visibility time-out to
 *   the delay, and the next delivery counts. In a FIFO queue a copy would lose its place: there RELEASE sets the time-out to 0 and
 *   a delivery is an attempt.
 */
#pragma once

#include "broker/sqs/message.h"
#include "broker/sqs/queue.h"

struct sqs_source {
        struct source *source; /* NULL once unsubscribed; the polls may live on */
        struct sqs_link *link;
        struct sqs_queue *queue;
        char *destination;
        unsigned credit, unsettled; /* unsettled: with the core, without a verdict */
        long wait, visibility;      /* seconds */
        struct list deliveries;
        struct list starved; /* pollers that wait for credit */
        struct list napping; /* pollers that wait after a failure */
        unsigned users;      /* the subscription and each poller */
        bool draining;
};

int aeon__sqs_subscribe(struct source *source);
void aeon__sqs_credit(struct source *source, unsigned more);
void aeon__sqs_drain(struct source *source);
void aeon__sqs_unsubscribe(struct source *source);
int aeon__sqs_lag(struct source *source, uint64_t *ret_lag);
int aeon__sqs_settle(struct aeon_message *m, const struct settlement *settlement);
void aeon__sqs_extend(struct source *source, struct aeon_message *const *messages, size_t count);

/* A message that is ours for a time: aeon_message.token. */
struct sqs_delivery {
        struct list node; /* in the source */
        struct sqs_source *source;
        struct sqs_received received;
        unsigned attempt;
        aeon_time until; /* then it is lent no longer, as far as we know */
        bool leaving;    /* its time-out is being set by a verdict: not to be extended */
};

/* settle.c */
struct sqs_delivery *aeon__sqs_delivery_new(struct sqs_source *s, const struct sqs_received *received, unsigned attempt);
void aeon__sqs_delivery_free(struct sqs_delivery *d);
AEON_SUSPENDS int aeon__sqs_give_back(struct sqs_delivery *d, bool hurry);
