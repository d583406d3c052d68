/* bench-queue rate|cpu URL MESSAGES TASKS: a queue inside the process, from the publisher to the acknowledgement.
 *
 * DESIGN
 *   A whole service: TASKS tasks publish one message after another, each waiting until that is done (in a durable queue: until it is on the
 *   disk), while up to TASKS handlers take them. Prints messages a second, or the CPU time of one in ns, from the first publish to the last
 *   acknowledgement. */
#include "measure.h"

#include <aeon.h>

static struct work {
        const char *url;
        bool cpu;
        long messages, tasks;
} work;

static int publish(void *arg)
{
        char body[128];
        memset(body, 'x', sizeof body);
        for (long i = 0; i < work.messages / work.tasks; i++)
                must(aeon_publish(arg, "work", AEON_BYTES(body, sizeof body), NULL), "publish");
        return 0;
}

static int handle(aeon_message *m)
{
        return aeon_message_size(m) == 128 ? 0 : -EBADMSG;
}
AEON_RAW_HANDLER(handle);

static int measure(aeon_app *app)
{
        aeon_broker *broker = aeon_app_broker(app);
        double begin = wall_seconds(), used = cpu_seconds();
        aeon_group *g = NULL;
        must(aeon_group_open(&g), "group");
        for (long i = 0; i < work.tasks; i++)
                must(aeon_spawn(g, "publish", publish, broker), "spawn");
        must(aeon_group_close(g), "close");
        uint64_t wanted = (uint64_t)(work.messages / work.tasks * work.tasks);
        aeon_broker_stats stats = { 0 };
        while (stats.processed < wanted) {
                must(aeon_sleep(AEON_MILLISECONDS(1)), "sleep");
                aeon_broker_get_stats(broker, &stats);
        }
        printf("%.1f\n", work.cpu ? (cpu_seconds() - used) * 1e9 / (double)wanted : (double)wanted / (wall_seconds() - begin));
        fflush(stdout);
        return aeon_app_stop(app, 0);
}

static void define(aeon_app *app)
{
        aeon_use_broker(app, work.url);
        aeon_subscribe(app, "work", &handle_handler, &(aeon_subscribe_opts){ .concurrency = (unsigned)work.tasks });
        aeon_on_ready(app, measure);
}

int main(int argc, char **argv)
{
        if (argc < 5) {
                fprintf(stderr, "usage: bench-queue rate|cpu URL MESSAGES TASKS\n");
                return 2;
        }
        work.cpu = !strcmp(argv[1], "cpu");
        work.url = argv[2];
        work.messages = strtol(argv[3], NULL, 10);
        work.tasks = strtol(argv[4], NULL, 10);
        return aeon_app_run(define, &(aeon_app_opts){ .admin = "off", .quiet = true, .no_signals = true });
}
