/* Rule 22: posts and calls from other threads. */
#include "harness.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/sync.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ------------------------------------------------------------------ posts */

enum { POSTERS = 4 };

struct poster {
        pthread_t thread;
        aeon_loop *loop; /* held */
        aeon_event *all;
        int posts, seen;
        int *left; /* of all posters */
        bool in_order;
};

struct message {
        struct poster *poster;
        int number;
};

static void on_post(void *arg)
{
        struct message *m = arg;
        struct poster *p = m->poster;
        if (p->seen++ != m->number)
                p->in_order = false;
        if (--*p->left == 0)
                aeon_event_set(p->all);
        free(m);
}

static void *post_many(void *arg)
{
        struct poster *p = arg;
        for (int i = 0; i < p->posts; i++) {
                struct message *m = malloc(sizeof *m);
                *m = (struct message){ p, i };
                while (aeon_post(p->loop, on_post, m) == -ENOMEM)
                        sched_yield();
        }
        aeon_loop_release(p->loop);
        return NULL;
}

TEST_WITHIN(posts_from_four_threads_arrive_in_order_and_none_is_lost, 120)
{
        struct poster posters[POSTERS];
        int posts = test_is_slow() ? 10000 : 250000, left = POSTERS * posts;
        aeon_event *all;
        REQUIRE_INT(aeon_event_new(&all), 0);
        for (int i = 0; i < POSTERS; i++) {
                posters[i] = (struct poster){ .loop = aeon_loop_hold(aeon_loop_current()), .all = all, .posts = posts };
                posters[i].left = &left;
                posters[i].in_order = true;
                REQUIRE_INT(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
        }
        CHECK_INT(aeon_event_wait(all), 0);
        for (int i = 0; i < POSTERS; i++) {
                pthread_join(posters[i].thread, NULL);
                CHECK_INT(posters[i].seen, posts);
                CHECK(posters[i].in_order);
        }
        CHECK_INT(left, 0);
        aeon_event_free(all);
}

static void count_post(void *arg)
{
        ++*(int *)arg;
}

TEST(a_task_has_its_turn_between_many_posts)
{
        enum { POSTS = 10000, TURNS_AT_LEAST = 10 };
        int run = 0, seen = 0, turns = 0;
        for (int i = 0; i < POSTS; i++)
                REQUIRE_INT(aeon_post(aeon_loop_current(), count_post, &run), 0);
        while (run < POSTS) {
                CHECK_INT(aeon_checkpoint(), 0);
                turns += run != seen;
                seen = run;
        }
        CHECK(turns >= TURNS_AT_LEAST);
}

static struct {
        aeon_loop *loop;
        bool stop;
        long count;
} again;

static void post_again(void *arg)
{
        again.count++;
        if (!again.stop)
                aeon_post(again.loop, post_again, arg);
}

TEST(posts_that_post_again_for_ever_leave_tasks_and_timers_their_turn)
{
        again.loop = aeon_loop_current();
        for (int i = 0; i < 3; i++)
                REQUIRE_INT(aeon_post(again.loop, post_again, NULL), 0);
        for (int i = 0; i < 20; i++)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(again.count > 0);
        again.stop = true;
}

static atomic_bool enough;

static void slow_post(void *arg)
{
        (void)arg;
        for (volatile int i = 0; i < 1000; i++)
                ;
}

static void *post_without_pause(void *arg)
{
        while (!atomic_load(&enough))
                aeon_post(arg, slow_post, NULL);
        aeon_loop_release(arg);
        return NULL;
}

TEST_WITHIN(threads_that_post_without_pause_leave_tasks_and_timers_their_turn, 60)
{
        pthread_t threads[POSTERS];
        for (int i = 0; i < POSTERS; i++)
                REQUIRE_INT(pthread_create(&threads[i], NULL, post_without_pause, aeon_loop_hold(aeon_loop_current())), 0);
        for (int i = 0; i < 20; i++)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        atomic_store(&enough, true);
        for (int i = 0; i < POSTERS; i++)
                pthread_join(threads[i], NULL);
}

static void set_event(void *arg)
{
        aeon_event_set(arg);
}

static aeon_loop *signal_loop;
static aeon_event *signal_event;

static void post_from_handler(int signal)
{
        (void)signal;
        aeon_post(signal_loop, set_event, signal_event);
}

TEST(a_signal_handler_may_post)
{
        REQUIRE_INT(aeon_event_new(&signal_event), 0);
        signal_loop = aeon_loop_hold(aeon_loop_current());
        signal(SIGUSR2, post_from_handler);
        kill(getpid(), SIGUSR2);
        CHECK_INT(aeon_event_wait(signal_event), 0);
        aeon_event_free(signal_event);
        aeon_loop_release(signal_loop);
}

static int hold_loop(void *arg)
{
        *(aeon_loop **)arg = aeon_loop_hold(aeon_loop_current());
        return 0;
}

PLAIN_TEST(a_post_to_an_ended_loop_is_refused)
{
        aeon_loop *loop = NULL;
        CHECK_INT(aeon_loop_run(hold_loop, &loop), 0);
        CHECK_INT(aeon_post(loop, set_event, NULL), -ESHUTDOWN);
        aeon_loop_release(loop);
}

static int sleep_in_post_result;

static void sleep_in_post(void *arg)
{
        sleep_in_post_result = aeon_sleep(1);
        aeon_event_set(arg);
}

static int post_a_sleep(void *unused)
{
        (void)unused;
        aeon_event *e;
        REQUIRE_INT(aeon_event_new(&e), 0);
        sleep_in_post_result = 0;
        CHECK_INT(aeon_post(aeon_loop_current(), sleep_in_post, e), 0);
        CHECK_INT(aeon_event_wait(e), 0);
        CHECK_INT(sleep_in_post_result, -EINVAL);
        aeon_event_free(e);
        return 0;
}

TEST(a_posted_function_cannot_suspend)
{
        post_a_sleep(NULL);
        CHECK_INT(aeon_loop_run(post_a_sleep, NULL), 0); /* nor the task that its loop runs inside */
}

/* ------------------------------------------------------------------ calls */

/* A thread that makes one call to the loop of the running task. */
struct caller {
        pthread_t thread;
        aeon_loop *loop; /* held by the test */
        aeon_task_fn *fn;
        void *arg;
        int r, result;
        char words[64];
        sem_t begun; /* for the called function to say so */
};

static void *make_call(void *arg)
{
        struct caller *c = arg;
        c->r = aeon_call(c->loop, c->fn, c->arg, &c->result);
        snprintf(c->words, sizeof c->words, "%s", aeon_error_text());
        return NULL;
}

static void caller_start(struct caller *c, aeon_loop *loop, aeon_task_fn *fn, void *arg)
{
        *c = (struct caller){ .loop = loop, .fn = fn, .arg = arg, .result = -1 };
        sem_init(&c->begun, 0, 0);
        REQUIRE_INT(pthread_create(&c->thread, NULL, make_call, c), 0);
}

static int sleep_and_answer(void *arg)
{
        CHECK_CONTAINS(aeon_task_name(aeon_task_current()), "call from ");
        CHECK_CONTAINS(aeon_task_site(aeon_task_current()), "test_thread.c:");
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        aeon_event_set(arg);
        return 42;
}

TEST(a_call_runs_as_a_task_and_its_result_comes_back)
{
        struct caller c;
        aeon_event *done;
        REQUIRE_INT(aeon_event_new(&done), 0);
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        caller_start(&c, loop, sleep_and_answer, done);
        CHECK_INT(aeon_event_wait(done), 0);
        CHECK_INT(aeon_checkpoint(), 0); /* the call's task ends */
        pthread_join(c.thread, NULL);
        CHECK_INT(c.r, 0);
        CHECK_INT(c.result, 42);
        aeon_event_free(done);
        aeon_loop_release(loop);
}

/* Waits, as a task, until the thread of @c has returned. */
static void join(struct caller *c)
{
        while (pthread_tryjoin_np(c->thread, NULL) != 0)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

static int fail_with_words(void *arg)
{
        (void)arg;
        return aeon_fail(-ENOENT, "nobody of that name");
}

TEST(a_failing_call_brings_its_words_and_cancels_nobody)
{
        struct caller c;
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        caller_start(&c, loop, fail_with_words, NULL);
        join(&c);
        CHECK_INT(c.r, 0);
        CHECK_INT(c.result, -ENOENT);
        CHECK_STR(c.words, "nobody of that name");
        CHECK(!aeon_cancelled());
        aeon_loop_release(loop);
}

static int cancel_itself(void *arg)
{
        (void)arg;
        return -ECANCELED;
}

TEST(a_code_that_the_called_function_made_up_is_its_result)
{
        struct caller c;
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        caller_start(&c, loop, cancel_itself, NULL);
        join(&c);
        CHECK_INT(c.r, 0);
        CHECK_INT(c.result, -ECANCELED);
        aeon_loop_release(loop);
}

static aeon_scope left_open;

static int leave_a_scope_open(void *arg)
{
        (void)arg;
        aeon_scope_open(&left_open, NULL);
        return 0;
}

TEST(a_called_function_that_leaves_a_scope_open_has_failed)
{
        struct caller c;
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        caller_start(&c, loop, leave_a_scope_open, NULL);
        join(&c);
        CHECK_INT(c.r, 0);
        CHECK_INT(c.result, -EINVAL);
        aeon_loop_release(loop);
}

static int add_one(void *arg)
{
        ++*(int *)arg; /* on the loop's thread, so without a lock */
        return aeon_checkpoint();
}

static void *call_often(void *arg)
{
        struct caller *c = arg;
        for (int i = 0; i < 200; i++)
                c->r |= aeon_call(c->loop, add_one, c->arg, NULL);
        return NULL;
}

TEST(many_threads_may_call_at_once)
{
        struct caller callers[8];
        int sum = 0;
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        for (int i = 0; i < 8; i++) {
                callers[i] = (struct caller){ .loop = loop, .arg = &sum };
                REQUIRE_INT(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
        }
        for (int i = 0; i < 8; i++) {
                join(&callers[i]);
                CHECK_INT(callers[i].r, 0);
        }
        CHECK_INT(sum, 8 * 200);
        aeon_loop_release(loop);
}

/* ------------------------------------------------------------------ calls that cannot be */

static int do_nothing(void *arg)
{
        (void)arg;
        return 0;
}

static void call_from_post(void *arg)
{
        int result = 7;
        CHECK_INT(aeon_call(arg, do_nothing, NULL, &result), -EDEADLK);
        CHECK_INT(result, 7);
        again.stop = true;
}

static int call_outer_loop(void *arg)
{
        CHECK_INT(aeon_call(arg, do_nothing, NULL, NULL), -EDEADLK);
        return 0;
}

TEST(a_call_from_the_loops_own_thread_is_edeadlk)
{
        aeon_loop *loop = aeon_loop_current();
        CHECK_INT(aeon_call(loop, do_nothing, NULL, NULL), -EDEADLK);
        CHECK_CONTAINS(aeon_error_text(), "would block the loop");
        CHECK_INT(aeon_post(loop, call_from_post, loop), 0);
        while (!again.stop)
                CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_loop_run(call_outer_loop, loop), 0); /* a loop that stands still */
}

static void *run_a_loop_that_calls(void *loop)
{
        CHECK_INT(aeon_loop_run(call_outer_loop, loop), 0);
        return NULL;
}

TEST(a_call_from_another_loops_task_is_edeadlk)
{
        pthread_t thread;
        REQUIRE_INT(pthread_create(&thread, NULL, run_a_loop_that_calls, aeon_loop_current()), 0);
        pthread_join(thread, NULL);
}

static void *call_without_loop(void *arg)
{
        (void)arg;
        CHECK_INT(aeon_call(NULL, do_nothing, NULL, NULL), -EINVAL);
        return NULL;
}

TEST(a_call_that_names_no_loop_needs_a_task_that_waits)
{
        pthread_t thread;
        REQUIRE_INT(pthread_create(&thread, NULL, call_without_loop, NULL), 0);
        pthread_join(thread, NULL);
}

PLAIN_TEST(a_call_to_an_ended_loop_is_refused)
{
        aeon_loop *loop = NULL;
        CHECK_INT(aeon_loop_run(hold_loop, &loop), 0);
        CHECK_INT(aeon_call(loop, do_nothing, NULL, NULL), -ESHUTDOWN);
        aeon_loop_release(loop);
}

/* ------------------------------------------------------------------ calls and the loop's end */

static int sleep_for_ever(void *arg)
{
        sem_post(arg);
        return aeon_sleep(AEON_HOURS(1));
}

static int start_a_caller(void *arg)
{
        struct caller *c = arg;
        caller_start(c, aeon_loop_hold(aeon_loop_current()), sleep_for_ever, &c->begun);
        while (sem_trywait(&c->begun) < 0)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        return 5;
}

PLAIN_TEST(a_blocked_thread_is_released_when_the_loop_ends)
{
        struct caller c;
        CHECK_INT(aeon_loop_run(start_a_caller, &c), 5);
        pthread_join(c.thread, NULL);
        CHECK_INT(c.r, -ECANCELED);
        CHECK_INT(c.result, -1); /* untouched */
        aeon_loop_release(c.loop);
}

static int end_while_a_call_is_under_way(void *arg)
{
        struct caller *c = arg;
        caller_start(c, aeon_loop_hold(aeon_loop_current()), do_nothing, NULL);
        while (!aeon__mailbox_pending(&aeon__loop_now()->mailbox))
                usleep(1000); /* the loop must not come round */
        return 0;
}

PLAIN_TEST(a_call_that_the_loop_did_not_begin_is_released_too)
{
        struct caller c;
        CHECK_INT(aeon_loop_run(end_while_a_call_is_under_way, &c), 0);
        pthread_join(c.thread, NULL);
        CHECK_INT(c.r, -ECANCELED);
        aeon_loop_release(c.loop);
}

/* ------------------------------------------------------------------ calls from the pool */

static int ask_own_loop(void *arg)
{
        int sum = 0;
        CHECK_INT(aeon_call(NULL, add_one, &sum, NULL), 0);
        CHECK_INT(aeon_call(arg, add_one, &sum, NULL), 0);
        return sum;
}

TEST(an_offloaded_function_calls_the_loop_of_its_task)
{
        CHECK_INT(aeon_offload(ask_own_loop, aeon_loop_current()), 2);
}

static int down(void *arg);

static int up(void *arg)
{
        int r = -1;
        CHECK_INT(aeon_call(NULL, down, arg, &r), 0);
        return r;
}

static int down(void *arg)
{
        int *depth = arg;
        return ++*depth == 10 ? 10 : aeon_offload(up, arg);
}

TEST(calls_and_offloads_may_nest)
{
        int depth = 0;
        CHECK_INT(down(&depth), 10);
}

struct asking {
        sem_t begun;
        int r, later;
        sem_t over;
};

static int ask_for_ever(void *arg)
{
        struct asking *a = arg;
        a->r = aeon_call(NULL, sleep_for_ever, &a->begun, NULL);
        a->later = aeon_call(NULL, sleep_for_ever, &a->begun, NULL);
        sem_post(&a->over);
        return 3;
}

static int cancel_when_begun(void *arg)
{
        struct asking *a = arg;
        while (sem_trywait(&a->begun) < 0)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        return aeon_fail(-EIO, "that is enough");
}

/* A task whose thread's call never ends by itself, and its sibling that fails. */
static int cancel_an_asking_task(struct asking *a, const aeon_offload_opts *opts)
{
        aeon_group *g;
        sem_init(&a->begun, 0, 0);
        sem_init(&a->over, 0, 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "cancel", cancel_when_begun, a);
        int r = aeon_offload_with(ask_for_ever, a, opts);
        CHECK_INT(aeon_group_close(g), -EIO);
        return r;
}

TEST(a_cancel_of_the_waiting_task_reaches_the_call_of_its_thread)
{
        struct asking a;
        CHECK_INT(cancel_an_asking_task(&a, NULL), 3);
        CHECK_INT(a.r, -ECANCELED);
        CHECK_INT(a.later, -ECANCELED);
}

TEST(a_call_of_an_abandoned_thread_is_cancelled)
{
        struct asking a;
        CHECK_INT(cancel_an_asking_task(&a, &(aeon_offload_opts){ .abandon = true }), -ECANCELED);
        while (sem_trywait(&a.over) < 0)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(a.r, -ECANCELED);
        CHECK_INT(a.later, -ECANCELED);
}
