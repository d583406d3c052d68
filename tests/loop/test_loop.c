/* The libuv loop: time, posts, offload, signals, and two loops on one thread. */
#include "harness.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/scope.h>
#include <aeon/signal.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <aeon/var.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

TEST(sleep_never_wakes_early)
{
        for (int i = 1; i <= 5; i++) {
                aeon_time begin = aeon_now();
                CHECK_INT(aeon_sleep(AEON_MICROSECONDS(700) * i), 0);
                CHECK(aeon_now() - begin >= AEON_MICROSECONDS(700) * i);
        }
}

TEST(a_deadline_interrupts_a_sleep)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20) });
        CHECK_INT(aeon_scope_close(&s, aeon_sleep(AEON_HOURS(1))), -ETIMEDOUT);
}

/* ------------------------------------------------------------------ posts */

enum { POSTERS = 4, POSTS = 50000 };

static struct {
        aeon_loop *loop;
        int seen[POSTERS], refused;
        bool in_order;
        aeon_event *all;
        int total;
} post;

struct message {
        int poster, number;
};
static struct message messages[POSTERS][POSTS];

static void on_post(void *arg)
{
        struct message *m = arg;
        if (post.seen[m->poster]++ != m->number)
                post.in_order = false;
        if (++post.total == POSTERS * POSTS)
                aeon_event_set(post.all);
}

static void *post_many(void *arg)
{
        int me = (int)(intptr_t)arg;
        for (int i = 0; i < POSTS; i++) {
                messages[me][i] = (struct message){ me, i };
                while (aeon_post(post.loop, on_post, &messages[me][i]) == -ENOMEM)
                        ;
        }
        return NULL;
}

TEST(posts_from_four_threads_arrive_in_order_and_none_is_lost)
{
        pthread_t threads[POSTERS];
        post.loop = aeon_loop_current();
        post.in_order = true;
        REQUIRE_INT(aeon_event_new(&post.all), 0);
        for (int i = 0; i < POSTERS; i++)
                REQUIRE_INT(pthread_create(&threads[i], NULL, post_many, (void *)(intptr_t)i), 0);
        CHECK_INT(aeon_event_wait(post.all), 0);
        for (int i = 0; i < POSTERS; i++) {
                pthread_join(threads[i], NULL);
                CHECK_INT(post.seen[i], POSTS);
        }
        CHECK(post.in_order);
        aeon_event_free(post.all);
}

/* ------------------------------------------------------------------ who can wake a loop */

static bool can_be_woken(void)
{
        return aeon__loop_can_be_woken(aeon__loop_now());
}

TEST(a_loop_that_nobody_holds_cannot_be_woken)
{
        CHECK(!can_be_woken());
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* its own timer does not count */
        CHECK(!can_be_woken());
}

TEST(a_holder_can_wake_a_loop)
{
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        CHECK(can_be_woken());
        aeon_loop_release(loop);
        CHECK(!can_be_woken());
}

TEST(whoever_has_a_handle_and_no_hold_can_wake_a_loop)
{
        CHECK(aeon_loop_current() != NULL);
        CHECK(can_be_woken());
}

static void do_nothing(void *arg)
{
        (void)arg;
}

TEST(what_was_posted_can_wake_a_loop)
{
        CHECK_INT(aeon_post(aeon__loop_now(), do_nothing, NULL), 0);
        CHECK(can_be_woken());
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(!can_be_woken());
}

TEST(an_open_signal_receiver_can_wake_a_loop)
{
        aeon_signals *s;
        REQUIRE_INT(aeon_signals_open((int[]){ SIGUSR1 }, 1, &s), 0);
        CHECK(can_be_woken());
        aeon_signals_close(s);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(!can_be_woken());
}

TEST(a_listener_can_wake_a_loop)
{
        int fd;
        aeon_listener *l;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        CHECK(can_be_woken());
        aeon_listener_close(l);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(!can_be_woken());
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
        signal_loop = aeon_loop_current();
        signal(SIGUSR2, post_from_handler);
        kill(getpid(), SIGUSR2);
        CHECK_INT(aeon_event_wait(signal_event), 0);
        aeon_event_free(signal_event);
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

/* ------------------------------------------------------------------ offload */

AEON_TASK_VAR(who, const char);

static int block_a_while(void *arg)
{
        usleep(20000);
        CHECK_STR(who_get(), "caller");
        atomic_fetch_add((atomic_int *)arg, 1);
        return 7;
}

static int offload_block(void *arg)
{
        CHECK_INT(aeon_offload(block_a_while, arg), 7);
        return 0;
}

TEST(offloaded_calls_run_beside_each_other_and_return_results)
{
        atomic_int done = 0;
        aeon_group *g;
        who_set("caller");
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 100; i++)
                aeon_spawn(g, "caller", offload_block, &done);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(done, 100);
}

static int fail_in_thread(void *arg)
{
        (void)arg;
        return aeon_fail(-EIO, "the disk is on fire");
}

TEST(the_words_of_a_failing_thread_come_back)
{
        CHECK_INT(aeon_offload(fail_in_thread, NULL), -EIO);
        CHECK_STR(aeon_error_text(), "the disk is on fire");
}

static int wait_until_cancelled(void *arg)
{
        for (int i = 0; i < 5000 && !aeon_offload_cancelled(); i++)
                usleep(1000);
        *(bool *)arg = aeon_offload_cancelled();
        return 3;
}

TEST(a_running_thread_is_not_abandoned_but_told)
{
        bool told = false;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20) });
        int r = aeon_offload(wait_until_cancelled, &told);
        CHECK_INT(r, 3);
        CHECK(told);
        CHECK_INT(aeon_offload(wait_until_cancelled, &told), -ECANCELED); /* entry is a cancel point */
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), -ETIMEDOUT);
}

/* ------------------------------------------------------------------ signals */

TEST(a_task_waits_for_signals_and_repeats_are_coalesced)
{
        aeon_signals *s;
        REQUIRE_INT(aeon_signals_open((int[]){ SIGUSR1, SIGUSR2 }, 2, &s), 0);
        kill(getpid(), SIGUSR1);
        kill(getpid(), SIGUSR1);
        kill(getpid(), SIGUSR2);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(50)), 0);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        CHECK_INT(aeon_signals_wait(s), SIGUSR2);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(10) });
        CHECK_INT(aeon_scope_close(&scope, aeon_signals_wait(s)), -ETIMEDOUT);
        aeon_signals_close(s);
        CHECK_INT(aeon_signals_open((int[]){ SIGKILL }, 1, &s), -EINVAL);
}

/* ------------------------------------------------------------------ loops in loops */

AEON_LOOP_VAR(tag, const char);

static int inner_body(void *arg)
{
        (void)arg;
        CHECK(!tag_get());
        tag_set("inner");
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        return 5;
}

TEST(a_loop_inside_a_task_of_another_has_its_own_variables)
{
        aeon_loop *mine = aeon_loop_current();
        tag_set("outer");
        CHECK_INT(aeon_loop_run(inner_body, NULL), 5);
        CHECK(aeon_loop_current() == mine);
        CHECK_STR(tag_get(), "outer");
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

static int fail_with_words(void *arg)
{
        (void)arg;
        return aeon_fail(-ENOENT, "nothing here");
}

PLAIN_TEST(the_result_and_words_of_the_first_task_are_the_loops)
{
        CHECK_INT(aeon_loop_run(fail_with_words, NULL), -ENOENT);
        CHECK_STR(aeon_error_text(), "nothing here");
}
