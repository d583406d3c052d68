/* bench-metrics add|labels|message N: what counting costs. Prints the CPU time of one, in ns.
 *
 * DESIGN
 *   add      one addition to a series that is at hand
 *   labels   the same with the series looked up by the texts of two labels
 *   message  everything that a message costs a consumer: six additions, two looks at the clock, one value for a histogram */
#include "measure.h"

#include <aeon.h>

AEON_COUNTER(bench_total, "Things.", "broker", "destination");
AEON_GAUGE(bench_now, "Things that are.");
AEON_HISTOGRAM(bench_seconds, "How long they take.");

static void message(aeon_series *counter)
{
        aeon_series *now = bench_now_series(), *seconds = bench_seconds_series();
        aeon_time begun = aeon_now();
        aeon_series_add(counter, 1);
        aeon_series_add(now, 1);
        aeon_series_add(now, -1);
        aeon_series_add(counter, 1);
        aeon_series_observe(seconds, (double)(aeon_now() - begun) / 1e9);
}

int main(int argc, char **argv)
{
        if (argc < 3) {
                fprintf(stderr, "usage: bench-metrics add|labels|message N\n");
                return 2;
        }
        long n = strtol(argv[2], NULL, 10);
        aeon_series *series = bench_total_series("broker", "orders");
        double begin = cpu_seconds();
        if (!strcmp(argv[1], "add"))
                for (long i = 0; i < n; i++)
                        aeon_series_add(series, 1);
        else if (!strcmp(argv[1], "labels"))
                for (long i = 0; i < n; i++)
                        bench_total_add(1, "broker", "orders");
        else
                for (long i = 0; i < n; i++)
                        message(series);
        printf("%.2f\n", (cpu_seconds() - begin) * 1e9 / (double)n);
        return 0;
}
