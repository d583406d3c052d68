/* The sender of spans; see tracing.h. */
#include "app/tracing.h"

#include "loop/loop.h"
#include "record/number.h"

#include <aeon/http_client.h>
#include <aeon/metrics.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_LIMIT = 4096, BATCH = 512, TRIES = 3, URL_SIZE = 1024, HEADERS = 16 };

#define INTERVAL AEON_SECONDS(1)
#define SEND_TIMEOUT AEON_SECONDS(10)
#define FLUSH AEON_SECONDS(2)

AEON_COUNTER(aeon_trace_spans_sent_total, "Spans that the collector has taken.");
AEON_COUNTER(aeon_trace_spans_dropped_total, "Spans that were lost.", "reason");

static struct sender {
        char url[URL_SIZE];
        char *headers[HEADERS + 1]; /* "Name: value"; ends with NULL */
        double ratio;
        struct text resource;
        bool failing; /* and the log has heard of it */
        aeon_http_client *client;
        aeon_scope life; /* around all sending: shielded, and short of time once the app has ended */
        bool ending;     /* send what is left, and end */

        pthread_mutex_t lock; /* for all below */
        bool open;
        aeon_span *first, **last;
        unsigned count;
        aeon_loop *loop; /* of the task that sends; NULL: it does not run */
        bool woken;
        aeon_scope *nap;                          /* around its sleep, while it sleeps; its loop only */
} sender = { .lock = PTHREAD_MUTEX_INITIALIZER }; /* one app runs in a process at a time */

/* ------------------------------------------------------------------ the queue */

static void end_nap(void *unused)
{
        (void)unused;
        if (sender.nap)
                aeon_scope_cancel(sender.nap, "a batch of spans is there");
}

/* A span has ended: any thread. */
static void take(aeon_span *span)
{
        aeon_loop *wake = NULL;
        pthread_mutex_lock(&sender.lock);
        bool room = sender.open && sender.count < QUEUE_LIMIT;
        if (room) {
                span->next = NULL;
                *sender.last = span;
                sender.last = &span->next;
                if (++sender.count >= BATCH && !sender.woken && sender.loop) {
                        sender.woken = true;
                        wake = aeon__loop_hold(sender.loop);
                }
        }
        pthread_mutex_unlock(&sender.lock);
        if (wake) {
                aeon_post(wake, end_nap, NULL);
                aeon_loop_release(wake);
        }
        if (!room) {
                aeon_trace_spans_dropped_total_add(1, "queue full");
                aeon__span_free(span);
        }
}

/* The first ones, @ret_count of them, as a list of their own. */
static aeon_span *take_batch(unsigned *ret_count)
{
        pthread_mutex_lock(&sender.lock);
        aeon_span *first = sender.first, **end = &first;
        unsigned count = 0;
        for (; *end && count < BATCH; count++)
                end = &(*end)->next;
        sender.first = *end;
        *end = NULL;
        if (!sender.first)
                sender.last = &sender.first;
        sender.count -= count;
        sender.woken = false;
        pthread_mutex_unlock(&sender.lock);
        *ret_count = count;
        return first;
}

static void free_spans(aeon_span *first)
{
        while (first) {
                aeon_span *next = first->next;
                aeon__span_free(first);
                first = next;
        }
}

/* ------------------------------------------------------------------ sending */

/* @ret_passes: what went wrong may do better a little later. */
static int post(const struct text *body, bool *ret_passes)
{
        enum { TOO_MANY = 429, BAD_GATEWAY = 502, GATEWAY_TIMEOUT = 504 };
        aeon_http_response *response = NULL;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = SEND_TIMEOUT, .name = "send spans" });
        int r = aeon_http_send(sender.client,
                               &(aeon_http_call){ .method = "POST",
                                                  .url = sender.url,
                                                  .headers = (const char *const *)sender.headers,
                                                  .body = aeon_body_of(body->data, body->length, "application/json") },
                               &response);
        r = aeon_scope_close(&limit, r);
        *ret_passes = true;
        if (r < 0)
                return r;
        int status = aeon_http_response_status(response);
        *ret_passes = status == TOO_MANY || (status >= BAD_GATEWAY && status <= GATEWAY_TIMEOUT);
        r = aeon_http_response_check(response);
        aeon_http_response_free(response);
        return r;
}

static int post_until_taken(const struct text *body)
{
        bool passes;
        int r = post(body, &passes);
        for (int tries = 1; r < 0 && passes && tries < TRIES && !aeon_cancelled(); tries++)
                r = aeon_sleep(INTERVAL * tries) < 0 ? -ECANCELED : post(body, &passes);
        return r;
}

