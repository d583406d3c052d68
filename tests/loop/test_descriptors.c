/* Descriptors that run out: no loop, no socket, no connection; and what lives goes on living. */
#include "harness.h"

#include <aeon/debug.h>
#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/signal.h>
#include <aeon/stream.h>
#include <aeon/task.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------ taking them away */

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

/* ------------------------------------------------------------------ loops and what they need */

static int use_loop(void *arg)
{
        (void)arg;
        return aeon_checkpoint();
}

static int use_signals(void *arg)
{
        (void)arg;
        aeon_signals *s = NULL;
        int r = aeon_signals_open((const int[]){ SIGUSR1 }, 1, &s);
        if (r < 0)
                return r;
        raise(SIGUSR1);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        aeon_signals_close(s);
        return 0;
}

static int do_nothing(void *arg)
{
        (void)arg;
        return 0;
}

static int use_thread(void *arg)
{
        return aeon_offload(do_nothing, arg);
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
        run_out_of_files(use_thread);
}

/* ------------------------------------------------------------------ sockets */

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

static int accept_until_it_works(void *arg)
{
        aeon_stream *s = NULL;
        int r, failures = 0;
        while ((r = aeon_listener_accept(arg, &s)) == -EMFILE && aeon_sleep(AEON_MILLISECONDS(1)) == 0) {
                CHECK_STR(aeon_error_text(), "cannot accept a connection: Too many open files");
                failures++;
                files_give_back();
        }
        CHECK_INT(failures, 1);
        aeon_stream_close(s);
        return r;
}

TEST(who_connects_while_there_are_no_descriptors_waits_for_one)
{
        int bound, first = socket(AF_INET, SOCK_STREAM, 0);
        char byte;
        aeon_listener *l;
        aeon_group *g;
        struct sockaddr_in to;
        socklen_t size = sizeof to;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &bound), 0);
        REQUIRE_INT(getsockname(bound, (struct sockaddr *)&to, &size), 0);
        REQUIRE_INT(aeon_listener_open(bound, &l), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "server", accept_until_it_works, l), 0);

        files_take(0);
        REQUIRE_INT(connect(first, (struct sockaddr *)&to, sizeof to), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(recv(first, &byte, 1, 0), 0); /* it was accepted and closed, not turned away */
        aeon_listener_close(l);
        close(first);
}
