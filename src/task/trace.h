/* Spans, as the rooms above make and send them.
 *
 * DESIGN
 *   The CONTEXT of a task, its place in a trace, is a task variable: spawned tasks and offloaded functions have it too. A span that begins
 *   makes a new context, with itself as the parent of what follows, and puts the former one back when it ends.
 *
 *       request   traceparent --> SERVER span ------ context of the request task
 *                                   |-- "charge"     of the user
 *                                   '-- PRODUCER span --> header of the message --> CONSUMER span, in another process
 *
 *   Whether a trace is SAMPLED is decided where it begins, and goes with it. Of one that is not, contexts are made and handed on, and no
 *   more. While TRACING is off (nobody takes spans) a context is only made of one that has come from outside.
 *
 *   A finished span belongs to whoever takes spans: the sender in src/app.
 *
 *   Sources: W3C Trace Context; OpenTelemetry, "Trace SDK", samplers; OTLP, opentelemetry.proto.trace.v1.
 */
#pragma once

#include "base/text.h"
#include "task/runner.h"

#include <aeon/trace.h>

enum { SPAN_NAME = 128, TRACE_STATE = 512, TRACEPARENT = 55 };

/* By the numbers of OTLP. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };

struct trace_context {
        struct counted counted; /* first: it is what is freed */
        uint8_t trace[16], span[8];
        bool sampled;
        bool silent; /* nothing below it is traced, or handed on */
        int64_t offset; /* from the loops' clock to the time of day: the same for all spans of a tree, so that they fit into each other */
        char state[]; /* the header tracestate; "": none */
};

struct aeon_span {
        struct aeon_span *next; /* of the taker's */
        struct trace_context *context;
        struct trace_context *outer; /* what was current before; NULL: none */
        uint64_t task;               /* whose current one it is; 0: an offloaded function's */
        uint8_t parent[8];           /* zeros: none */
        enum span_kind kind;
        int64_t begun, ended; /* ns since 1970 */
        bool failed;
        struct text words;      /* of the failure */
        struct text attributes; /* see aeon__attribute_add() */
        char name[SPAN_NAME];
};

/* From now on spans are made, of traces that begin here a share @ratio, and @take gets each that has ended: any thread, must not suspend; frees
 * it some time. NULL: no longer. */
void aeon__tracing_set(double ratio, void (*take)(aeon_span *span));
void aeon__span_free(aeon_span *span);

/* Add {"key":"@name","value":{"stringValue":"@value"}} to @attributes, behind a comma where there are others: as OTLP wants it. */
void aeon__attribute_add(struct text *attributes, const char *name, size_t name_size, const char *value, size_t value_size);

/* aeon_span_begin() of another kind. */
AEON_API aeon_span *aeon__span_begin(enum span_kind kind, const char *name);

/* The same for what came from outside with these headers, NULL or "" where there are none. When nothing is traced the task takes its place in the
 * trace all the same, for good. */
AEON_API aeon_span *aeon__span_take_up(enum span_kind kind, const char *name, const char *traceparent, const char *tracestate);

/* What a span does is known only now. */
AEON_API void aeon__span_rename(aeon_span *span, const char *name);

/* The context of the running task; NULL: it has none that is to be handed on. Borrowed until that changes. */
AEON_API const struct trace_context *aeon__trace_now(void);

/* Write it as traceparent, TRACEPARENT letters and a NUL. Returns @text. */
AEON_API char *aeon__traceparent_write(const struct trace_context *context, char text[TRACEPARENT + 1]);

/* The header tracestate that goes with aeon_traceparent(); NULL: none. */
AEON_API const char *aeon__tracestate(void);

/* Each line of the running task says which trace it belongs to. */
AEON_API void aeon__trace_name_lines(void);

/* The running task, which sends spans, is not to make new ones by that. */
void aeon__trace_silence(void);

void aeon__hex_write(const uint8_t *bytes, size_t count, char *text);
