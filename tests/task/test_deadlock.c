/* Deadlocks on the virtual clock: concurrency rule 27. What keeps a real loop from being taken for dead is in tests/loop. */
#include "virtual.h"

#include <stdio.h>
#include <string.h>

struct pair {
        aeon_event *mine, *yours;
        bool cleaned_up;
};

static int wait_for_the_other(void *arg)
{
        struct pair *p = arg;
        int r = aeon_event_wait(p->yours);
        CHECK_INT(r, -ECANCELED);
        CHECK_STR(aeon_cancel_reason(), "deadlock");
        aeon_event_set(p->mine);
        p->cleaned_up = true;
        return r;
}

static struct pair pairs[2];

/* Each waits for what the other does after its wait. */
static int two_in_a_circle(void *arg)
{
        (void)arg;
        aeon_event *a, *b;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&a), 0);
        REQUIRE_INT(aeon_event_new(&b), 0);
        pairs[0] = (struct pair){ a, b, false };
        pairs[1] = (struct pair){ b, a, false };
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "left", wait_for_the_other, &pairs[0]);
        aeon_spawn(g, "right", wait_for_the_other, &pairs[1]);
        int r = aeon_group_close(g);
        aeon_event_free(a);
        aeon_event_free(b);
        return r;
}

PLAIN_TEST(tasks_that_wait_for_each_other_are_cancelled_and_the_run_fails)
{
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(two_in_a_circle, NULL), -EDEADLK);
        CHECK(pairs[0].cleaned_up && pairs[1].cleaned_up);
        test_stderr_end();
}

PLAIN_TEST(the_words_of_a_deadlock_name_the_tasks_and_what_they_wait_for)
{
        test_stderr_begin();
        REQUIRE_INT(aeon__virtual_run(two_in_a_circle, NULL), -EDEADLK);
        test_stderr_end();
        const char *words = aeon_error_text();
        char wait[64];
        CHECK_CONTAINS(words, "deadlock: task \"left\" (");
        CHECK_CONTAINS(words, "test_deadlock.c:");
        snprintf(wait, sizeof wait, ") waits for event %p; task \"right\" (", (void *)pairs[0].yours);
        CHECK_CONTAINS(words, wait);
        CHECK(strstr(words, "main") == NULL); /* it only joins */
}

PLAIN_TEST(the_log_of_a_deadlock_tells_every_task)
{
        test_stderr_begin();
        REQUIRE_INT(aeon__virtual_run(two_in_a_circle, NULL), -EDEADLK);
        const char *log = test_stderr();
        CHECK_CONTAINS(log, "deadlock: every task of the loop waits");
        CHECK_CONTAINS(log, "3 tasks: 0 running, 0 ready, 3 waiting");
        CHECK_CONTAINS(log, "its group, 2 tasks left");
        CHECK_CONTAINS(log, "  left #");
        CHECK_CONTAINS(log, "  right #");
        test_stderr_end();
}

static int wait_for_nothing(void *arg)
{
        (void)arg;
        aeon_event *e;
        REQUIRE_INT(aeon_event_new(&e), 0);
        int r = aeon_event_wait(e);
        aeon_event_free(e);
        return r;
}

PLAIN_TEST(the_first_task_alone_can_be_in_a_deadlock)
{
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(wait_for_nothing, NULL), -EDEADLK);
        test_stderr_end();
        CHECK_CONTAINS(aeon_error_text(), "task \"main\" (the loop) waits for event ");
}

static int receive_from_nobody(void *arg)
{
        (void)arg;
        aeon_sender *s;
        aeon_receiver *r;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &s, &r), 0);
        int item, result = aeon_receive(r, &item);
        aeon_sender_close(s);
        aeon_receiver_close(r);
        return result;
}

PLAIN_TEST(a_receiver_whose_sender_never_sends_is_in_a_deadlock)
{
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(receive_from_nobody, NULL), -EDEADLK);
        test_stderr_end();
        CHECK_CONTAINS(aeon_error_text(), "waits for receive ");
}

static int sleep_while_cleaning_up(void *arg)
{
        int r = wait_for_nothing(NULL);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true });
        *(bool *)arg = aeon_sleep(AEON_SECONDS(3)) == 0;
        return aeon_scope_close(&s, r);
}

PLAIN_TEST(clean_up_after_a_deadlock_may_take_its_time)
{
        bool slept = false;
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(sleep_while_cleaning_up, &slept), -EDEADLK);
        test_stderr_end();
        CHECK(slept);
}

static int swallow_the_cancel(void *arg)
{
        wait_for_nothing(arg);
        return aeon_fail(-EIO, "something else");
}

PLAIN_TEST(whatever_the_tasks_make_of_it_the_run_fails_with_edeadlk)
{
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(swallow_the_cancel, NULL), -EDEADLK);
        test_stderr_end();
        CHECK_CONTAINS(aeon_error_text(), "deadlock: task \"main\"");
}

static int wait_behind_a_shield(void *arg)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true });
        return aeon_scope_close(&s, aeon_event_wait(arg));
}

static aeon_event *lost;

static int stuck_for_good(void *arg)
{
        (void)arg;
        static aeon_group *g; /* where a leak checker looks */
        REQUIRE_INT(aeon_event_new(&lost), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "shielded", wait_behind_a_shield, lost);
        return aeon_group_close(g);
}

PLAIN_TEST(tasks_that_a_cancel_does_not_reach_are_given_up)
{
        test_stderr_begin();
        CHECK_INT(aeon__virtual_run(stuck_for_good, NULL), -EDEADLK);
        CHECK_CONTAINS(test_stderr(), "still stuck after that");
        CHECK_CONTAINS(test_stderr(), "1 shield");
        test_stderr_end();
        CHECK_CONTAINS(aeon_error_text(), "deadlock: task \"shielded\" (");
        aeon_event_free(lost);
}

static int check_in_ten_seconds(void *arg)
{
        (void)arg;
        return aeon_sleep(AEON_SECONDS(10));
}

VIRTUAL_TEST(a_deadline_is_no_deadlock)
{
        aeon_event *e;
        aeon_scope s;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&e), 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_HOURS(1) });
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "check", check_in_ten_seconds, NULL);
        int r = aeon_event_wait(e);
        aeon_group_fail(g, r);
        CHECK_INT(aeon_scope_close(&s, aeon_group_close(g)), -ETIMEDOUT);
        aeon_event_free(e);
        return 0;
}

static int note_the_time(void *arg)
{
        aeon_time *at = arg;
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        *at = aeon_now();
        return 0;
}

VIRTUAL_TEST(idle_comes_before_the_clock_jumps)
{
        aeon_group *g;
        aeon_time begin = aeon_now(), woke = 0;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", note_the_time, &woke);
        CHECK_INT(aeon__virtual_idle(), 0);
        CHECK_INT(aeon_now(), begin);
        CHECK_INT(woke, 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(woke, begin + AEON_SECONDS(1));
        return 0;
}
