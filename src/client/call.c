/* Calls: a request is started, and its task waits; see client.h. The contract is in aeon/http_client.h. */
#include "client/client.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------ waiting */

void aeon__http_stop(struct aeon_http_response *x)
{
        if (!x->client)
                return;
        list_remove(&x->in_client);
        x->client->engine->stop(x->transfer);
        x->transfer = NULL;
        x->client = NULL;
}

static bool has(const struct aeon_http_response *x, enum http_wish wish)
{
        return x->done || (wish == HTTP_HEAD && x->head_here) || (wish == HTTP_BYTES && x->body.length > x->taken);
}

static bool give_up(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        container_of(wait, struct aeon_http_response, wait)->task = NULL;
        return true;
}

static void describe(const struct wait *wait, const struct aeon_task *task, char *text, size_t size)
{
        (void)task;
        const struct aeon_http_response *x = container_of(wait, struct aeon_http_response, wait);
        snprintf(text, size, "response to %s %s", x->method, x->shown);
}

/* The next piece of the request, made in this task. */
static int feed(struct aeon_http_response *x)
{
        x->wants_body = false;
        ssize_t n = x->body_fn(x->body_arg, x->out, x->body_left < HTTP_OUT ? (size_t)x->body_left : HTTP_OUT);
        if (n < 0)
                return (int)n;
        if ((n == 0 && x->body_left && x->body_left != UINT64_MAX) || (uint64_t)n > x->body_left || n > HTTP_OUT)
                return aeon_fail(-EINVAL, "%s %s: the pieces of the body are not as long as body_size says", x->method, x->shown);
        if (x->body_left != UINT64_MAX)
                x->body_left -= (uint64_t)n;
        x->body_ended = n == 0;
        x->out_size = (size_t)n;
        x->out_taken = 0;
        if (x->client)
                x->client->engine->resume(x->transfer);
        return 0;
}

static int park(struct aeon_http_response *x, enum http_wish wish)
{
        struct aeon_task *task;
        int r = aeon__wait_enter(&task);
        if (r < 0)
                return r;
        x->wait = (struct wait){ .what = "HTTP response", .object = x, .abort = give_up, .describe = describe };
        x->wish = wish;
        x->task = task;
        return aeon__wait(&x->wait);
}

/* Until @wish has come, or the end. */
static int wait_for(struct aeon_http_response *x, enum http_wish wish)
{
        int r = 0;
        while (r >= 0 && !has(x, wish))
                r = x->wants_body ? feed(x) : park(x, wish);
        return r < 0 ? r : 0;
}

static int result_of(const struct aeon_http_response *x)
{
        if (x->result >= 0)
                return 0;
        return aeon_fail_at(x->result, true, AEON_HERE, "%s %s: %s", x->method, x->shown, x->words);
}

/* ------------------------------------------------------------------ what the engine tells */

static void notify(struct aeon_http_response *x)
{
        struct aeon_task *task = x->task;
        if (!task || !(x->wants_body || has(x, x->wish)))
                return;
        x->task = NULL;
        aeon__wake(task, 0);
}

/* A limit of ours was broken; the engine gives up and would say less about it. */
static void note(struct aeon_http_response *x, int result, const char *words)
{
        x->result = result;
        snprintf(x->words, sizeof x->words, "%s", words);
}

static bool head_ends(struct aeon_http_response *x)
{
        enum { OK = 200, REDIRECT = 300, FAILURE = 400 };
        bool passing = x->status < OK || (x->follows && x->redirected && x->status >= REDIRECT && x->status < FAILURE);
        x->head_here = !passing;
        if (x->head_here && x->streamed)
                notify(x);
        return true;
}

