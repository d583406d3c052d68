/* Spans as OTLP's JSON: ids in hex, times as strings of nanoseconds, kinds and codes as numbers; see tracing.h. */
#include "app/tracing.h"

#include "aeon_config.h"

#include <inttypes.h>
#include <string.h>

enum { STATUS_ERROR = 2 };

static void add_attribute(struct text *out, const char *name, const char *value)
{
        aeon__attribute_add(out, name, strlen(name), value, strlen(value));
}

void aeon__otlp_resource(struct text *out, const char *service, const char *more)
{
        add_attribute(out, "service.name", service);
        add_attribute(out, "telemetry.sdk.name", "aeon");
        add_attribute(out, "telemetry.sdk.version", AEON_VERSION);
        while (more && *more) {
                size_t size = strcspn(more, ",");
                const char *equals = memchr(more, '=', size);
                if (equals && equals > more && strncmp(more, "service.name=", strlen("service.name=")) != 0)
                        aeon__attribute_add(out, more, (size_t)(equals - more), equals + 1, size - (size_t)(equals - more) - 1);
                more += size + (more[size] == ',');
        }
}

static void add_span(struct text *out, const aeon_span *s)
{
        static const uint8_t nobody[8];
        const struct trace_context *c = s->context;
        char id[33];
        aeon__hex_write(c->trace, sizeof c->trace, id);
        aeon__text_print(out, "{\"traceId\":\"%s\"", id);
        aeon__hex_write(c->span, sizeof c->span, id);
        aeon__text_print(out, ",\"spanId\":\"%s\"", id);
        if (memcmp(s->parent, nobody, sizeof nobody) != 0) {
                aeon__hex_write(s->parent, sizeof s->parent, id);
                aeon__text_print(out, ",\"parentSpanId\":\"%s\"", id);
        }
        if (*c->state) {
                aeon__text_print(out, ",\"traceState\":");
                aeon__json_add_string(out, c->state);
        }
        aeon__text_print(out, ",\"name\":");
        aeon__json_add_string(out, s->name);
        aeon__text_print(
                out, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "\",\"endTimeUnixNano\":\"%" PRId64 "\",\"attributes\":[%s]",
                s->kind, s->begun, s->ended, s->attributes.data && !s->attributes.failed ? s->attributes.data : "");
        if (s->failed)
                aeon__text_print(out, ",\"status\":{\"code\":%d,\"message\":%s}", STATUS_ERROR,
                                 s->words.data && !s->words.failed ? s->words.data : "\"\"");
        aeon__text_print(out, "}");
}

void aeon__otlp_write(struct text *out, const char *resource, const aeon_span *first, unsigned count)
{
        aeon__text_print(out,
                         "{\"resourceSpans\":[{\"resource\":{\"attributes\":[%s]},\"scopeSpans\":[{\"scope\":{\"name\":\"aeon\","
                         "\"version\":\"" AEON_VERSION "\"},\"spans\":[",
                         resource);
        for (unsigned i = 0; i < count; i++, first = first->next) {
                if (i)
                        aeon__text_add(out, ",", 1);
                add_span(out, first);
        }
        aeon__text_print(out, "]}]}]}");
}
