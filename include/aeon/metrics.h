/* aeon/metrics.h - numbers about the service, for Prometheus and its like.
 *
 *         AEON_COUNTER(shop_orders_total, "Orders taken.", "kind");
 *         AEON_GAUGE(shop_carts, "Carts that are not paid yet.");
 *         AEON_HISTOGRAM(shop_charge_seconds, "How long a charge took.", "provider");
 *
 *         shop_orders_total_add(1, "web");
 *         shop_carts_set(17);
 *         shop_charge_seconds_observe(0.2, "visa");
 *
 * Each is a FAMILY: a name, words for people, and the names of up to four labels. With values for its labels it is a SERIES, one
 * number (of a histogram some) that the admin listener shows at /metrics, with what Aeon counts by itself (docs/observability.md).
 *
 * They belong to the process. Every thread counts in memory of its own and the sum is made by who asks, so counting takes no lock and
 * shares no cache line: some nanoseconds, and some tens more where label values are looked up by their text.
 *
 * LABEL VALUES ARE FEW: a route, a kind, a region; never an id, a user or a path, for each new one is a series that is kept for ever. A
 * family takes max_series of them and counts all further ones together, with "other" in every label. */
#ifndef AEON_METRICS_H
#define AEON_METRICS_H

#include <aeon/attributes.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { AEON_METRIC_LABELS = 4 };

typedef enum aeon_metric_kind {
        AEON_METRIC_COUNTER,   /* only grows; its name ends in _total */
        AEON_METRIC_GAUGE,     /* goes up and down */
        AEON_METRIC_HISTOGRAM, /* how often a value came, by size */
} aeon_metric_kind;

typedef struct aeon_metric aeon_metric; /* a family */
typedef struct aeon_series aeon_series; /* one of its series */

/* ------------------------------------------------------------------ declared where it is used */

/* Declare a family: its name, words for people, the names of its labels. At file level, in a source file or in a header that several
 * include. Makes typed functions, with one `const char *` for each label behind the number:
 *
 *     NAME_add(n, ...)        a counter or a gauge; n of a counter is not negative
 *     NAME_set(v, ...)        a gauge
 *     NAME_observe(v, ...)    a histogram; its buckets are for seconds: 0.0001 to 10
 *     NAME_series(...)        the series itself, for where the look-up by text costs too much
 *
 * A name that cannot be, or that another family has, keeps the app from starting; NAME_add() and so on then do nothing. */
#define AEON_COUNTER(name, ...)                                      \
        AEON__METRIC(name, AEON_METRIC_COUNTER, __VA_ARGS__)         \
        AEON__METRIC_CALL(name, add, AEON__LABEL_COUNT(__VA_ARGS__)) \
        struct aeon__needs_a_semicolon
#define AEON_GAUGE(name, ...)                                        \
        AEON__METRIC(name, AEON_METRIC_GAUGE, __VA_ARGS__)           \
        AEON__METRIC_CALL(name, add, AEON__LABEL_COUNT(__VA_ARGS__)) \
        AEON__METRIC_CALL(name, set, AEON__LABEL_COUNT(__VA_ARGS__)) \
        struct aeon__needs_a_semicolon
#define AEON_HISTOGRAM(name, ...)                                        \
        AEON__METRIC(name, AEON_METRIC_HISTOGRAM, __VA_ARGS__)           \
        AEON__METRIC_CALL(name, observe, AEON__LABEL_COUNT(__VA_ARGS__)) \
        struct aeon__needs_a_semicolon

/* ------------------------------------------------------------------ made at run time */

typedef struct aeon_metric_opts {
        const char *const *labels; /* their names, NULL at the end; NULL: none */
        const double *buckets;     /* a histogram's upper bounds, rising; NULL: those for seconds */
        unsigned bucket_count;     /* at most 32 */
        unsigned max_series;       /* 1000 */
} aeon_metric_opts;

/* Make a family, or give the one that has this name, kind and labels already. It is never freed. All is copied. Any thread.
 *
 * Errors: -EINVAL  the name or a label's is not made of letters, digits and _ (in names also :), or begins with a digit or, of names,
 *                  with process_; a counter's name does not end in _total, or another's does; more than four labels; the buckets do not rise
 *         -EEXIST  another family has the name
 *         -ENOMEM
 * Source: Prometheus, "Metric and label naming". */
