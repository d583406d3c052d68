/* examples/tasks/periodic.c - a rate, and a nightly report that can also be asked for. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>

static int refresh(void *arg)
{
        static int count;
        printf("refresh %d\n", ++count);
        if (count < 3)
                return 0;
        aeon_periodic_pause(arg, "refresh");
        return aeon_periodic_trigger(arg, "report");
}

static int report(void *arg)
{
        aeon_app *app = arg;
        aeon_periodic_info *list;
        int count = aeon_periodic_list(app, &list);
        for (int i = 0; i < count; i++)
                printf("%s: runs %d, failed %d, %s\n", list[i].name, (int)list[i].runs, (int)list[i].failed,
                       list[i].paused                   ? "paused"
                       : list[i].next <= AEON_HOURS(25) ? "comes again within a day"
                                                        : "comes again later");
        free(list);
        return aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_periodic(app, "refresh", refresh, app, &(aeon_periodic_opts){ .every = AEON_MILLISECONDS(100), .jitter = 0.1 });
        aeon_periodic(app, "report", report, app, &(aeon_periodic_opts){ .cron = "30 2 * * *", .zone = "Europe/Berlin" });
}
AEON_MAIN(app);
