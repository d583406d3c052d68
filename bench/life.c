/* bench-life ready | bench-life stop HANDLERS: how long an app takes to be ready, and to end with so many handlers asleep.
 *
 * DESIGN
 *   ready   starts itself anew and prints the milliseconds from before the exec to the ready hook: loading and linking count too. The two
 *           processes share the monotonic clock, so the child says when it was ready, and the parent when it began.
 *   stop    has handlers that sleep for ever, gives them no time to finish, and prints the milliseconds from the stop to the return of
 *           aeon_app_run(): cancelling, waking, ending and joining all of them, and freeing their stacks. */
#include "measure.h"

#include <aeon.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ ready */

static int say_when(aeon_app *app)
{
        printf("%.9f\n", wall_seconds());
        fflush(stdout);
        return aeon_app_stop(app, 0);
}

static void empty(aeon_app *app)
{
        aeon_on_ready(app, say_when);
}

static double time_to_ready(char **argv)
{
        extern char **environ;
        int ends[2];
        pid_t child;
        posix_spawn_file_actions_t actions;
        must(pipe(ends), "pipe");
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        double begin = wall_seconds();
        must(-posix_spawn(&child, "/proc/self/exe", &actions, NULL, (char *[]){ argv[0], "child", NULL }, environ), "spawn");
        close(ends[1]);
        char said[64] = "";
        must(read(ends[0], said, sizeof said - 1) > 0 ? 0 : -EIO, "read");
        waitpid(child, NULL, 0);
        return strtod(said, NULL) - begin;
}

/* ------------------------------------------------------------------ stop */

static long handlers;
static double stopped_at;

static int sleep_for_ever(void *unused)
{
        (void)unused;
        return aeon_sleep(AEON_NEVER);
}

static int start_handlers(void *self, aeon_lifespan *life)
{
        (void)self;
        for (long i = 0; i < handlers; i++)
                must(aeon_lifespan_handle(life, "sleeper", sleep_for_ever, NULL), "handle");
        return 0;
}

static int stop(aeon_app *app)
{
        must(aeon_sleep(AEON_MILLISECONDS(10)), "sleep"); /* all of them sleep by then */
        stopped_at = wall_seconds();
        return aeon_app_stop(app, 0);
}

static void with_sleepers(aeon_app *app)
{
        static const aeon_part sleepers = { .name = "sleepers", .serve = start_handlers };
        aeon_use_part(app, &sleepers, NULL);
        aeon_on_ready(app, stop);
}

static double time_to_stop(void)
{
        int code = aeon_app_run(with_sleepers, &(aeon_app_opts){ .quiet = true, .graceful_timeout = AEON_NANOSECONDS(1) });
        must(-code, "run");
        return wall_seconds() - stopped_at;
}

int main(int argc, char **argv)
{
        if (argc == 2 && strcmp(argv[1], "child") == 0)
                return aeon_app_run(empty, &(aeon_app_opts){ .quiet = true });
        if (argc == 2 && strcmp(argv[1], "ready") == 0) {
                printf("%.3f\n", time_to_ready(argv) * 1000);
        } else if (argc == 3 && strcmp(argv[1], "stop") == 0) {
                handlers = strtol(argv[2], NULL, 10);
                printf("%.3f\n", time_to_stop() * 1000);
        } else {
                fprintf(stderr, "usage: bench-life ready | bench-life stop HANDLERS\n");
                return 2;
        }
        return 0;
}
