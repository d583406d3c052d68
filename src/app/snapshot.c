/* The snapshot; see snapshot.h. Messages and requests are counted in rooms that this one does not know: their numbers are read where they
 * are counted, in the registry. */
#include "app/snapshot.h"

#include "base/metrics.h"
#include "loop/loop.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

static void begin_item(struct text *out, bool *first)
{
        aeon__text_print(out, *first ? "{" : ",{");
        *first = false;
}

static void add_string(struct text *out, const char *name, const char *value)
{
        aeon__text_print(out, "\"%s\":", name);
        aeon__json_add_string(out, value);
}

static double ms(aeon_duration duration)
{
        int64_t microseconds = duration / 1000;
        return (double)microseconds / 1e3;
}

static void write_loops(aeon_app *app, struct text *out)
{
        bool first = true;
        for (unsigned i = 0; i < app->opts.loops; i++) {
                struct aeon_lifespan *life = &app->lives[i];
                const aeon_loop *loop = atomic_load(&life->loop);
                begin_item(out, &first);
                aeon__text_print(out, "\"loop\":%u,\"lag_ms\":%.3f,\"tasks\":%zu}", i, ms(aeon__lifespan_lag(life)),
                                 loop ? __atomic_load_n(&loop->runner.tasks, __ATOMIC_RELAXED) : 0);
        }
}

static const aeon_series *first_series(const char *metric)
{
        const aeon_metric *m = aeon__metric_find(metric);
        return m ? atomic_load_explicit(&m->first, memory_order_acquire) : NULL;
}

static const aeon_series *next_series(const aeon_series *s)
{
        return atomic_load_explicit(&s->next, memory_order_acquire);
}

static bool has_values(const aeon_series *s, char *const *values)
{
        for (unsigned i = 0; i < s->metric->label_count; i++)
                if (strcmp(s->values[i], values[i]) != 0)
                        return false;
        return true;
}

/* null: this broker, or this kind of subscription, tells none. */
static void write_lag(struct text *out, const aeon_series *received)
{
        for (const aeon_series *s = first_series("aeon_messages_lag"); s; s = next_series(s)) {
                if (has_values(s, received->values)) {
                        aeon__text_print(out, "%.0f", aeon_series_value(s));
                        return;
                }
        }
        aeon__text_print(out, "null");
}

static void write_subscription(struct text *out, const aeon_series *received)
{
        static const struct {
                const char *key, *metric;
        } numbers[] = {
                { "received", "aeon_messages_received_total" }, { "processed", "aeon_messages_processed_total" },
                { "failed", "aeon_messages_failed_total" },     { "invalid", "aeon_messages_invalid_total" },
                { "retried", "aeon_messages_retried_total" },   { "dead_letters", "aeon_messages_dead_letters_total" },
                { "released", "aeon_messages_released_total" }, { "in_process", "aeon_messages_in_process" },
        };
        for (unsigned i = 0; i < received->metric->label_count; i++) {
                add_string(out, received->metric->labels[i], received->values[i]);
                aeon__text_add(out, ",", 1);
        }
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
                aeon_metric *m = aeon__metric_find(numbers[i].metric);
                double value = aeon_series_value(aeon_metric_series(m, (const char *const *)received->values));
                aeon__text_print(out, "%s\"%s\":%.0f", i ? "," : "", numbers[i].key, value);
        }
        aeon__text_print(out, ",\"lag\":");
        write_lag(out, received);
        aeon__text_add(out, "}", 1);
}

static void write_subscriptions(struct text *out)
{
        bool first = true;
        for (const aeon_series *s = first_series("aeon_messages_received_total"); s; s = next_series(s)) {
                begin_item(out, &first);
                write_subscription(out, s);
        }
}

/* Its answers with a status of 500 and more. */
static double errors_of(const char *method, const char *route)
{
        double errors = 0;
        for (const aeon_series *s = first_series("aeon_http_requests_total"); s; s = next_series(s))
                if (!strcmp(s->values[0], method) && !strcmp(s->values[1], route) && s->values[2][0] == '5')
                        errors += aeon_series_value(s);
        return errors;
}

static void write_route(struct text *out, const aeon_series *durations)
{
        unsigned buckets = durations->metric->bucket_count + 1;
        double answered = 0;
        for (unsigned i = 0; i < buckets; i++)
                answered += aeon__series_cell(durations, i);
        add_string(out, "method", durations->values[0]);
        aeon__text_add(out, ",", 1);
        add_string(out, "route", durations->values[1]);
        aeon__text_print(out, ",\"answered\":%.0f,\"errors\":%.0f,\"seconds\":%.6f}", answered,
                         errors_of(durations->values[0], durations->values[1]), aeon__series_cell(durations, buckets));
}

static void write_routes(struct text *out)
{
        bool first = true;
        for (const aeon_series *s = first_series("aeon_http_request_duration_seconds"); s; s = next_series(s)) {
                begin_item(out, &first);
                write_route(out, s);
        }
}

static int write_background(aeon_app *app, struct text *out)
{
        bool first = true;
        aeon_background_info *list = NULL;
        int count = aeon_background_list(app, &list);
        for (int i = 0; i < count; i++) {
                begin_item(out, &first);
                add_string(out, "name", list[i].name);
                aeon__text_print(out, ",\"loop\":%u,\"state\":\"%s\",\"since_ms\":%.3f,\"restarts\":%u,", list[i].loop,
                                 aeon_background_state_name(list[i].state), ms(aeon_now() - list[i].since), list[i].restarts);
                add_string(out, "error", list[i].error);
                aeon__text_add(out, "}", 1);
        }
        free(list);
        return count < 0 ? count : 0;
}

static int write_periodic(aeon_app *app, struct text *out)
{
        bool first = true;
        aeon_periodic_info *list = NULL;
        int count = aeon_periodic_list(app, &list);
        for (int i = 0; i < count; i++) {
                const aeon_periodic_info *p = &list[i];
                begin_item(out, &first);
                add_string(out, "name", p->name);
                aeon__text_print(out, ",\"loop\":%u,\"next_ms\":", p->loop);
                if (p->next == AEON_NEVER)
                        aeon__text_print(out, "null");
                else
                        aeon__text_print(out, "%.3f", ms(p->next));
                aeon__text_print(out, ",\"running\":%u,\"runs\":%llu,\"missed\":%llu,\"failed\":%llu,\"last_ms\":%.3f,", p->running,
                                 (unsigned long long)p->runs, (unsigned long long)p->missed, (unsigned long long)p->failed,
                                 ms(p->last_duration));
                aeon__text_print(out, "\"paused\":%s,\"stopped\":%s,", p->paused ? "true" : "false", p->stopped ? "true" : "false");
                add_string(out, "error", p->error);
                aeon__text_add(out, "}", 1);
        }
        free(list);
        return count < 0 ? count : 0;
}

int aeon__snapshot_write(aeon_app *app, struct text *out)
{
        aeon__text_print(out, "{\"loops\":[");
        write_loops(app, out);
        aeon__text_print(out, "],\"subscriptions\":[");
        write_subscriptions(out);
        aeon__text_print(out, "],\"routes\":[");
        write_routes(out);
        aeon__text_print(out, "],\"background\":[");
        int r = write_background(app, out);
        aeon__text_print(out, "],\"periodic\":[");
        if (r == 0)
                r = write_periodic(app, out);
        aeon__text_print(out, "]}");
        return r == 0 && out->failed ? aeon_fail(-ENOMEM, "no memory for the snapshot") : r;
}
