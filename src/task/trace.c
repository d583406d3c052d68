/* Spans and their place in a trace; see trace.h. */
#include "task/trace.h"

#include "base/log.h"
#include "base/random.h"

#include <aeon/log.h>
#include <aeon/var.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Atomic(void (*)(aeon_span *)) taker; /* NULL: tracing is off */
static _Atomic uint64_t sampled_below;       /* of a trace id's last eight bytes, halved */
static aeon_var context_var = { .name = "trace" };

void aeon__tracing_set(double ratio, void (*take)(aeon_span *span))
{
        atomic_store(&sampled_below, ratio >= 1 ? UINT64_MAX : (uint64_t)(ratio * 0x1p63));
        atomic_store(&taker, take);
}

/* ------------------------------------------------------------------ ids */

static void random_bytes(uint8_t *bytes, size_t count)
{
        static __thread uint64_t state;
        if (!state && getrandom(&state, sizeof state, GRND_NONBLOCK) != sizeof state)
                state = (uint64_t)aeon_now() ^ (uintptr_t)&state;
        for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
                uint64_t number = random_next(aeon__random_state ? aeon__random_state : &state) | 1; /* never all zeros */
                memcpy(bytes + i, &number, sizeof number);
        }
}

/* The same everywhere, so that services which sample on their own sample the same traces. */
static bool decide(const uint8_t trace[16])
{
        uint64_t number = 0;
        for (int i = 8; i < 16; i++)
                number = number << 8 | trace[i];
        return number >> 1 < atomic_load(&sampled_below);
}

void aeon__hex_write(const uint8_t *bytes, size_t count, char *text)
{
        for (size_t i = 0; i < count; i++) {
                *text++ = "0123456789abcdef"[bytes[i] >> 4];
                *text++ = "0123456789abcdef"[bytes[i] & 15];
        }
        *text = '\0';
}

/* @count bytes of lower-case hex; false when they are none, or all zeros. */
static bool hex_read(const char *text, uint8_t *bytes, size_t count)
{
        uint8_t any = 0;
        for (size_t i = 0; i < count; i++, any |= bytes[i - 1]) {
                const char *digits = "0123456789abcdef";
                const char *high = text[2 * i] ? strchr(digits, text[2 * i]) : NULL;
                const char *low = high && text[2 * i + 1] ? strchr(digits, text[2 * i + 1]) : NULL;
                if (!low)
                        return false;
                bytes[i] = (uint8_t)((high - digits) << 4 | (low - digits));
        }
        return any;
}

/* What a span begins below. */
struct origin {
        uint8_t trace[16], span[8]; /* zeros: it begins a trace, and has no parent */
        bool sampled;
        int64_t offset;    /* 0: it has none yet */
        const char *state; /* "": none */
};

/* version-trace-parent-flags. A version that is not known yet may say more behind these. */
static bool traceparent_read(const char *text, struct origin *o)
{
        uint8_t version = 0, flags = 0;
        if (!text || strlen(text) < TRACEPARENT || text[2] != '-' || text[35] != '-' || text[52] != '-')
                return false;
        bool first = !strncmp(text, "00", 2);
        bool ends = !text[TRACEPARENT] || (!first && text[TRACEPARENT] == '-');
        if (!ends || (!first && !hex_read(text, &version, 1)) || version == 0xff)
                return false;
        bool whole = hex_read(text + 3, o->trace, 16) && hex_read(text + 36, o->span, 8);
        if (!whole || (strncmp(text + 53, "00", 2) != 0 && !hex_read(text + 53, &flags, 1)))
                return false;
        o->sampled = flags & 1;
        return true;
}

/* ------------------------------------------------------------------ contexts */

static struct trace_context *context_new(const struct origin *o)
{
        struct trace_context *c = calloc(1, sizeof *c + strlen(o->state) + 1);
        if (!c)
                return NULL;
        memcpy(c->trace, o->trace, sizeof c->trace);
        memcpy(c->span, o->span, sizeof c->span);
        c->sampled = o->sampled;
        c->offset = o->offset;
        strcpy(c->state, o->state);
        atomic_init(&c->counted.holders, 1);
        return c;
}