AEON_API AEON_MUST_CHECK int aeon_metric_open(aeon_metric_kind kind, const char *name, const char *help,
                                              const aeon_metric_opts *opts, aeon_metric **ret_metric);

/* The series with these label values: as many as the family has labels, in their order; NULL for a family without labels. It is made
 * when it is new, and never freed: keep it. Takes no lock when it is there. NULL when @metric is NULL or memory is short, and every
 * call below accepts that. Any thread. */
AEON_API aeon_series *aeon_metric_series(aeon_metric *metric, const char *const *values);

/* Count. What is not for the series' kind, or below 0 for a counter, is ignored. Any thread; neither suspends nor fails; not for signal
 * handlers. Setting a gauge takes a lock, the others none. */
AEON_API void aeon_series_add(aeon_series *series, double n);
AEON_API void aeon_series_set(aeon_series *series, double value);
AEON_API void aeon_series_observe(aeon_series *series, double value);

/* The sum over all threads, by now; of a histogram how many values came. Any thread. */
AEON_API double aeon_series_value(const aeon_series *series);

/* ------------------------------------------------------------------ behind the macros */

typedef struct aeon_metric_declaration {
        aeon_metric_kind kind;
        const char *name;
        const char *texts[AEON_METRIC_LABELS + 2]; /* the words for people, then the labels */
        aeon_metric *metric;                       /* NULL: it could not be made */
} aeon_metric_declaration;

/* Make the family of @d; that it fails is kept, for the app's start. */
AEON_API void aeon_metric_declare(aeon_metric_declaration *d);

#define AEON__METRIC(name, kind, ...)                                                            \
        extern aeon_metric_declaration name##_metric;                                            \
        AEON_SHARED aeon_metric_declaration name##_metric = { kind, #name, { __VA_ARGS__ }, 0 }; \
        __attribute__((constructor)) static void name##_declare(void)                            \
        {                                                                                        \
                aeon_metric_declare(&name##_metric);                                             \
        }                                                                                        \
        AEON__METRIC_SERIES(name, AEON__LABEL_COUNT(__VA_ARGS__))

#define AEON__METRIC_SERIES(name, count) AEON__METRIC_SERIES_OF(name, count)
#define AEON__METRIC_SERIES_OF(name, count)                                    \
        AEON_INLINE aeon_series *name##_series(AEON__LABELS_ALONE_##count)     \
        {                                                                      \
                const char *const values[] = { AEON__LABEL_VALUES_##count 0 }; \
                return aeon_metric_series(name##_metric.metric, values);       \
        }
#define AEON__METRIC_CALL(name, verb, count) AEON__METRIC_CALL_OF(name, verb, count)
#define AEON__METRIC_CALL_OF(name, verb, count)                                              \
        AEON_INLINE void name##_##verb(double value AEON__LABELS_##count)                    \
        {                                                                                    \
                const char *const values[] = { AEON__LABEL_VALUES_##count 0 };               \
                aeon_series_##verb(aeon_metric_series(name##_metric.metric, values), value); \
        }

#define AEON__LABEL_COUNT(...) AEON__SIXTH(__VA_ARGS__, 4, 3, 2, 1, 0, 0)
#define AEON__SIXTH(a, b, c, d, e, f, ...) f
#define AEON__LABELS_ALONE_0 void
#define AEON__LABELS_ALONE_1 const char *a
#define AEON__LABELS_ALONE_2 const char *a, const char *b
#define AEON__LABELS_ALONE_3 const char *a, const char *b, const char *c
#define AEON__LABELS_ALONE_4 const char *a, const char *b, const char *c, const char *d
#define AEON__LABELS_0
#define AEON__LABELS_1 , const char *a
#define AEON__LABELS_2 , const char *a, const char *b
#define AEON__LABELS_3 , const char *a, const char *b, const char *c
#define AEON__LABELS_4 , const char *a, const char *b, const char *c, const char *d
#define AEON__LABEL_VALUES_0
#define AEON__LABEL_VALUES_1 a,
#define AEON__LABEL_VALUES_2 a, b,
#define AEON__LABEL_VALUES_3 a, b, c,
#define AEON__LABEL_VALUES_4 a, b, c, d,

#ifdef __cplusplus
}
#endif
#endif