bool aeon__http_head_line(struct aeon_http_response *x, const char *line, size_t size)
{
        if (x->head_here) /* trailers */
                return true;
        while (size && strchr("\r\n", line[size - 1]))
                size--;
        if (!size)
                return head_ends(x);
        if (size > 5 && !memcmp(line, "HTTP/", 5)) { /* of several heads only the last one counts */
                const char *space = memchr(line, ' ', size);
                x->status = space ? atoi(space) : 0;
                x->head.length = 0;
                x->redirected = false;
                return true;
        }
        const char *colon = memchr(line, ':', size), *value = colon + 1, *end = line + size;
        if (!colon || memchr(line, '\0', size))
                return true;
        while (value < end && (*value == ' ' || *value == '\t'))
                value++;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        x->redirected |= !strncasecmp(line, "location:", strlen("location:"));
        aeon__text_add(&x->head, line, (size_t)(colon - line));
        aeon__text_add(&x->head, "", 1);
        aeon__text_add(&x->head, value, (size_t)(end - value));
        aeon__text_add(&x->head, "", 1);
        if (x->head.failed)
                note(x, -ENOMEM, "no memory for the head");
        else if (x->head.length > HTTP_HEAD_MOST)
                note(x, -EMSGSIZE, "the head of the response is longer than 256 KiB");
        return x->result == 0;
}

enum http_taken aeon__http_body(struct aeon_http_response *x, const char *bytes, size_t size)
{
        if (x->streamed && x->body.length - x->taken >= HTTP_WINDOW) {
                x->stuck = true;
                return HTTP_PAUSE;
        }
        if (!x->streamed && size > x->max_body - x->body.length) {
                char words[HTTP_WORDS];
                snprintf(words, sizeof words, "the body is longer than the %zu bytes that are allowed", x->max_body);
                note(x, -EMSGSIZE, words);
                return HTTP_GIVE_UP;
        }
        aeon__text_add(&x->body, bytes, size);
        if (x->body.failed) {
                note(x, -ENOMEM, "no memory for the body");
                return HTTP_GIVE_UP;
        }
        if (x->streamed)
                notify(x);
        return HTTP_TAKEN;
}

size_t aeon__http_wants(struct aeon_http_response *x, char *buffer, size_t size)
{
        size_t n = x->out_size - x->out_taken;
        if (n == 0 && !x->body_ended && x->body_left) {
                x->wants_body = true;
                notify(x);
                return SIZE_MAX;
        }
        n = n < size ? n : size;
        memcpy(buffer, x->out + x->out_taken, n);
        x->out_taken += n;
        return n;
}

void aeon__http_done(struct aeon_http_response *x, int result, const char *words)
{
        list_remove(&x->in_client);
        x->transfer = NULL;
        x->client = NULL;
        x->done = true;
        if (result < 0 && x->result == 0)
                note(x, result, words);
        notify(x);
}

/* ------------------------------------------------------------------ calls */

static int response_new(const aeon_http_call *call, struct aeon_http_client *c, bool streamed,
                        struct aeon_http_response **ret_response)
{
        struct aeon_http_response *x = calloc(1, sizeof *x);
        if (!x)
                return aeon_fail(-ENOMEM, "no memory for an HTTP call");
        list_init(&x->in_client);
        x->streamed = streamed;
        x->max_body = call->max_body ? call->max_body : c->opts.max_body;
        x->body_fn = call->body_fn;
        x->body_arg = call->body_arg;
        x->body_left = call->body_size ? call->body_size : UINT64_MAX;
        if (x->body_fn && !(x->out = malloc(HTTP_OUT))) {
                free(x);
                return aeon_fail(-ENOMEM, "no memory for an HTTP call");
        }
        *ret_response = x;
        return 0;
}

static int start(struct aeon_http_client *c, const aeon_http_call *call, struct aeon_http_response *x)
{
        struct http_request request;
        int r = aeon__http_request_make(c, call, x, &request);
        if (r < 0)
                return r;
        x->follows = request.redirects > 0;
        r = c->engine->start(c->multi, x, &request);
        if (r < 0)
                return aeon_fail(r, "%s %s", x->method, x->shown);
        x->client = c;
        list_append(&c->calls, &x->in_client);
        return 0;
}

