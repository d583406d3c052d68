/* One process of the pool, from fork to its end; workers.h has the whole.
 *
 * DESIGN
 *   Between fork and exec the child is a copy of a process with threads: it makes system calls and nothing else. Signals are blocked from
 *   before the fork until the child has put every handler of ours away; else the handler would take, in the child, what the new
 *   program is to hear of.
 *
 *   The end is awaited by a pidfd, so nobody's SIGCHLD is touched and no number can mean another process.
 *
 *       SIGTERM --end_limit--> SIGKILL                   a worker has a hard deadline of its own, a second before
 *          \-- a second signal: SIGINT --hurry_limit--> SIGKILL     two SIGTERMs that a busy worker has not seen yet are one
 */
#include "app/workers.h"

#include <aeon/signal.h>
#include <aeon/watch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 4096, LAST_SIGNAL = 64 };

#define PULSE_CHECK AEON_SECONDS(1)
#define HELD_CHECK AEON_MILLISECONDS(10)
#define CORE_LIMIT AEON_SECONDS(60) /* to write one */

extern char **environ;

/* ------------------------------------------------------------------ starting */

static void forget_handlers(void)
{
        struct sigaction action;
        for (int signal = 1; signal <= LAST_SIGNAL; signal++)
                if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL)
                        sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

/* In the child. A process group of its own: what is typed at a terminal is ours to pass on, else it would count twice. */
static void become_worker(const struct workers *pool, int line, char **environment)
{
        static const char words[] = "aeon: the program of the worker cannot be started again\n";
        sigset_t none;
        setpgid(0, 0);
        forget_handlers();
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (fcntl(line, F_SETFD, 0) == 0)
                execve(pool->program, pool->argv, environment);
        ssize_t n = write(STDERR_FILENO, words, sizeof words - 1);
        (void)n;
        _exit(127);
}

/* Ours without what is meant for this process alone, and with who the worker is. free() the array, and its first two texts. */
static char **make_environment(unsigned id, int line)
{
        static const char *const not_theirs[] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "AEON_WORKER_" };
        size_t count = 0, used = 0;
        while (environ[count])
                count++;
        char **environment = calloc(count + 3, sizeof *environment);
        if (!environment)
                return NULL;
        if (asprintf(&environment[used++], "AEON_WORKER_ID=%u", id) < 0 ||
            asprintf(&environment[used++], "AEON_WORKER_FD=%d", line) < 0) {
                free(environment);
                return NULL;
        }
        for (size_t i = 0; i < count; i++) {
                bool theirs = true;
                for (size_t n = 0; n < sizeof not_theirs / sizeof *not_theirs; n++)
                        theirs = theirs && strncmp(environ[i], not_theirs[n], strlen(not_theirs[n])) != 0;
                if (theirs)
                        environment[used++] = environ[i];
        }
        return environment;
}

static void free_environment(char **environment)
{
        free(environment[0]);
        free(environment[1]);
        free(environment);
}

static int fork_worker(struct worker *w, int line)
{
        struct workers *pool = w->slot->pool;
        char **environment = make_environment(w->slot->id, line);
        if (!environment)
                return aeon_fail(-ENOMEM, "no memory for worker %u", w->slot->id);
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        w->pid = fork();
        if (w->pid == 0)
                become_worker(pool, line, environment);
        int error = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        free_environment(environment);
        if (w->pid < 0)
                return aeon_fail_os(-error, "worker %u cannot be started", w->slot->id);
        w->pidfd = pidfd_open(w->pid, 0);
        if (w->pidfd >= 0)
                return 0;
        int r = aeon_fail_os(-errno, "worker %u cannot be watched", w->slot->id);
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
        return r;
}

void aeon__worker_drop(struct worker *w)
{
        if (!w || --w->holders)
                return;
        if (w->pidfd >= 0)
                close(w->pidfd);
        if (w->line >= 0)
                close(w->line);
        aeon_event_free(w->settled);
        aeon_event_free(w->ended);
        free(w);
}

/* ------------------------------------------------------------------ while it lives */

static bool hear(struct worker *w)
{
        char lines[MESSAGE_SIZE];
        ssize_t n = recv(w->line, lines, sizeof lines - 1, MSG_DONTWAIT);
        if (n <= 0)
                return n < 0 && errno == EINTR;
        lines[n] = '\0';
        aeon__worker_heard(w, lines);
        return true;
}

static int listen_to(void *arg)
{
        struct worker *w = arg;
        aeon_watch *watch;
        int r = aeon_watch_open(w->line, &watch);
        while (r >= 0) {
                r = aeon_watch_wait(watch, AEON_READABLE);
                if (r >= 0 && !hear(w))
                        break; /* its end was closed: the process ends */
                while (r >= 0 && hear(w))
                        ;
        }
        if (r >= 0 || r == -ECANCELED)
                aeon_watch_close(watch);
        return r == -ECANCELED ? r : 0;
}

/* A worker says each second that it is live; one that has a stuck loop does not, and is ended as systemd's watchdog would end it, so
 * that what it has been doing stands in a core. */
static int feel_pulse(void *arg)
{
        struct worker *w = arg;
        aeon_duration limit = 2 * w->slot->pool->app->opts.stall_limit;
        int r = 0;
        while (r == 0 && !(w->ready && aeon_now() - w->pulse > limit))
                r = aeon_sleep(PULSE_CHECK);
        if (r < 0 || w->retired)
                return r;
        aeon_log_error("%s is stuck: it has not been live for %.0f s, and is aborted", aeon__worker_name(w), (double)limit / 1e9);
        w->stuck = true;
        pidfd_send_signal(w->pidfd, SIGABRT, NULL, 0);
        r = aeon_sleep(CORE_LIMIT);
        if (r == 0)
                pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
        return r;
}

