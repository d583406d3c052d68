/* Memory that runs out under every call of task.h, scope.h, sync.h, channel.h and time.h. */
#include "memory.h"

#include "failing.h"
#include "fiber/stack.h"
#include "task/virtual_clock.h"

#include <aeon/channel.h>
#include <aeon/debug.h>
#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/time.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ tasks and scopes */

static int rest(void *arg)
{
        (void)arg;
        return aeon_checkpoint();
}

static int use_group(void *arg)
{
        (void)arg;
        aeon_group *g = NULL;
        int r = aeon_group_open(&g);
        if (r < 0) {
                CHECK(g == NULL);
                return r;
        }
        int small = aeon_spawn_with(g, "left", rest, NULL, &(aeon_spawn_opts){ .stack_size = 65536 });
        int large = aeon_spawn(g, "right", rest, NULL);
        CHECK_INT(aeon_group_size(g), (small == 0) + (large == 0));
        CHECK_INT(aeon_scope_cancelled(aeon_group_scope(g)), small < 0 || large < 0);
        CHECK_STR(aeon_task_name(aeon_task_current()), "main");
        CHECK_STR(aeon_task_site(aeon_task_current()), "the loop");
        CHECK(aeon_task_id(aeon_task_current()) > 0);
        r = aeon_group_close(g);
        CHECK_INT(r, small < 0 ? small : large);
        return r;
}

static int use_dump(void *arg)
{
        (void)arg;
        char *text = NULL;
        int r = aeon_task_dump(NULL, &text);
        CHECK_INT(text != NULL, r == 0);
        free(text);
        return r;
}

static int use_scopes(void *arg)
{
        (void)arg;
        aeon_scope outer, inner;
        int r = aeon_scope_open(&outer, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1), .name = "outer" });
        CHECK_INT(aeon_scope_deadline(&outer) == AEON_NEVER, r < 0); /* open all the same, without it */
        if (r == 0) {
                CHECK_INT(aeon_scope_init(&inner, NULL), 0);
                CHECK_INT(aeon_scope_enter(&inner), 0);
                CHECK_INT(aeon_scope_set_deadline(&inner, aeon_now() + 1), 0); /* there is room for many by now */
                CHECK_INT(aeon_scope_close(&inner, aeon_sleep_until(AEON_NEVER)), -ETIMEDOUT);
        }
        CHECK_INT(aeon_scope_close(&outer, r), r);
        CHECK(!aeon_scope_caught(&outer));
        return r;
}

static int use_deadline(void *arg)
{
        (void)arg;
        aeon_scope s;
        CHECK_INT(aeon_scope_open(&s, NULL), 0);
        int r = aeon_scope_set_deadline(&s, aeon_now() + AEON_SECONDS(1));
        CHECK_INT(aeon_scope_deadline(&s) == AEON_NEVER, r < 0);
        CHECK_INT(aeon_effective_deadline() == AEON_NEVER, r < 0);
        return aeon_scope_close(&s, r);
}

static int use_sleep(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        return r < 0 ? r : aeon_sleep_until(aeon_now() + AEON_SECONDS(1));
}

/* ------------------------------------------------------------------ what tasks share */

static int wait_for(void *arg)
{
        return aeon_event_wait(arg);
}

static int use_event(void *arg)
{
        (void)arg;
        aeon_event *e = NULL;
        aeon_group *g;
        int r = aeon_event_new(&e);
        if (r < 0)
                return r;
        r = aeon_group_open(&g);
        if (r == 0) {
                (void)aeon_spawn(g, "waiter", wait_for, e);
                (void)aeon_checkpoint();
                aeon_event_set(e);
                CHECK(aeon_event_is_set(e));
                r = aeon_group_close(g);
        }
        aeon_event_free(e);
        return r;
}

static int send_some(aeon_sender *s, int count)
{
        int r = 0;
        for (int i = 0; i < count && r == 0; i++)
                r = i % 2 ? aeon_send(s, &i) : aeon_try_send(s, &i);
        return r;
}

static int receive_all(aeon_receiver *r, int *ret_count)
{
        int value, e = 0;
        while ((e = *ret_count % 2 ? aeon_receive(r, &value) : aeon_try_receive(r, &value)) == 0)
                CHECK_INT(value, (*ret_count)++);
        return e;
}

static int use_channel_of(size_t capacity)
{
        aeon_sender *s = NULL, *s2 = NULL;
        aeon_receiver *r = NULL, *r2 = NULL;
        int e = aeon_channel_open(sizeof(int), capacity, &s, &r), received = 0;
        CHECK_INT(!s && !r, e < 0);
        if (e == 0)
                e = aeon_sender_clone(s, &s2);
        if (e == 0)
                e = aeon_receiver_clone(r, &r2);
        if (e == 0)
                e = send_some(s2, 50);
        size_t sent = r ? aeon_receiver_buffered(r) : 0;
        aeon_sender_close(s);
        aeon_sender_close(s2);
        if (r)
                CHECK_INT(receive_all(r, &received), AEON_EOF);
        CHECK_INT(received, sent); /* what was sent before memory ran out is there */
        aeon_receiver_close(r);
        aeon_receiver_close(r2);
        return e;
}

