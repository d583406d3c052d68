/* What systemd is told: a real datagram socket listens where $NOTIFY_SOCKET says. */
#include "harness.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ------------------------------------------------------------------ a service manager */

static struct {
        int fd;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t more;
        char said[64 * 1024]; /* all datagrams, one after another, each ended by "\n--\n" */
} manager = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

static void *manager_main(void *unused)
{
        (void)unused;
        char datagram[2048];
        ssize_t n;
        while ((n = recv(manager.fd, datagram, sizeof datagram - 1, 0)) > 0) {
                datagram[n] = '\0';
                if (!strcmp(datagram, "over"))
                        break;
                pthread_mutex_lock(&manager.lock);
                strcat(strcat(manager.said, datagram), "\n--\n");
                pthread_cond_broadcast(&manager.more);
                pthread_mutex_unlock(&manager.lock);
        }
        return NULL;
}

static void manager_start(void)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        strcpy(un.sun_path, test_path("notify"));
        manager.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        REQUIRE(bind(manager.fd, (struct sockaddr *)&un, sizeof un) == 0);
        setenv("NOTIFY_SOCKET", un.sun_path, 1);
        REQUIRE(pthread_create(&manager.thread, NULL, manager_main, NULL) == 0);
}

/* What was said; the manager is gone afterwards. */
static const char *manager_end(void)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        strcpy(un.sun_path, getenv("NOTIFY_SOCKET"));
        sendto(manager.fd, "over", 4, 0, (struct sockaddr *)&un, sizeof un);
        pthread_join(manager.thread, NULL);
        close(manager.fd);
        return manager.said;
}

static int count_of(const char *part)
{
        int count = 0;
        for (const char *at = manager.said; (at = strstr(at, part)); at += strlen(part))
                count++;
        return count;
}

struct wish {
        const char *part;
        int times;
};

/* Blocks its thread until @part has been said so often. */
static int await_said(void *arg)
{
        const struct wish *wish = arg;
        pthread_mutex_lock(&manager.lock);
        while (count_of(wish->part) < wish->times)
                pthread_cond_wait(&manager.more, &manager.lock);
        pthread_mutex_unlock(&manager.lock);
        return 0;
}

static int said(const char *part, int times)
{
        struct wish wish = { part, times };
        return aeon_offload(await_said, &wish);
}

/* The first byte of @part in what was said; fails the test when it is not there. */
static const char *place_of(const char *part)
{
        const char *at = strstr(manager.said, part);
        CHECK_CONTAINS(manager.said, part);
        return at;
}

static int stop(aeon_app *app)
{
        return aeon_app_stop(app, 0);
}

static int run(void (*define)(aeon_app *))
{
        return aeon_app_run(define, &(aeon_app_opts){ .name = "told", .quiet = true });
}

/* ------------------------------------------------------------------ ready and stopping */

static void comes_and_goes(aeon_app *app)
{
        aeon_on_ready(app, stop);
}

PLAIN_TEST(systemd_is_told_ready_then_stopping_with_the_cause)
{
        manager_start();
        CHECK_INT(run(comes_and_goes), 0);
        manager_end();
        CHECK(place_of("READY=1\nSTATUS=serving on 1 loop") < place_of("STOPPING=1\nSTATUS=stopping: the service asked to stop"));
        CHECK_INT(count_of("READY=1"), 1);
        CHECK_INT(count_of("STOPPING=1"), 1);
        CHECK_INT(count_of("WATCHDOG"), 0);
}

static int fail(aeon_app *app)
{
        (void)app;
        return aeon_fail(-EIO, "no disk");
}

static void fails(aeon_app *app)
{
        aeon_on_startup(app, fail);
}

PLAIN_TEST(systemd_never_hears_ready_from_a_start_that_fails)
{
        manager_start();
        CHECK_INT(run(fails), 1);
        manager_end();
        CHECK_INT(count_of("READY=1"), 0);
        CHECK_CONTAINS(manager.said, "no disk");
}

PLAIN_TEST(a_notify_socket_that_is_not_there_does_not_keep_a_service_from_running)
{
        setenv("NOTIFY_SOCKET", test_path("nobody"), 1);
        CHECK_INT(run(comes_and_goes), 0);
        setenv("NOTIFY_SOCKET", "not a path", 1);
        CHECK_INT(run(comes_and_goes), 0);
}

/* ------------------------------------------------------------------ the watchdog */