static void end_span(aeon_span *span, const struct aeon_http_response *x, int r)
{
        enum { FAILURE = 400 };
        if (x->method)
                aeon__span_rename(span, x->method);
        aeon_span_set(span, "http.request.method", x->method);
        aeon_span_set(span, "url.full", x->shown);
        if (x->status)
                aeon_span_set_number(span, "http.response.status_code", x->status);
        if (r < 0)
                aeon_span_fail(span, aeon_error_describe(r));
        else if (x->status >= FAILURE)
                aeon_span_fail(span, NULL);
        aeon_span_end(span);
}

static int call_until(struct aeon_http_client *c, const aeon_http_call *call, bool streamed, aeon_http_response **ret_response)
{
        struct aeon_task *task;
        int r = aeon__wait_enter(&task);
        if (r == 0)
                r = aeon__http_client_for(c, &c);
        if (r < 0)
                return r;
        struct aeon_http_response *x = NULL;
        r = response_new(call, c, streamed, &x);
        if (r < 0)
                return r;
        aeon_span *span = aeon__span_begin(SPAN_CLIENT, "HTTP");
        r = start(c, call, x);
        if (r == 0)
                r = wait_for(x, streamed ? HTTP_HEAD : HTTP_END);
        if (r == 0 && !(streamed && x->head_here)) /* what goes wrong behind the head is for who reads on */
                r = result_of(x);
        end_span(span, x, r);
        if (r < 0) {
                aeon_http_response_free(x);
                return r;
        }
        *ret_response = x;
        return 0;
}

int aeon_http_send(aeon_http_client *c, const aeon_http_call *call, aeon_http_response **ret_response)
{
        return call_until(c, call, false, ret_response);
}

int aeon_http_open_response(aeon_http_client *c, const aeon_http_call *call, aeon_http_response **ret_response)
{
        return call_until(c, call, true, ret_response);
}

int aeon_http_get(aeon_http_client *c, const char *url, aeon_http_response **ret_response)
{
        return aeon_http_send(c, &(aeon_http_call){ .method = "GET", .url = url }, ret_response);
}

int aeon_http_post(aeon_http_client *c, const char *url, aeon_body body, aeon_http_response **ret_response)
{
        return aeon_http_send(c, &(aeon_http_call){ .method = "POST", .url = url, .body = body }, ret_response);
}

/* ------------------------------------------------------------------ reading in pieces */

static size_t take(struct aeon_http_response *x, void *buffer, size_t size)
{
        size_t n = x->body.length - x->taken;
        n = n < size ? n : size;
        memcpy(buffer, x->body.data + x->taken, n);
        x->taken += n;
        if (x->taken == x->body.length)
                x->taken = x->body.length = 0;
        if (x->stuck && x->taken == 0) {
                x->stuck = false;
                if (x->client)
                        x->client->engine->resume(x->transfer);
        }
        return n;
}

ssize_t aeon_http_response_read(aeon_http_response *x, void *buffer, size_t size)
{
        struct aeon_task *task;
        int r = aeon__wait_enter(&task);
        if (r < 0)
                return r;
        if (x->client && x->client->sched != aeon__sched)
                return aeon_fail(-EXDEV, "%s %s: the response belongs to another loop", x->method, x->shown);
        if (!x->streamed || !size)
                return aeon_fail(-EINVAL, "%s %s: %s", x->method, x->shown,
                                 size ? "its response is not read in pieces" : "a read needs room for at least one byte");
        if (x->reading)
                return aeon_fail(-EBUSY, "%s %s: another task is reading", x->method, x->shown);
        if (has(x, HTTP_BYTES)) {
                aeon__wait_skip(task);
        } else {
                x->reading = true;
                r = wait_for(x, HTTP_BYTES);
                x->reading = false;
                if (r < 0)
                        return r;
        }
        return x->body.length > x->taken ? (ssize_t)take(x, buffer, size) : result_of(x);
}
