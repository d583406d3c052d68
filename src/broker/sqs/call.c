/* One action of SQS in the AWS JSON protocol, and what its errors mean.
 *
 * DESIGN
 *   POST / with X-Amz-Target: AmazonSQS.ACTION and a JSON object; the answer is one too, or {"__type": "...#CODE", "message": "..."}.
 *   What may pass (no connection, throttling, 5xx) is tried again with full jitter while the caller has patience.
 *   Source: Amazon SQS API Reference; AWS Architecture Blog, "Exponential Backoff And Jitter"
 */
#include "base/random.h"
#include "broker/sqs/link.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTP_OK = 200, HTTP_FORBIDDEN = 403, HTTP_TOO_MANY = 429, HTTP_BROKEN = 500, SHOWN = 200 };

/* Parts of the codes, as the JSON protocol and the older one have them; the first that fits counts. */
static const struct meaning {
        const char *part;
        int error;
} meanings[] = {
        { "NonExistentQueue", -ENOENT },
        { "QueueDoesNotExist", -ENOENT },
        { "ReceiptHandleIsInvalid", -ESTALE },
        { "MessageNotInflight", -ESTALE },
        { "BatchRequestTooLong", -EMSGSIZE },
        { "AccessDenied", -EACCES },
        { "InvalidClientTokenId", -EACCES },
        { "UnrecognizedClient", -EACCES },
        { "Signature", -EACCES },
        { "InvalidAccessKeyId", -EACCES },
        { "MissingAuthenticationToken", -EACCES },
        { "ExpiredToken", -EACCES },
        { "InvalidSecurity", -EACCES },
        { "OptInRequired", -EACCES },
        { "Throttl", -EBUSY },
        { "TooManyRequests", -EBUSY },
        { "RequestLimitExceeded", -EBUSY },
        { "SlowDown", -EBUSY },
        { "InternalError", -EBUSY },
        { "InternalFailure", -EBUSY },
        { "ServiceUnavailable", -EBUSY },
};

static bool is_too_long(const char *message)
{
        return strcasestr(message, "MessageTooLong") || strcasestr(message, "must be shorter than");
}

int aeon__sqs_refusal(const char *action, const char *code, const char *message)
{
        int error = -EREMOTEIO;
        for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
                if (strstr(code, meanings[i].part)) {
                        error = meanings[i].error;
                        break;
                }
        if (error == -EREMOTEIO && is_too_long(message))
                error = -EMSGSIZE;
        return aeon_fail(error, "%s: %s%s%s", action, code, *message ? ": " : "", message);
}

bool aeon__sqs_may_pass(int r)
{
        return r == -ENOTCONN || r == -ECONNABORTED || r == -EBUSY;
}

aeon_duration aeon__sqs_pause(const struct sqs_link *l, unsigned n)
{
        aeon_duration limit = l->account.pause_least;
        for (; n && limit < l->account.pause_most; n--)
                limit *= 2;
        return random_up_to(limit < l->account.pause_most ? limit : l->account.pause_most);
}

/* ------------------------------------------------------------------ one try */

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        return text ? text : "";
}

static int refusal_of(struct sqs_call *call, long status, const json_t *answer, const struct text *body)
{
        const char *type = text_of(answer, "__type"), *hash = strchr(type, '#'), *code = hash ? hash + 1 : type;
        const char *message = text_of(answer, "message");
        if (!*message)
                message = text_of(answer, "Message");
        call->denied = strstr(code, "AccessDenied");
        if (status >= HTTP_BROKEN || status == HTTP_TOO_MANY)
                return aeon_fail(-EBUSY, "%s: the server answered with status %ld: %s: %s", call->action, status, code, message);
        if (*code)
                return aeon__sqs_refusal(call->action, code, message);
        return aeon_fail(status == HTTP_FORBIDDEN ? -EACCES : -EREMOTEIO, "%s: the server answered with status %ld: %.*s",
                         call->action, status, SHOWN, body->data ? body->data : "");
}

static int read_answer(struct sqs_call *call, struct http_response *response, struct text *ret_answer)
{
        if (response->status == HTTP_OK) {
                *ret_answer = response->body;
                return 0;
        }
        struct text *body = &response->body;
        json_t *answer = body->length ? json_loadb(body->data, body->length, JSON_ALLOW_NUL, NULL) : NULL;
        int r = refusal_of(call, response->status, answer, body);
        json_decref(answer);
        aeon__text_done(body);
        return r;
}

static int try(struct sqs_link *l, struct sqs_call *call, struct text *ret_answer)
{
        const struct sqs_account *a = &l->account;
        char url[600], target[80];
        snprintf(url, sizeof url, "%s/", a->endpoint);
        snprintf(target, sizeof target, "X-Amz-Target: AmazonSQS.%s", call->action);
        const char *const headers[] = { target, "Content-Type: application/x-amz-json-1.0", a->token_header, NULL };
        const struct http_request request = {
                .url = url,
                .headers = headers,
                .body = call->request,
                .size = strlen(call->request),
                .connect_timeout = a->connect_timeout,
                .timeout = a->request_timeout + call->wait,
                .sigv4 = a->sigv4,
                .user_password = a->key_secret,
                .ca = a->ca,
                .certificate = a->certificate,
                .key = a->key,
                .insecure = a->insecure,
        };
        struct http_response response;
        int r = aeon__http_send(l->http, &request, &response);
        if (r < 0)
                return r == -ECANCELED ? r : aeon_fail(r, "%s", call->action);
        return read_answer(call, &response, ret_answer);
}

/* ------------------------------------------------------------------ trying again */

static void note(struct sqs_link *l, int r)
{
        bool away = r == -ENOTCONN || r == -ECONNABORTED;
        if (away && !l->away)
                aeon_log_warning("SQS at %s does not answer, trying again: %s", l->account.endpoint, aeon_error_describe(r));
        if (!away && l->away)
                aeon_log_info("SQS at %s answers again", l->account.endpoint);
        l->away = away;
}

int aeon__sqs_call(struct sqs_link *l, struct sqs_call *call, struct text *ret_answer)
{
        aeon_time until = aeon_now() + call->patience;
        if (!call->request)
                return aeon_fail(-ENOMEM, "no memory for a request");
        for (unsigned n = 0;; n++) {
                int r = try(l, call, ret_answer);
                if (r == -ECANCELED)
                        return r;
                note(l, r);
                if (!aeon__sqs_may_pass(r) || (r == -ECONNABORTED && call->once))
                        return r;
                aeon_duration pause = aeon__sqs_pause(l, n);
                if (aeon_now() + pause >= until)
                        return r;
                int cancelled = aeon_sleep(pause);
                if (cancelled < 0)
                        return cancelled;
        }
}

int aeon__sqs_ask(struct sqs_link *l, struct sqs_call *call, json_t *request, json_t **ret_answer)
{
        char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
        struct text body;
        json_decref(request);
        call->request = text;
        int r = aeon__sqs_call(l, call, &body);
        call->request = NULL;
        free(text);
        if (r < 0)
                return r;
        json_t *answer =
                body.length ? json_loadb(body.data, body.length, JSON_ALLOW_NUL, NULL) : json_object(); /* some answer nothing */
        aeon__text_done(&body);
        if (!json_is_object(answer)) {
                json_decref(answer);
                return aeon_fail(-EREMOTEIO, "%s: the server's answer cannot be understood", call->action);
        }
        *ret_answer = answer;
        return 0;
}
