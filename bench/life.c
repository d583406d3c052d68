/* bench-life ready | stop HANDLERS | probe: how long an app takes to be ready, to end with so many handlers asleep, and to answer a probe
 * while its loop is blocked.
 *
 * DESIGN
 *   ready   starts itself anew and prints the milliseconds from before the exec to the ready hook: loading and linking count too. The two
 *           processes share the monotonic clock, so the child says when it was ready, and the parent when it began.
 *   stop    has handlers that sleep for ever, gives them no time to finish, and prints the milliseconds from the stop to the return of
 *           aeon_app_run(): cancelling, waking, ending and joining all of them, and freeing their stacks.
 *   probe   blocks the only loop for three seconds, asks /livez all the while from another thread, a connection each time, and prints the
 *           milliseconds of the slowest answer. */
#include "measure.h"

#include <aeon.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* ------------------------------------------------------------------ probe */

#define BLOCKED 3.0 /* seconds */

static struct sockaddr_un admin = { .sun_family = AF_UNIX };
static double slowest;
static _Atomic bool unblocked;

static double ask_once(void)
{
        static const char question[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        char answer[512];
        double begin = wall_seconds();
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        must(connect(fd, (struct sockaddr *)&admin, sizeof admin), "connect");
        must(write(fd, question, sizeof question - 1) == sizeof question - 1 ? 0 : -EIO, "write");
        ssize_t n = read(fd, answer, sizeof answer);
        must(n > 12 && !memcmp(answer, "HTTP/1.1 200", 12) ? 0 : -EPROTO, "probe");
        close(fd);
        return wall_seconds() - begin;
}

static void *ask_all_the_while(void *unused)
{
        (void)unused;
        while (!unblocked) {
                double took = ask_once();
                slowest = took > slowest ? took : slowest;
                usleep(1000);
        }
        return NULL;
}

static int block(aeon_app *app)
{
        pthread_t thread;
        double end = wall_seconds() + BLOCKED;
        must(-pthread_create(&thread, NULL, ask_all_the_while, NULL), "thread");
        while (wall_seconds() < end)
                usleep(10000); /* the whole thread sleeps, and the loop with it */
        unblocked = true;
        pthread_join(thread, NULL);
        return aeon_app_stop(app, 0);
}

static void blocked(aeon_app *app)
{
        aeon_watchdog_set_limit(0); /* it would say so */
        aeon_on_ready(app, block);
}

static double slowest_probe(char *program)
{
        char address[128];
        snprintf(admin.sun_path, sizeof admin.sun_path, "/tmp/bench-life-%d.sock", (int)getpid());
        snprintf(address, sizeof address, "unix:%s", admin.sun_path);
        int code = aeon_main(5, (char *[]){ program, "--admin", address, "--log-level", "error", NULL }, "blocked", blocked);
        unlink(admin.sun_path);
        must(-code, "run");
        return slowest;
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
        } else if (argc == 2 && strcmp(argv[1], "probe") == 0) {
                printf("%.3f\n", slowest_probe(argv[0]) * 1000);
        } else {
                fprintf(stderr, "usage: bench-life ready | stop HANDLERS | probe\n");
                return 2;
        }
        return 0;
}