static void tell(int r, unsigned count)
{
        if (r >= 0) {
                aeon_trace_spans_sent_total_add(count);
                if (sender.failing)
                        aeon_log_info("traces are sent again");
                sender.failing = false;
                return;
        }
        aeon_trace_spans_dropped_total_add(count, "not sent");
        if (!sender.failing)
                aeon_log_warning("traces cannot be sent, %u spans are lost, and those that follow until it can: %s", count,
                                 aeon_error_describe(r));
        sender.failing = true;
}

/* False when there was nothing to send. */
static bool send_batch(void)
{
        unsigned count;
        struct text body = { 0 };
        aeon_span *first = take_batch(&count);
        if (!first)
                return false;
        aeon__otlp_write(&body, sender.resource.data, first, count);
        free_spans(first);
        tell(body.failed ? aeon_fail(-ENOMEM, "no memory for spans") : post_until_taken(&body), count);
        aeon__text_done(&body);
        return true;
}

static void nap(void)
{
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .name = "until there are spans" });
        sender.nap = &scope;
        int r = aeon_sleep(INTERVAL);
        sender.nap = NULL;
        aeon_scope_close(&scope, r);
}

static int send_all(void *unused)
{
        (void)unused;
        aeon_scope_enter(&sender.life);
        while (!aeon_cancelled()) {
                if (send_batch())
                        continue;
                if (sender.ending)
                        break;
                nap();
        }
        aeon_scope_close(&sender.life, 0);
        return 0;
}

/* Until the app has ended: then what is under way, and what is left, has FLUSH. It is not broken off, or the collector might get it twice. */
static int keep_sending(void)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        sender.ending = false;
        aeon_scope_init(&sender.life, &(aeon_scope_opts){ .shield = true, .name = "spans" });
        r = aeon_spawn(g, "send spans", send_all, NULL);
        if (r == 0)
                aeon_sleep_until(AEON_NEVER);
        sender.ending = true;
        if (r == 0) {
                aeon_scope_set_deadline(&sender.life, aeon_now() + FLUSH);
                end_nap(NULL);
        }
        int e = aeon_group_close(g);
        return r < 0 ? r : e;
}

static void set_loop(aeon_loop *loop)
{
        pthread_mutex_lock(&sender.lock);
        aeon_loop *before = sender.loop;
        sender.loop = loop;
        pthread_mutex_unlock(&sender.lock);
        aeon_loop_release(before);
}

/* ------------------------------------------------------------------ as a part of the app */

static void begin_tracing(void)
{
        pthread_mutex_lock(&sender.lock);
        sender.open = true;
        sender.last = &sender.first;
        pthread_mutex_unlock(&sender.lock);
        aeon__tracing_set(sender.ratio, take);
}

static void end_tracing(void)
{
        aeon__tracing_set(0, NULL);
        pthread_mutex_lock(&sender.lock);
        sender.open = false; /* whoever has found take() a moment ago */
        aeon_span *first = sender.first;
        sender.first = NULL;
        unsigned count = sender.count;
        sender.count = 0;
        pthread_mutex_unlock(&sender.lock);
        aeon_trace_spans_dropped_total_add(count, "at the end");
        free_spans(first);
}

static int watch(void *self, aeon_app *app)
{
        (void)self, (void)app;
        aeon__trace_silence();
        int r = aeon_http_client_open(NULL, &sender.client);
        if (r < 0) {
                aeon_log_error("there will be no traces: %s", aeon_error_describe(r));
                aeon__tracing_set(0, NULL);
                return 0;
        }
        set_loop(aeon_loop_hold(aeon_loop_current()));
        r = keep_sending();
        if (r < 0 && r != -ECANCELED)
                aeon_log_error("there will be no traces: %s", aeon_error_describe(r));
        set_loop(NULL);
        aeon_http_client_close(sender.client);
        sender.client = NULL;
        return 0;
}

static void unuse(void *self)
{
        (void)self;
        end_tracing();
        for (int i = 0; i < HEADERS; i++) {
                free(sender.headers[i]);
                sender.headers[i] = NULL;
        }
        aeon__text_done(&sender.resource);
        sender.failing = false;
}

static int begin(void *self, aeon_app *app)
{
        (void)self, (void)app;
        begin_tracing();
        return 0;
}

static const aeon_part tracing_part = { .name = "tracing", .bind = begin, .watch = watch, .free = unuse };

