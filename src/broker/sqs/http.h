/* An HTTP client on the loop: libcurl does the protocol, TLS and the pool of connections, the loop does the waiting.
 *
 * DESIGN
 *   One curl multi handle per client. curl says which sockets it wants to hear of and when it wants to be called again; each such socket has a
 *   task that waits for it with aeon_watch_wait(), and one more task keeps curl's time. A transfer is a struct on the stack of
 *   the task that asked for it. Names are resolved on curl's own threads.
 *
 *        task: aeon__http_send() ---> curl_multi_add_handle
 *                   ^                      | wants socket 7 readable, and to be called in 5 s
 *                   |                      v
 *              confirmation <--- socket task, timer task: curl_multi_socket_action
 */
#pragma once

#include "base/text.h"

#include <aeon/task.h>
#include <aeon/time.h>

struct http_client;

struct http_request {
        const char *url;
        const char *const *headers; /* "Name: value", NULL-terminated */
        const void *body;           /* POSTed; borrowed until the call returns */
        size_t size;
        aeon_duration connect_timeout, timeout; /* to be connected; in all */

        /* AWS signature version 4, "aws:amz:REGION:SERVICE"; NULL: unsigned. */
        const char *sigv4, *user_password;

        /* TLS. NULL: the system's authorities, no certificate of ours. */
        const char *ca, *certificate, *key;
        bool insecure; /* the server's certificate is not checked */
};

struct http_response {
        long status;
        struct text body; /* the caller's: aeon__text_done() */
};

/* @group: for the tasks of the client, which are not cancelled with it. Errors: -ENOMEM. */
int aeon__http_open(aeon_group *group, struct http_client **ret_client);

/* No request may be under way. Suspends until its tasks have ended; NULL is accepted. */
AEON_SUSPENDS void aeon__http_close(struct http_client *c);

/* Send a request and wait for the whole response, whatever its status.
 *
 * Suspends. Cancellable: the connection is closed then, and nobody knows whether the request was carried out.
 *
 * Errors: -ENOTCONN nothing was sent, the words say why; -ECONNABORTED it was sent and no answer came; -EINVAL the URL or the TLS files
 *         cannot be; -ENOMEM */
AEON_SUSPENDS int aeon__http_send(struct http_client *c, const struct http_request *request, struct http_response *ret_response);