static struct trace_context *context_hold(struct trace_context *c)
{
        if (c)
                atomic_fetch_add_explicit(&c->counted.holders, 1, memory_order_relaxed);
        return c;
}

static void context_drop(struct trace_context *c)
{
        if (c && atomic_fetch_sub_explicit(&c->counted.holders, 1, memory_order_acq_rel) == 1)
                free(c);
}

/* Make @c the running task's. @c NULL: it has none. */
static int context_set(struct trace_context *c)
{
        return c ? aeon__task_var_set_counted(&context_var, &context_hold(c)->counted) : aeon_task_var_set(&context_var, NULL);
}

static struct trace_context *context_now(void)
{
        return aeon_task_var_get(&context_var);
}

const struct trace_context *aeon__trace_now(void)
{
        const struct trace_context *c = context_now();
        return c && !c->silent ? c : NULL;
}

void aeon__trace_silence(void)
{
        struct trace_context *c = context_new(&(struct origin){ .state = "" });
        if (!c)
                return;
        c->silent = true;
        context_set(c);
        context_drop(c);
}

char *aeon__traceparent_write(const struct trace_context *c, char text[TRACEPARENT + 1])
{
        strcpy(text, "00-");
        aeon__hex_write(c->trace, 16, text + 3);
        text[35] = '-';
        aeon__hex_write(c->span, 8, text + 36);
        memcpy(text + 52, c->sampled ? "-01" : "-00", 4);
        return text;
}

const char *aeon_traceparent(void)
{
        static __thread char text[TRACEPARENT + 1];
        const struct trace_context *c = aeon__trace_now();
        return c ? aeon__traceparent_write(c, text) : NULL;
}

const char *aeon__tracestate(void)
{
        const struct trace_context *c = aeon__trace_now();
        return c && *c->state ? c->state : NULL;
}

void aeon__trace_name_lines(void)
{
        char id[33];
        const struct trace_context *c = aeon__trace_now();
        if (!c)
                return;
        aeon__hex_write(c->trace, 16, id);
        if (aeon__log_with("trace_id", id) < 0)
                aeon_error_clear(); /* it goes on without */
}

/* ------------------------------------------------------------------ beginning */

static uint64_t task_now(void)
{
        const struct aeon_task *t = aeon__task_now();
        return t ? t->id : 0;
}

void aeon__span_free(aeon_span *s)
{
        context_drop(s->context);
        context_drop(s->outer);
        aeon__text_done(&s->words);
        aeon__text_done(&s->attributes);
        free(s);
}

/* What the time of day is ahead of the loops' clock. Nobody may be put aside between the two looks, so it looks again when that seems so. */
static int64_t clock_offset(void)
{
        enum { TRIES = 5, AT_ONCE = 20000 };
        int64_t offset = 0;
        for (int i = 0; i < TRIES; i++) {
                struct timespec t;
                aeon_time before = aeon_now();
                clock_gettime(CLOCK_REALTIME, &t);
                offset = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - before;
                if (aeon_now() - before < AT_ONCE)
                        break;
        }
        return offset;
}

static aeon_span *begin_below(enum span_kind kind, const char *name, const struct origin *origin)
{
        aeon_span *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->context = context_new(origin);
        if (s->context && !s->context->offset)
                s->context->offset = clock_offset();
        s->outer = context_hold(context_now());
        memcpy(s->parent, origin->span, sizeof s->parent);
        if (s->context)
                random_bytes(s->context->span, 8);
        if (!s->context || context_set(s->context) < 0) {
                aeon_error_clear();
                aeon__span_free(s);
                return NULL;
        }
        s->task = task_now();
        s->kind = kind;
        s->begun = aeon_now() + s->context->offset;
        aeon__span_rename(s, name);
        return s;
}