/* ------------------------------------------------------------------ its end */

/* Until the process has ended, the scope's deadline passes, or it is cancelled. */
static int await_end(struct worker *w, aeon_watch *watch, const aeon_scope_opts *opts)
{
        aeon_scope patience;
        aeon_scope_open(&patience, opts);
        w->patience = &patience;
        int r = aeon_watch_wait(watch, AEON_READABLE);
        w->patience = NULL;
        return aeon_scope_close(&patience, r);
}

/* One that was to make room for its successor is no reason for the service to end. */
static void kill_at_last(struct worker *w)
{
        static const char words[] = "did not end by its hard deadline and was killed";
        aeon_app *app = w->slot->pool->app;
        pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
        w->killed = true;
        if (aeon__stop_level(app) == STOP_NONE)
                aeon_log_error("%s %s", aeon__worker_name(w), words);
        else
                aeon__stop(app, 4, "%s %s", aeon__worker_name(w), words);
}

static int await_and_kill(struct worker *w, aeon_watch *watch)
{
        const struct workers *pool = w->slot->pool;
        int r = await_end(w, watch, &(aeon_scope_opts){ .deadline = w->kill_at, .name = "worker" });
        if (r == -ECANCELED) { /* a second signal */
                pidfd_send_signal(w->pidfd, SIGINT, NULL, 0);
                r = await_end(w, watch, &(aeon_scope_opts){ .timeout = pool->hurry_limit, .shield = true, .name = "worker" });
        }
        if (r == -ETIMEDOUT) {
                kill_at_last(w);
                r = await_end(w, watch, &(aeon_scope_opts){ .shield = true, .name = "worker" });
        }
        return r;
}

/* One that a debugger holds has ended for poll, but not for us until the debugger lets it go. */
static void reap(struct worker *w, siginfo_t *ret_info)
{
        *ret_info = (siginfo_t){ 0 };
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .shield = true, .name = "end of a worker" });
        int r;
        do
                r = waitid(P_PIDFD, (id_t)w->pidfd, ret_info, WEXITED | WNOHANG) < 0 ? -errno : 0;
        while (r == -EINTR || (r == 0 && ret_info->si_pid == 0 && aeon_sleep(HELD_CHECK) == 0));
        aeon_scope_close(&scope, 0);
}

static void read_status(struct worker *w)
{
        siginfo_t info;
        reap(w, &info);
        bool exited = info.si_code == CLD_EXITED;
        const char *name = exited ? NULL : sigabbrev_np(info.si_status);
        w->code = exited ? info.si_status : 1;
        if (w->retired && !exited && (info.si_status == SIGTERM || info.si_status == SIGINT))
                w->code = 0; /* told to end before it had a handler, or told again when it had none any more */
        if (exited)
                snprintf(w->end, sizeof w->end, "ended with code %d", info.si_status);
        else
                snprintf(w->end, sizeof w->end, "was killed by SIG%s", name ? name : "?");
}

static int live(void *arg)
{
        struct worker *w = arg;
        aeon_watch *watch = NULL;
        aeon_group *group = NULL;
        int r = aeon_watch_open(w->pidfd, &watch);
        if (r >= 0)
                r = aeon_group_open(&group);
        if (r >= 0)
                r = aeon_spawn(group, "words of a worker", listen_to, w);
        if (r >= 0)
                r = aeon_spawn(group, "pulse of a worker", feel_pulse, w);
        if (r >= 0)
                r = await_and_kill(w, watch);
        if (r < 0) { /* it cannot be watched over */
                aeon_log_error("%s: %s", aeon__worker_name(w), aeon_error_describe(r));
                pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
        }
        if (group) {
                aeon_group_cancel(group, "the worker has ended");
                aeon_group_close(group);
        }
        aeon_watch_close(watch);
        while (hear(w))
                ;
        read_status(w);
        list_remove(&w->in_pool);
        aeon__worker_over(w);
        aeon_event_set(w->settled);
        aeon_event_set(w->ended);
        aeon__worker_drop(w);
        return 0;
}

void aeon__worker_stop(struct worker *w)
{
        if (w->retired)
                return;
        w->retired = true;
        pidfd_send_signal(w->pidfd, SIGTERM, NULL, 0);
        w->kill_at = aeon_now() + w->slot->pool->end_limit;
        if (w->patience)
                aeon_scope_set_deadline(w->patience, w->kill_at);
}

/* ------------------------------------------------------------------ the whole */

static int start(struct worker *w)
{
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return aeon_fail_os(-errno, "worker %u cannot be talked to", w->slot->id);
        w->line = ends[0];
        int r = fork_worker(w, ends[1]);
        close(ends[1]);
        return r;
}

int aeon__worker_start(struct slot *slot, enum worker_role role, struct worker **ret_worker)
{
        struct workers *pool = slot->pool;
        struct worker *w = calloc(1, sizeof *w);
        if (!w)
                return aeon_fail(-ENOMEM, "no memory for worker %u", slot->id);
        *w = (struct worker){ .slot = slot, .role = role, .holders = 1, .pidfd = -1, .line = -1 };
        int r = aeon_event_new(&w->settled);
        if (r >= 0)
                r = aeon_event_new(&w->ended);
        if (r >= 0)
                r = start(w);
        if (r < 0) {
                aeon__worker_drop(w);
                return r;
        }
        list_append(&pool->processes, &w->in_pool);
        r = aeon_lifespan_handle(pool->life, "worker", live, aeon__worker_hold(w));
        if (r < 0) {
                kill(w->pid, SIGKILL);
                waitpid(w->pid, NULL, 0);
                list_remove(&w->in_pool);
                aeon__worker_drop(w);
                aeon__worker_drop(w);
                return r;
        }
        *ret_worker = w;
        return 0;
}
