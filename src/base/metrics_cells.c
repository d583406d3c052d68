/* Counting and reading; see metrics.h. */
#include "base/metrics_cells.h"

#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHUNK = 512, CHUNKS = 256, CACHE_LINE = 64 };

struct shard {
        struct shard *next;
        bool taken; /* by a thread; under the lock */
        _Atomic(metric_cell *) chunks[CHUNKS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of taking shards and cells, and of setting */
static _Atomic(struct shard *) shards;
static unsigned cells_taken;
static pthread_key_t thread_end;
static __thread struct shard *own;

/* ------------------------------------------------------------------ shards */

static void give_back(void *arg)
{
        struct shard *s = arg;
        pthread_mutex_lock(&lock);
        s->taken = false;
        pthread_mutex_unlock(&lock);
        own = NULL;
}

__attribute__((constructor)) static void prepare(void)
{
        pthread_key_create(&thread_end, give_back);
}

static struct shard *take_shard(void)
{
        pthread_mutex_lock(&lock);
        struct shard *s = atomic_load(&shards);
        while (s && s->taken)
                s = s->next;
        if (!s && (s = calloc(1, sizeof *s))) {
                s->next = atomic_load(&shards);
                atomic_store(&shards, s);
        }
        if (s)
                s->taken = true;
        pthread_mutex_unlock(&lock);
        if (s)
                pthread_setspecific(thread_end, s);
        return own = s;
}

/* ------------------------------------------------------------------ cells */

/* All cells of one series lie in one chunk. */
bool aeon__cells_take(unsigned count, unsigned *ret_slot)
{
        pthread_mutex_lock(&lock);
        unsigned first = cells_taken;
        if (first % CHUNK + count > CHUNK)
                first = (first / CHUNK + 1) * CHUNK;
        bool there = first + count <= CHUNK * CHUNKS;
        if (there)
                cells_taken = first + count;
        pthread_mutex_unlock(&lock);
        *ret_slot = first;
        return there;
}

static __thread metric_cell lost[METRIC_BUCKETS + 2]; /* as large as any series */

/* The calling thread's cells from @slot on, the first time; without memory what is counted gets lost. */
__attribute__((cold, noinline)) static metric_cell *make_cells(unsigned slot)
{
        struct shard *s = own ? own : take_shard();
        if (!s)
                return lost;
        metric_cell *chunk = atomic_load_explicit(&s->chunks[slot / CHUNK], memory_order_relaxed);
        if (!chunk) {
                chunk = aligned_alloc(CACHE_LINE, CHUNK * sizeof *chunk);
                if (!chunk)
                        return lost;
                for (unsigned i = 0; i < CHUNK; i++)
                        atomic_init(&chunk[i], 0);
                atomic_store_explicit(&s->chunks[slot / CHUNK], chunk, memory_order_release);
        }
        return &chunk[slot % CHUNK];
}

static inline metric_cell *own_cells(unsigned slot)
{
        struct shard *s = own;
        metric_cell *chunk =
                __builtin_expect(s != NULL, 1) ? atomic_load_explicit(&s->chunks[slot / CHUNK], memory_order_relaxed) : NULL;
        return __builtin_expect(chunk != NULL, 1) ? &chunk[slot % CHUNK] : make_cells(slot);
}

metric_cell *aeon__series_own(const aeon_series *s)
{
        return s ? own_cells(s->slot) : lost;
}

static double sum_of_cells(unsigned slot)
{
        double sum = 0;
        for (const struct shard *s = atomic_load(&shards); s; s = s->next) {
                const metric_cell *chunk = atomic_load_explicit(&s->chunks[slot / CHUNK], memory_order_acquire);
                if (chunk)
                        sum += atomic_load_explicit(&chunk[slot % CHUNK], memory_order_relaxed);
        }
        return sum;
}

/* ------------------------------------------------------------------ counting */

void aeon_series_add(aeon_series *s, double n)
{
        if (s && s->kind != AEON_METRIC_HISTOGRAM && (n >= 0 || s->kind == AEON_METRIC_GAUGE))
                aeon__cell_add(own_cells(s->slot), n);
}

void aeon_series_set(aeon_series *s, double value)
{
        if (!s || s->kind != AEON_METRIC_GAUGE)
                return;
        pthread_mutex_lock(&lock);
        atomic_store_explicit(&s->base, value - sum_of_cells(s->slot), memory_order_relaxed);
        pthread_mutex_unlock(&lock);
}

void aeon_series_observe(aeon_series *s, double value)
{
        if (s && s->kind == AEON_METRIC_HISTOGRAM)
                aeon__cells_observe(own_cells(s->slot), s->metric, value);
}

double aeon__series_cell(const aeon_series *s, unsigned n)
{
        return atomic_load_explicit(&s->base, memory_order_relaxed) + sum_of_cells(s->slot + n);
}

double aeon_series_value(const aeon_series *s)
{
        double sum = 0;
        if (!s)
                return 0;
        if (s->kind != AEON_METRIC_HISTOGRAM)
                return aeon__series_cell(s, 0);
        for (unsigned i = 0; i <= s->metric->bucket_count; i++)
                sum += aeon__series_cell(s, i);
        return sum;
}
