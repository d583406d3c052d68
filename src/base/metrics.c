/* Families and series: making them, finding them; see metrics.h. */
#include "base/metrics.h"

#include "base/metrics_cells.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SERIES = 1000, FIRST_TABLE = 8 };

static const double seconds[] = { .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of making */
static _Atomic(aeon_metric *) first_metric;
static aeon_metric *last_metric;
static char *refusal;

/* ------------------------------------------------------------------ names */

static bool is_name(const char *text, const char *marks)
{
        if (!text || !*text || (*text >= '0' && *text <= '9'))
                return false;
        for (; *text; text++) {
                bool fits = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9');
                if (!fits && !strchr(marks, *text))
                        return false;
        }
        return true;
}

static bool ends_in_total(const char *name)
{
        size_t size = strlen(name), end = strlen("_total");
        return size > end && !strcmp(name + size - end, "_total");
}

static int check_labels(const char *name, const aeon_metric_opts *o)
{
        unsigned count = 0;
        for (; o->labels && o->labels[count]; count++) {
                const char *label = o->labels[count];
                if (!is_name(label, "_") || !strncmp(label, "__", 2) || !strcmp(label, "le"))
                        return aeon_fail(-EINVAL, "metric \"%s\": a label cannot be named \"%s\"", name, label);
        }
        if (count > AEON_METRIC_LABELS)
                return aeon_fail(-EINVAL, "metric \"%s\": %u labels are more than %d", name, count, AEON_METRIC_LABELS);
        return 0;
}

static int check(aeon_metric_kind kind, const char *name, const char *help, const aeon_metric_opts *o)
{
        if (!is_name(name, "_:"))
                return aeon_fail(-EINVAL, "a metric cannot be named \"%s\"", name ? name : "");
        if (!strncmp(name, "process_", strlen("process_")))
                return aeon_fail(-EINVAL, "metric \"%s\": names that begin with process_ are taken", name);
        if (!help || !*help)
                return aeon_fail(-EINVAL, "metric \"%s\" needs words for people", name);
        if (ends_in_total(name) != (kind == AEON_METRIC_COUNTER))
                return aeon_fail(-EINVAL, "metric \"%s\": the names of counters, and no others, end in _total", name);
        if (o->bucket_count > METRIC_BUCKETS || (o->buckets && (!o->bucket_count || kind != AEON_METRIC_HISTOGRAM)))
                return aeon_fail(-EINVAL, "metric \"%s\": a histogram has 1 to %d buckets", name, METRIC_BUCKETS);
        for (unsigned i = 1; i < o->bucket_count; i++)
                if (!(o->buckets[i] > o->buckets[i - 1]))
                        return aeon_fail(-EINVAL, "metric \"%s\": its buckets do not rise", name);
        return check_labels(name, o);
}

/* ------------------------------------------------------------------ series */

static uint32_t hash_of(unsigned count, const char *const *values)
{
        uint32_t hash = 2166136261;
        for (unsigned i = 0; i < count; i++) {
                for (const char *c = values[i]; *c; c++)
                        hash = (hash ^ (uint8_t)*c) * 16777619;
                hash = (hash ^ 0xff) * 16777619;
        }
        return hash;
}

static bool has_values(const aeon_series *s, const char *const *values)
{
        for (unsigned i = 0; i < s->metric->label_count; i++)
                if (strcmp(s->values[i], values[i]) != 0)
                        return false;
        return true;
}

static aeon_series *find(aeon_metric *m, uint32_t hash, const char *const *values)
{
        const struct series_table *t = atomic_load_explicit(&m->table, memory_order_acquire);
        for (size_t i = hash; t; i++) {
                aeon_series *s = atomic_load_explicit(&t->slots[i & (t->size - 1)], memory_order_acquire);
                if (!s || (s->hash == hash && has_values(s, values)))
                        return s;
        }
        return NULL;
}

static void put(struct series_table *t, aeon_series *s)
{
        size_t i = s->hash;
        while (atomic_load_explicit(&t->slots[i & (t->size - 1)], memory_order_relaxed))
                i++;
        atomic_store_explicit(&t->slots[i & (t->size - 1)], s, memory_order_release);
}

/* A place for one more. Below with the lock held. */
static struct series_table *room_for_one(aeon_metric *m)
{
        struct series_table *t = atomic_load_explicit(&m->table, memory_order_relaxed);
        if (t && m->series_count + 1 < t->size / 2)
                return t;
        size_t size = t ? t->size * 2 : FIRST_TABLE;
        struct series_table *larger = calloc(1, sizeof *larger + size * sizeof larger->slots[0]);
        if (!larger)
                return NULL;
        larger->size = size;
        larger->smaller = t;
        for (aeon_series *s = atomic_load(&m->first); s; s = atomic_load(&s->next))
                put(larger, s);
        atomic_store_explicit(&m->table, larger, memory_order_release);
        return larger;
}

static aeon_series *series_new(aeon_metric *m, uint32_t hash, const char *const *values)
{
        size_t size = sizeof(aeon_series) + m->label_count * sizeof(char *);
        for (unsigned i = 0; i < m->label_count; i++)
                size += strlen(values[i]) + 1;
        aeon_series *s = malloc(size);
        unsigned cells = m->kind == AEON_METRIC_HISTOGRAM ? m->bucket_count + 2 : 1;
        if (!s || !aeon__cells_take(cells, &s->slot)) {
                free(s);
                return NULL;
        }
        s->metric = m;
        s->kind = m->kind;
        s->hash = hash;
        atomic_init(&s->next, NULL);
        atomic_init(&s->base, 0);
        char *text = (char *)&s->values[m->label_count];
        for (unsigned i = 0; i < m->label_count; i++) {
                s->values[i] = text;
                text = stpcpy(text, values[i]) + 1;
        }
        return s;
}

static void link_series(aeon_metric *m, aeon_series *s)
{
        atomic_store_explicit(m->last ? &m->last->next : &m->first, s, memory_order_release);
        m->last = s;
        m->series_count++;
}

static aeon_series *make(aeon_metric *m, uint32_t hash, const char *const *values)
{
        struct series_table *t = room_for_one(m);
        aeon_series *s = t ? series_new(m, hash, values) : NULL;
        if (!s)
                return NULL;
        link_series(m, s);
        put(t, s);
        return s;
}

/* All that are too many. */
static aeon_series *other_of(aeon_metric *m, bool *ret_new)
{
        static const char *const others[AEON_METRIC_LABELS] = { "other", "other", "other", "other" };
        aeon_series *s = atomic_load(&m->other);
        if (s)
                return s;
        uint32_t hash = hash_of(m->label_count, others);
        s = find(m, hash, others);
        if (!s)
                s = make(m, hash, others);
        *ret_new = s != NULL;
        atomic_store(&m->other, s);
        return s;
}

static aeon_series *find_or_make(aeon_metric *m, const char *const *values)
{
        uint32_t hash = hash_of(m->label_count, values);
        aeon_series *s = find(m, hash, values);
        bool too_many = false;
        if (s)
                return s;
        pthread_mutex_lock(&lock);
        s = find(m, hash, values);
        if (!s)
                s = m->series_count < m->max_series ? make(m, hash, values) : other_of(m, &too_many);
        pthread_mutex_unlock(&lock);
        if (too_many)
                aeon_log_warning("metric \"%s\" has %u series: those that are new now are counted together, as \"other\"", m->name,
                                 m->max_series);
        return s;
}

aeon_series *aeon_metric_series(aeon_metric *m, const char *const *values)
{
        if (!m)
                return NULL;
        if (!m->label_count)
                return atomic_load_explicit(&m->first, memory_order_relaxed);
        const char *complete[AEON_METRIC_LABELS];
        for (unsigned i = 0; i < AEON_METRIC_LABELS; i++)
                complete[i] = i < m->label_count && values[i] ? values[i] : "";
        return find_or_make(m, complete);
}

/* ------------------------------------------------------------------ families */

aeon_metric *aeon__metrics(void)
{
        return atomic_load(&first_metric);
}

aeon_metric *aeon__metric_find(const char *name)
{
        aeon_metric *m = aeon__metrics();
        while (m && strcmp(m->name, name) != 0)
                m = m->next;
        return m;
}

static void metric_free(aeon_metric *m)
{
        for (unsigned i = 0; i < m->label_count; i++)
                free(m->labels[i]);
        free(m->name);
        free(m->help);
        free(atomic_load(&m->table));
        free(m);
}

static bool has_labels(const aeon_metric *m, const aeon_metric_opts *o)
{
        unsigned i = 0;
        for (; i < m->label_count; i++)
                if (!o->labels || !o->labels[i] || strcmp(m->labels[i], o->labels[i]) != 0)
                        return false;
        return !o->labels || !o->labels[i];
}

static void take_buckets(aeon_metric *m, const aeon_metric_opts *o)
{
        if (m->kind != AEON_METRIC_HISTOGRAM)
                return;
        m->bucket_count = o->buckets ? o->bucket_count : sizeof seconds / sizeof *seconds;
        memcpy(m->buckets, o->buckets ? o->buckets : seconds, m->bucket_count * sizeof *seconds);
}

static aeon_metric *metric_new(aeon_metric_kind kind, const char *name, const char *help, const aeon_metric_opts *o)
{
        aeon_metric *m = calloc(1, sizeof *m);
        if (!m)
                return NULL;
        m->kind = kind;
        m->max_series = o->max_series ? o->max_series : DEFAULT_SERIES;
        take_buckets(m, o);
        bool whole = (m->name = strdup(name)) && (m->help = strdup(help));
        for (; whole && o->labels && o->labels[m->label_count]; m->label_count++)
                whole = (m->labels[m->label_count] = strdup(o->labels[m->label_count]));
        if (whole && !m->label_count)
                whole = make(m, hash_of(0, NULL), NULL);
        if (!whole) {
                metric_free(m);
                return NULL;
        }
        return m;
}

/* With the lock held. */
static int find_or_make_metric(aeon_metric_kind kind, const char *name, const char *help, const aeon_metric_opts *o,
                               aeon_metric **ret_metric)
{
        aeon_metric *m = aeon__metric_find(name);
        if (m && (m->kind != kind || !has_labels(m, o)))
                return aeon_fail(-EEXIST, "there is a metric \"%s\" already, of another kind or with other labels", name);
        if (!m) {
                m = metric_new(kind, name, help, o);
                if (!m)
                        return aeon_fail(-ENOMEM, "no memory for the metric \"%s\"", name);
                if (last_metric)
                        last_metric->next = m;
                else
                        atomic_store(&first_metric, m);
                last_metric = m;
        }
        *ret_metric = m;
        return 0;
}

int aeon_metric_open(aeon_metric_kind kind, const char *name, const char *help, const aeon_metric_opts *opts,
                     aeon_metric **ret_metric)
{
        static const aeon_metric_opts defaults;
        opts = opts ? opts : &defaults;
        int r = check(kind, name, help, opts);
        if (r < 0)
                return r;
        pthread_mutex_lock(&lock);
        r = find_or_make_metric(kind, name, help, opts, ret_metric);
        pthread_mutex_unlock(&lock);
        return r;
}

void aeon_metric_declare(aeon_metric_declaration *d)
{
        if (d->metric)
                return;
        int r = aeon_metric_open(d->kind, d->name, d->texts[0], &(aeon_metric_opts){ .labels = d->texts + 1 }, &d->metric);
        if (r == 0)
                return;
        pthread_mutex_lock(&lock);
        if (!refusal)
                refusal = strdup(aeon_error_describe(r));
        pthread_mutex_unlock(&lock);
        aeon_error_clear();
}

const char *aeon__metrics_refusal(void)
{
        return refusal;
}
