/* Memory, threads and descriptors that run out under every call of thread.h, loop.h, signal.h, stream.h, var.h and debug.h. */
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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
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
                int refused = aeon_listener_refuse(talk.listener);
                CHECK_INT(refused, strchr(talk.address, '/') ? -ENOTSUP : 0);
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

/* ------------------------------------------------------------------ descriptors */

static int open_files(void)
{
        int count = 0;
        DIR *folder = opendir("/proc/self/fd");
        REQUIRE(folder != NULL);
        while (readdir(folder))
                count++;
        closedir(folder);
        return count - 3; /* ".", ".." and the folder itself */
}

enum { FILES = 400 };

static struct {
        rlim_t limit;
        int taken[FILES], count;
} files;

/* Take all descriptors that there are, but for @left. */
static void files_take(int left)
{
        struct rlimit limit;
        aeon_watchdog_set_limit(0); /* it opens the program's file to name what is on a stack, and closes it again */
        REQUIRE_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
        files.limit = limit.rlim_cur;
        limit.rlim_cur = FILES;
        REQUIRE_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
        for (int fd; (fd = dup(0)) >= 0;)
                files.taken[files.count++] = fd;
        REQUIRE(files.count >= left);
        while (left--)
                close(files.taken[--files.count]);
}

static void files_give_back(void)
{
        struct rlimit limit;
        while (files.count)
                close(files.taken[--files.count]);
        REQUIRE_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = files.limit;
        REQUIRE_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Run @use with 0, 1, 2 ... descriptors, until it works. */
static void run_out_of_files(aeon_task_fn *use)
{
        REQUIRE_INT(aeon_loop_run(use, NULL), 0);
        int open = open_files(), r = -EMFILE;
        for (int left = 0; r < 0 && left < 20; left++) {
                files_take(left);
                r = aeon_loop_run(use, NULL);
                files_give_back();
                CHECK(r == 0 || r == -EMFILE);
                if (r < 0)
                        CHECK_CONTAINS(aeon_error_text(), ": Too many open files");
                CHECK_INT(open_files(), open);
        }
        CHECK_INT(r, 0);
}

PLAIN_TEST(every_call_survives_a_shortage_of_descriptors)
{
        run_out_of_files(use_loop);
        run_out_of_files(use_signals);
        run_out_of_files(use_offload);
}

TEST(without_a_descriptor_binding_and_connecting_say_so)
{
        int fd = -1;
        aeon_stream *s = NULL;
        files_take(0);
        CHECK_INT(aeon_socket_bind("127.0.0.1:0", &fd), -EMFILE);
        CHECK_STR(aeon_error_text(), "socket for 127.0.0.1:0: Too many open files");
        CHECK_INT(aeon_stream_connect("127.0.0.1:1", &s), -EMFILE);
        CHECK_STR(aeon_error_text(), "cannot connect to 127.0.0.1:1: Too many open files");
        CHECK_INT(aeon_stream_connect("unix:/x", &s), -EMFILE);
        CHECK_STR(aeon_error_text(), "cannot connect to unix:/x: Too many open files");
        CHECK(fd == -1 && !s);
        files_give_back();
}

static int accept_one(void *arg)
{
        aeon_stream *s = NULL;
        int r = aeon_listener_accept(arg, &s);
        aeon_stream_close(s);
        return r;
}

/* Whether the peer of @fd has closed it. */
static bool is_closed(int fd)
{
        char byte;
        ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
        return n == 0 || (n < 0 && errno == ECONNRESET);
}

TEST(a_server_that_runs_out_of_descriptors_serves_again_when_there_are_some)
{
        int bound, first = socket(AF_INET, SOCK_STREAM, 0);
        char address[64];
        aeon_listener *l;
        aeon_group *g;
        aeon_stream *second;
        struct sockaddr_in to;
        socklen_t size = sizeof to;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &bound), 0);
        REQUIRE_INT(aeon_socket_address(bound, address, sizeof address), 0);
        REQUIRE_INT(getsockname(bound, (struct sockaddr *)&to, &size), 0);
        REQUIRE_INT(aeon_listener_open(bound, &l), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "server", accept_one, l), 0);

        files_take(0);
        REQUIRE_INT(connect(first, (struct sockaddr *)&to, sizeof to), 0);
        while (!is_closed(first)) /* libuv turns it away */
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(aeon_group_size(g), 1);

        files_give_back();
        REQUIRE_INT(aeon_stream_connect(address, &second), 0);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_stream_close(second);
        aeon_listener_close(l);
        close(first);
}
