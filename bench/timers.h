/* What is done to timers: the same code for ours and for the peer.
 *
 *      PROGRAM insert|cancel|rearm|fire OPERATIONS LIVE
 *
 * DESIGN
 *   Whoever includes this has timers numbered from 0, and the functions below. LIVE of them are armed, an hour and more ahead and in no
 *   order; they are picked in no order either, so that the memory of each is as cold as in a large service. insert and cancel are
 *   measured on a tenth more than are live. fire lets all that are live come due within 10 ms and measures from then on; each is armed
 *   again when it fires, so all stay live. Prints nanoseconds of CPU time for one operation. */
#pragma once

#include "measure.h"

static void timers_open(long count);
static void timers_close(void);
static void timer_set(long i, int64_t milliseconds); /* arm or move: that many from the time of timers_open() */
static void timer_clear(long i);
static double measure_fire(long operations, long live);

enum { HOUR = 3600 * 1000, WINDOW = 10 };

static struct {
        long live, count;      /* armed all the time; with those that come and go */
        uint32_t *order;       /* all, shuffled */
        int64_t *times;        /* one for each, in milliseconds */
        double insert, cancel; /* seconds */
} plan;

static void plan_make(long live)
{
        uint64_t random = 1;
        plan.live = live;
        plan.count = live + live / 10;
        plan.order = shuffled(plan.count);
        plan.times = calloc((size_t)plan.count, sizeof *plan.times);
        must(plan.times ? 0 : -ENOMEM, "times");
        for (long i = 0; i < plan.count; i++)
                plan.times[i] = HOUR + (int64_t)(random_next(&random) % HOUR);
        timers_open(plan.count);
        for (long i = 0; i < live; i++)
                timer_set(plan.order[i], plan.times[i]);
}

static void plan_free(void)
{
        timers_close();
        free(plan.order);
        free(plan.times);
}

/* Insert a tenth more than are live, and cancel it again; measured apart. */
static void insert_and_cancel(void)
{
        double begin = cpu_seconds();
        for (long i = plan.live; i < plan.count; i++)
                timer_set(plan.order[i], plan.times[i]);
        double between = cpu_seconds();
        for (long i = plan.live; i < plan.count; i++)
                timer_clear(plan.order[i]);
        plan.insert += between - begin;
        plan.cancel += cpu_seconds() - between;
}

static double measure_insert_or_cancel(long operations, long live, bool insert)
{
        plan_make(live);
        insert_and_cancel();
        plan.insert = plan.cancel = 0;
        long done = 0;
        for (; done < operations; done += plan.count - plan.live)
                insert_and_cancel();
        plan_free();
        return (insert ? plan.insert : plan.cancel) / (double)done;
}

static double measure_rearm(long operations, long live)
{
        plan_make(live);
        double begin = cpu_seconds();
        long which = 0, time = 1; /* of fewer times than timers, so that none gets its old one */
        for (long i = 0; i < operations; i++) {
                timer_set(plan.order[which], plan.times[time]);
                which = which + 1 < live ? which + 1 : 0;
                time = time + 2 < live ? time + 1 : 0;
        }
        double seconds = cpu_seconds() - begin;
        plan_free();
        return seconds / (double)operations;
}

static int measure_timers(char **argv)
{
        const char *what = argv[1] ? argv[1] : "";
        long operations = argv[1] && argv[2] ? strtol(argv[2], NULL, 10) : 0;
        long live = operations && argv[3] ? strtol(argv[3], NULL, 10) : 0;
        double seconds;
        if (live >= 10 && (strcmp(what, "insert") == 0 || strcmp(what, "cancel") == 0))
                seconds = measure_insert_or_cancel(operations, live, what[0] == 'i');
        else if (live >= 10 && strcmp(what, "rearm") == 0)
                seconds = measure_rearm(operations, live);
        else if (live >= 10 && strcmp(what, "fire") == 0)
                seconds = measure_fire(operations, live);
        else {
                fprintf(stderr, "usage: %s insert|cancel|rearm|fire OPERATIONS LIVE\n", argv[0]);
                return -EINVAL;
        }
        printf("%.2f\n", seconds * 1e9);
        return 0;
}
