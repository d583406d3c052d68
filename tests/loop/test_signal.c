/* Rule 25: signals are delivered on the loop, told once, and never lost. */
#include "harness.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/signal.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static aeon_signals *open_one(int signal)
{
        aeon_signals *s = NULL;
        REQUIRE_INT(aeon_signals_open(&signal, 1, &s), 0);
        return s;
}

static void send_self(int signal)
{
        kill(getpid(), signal);
}

/* The handler from before. */
static atomic_int old_calls;

static void old_handler(int signal)
{
        (void)signal;
        old_calls++;
}

/* ------------------------------------------------------------------ receiving */

static void send_usr1(void *unused)
{
        (void)unused;
        send_self(SIGUSR1);
}

TEST(a_signal_wakes_the_task_that_waits)
{
        aeon_signals *s = open_one(SIGUSR1);
        REQUIRE_INT(aeon_post(aeon_loop_current(), send_usr1, NULL), 0);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        aeon_signals_close(s);
}

TEST(repeats_are_coalesced)
{
        aeon_signals *s;
        REQUIRE_INT(aeon_signals_open((int[]){ SIGUSR2, SIGUSR1, SIGUSR1 }, 3, &s), 0);
        send_self(SIGUSR1);
        send_self(SIGUSR1);
        send_self(SIGUSR2);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        CHECK_INT(aeon_signals_wait(s), SIGUSR2);
        CHECK_INT(aeon_signals_try_wait(s), -EAGAIN);
        send_self(SIGUSR1);
        CHECK_INT(aeon_signals_try_wait(s), SIGUSR1);
        aeon_signals_close(s);
}

static void *send_itself(void *unused)
{
        (void)unused;
        pthread_kill(pthread_self(), SIGUSR1);
        return NULL;
}

TEST(a_signal_that_hits_another_thread_is_delivered_on_the_loop)
{
        pthread_t thread;
        aeon_signals *s = open_one(SIGUSR1);
        REQUIRE_INT(pthread_create(&thread, NULL, send_itself, NULL), 0);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        pthread_join(thread, NULL);
        aeon_signals_close(s);
}

TEST(a_cancelled_wait_takes_no_signal)
{
        aeon_signals *s = open_one(SIGUSR1);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(5) });
        CHECK_INT(aeon_scope_close(&scope, aeon_signals_wait(s)), -ETIMEDOUT);
        aeon_scope_open(&scope, NULL);
        aeon_scope_cancel(&scope, NULL);
        send_self(SIGUSR1);
        CHECK_INT(aeon_scope_close(&scope, aeon_signals_wait(s)), 0);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        aeon_signals_close(s);
}

static int wait_for(void *s)
{
        CHECK_INT(aeon_signals_wait(s), -EBADF);
        return 0;
}

TEST(closing_wakes_the_task_that_waits)
{
        aeon_group *g;
        aeon_signals *s = open_one(SIGUSR1);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "wait", wait_for, s);
        for (int i = 0; i < 2; i++) /* two rounds, in whatever order: it waits now */
                CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_signals_wait(s), -EBUSY);
        aeon_signals_close(s);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_signals_close(NULL);
}

TEST(faults_and_what_cannot_be_caught_are_refused)
{
        static const int refused[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGABRT, 0, -1, 65 };
        aeon_signals *s;
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
                CHECK_INT(aeon_signals_open((int[]){ SIGUSR1, refused[i] }, 2, &s), -EINVAL);
        struct sigaction now;
        CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
        CHECK(now.sa_handler == SIG_DFL);
}

PLAIN_TEST(signals_are_opened_in_a_loop)
{
        aeon_signals *s;
        CHECK_INT(aeon_signals_open((int[]){ SIGUSR1 }, 1, &s), -EINVAL);
}

/* ------------------------------------------------------------------ late ones */

