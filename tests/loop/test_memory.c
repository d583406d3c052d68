/* Memory and threads that run out under every call of thread.h, loop.h, signal.h, stream.h, var.h and debug.h. */
#include "failing.h"
#include "task/memory.h"

#include <aeon/debug.h>
#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/scope.h>
#include <aeon/signal.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <aeon/var.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ loops */

static int use_loop(void *arg)
{
        (void)arg;
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        CHECK(loop == aeon_loop_current());
        aeon_loop_release(loop);
        return 0;
}

static void count_post(void *arg)
{
        ++*(int *)arg;
}

static int use_post(void *arg)
{
        (void)arg;
        int count = 0, posted = 0, r = 0;
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        for (; posted < 200 && r == 0; posted += r == 0)
                r = aeon_post(loop, count_post, &count);
        if (r < 0) /* it may be a signal handler that posts, so there are no words */
                r = aeon_fail(-ENOMEM, "no memory for a post");
        while (count < posted)
                CHECK_INT(aeon_checkpoint(), 0);
        aeon_loop_release(loop);
        return r;
}

/* ------------------------------------------------------------------ threads */

static int work(void *arg)
{
        (void)arg;
        return aeon_offload_cancelled() ? -EINTR : 5;
}

static void take_back(void *arg)
{
        ++*(int *)arg;
}

static int use_offload(void *arg)
{
        (void)arg;
        int taken_back = 0;
        int r = aeon_offload(work, NULL);
        if (r == 5)
                r = aeon_offload_with(work, &taken_back, &(aeon_offload_opts){ .abandon = true, .done = take_back });
        CHECK_INT(taken_back, 0); /* it is the caller's after every failure but a cancel */
        return r == 5 ? 0 : r;
}

static int called(void *arg)
{
        ++*(int *)arg;
        return aeon_checkpoint();
}

/* On a thread, whose own memory does not fail. */
static int call_back(void *arg)
{
        int result = 1, r = aeon_call(NULL, called, arg, &result);
        return r < 0 ? r : result;
}

static int wait_for(void *arg)
{
        return aeon_event_wait(arg);
}

/* With all stacks of the first slab in use: the call's task needs a new one. */
static int use_call(void *arg)
{
        (void)arg;
        enum { OTHERS = 15 };
        aeon_event *leave;
        aeon_group *g;
        int calls = 0, r = aeon_event_new(&leave);
        if (r < 0)
                return r;
        r = aeon_group_open(&g);
        if (r == 0) {
                for (int i = 0; i < OTHERS; i++)
                        (void)aeon_spawn(g, "other", wait_for, leave);
                r = aeon_offload(call_back, &calls);
                CHECK_INT(calls, r == 0);
                aeon_event_set(leave);
                aeon_group_fail(g, r);
                r = aeon_group_close(g);
        }
        aeon_event_free(leave);
        return r;
}

PLAIN_TEST(limits_of_threads_need_no_memory)
{
        failing_begin(1);
        CHECK_INT(aeon_offload_set_limit(7), 0);
        CHECK_INT(aeon_offload_limit(), 7);
        CHECK(!failing_end());
}

static int offload_without_thread(void *arg)
{
        (void)arg;
        CHECK_INT(aeon_offload(work, NULL), -EAGAIN);
        CHECK_STR(aeon_error_text(), "cannot make a thread: Resource temporarily unavailable");
        failing_threads(false);
        CHECK_INT(aeon_offload(work, NULL), 5);
        failing_threads(true);
        CHECK_INT(aeon_offload(work, NULL), 5); /* there is one by now */
        failing_threads(false);
        return 0;
}

PLAIN_TEST(without_a_thread_an_offload_says_so_and_the_next_one_works)
{
        if (failing_threads(true))
                CHECK_INT(aeon_loop_run(offload_without_thread, NULL), 0);
}

/* ------------------------------------------------------------------ signals */

static int use_signals(void *arg)
{
        (void)arg;
        aeon_signals *s = NULL;
        int r = aeon_signals_open((const int[]){ SIGUSR1, SIGUSR2 }, 2, &s);
        CHECK_INT(r < 0, !s);
        if (r < 0)
                return r;
        raise(SIGUSR1);
        raise(SIGUSR2);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        CHECK_INT(aeon_signals_try_wait(s), SIGUSR2);
        aeon_signals_close(s);
        return 0;
}

/* ------------------------------------------------------------------ streams */

struct talk {
        aeon_listener *listener;
        char address[128];
};

static int answer(void *arg)
{
        struct talk *talk = arg;
        aeon_stream *s = NULL;
        char buffer[64];
        int r = aeon_listener_accept(talk->listener, &s);
        if (r < 0)
                return r;
        aeon_stream *other = NULL;
        r = aeon_listener_try_accept(talk->listener, &other);
        CHECK(!other && (r == -EAGAIN || r == -ENOMEM));
        ssize_t n = r == -ENOMEM ? r : aeon_stream_read(s, buffer, sizeof buffer);
        r = n < 0 ? (int)n : aeon_stream_write(s, buffer, (size_t)n);
        aeon_stream_close(s);
        return r;
}

