/* Metrics: what was counted, by whomever, is what is read. */
#include "harness.h"

#include "base/metrics.h"

#include <aeon/error.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

AEON_COUNTER(t_orders_total, "Orders.", "kind");
AEON_GAUGE(t_carts, "Carts.");
AEON_HISTOGRAM(t_charge_seconds, "Charges.", "provider");

enum { THREADS = 8, ROUNDS = 10000 };

static aeon_metric *opened(aeon_metric_kind kind, const char *name, const aeon_metric_opts *opts)
{
        aeon_metric *m = NULL;
        REQUIRE_INT(aeon_metric_open(kind, name, "Words.", opts, &m), 0);
        return m;
}

static void on_threads(unsigned count, void *(*fn)(void *), void *arg)
{
        pthread_t threads[THREADS];
        for (unsigned i = 0; i < count; i++)
                REQUIRE(pthread_create(&threads[i], NULL, fn, arg) == 0);
        for (unsigned i = 0; i < count; i++)
                pthread_join(threads[i], NULL);
}

/* ------------------------------------------------------------------ counting */

static void *count_orders(void *unused)
{
        for (unsigned i = 0; i < ROUNDS; i++) {
                t_orders_total_add(1, "web");
                t_carts_add(i % 2 ? -1 : 1);
        }
        return unused;
}

PLAIN_TEST(what_threads_have_counted_outlives_them_and_adds_up)
{
        for (unsigned round = 1; round <= 3; round++) {
                on_threads(THREADS, count_orders, NULL);
                CHECK_INT(aeon_series_value(t_orders_total_series("web")), round * THREADS * ROUNDS);
        }
        CHECK_INT(aeon_series_value(t_carts_series()), 0);
        CHECK_INT(aeon_series_value(t_orders_total_series("shop")), 0);
}

static void *add_three(void *unused)
{
        t_carts_add(3);
        return unused;
}

PLAIN_TEST(a_gauge_that_is_set_can_be_added_to_by_others)
{
        t_carts_add(5);
        t_carts_set(17);
        CHECK_INT(aeon_series_value(t_carts_series()), 17);
        on_threads(2, add_three, NULL);
        CHECK_INT(aeon_series_value(t_carts_series()), 23);
        t_carts_set(-4.5);
        CHECK(aeon_series_value(t_carts_series()) == -4.5);
}

PLAIN_TEST(what_is_counted_in_cells_of_ones_own_is_in_the_series)
{
        static const double bounds[] = { 1, 2 };
        metric_cell *web = aeon__series_own(t_orders_total_series("web"));
        t_orders_total_add(2, "web");
        aeon__cell_add(web, 3);
        CHECK(aeon_series_value(t_orders_total_series("web")) == 5);
        CHECK(aeon_series_value(t_orders_total_series("phone")) == 0);

        aeon_metric *sizes =
                opened(AEON_METRIC_HISTOGRAM, "t_own_sizes", &(aeon_metric_opts){ .buckets = bounds, .bucket_count = 2 });
        const aeon_series *series = aeon_metric_series(sizes, NULL);
        metric_cell *cells = aeon__series_own(series);
        aeon__cells_observe(cells, sizes, 2);
        aeon__cells_observe(cells, sizes, 7);
        for (unsigned i = 0; i < 3; i++)
                CHECK(aeon__series_cell(series, i) == (i > 0));
        CHECK(aeon__series_cell(series, 3) == 9);
        aeon__cell_add(aeon__series_own(NULL), 1);
}

PLAIN_TEST(a_value_falls_into_the_first_bucket_whose_bound_it_does_not_exceed)
{
        static const double bounds[] = { 1, 10 };
        aeon_metric *m = opened(AEON_METRIC_HISTOGRAM, "t_sizes", &(aeon_metric_opts){ .buckets = bounds, .bucket_count = 2 });
        aeon_series *s = aeon_metric_series(m, NULL);
        static const double values[] = { 0.5, 1, 1.5, 10, 11, 1e9 };
        for (unsigned i = 0; i < 6; i++)
                aeon_series_observe(s, values[i]);
        CHECK_INT(aeon__series_cell(s, 0), 2);
        CHECK_INT(aeon__series_cell(s, 1), 2);
        CHECK_INT(aeon__series_cell(s, 2), 2);
        CHECK(aeon__series_cell(s, 3) == 0.5 + 1 + 1.5 + 10 + 11 + 1e9);
        CHECK_INT(aeon_series_value(s), 6);
}

PLAIN_TEST(a_call_for_another_kind_and_a_counter_that_would_shrink_are_ignored)
{
        aeon_series *orders = t_orders_total_series("x"), *charge = t_charge_seconds_series("x"), *carts = t_carts_series();
        t_orders_total_add(2, "x");
        aeon_series_add(orders, -1);
        aeon_series_set(orders, 7);
        aeon_series_observe(orders, 7);
        aeon_series_add(charge, 1);
        aeon_series_set(charge, 1);
        aeon_series_observe(carts, 1);
        aeon_series_add(NULL, 1);
        aeon_series_set(NULL, 1);
        aeon_series_observe(NULL, 1);
        CHECK_INT(aeon_series_value(orders), 2);
        CHECK_INT(aeon_series_value(charge), 0);
        CHECK_INT(aeon_series_value(carts), 0);
        CHECK(aeon_metric_series(NULL, NULL) == NULL);
}

