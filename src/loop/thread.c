/* Loops with threads of their own; see thread.h. */
#include "loop/thread.h"

#include "loop/loop.h"

/* ------------------------------------------------------------------ a real thread */

void aeon__loop_thread_up(struct loop_thread *t, int result)
{
        if (t->is_up)
                return;
        t->is_up = true;
        t->up_result = result;
        sem_post(&t->up);
}

static void *thread_main(void *arg)
{
        struct loop_thread *t = arg;
        t->result = aeon__runner_run(&t->loop->runner, t->fn, t->arg);
        aeon__error_move(aeon__error_current(), &t->error);
        aeon__loop_end(t->loop);
        aeon__loop_thread_up(t, t->result);
        return NULL;
}

int aeon__loop_thread_start(struct loop_thread *t, aeon_task_fn *fn, void *arg)
{
        *t = (struct loop_thread){ .fn = fn, .arg = arg };
        struct aeon_loop *loop = NULL;
        int r = aeon__loop_new(&loop);
        if (r < 0)
                return r;
        t->loop = loop;
        sem_init(&t->up, 0, 0);
        r = loop->world ? aeon__world_thread_start(t) : -pthread_create(&t->thread, NULL, thread_main, t);
        if (r < 0) {
                aeon__loop_end(loop);
                aeon_loop_release(loop);
                sem_destroy(&t->up);
                t->loop = NULL;
                return aeon_fail_os(r, "cannot make a thread for a loop");
        }
        return 0;
}

int aeon__loop_thread_await_up(struct loop_thread *t)
{
        if (t->loop->world)
                return aeon__world_thread_await_up(t);
        while (sem_wait(&t->up) < 0)
                ;
        return t->up_result;
}

int aeon__loop_thread_join(struct loop_thread *t)
{
        if (!t->loop)
                return 0;
        if (t->loop->world)
                aeon__world_thread_join(t);
        else
                pthread_join(t->thread, NULL);
        aeon_loop_release(t->loop);
        sem_destroy(&t->up);
        t->loop = NULL;
        aeon__error_move(&t->error, aeon__error_current());
        return t->result;
}
