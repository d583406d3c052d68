/* Metrics inside: where the numbers lie, and how they are read.
 *
 * DESIGN
 *   A series is a SLOT, the number of a cell (of a histogram the first of some). Each thread has a SHARD, its own cells by slot, which
 *   only it writes: counting is a load, an addition and a store. Whoever reads adds up the cells of all shards.
 *
 *       series --- slot 7         shard of thread A   [ 0 | 3 | ... | 41 | ... ]
 *                                 shard of thread B   [ 2 | 0 | ... |  9 | ... ]      value = base + 41 + 9
 *
 *   The shard of a thread that has ended keeps what it counted and serves the next thread that begins: no sum ever shrinks, and there
 *   are as many shards as there were threads at a time. Cells come in chunks, made when a thread first counts in one.
 *
 *   A gauge that is set changes its BASE, so that base and cells give the value; then threads may go on adding to it.
 *
 *   Series are found by their label values in a table without a lock: entries are only ever added, under the registry's lock, and a
 *   table that is too small is replaced by a larger one and kept, for those who still read in it.
 */
#pragma once

#include <aeon/metrics.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METRIC_BUCKETS = 32 };

struct series_table {
        struct series_table *smaller; /* the one before: somebody may be in it */
        size_t size;                  /* a power of two, more than there are series */
        _Atomic(aeon_series *) slots[];
};

struct aeon_metric {
        aeon_metric *next; /* in order of their making */
        aeon_metric_kind kind;
        char *name, *help;
        unsigned label_count;
        char *labels[AEON_METRIC_LABELS];
        unsigned bucket_count; /* without the last, which has no bound */
        double buckets[METRIC_BUCKETS];
        unsigned max_series, series_count;
        _Atomic(struct series_table *) table;
        _Atomic(aeon_series *) first; /* in order of their making */
        _Atomic(aeon_series *) other; /* what is too many; NULL: nothing is */
        aeon_series *last;
};

struct aeon_series {
        aeon_metric *metric;
        aeon_metric_kind kind;
        _Atomic(aeon_series *) next;
        uint32_t hash;
        unsigned slot; /* of a histogram: its buckets, then the sum */
        _Atomic double base;
        char *values[]; /* as many as the family has labels */
};

/* The first family, and by ->next all others; series by ->first and ->next. What is added meanwhile may be missed. Any thread. */
aeon_metric *aeon__metrics(void);
AEON_API aeon_metric *aeon__metric_find(const char *name); /* NULL: there is none */

/* What was counted in the @n-th cell of @series: of a histogram n < bucket_count + 1 is a bucket (not what is below it), and the one behind
 * those the sum of the values. */
double aeon__series_cell(const aeon_series *series, unsigned n);

/* One number of a series, of one thread. */
typedef _Atomic double metric_cell;

/* The cells of @series that the calling thread counts in: one, of a histogram its buckets and the sum. For those who count so often that to
 * find them each time would be most of the cost. Only this thread may add to them, and while it lives. Of NULL, and without memory: cells
 * that nobody reads. */
metric_cell *aeon__series_own(const aeon_series *series);

/* Nobody else writes it. */
static inline void aeon__cell_add(metric_cell *c, double n)
{
        atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Count a value of the histogram @m in one of its series' @cells. */
static inline void aeon__cells_observe(metric_cell *cells, const aeon_metric *m, double value)
{
        unsigned i = 0;
        while (i < m->bucket_count && !(value <= m->buckets[i]))
                i++;
        aeon__cell_add(&cells[i], 1);
        aeon__cell_add(&cells[m->bucket_count + 1], value);
}

/* Why a declaration failed, in words; NULL: none has. */
const char *aeon__metrics_refusal(void);
