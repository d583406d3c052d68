/* Calls into a loop from threads that wait for the answer.
 *
 * DESIGN
 *   A call lies on the stack of the thread that makes it. It is posted to the loop, becomes a task of the loop's group of CALLS, and
 *   the thread sleeps on the call's semaphore until that task has ended. The group is opened around the loop's first task, so calls
 *   are part of the loop's tree like everything else; when the first task ends, those that are left are cancelled and waited for.
 *
 *   A call that a pool thread makes on behalf of its own task also has a scope of its own, through which a cancel of that task
 *   reaches it (offload.c).
 */
#include "loop/offload.h"

#include <aeon/thread.h>
#include <semaphore.h>
#include <stdio.h>

struct call {
        struct list in_loop; /* iff its task lives */
        struct aeon_loop *loop;
        struct job *job; /* whose function makes it; NULL: another thread */
        aeon_task_fn *fn;
        void *arg;
        struct task_vars *vars; /* of the thread, which does not touch them meanwhile */
        const char *site;
        char name[32];
        aeon_scope scope;
        bool cancelled; /* before it came to an end of its own */
        int result;
        struct error_slot error;
        sem_t over;
};

/* ------------------------------------------------------------------ on the loop */

/* The thread may be gone with its call right after this. */
static void finish(struct call *call, int result, bool cancelled)
{
        list_remove(&call->in_loop);
        call->result = result;
        call->cancelled = cancelled;
        sem_post(&call->over);
}

static int call_task(void *arg)
{
        struct call *call = arg;
        struct aeon_task *t = aeon__task_now();
        aeon__vars_drop(t->vars);
        t->vars = aeon__vars_hold(call->vars);
        aeon_scope_open(&call->scope, &(aeon_scope_opts){ .name = "call" });
        if (call->job)
                aeon__job_set_call(call->job, &call->scope);
        int r = call->fn(call->arg);
        call->cancelled = r == -ECANCELED && aeon_cancelled();
        if (call->job)
                aeon__job_set_call(call->job, NULL);
        (void)aeon_scope_close(&call->scope, r);
        return r;
}

/* Only now: a task that left a scope open has failed after its function returned. */
static void on_task_ended(void *unused, struct aeon_task *task, int r)
{
        (void)unused;
        struct call *call = task->arg;
        if (task->error.error)
                aeon__error_move(&task->error, &call->error);
        finish(call, r, call->cancelled);
}

static void begin(void *arg)
{
        struct call *call = arg;
        if (!call->loop->callers) {
                finish(call, -ECANCELED, true);
                return;
        }
        list_append(&call->loop->calls, &call->in_loop);
        int r = aeon_spawn_at(call->loop->callers, call->name, call_task, call, NULL, call->site);
        if (r < 0) {
                aeon__error_move(aeon__error_current(), &call->error);
                finish(call, r, false);
        }
}

int aeon__calls_open(struct aeon_loop *loop)
{
        int r = aeon_group_open(&loop->callers);
        if (r == 0)
                aeon__group_supervise(loop->callers, on_task_ended, NULL);
        return r;
}

void aeon__calls_close(struct aeon_loop *loop)
{
        aeon_group *callers = loop->callers;
        loop->callers = NULL;
        aeon_group_cancel(callers, "the loop's first task has ended");
        (void)aeon_group_close(callers);
}

void aeon__calls_release(struct aeon_loop *loop)
{
        struct list *node;
        loop->callers = NULL;
        while ((node = list_pop(&loop->calls)))
                finish(container_of(node, struct call, in_loop), -ECANCELED, true);
}

/* ------------------------------------------------------------------ on the thread */

static bool runs_here(struct aeon_loop *loop)
{
        if (loop->world) /* its thread runs all of it: only between two turns nobody is in the way */
                return aeon__sched;
        bool here = pthread_equal(loop->thread, pthread_self()) && aeon__mailbox_enter(&loop->mailbox);
        if (here)
                aeon__mailbox_leave(&loop->mailbox);
        return here;
}

static bool is_over(void *arg)
{
        int value = 0;
        return sem_getvalue(&((struct call *)arg)->over, &value) == 0 && value > 0;
}

/* Post it and sleep until it is over. */
static int make(struct call *call, int *ret_result)
{
        char thread[16] = "?";
        pthread_getname_np(pthread_self(), thread, sizeof thread);
        snprintf(call->name, sizeof call->name, "call from %s", thread);
        list_init(&call->in_loop);
        sem_init(&call->over, 0, 0);
        int r = aeon_post(call->loop, begin, call);
        if (r == 0 && call->loop->world)
                r = aeon__world_run(call->loop->world, is_over, call);
        while (r == 0 && sem_wait(&call->over) < 0)
                ; /* interrupted by a signal */
        sem_destroy(&call->over);
        if (r < 0)
                return aeon_fail(r, r == -ESHUTDOWN ? "the loop has ended" : "no memory for a call");
        if (call->error.error)
                aeon__error_move(&call->error, aeon__error_current());
        if (call->cancelled)
                return -ECANCELED;
        if (ret_result)
                *ret_result = call->result;
        return 0;
}

int aeon_call_at(aeon_loop *loop, aeon_task_fn *fn, void *arg, int *ret_result, const char *site)
{
        if (aeon__task_now() || (loop && runs_here(loop)))
                return aeon_fail(-EDEADLK, "a call would block the loop that runs here (%s)", site);
        struct call call = {
                .fn = fn, .arg = arg, .site = site, .loop = loop, .vars = aeon__thread_vars ? *aeon__thread_vars : NULL
        };
        int r = 0;
        struct aeon_loop *held = NULL;
        call.job = aeon__job_enter(loop, &held, &r);
        if (r < 0)
                return r;
        if (!loop && !held)
                return aeon_fail(-EINVAL, "no task waits for this thread, so the call needs a loop (%s)", site);
        if (held)
                call.loop = held;
        r = make(&call, ret_result);
        aeon_loop_release(held);
        return r;
}
