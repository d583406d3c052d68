/* Writing the text format; see exposition.h. */
#include "app/exposition.h"

#include "base/utf8.h"
#include "record/number.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* In between quotes, or behind HELP. What is not UTF-8 would make the whole text unreadable. */
static void add_escaped(struct text *out, const char *text, bool quoted)
{
        size_t size;
        for (size_t left = strlen(text); left; text += size, left -= size) {
                size = aeon__utf8_next(text, left, NULL);
                if (!size) {
                        size = 1;
                        aeon__text_add(out, "\xef\xbf\xbd", 3);
                } else if (*text == '\n') {
                        aeon__text_add(out, "\\n", 2);
                } else if (*text == '\\' || (*text == '"' && quoted)) {
                        aeon__text_add(out, (const char[]){ '\\', *text }, 2);
                } else {
                        aeon__text_add(out, text, size);
                }
        }
}

static void add_number(struct text *out, double value)
{
        char digits[NUMBER_SIZE];
        const char *text = digits;
        if (isnan(value))
                text = "NaN";
        else if (isinf(value))
                text = value > 0 ? "+Inf" : "-Inf";
        else if (fabs(value) < 1e15 && value == (double)(int64_t)value)
                aeon__whole_print(digits, (int64_t)value);
        else
                aeon__number_print(digits, value);
        aeon__text_add(out, text, strlen(text));
}

static void add_label(struct text *out, bool first, const char *name, const char *value)
{
        aeon__text_print(out, "%c%s=\"", first ? '{' : ',', name);
        add_escaped(out, value, true);
        aeon__text_add(out, "\"", 1);
}

static void end_sample(struct text *out, bool labelled, double value)
{
        aeon__text_print(out, labelled ? "} " : " ");
        add_number(out, value);
        aeon__text_add(out, "\n", 1);
}

/* ------------------------------------------------------------------ samples */

void aeon__exposition_family(struct text *out, aeon_metric_kind kind, const char *name, const char *help)
{
        static const char *const kinds[] = { "counter", "gauge", "histogram" };
        aeon__text_print(out, "# HELP %s ", name);
        add_escaped(out, help, false);
        aeon__text_print(out, "\n# TYPE %s %s\n", name, kinds[kind]);
}

void aeon__exposition_sample(struct text *out, const char *name, const struct label *labels, double value)
{
        bool labelled = false;
        aeon__text_print(out, "%s", name);
        for (const struct label *l = labels; l && l->name; l++, labelled = true)
                add_label(out, !labelled, l->name, l->value);
        end_sample(out, labelled, value);
}

void aeon__exposition_number(struct text *out, aeon_metric_kind kind, const char *name, const char *help, double value)
{
        aeon__exposition_family(out, kind, name, help);
        aeon__exposition_sample(out, name, NULL, value);
}

/* ------------------------------------------------------------------ of the registry */

/* @bound: of a histogram's bucket; NULL: no bucket. */
static void add_series(struct text *out, const aeon_series *s, const char *suffix, const char *bound, double value)
{
        const aeon_metric *m = s->metric;
        aeon__text_print(out, "%s%s", m->name, suffix);
        for (unsigned i = 0; i < m->label_count; i++)
                add_label(out, i == 0, m->labels[i], s->values[i]);
        if (bound)
                add_label(out, m->label_count == 0, "le", bound);
        end_sample(out, m->label_count || bound, value);
}

static void add_histogram(struct text *out, const aeon_series *s)
{
        const aeon_metric *m = s->metric;
        double count = 0, sum = aeon__series_cell(s, m->bucket_count + 1);
        for (unsigned i = 0; i <= m->bucket_count; i++) {
                char bound[NUMBER_SIZE];
                count += aeon__series_cell(s, i);
                add_series(out, s, "_bucket", i < m->bucket_count ? aeon__number_print(bound, m->buckets[i]) : "+Inf", count);
        }
        add_series(out, s, "_sum", NULL, sum);
        add_series(out, s, "_count", NULL, count);
}

void aeon__exposition_metric(struct text *out, const aeon_metric *m)
{
        const aeon_series *s = atomic_load_explicit(&m->first, memory_order_acquire);
        if (!s)
                return;
        aeon__exposition_family(out, m->kind, m->name, m->help);
        for (; s; s = atomic_load_explicit(&s->next, memory_order_acquire))
                if (m->kind == AEON_METRIC_HISTOGRAM)
                        add_histogram(out, s);
                else
                        add_series(out, s, "", NULL, aeon__series_cell(s, 0));
}

int aeon__metrics_text(aeon_app *app, struct text *out)
{
        for (const aeon_metric *m = aeon__metrics(); m; m = m->next)
                aeon__exposition_metric(out, m);
        aeon__measures_write(app, out);
        aeon__process_write(out);
        return out->failed ? aeon_fail(-ENOMEM, "no memory for the metrics") : 0;
}
