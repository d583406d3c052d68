/* bench-tasks NAME OPERATIONS [TASKS]: what the things that tasks do all day cost.
 *
 * DESIGN
 *   Each measurement does a tenth of the work first, unmeasured, so that stacks exist and caches are warm: a service lives long. */
#include "tasks.h"

#include "measure.h"

#include <aeon.h>

/* ------------------------------------------------------------------ yield: to let another task run */

static int yield_often(void *arg)
{
        const long *times = arg;
        for (long i = 0; i < *times; i++)
                must(aeon_checkpoint(), "checkpoint");
        return 0;
}

static void yield_in_tasks(long tasks, long times)
{
        aeon_group *g = NULL;
        must(aeon_group_open(&g), "group");
        for (long i = 0; i < tasks; i++)
                must(aeon_spawn(g, "yield", yield_often, &times), "spawn");
        must(aeon_group_close(g), "close");
}

double measure_yield(long operations, long tasks)
{
        yield_in_tasks(tasks, operations / tasks / 10);
        double begin = cpu_seconds();
        yield_in_tasks(tasks, operations / tasks);
        return (cpu_seconds() - begin) / (double)operations;
}

/* ------------------------------------------------------------------ spawn: start a task, let it run, wait for it */

static int count_if_wanted(void *arg)
{
        long *count = arg;
        *count += !aeon_cancelled();
        return 0;
}

static void spawn_in_groups(long operations, long tasks)
{
        long count = 0;
        for (long i = 0; i < operations / tasks; i++) {
                aeon_group *g = NULL;
                must(aeon_group_open(&g), "group");
                for (long j = 0; j < tasks; j++)
                        must(aeon_spawn(g, "count", count_if_wanted, &count), "spawn");
                must(aeon_group_close(g), "close");
        }
        must(count == operations / tasks * tasks ? 0 : -EPROTO, "count");
}

double measure_spawn(long operations, long tasks)
{
        spawn_in_groups(operations / 10, tasks);
        double begin = cpu_seconds();
        spawn_in_groups(operations, tasks);
        return (cpu_seconds() - begin) / (double)operations;
}

/* ------------------------------------------------------------------ hop: one value through an unbuffered channel */

struct sending {
        aeon_sender *sender;
        long count;
};

static int send_numbers(void *arg)
{
        struct sending *s = arg;
        for (long i = 0; i < s->count; i++)
                must(aeon_send(s->sender, &i), "send");
        aeon_sender_close(s->sender);
        return 0;
}

static void hop(long operations)
{
        aeon_receiver *receiver = NULL;
        struct sending sending = { .count = operations };
        aeon_group *g = NULL;
        must(aeon_channel_open(sizeof(long), 0, &sending.sender, &receiver), "channel");
        must(aeon_group_open(&g), "group");
        must(aeon_spawn(g, "send", send_numbers, &sending), "spawn");
        long value, expected = 0;
        while (aeon_receive(receiver, &value) == 0)
                must(value == expected++ ? 0 : -EPROTO, "order");
        must(aeon_group_close(g), "close");
        aeon_receiver_close(receiver);
        must(expected == operations ? 0 : -EPROTO, "count");
}

double measure_hop(long operations, long unused)
{
        (void)unused;
        hop(operations / 10);
        double begin = cpu_seconds();
        hop(operations);
        return (cpu_seconds() - begin) / (double)operations;
}

/* ------------------------------------------------------------------ deadline: open and close a scope that has one */

static void limit(long times)
{
        for (long i = 0; i < times; i++) {
                aeon_scope s;
                must(aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(10) }), "open");
                must(aeon_scope_close(&s, 0), "close");
        }
}

double measure_deadline(long operations, long unused)
{
        (void)unused;
        limit(operations / 10);
        double begin = cpu_seconds();
        limit(operations);
        return (cpu_seconds() - begin) / (double)operations;
}

/* ------------------------------------------------------------------ cancel: stop and join tasks that sleep */

static int sleep_long(void *arg)
{
        long *begun = arg;
        ++*begun;
        return aeon_sleep(AEON_HOURS(1));
}

/* Seconds for all. */
static double cancel_sleepers(long tasks)
{
        long begun = 0;
        aeon_group *g = NULL;
        must(aeon_group_open(&g), "group");
        for (long i = 0; i < tasks; i++)
                must(aeon_spawn_with(g, "sleep", sleep_long, &begun, &(aeon_spawn_opts){ .stack_size = 65536 }), "spawn");
        while (begun < tasks)
                must(aeon_checkpoint(), "checkpoint");
        double begin = cpu_seconds();
        aeon_group_cancel(g, "enough");
        must(aeon_group_close(g), "close");
        return cpu_seconds() - begin;
}

double measure_cancel(long operations, long tasks)
{
        aeon_watchdog_set_limit(0); /* the body that makes and cancels so many is busy for long, on purpose */
        cancel_sleepers(tasks);
        double seconds = 0;
        long done = 0;
        for (; done < operations; done += tasks)
                seconds += cancel_sleepers(tasks);
        return seconds / (double)done;
}

/* ------------------------------------------------------------------ the program */

static const struct measurement {
        const char *name;
        double (*measure)(long operations, long tasks);
        double unit; /* what is printed is the result times this */
} measurements[] = {
        { "yield", measure_yield, 1e9 },       { "spawn", measure_spawn, 1e9 },   { "hop", measure_hop, 1e9 },
        { "deadline", measure_deadline, 1e9 }, { "cancel", measure_cancel, 1e9 }, { "parked", measure_parked, 1.0 },
};

static char **words;

static int run(void *arg)
{
        const struct measurement *m = arg;
        long tasks = words[3] ? strtol(words[3], NULL, 10) : 1;
        printf("%.3f\n", m->measure(strtol(words[2], NULL, 10), tasks) * m->unit);
        return 0;
}

int main(int argc, char **argv)
{
        words = argv;
        for (size_t i = 0; argc > 2 && i < sizeof measurements / sizeof *measurements; i++)
                if (strcmp(argv[1], measurements[i].name) == 0)
                        return aeon_loop_run(run, (void *)&measurements[i]) < 0;
        fprintf(stderr, "usage: bench-tasks yield|spawn|hop|deadline|cancel|parked OPERATIONS [TASKS]\n");
        return 2;
}
