/* Whose queues, and where: what the URL, the environment and the credentials file say.
 *
 *     sqs://REGION[/ACCOUNT][?options]                       Amazon's own, https
 *     sqs+http://[KEY:SECRET@]HOST[:PORT][?options]          something that speaks like it
 *     sqs+https://[KEY:SECRET@]HOST[:PORT][?options]
 *
 * DESIGN
 *   Credentials are looked for where every AWS tool looks, first hit counts: the URL, then AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 *   AWS_SESSION_TOKEN, then the profile in ~/.aws/credentials. Without any, Amazon's own is refused and other servers are spoken to
 *   without a signature.
 */
#pragma once

#include "broker/options.h"

struct sqs_account {
        struct broker_url *url;
        char *endpoint; /* "https://sqs.eu-west-1.amazonaws.com", without a "/" at its end */
        char *region;
        const char *owner; /* of the queues; "": whose credentials they are */

        char *sign;         /* "REGION:sqs"; NULL: requests are not signed */
        char *key_secret;   /* "KEY:SECRET" */
        char *token_header; /* "X-Amz-Security-Token: TOKEN"; NULL: a lasting key */

        const char *ca, *certificate, *key;
        bool insecure;
        aeon_duration connect_timeout, pause_least, pause_most;
        aeon_duration request_timeout; /* for an answer, beyond what a poll waits */
        aeon_duration linger;          /* how long a stop waits for a poll to end by itself */
        long max_message;              /* bytes of body and attributes */
        bool create;                   /* make queues that are not there */
};

/* Errors: -EINVAL an option or the URL; -EACCES there are no credentials; -ENOMEM. */
int aeon__sqs_account_read(const char *url, struct sqs_account *ret_account);
void aeon__sqs_account_done(struct sqs_account *a);