TEST(late_signals_reach_the_old_handler)
{
        signal(SIGUSR1, old_handler);
        signal(SIGUSR2, old_handler);
        aeon_signals *s;
        REQUIRE_INT(aeon_signals_open((int[]){ SIGUSR1, SIGUSR2 }, 2, &s), 0);
        send_self(SIGUSR1);
        send_self(SIGUSR1);
        send_self(SIGUSR2);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* whether the loop has heard of it or not */
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        send_self(SIGUSR1);
        CHECK_INT(old_calls, 0);
        aeon_signals_close(s);
        CHECK_INT(old_calls, 2); /* each once */
        send_self(SIGUSR1);
        CHECK_INT(old_calls, 3); /* it is in place again */
}

TEST(what_was_taken_is_not_told_again)
{
        signal(SIGUSR1, old_handler);
        aeon_signals *s = open_one(SIGUSR1);
        send_self(SIGUSR1);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        aeon_signals_close(s);
        CHECK_INT(old_calls, 0);
}

TEST(a_late_signal_that_was_ignored_stays_ignored)
{
        signal(SIGTERM, SIG_IGN);
        aeon_signals *s = open_one(SIGTERM);
        send_self(SIGTERM);
        aeon_signals_close(s);
        send_self(SIGTERM);
        CHECK_INT(aeon_checkpoint(), 0); /* still there */
}

static int leave_a_sigterm(void *unused)
{
        (void)unused;
        aeon_signals *s = open_one(SIGTERM);
        send_self(SIGTERM);
        aeon_signals_close(s);
        return 0;
}

PLAIN_TEST(a_late_signal_without_a_handler_has_its_default_effect)
{
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
                aeon_loop_run(leave_a_sigterm, NULL);
                _exit(0);
        }
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(a_signal_on_its_way_to_the_handler_when_the_receiver_closes_is_not_lost)
{
        struct sigaction ours;
        signal(SIGUSR1, old_handler);
        aeon_signals *s = open_one(SIGUSR1);
        CHECK_INT(sigaction(SIGUSR1, NULL, &ours), 0);
        aeon_signals_close(s);
        ours.sa_handler(SIGUSR1); /* as a thread would that was about to */
        CHECK_INT(old_calls, 1);
}

static void (*chained)(int);

static void chaining_handler(int signal)
{
        old_calls++;
        chained(signal);
}

TEST(a_handler_that_was_installed_meanwhile_stays)
{
        struct sigaction now, theirs = { .sa_handler = chaining_handler };
        aeon_signals *s = open_one(SIGUSR1);
        CHECK_INT(sigaction(SIGUSR1, &theirs, &now), 0);
        chained = now.sa_handler;
        send_self(SIGUSR1);
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        aeon_signals_close(s);
        send_self(SIGUSR1); /* it calls ours, which nobody needs any more */
        CHECK_INT(old_calls, 2);
}

/* ------------------------------------------------------------------ several receivers */

TEST(two_receivers_are_both_told)
{
        aeon_signals *a = open_one(SIGUSR1), *b = open_one(SIGUSR1);
        send_self(SIGUSR1);
        CHECK_INT(aeon_signals_wait(a), SIGUSR1);
        CHECK_INT(aeon_signals_wait(b), SIGUSR1);
        aeon_signals_close(a);
        send_self(SIGUSR1);
        CHECK_INT(aeon_signals_wait(b), SIGUSR1);
        aeon_signals_close(b);
}

TEST(the_last_of_two_receivers_puts_the_old_handler_back)
{
        signal(SIGUSR1, old_handler);
        aeon_signals *a = open_one(SIGUSR1), *b = open_one(SIGUSR1);
        aeon_signals_close(a);
        send_self(SIGUSR1);
        CHECK_INT(old_calls, 0);
        CHECK_INT(aeon_signals_wait(b), SIGUSR1);
        aeon_signals_close(b);
        send_self(SIGUSR1);
        CHECK_INT(old_calls, 1);
}

