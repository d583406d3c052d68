/* Prometheus' text format.
 *
 * DESIGN
 *   One family after another, each with its words, its kind and its samples:
 *
 *       # HELP aeon_http_requests_total Requests that were answered.
 *       # TYPE aeon_http_requests_total counter
 *       aeon_http_requests_total{method="GET",route="/users/{id}",code="200"} 41
 *
 *   Most families are the registry's (base/metrics.h), where they are counted as things happen. What the app knows anyway, and can be
 *   asked for, is written sample by sample: aeon__measures_write().
 *
 *   Source: Prometheus, "Exposition formats", text format 0.0.4.
 */
#pragma once

#include "app/app.h"
#include "base/metrics.h"
#include "base/text.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct label {
        const char *name, *value;
};

void aeon__exposition_family(struct text *out, aeon_metric_kind kind, const char *name, const char *help);

/* A sample of the family @name; @labels end with a NULL name, NULL: none. */
void aeon__exposition_sample(struct text *out, const char *name, const struct label *labels, double value);

/* A family with one sample. */
void aeon__exposition_number(struct text *out, aeon_metric_kind kind, const char *name, const char *help, double value);

/* A family of the registry; nothing when it has no series yet. */
void aeon__exposition_metric(struct text *out, const aeon_metric *metric);

/* Everything about the process and @app, as /metrics shows it. Any thread. -ENOMEM. */
AEON_API int aeon__metrics_text(aeon_app *app, struct text *out);

/* measures.c, process.c: what is asked for when it is wanted. */
void aeon__measures_write(aeon_app *app, struct text *out);
void aeon__process_write(struct text *out);

/* process.c */
double aeon__process_age(void); /* in seconds */
double aeon__process_cpu_seconds(void);
double aeon__process_resident_bytes(void);