/* The first of a trace. */
static aeon_span *begin_trace(enum span_kind kind, const char *name)
{
        struct origin origin = { .state = "" };
        random_bytes(origin.trace, 16);
        origin.sampled = decide(origin.trace);
        return begin_below(kind, name, &origin);
}

aeon_span *aeon__span_begin(enum span_kind kind, const char *name)
{
        if (!atomic_load_explicit(&taker, memory_order_relaxed))
                return NULL;
        const struct trace_context *parent = context_now();
        if (parent && (parent->silent || !parent->sampled)) /* what is around it is not sampled either */
                return NULL;
        if (!parent)
                return begin_trace(kind, name);
        struct origin origin = { .sampled = true, .offset = parent->offset, .state = parent->state };
        memcpy(origin.trace, parent->trace, sizeof origin.trace);
        memcpy(origin.span, parent->span, sizeof origin.span);
        return begin_below(kind, name, &origin);
}

aeon_span *aeon_span_begin(const char *name)
{
        return aeon__span_begin(SPAN_INTERNAL, name);
}

aeon_span *aeon__span_take_up(enum span_kind kind, const char *name, const char *traceparent, const char *tracestate)
{
        struct origin remote = { .state = "" };
        bool on = atomic_load_explicit(&taker, memory_order_relaxed);
        if (!traceparent_read(traceparent, &remote))
                return on ? begin_trace(kind, name) : NULL;
        if (tracestate && strlen(tracestate) <= TRACE_STATE)
                remote.state = tracestate;
        if (on)
                return begin_below(kind, name, &remote);
        struct trace_context *c = context_new(&remote);
        if (c && context_set(c) < 0)
                aeon_error_clear();
        context_drop(c);
        return NULL;
}

/* ------------------------------------------------------------------ what is said of it, and the end */

void aeon__span_rename(aeon_span *s, const char *name)
{
        if (s)
                snprintf(s->name, sizeof s->name, "%s", name);
}

/* Nobody will see it. */
static bool is_unseen(const aeon_span *s)
{
        return !s || !s->context->sampled;
}

static void begin_attribute(struct text *t, const char *name, size_t size)
{
        aeon__text_print(t, "%s{\"key\":", t->length ? "," : "");
        aeon__json_add_bytes(t, name, size);
}

void aeon__attribute_add(struct text *t, const char *name, size_t name_size, const char *value, size_t value_size)
{
        begin_attribute(t, name, name_size);
        aeon__text_print(t, ",\"value\":{\"stringValue\":");
        aeon__json_add_bytes(t, value, value_size);
        aeon__text_print(t, "}}");
}

void aeon_span_set(aeon_span *s, const char *name, const char *value)
{
        if (!is_unseen(s) && value)
                aeon__attribute_add(&s->attributes, name, strlen(name), value, strlen(value));
}

void aeon_span_set_number(aeon_span *s, const char *name, double value)
{
        if (is_unseen(s) || !isfinite(value))
                return;
        begin_attribute(&s->attributes, name, strlen(name));
        if (fabs(value) < 0x1p53 && value == (double)(int64_t)value)
                aeon__text_print(&s->attributes, ",\"value\":{\"intValue\":\"%lld\"}}", (long long)value);
        else
                aeon__text_print(&s->attributes, ",\"value\":{\"doubleValue\":%.17g}}", value);
}

void aeon_span_fail(aeon_span *s, const char *words)
{
        if (is_unseen(s))
                return;
        s->failed = true;
        aeon__text_done(&s->words);
        aeon__json_add_string(&s->words, words ? words : "");
}

void aeon_span_end(aeon_span *s)
{
        if (!s)
                return;
        if (s->task == task_now() && context_set(s->outer) < 0)
                aeon_error_clear(); /* the task goes on below a span that has ended */
        s->ended = aeon_now() + s->context->offset;
        void (*take)(aeon_span *) = atomic_load(&taker);
        if (take && s->context->sampled)
                take(s);
        else
                aeon__span_free(s);
}
