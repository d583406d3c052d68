/* bench-heap: the heap of deadlines by itself, from inside the library. See timers.h. */
#include "timers.h"

#include "base/heap.h"
#include "base/list.h"

struct timer {
        struct aeon__heap_node node;
        char more[120]; /* as large as what deadlines belong to */
};

static struct heap heap;
static struct timer *timers;

static void timers_open(long count)
{
        timers = calloc((size_t)count, sizeof *timers);
        must(timers ? 0 : -ENOMEM, "timers");
}

static void timers_close(void)
{
        aeon__heap_done(&heap);
        free(timers);
}

static void timer_set(long i, int64_t milliseconds)
{
        must(aeon__heap_put(&heap, &timers[i].node, AEON_MILLISECONDS(milliseconds)), "put");
}

static void timer_clear(long i)
{
        aeon__heap_remove(&heap, &timers[i].node);
}

/* What fires goes behind all the others. */
static double measure_fire(long operations, long live)
{
        plan_make(live);
        double begin = cpu_seconds();
        long round = 1, time = 0;
        for (long i = 0; i < operations; i++) {
                struct aeon__heap_node *node = aeon__heap_pop_due(&heap, INT64_MAX);
                timer_set(container_of(node, struct timer, node) - timers, plan.times[time] + round * HOUR);
                if (++time == live) {
                        time = 0;
                        round++;
                }
        }
        double seconds = cpu_seconds() - begin;
        plan_free();
        return seconds / (double)operations;
}

int main(int argc, char **argv)
{
        (void)argc;
        return measure_timers(argv) < 0;
}
