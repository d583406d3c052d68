/* Messages out, and the answers to requests.
 *
 * DESIGN
 *   Answers come to a queue of the link's own, made by its first request and deleted when it closes; it keeps a message for five minutes only.
 *   One task polls it. Its URL is the address: whoever answers needs no right to look for queues. */
#pragma once

#include "broker/sqs/queue.h"

int aeon__sqs_publish(struct link *link, const struct envelope *e);
int aeon__sqs_reply_open(struct link *link, char *address, size_t size);

/* End the poll, delete the queue. Suspends. */
AEON_SUSPENDS void aeon__sqs_reply_close(struct sqs_link *l);
