/* Event, mutex, semaphore, condition, limiter: rules 18 and 19 of the concurrency page. */
#include "virtual.h"

#include "task/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ------------------------------------------------------------------ helpers */

static int trace[64], trace_length;

static void note(int what)
{
        trace[trace_length++] = what;
}

static void check_trace(const int *expected, int length)
{
        CHECK_INT(trace_length, length);
        for (int i = 0; i < length && i < trace_length; i++)
                CHECK_INT(trace[i], expected[i]);
}
#define CHECK_TRACE(...) check_trace((const int[]){ __VA_ARGS__ }, (int)(sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)))

/* One task of a test: waits for what @wait waits for, notes its number, and lets go again after @rounds turns of the others. */
struct worker {
        int number;
        int (*wait)(void *object);
        int (*release)(void *object);
        void *object;
        int result; /* of waiting; 1: still waits */
        aeon_scope scope;
};

static int work(void *arg)
{
        struct worker *w = arg;
        aeon_scope_open(&w->scope, NULL);
        w->result = w->wait(w->object);
        if (w->result == 0) {
                note(w->number);
                aeon_checkpoint();
                if (w->release)
                        CHECK_INT(w->release(w->object), 0);
        }
        aeon_scope_close(&w->scope, 0);
        return 0;
}

/* Start it, and let it come to the point where it waits: the order of starting is the order of waiting. */
static void start(aeon_group *g, struct worker *w)
{
        w->result = 1;
        REQUIRE_INT(aeon_spawn(g, "worker", work, w), 0);
        let_others_wait();
}

static int wait_event(void *e)
{
        return aeon_event_wait(e);
}

static int lock(void *m)
{
        return aeon_mutex_lock(m);
}

static int unlock(void *m)
{
        return aeon_mutex_unlock(m);
}

static int acquire(void *s)
{
        return aeon_semaphore_acquire(s);
}

static int release(void *s)
{
        return aeon_semaphore_release(s);
}

static int borrow(void *l)
{
        return aeon_limiter_acquire(l, NULL);
}

static int give_back(void *l)
{
        return aeon_limiter_release(l, NULL);
}

static size_t limiter_waiting(const aeon_limiter *l)
{
        aeon_limiter_stats stats;
        aeon_limiter_get_stats(l, &stats);
        return stats.waiting;
}

static size_t limiter_borrowed(const aeon_limiter *l)
{
        aeon_limiter_stats stats;
        aeon_limiter_get_stats(l, &stats);
        return stats.borrowed;
}

/* What @misuse(@object) writes to the log. */
static char *log_of(void (*misuse)(void *object), void *object)
{
        const char *path = test_path("log");
        int saved = dup(STDERR_FILENO), log = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        dup2(log, STDERR_FILENO);
        misuse(object);
        dup2(saved, STDERR_FILENO);
        close(log);
        close(saved);
        return test_read_file(path);
}

static void check_log(void (*misuse)(void *object), void *object, const char *part)
{
        char *text = log_of(misuse, object);
        CHECK_CONTAINS(text, part);
        free(text);
}

/* ------------------------------------------------------------------ event */

/* rule 18 */
VIRTUAL_TEST(event_wakes_everybody_who_waits_and_later_waits_return_at_once)
{
        aeon_event *e;
        aeon_group *g;
        struct worker workers[3];
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++) {
                workers[i] = (struct worker){ .number = i, .wait = wait_event, .object = e };
                start(g, &workers[i]);
        }
        CHECK_INT(trace_length, 0);
        aeon_event_set(e);
        aeon_event_set(e);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 3);
        CHECK_INT(aeon_event_wait(e), 0);
        aeon_event_free(e);
        return 0;
}

static void free_event(void *e)
{
        aeon_event_free(e);
}

/* rules 18 and 19 */
VIRTUAL_TEST(freeing_while_somebody_waits_is_refused_and_the_log_names_who)
{
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        struct worker w = { .wait = wait_event, .object = e };
        start(g, &w);
        check_log(free_event, e, "the event cannot be freed: task \"worker\"");
        CHECK(!aeon_event_is_set(e)); /* it is still there */
        aeon_event_set(e);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(w.result, 0);
        aeon_event_free(e);
        aeon_event_free(NULL);
        return 0;
}

