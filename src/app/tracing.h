/* Sending spans to a collector.
 *
 * DESIGN
 *   A part with nothing on the app's loops. Spans that have ended, on whatever thread, are put into a queue of QUEUE_LIMIT; one that finds it
 *   full is dropped and counted. A task on the warden's loop takes up to BATCH of them at a time, every INTERVAL or as soon as there
 *   are so many, and sends them as one OTLP request; a collector that is away is tried again twice, then the batch is dropped and counted.
 *
 *       aeon_span_end()  --lock, append-->  queue  --BATCH-->  JSON  --POST /v1/traces-->  collector
 *
 *   At the end of the app, behind its last hook, what is left is sent within FLUSH.
 *
 *   Sources: OTLP 1.0, "OTLP/HTTP", JSON mapping; OpenTelemetry, "Environment Variable Specification", "OTLP Exporter Configuration".
 */
#pragma once

#include "app/app.h"
#include "base/text.h"
#include "task/trace.h"

/* Where to, how much, and as whom: what the options of @app say, else OTEL_* in the environment. Nothing happens when neither names an
 * endpoint. Errors: -EINVAL, -ENOMEM */
int aeon__tracing_use(aeon_app *app);

/* One request's body: the spans from @first on, @count of them. @resource: its attributes as JSON. */
void aeon__otlp_write(struct text *out, const char *resource, const aeon_span *first, unsigned count);

/* The attributes of the service that sends: service.name, then those of @more, "key=value,key=value" (NULL: none). */
void aeon__otlp_resource(struct text *out, const char *service, const char *more);