static int await_three(aeon_app *app)
{
        said("WATCHDOG=1", 3);
        return stop(app);
}

static void is_watched(aeon_app *app)
{
        aeon_on_ready(app, await_three);
}

PLAIN_TEST(the_watchdog_is_kept_when_it_is_meant_for_this_process)
{
        manager_start();
        setenv("WATCHDOG_USEC", "100000", 1);
        char pid[16];
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("WATCHDOG_PID", pid, 1);
        CHECK_INT(run(is_watched), 0);
        manager_end();
        CHECK(count_of("WATCHDOG=1") >= 3);
}

PLAIN_TEST(the_watchdog_of_another_process_is_left_alone)
{
        manager_start();
        setenv("WATCHDOG_USEC", "1000", 1);
        setenv("WATCHDOG_PID", "1", 1);
        CHECK_INT(run(comes_and_goes), 0);
        manager_end();
        CHECK_INT(count_of("WATCHDOG=1"), 0);
}

/* ------------------------------------------------------------------ more time */

static int quick(aeon_app *app)
{
        (void)app;
        return 0;
}

static int slow(aeon_app *app)
{
        said("EXTEND_TIMEOUT_USEC=30000000", 1); /* for the hook before */
        int beats = count_of("WATCHDOG=1");
        return said("WATCHDOG=1", beats + 25) ? -EIO : stop(app); /* two and a half seconds in which nothing moves */
}

static void starts_slowly(aeon_app *app)
{
        aeon_on_startup(app, quick);
        aeon_on_startup(app, slow);
}

PLAIN_TEST(more_time_is_asked_for_while_the_start_moves_and_not_while_it_hangs)
{
        manager_start();
        setenv("WATCHDOG_USEC", "200000", 1);
        unsetenv("WATCHDOG_PID");
        CHECK_INT(run(starts_slowly), 0);
        manager_end();
        const char *stopping = place_of("STOPPING=1"), *first = place_of("EXTEND_TIMEOUT_USEC");
        const char *second = strstr(first + 1, "EXTEND_TIMEOUT_USEC");
        CHECK(first < stopping && (!second || second > stopping));
}

/* ------------------------------------------------------------------ reload */

static int reloads;

static int hang_up(aeon_app *app)
{
        (void)app;
        kill(getpid(), SIGHUP);
        return 0;
}

static int reload(aeon_app *app)
{
        if (++reloads == 1)
                return hang_up(app); /* and once more */
        if (reloads == 2) {
                hang_up(app);
                return aeon_fail(-EINVAL, "a bad line");
        }
        stop(app);
        return aeon_sleep(AEON_SECONDS(60)); /* the stop cancels it */
}

static void reloads_itself(aeon_app *app)
{
        aeon_on_reload(app, reload);
        aeon_on_ready(app, hang_up);
}

PLAIN_TEST(sighup_runs_the_reload_hooks_and_tells_systemd)
{
        manager_start();
        CHECK_INT(run(reloads_itself), 0);
        manager_end();
        CHECK_INT(reloads, 3);
        CHECK_INT(count_of("RELOADING=1\nMONOTONIC_USEC="), 3);
        CHECK_INT(count_of("READY=1\nSTATUS=reloaded"), 1);
        CHECK_INT(count_of("READY=1\nSTATUS=the last reload failed"), 2);
}

/* ------------------------------------------------------------------ the warning at boot */

static int run_with_grace(const char *grace, char **ret_words)
{
        FILE *log = freopen(test_path("log"), "w", stderr);
        REQUIRE(log != NULL);
        aeon_app_opts opts = { .quiet = true, .graceful_timeout = AEON_SECONDS(20), .drain_delay = AEON_SECONDS(0) };
        opts.grace_period = grace ? AEON_SECONDS(atoi(grace)) : 0;
        int code = aeon_app_run(comes_and_goes, &opts);
        fflush(stderr);
        *ret_words = test_read_file(test_path("log"));
        return code;
}

PLAIN_TEST(a_grace_period_that_a_stop_may_exceed_is_warned_of_at_boot)
{
        char *words;
        CHECK_INT(run_with_grace("24", &words), 0);
        CHECK_CONTAINS(words, "a stop may take 25.0 s");
        CHECK_CONTAINS(words, "after 24.0 s it will be killed");
        free(words);
        CHECK_INT(run_with_grace("25", &words), 0);
        CHECK(!strstr(words, "a stop may take"));
        free(words);
}
