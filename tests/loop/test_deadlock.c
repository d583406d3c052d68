/* Deadlocks on a real loop: concurrency rule 27. One is noticed; whatever may still be woken from outside is never taken for one. */
#include "harness.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/signal.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/thread.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------ noticed */

static int wait_for(void *arg)
{
        return aeon_event_wait(arg);
}

static int two_that_nobody_wakes(void *arg)
{
        (void)arg;
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "left", wait_for, e);
        aeon_spawn(g, "right", wait_for, e);
        int r = aeon_group_close(g);
        aeon_event_free(e);
        return r;
}

PLAIN_TEST(a_loop_in_which_all_tasks_wait_for_nothing_fails_with_their_names)
{
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(two_that_nobody_wakes, NULL), -EDEADLK);
        CHECK_CONTAINS(test_stderr(), "3 tasks: 0 running, 0 ready, 3 waiting");
        test_stderr_end();
        CHECK_CONTAINS(aeon_error_text(), "task \"left\" (");
        CHECK_CONTAINS(aeon_error_text(), "task \"right\" (");
}

/* Far longer than a loop takes to find that nothing is ready, so what comes after it comes to a sleeping loop. */
static void let_the_loop_fall_asleep(void)
{
        usleep(30000);
}

static void *release_only(void *loop)
{
        let_the_loop_fall_asleep();
        aeon_loop_release(loop);
        return NULL;
}

static int wait_for_a_holder_that_gives_up(void *arg)
{
        (void)arg;
        pthread_t thread;
        pthread_create(&thread, NULL, release_only, aeon_loop_hold(aeon_loop_current()));
        aeon_event *e;
        REQUIRE_INT(aeon_event_new(&e), 0);
        int r = aeon_event_wait(e);
        aeon_event_free(e);
        pthread_join(thread, NULL);
        return r;
}

PLAIN_TEST(a_deadlock_begins_when_the_last_holder_lets_go)
{
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(wait_for_a_holder_that_gives_up, NULL), -EDEADLK);
        test_stderr_end();
}

/* ------------------------------------------------------------------ not taken for one */

struct poster {
        aeon_loop *loop;
        aeon_event *event;
        bool holds;
};

static void set_event(void *arg)
{
        aeon_event_set(arg);
}

static void *post_late(void *arg)
{
        struct poster *p = arg;
        let_the_loop_fall_asleep();
        aeon_post(p->loop, set_event, p->event);
        if (p->holds)
                aeon_loop_release(p->loop);
        return NULL;
}

static void wait_for_poster(struct poster *p)
{
        pthread_t thread;
        REQUIRE_INT(aeon_event_new(&p->event), 0);
        pthread_create(&thread, NULL, post_late, p);
        CHECK_INT(aeon_event_wait(p->event), 0);
        pthread_join(thread, NULL);
        aeon_event_free(p->event);
}

TEST(a_thread_that_holds_the_loop_may_still_post)
{
        wait_for_poster(&(struct poster){ .loop = aeon_loop_hold(aeon_loop_current()), .holds = true });
}

TEST(a_thread_that_was_given_the_loop_without_a_hold_may_still_post)
{
        wait_for_poster(&(struct poster){ .loop = aeon_loop_current() });
}

static int take_long(void *arg)
{
        (void)arg;
        let_the_loop_fall_asleep();
        return 7;
}

TEST(an_offloaded_call_may_still_return)
{
        CHECK_INT(aeon_offload(take_long, NULL), 7);
}

static void *raise_late(void *arg)
{
        (void)arg;
        let_the_loop_fall_asleep();
        kill(getpid(), SIGUSR2);
        return NULL;
}

TEST(a_signal_may_still_come)
{
        pthread_t thread;
        aeon_signals *s;
        REQUIRE_INT(aeon_signals_open((int[]){ SIGUSR2 }, 1, &s), 0);
        pthread_create(&thread, NULL, raise_late, NULL);
        CHECK_INT(aeon_signals_wait(s), SIGUSR2);
        pthread_join(thread, NULL);
        aeon_signals_close(s);
}

static void *connect_late(void *arg)
{
        let_the_loop_fall_asleep();
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, arg, sizeof(struct sockaddr_in)) < 0)
                return NULL;
        let_the_loop_fall_asleep();
        CHECK_INT(write(fd, "x", 1), 1);
        close(fd);
        return NULL;
}

/* First only the listener can wake the loop, then only the connection. */
TEST(a_connection_and_its_bytes_may_still_come)
{
        struct sockaddr_in address;
        socklen_t size = sizeof address;
        aeon_listener *l;
        aeon_stream *s;
        pthread_t thread;
        char byte;
        int fd;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        getsockname(fd, (struct sockaddr *)&address, &size);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        pthread_create(&thread, NULL, connect_late, &address);
        REQUIRE_INT(aeon_listener_accept(l, &s), 0);
        aeon_listener_close(l);
        CHECK_INT(aeon_stream_read(s, &byte, 1), 1);
        CHECK_INT(aeon_stream_read(s, &byte, 1), 0);
        pthread_join(thread, NULL);
        aeon_stream_close(s);
}

TEST(a_name_may_still_be_found)
{
        char address[64], named[64];
        aeon_stream *s;
        int fd; /* listens, but not on this loop */
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE(listen(fd, 1) == 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        strcat(strcpy(named, "localhost"), strchr(address, ':'));
        REQUIRE_INT(aeon_stream_connect(named, &s), 0);
        aeon_stream_close(s);
        close(fd);
}

static int wait_for_the_poster(void *arg)
{
        wait_for_poster(&(struct poster){ .loop = aeon_loop_hold(aeon_loop_current()), .holds = true });
        (void)arg;
        return 0;
}

TEST(a_loop_inside_a_task_of_another_is_judged_by_itself)
{
        CHECK_INT(aeon_loop_run(wait_for_the_poster, NULL), 0);
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(two_that_nobody_wakes, NULL), -EDEADLK);
        test_stderr_end();
        CHECK_INT(aeon_checkpoint(), 0);
}
