/* bench-metrics add|labels|message N: what counting costs. Prints the CPU time of one, in ns.
 *
 * DESIGN
 *   add      one addition to a series that is at hand
 *   labels   the same with the series looked up by the texts of two labels
 *   message  everything that a message costs its consumer, nothing else between: what is counted when it comes, the stopwatch around its
 *            handler, its duration and its success */
#include "broker/meter.h"
#include "measure.h"

#include <aeon.h>

AEON_COUNTER(bench_total, "Things.", "broker", "destination");

static long n;

static int count_messages(void *arg)
{
        struct broker_meter meter;
        (void)arg;
        aeon__broker_meter_find(&meter, "broker", "orders", "order");
        for (long i = 0; i < n; i++) {
                aeon__cell_add(meter.received, 1);
                uint64_t begun = aeon__broker_handling_begins(&meter);
                aeon__broker_handling_ends(&meter, begun, true);
                aeon__cell_add(meter.processed, 1);
        }
        return 0;
}

int main(int argc, char **argv)
{
        if (argc < 3) {
                fprintf(stderr, "usage: bench-metrics add|labels|message N\n");
                return 2;
        }
        n = strtol(argv[2], NULL, 10);
        aeon_series *series = bench_total_series("broker", "orders");
        double begin = cpu_seconds();
        if (!strcmp(argv[1], "add"))
                for (long i = 0; i < n; i++)
                        aeon_series_add(series, 1);
        else if (!strcmp(argv[1], "labels"))
                for (long i = 0; i < n; i++)
                        bench_total_add(1, "broker", "orders");
        else
                must(aeon_loop_run(count_messages, NULL), "count");
        printf("%.2f\n", (cpu_seconds() - begin) * 1e9 / (double)n);
        return 0;
}