static int use_channel(void *arg)
{
        (void)arg;
        int r = use_channel_of(AEON_UNBOUNDED);
        return r < 0 ? r : use_channel_of(50);
}

static int use_objects(void *arg)
{
        (void)arg;
        aeon_mutex *m = NULL;
        aeon_cond *c = NULL;
        aeon_semaphore *s = NULL;
        aeon_limiter *l = NULL;
        int r = aeon_mutex_new(&m);
        if (r == 0)
                r = aeon_cond_new(&c);
        if (r == 0)
                r = aeon_semaphore_new(1, 1, &s);
        if (r == 0)
                r = aeon_limiter_new(1, &l);
        CHECK_INT(r == 0, l != NULL);
        aeon_mutex_free(m);
        aeon_cond_free(c);
        aeon_semaphore_free(s);
        aeon_limiter_free(l);
        return r;
}

static int borrow_and_return(void *arg)
{
        int r = aeon_limiter_acquire(arg, NULL);
        return r < 0 ? r : aeon_limiter_release(arg, NULL);
}

/* A token whose borrower cannot be written down is lent to nobody: neither at once nor to who waits. */
static int use_limiter(void *arg)
{
        (void)arg;
        enum { MANY = 40 };
        static char borrowers[MANY];
        aeon_limiter *l;
        aeon_limiter_stats stats;
        aeon_group *g;
        int lent = 0, r = aeon_limiter_new(0, &l);
        if (r < 0)
                return r;
        r = aeon_group_open(&g);
        if (r == 0) {
                (void)aeon_spawn(g, "borrows", borrow_and_return, l);
                (void)aeon_checkpoint();
                CHECK_INT(aeon_limiter_resize(l, MANY), 0);
                r = aeon_group_close(g);
        }
        for (; r == 0 && lent < MANY; lent += r == 0)
                r = lent % 2 ? aeon_limiter_acquire(l, &borrowers[lent]) : aeon_limiter_try_acquire(l, &borrowers[lent]);
        aeon_limiter_get_stats(l, &stats);
        CHECK_INT(stats.borrowed, lent);
        while (lent-- > 0)
                CHECK_INT(aeon_limiter_release(l, &borrowers[lent]), 0);
        aeon_limiter_free(l);
        return r;
}

static int send_x(void *sender)
{
        return aeon_send(sender, "x");
}

static int use_select(void *arg)
{
        (void)arg;
        enum { MANY = 20 }; /* few need no memory */
        aeon_sender *s;
        aeon_receiver *r;
        aeon_group *g;
        char value = 0;
        int e = aeon_channel_open(1, 0, &s, &r);
        if (e < 0)
                return e;
        e = aeon_group_open(&g);
        if (e == 0) {
                (void)aeon_spawn(g, "sender", send_x, s);
                aeon_select_case cases[MANY] = { [MANY - 1] = { .receive = r, .ret_item = &value } };
                aeon_group_fail(g, aeon_select(cases, MANY));
                e = aeon_group_close(g);
                CHECK_INT(value, e < 0 ? 0 : 'x');
        }
        aeon_sender_close(s);
        aeon_receiver_close(r);
        return e;
}

/* ------------------------------------------------------------------ calls that must not need memory */

struct stay {
        aeon_event *event;
        aeon_receiver *receiver;
        int value, result;
};

static int stay_shielded(void *arg)
{
        struct stay *stay = arg;
        aeon_scope s;
        (void)aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true });
        int r = aeon_event_wait(stay->event);
        aeon_scope_set_shield(&s, false);
        CHECK(aeon_cancelled());
        CHECK_STR(aeon_cancel_reason(), "enough");
        return aeon_scope_close(&s, r);
}

static int stay_for_value(void *arg)
{
        struct stay *stay = arg;
        stay->result = aeon_receive(stay->receiver, &stay->value);
        return 0;
}

