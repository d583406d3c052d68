/* Blocking work on threads.
 *
 * DESIGN
 *   One pool per process: threads are made when there is work and none is idle, up to a limit, and end after some idle seconds. It
 *   is ours, not libuv's, because libuv's four threads look up names, and forty slow queries must not keep a connect from its
 *   address.
 *
 *   A job lies on the waiting task's stack, and its task waits until the thread has posted it back. A cancel takes a job that no
 *   thread has begun out of the queue; one that has begun only learns of it (aeon_offload_cancelled()).
 */
#include "loop/loop.h"

#include <aeon/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { THREAD_LIMIT = 40, IDLE_SECONDS = 10 };

struct job {
        struct wait wait;
        struct list in_queue; /* iff no thread has begun it */
        struct aeon_loop *loop;
        struct aeon_task *task;
        aeon_task_fn *fn;
        void *arg;
        struct task_vars *vars;
        int result;
        struct error_slot error;
        _Atomic bool cancelled;
};

static struct {
        pthread_mutex_t lock;
        pthread_cond_t work;
        struct list queue;
        unsigned queued, threads, idle;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .queue = LIST_INIT(pool.queue) };

static __thread struct job *thread_job;

static void job_done(void *arg)
{
        struct job *job = arg;
        aeon_loop_release(job->loop);
        aeon__wake(job->task, 0);
}

static void job_run(struct job *job)
{
        thread_job = job;
        aeon__thread_vars = job->vars;
        job->result = job->fn(job->arg);
        job->vars = aeon__thread_vars; /* a set may have replaced it */
        aeon__thread_vars = NULL;
        thread_job = NULL;
        aeon__error_move(aeon__error_current(), &job->error);
        /* Not refused: the loop does not end while the job's task lives. It may end right after this, but not before it is done. */
        if (aeon_post(job->loop, job_done, job) < 0)
                abort();
}

/* The next job, or NULL when none came in time and the thread may end. Called with the lock held. */
static struct job *next_job(void)
{
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += IDLE_SECONDS;
        int r = 0;
        pool.idle++;
        while (list_empty(&pool.queue) && r == 0)
                r = pthread_cond_timedwait(&pool.work, &pool.lock, &until);
        pool.idle--;
        struct list *node = list_pop(&pool.queue);
        pool.queued -= node != NULL;
        return node ? container_of(node, struct job, in_queue) : NULL;
}

static void *thread_main(void *unused)
{
        (void)unused;
        struct job *job;
        pthread_mutex_lock(&pool.lock);
        while ((job = next_job())) {
                pthread_mutex_unlock(&pool.lock);
                job_run(job);
                pthread_mutex_lock(&pool.lock);
        }
        pool.threads--;
        pthread_mutex_unlock(&pool.lock);
        aeon_error_clear();
        return NULL;
}

/* Signals belong to the loops: a pool thread gets none. Called with the lock held. */
static int thread_new(void)
{
        sigset_t all, before;
        pthread_t thread;
        pthread_attr_t attributes;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        int r = pthread_create(&thread, &attributes, thread_main, NULL);
        pthread_attr_destroy(&attributes);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0)
                pool.threads++;
        return -r;
}

static int enqueue(struct job *job)
{
        int r = 0;
        pthread_mutex_lock(&pool.lock);
        list_append(&pool.queue, &job->in_queue);
        pool.queued++;
        if (pool.idle)
                pthread_cond_signal(&pool.work);
        if (pool.queued > pool.idle && pool.threads < THREAD_LIMIT)
                r = thread_new();
        if (r < 0 && pool.threads > 0)
                r = 0; /* another thread will come to it */
        if (r < 0) {
                list_remove(&job->in_queue);
                pool.queued--;
        }
        pthread_mutex_unlock(&pool.lock);
        return r < 0 ? aeon_fail_os(r, "cannot make a thread") : 0;
}

static bool abort_job(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        struct job *job = container_of(wait, struct job, wait);
        pthread_mutex_lock(&pool.lock);
        bool waiting = !list_empty(&job->in_queue);
        list_remove(&job->in_queue);
        pool.queued -= waiting;
        pthread_mutex_unlock(&pool.lock);
        if (waiting)
                aeon_loop_release(job->loop);
        else
                atomic_store(&job->cancelled, true);
        return waiting;
}

int aeon_offload(aeon_task_fn *fn, void *arg)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct job job = {
                .wait = { .what = "offload", .abort = abort_job }, .loop = aeon__loop_now(), .task = t, .fn = fn, .arg = arg
        };
        list_init(&job.in_queue);
        job.vars = aeon__vars_hold(t->vars);
        r = enqueue(&job);
        if (r == 0) {
                aeon_loop_hold(job.loop);
                r = aeon__wait(&job.wait);
                if (r == 0)
                        r = job.result;
        }
        aeon__vars_drop(job.vars);
        if (job.error.error)
                aeon__error_move(&job.error, &t->error);
        return r;
}

bool aeon_offload_cancelled(void)
{
        return thread_job && atomic_load(&thread_job->cancelled);
}