/* ------------------------------------------------------------------ series */

static void *count_many(void *arg)
{
        char name[16];
        for (unsigned i = 0; i < 500; i++) {
                snprintf(name, sizeof name, "%u", i);
                aeon_series_add(aeon_metric_series(arg, (const char *const[]){ name, "b" }), 1);
        }
        return NULL;
}

PLAIN_TEST(threads_that_need_the_same_new_series_get_one)
{
        static const char *const labels[] = { "a", "b", NULL };
        aeon_metric *m = opened(AEON_METRIC_COUNTER, "t_many_total", &(aeon_metric_opts){ .labels = labels });
        on_threads(THREADS, count_many, m);
        unsigned count = 0;
        for (const aeon_series *s = m->first; s; s = s->next, count++)
                CHECK_INT(aeon_series_value(s), THREADS);
        CHECK_INT(count, 500);
}

PLAIN_TEST(label_values_that_only_look_alike_when_joined_are_different)
{
        static const char *const labels[] = { "a", "b", NULL };
        aeon_metric *m = opened(AEON_METRIC_COUNTER, "t_pairs_total", &(aeon_metric_opts){ .labels = labels });
        CHECK(aeon_metric_series(m, (const char *const[]){ "ab", "c" }) !=
              aeon_metric_series(m, (const char *const[]){ "a", "bc" }));
        CHECK(aeon_metric_series(m, (const char *const[]){ "", NULL }) == aeon_metric_series(m, (const char *const[]){ NULL, "" }));
}

PLAIN_TEST(what_is_one_series_too_many_counts_as_other)
{
        static const char *const labels[] = { "user", NULL };
        aeon_metric *m = opened(AEON_METRIC_COUNTER, "t_users_total", &(aeon_metric_opts){ .labels = labels, .max_series = 3 });
        char name[16];
        test_stderr_begin();
        for (unsigned i = 0; i < 10; i++) {
                snprintf(name, sizeof name, "u%u", i);
                aeon_series_add(aeon_metric_series(m, &(const char *){ name }), 1);
        }
        const char *first = "metric \"t_users_total\" has 3 series", *said = strstr(test_stderr(), first);
        CHECK(said && !strstr(said + 1, first)); /* once */
        test_stderr_end();
        CHECK_INT(m->series_count, 4);
        CHECK_INT(aeon_series_value(aeon_metric_series(m, &(const char *){ "u2" })), 1);
        CHECK_INT(aeon_series_value(aeon_metric_series(m, &(const char *){ "other" })), 7);
}

/* ------------------------------------------------------------------ families */

static int open_named(aeon_metric_kind kind, const char *name, const char *label)
{
        aeon_metric *m = NULL;
        return aeon_metric_open(kind, name, "Words.", &(aeon_metric_opts){ .labels = (const char *const[]){ label, NULL } }, &m);
}

PLAIN_TEST(names_that_prometheus_would_refuse_are_refused)
{
        static const double falling[] = { 2, 1 };
        aeon_metric *m = NULL;
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "t:ok", "l"), 0);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "", "l"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "1x", "l"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "a-b", "l"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "process_x", "l"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "t_x", "a:b"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "t_x", "__name"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_HISTOGRAM, "t_x", "le"), -EINVAL);
        CHECK_INT(open_named(AEON_METRIC_COUNTER, "t_x", "l"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "end in _total");
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "t_x_total", "l"), -EINVAL);
        CHECK_INT(aeon_metric_open(AEON_METRIC_GAUGE, "t_x", "", NULL, &m), -EINVAL);
        static const char *const five[] = { "a", "b", "c", "d", "e", NULL };
        CHECK_INT(aeon_metric_open(AEON_METRIC_GAUGE, "t_x", "X.", &(aeon_metric_opts){ .labels = five }, &m), -EINVAL);
        CHECK_INT(aeon_metric_open(AEON_METRIC_HISTOGRAM, "t_x", "X.", &(aeon_metric_opts){ .buckets = falling, .bucket_count = 2 },
                                   &m),
                  -EINVAL);
        CHECK(m == NULL);
}

PLAIN_TEST(a_name_has_one_family)
{
        static const char *const kind[] = { "kind", NULL };
        aeon_metric *again = opened(AEON_METRIC_COUNTER, "t_orders_total", &(aeon_metric_opts){ .labels = kind });
        CHECK(again == t_orders_total_metric.metric);
        CHECK(again == aeon__metric_find("t_orders_total"));
        CHECK_INT(open_named(AEON_METRIC_COUNTER, "t_orders_total", "other_label"), -EEXIST);
        CHECK_INT(open_named(AEON_METRIC_GAUGE, "t_charge_seconds", "provider"), -EEXIST);
        CHECK(aeon__metrics_refusal() == NULL);
        aeon_metric_declaration twin = { AEON_METRIC_GAUGE, "t_charge_seconds", { "Twin.", NULL }, NULL };
        aeon_metric_declare(&twin);
        CHECK(twin.metric == NULL);
        CHECK_CONTAINS(aeon__metrics_refusal(), "\"t_charge_seconds\"");
}
