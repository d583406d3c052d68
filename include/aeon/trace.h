/* aeon/trace.h - what happened on behalf of what: distributed traces.
 *
 * A trace is a tree of SPANS, stretches of time with a name, that reaches over processes: W3C's headers traceparent and tracestate carry
 * it along. Aeon makes a span for each request, each message, each publish and each call of the HTTP client, takes the caller's trace up
 * and hands it on. So a service has traces without a line of code:
 *
 *         $ aeon run shop.c --trace-endpoint http://localhost:4318
 *
 * Spans of its own show what a handler spends its time on:
 *
 *         aeon_span *span = aeon_span_begin("charge");
 *         aeon_span_set(span, "provider", name);
 *         int r = charge(order);
 *         if (r < 0)
 *                 aeon_span_fail(span, aeon_error_text());
 *         aeon_span_end(span);
 *
 * They go, in batches, to a collector that speaks OTLP over HTTP (docs/observability.md). Nothing here ever waits for that: when the collector
 * is slow spans are dropped, and counted. Without a collector no span is made, and a trace that comes is handed on all the same. */
#ifndef AEON_TRACE_H
#define AEON_TRACE_H

#include <aeon/attributes.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_span aeon_span;

/* Begin a span inside the running task's current one, or, when there is none, a trace of its own. Until its end it is the current one of this
 * task and of what the task spawns or offloads meanwhile. @name says what is done, not to what: few different ones. Copied, and cut
 * at 127 bytes.
 *
 * NULL when nothing is traced, not called from a task, or memory is short: every call below accepts that. It is yours until
 * aeon_span_end(), which belongs into the same task, spans inside it first. Does not suspend. */
AEON_API aeon_span *aeon_span_begin(const char *name);

/* Give it an attribute. Copied; one that is not UTF-8 has its bad bytes replaced. On the span's own thread. */
AEON_API void aeon_span_set(aeon_span *span, const char *name, const char *value);
AEON_API void aeon_span_set_number(aeon_span *span, const char *name, double value);

/* It has failed, and why. NULL @words: without words. */
AEON_API void aeon_span_fail(aeon_span *span, const char *words);

/* End it: what was current before is so again. Does not suspend. */
AEON_API void aeon_span_end(aeon_span *span);

/* The value of the header traceparent (W3C Trace Context) for what the running task asks of others: "00-TRACE-SPAN-01"; NULL when it belongs
 * to no trace. For protocols that Aeon does not speak. Borrowed until the thread's next call. */
AEON_API const char *aeon_traceparent(void);

#ifdef __cplusplus
}
#endif
#endif
