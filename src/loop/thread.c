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
        struct aeon_loop *loop = NULL;
        int r = aeon__loop_new(&loop); /* here: a loop belongs to the thread that makes it */
        t->loop = loop;
        t->result = r;
        aeon__error_move(aeon__error_current(), &t->error);
        sem_post(&t->made);
        if (r < 0)
                return NULL;
        t->result = aeon__loop_run(loop, t->fn, t->arg);
        aeon__error_move(aeon__error_current(), &t->error);
        aeon__loop_end(loop);
        aeon__loop_thread_up(t, t->result);
        return NULL;
}

static void wait_for(sem_t *semaphore)
{
        while (sem_wait(semaphore) < 0)
                ; /* interrupted by a signal */
}

static int start_thread(struct loop_thread *t)
{
        int r = -pthread_create(&t->thread, NULL, thread_main, t);
        if (r < 0)
                return aeon_fail_os(r, "cannot make a thread for a loop");
        wait_for(&t->made);
        if (t->loop)
                return 0;
        pthread_join(t->thread, NULL);
        aeon__error_move(&t->error, aeon__error_current());
        return t->result;
}

int aeon__loop_thread_start(struct loop_thread *t, aeon_task_fn *fn, void *arg)
{
        *t = (struct loop_thread){ .fn = fn, .arg = arg };
        sem_init(&t->made, 0, 0);
        sem_init(&t->up, 0, 0);
        int r = aeon__world ? aeon__world_thread_start(t) : start_thread(t);
        if (r < 0) {
                sem_destroy(&t->made);
                sem_destroy(&t->up);
        }
        return r;
}

int aeon__loop_thread_await_up(struct loop_thread *t)
{
        if (t->loop->world)
                return aeon__world_thread_await_up(t);
        wait_for(&t->up);
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
        sem_destroy(&t->made);
        sem_destroy(&t->up);
        t->loop = NULL;
        aeon__error_move(&t->error, aeon__error_current());
        return t->result;
}
