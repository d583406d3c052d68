/* Rule 21: blocking work on the pool's threads. */
#include "harness.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* A function on a thread that the test can see begin and let end. */
struct work {
        sem_t begun, go_on, over;
        _Atomic int runs, taken_back;
        bool told; /* that its task was cancelled */
};

static void work_init(struct work *w)
{
        *w = (struct work){ 0 };
        sem_init(&w->begun, 0, 0);
        sem_init(&w->go_on, 0, 0);
        sem_init(&w->over, 0, 0);
}

static int work(void *arg)
{
        struct work *w = arg;
        w->runs++;
        sem_post(&w->begun);
        while (sem_wait(&w->go_on) < 0)
                ;
        w->told = aeon_offload_cancelled();
        sem_post(&w->over);
        return 9;
}

static void take_back(void *arg)
{
        struct work *w = arg;
        w->taken_back++;
        sem_post(&w->over);
}

/* Lets other tasks run until somebody posts @sem. */
static void await(sem_t *sem)
{
        while (sem_trywait(sem) < 0)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

static int offload_work(void *w)
{
        return aeon_offload(work, w);
}

/* ------------------------------------------------------------------ results */

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

TEST(a_success_leaves_the_pending_words)
{
        struct work w;
        work_init(&w);
        sem_post(&w.go_on);
        CHECK_INT(aeon_fail(-ENOENT, "before"), -ENOENT);
        CHECK_INT(aeon_offload(work, &w), 9);
        CHECK_STR(aeon_error_text(), "before");
}

PLAIN_TEST(offload_outside_a_task_is_einval)
{
        struct work w;
        work_init(&w);
        CHECK_INT(aeon_offload(work, &w), -EINVAL);
        CHECK_INT(aeon_offload_with(work, &w, &(aeon_offload_opts){ .done = take_back }), -EINVAL);
        CHECK_INT(w.runs, 0);
        CHECK_INT(w.taken_back, 0);
}

/* ------------------------------------------------------------------ the limit */

struct crowd {
        _Atomic unsigned inside, most, ended;
        unsigned wait_for; /* nobody leaves before so many are inside at once */
};

static int join_crowd(void *arg)
{
        struct crowd *c = arg;
        unsigned inside = ++c->inside, most = c->most;
        while (inside > most && !atomic_compare_exchange_weak(&c->most, &most, inside))
                ;
        while (c->most < c->wait_for)
                usleep(1000);
        c->inside--;
        c->ended++;
        return 0;
}

static int offload_crowd(void *arg)
{
        return aeon_offload(join_crowd, arg);
}

static void run_crowd(struct crowd *c, unsigned count)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (unsigned i = 0; i < count; i++)
                aeon_spawn(g, "one", offload_crowd, c);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(c->ended, count);
}

TEST(forty_run_at_a_time_by_default)
{
        struct crowd c = { .wait_for = 40 };
        CHECK_INT(aeon_offload_limit(), 40);
        run_crowd(&c, 100);
        CHECK_INT(c.most, 40);
}

static unsigned count_threads(void)
{
        unsigned count = 0;
        DIR *threads = opendir("/proc/self/task");
        while (threads && readdir(threads))
                count++;
        closedir(threads);
        return count;
}

TEST(there_are_no_more_threads_than_may_work)
{
        struct work w[20];
        aeon_group *g;
        work_init(&w[0]);
        sem_post(&w[0].go_on);
        CHECK_INT(aeon_offload(work, &w[0]), 9); /* the first thread, and those that a checker may start with it */
        unsigned with_one = count_threads();
        CHECK_INT(aeon_offload_set_limit(2), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 20; i++) {
                work_init(&w[i]);
                aeon_spawn(g, "work", offload_work, &w[i]);
                CHECK_INT(aeon_checkpoint(), 0); /* they come in this order, whatever the order of tasks */
        }
        await(&w[0].begun);
        await(&w[1].begun);
        CHECK_INT(count_threads(), with_one + 1);
        for (int i = 0; i < 20; i++)
                sem_post(&w[i].go_on);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(count_threads(), with_one + 1);
}

TEST(a_lower_limit_is_kept)
{
        struct crowd c = { .wait_for = 3 };
        CHECK_INT(aeon_offload_set_limit(3), 0);
        run_crowd(&c, 20);
        CHECK_INT(c.most, 3);
        CHECK_INT(aeon_offload_set_limit(0), -EINVAL);
        CHECK_INT(aeon_offload_limit(), 3);
}

