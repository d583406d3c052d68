/* Messages out: publishing, and answering. */
#include "broker/core.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Published in a trace, a message says so. */
static int publish_in_trace(struct connection *c, const struct envelope *e)
{
        struct envelope traced = *e;
        char *headers = aeon__headers_with_trace(e, &traced.headers_size);
        if (!headers)
                return c->link.driver->publish(&c->link, e);
        traced.headers = headers;
        int r = c->link.driver->publish(&c->link, &traced);
        free(headers);
        return r;
}

static void end_span(aeon_span *span, struct connection *c, const struct envelope *e, int r)
{
        char name[SPAN_NAME];
        snprintf(name, sizeof name, "publish %s", e->destination);
        aeon__span_rename(span, name);
        aeon_span_set(span, "messaging.system", c->link.driver->name);
        aeon_span_set(span, "messaging.operation.type", "send");
        aeon_span_set(span, "messaging.destination.name", e->destination);
        if (r < 0)
                aeon_span_fail(span, aeon_error_describe(r));
        aeon_span_end(span);
}

/* Each answer has an address of its own. */
static int publish_answer(struct connection *c, const struct envelope *e)
{
        if (!strpbrk(e->destination, "?%"))
                return publish_in_trace(c, e);
        struct envelope split = *e;
        char *text = malloc(aeon__destination_size(e->destination));
        if (!text)
                return aeon_fail(-ENOMEM, "no memory for a destination");
        aeon__destination_split(text, e->destination, &split.destination, &split.options);
        int r = publish_in_trace(c, &split);
        free(text);
        return r;
}

static int publish_on_route(struct connection *c, const struct envelope *e)
{
        struct route *route;
        int r = aeon__route_take(c, e->destination, &route);
        if (r < 0)
                return r;
        struct envelope routed = *e;
        routed.destination = route->name;
        routed.options = route->options;
        routed.route = route->self;
        aeon_span *span = aeon__span_begin(SPAN_PRODUCER, "publish");
        r = publish_in_trace(c, &routed);
        if (r < 0 && e->reply && *e->reply) {
                aeon_error_clear(); /* it is answered, so it has come to somebody */
                r = 0;
        }
        if (span)
                end_span(span, c, &routed, r);
        aeon__broker_count_publish(&route->meter, c->broker->name, route->name, r);
        route->users--;
        return r;
}

int aeon__publish(struct connection *c, const struct envelope *e)
{
        const struct broker_driver *driver = c->link.driver;
        if (e->size > c->link.max_body)
                return aeon_fail(-EMSGSIZE, "publish to \"%s\": a body of %zu bytes is above the limit of %zu", e->destination,
                                 e->size, c->link.max_body);
        if (e->delay && !(driver->can & CAN_DELAY))
                return aeon_fail(-ENOTSUP, "publish to \"%s\": a %s broker has no delays", e->destination, driver->name);
        if (e->priority && !(driver->can & CAN_PRIORITY))
                return aeon_fail(-ENOTSUP, "publish to \"%s\": a %s broker has no priorities", e->destination, driver->name);
        int r;
        if (e->answer) {
                r = publish_answer(c, e);
                aeon__broker_count_publish(&c->answers, c->broker->name, "(reply)", r);
        } else {
                r = publish_on_route(c, e);
        }
        if (r < 0)
                return aeon_fail(r, "publish to \"%s\"", e->destination);
        COUNT(c, published);
        return 0;
}

static const char *text_or_empty(const char *text)
{
        return text ? text : "";
}

int aeon__publish_body(struct connection *c, const char *destination, aeon_body body, const aeon_publish_opts *opts,
                       struct aeon_message *const *reply)
{
        aeon_publish_opts o = opts ? *opts : (aeon_publish_opts){ 0 };
        if (!destination || !*destination)
                return aeon_fail(-EINVAL, "publish needs a destination");
        if (o.delay < 0)
                return aeon_fail(-EINVAL, "publish to \"%s\": a delay cannot be negative", destination);
        struct envelope e = {
                .destination = destination,
                .options = "",
                .id = "",
                .content_type = text_or_empty(o.content_type ? o.content_type : body.content_type),
                .reply_to = text_or_empty(o.reply_to),
                .correlation_id = text_or_empty(o.correlation_id),
                .body = body.data,
                .size = body.size,
                .delay = o.delay,
                .priority = o.priority,
                .reply = reply,
        };
        char *headers;
        int r = aeon__headers_pack(o.headers, &headers, &e.headers_size);
        if (r < 0)
                return aeon_fail(r, "publish to \"%s\"", destination);
        e.headers = headers;
        r = aeon__publish(c, &e);
        free(headers);
        return r;
}

int aeon_publish(aeon_broker *broker, const char *destination, aeon_body body, const aeon_publish_opts *opts)
{
        struct connection *c;
        int r = aeon__connection_now(broker, &c);
        return r < 0 ? r : aeon__publish_body(c, destination, body, opts, NULL);
}

int aeon_record_publish(aeon_broker *broker, const char *destination, const struct aeon_record *record, const void *object,
                        const aeon_publish_opts *opts)
{
        char *text;
        int r = aeon_record_encode(record, object, &text);
        if (r < 0)
                return r;
        r = aeon_publish(broker, destination, aeon_body_of(text, (size_t)r, "application/json"), opts);
        free(text);
        return r;
}

/* ------------------------------------------------------------------ answers */

static int answer_with(struct aeon_message *m, aeon_body body, const aeon_header *headers)
{
        struct envelope e = {
                .destination = m->envelope.reply_to,
                .options = "",
                .id = "",
                .content_type = text_or_empty(body.content_type),
                .reply_to = "",
                .correlation_id = m->envelope.correlation_id,
                .body = body.data,
                .size = body.size,
                .answer = true,
        };
        char *packed;
        int r = aeon__headers_pack(headers, &packed, &e.headers_size);
        if (r < 0)
                return r;
        e.headers = packed;
        m->answered = true;
        r = aeon__publish(subscription_of(m)->connection, &e);
        free(packed);
        return r;
}

int aeon__answer(struct aeon_message *m, aeon_body body)
{
        return answer_with(m, body, NULL);
}

int aeon__answer_error(struct aeon_message *m, const char *text)
{
        /* "s*": not every error text is UTF-8. */
        json_t *object = json_pack("{s:s*}", "error", text);
        char *body = object ? json_dumps(object, JSON_COMPACT) : NULL;
        json_decref(object);
        const aeon_header headers[] = { { "x-error", text }, { NULL, NULL } };
        int r = answer_with(m, body ? AEON_JSON(body) : AEON_JSON("{}"), headers);
        free(body);
        return r;
}