TEST(what_one_receiver_took_is_not_late_for_another)
{
        signal(SIGUSR1, old_handler);
        aeon_signals *a = open_one(SIGUSR1), *b = open_one(SIGUSR1);
        send_self(SIGUSR1);
        CHECK_INT(aeon_signals_wait(a), SIGUSR1);
        aeon_signals_close(a);
        aeon_signals_close(b);
        CHECK_INT(old_calls, 0);
}

TEST(a_late_signal_goes_to_the_receiver_that_is_left)
{
        aeon_signals *a = open_one(SIGUSR1);
        send_self(SIGUSR1);
        aeon_signals *b = open_one(SIGUSR1); /* after it came */
        CHECK_INT(aeon_signals_try_wait(b), -EAGAIN);
        aeon_signals_close(a);
        CHECK_INT(aeon_signals_wait(b), SIGUSR1);
        aeon_signals_close(b);
}

struct listener {
        pthread_t thread;
        atomic_bool open, told;
};

static int listen_once(void *arg)
{
        struct listener *l = arg;
        aeon_signals *s = open_one(SIGUSR1);
        l->open = true;
        CHECK_INT(aeon_signals_wait(s), SIGUSR1);
        aeon_signals_close(s);
        l->told = true;
        return 0;
}

static void *listen_on_a_loop(void *arg)
{
        CHECK_INT(aeon_loop_run(listen_once, arg), 0);
        return NULL;
}

PLAIN_TEST(receivers_on_several_loops_are_all_told)
{
        struct listener listeners[4] = { 0 };
        for (int i = 0; i < 4; i++)
                REQUIRE_INT(pthread_create(&listeners[i].thread, NULL, listen_on_a_loop, &listeners[i]), 0);
        for (int i = 0; i < 4; i++)
                while (!listeners[i].open)
                        usleep(1000);
        send_self(SIGUSR1);
        for (int i = 0; i < 4; i++)
                pthread_join(listeners[i].thread, NULL);
        for (int i = 0; i < 4; i++)
                CHECK(listeners[i].told);
}

static atomic_bool stop_sending;

static void *send_for_ever(void *unused)
{
        (void)unused;
        while (!stop_sending)
                pthread_kill(pthread_self(), SIGUSR1);
        return NULL;
}

static int open_and_close(void *unused)
{
        (void)unused;
        for (int i = 0; i < 500; i++) {
                aeon_signals *s = open_one(SIGUSR1);
                CHECK_INT(aeon_signals_wait(s), SIGUSR1);
                aeon_signals_close(s);
                CHECK_INT(aeon_checkpoint(), 0);
        }
        return 0;
}

static void *open_and_close_on_a_loop(void *unused)
{
        CHECK_INT(aeon_loop_run(open_and_close, unused), 0);
        return NULL;
}

PLAIN_TEST(receivers_come_and_go_while_signals_rain)
{
        pthread_t sender, threads[2];
        signal(SIGUSR1, old_handler);
        REQUIRE_INT(pthread_create(&sender, NULL, send_for_ever, NULL), 0);
        for (int i = 0; i < 2; i++)
                REQUIRE_INT(pthread_create(&threads[i], NULL, open_and_close_on_a_loop, NULL), 0);
        for (int i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
        stop_sending = true;
        pthread_join(sender, NULL);
        struct sigaction now;
        CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
        CHECK(now.sa_handler == old_handler);
}

static int leave_open(void *arg)
{
        *(aeon_signals **)arg = open_one(SIGUSR1);
        return 0;
}

PLAIN_TEST(a_receiver_left_open_ends_with_its_loop)
{
        aeon_signals *s = NULL;
        signal(SIGUSR1, old_handler);
        CHECK_INT(aeon_loop_run(leave_open, &s), 0);
        send_self(SIGUSR1);
        CHECK_INT(old_calls, 1);
        aeon_signals_close(s);
}
