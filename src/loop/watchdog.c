/* The watchdog; see watchdog.h. */
#include "loop/watchdog.h"

#include "loop/dump.h"
#include "loop/loop.h"

#include <aeon/debug.h>
#include <aeon/log.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_LIMIT AEON_MILLISECONDS(100)
#define SHORTEST_TICK AEON_MILLISECONDS(1)
#define LONGEST_TICK AEON_SECONDS(1)
enum { IDLE_TICKS = 4 };

static struct {
        pthread_mutex_t beginning; /* held while the thread is made or joined; taken before the lock */
        pthread_mutex_t lock;      /* of the lists and of `ending` */
        struct list watches, errands;
        bool ending;
        pthread_t thread;
        sem_t bell; /* what was rung while nobody slept costs one look too many */
        _Atomic bool running;
        _Atomic int64_t limit; /* -1: nobody has set one */
        _Atomic bool dump_asked;
} watchdog = {
        .beginning = PTHREAD_MUTEX_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .watches = LIST_INIT(watchdog.watches),
        .errands = LIST_INIT(watchdog.errands),
        .limit = -1,
};

/* Async-signal-safe. */
static void ring(void)
{
        int saved_errno = errno;
        sem_post(&watchdog.bell);
        errno = saved_errno;
}

void aeon__watchdog_ask_for_dump(void)
{
        if (!atomic_load(&watchdog.running))
                return; /* no loop, nothing to dump */
        atomic_store(&watchdog.dump_asked, true);
        ring();
}

/* ------------------------------------------------------------------ the limit */

static aeon_duration default_limit(void)
{
        const char *set = getenv("AEON_SLOW_TASK_MS");
        char *end = NULL;
        long ms = set ? strtol(set, &end, 10) : 0;
        if (set && *set && *end == '\0' && ms >= 0)
                return AEON_MILLISECONDS(ms);
        return DEFAULT_LIMIT * aeon__checker_slowdown();
}

void aeon_watchdog_set_limit(aeon_duration limit)
{
        atomic_store(&watchdog.limit, limit < 0 ? default_limit() : limit);
        ring();
}

/* ------------------------------------------------------------------ slow tasks */

/* How long the thread has waited for a processor, in all its life; 0 where the kernel does not count it. */
static aeon_duration starved(pid_t thread_id)
{
        char path[64], text[96] = "";
        snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", (int)thread_id);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        long long on_processor = 0, waiting = 0;
        return n > 0 && sscanf(text, "%lld %lld", &on_processor, &waiting) == 2 ? waiting : 0;
}

static void report_slow(struct watched *w, aeon_duration limit)
{
        struct stack_sample *s = &w->slow;
        char duration[DURATION_WORDS];
        aeon__duration_words(limit, duration);
        int r = aeon__stack_sample(w->thread, &w->loop->runner.sched, &w->seen, s);
        if (r == -EAGAIN)
                return; /* over in this moment */
        w->reported = true;
        if (r < 0) {
                s->task_id = 0;
                aeon_log_warning("a task has let no other run for %s, and its thread (%d) does not say which", duration,
                                 (int)w->thread_id);
                return;
        }
        struct text stack = { 0 };
        aeon__stack_print(&stack, s);
        aeon_log_warning("task \"%s\" #%llu (%s) has let no other run for %s; it is in%s", s->task_name,
                         (unsigned long long)s->task_id, s->task_site, duration, stack.data ? stack.data : " ?");
        aeon__text_done(&stack);
}

static void report_over(struct watched *w, aeon_time now)
{
        char duration[DURATION_WORDS];
        aeon__duration_words(now - w->since, duration);
        if (w->slow.task_id)
                aeon_log_warning("task \"%s\" #%llu (%s) lets others run again, after %s", w->slow.task_name,
                                 (unsigned long long)w->slow.task_id, w->slow.task_site, duration);
        else
                aeon_log_warning("the task of thread %d lets others run again, after %s", (int)w->thread_id, duration);
        w->reported = false;
}

