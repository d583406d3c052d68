/* Messages as SQS has them: text with up to ten attributes.
 *
 *     MessageBody         the body, if it is text that XML can carry (SQS refuses all other); otherwise it is marked by an attribute:
 *                         "content-encoding" = "base64"  it is base64;
 *                         "empty-body" = "1"             it is empty, and a blank stands there (as FastStream has it);
 *                         "body" (Binary)                it is here, because as base64 it would not fit
 *     content-type, correlation_id, reply_to             as FastStream names them; Propan's "reply" is read too
 *     each header         a String attribute under its own name; its place among them and whether it is empty, which SQS knows not, stand in
 *                         the type's label: "String.1", "String.2.empty"
 *     aeon-headers        all of them as JSON, when they are too many for ten attributes or have names that SQS refuses
 *     aeon-attempt        the attempt that the first delivery of this copy is
 */
#pragma once

#include "base/text.h"
#include "broker/driver.h"
#include "broker/sqs/scan.h"

#include <jansson.h>

/* The entry of a SendMessageBatch for @e, without Id, delay and group. Adds what SQS counts to *@ret_bytes.
 * Errors: -EMSGSIZE it is above @limit; -ENOMEM */
int aeon__sqs_encode(const struct envelope *e, size_t limit, json_t **ret_entry, size_t *ret_bytes);

/* What a JSON object has between its braces, for a batch; @object is stolen. NULL: no memory. */
char *aeon__sqs_members(json_t *object);

/* Messages as they came: the answer of one ReceiveMessage, kept until the last of them is gone. */
struct sqs_answer {
        unsigned users;
        struct text text;
};

struct sqs_received {
        struct sqs_answer *answer; /* shared: whoever keeps the message counts as a user */
        struct span message;       /* in it */
        struct span receipt;       /* its ReceiptHandle, a string of JSON */
};

/* Takes @text over. NULL: no memory; then it is freed. The caller is the first user. */
struct sqs_answer *aeon__sqs_answer_new(struct text *text);
void aeon__sqs_answer_leave(struct sqs_answer *a);

/* Step into the messages, and to the next one; false at the end. */
struct scan aeon__sqs_messages(struct sqs_answer *a);
bool aeon__sqs_next(struct sqs_answer *a, struct scan *s, struct sqs_received *ret_received);

/* A message for the core; completes @received. NULL: no memory. */
struct aeon_message *aeon__sqs_decode(struct sqs_received *received, const char *destination);

/* The same message once more, to be sent: it will come as attempt number @attempt at first. NULL: it cannot be said in ten attributes, or
 * there is no memory. */
char *aeon__sqs_copy(const struct sqs_received *received, unsigned attempt, size_t *ret_bytes);