TEST_WITHIN(a_raised_limit_lets_in_what_waits, 8) /* before an idle thread looks again by itself */
{
        struct work w[3];
        aeon_group *g;
        CHECK_INT(aeon_offload_set_limit(1), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++) {
                work_init(&w[i]);
                aeon_spawn(g, "work", offload_work, &w[i]);
                if (i == 0)
                        await(&w[0].begun);
        }
        for (int i = 0; i < 2; i++) /* two rounds, in whatever order: the others wait now */
                CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(w[1].runs + w[2].runs, 0);
        CHECK_INT(aeon_offload_set_limit(3), 0);
        await(&w[1].begun);
        await(&w[2].begun);
        for (int i = 0; i < 3; i++)
                sem_post(&w[i].go_on);
        CHECK_INT(aeon_group_close(g), 0);
}

TEST(a_limit_below_use_is_reached_as_calls_return)
{
        struct work w[4];
        aeon_group *g;
        CHECK_INT(aeon_offload_set_limit(4), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 4; i++) {
                work_init(&w[i]);
                aeon_spawn(g, "work", offload_work, &w[i]);
        }
        for (int i = 0; i < 4; i++)
                await(&w[i].begun);
        CHECK_INT(aeon_offload_set_limit(2), 0);
        struct crowd c = { .wait_for = 2 };
        for (unsigned i = 0; i < 10; i++)
                aeon_spawn(g, "one", offload_crowd, &c);
        for (int i = 0; i < 4; i++) {
                CHECK(i >= 2 || c.most == 0); /* as long as more than two of the first are there */
                sem_post(&w[i].go_on);
                await(&w[i].over);
        }
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(c.ended, 10);
        CHECK_INT(c.most, 2);
}

/* ------------------------------------------------------------------ cancelled */

static void cancelled_scope(aeon_scope *s)
{
        aeon_scope_open(s, NULL);
        aeon_scope_cancel(s, "no more");
}

TEST(entry_is_a_cancel_point)
{
        struct work w;
        aeon_scope s;
        work_init(&w);
        cancelled_scope(&s);
        CHECK_INT(aeon_offload(work, &w), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_INT(w.runs, 0);
}

TEST(a_call_that_no_thread_has_begun_is_taken_back)
{
        struct work first, second;
        aeon_group *g;
        work_init(&first);
        work_init(&second);
        CHECK_INT(aeon_offload_set_limit(1), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "first", offload_work, &first);
        await(&first.begun);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(5) });
        CHECK_INT(aeon_scope_close(&s, aeon_offload(work, &second)), -ETIMEDOUT);
        sem_post(&first.go_on);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(second.runs, 0);
}

static int cancel_and_let_go(void *arg)
{
        struct work *w = arg;
        await(&w->begun);
        aeon_group_cancel(aeon_task_current()->group, "no more");
        sem_post(&w->go_on);
        return 0;
}

TEST(a_running_thread_is_not_abandoned_but_told)
{
        struct work w;
        aeon_group *g;
        work_init(&w);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "cancel", cancel_and_let_go, &w);
        CHECK_INT(aeon_offload(work, &w), 9);
        CHECK(w.told);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK(!aeon_offload_cancelled()); /* asked elsewhere */
}

TEST(a_shield_keeps_a_cancel_from_the_thread)
{
        struct work w;
        aeon_group *g;
        aeon_scope shield;
        work_init(&w);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "cancel", cancel_and_let_go, &w);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        CHECK_INT(aeon_scope_close(&shield, aeon_offload(work, &w)), 9);
        CHECK(!w.told);
        CHECK_INT(aeon_checkpoint(), -ECANCELED);
        CHECK_INT(aeon_group_close(g), 0);
}

/* ------------------------------------------------------------------ abandoned */

static const aeon_offload_opts abandon = { .abandon = true }, abandon_and_take_back = { .abandon = true, .done = take_back };

static int cancel_begun(void *arg)
{
        struct work *w = arg;
        await(&w->begun);
        aeon_group_cancel(aeon_task_current()->group, "no more");
        return 0;
}

/* Returns while the function of @w still runs. */
static void abandon_work(struct work *w, const aeon_offload_opts *opts)
{
        aeon_group *g;
        work_init(w);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "cancel", cancel_begun, w);
        CHECK_INT(aeon_offload_with(work, w, opts), -ECANCELED);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(w->runs, 1);
        CHECK_INT(w->taken_back, 0);
}