static int ask(void *arg)
{
        struct talk *talk = arg;
        aeon_stream *s = NULL;
        char buffer[64];
        int r = aeon_stream_connect(talk->address, &s);
        if (r < 0)
                return r;
        CHECK(aeon_stream_peer(s)[0] != '\0');
        r = aeon_stream_writev(s, (aeon_bytes[]){ { "a", 1 }, { "b", 1 }, { "c", 1 }, { "d", 1 }, { "e", 1 } }, 5);
        if (r == 0)
                r = aeon_stream_shutdown(s);
        ssize_t n = r < 0 ? r : aeon_stream_read(s, buffer, sizeof buffer);
        aeon_stream_close(s);
        if (n == -EPIPE || n == -ECONNRESET)
                return aeon_sleep_until(AEON_NEVER); /* the server has failed, and is about to say why */
        return n < 0 ? (int)n : n == 5 ? 0 : aeon_fail(-EPROTO, "%zd bytes instead of 5", n);
}

static int talk_over(const char *bind_to)
{
        struct talk talk = { 0 };
        int fd, r = aeon_socket_bind(bind_to, &fd);
        if (r < 0)
                return r;
        CHECK_INT(aeon_socket_address(fd, talk.address, sizeof talk.address), 0);
        r = aeon_listener_open(fd, &talk.listener);
        if (r < 0) {
                CHECK_INT(close(fd), 0); /* still ours */
                return r;
        }
        aeon_group *g;
        r = aeon_group_open(&g);
        if (r == 0) {
                (void)aeon_spawn(g, "server", answer, &talk);
                (void)aeon_spawn(g, "client", ask, &talk);
                r = aeon_group_close(g);
                if (r == 0) /* else its words would replace those that count */
                        CHECK_INT(aeon_listener_refuse(talk.listener), strchr(talk.address, '/') ? -ENOTSUP : 0);
        }
        aeon_listener_close(talk.listener);
        return r;
}

static int use_tcp(void *arg)
{
        (void)arg;
        return talk_over("127.0.0.1:0");
}

static int use_unix(void *arg)
{
        (void)arg;
        char address[128];
        snprintf(address, sizeof address, "unix:%s", test_path("socket"));
        return talk_over(address);
}

/* ------------------------------------------------------------------ variables */

AEON_APP_VAR(memory_app, const char);
AEON_LOOP_VAR(memory_loop, const char);
AEON_TASK_VAR(memory_task, const char);

static int use_variables(void *arg)
{
        (void)arg;
        CHECK_INT(memory_app_set("app"), 0);
        CHECK_STR(memory_app_get(), "app");
        int r = memory_loop_set("loop");
        CHECK_STR(memory_loop_get(), r < 0 ? NULL : "loop");
        if (r < 0)
                return r;
        r = memory_task_set("task");
        CHECK_STR(memory_task_get(), r < 0 ? NULL : "task");
        return r;
}

/* ------------------------------------------------------------------ seeing what tasks do */

static int use_dump(void *arg)
{
        (void)arg;
        char *text = NULL, *json = NULL;
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        REQUIRE(nowhere >= 0);
        int r = aeon_task_dump(NULL, &text);
        if (r == 0)
                r = aeon_task_dump(&(aeon_dump_opts){ .json = true }, &json);
        if (r == 0)
                r = aeon_task_dump_to(nowhere, NULL);
        CHECK_INT(!text || !json, r < 0 && !json);
        free(text);
        free(json);
        close(nowhere);
        return r;
}

static int use_watch(void *arg)
{
        (void)arg;
        aeon_watchdog_set_limit(AEON_SECONDS(1));
        aeon_watchdog_set_limit(-1);
        int r = aeon_task_dump_on_signal(SIGUSR2);
        return r < 0 ? r : aeon_task_dump_on_signal(0);
}

/* ------------------------------------------------------------------ all of them */

static const struct memory_use uses[] = {
        { "aeon_loop_run aeon_loop_current aeon_loop_hold aeon_loop_release", use_loop, "no memory for a loop" },
        { "aeon_post", use_post, "no memory for a post" },
        { "aeon_offload aeon_offload_with aeon_offload_cancelled", use_offload, "no memory for an offloaded call" },
        { "aeon_call_at", use_call, "no memory for an offloaded call" },
        { "aeon_offload_set_limit aeon_offload_limit", NULL, NULL },
        { "aeon_signals_open aeon_signals_wait aeon_signals_try_wait aeon_signals_close", use_signals, "no memory for signals" },
        { "aeon_socket_bind aeon_socket_address aeon_listener_open aeon_listener_close", use_tcp, "no memory for a listener" },
        { "aeon_stream_connect aeon_listener_accept aeon_listener_try_accept aeon_listener_refuse aeon_stream_close "
          "aeon_stream_peer aeon_stream_read aeon_stream_write "
          "aeon_stream_writev aeon_stream_shutdown",
          use_tcp, "no memory for a stream" },
        { "aeon_stream_connect", use_unix, "no memory for a stream" },
        { "aeon_app_var_set aeon_app_var_get aeon_loop_var_set aeon_loop_var_get", use_variables,
          "no memory for loop variable \"memory_loop\"" },
        { "aeon_task_var_set aeon_task_var_get", use_variables, "no memory for task variable \"memory_task\"" },
        { "aeon_task_dump aeon_task_dump_to", use_dump, "memory" },
        { "aeon_task_dump_on_signal aeon_watchdog_set_limit", use_watch, "no memory for a loop" },
        { 0 },
};

PLAIN_TEST_WITHIN(every_call_survives_every_failed_allocation, 60)
{
        aeon_offload_set_limit(1); /* a second thread, made when the first is not yet idle again, would look like a leak */
        memory_run_out(aeon_loop_run, uses);
}

PLAIN_TEST(every_call_is_tried_without_memory)
{
        memory_check_listed((const char *const[]){ "thread", "loop", "signal", "stream", "var", "debug", NULL }, uses);
}
