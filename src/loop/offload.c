/* Blocking work on threads.
 *
 * DESIGN
 *   One pool per process. It is ours, not libuv's, because libuv's four threads look up names, and forty slow queries must not keep
 *   a connect from its address. A job may begin when it gets one of the pool's TOKENS and holds it until its function has returned,
 *   whatever became of the task; threads are made while jobs could begin and none is idle, and end after some idle seconds.
 *
 *       queued --a thread takes it--> running --> finished, posted to the loop: its task wakes
 *         |                             |
 *         | cancel: it did not happen   | cancel of an abandonable one: its task wakes now
 *         v                             v
 *       gone                          abandoned: the thread finishes it and drops the result
 *
 *   The task owns its job until it abandons it; then the thread does, and knows no loop any more: the loop may end before it.
 *   `abandoned` and `finished` exclude each other under the pool's lock, so a result is either delivered or dropped.
 *
 *   A child of fork() has none of the threads and none of the tasks that waited: it begins with an empty pool.
 */
#include "loop/offload.h"

#include <aeon/thread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { DEFAULT_LIMIT = 40, IDLE_SECONDS = 10 };

struct job {
        struct list in_queue;   /* iff no thread has begun it */
        struct actor actor;     /* in a world, in place of queue and thread */
        struct aeon_loop *loop; /* held; NULL once abandoned */
        struct aeon_task *task; /* that waits */
        aeon_task_fn *fn;
        void *arg;
        void (*done)(void *arg);
        struct task_vars *vars;
        int result;
        struct error_slot error;
        bool abandonable;
        bool abandoned, finished; /* under the pool's lock */
        _Atomic bool cancelled;
        aeon_scope *call; /* around what its thread has the loop do for it; the loop's thread only */
};

static struct {
        pthread_mutex_t lock;
        pthread_cond_t work;
        struct list queue;    /* jobs */
        unsigned queued;      /* of them */
        unsigned limit, busy; /* tokens; those that are taken */
        unsigned threads;
        unsigned idle; /* of them; also those that are just beginning */
} pool = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .queue = LIST_INIT(pool.queue), .limit = DEFAULT_LIMIT
};

static __thread struct job *thread_job;

static void job_free(struct job *job)
{
        aeon__vars_drop(job->vars);
        aeon__error_slot_done(&job->error);
        free(job);
}

/* ------------------------------------------------------------------ a thread's side */

static void on_finished(void *arg)
{
        struct job *job = arg;
        aeon_loop_release(job->loop);
        aeon__wake(job->task, job->result);
}

static void run(struct job *job)
{
        thread_job = job;
        aeon__thread_vars = &job->vars;
        job->result = job->fn(job->arg);
        aeon__thread_vars = NULL;
        thread_job = NULL;
        aeon__error_move(aeon__error_current(), &job->error);
}

static void deliver(struct job *job)
{
        if (aeon__post_surely(job->loop, on_finished, job))
                return;
        /* The loop has ended with an error and thrown its tasks away. */
        aeon_loop_release(job->loop);
        job_free(job);
}

static void drop(struct job *job)
{
        if (job->done)
                job->done(job->arg);
        job_free(job);
}

/* How many of the queued jobs may begin. */
static unsigned count_startable(void)
{
        unsigned tokens = pool.limit > pool.busy ? pool.limit - pool.busy : 0;
        return pool.queued < tokens ? pool.queued : tokens;
}

/* The next job, with a token, or NULL when none came in time and the thread may end. Called with the lock held. */
static struct job *next_job(void)
{
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += IDLE_SECONDS;
        int r = 0;
        while (!count_startable() && r == 0)
                r = pthread_cond_timedwait(&pool.work, &pool.lock, &until);
        pool.idle--;
        if (!count_startable())
                return NULL;
        pool.queued--;
        pool.busy++;
        return container_of(list_pop(&pool.queue), struct job, in_queue);
}

static void before_fork(void)
{
        pthread_mutex_lock(&pool.lock);
}

static void after_fork(void)
{
        pthread_mutex_unlock(&pool.lock);
}

static void after_fork_in_child(void)
{
        list_init(&pool.queue);
        pool.queued = pool.busy = pool.threads = pool.idle = 0;
        pthread_cond_init(&pool.work, NULL); /* the old one counts waiters that are not here */
        pthread_mutex_unlock(&pool.lock);
}

static void watch_forks(void)
{
        pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void *thread_main(void *unused)
{
        (void)unused;
        pthread_setname_np(pthread_self(), "aeon-offload");
        struct job *job;
        pthread_mutex_lock(&pool.lock);
        while ((job = next_job())) {
                pthread_mutex_unlock(&pool.lock);
                run(job);
                pthread_mutex_lock(&pool.lock);
                job->finished = !job->abandoned;
                pthread_mutex_unlock(&pool.lock);
                (job->finished ? deliver : drop)(job);
                pthread_mutex_lock(&pool.lock);
                pool.busy--;
                pool.idle++;
        }
        pool.threads--;
        pthread_mutex_unlock(&pool.lock);
        return NULL;
}

/* Signals belong to the loops: a pool thread gets none. Called with the lock held. */
static int thread_new(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        sigset_t all, before;
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_once(&once, watch_forks);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        int r = pthread_create(&thread, &attributes, thread_main, NULL);
        pthread_attr_destroy(&attributes);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0) {
                pool.threads++;
                pool.idle++;
        }
        return -r;
}

/* Threads for all that may begin. An error counts only when there is none at all: any other comes to the rest in its time. */
static int provide_threads(void)
{
        int r = 0;
        unsigned wanted = count_startable();
        for (unsigned able = pool.idle; able < wanted && r == 0; able++)
                r = thread_new();
        return pool.threads ? 0 : r;
}

