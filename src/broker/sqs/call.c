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

static int refusal_of(struct sqs_call *call, int status, const json_t *answer, aeon_bytes body)
{
        const char *type = text_of(answer, "__type"), *hash = strchr(type, '#'), *code = hash ? hash + 1 : type;
        const char *message = text_of(answer, "message");
        if (!*message)
                message = text_of(answer, "Message");
        call->denied = strstr(code, "AccessDenied");
        if (status >= HTTP_BROKEN || status == HTTP_TOO_MANY)
                return aeon_fail(-EBUSY, "%s: the server answered with status %d: %s: %s", call->action, status, code, message);
        if (*code)
                return aeon__sqs_refusal(call->action, code, message);
        return aeon_fail(status == HTTP_FORBIDDEN ? -EACCES : -EREMOTEIO, "%s: the server answered with status %d: %.*s",
                         call->action, status, SHOWN, (const char *)body.data);
}

static int read_answer(struct sqs_call *call, const aeon_http_response *response, struct text *ret_answer)
{
        int status = aeon_http_response_status(response);
        aeon_bytes body = aeon_http_response_body(response);
        if (status == HTTP_OK) {
                struct text text = { 0 };
                aeon__text_add(&text, body.data, body.size);
                if (text.failed)
                        return aeon_fail(-ENOMEM, "%s: no memory for the answer", call->action);
                *ret_answer = text;
                return 0;
        }
        json_t *answer = body.size ? json_loadb(body.data, body.size, JSON_ALLOW_NUL, NULL) : NULL;
        int r = refusal_of(call, status, answer, body);
        json_decref(answer);
        return r;
}

/* What a failed call means here: whether the request can have been carried out. */
static int loss_of(int r)
{
        switch (r) {
        case -EINVAL:
        case -ENOMEM:
        case -ECANCELED:
                return r;
        case -ECONNRESET:
        case -EBADMSG:
        case -EMSGSIZE:
        case -EIO:
                return -ECONNABORTED;
        default:
                return -ENOTCONN;
        }
}

static int try(struct sqs_link *l, struct sqs_call *call, struct text *ret_answer)
{
        char target[80];
        snprintf(target, sizeof target, "X-Amz-Target: AmazonSQS.%s", call->action);
        const aeon_http_call http = {
                .url = "/",
                .headers = (const char *const[]){ target, NULL },
                .body = { call->request, strlen(call->request), "application/x-amz-json-1.0" },
                .aws = l->account.sign,
        };
        aeon_http_response *response = NULL;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = l->account.request_timeout + call->wait, .name = "sqs answer" });
        int r = aeon_scope_close(&limit, aeon_http_send(l->http, &http, &response));
        if (r == -ETIMEDOUT && aeon_scope_caught(&limit))
                return aeon_fail(-ECONNABORTED, "%s: the server does not answer", call->action);
        if (r == -ECANCELED)
                return r;
        if (r < 0)
                return aeon_fail_at(loss_of(r), true, AEON_HERE, "%s: %s", call->action, aeon_error_describe(r));
        r = read_answer(call, response, ret_answer);
        aeon_http_response_free(response);
        return r;
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
        if (r != -EINVAL && r != -ENOMEM) /* of our own making */
                aeon__link_answers(l->link, !away);
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