/* Who stops and cleans up because memory is short must be able to. */
static int use_without_memory(void *arg)
{
        (void)arg;
        aeon_group *g;
        aeon_sender *sender;
        struct stay stay = { .result = 1 };
        int value = 7;
        REQUIRE_INT(aeon_event_new(&stay.event), 0);
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &sender, &stay.receiver), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++) /* whose stacks those of later tasks will be */
                REQUIRE_INT(aeon_spawn(g, "first", rest, NULL), 0);
        REQUIRE_INT(aeon_sleep(1), 0);

        failing_begin(1);
        REQUIRE_INT(aeon_spawn(g, "shielded", stay_shielded, &stay), 0);
        REQUIRE_INT(aeon_spawn(g, "receiver", stay_for_value, &stay), 0);
        CHECK_INT(aeon_sleep(1), 0);
        CHECK_INT(aeon_send(sender, &value), 0);
        aeon_group_cancel(g, "enough");
        aeon_scope_cancel(aeon_group_scope(g), "too late");
        CHECK_STR(aeon_scope_reason(aeon_group_scope(g)), "enough");
        CHECK_INT(aeon_scope_cause(aeon_group_scope(g)), AEON_CAUSE_ASKED);
        CHECK_STR(aeon_scope_cancelled_by(aeon_group_scope(g)), "main");
        aeon_no_suspend_begin();
        aeon_no_suspend_end();
        CHECK_INT(aeon_sleep(1), -ECANCELED);
        aeon_event_set(stay.event);
        aeon_group_fail(g, -EPIPE);
        CHECK_INT(aeon_group_join(g), 0);
        CHECK_INT(aeon_group_close(g), -EPIPE);
        CHECK_INT(stay.result, 0);
        CHECK_INT(stay.value, 7);
        aeon_sender_close(sender);
        aeon_receiver_close(stay.receiver);
        aeon_event_free(stay.event);
        CHECK(!failing_end());
        return 0;
}

PLAIN_TEST(stopping_and_cleaning_up_need_no_memory)
{
        CHECK_INT(aeon__virtual_run(use_without_memory, NULL), 0);
}

struct meeting {
        aeon_mutex *mutex;
        aeon_cond *cond;
        aeon_semaphore *semaphore;
        aeon_sender *sender;
};

static int meet(void *arg)
{
        struct meeting *m = arg;
        CHECK_INT(aeon_mutex_lock(m->mutex), 0);
        aeon_cond_notify(m->cond);
        aeon_cond_notify_all(m->cond);
        CHECK_INT(aeon_mutex_unlock(m->mutex), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_semaphore_release(m->semaphore), 0);
        return aeon_send(m->sender, "x");
}

static int use_meeting(void *arg)
{
        (void)arg;
        struct meeting m;
        aeon_receiver *receiver;
        aeon_group *g;
        aeon_channel_stats stats;
        char value = 0;
        REQUIRE_INT(aeon_mutex_new(&m.mutex), 0);
        REQUIRE_INT(aeon_cond_new(&m.cond), 0);
        REQUIRE_INT(aeon_semaphore_new(0, 0, &m.semaphore), 0);
        REQUIRE_INT(aeon_channel_open(1, 0, &m.sender, &receiver), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "meet", meet, &m), 0);

        failing_begin(1);
        CHECK_INT(aeon_semaphore_try_acquire(m.semaphore), -EAGAIN);
        CHECK_INT(aeon_mutex_try_lock(m.mutex), 0);
        CHECK_INT(aeon_cond_wait(m.cond, m.mutex), 0);
        CHECK_INT(aeon_mutex_unlock(m.mutex), 0);
        CHECK_INT(aeon_semaphore_acquire(m.semaphore), 0);
        CHECK_INT(aeon_semaphore_value(m.semaphore), 0);
        aeon_select_case cases[] = { { 0 }, { .receive = receiver, .ret_item = &value } };
        if (aeon_try_select(cases, 2) == -EAGAIN)
                CHECK_INT(aeon_select(cases, 2), 1);
        CHECK_INT(value, 'x');
        CHECK_INT(aeon_sender_get_stats(m.sender, &stats), 0);
        CHECK_INT(aeon_receiver_get_stats(receiver, &stats), 0);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_sender_close(m.sender);
        aeon_receiver_close(receiver);
        aeon_mutex_free(m.mutex);
        aeon_cond_free(m.cond);
        aeon_semaphore_free(m.semaphore);
        CHECK(!failing_end());
        return 0;
}

PLAIN_TEST(waiting_for_each_other_needs_no_memory)
{
        CHECK_INT(aeon__virtual_run(use_meeting, NULL), 0);
}

static int fail_bare(void *arg)
{
        (void)arg;
        return -EIO;
}

/* The first failure is kept whatever happens; a later one at least in the log. */
static int use_failures_without_memory(void *arg)
{
        (void)arg;
        aeon_group *g;
        aeon_group_error errors[3];
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++)
                REQUIRE_INT(aeon_spawn(g, "failing", fail_bare, NULL), 0);
        failing_begin(1);
        CHECK_INT(aeon_group_join(g), 0);
        bool failed = failing_end();
        CHECK(failed || test_is_slow());
        CHECK_INT(aeon_group_errors(g, errors, 3), failed ? 1 : 3);
        CHECK_STR(errors[0].task, "failing");
        CHECK_INT(errors[0].code, -EIO);
        CHECK_INT(aeon_group_close(g), -EIO);
        return 0;
}