/* ------------------------------------------------------------------ the task's side */

struct offload {
        struct wait wait;
        struct job *job; /* NULL once abandoned */
};

static int enqueue(struct job *job)
{
        pthread_mutex_lock(&pool.lock);
        list_append(&pool.queue, &job->in_queue);
        pool.queued++;
        pthread_cond_signal(&pool.work);
        int r = provide_threads();
        if (r < 0) {
                list_remove(&job->in_queue);
                pool.queued--;
        }
        pthread_mutex_unlock(&pool.lock);
        return r < 0 ? aeon_fail_os(r, "cannot make a thread") : 0;
}

/* In a world a job is a turn of its own: between its begin and its end nobody can ask anything. */
static aeon_time ready_at_once(const struct actor *actor)
{
        (void)actor;
        return INT64_MIN;
}

static void act_as_thread(struct actor *actor)
{
        struct job *job = container_of(actor, struct job, actor);
        list_remove(&actor->place);
        run(job);
        job->finished = true;
        deliver(job);
}

static int enqueue_in_world(struct job *job)
{
        job->actor = (struct actor){ .ready_at = ready_at_once, .act = act_as_thread }; /* never part of a deadlock */
        aeon__world_add(job->loop->world, &job->actor);
        return 0;
}

/* With the lock held: true when no thread has begun it, and now none will. */
static bool take_back(struct job *job)
{
        struct list *place = job->loop->world ? &job->actor.place : &job->in_queue;
        if (list_empty(place))
                return false;
        list_remove(place);
        pool.queued -= !job->loop->world;
        return true;
}

static bool abort_offload(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        struct offload *offload = container_of(wait, struct offload, wait);
        struct job *job = offload->job;
        struct aeon_loop *loop = job->loop;
        if (job->call)
                aeon_scope_cancel(job->call, "the task that waits for the thread was cancelled");
        pthread_mutex_lock(&pool.lock);
        atomic_store(&job->cancelled, true);
        bool begun = !take_back(job), leave = !begun || (job->abandonable && !job->finished);
        if (begun && leave) {
                job->abandoned = true;
                job->loop = NULL;
                offload->job = NULL;
        }
        pthread_mutex_unlock(&pool.lock);
        if (leave)
                aeon_loop_release(loop);
        return leave;
}

static struct job *job_new(struct aeon_task *t, aeon_task_fn *fn, void *arg, const aeon_offload_opts *opts)
{
        struct job *job = malloc(sizeof *job);
        if (!job)
                return NULL;
        *job = (struct job){
                .loop = aeon__loop_hold(aeon__loop_now()),
                .task = t,
                .fn = fn,
                .arg = arg,
                .done = opts ? opts->done : NULL,
                .vars = aeon__vars_hold(t->vars),
                .abandonable = opts && opts->abandon,
        };
        list_init(&job->in_queue);
        return job;
}

/* Sets *ret_abandoned when @arg now belongs to a thread. */
static int offload(aeon_task_fn *fn, void *arg, const aeon_offload_opts *opts, bool *ret_abandoned)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct job *job = job_new(t, fn, arg, opts);
        if (!job)
                return aeon_fail(-ENOMEM, "no memory for an offloaded call");
        struct offload self = { .wait = { .what = "offload", .abort = abort_offload }, .job = job };
        r = job->loop->world ? enqueue_in_world(job) : enqueue(job);
        if (r < 0) {
                aeon_loop_release(job->loop);
                job_free(job);
                return r;
        }
        r = aeon__wait(&self.wait);
        *ret_abandoned = !self.job;
        if (!self.job)
                return r;
        if (job->error.error)
                aeon__error_move(&job->error, &t->error);
        job_free(job);
        return r;
}

int aeon_offload_with(aeon_task_fn *fn, void *arg, const aeon_offload_opts *opts)
{
        bool abandoned = false;
        int r = offload(fn, arg, opts, &abandoned);
        if (r == -ECANCELED && !abandoned && opts && opts->done)
                opts->done(arg);
        return r;
}

int aeon_offload(aeon_task_fn *fn, void *arg)
{
        return aeon_offload_with(fn, arg, NULL);
}

/* ------------------------------------------------------------------ the limit */

int aeon_offload_set_limit(unsigned limit)
{
        if (limit == 0)
                return aeon_fail(-EINVAL, "a pool without a thread would do nothing");
        pthread_mutex_lock(&pool.lock);
        pool.limit = limit;
        pthread_cond_broadcast(&pool.work);
        (void)provide_threads(); /* those that work go on with what cannot be begun now */
        pthread_mutex_unlock(&pool.lock);
        return 0;
}

unsigned aeon_offload_limit(void)
{
        pthread_mutex_lock(&pool.lock);
        unsigned limit = pool.limit;
        pthread_mutex_unlock(&pool.lock);
        return limit;
}

/* ------------------------------------------------------------------ on the thread */

bool aeon_offload_cancelled(void)
{
        return thread_job && atomic_load(&thread_job->cancelled);
}

struct job *aeon__job_enter(aeon_loop *loop, aeon_loop **ret_loop, int *ret_r)
{
        struct job *job = thread_job;
        *ret_r = 0;
        if (!job)
                return NULL;
        pthread_mutex_lock(&pool.lock);
        if (job->abandoned && !loop)
                *ret_r = -ECANCELED;
        bool ours = !job->abandoned && (!loop || loop == job->loop);
        if (ours)
                *ret_loop = aeon__loop_hold(job->loop);
        pthread_mutex_unlock(&pool.lock);
        return ours ? job : NULL;
}

void aeon__job_set_call(struct job *job, aeon_scope *scope)
{
        job->call = scope;
        if (scope && atomic_load(&job->cancelled))
                aeon_scope_cancel(scope, "the task that waits for the thread was cancelled");
}