/* ------------------------------------------------------------------ options */

static const char *environment(const char *name)
{
        const char *value = getenv(name);
        return value && *value ? value : NULL;
}

/* The base of an endpoint gets OTLP's path, unless it has that already. */
static int take_url(const char *base, const char *path)
{
        size_t size = strlen(base), end = strlen(path);
        while (end && size && base[size - 1] == '/')
                size--;
        bool has_path = size >= end && !memcmp(base + size - end, path, end);
        if (strncmp(base, "http://", strlen("http://")) != 0 && strncmp(base, "https://", strlen("https://")) != 0)
                return aeon_fail(-EINVAL, "the trace endpoint \"%s\" is no http:// or https:// URL", base);
        if ((size_t)snprintf(sender.url, URL_SIZE, "%.*s%s", (int)size, base, has_path ? "" : path) >= URL_SIZE)
                return aeon_fail(-EINVAL, "the trace endpoint \"%.40s...\" is too long", base);
        return 0;
}

/* 1: there is one. */
static int find_url(const char *option)
{
        const char *disabled = environment("OTEL_SDK_DISABLED"), *url;
        int r = 0;
        if (option && strcmp(option, "off") != 0)
                r = take_url(option, "/v1/traces");
        else if (option || (disabled && !strcasecmp(disabled, "true")))
                return 0;
        else if ((url = environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")))
                r = take_url(url, "");
        else if ((url = environment("OTEL_EXPORTER_OTLP_ENDPOINT")))
                r = take_url(url, "/v1/traces");
        else
                return 0;
        return r < 0 ? r : 1;
}

/* "authorization=Bearer x,tenant=7", values percent-encoded. */
static int take_headers(const char *list)
{
        unsigned count = 0;
        while (list && *list) {
                size_t size = strcspn(list, ",");
                const char *equals = memchr(list, '=', size);
                if (!equals || count == HEADERS)
                        return aeon_fail(-EINVAL, "OTEL_EXPORTER_OTLP_HEADERS: \"%.*s\" is no name=value, or one too many",
                                         (int)size, list);
                char *line = malloc(size + 2), *to = line;
                if (!line)
                        return aeon_fail(-ENOMEM, "no memory for a header");
                sender.headers[count++] = line;
                to = mempcpy(to, list, (size_t)(equals - list));
                to = stpcpy(to, ": ");
                for (const char *c = equals + 1; c < list + size; c++) {
                        unsigned byte;
                        bool coded = *c == '%' && list + size - c > 2 && isxdigit((unsigned char)c[1]) &&
                                     sscanf(c + 1, "%2x", &byte) == 1;
                        *to++ = coded ? (char)byte : *c;
                        c += coded ? 2 : 0;
                }
                *to = '\0';
                list += size + (list[size] == ',');
        }
        return 0;
}

static int take_ratio(double option)
{
        const char *name = environment("OTEL_TRACES_SAMPLER"), *ratio = environment("OTEL_TRACES_SAMPLER_ARG");
        sender.ratio = 1;
        if (option > 0)
                sender.ratio = option;
        else if (name && strstr(name, "always_off"))
                sender.ratio = 0;
        else if (name && strstr(name, "traceidratio") && ratio && aeon__number_parse(ratio, &sender.ratio) < 0)
                return aeon_fail(-EINVAL, "OTEL_TRACES_SAMPLER_ARG: \"%s\" is no number", ratio);
        if (!(sender.ratio >= 0 && sender.ratio <= 1))
                return aeon_fail(-EINVAL, "the share of traces that are sampled is from 0 to 1, not %g", sender.ratio);
        return 0;
}

int aeon__tracing_use(aeon_app *app)
{
        int r = find_url(app->opts.trace_endpoint);
        if (r <= 0)
                return r;
        const char *service = environment("OTEL_SERVICE_NAME"), *headers = environment("OTEL_EXPORTER_OTLP_TRACES_HEADERS");
        r = take_ratio(app->opts.trace_ratio);
        if (r == 0)
                r = take_headers(headers ? headers : environment("OTEL_EXPORTER_OTLP_HEADERS"));
        aeon__otlp_resource(&sender.resource, service ? service : app->opts.name, environment("OTEL_RESOURCE_ATTRIBUTES"));
        if (r == 0 && sender.resource.failed)
                r = aeon_fail(-ENOMEM, "no memory to trace");
        if (r == 0)
                r = aeon_use_part(app, &tracing_part, &sender);
        if (r < 0)
                unuse(NULL);
        return r;
}