PLAIN_TEST(the_first_failure_of_a_group_needs_no_memory)
{
        CHECK_INT(aeon__virtual_run(use_failures_without_memory, NULL), 0);
}

static int get_ready(void *arg)
{
        return aeon_started(arg);
}

static int use_start(void *arg)
{
        (void)arg;
        aeon_group *g;
        static char gift[] = "gift";
        void *value = NULL;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        int started = aeon_start_with(g, "ready", get_ready, gift, &value, &(aeon_spawn_opts){ .stack_size = 65536 });
        CHECK(started < 0 ? !value : value == gift);
        CHECK_INT(aeon_group_close(g), 0); /* a failed start is the caller's */
        return started;
}

static const struct memory_use uses[] = {
        { "aeon_group_open_at", use_group, "no memory for a group" },
        { "aeon_start_at aeon_started", use_start, "task \"ready\" (" },
        { "aeon_spawn_at aeon_group_close_at aeon_group_size aeon_group_scope aeon_task_current aeon_task_name aeon_task_site "
          "aeon_task_id aeon_checkpoint",
          use_group, "task \"left\" (" },
        { "aeon_scope_open_at aeon_scope_init aeon_scope_enter_at aeon_scope_close_at aeon_scope_cancelled aeon_scope_caught",
          use_scopes, "no memory for the deadline of scope \"outer\"" },
        { "aeon_scope_set_deadline aeon_scope_deadline aeon_effective_deadline", use_deadline,
          "no memory for the deadline of scope" },
        { "aeon_task_dump aeon_task_dump_to", use_dump, "no memory for a dump of 1 tasks" },
        { "aeon_sleep aeon_sleep_until aeon_now", use_sleep, "no memory for a sleep" },
        { "aeon_event_new aeon_event_free aeon_event_set aeon_event_is_set aeon_event_wait", use_event,
          "no memory for a new event" },
        { "aeon_mutex_new aeon_mutex_free", use_objects, "no memory for a new mutex" },
        { "aeon_cond_new aeon_cond_free", use_objects, "no memory for a new condition" },
        { "aeon_semaphore_new aeon_semaphore_free", use_objects, "no memory for a new semaphore" },
        { "aeon_limiter_new aeon_limiter_free", use_objects, "no memory for a new limiter" },
        { "aeon_limiter_acquire aeon_limiter_try_acquire aeon_limiter_release aeon_limiter_resize aeon_limiter_get_stats",
          use_limiter, "no memory for one more borrower of a limiter" },
        { "aeon_select", use_select, "no memory for a select of 20 cases" },
        { "aeon_channel_open aeon_sender_close aeon_receiver_close", use_channel, "no memory for a channel" },
        { "aeon_sender_clone aeon_receiver_clone", use_channel, "no memory for one more handle of a channel" },
        { "aeon_send aeon_try_send aeon_receive aeon_try_receive aeon_receiver_buffered", use_channel,
          "no memory for more than 16 items of a channel" },
        { "aeon_group_cancel aeon_group_fail aeon_group_join_at aeon_scope_cancel aeon_scope_set_shield aeon_cancelled "
          "aeon_cancel_reason aeon_scope_reason aeon_scope_cause aeon_scope_cancelled_by aeon_no_suspend_begin_at "
          "aeon_no_suspend_end_at",
          use_without_memory, NULL },
        { "aeon_mutex_lock_at aeon_mutex_try_lock_at aeon_mutex_unlock aeon_cond_wait_at aeon_cond_notify aeon_cond_notify_all "
          "aeon_semaphore_acquire aeon_semaphore_try_acquire aeon_semaphore_release aeon_semaphore_value aeon_try_select "
          "aeon_sender_get_stats aeon_receiver_get_stats",
          use_meeting, NULL },
        { "aeon_group_errors", use_failures_without_memory, NULL },
        { 0 },
};

PLAIN_TEST(every_call_survives_every_failed_allocation)
{
        memory_run_out(aeon__virtual_run, uses);
}

PLAIN_TEST(a_stack_whose_guard_cannot_be_made_goes_without)
{
        aeon__stack_guard_force(GUARD_MPROTECT);
        memory_run_out(aeon__virtual_run, (const struct memory_use[]){ { "aeon_spawn_at", use_group, "task \"left\" (" }, { 0 } });
}

PLAIN_TEST(every_call_is_tried_without_memory)
{
        memory_check_listed((const char *const[]){ "task", "scope", "sync", "channel", "time", NULL }, uses);
}