/* ------------------------------------------------------------------ mutex */

/* rule 19 */
VIRTUAL_TEST(mutex_is_handed_over_in_order_of_arrival)
{
        aeon_mutex *m;
        aeon_group *g;
        struct worker workers[4];
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_mutex_lock(m), 0);
        for (int i = 0; i < 4; i++) {
                workers[i] = (struct worker){ .number = i, .wait = lock, .release = unlock, .object = m };
                start(g, &workers[i]);
        }
        CHECK_INT(aeon_mutex_unlock(m), 0);
        CHECK_INT(aeon_mutex_try_lock(m), -EAGAIN); /* it belongs to the first waiter, although that has not run yet */
        CHECK_INT(aeon_mutex_lock(m), 0);           /* and who comes back has to queue */
        note(9);
        CHECK_INT(aeon_mutex_unlock(m), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_TRACE(0, 1, 2, 3, 9);
        aeon_mutex_free(m);
        return 0;
}

static int unlock_foreign(void *m)
{
        CHECK_INT(aeon_mutex_unlock(m), -EPERM);
        CHECK_CONTAINS(aeon_error_text(), "task \"thief\" cannot unlock the mutex: task \"main\" holds it, locked at ");
        CHECK_CONTAINS(aeon_error_text(), "test_sync.c:");
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(unlocking_what_another_task_holds_is_refused_and_names_both_and_where)
{
        aeon_mutex *m;
        aeon_group *g;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        CHECK_INT(aeon_mutex_unlock(m), -EPERM);
        CHECK_CONTAINS(aeon_error_text(), "nobody holds it");
        CHECK_INT(aeon_mutex_lock(m), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "thief", unlock_foreign, m);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(aeon_mutex_try_lock(m), -EDEADLK); /* still ours */
        CHECK_INT(aeon_mutex_unlock(m), 0);
        aeon_mutex_free(m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(locking_again_is_a_deadlock_and_says_where_it_was_locked)
{
        aeon_mutex *m;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        CHECK_INT(aeon_mutex_try_lock(m), 0);
        CHECK_INT(aeon_mutex_lock(m), -EDEADLK);
        CHECK_CONTAINS(aeon_error_text(), "test_sync.c:");
        CHECK_INT(aeon_mutex_unlock(m), 0);
        aeon_mutex_free(m);
        return 0;
}

static void free_mutex(void *m)
{
        aeon_mutex_free(m);
}

/* rule 19 */
VIRTUAL_TEST(a_locked_mutex_is_not_freed)
{
        aeon_mutex *m;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        CHECK_INT(aeon_mutex_lock(m), 0);
        check_log(free_mutex, m, "the mutex cannot be freed: it is locked (at ");
        CHECK_INT(aeon_mutex_unlock(m), 0);
        aeon_mutex_free(m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(mutexes_are_unlocked_in_any_order)
{
        aeon_mutex *m[3];
        for (int i = 0; i < 3; i++) {
                REQUIRE_INT(aeon_mutex_new(&m[i]), 0);
                CHECK_INT(aeon_mutex_lock(m[i]), 0);
        }
        const int order[] = { 1, 0, 2 };
        for (int i = 0; i < 3; i++)
                CHECK_INT(aeon_mutex_unlock(m[order[i]]), 0);
        for (int i = 0; i < 3; i++) {
                CHECK_INT(aeon_mutex_lock(m[i]), 0);
                CHECK_INT(aeon_mutex_unlock(m[i]), 0);
                aeon_mutex_free(m[i]);
        }
        return 0;
}

static int lock_and_end(void *arg)
{
        aeon_mutex **m = arg;
        CHECK_INT(aeon_mutex_lock(m[0]), 0);
        CHECK_INT(aeon_mutex_lock(m[1]), 0);
        return aeon_sleep(AEON_SECONDS(1));
}

/* rule 19 */
VIRTUAL_TEST(owner_ended_breaks_its_mutexes_for_those_who_wait_and_those_who_come)
{
        aeon_mutex *m[2];
        aeon_group *g;
        REQUIRE_INT(aeon_mutex_new(&m[0]), 0);
        REQUIRE_INT(aeon_mutex_new(&m[1]), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "careless", lock_and_end, m);
        let_others_wait();
        struct worker first = { .wait = lock, .object = m[0] }, second = { .wait = lock, .object = m[0] },
                      other = { .wait = lock, .object = m[1] };
        start(g, &first);
        start(g, &second);
        start(g, &other);
        CHECK_INT(aeon_group_close(g), -EINVAL);
        CHECK_STR(aeon_error_text(), "task \"careless\" returned with a mutex locked");
        CHECK_INT(first.result, -EOWNERDEAD);
        CHECK_INT(second.result, -EOWNERDEAD);
        CHECK_INT(other.result, -EOWNERDEAD);
        for (int i = 0; i < 2; i++) {
                CHECK_INT(aeon_mutex_lock(m[i]), -EOWNERDEAD);
                CHECK_CONTAINS(aeon_error_text(), "task \"careless\" locked it at ");
                CHECK_INT(aeon_mutex_try_lock(m[i]), -EOWNERDEAD);
                CHECK_INT(aeon_mutex_unlock(m[i]), -EPERM);
                aeon_mutex_free(m[i]);
        }
        return 0;
}

static int lock_and_fail(void *m)
{
        CHECK_INT(aeon_mutex_lock(m), 0);
        return aeon_fail(-EIO, "the disk is gone");
}

/* rule 19 */
VIRTUAL_TEST(a_task_that_fails_with_a_mutex_locked_keeps_its_own_error)
{
        aeon_mutex *m;
        aeon_group *g;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "failing", lock_and_fail, m);
        CHECK_INT(aeon_group_close(g), -EIO);
        CHECK_STR(aeon_error_text(), "the disk is gone");
        aeon_mutex_free(m);
        return 0;
}

/* rules 14 and 19 */
VIRTUAL_TEST(a_cancelled_waiter_is_removed_and_the_others_get_the_mutex)
{
        aeon_mutex *m;
        aeon_group *g;
        struct worker workers[3];
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_mutex_lock(m), 0);
        for (int i = 0; i < 3; i++) {
                workers[i] = (struct worker){ .number = i, .wait = lock, .release = unlock, .object = m };
                start(g, &workers[i]);
        }
        aeon_scope_cancel(&workers[0].scope, NULL);
        CHECK_INT(aeon_mutex_unlock(m), 0); /* in the same turn: the cancelled one has not run yet */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(workers[0].result, -ECANCELED);
        CHECK_TRACE(1, 2);
        aeon_mutex_free(m);
        return 0;
}

/* rules 14 and 19 */
VIRTUAL_TEST(handed_over_and_then_cancelled_holds_the_mutex)
{
        aeon_mutex *m;
        aeon_group *g;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        CHECK_INT(aeon_mutex_lock(m), 0);
        struct worker w = { .number = 1, .wait = lock, .release = unlock, .object = m };
        start(g, &w);
        CHECK_INT(aeon_mutex_unlock(m), 0);
        aeon_scope_cancel(&w.scope, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(w.result, 0);
        CHECK_INT(aeon_mutex_lock(m), 0);
        CHECK_INT(aeon_mutex_unlock(m), 0);
        aeon_mutex_free(m);
        return 0;
}

static int note_one(void *arg)
{
        (void)arg;
        note(1);
        return 0;
}

/* rules 13, 14 and 19 */
VIRTUAL_TEST(taking_what_is_free_is_a_checkpoint)
{
        aeon_mutex *m;
        aeon_semaphore *s;
        aeon_limiter *l;
        aeon_event *e;
        aeon_group *g;
        REQUIRE_INT(aeon_mutex_new(&m), 0);
        REQUIRE_INT(aeon_semaphore_new(1, 0, &s), 0);
        REQUIRE_INT(aeon_limiter_new(1, &l), 0);
        REQUIRE_INT(aeon_event_new(&e), 0);
        aeon_event_set(e);
        int (*const calls[])(void *) = { lock, acquire, borrow, wait_event };
        int (*const undo[])(void *) = { unlock, release, give_back, NULL };
        void *const objects[] = { m, s, l, e };
        for (int i = 0; i < 4; i++) {
                aeon_scope scope;
                REQUIRE_INT(aeon_group_open(&g), 0);
                aeon_spawn(g, "other", note_one, NULL);
                aeon_scope_open(&scope, NULL);
                aeon_scope_cancel(&scope, NULL);
                CHECK_INT(calls[i](objects[i]), -ECANCELED); /* and has taken nothing: the next one gets it */
                CHECK_INT(aeon_scope_close(&scope, -ECANCELED), 0);
                CHECK_INT(trace_length, i);
                for (int j = 0; j < 2; j++) { /* the first may find us ahead of the other task */
                        CHECK_INT(calls[i](objects[i]), 0);
                        if (undo[i])
                                CHECK_INT(undo[i](objects[i]), 0);
                }
                CHECK_INT(trace_length, i + 1);
                CHECK_INT(aeon_group_close(g), 0);
        }
        aeon_mutex_free(m);
        aeon_semaphore_free(s);
        aeon_limiter_free(l);
        aeon_event_free(e);
        return 0;
}

/* ------------------------------------------------------------------ semaphore */

/* rule 19 */
VIRTUAL_TEST(semaphore_lets_in_as_many_as_it_counts_in_order_of_arrival)
{
        aeon_semaphore *s;
        aeon_group *g;
        struct worker workers[4];
        REQUIRE_INT(aeon_semaphore_new(2, 0, &s), 0);
        CHECK_INT(aeon_semaphore_acquire(s), 0);
        CHECK_INT(aeon_semaphore_try_acquire(s), 0);
        CHECK_INT(aeon_semaphore_try_acquire(s), -EAGAIN);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 4; i++) {
                workers[i] = (struct worker){ .number = i, .wait = acquire, .object = s };
                start(g, &workers[i]);
        }
        for (int i = 0; i < 4; i++) {
                CHECK_INT(trace_length, i);
                CHECK_INT(aeon_semaphore_release(s), 0);
                CHECK_INT(aeon_semaphore_value(s), 0);
                CHECK_INT(aeon_semaphore_try_acquire(s), -EAGAIN); /* what was released belongs to the waiter */
                let_others_wait();
        }
        CHECK_TRACE(0, 1, 2, 3);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(aeon_semaphore_release(s), 0);
        CHECK_INT(aeon_semaphore_value(s), 1);
        aeon_semaphore_free(s);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(semaphore_is_not_released_above_its_maximum)
{
        aeon_semaphore *s;
        CHECK_INT(aeon_semaphore_new(3, 2, &s), -EINVAL);
        REQUIRE_INT(aeon_semaphore_new(1, 2, &s), 0);
        CHECK_INT(aeon_semaphore_release(s), 0);
        CHECK_INT(aeon_semaphore_release(s), -EOVERFLOW);
        CHECK_INT(aeon_semaphore_value(s), 2);
        aeon_semaphore_free(s);
        REQUIRE_INT(aeon_semaphore_new(SIZE_MAX - 1, 0, &s), 0); /* no maximum is no wrap-around */
        CHECK_INT(aeon_semaphore_release(s), 0);
        CHECK_INT(aeon_semaphore_release(s), -EOVERFLOW);
        aeon_semaphore_free(s);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(a_cancelled_waiter_is_removed_and_the_others_get_the_semaphore)
{
        aeon_semaphore *s;
        aeon_group *g;
        REQUIRE_INT(aeon_semaphore_new(0, 1, &s), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        struct worker cancelled = { .number = 1, .wait = acquire, .release = release, .object = s }, next = cancelled;
        next.number = 2;
        start(g, &cancelled);
        start(g, &next);
        aeon_scope_cancel(&cancelled.scope, NULL);
        CHECK_INT(aeon_semaphore_release(s), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(cancelled.result, -ECANCELED);
        CHECK_TRACE(2);
        CHECK_INT(aeon_semaphore_value(s), 1);
        aeon_semaphore_free(s);
        return 0;
}

/* ------------------------------------------------------------------ condition */

struct meeting {
        aeon_mutex *mutex;
        aeon_cond *cond;
};

static void meeting_new(struct meeting *m)
{
        REQUIRE_INT(aeon_mutex_new(&m->mutex), 0);
        REQUIRE_INT(aeon_cond_new(&m->cond), 0);
}

static void meeting_free(struct meeting *m)
{
        aeon_mutex_free(m->mutex);
        aeon_cond_free(m->cond);
}

static int wait_for_notify(void *arg)
{
        struct meeting *m = arg;
        CHECK_INT(aeon_mutex_lock(m->mutex), 0);
        int r = aeon_cond_wait(m->cond, m->mutex);
        if (r != -EOWNERDEAD)
                CHECK_INT(aeon_mutex_unlock(m->mutex), 0); /* it is ours whatever the result is */
        return r;
}

static void start_waiters(aeon_group *g, struct worker *workers, int count, struct meeting *m)
{
        for (int i = 0; i < count; i++) {
                workers[i] = (struct worker){ .number = i, .wait = wait_for_notify, .object = m };
                start(g, &workers[i]);
        }
}

/* rule 19 */
VIRTUAL_TEST(notify_wakes_who_has_waited_longest_and_notify_all_the_rest)
{
        struct meeting m;
        struct worker workers[4];
        aeon_group *g;
        meeting_new(&m);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_cond_notify(m.cond); /* not remembered */
        start_waiters(g, workers, 4, &m);
        CHECK_INT(aeon_mutex_lock(m.mutex), 0); /* waiting has unlocked it */
        aeon_cond_notify(m.cond);
        let_others_wait();
        CHECK_INT(trace_length, 0); /* notified, but the mutex is ours */
        CHECK_INT(aeon_mutex_unlock(m.mutex), 0);
        let_others_wait();
        CHECK_TRACE(0);
        aeon_cond_notify_all(m.cond);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(trace_length, 4);
        meeting_free(&m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(a_cancelled_wait_still_holds_the_mutex)
{
        struct meeting m;
        struct worker w;
        aeon_group *g;
        meeting_new(&m);
        REQUIRE_INT(aeon_group_open(&g), 0);
        start_waiters(g, &w, 1, &m);
        CHECK_INT(aeon_mutex_lock(m.mutex), 0);
        aeon_scope_cancel(&w.scope, NULL);
        let_others_wait();
        CHECK_INT(w.result, 1); /* cancelled, but it does not return without the mutex */
        CHECK_INT(aeon_mutex_unlock(m.mutex), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(w.result, -ECANCELED);
        meeting_free(&m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(a_wait_inside_a_cancelled_scope_fails_and_keeps_the_mutex)
{
        struct meeting m;
        aeon_scope s;
        meeting_new(&m);
        CHECK_INT(aeon_mutex_lock(m.mutex), 0);
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        CHECK_INT(aeon_cond_wait(m.cond, m.mutex), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_INT(aeon_mutex_unlock(m.mutex), 0);
        meeting_free(&m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(a_notify_that_hits_a_cancelled_waiter_passes_on)
{
        struct meeting m;
        struct worker workers[2];
        aeon_group *g;
        meeting_new(&m);
        REQUIRE_INT(aeon_group_open(&g), 0);
        start_waiters(g, workers, 2, &m);
        aeon_scope_cancel(&workers[0].scope, NULL);
        aeon_cond_notify(m.cond); /* in the same turn: the cancelled one has not run yet */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(workers[0].result, -ECANCELED);
        CHECK_INT(workers[1].result, 0);
        meeting_free(&m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(notified_and_then_cancelled_has_got_the_notify)
{
        struct meeting m;
        struct worker workers[2];
        aeon_group *g;
        meeting_new(&m);
        REQUIRE_INT(aeon_group_open(&g), 0);
        start_waiters(g, workers, 2, &m);
        CHECK_INT(aeon_mutex_lock(m.mutex), 0);
        aeon_cond_notify(m.cond);
        let_others_wait(); /* it waits for the mutex now */
        aeon_scope_cancel(&workers[0].scope, NULL);
        CHECK_INT(aeon_mutex_unlock(m.mutex), 0);
        let_others_wait();
        CHECK_INT(workers[0].result, 0);
        CHECK_INT(workers[1].result, 1);
        aeon_cond_notify(m.cond);
        CHECK_INT(aeon_group_close(g), 0);
        meeting_free(&m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(a_notify_is_passed_on_when_the_mutex_broke)
{
        struct meeting m;
        struct worker workers[2];
        aeon_group *g;
        meeting_new(&m);
        REQUIRE_INT(aeon_group_open(&g), 0);
        start_waiters(g, workers, 2, &m);
        aeon_group *careless;
        REQUIRE_INT(aeon_group_open(&careless), 0);
        aeon_spawn(careless, "careless", lock_and_fail, m.mutex);
        CHECK_INT(aeon_group_close(careless), -EIO);
        aeon_cond_notify(m.cond); /* one; the second would wait for ever */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(workers[0].result, -EOWNERDEAD);
        CHECK_INT(workers[1].result, -EOWNERDEAD);
        meeting_free(&m);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(waiting_without_the_mutex_is_refused)
{
        struct meeting m;
        meeting_new(&m);
        CHECK_INT(aeon_cond_wait(m.cond, m.mutex), -EPERM);
        meeting_free(&m);
        return 0;
}

/* ------------------------------------------------------------------ limiter */

/* rule 19 */
VIRTUAL_TEST(limiter_lends_each_borrower_one_token)
{
        aeon_limiter *l;
        int one, two;
        REQUIRE_INT(aeon_limiter_new(2, &l), 0);
        CHECK_INT(aeon_limiter_acquire(l, NULL), 0);
        CHECK_INT(aeon_limiter_acquire(l, NULL), -EALREADY);
        CHECK_INT(aeon_limiter_acquire(l, aeon_task_current()), -EALREADY); /* the same borrower */
        CHECK_INT(aeon_limiter_try_acquire(l, &one), 0);
        CHECK_INT(aeon_limiter_try_acquire(l, &one), -EALREADY); /* not "try again later" */
        CHECK_INT(aeon_limiter_try_acquire(l, &two), -EAGAIN);
        CHECK_INT(aeon_limiter_release(l, &two), -EPERM);
        CHECK_INT(limiter_borrowed(l), 2);
        CHECK_INT(aeon_limiter_release(l, &one), 0);
        CHECK_INT(aeon_limiter_release(l, &one), -EPERM);
        CHECK_INT(aeon_limiter_try_acquire(l, &two), 0);
        CHECK_INT(aeon_limiter_release(l, &two), 0);
        CHECK_INT(aeon_limiter_release(l, NULL), 0);
        CHECK_INT(limiter_borrowed(l), 0);
        aeon_limiter_free(l);
        aeon_limiter_free(NULL);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(limiter_finds_each_of_many_borrowers)
{
        enum { N = 1000 };
        static char borrowers[N];
        aeon_limiter *l;
        REQUIRE_INT(aeon_limiter_new(N, &l), 0);
        for (int i = 0; i < N; i++)
                CHECK_INT(aeon_limiter_try_acquire(l, &borrowers[i * 7 % N]), 0); /* 7 and 1000 share no divisor: each once */
        for (int i = 0; i < N; i++)
                CHECK_INT(aeon_limiter_try_acquire(l, &borrowers[i]), -EALREADY);
        for (int i = 0; i < N; i++)
                CHECK_INT(aeon_limiter_release(l, &borrowers[i * 3 % N]), 0);
        CHECK_INT(limiter_borrowed(l), 0);
        aeon_limiter_free(l);
        return 0;
}

static void start_borrowers(aeon_group *g, struct worker *workers, int count, aeon_limiter *l)
{
        for (int i = 0; i < count; i++) {
                workers[i] = (struct worker){ .number = i, .wait = borrow, .object = l };
                start(g, &workers[i]);
        }
}

/* rule 19 */
VIRTUAL_TEST(limiter_shrinks_below_use_and_grows_in_order_of_arrival)
{
        aeon_limiter *l;
        aeon_group *g;
        struct worker workers[6];
        int one, two, three;
        REQUIRE_INT(aeon_limiter_new(3, &l), 0);
        CHECK_INT(aeon_limiter_acquire(l, &one), 0);
        CHECK_INT(aeon_limiter_acquire(l, &two), 0);
        CHECK_INT(aeon_limiter_acquire(l, &three), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        start_borrowers(g, workers, 4, l);
        CHECK_INT(limiter_waiting(l), 4);

        CHECK_INT(aeon_limiter_resize(l, 1), 0);
        CHECK_INT(limiter_borrowed(l), 3); /* nobody is robbed */
        CHECK_INT(aeon_limiter_release(l, &one), 0);
        CHECK_INT(aeon_limiter_release(l, &two), 0);
        let_others_wait();
        CHECK_INT(trace_length, 0); /* one of one is still out */
        CHECK_INT(aeon_limiter_release(l, &three), 0);
        let_others_wait();
        CHECK_TRACE(0);

        CHECK_INT(aeon_limiter_resize(l, 3), 0);
        CHECK_INT(limiter_borrowed(l), 3); /* lent at once, before they run */
        CHECK_INT(limiter_waiting(l), 1);
        let_others_wait();
        CHECK_INT(trace_length, 3);
        aeon_scope_cancel(&workers[3].scope, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(workers[3].result, -ECANCELED);
        CHECK_INT(limiter_waiting(l), 0);
        aeon_limiter_free(l);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(limiter_without_tokens_lends_nothing_until_it_grows)
{
        aeon_limiter *l;
        aeon_group *g;
        struct worker w = { .wait = borrow, .release = give_back };
        REQUIRE_INT(aeon_limiter_new(0, &l), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        w.object = l;
        start(g, &w);
        CHECK_INT(w.result, 1);
        CHECK_INT(aeon_limiter_resize(l, 1), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(w.result, 0);
        CHECK_INT(limiter_borrowed(l), 0);
        aeon_limiter_free(l);
        return 0;
}

/* rule 19 */
VIRTUAL_TEST(a_cancelled_waiter_is_removed_and_the_others_get_its_token)
{
        aeon_limiter *l;
        aeon_group *g;
        struct worker workers[2];
        REQUIRE_INT(aeon_limiter_new(1, &l), 0);
        CHECK_INT(aeon_limiter_acquire(l, NULL), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        start_borrowers(g, workers, 2, l);
        aeon_scope_cancel(&workers[0].scope, NULL);
        CHECK_INT(aeon_limiter_release(l, NULL), 0);
        CHECK_INT(aeon_limiter_try_acquire(l, NULL), -EAGAIN); /* no overtaking: it is lent to the second already */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(workers[0].result, -ECANCELED);
        CHECK_TRACE(1);
        aeon_limiter_free(l);
        return 0;
}

static int borrow_for_order(void *arg)
{
        static int order;
        return aeon_limiter_acquire(arg, &order);
}

/* rule 19 */
VIRTUAL_TEST(two_tasks_that_wait_for_one_borrower_do_not_both_get_a_token)
{
        aeon_limiter *l;
        aeon_group *g;
        struct worker workers[3];
        REQUIRE_INT(aeon_limiter_new(1, &l), 0);
        CHECK_INT(aeon_limiter_acquire(l, NULL), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++) {
                workers[i] = (struct worker){ .number = i, .wait = i < 2 ? borrow_for_order : borrow, .object = l };
                start(g, &workers[i]);
        }
        CHECK_INT(aeon_limiter_resize(l, 3), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(workers[0].result, 0);
        CHECK_INT(workers[1].result, -EALREADY);
        CHECK_INT(workers[2].result, 0); /* the token that it did not take went on */
        aeon_limiter_free(l);
        return 0;
}

/* ------------------------------------------------------------------ of which loop */

struct objects {
        aeon_event *event;
        aeon_mutex *mutex;
        aeon_semaphore *semaphore;
        aeon_cond *cond;
        aeon_limiter *limiter;
};

static void objects_new(struct objects *o)
{
        REQUIRE_INT(aeon_event_new(&o->event), 0);
        REQUIRE_INT(aeon_mutex_new(&o->mutex), 0);
        REQUIRE_INT(aeon_semaphore_new(1, 0, &o->semaphore), 0);
        REQUIRE_INT(aeon_cond_new(&o->cond), 0);
        REQUIRE_INT(aeon_limiter_new(1, &o->limiter), 0);
}

static void objects_free(struct objects *o)
{
        aeon_event_free(o->event);
        aeon_mutex_free(o->mutex);
        aeon_semaphore_free(o->semaphore);
        aeon_cond_free(o->cond);
        aeon_limiter_free(o->limiter);
}

static void call_from_outside(struct objects *o, int waiting, int not_waiting)
{
        CHECK_INT(aeon_event_wait(o->event), waiting);
        CHECK_INT(aeon_mutex_lock(o->mutex), waiting);
        CHECK_INT(aeon_semaphore_acquire(o->semaphore), waiting);
        CHECK_INT(aeon_cond_wait(o->cond, o->mutex), waiting);
        CHECK_INT(aeon_limiter_acquire(o->limiter, NULL), waiting);
        CHECK_INT(aeon_mutex_try_lock(o->mutex), waiting);
        CHECK_INT(aeon_limiter_try_acquire(o->limiter, NULL), waiting);
        CHECK_INT(aeon_semaphore_try_acquire(o->semaphore), not_waiting);
        CHECK_INT(aeon_semaphore_release(o->semaphore), not_waiting);
        CHECK_INT(aeon_limiter_try_acquire(o->limiter, o), not_waiting);
        CHECK_INT(aeon_limiter_release(o->limiter, o), not_waiting);
        CHECK_INT(aeon_limiter_resize(o->limiter, 2), not_waiting);
}

static int call_from_another_loop(void *arg)
{
        struct objects *o = arg;
        call_from_outside(o, -EXDEV, -EXDEV);
        CHECK_INT(aeon_mutex_unlock(o->mutex), -EXDEV);
        aeon_event_set(o->event);
        aeon_cond_notify(o->cond);
        return 0;
}

/* rules 18 and 19 */
VIRTUAL_TEST(another_loops_tasks_are_refused)
{
        struct objects o;
        objects_new(&o);
        CHECK_INT(aeon__virtual_run(call_from_another_loop, &o), 0);
        CHECK(!aeon_event_is_set(o.event));
        CHECK_INT(aeon_semaphore_value(o.semaphore), 1);
        CHECK_INT(aeon_mutex_try_lock(o.mutex), 0);
        CHECK_INT(aeon_mutex_unlock(o.mutex), 0);
        objects_free(&o);
        return 0;
}

static int make_objects(void *arg)
{
        objects_new(arg);
        return 0;
}

/* rules 18 and 19 */
PLAIN_TEST(outside_a_task_what_waits_is_refused_and_freeing_is_not)
{
        struct objects o, none;
        CHECK_INT(aeon_event_new(&none.event), -EINVAL);
        CHECK_INT(aeon_mutex_new(&none.mutex), -EINVAL);
        CHECK_INT(aeon_semaphore_new(1, 0, &none.semaphore), -EINVAL);
        CHECK_INT(aeon_cond_new(&none.cond), -EINVAL);
        CHECK_INT(aeon_limiter_new(1, &none.limiter), -EINVAL);
        REQUIRE_INT(aeon__virtual_run(make_objects, &o), 0);
        call_from_outside(&o, -EINVAL, 0);
        CHECK_INT(aeon_semaphore_acquire(o.semaphore), -EINVAL);
        CHECK_STR(aeon_error_text(), "aeon_semaphore_acquire() suspends, so it must be called from a task");
        CHECK_INT(aeon_mutex_unlock(o.mutex), -EPERM);
        objects_free(&o);
}

/* A loop whose outside world does one thing, in a callback. */
struct world {
        struct driver driver;
        aeon_semaphore *semaphore;
        int result;
};

static aeon_time world_now(struct driver *driver)
{
        (void)driver;
        return 1;
}

static int world_poll(struct driver *driver, aeon_time until)
{
        struct world *w = container_of(driver, struct world, driver);
        (void)until;
        w->result = aeon_semaphore_release(w->semaphore);
        return 0;
}

static int await_world(void *arg)
{
        struct world *w = arg;
        REQUIRE_INT(aeon_semaphore_new(0, 0, &w->semaphore), 0);
        int r = aeon_semaphore_acquire(w->semaphore);
        aeon_semaphore_free(w->semaphore);
        return r;
}

/* rule 19 */
VIRTUAL_TEST(a_callback_is_in_no_task_even_of_a_loop_that_runs_inside_another)
{
        struct world w = { .driver = { .now = world_now, .poll = world_poll }, .result = 1 };
        struct runner runner;
        aeon__runner_init(&runner, &w.driver);
        CHECK_INT(aeon__runner_run(&runner, await_world, &w), 0);
        CHECK_INT(w.result, 0);
        aeon__runner_done(&runner);
        return 0;
}