/* Progress was made, or the clock is not to be trusted: count from now. */
static void begin_anew(struct watched *w, struct sched_progress seen, aeon_time now)
{
        w->seen = seen;
        w->since = now;
        w->starved = seen.running ? starved(w->thread_id) : 0;
}

/* Returns true when something has run on it since the last look. */
static bool look(struct watched *w, aeon_duration limit, aeon_time now)
{
        struct sched_progress progress = aeon__sched_progress(&w->loop->runner.sched);
        bool moved = !aeon__progress_equal(progress, w->seen);
        if (moved || !progress.running || w->is_covered) {
                if (w->reported)
                        report_over(w, now);
                begin_anew(w, progress, now);
        } else if (!w->reported && now - w->since >= limit && now - w->since - (starved(w->thread_id) - w->starved) >= limit) {
                report_slow(w, limit);
        }
        return !w->is_covered && (moved || progress.running);
}

/* @was_stopped: the process did not run for some time, which is no task's doing. */
static bool look_at_all(aeon_duration limit, bool was_stopped)
{
        bool any = false;
        aeon_time now = aeon_now();
        struct watched *w;
        list_foreach (w, &watchdog.watches, in_watches) {
                if (w->loop->runner.sched.unwatched)
                        continue;
                if (was_stopped && !w->reported)
                        begin_anew(w, aeon__sched_progress(&w->loop->runner.sched), now);
                any = look(w, limit, now) || any;
        }
        return any;
}

/* ------------------------------------------------------------------ the thread */

/* Wait until the bell rings, but at most @duration. Returns true when that took far longer than it should. */
static bool doze(aeon_duration duration)
{
        aeon_time begin = aeon_now(), end = begin + (duration == AEON_NEVER ? 0 : duration);
        if (duration == AEON_NEVER)
                sem_wait(&watchdog.bell);
        else
                sem_clockwait(&watchdog.bell, CLOCK_MONOTONIC, &(struct timespec){ end / 1000000000, end % 1000000000 });
        while (sem_trywait(&watchdog.bell) == 0)
                ;
        return duration != AEON_NEVER && aeon_now() - begin > 4 * duration + AEON_MILLISECONDS(100);
}

/* Called with the lock held. */
static void run_errands(void)
{
        struct list *node;
        while ((node = list_pop(&watchdog.errands))) {
                struct errand *errand = container_of(node, struct errand, in_errands);
                pthread_mutex_unlock(&watchdog.lock);
                errand->run(errand);
                pthread_mutex_lock(&watchdog.lock);
        }
}

void aeon__watchdog_send(struct errand *errand)
{
        pthread_mutex_lock(&watchdog.lock);
        list_append(&watchdog.errands, &errand->in_errands);
        if (!atomic_load(&watchdog.running))
                run_errands(); /* it could not begin */
        pthread_mutex_unlock(&watchdog.lock);
        ring();
}

static aeon_duration tick_for(aeon_duration limit)
{
        return limit / 2 > LONGEST_TICK ? LONGEST_TICK : limit / 2 < SHORTEST_TICK ? SHORTEST_TICK : limit / 2;
}

static void *watchdog_main(void *unused)
{
        (void)unused;
        pthread_setname_np(pthread_self(), "aeon-watchdog");
        unsigned idle = 0; /* looks in a row that saw nothing run */
        bool was_stopped = false;
        pthread_mutex_lock(&watchdog.lock);
        while (!watchdog.ending) {
                aeon_duration limit = atomic_load(&watchdog.limit);
                idle = limit && look_at_all(limit, was_stopped) ? 0 : idle + 1;
                atomic_store(&aeon__sched_watcher_asleep, limit && idle >= IDLE_TICKS);
                bool asleep = !limit || idle > IDLE_TICKS;
                pthread_mutex_unlock(&watchdog.lock);
                was_stopped = doze(asleep ? AEON_NEVER : tick_for(limit));
                if (asleep)
                        idle = 0;
                if (atomic_exchange(&watchdog.dump_asked, false))
                        aeon__loops_dump_to_stderr();
                pthread_mutex_lock(&watchdog.lock);
                run_errands();
        }
        atomic_store(&aeon__sched_watcher_asleep, false);
        pthread_mutex_unlock(&watchdog.lock);
        aeon_error_clear();
        return NULL;
}

