/* systemd: Type=notify and notify-reload, the watchdog, and more time while there is progress.
 *
 * DESIGN
 *   The protocol is a datagram of lines to the socket that $NOTIFY_SOCKET names (sd_notify(3)), which is less to depend on than
 *   libsystemd. The life calls aeon__notify() at its steps; what has to be said again and again is said by a watch task on the
 *   warden's loop, which no handler can block:
 *
 *       WATCHDOG=1            at half the interval of $WATCHDOG_USEC, if $WATCHDOG_PID is this process, for as long as the app is
 *                             live: a stuck loop ends it, and systemd restarts the service
 *       EXTEND_TIMEOUT_USEC   while starting and stopping, once a second, but only when something has moved since: a hook has
 *                             ended, a loop has come up, a handler has finished. A start that hangs runs into systemd's limit
 *
 *   A worker says all of that to its supervisor instead, in the same words, and once a second how it is; see worker.h.
 */
#include "app/notify.h"

#include "app/app.h"
#include "app/worker.h"

#include <aeon/health.h>
#include <aeon/settings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define EXTENSION AEON_SECONDS(30)
#define TICK AEON_SECONDS(1)

struct notify {
        const char *path;       /* $NOTIFY_SOCKET, borrowed from the environment; NULL: a supervisor is told */
        int fd;                 /* connected; -1: nobody to tell */
        aeon_duration watchdog; /* half the interval; 0: none is kept */
};

static const aeon_part notify_part;

static struct notify *notify_of(aeon_app *app)
{
        return aeon_app_part(app, &notify_part);
}

/* ------------------------------------------------------------------ the socket */

static int connect_to(const char *path, int *ret_fd)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        size_t length = strlen(path);
        if ((path[0] != '/' && path[0] != '@') || length >= sizeof un.sun_path)
                return aeon_fail(-EINVAL, "NOTIFY_SOCKET \"%s\": expected an absolute path or @name", path);
        memcpy(un.sun_path, path, length);
        if (path[0] == '@')
                un.sun_path[0] = '\0'; /* the abstract namespace */
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return aeon_fail_os(-errno, "a socket for NOTIFY_SOCKET");
        /* What is said must arrive, but a service manager that is stuck must not stop us for ever. */
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
        if (connect(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0) {
                int r = aeon_fail_os(-errno, "NOTIFY_SOCKET \"%s\"", path);
                close(fd);
                return r;
        }
        *ret_fd = fd;
        return 0;
}

void aeon__notify(aeon_app *app, const char *format, ...)
{
        struct notify *n = notify_of(app);
        if (!n || n->fd < 0)
                return;
        char lines[1024];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(lines, sizeof lines, format, arguments);
        va_end(arguments);
        if (send(n->fd, lines, strlen(lines), MSG_NOSIGNAL) < 0 && n->path) /* a supervisor that is gone ends us anyhow */
                aeon_log_warning("systemd was not told \"%.*s\": %s", (int)strcspn(lines, "\n"), lines, aeon_strerror(-errno));
}

void aeon__notify_reloading(aeon_app *app)
{
        aeon__notify(app, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(aeon_now() / 1000));
}

/* ------------------------------------------------------------------ the watch */

/* $WATCHDOG_USEC, if it is meant for us: children inherit the environment. */
static aeon_duration watchdog_from_environment(void)
{
        const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
        if (!usec || (pid && atol(pid) != (long)getpid()))
                return 0;
        char *end;
        errno = 0;
        long long n = strtoll(usec, &end, 10);
        if (errno || *end || n <= 0 || n > INT64_MAX / 1000) {
                aeon_log_warning("WATCHDOG_USEC \"%s\" is no number of microseconds: no watchdog", usec);
                return 0;
        }
        return n * 1000 / 2;
}

static bool is_moving(const aeon_app *app)
{
        return !atomic_load(&app->started) || atomic_load(&app->stop.level) != STOP_NONE;
}

/* For the supervisor's probes. */
static void tell_health(aeon_app *app)
{
        static const char *const names[] = { "healthy", "degraded", "unhealthy" };
        aeon__notify(app, "X_HEALTH=%s\nX_TAKES=%d", names[aeon_health_overall(app)], aeon_app_is_ready(app));
}

static int notify_watch(void *self, aeon_app *app)
{
        struct notify *n = self;
        if (n->fd < 0)
                return 0;
        unsigned moves = 0;
        aeon_time next_watchdog = aeon_now(), next_tick = aeon_now();
        for (;;) {
                aeon_time now = aeon_now();
                if (n->watchdog && now >= next_watchdog) {
                        if (atomic_load(&app->live))
                                aeon__notify(app, "WATCHDOG=1");
                        next_watchdog = now + n->watchdog;
                }
                if (now >= next_tick) {
                        unsigned seen = atomic_load(&app->moves);
                        if (is_moving(app) && seen != moves)
                                aeon__notify(app, "EXTEND_TIMEOUT_USEC=%lld", (long long)(EXTENSION / 1000));
                        moves = seen;
                        if (!n->path && aeon__worker_is_orphan())
                                aeon__stop(app, 1, "the supervisor is gone");
                        if (!n->path && atomic_load(&app->started))
                                tell_health(app);
                        next_tick = now + TICK;
                }
                int r = aeon_sleep_until(n->watchdog && next_watchdog < next_tick ? next_watchdog : next_tick);
                if (r < 0)
                        return r;
        }
}

/* ------------------------------------------------------------------ the part */

static int notify_bind(void *self, aeon_app *app)
{
        (void)app;
        struct notify *n = self;
        if (!n->path) {
                n->fd = fcntl(aeon__worker_fd(), F_DUPFD_CLOEXEC, 0);
                n->watchdog = TICK;
                return 0;
        }
        if (connect_to(n->path, &n->fd) < 0)
                aeon_log_warning("systemd will not be told: %s", aeon_error_text());
        n->watchdog = watchdog_from_environment();
        return 0;
}

static void notify_unbind(void *self, aeon_app *app)
{
        (void)app;
        struct notify *n = self;
        if (n->fd >= 0)
                close(n->fd);
        n->fd = -1;
}

static const aeon_part notify_part = {
        .name = "systemd", .bind = notify_bind, .watch = notify_watch, .unbind = notify_unbind, .free = free
};

int aeon__notify_use(aeon_app *app)
{
        bool worker = aeon__worker_fd() >= 0;
        const char *path = worker ? NULL : getenv("NOTIFY_SOCKET");
        if (!path && !worker)
                return 0;
        struct notify *n = malloc(sizeof *n);
        if (!n)
                return aeon_fail(-ENOMEM, "no memory to speak with systemd");
        *n = (struct notify){ .path = path, .fd = -1 };
        int r = aeon__use_part_anyway(app, &notify_part, n);
        if (r < 0)
                free(n);
        return r;
}