TEST(an_abandoned_thread_finishes_alone)
{
        struct work w;
        abandon_work(&w, &abandon);
        sem_post(&w.go_on);
        await(&w.over);
        CHECK(w.told);
}

TEST(the_argument_of_an_abandoned_call_is_taken_back_when_its_thread_is_done)
{
        struct work w;
        abandon_work(&w, &abandon_and_take_back);
        sem_post(&w.go_on);
        await(&w.over); /* the function's end */
        await(&w.over); /* taken back */
        CHECK_INT(w.taken_back, 1);
}

TEST(an_abandonable_call_that_is_not_cancelled_returns_its_result)
{
        struct work w;
        work_init(&w);
        sem_post(&w.go_on);
        CHECK_INT(aeon_offload_with(work, &w, &abandon_and_take_back), 9);
        CHECK_INT(w.taken_back, 0); /* the argument is ours again */
}

static int cancel_itself(void *arg)
{
        (void)arg;
        return -ECANCELED;
}

TEST(the_argument_of_a_cancelled_call_is_taken_back_once)
{
        struct work w;
        aeon_scope s;
        work_init(&w);
        cancelled_scope(&s);
        CHECK_INT(aeon_offload_with(work, &w, &abandon_and_take_back), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_INT(w.taken_back, 1); /* never begun */
        CHECK_INT(aeon_offload_with(cancel_itself, &w, &abandon_and_take_back), -ECANCELED);
        CHECK_INT(w.taken_back, 2); /* ended so by itself */
        CHECK_INT(w.runs, 0);
}

TEST(abandoned_threads_keep_their_token)
{
        struct work w, next;
        aeon_group *g;
        CHECK_INT(aeon_offload_set_limit(1), 0);
        abandon_work(&w, &abandon);
        work_init(&next);
        sem_post(&next.go_on);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "next", offload_work, &next);
        for (int i = 0; i < 5; i++)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(next.runs, 0);
        sem_post(&w.go_on);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(next.runs, 1);
        CHECK(w.told); /* it ended before */
}

static int abandon_in_a_loop(void *arg)
{
        abandon_work(arg, &abandon_and_take_back);
        return 0;
}

PLAIN_TEST(an_abandoned_thread_may_outlive_its_loop)
{
        struct work w;
        CHECK_INT(aeon_loop_run(abandon_in_a_loop, &w), 0);
        CHECK_INT(w.taken_back, 0);
        sem_post(&w.go_on);
        sem_wait(&w.over);
        sem_wait(&w.over);
        CHECK_INT(w.taken_back, 1);
}

static int abandon_failing(void *arg)
{
        work(arg);
        return aeon_fail(-EIO, "nobody wants to know");
}

TEST(the_words_of_an_abandoned_thread_are_dropped)
{
        struct work w;
        aeon_group *g;
        work_init(&w);
        aeon_error_clear();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "cancel", cancel_begun, &w);
        CHECK_INT(aeon_offload_with(abandon_failing, &w, &abandon_and_take_back), -ECANCELED);
        CHECK_INT(aeon_group_close(g), 0);
        sem_post(&w.go_on);
        await(&w.over);
        await(&w.over);
        CHECK_STR(aeon_error_text(), "");
}

/* ------------------------------------------------------------------ who can wake the loop */

static bool can_be_woken(void)
{
        return aeon__loop_can_be_woken(aeon__loop_now());
}

TEST(a_running_thread_can_wake_its_loop)
{
        struct work w;
        aeon_group *g;
        work_init(&w);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "work", offload_work, &w);
        await(&w.begun);
        CHECK(can_be_woken());
        sem_post(&w.go_on);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK(!can_be_woken());
}

TEST(an_abandoned_thread_cannot_wake_its_loop)
{
        struct work w;
        abandon_work(&w, &abandon);
        CHECK(!can_be_woken());
        sem_post(&w.go_on);
        await(&w.over);
}

/* ------------------------------------------------------------------ a fork */

static int answer(void *arg)
{
        (void)arg;
        return 42;
}

static int offload_answer(void *arg)
{
        (void)arg;
        return aeon_offload(answer, NULL);
}

PLAIN_TEST(a_child_of_fork_has_a_pool_of_its_own)
{
#ifdef __SANITIZE_THREAD__ /* which lets a child of a process with threads start none */
        return;
#endif
        CHECK_INT(aeon_loop_run(offload_answer, NULL), 42); /* leaves an idle thread, which the child has not */
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
                _exit(aeon_loop_run(offload_answer, NULL));
        int status = 0;
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 42);
}
