/* What a task that waits costs in memory: all of them alive at the same time, then all woken. */
#include "tasks.h"

#include "measure.h"

#include <aeon.h>

struct parking {
        aeon_event *leave;
        long arrived, left;
};

static int park(void *arg)
{
        struct parking *p = arg;
        p->arrived++;
        must(aeon_event_wait(p->leave), "wait");
        p->left++;
        return 0;
}

double measure_parked(long tasks, long unused)
{
        (void)unused;
        aeon_watchdog_set_limit(0); /* the body that makes so many is busy for long, on purpose */
        struct parking p = { 0 };
        aeon_group *g = NULL;
        must(aeon_event_new(&p.leave), "event");
        must(aeon_group_open(&g), "group");
        double before = resident_bytes();
        for (long i = 0; i < tasks; i++)
                must(aeon_spawn_with(g, "park", park, &p, &(aeon_spawn_opts){ .stack_size = 65536 }), "spawn");
        while (p.arrived < tasks)
                must(aeon_checkpoint(), "checkpoint");
        double after = resident_bytes();
        must(aeon_group_size(g) == (size_t)tasks && p.left == 0 ? 0 : -EPROTO, "all alive");
        aeon_event_set(p.leave);
        must(aeon_group_close(g), "close");
        must(p.left == tasks ? 0 : -EPROTO, "all woken");
        aeon_event_free(p.leave);
        return (after - before) / (double)tasks;
}
