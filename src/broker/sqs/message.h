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

#include "broker/driver.h"

#include <jansson.h>

/* The entry of a SendMessageBatch for @e, without Id, delay and group. Adds what SQS counts to *@ret_bytes.
 * Errors: -EMSGSIZE it is above @limit; -ENOMEM */
int aeon__sqs_encode(const struct envelope *e, size_t limit, json_t **ret_entry, size_t *ret_bytes);

/* A message for the core from one of ReceiveMessage's. NULL: no memory. */
struct aeon_message *aeon__sqs_decode(const json_t *received, const char *destination);

/* The same message once more, to be sent: it will come as attempt number @attempt at first. NULL: it cannot be said in ten attributes. */
json_t *aeon__sqs_copy(const json_t *received, unsigned attempt, size_t *ret_bytes);