/* It takes no signals: those are for the threads that run something. */
static int thread_begin(void)
{
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = -pthread_create(&watchdog.thread, NULL, watchdog_main, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        atomic_store(&watchdog.running, r == 0);
        return r;
}

static void thread_end(void)
{
        atomic_store(&watchdog.running, false);
        ring();
        pthread_join(watchdog.thread, NULL);
        watchdog.ending = false;
}

/* ------------------------------------------------------------------ a process that forks */

static void before_fork(void)
{
        pthread_mutex_lock(&watchdog.beginning);
        pthread_mutex_lock(&watchdog.lock);
}

static void after_fork(void)
{
        pthread_mutex_unlock(&watchdog.lock);
        pthread_mutex_unlock(&watchdog.beginning);
}

/* The child has neither the thread nor the loops. */
static void after_fork_in_child(void)
{
        while (list_pop(&watchdog.watches))
                ;
        atomic_store(&watchdog.running, false);
        atomic_store(&aeon__sched_watcher_asleep, false);
        after_fork();
}

__attribute__((constructor)) static void prepare(void)
{
        sem_init(&watchdog.bell, 0, 0);
        aeon__sched_wake_watcher = ring;
        pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ------------------------------------------------------------------ the loops */

static struct watched *find_watched(const struct sched *sched)
{
        struct watched *w;
        list_foreach (w, &watchdog.watches, in_watches)
                if (&w->loop->runner.sched == sched)
                        return w;
        return NULL;
}

void aeon__watchdog_add(struct aeon_loop *loop)
{
        struct watched *w = &loop->watch;
        *w = (struct watched){ .loop = loop, .thread = pthread_self(), .thread_id = gettid() };
        if (atomic_load(&watchdog.limit) < 0)
                aeon_watchdog_set_limit(-1); /* not by the watchdog's thread: this one may be changing the environment */
        pthread_mutex_lock(&watchdog.beginning);
        pthread_mutex_lock(&watchdog.lock);
        w->covered = aeon__sched ? find_watched(aeon__sched) : NULL;
        if (w->covered)
                w->covered->is_covered = true;
        list_append(&watchdog.watches, &w->in_watches);
        pthread_mutex_unlock(&watchdog.lock);
        int r = atomic_load(&watchdog.running) ? 0 : thread_begin();
        pthread_mutex_unlock(&watchdog.beginning);
        if (r < 0)
                aeon_log_warning("slow tasks will not be reported: %s", strerror(-r));
}

void aeon__watchdog_remove(struct aeon_loop *loop)
{
        struct watched *w = &loop->watch;
        pthread_mutex_lock(&watchdog.beginning);
        pthread_mutex_lock(&watchdog.lock);
        if (w->reported)
                report_over(w, aeon_now());
        if (w->covered)
                w->covered->is_covered = false;
        list_remove(&w->in_watches);
        watchdog.ending = list_empty(&watchdog.watches) && atomic_load(&watchdog.running);
        bool last = watchdog.ending;
        pthread_mutex_unlock(&watchdog.lock);
        if (last)
                thread_end();
        pthread_mutex_unlock(&watchdog.beginning);
}

void aeon__watchdog_leave_out(struct aeon_loop *loop)
{
        pthread_mutex_lock(&watchdog.lock);
        loop->runner.sched.unwatched = true;
        pthread_mutex_unlock(&watchdog.lock);
}

int aeon__watchdog_sample(struct aeon_loop *loop, struct stack_sample *ret_sample)
{
        pthread_mutex_lock(&watchdog.lock);
        bool alive = find_watched(&loop->runner.sched) != NULL;
        int r = alive ? aeon__stack_sample(loop->watch.thread, &loop->runner.sched, NULL, ret_sample) : -ESHUTDOWN;
        pthread_mutex_unlock(&watchdog.lock);
        return r;
}

struct list *aeon__watches_take(void)
{
        pthread_mutex_lock(&watchdog.lock);
        return &watchdog.watches;
}

void aeon__watches_give(void)
{
        pthread_mutex_unlock(&watchdog.lock);
}
