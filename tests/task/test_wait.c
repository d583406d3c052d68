/* Waiting: rules 13 to 15 of the concurrency page, for the calls of this room and for waits made by hand. */
#include "virtual.h"

/* ------------------------------------------------------------------ rules 13 and 14: each suspending call */

/* What the calls below work on: everything is ready, so that none of them has to wait. */
struct world {
        aeon_event *set;
        aeon_sender *sender;
        aeon_receiver *receiver;
        aeon_group *group;
        int turns; /* of the other task */
        bool did;  /* the call under test did something that a cancelled one must not do */
};

static int call_checkpoint(struct world *w)
{
        (void)w;
        return aeon_checkpoint();
}

static int call_sleep_zero(struct world *w)
{
        (void)w;
        return aeon_sleep(0);
}

static int call_sleep(struct world *w)
{
        aeon_time begin = aeon_now();
        int r = aeon_sleep(AEON_SECONDS(1));
        w->did = aeon_now() != begin;
        return r;
}

static int call_sleep_until_past(struct world *w)
{
        (void)w;
        return aeon_sleep_until(aeon_now() - 1);
}

static int call_event_wait(struct world *w)
{
        return aeon_event_wait(w->set);
}

static int call_send(struct world *w)
{
        int value = 2;
        size_t before = aeon_receiver_buffered(w->receiver);
        int r = aeon_send(w->sender, &value);
        w->did = aeon_receiver_buffered(w->receiver) != before;
        return r;
}

static int call_receive(struct world *w)
{
        int value = 0;
        int r = aeon_receive(w->receiver, &value);
        w->did = value != 0;
        return r;
}

static int say_started(void *arg)
{
        struct world *w = arg;
        w->did = true;
        return aeon_started(NULL);
}

static int call_start(struct world *w)
{
        return aeon_start(w->group, "started", say_started, w, NULL);
}

static int call_join(struct world *w)
{
        (void)w;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_scope_set_shield(aeon_group_scope(g), true); /* so that it is not the cancel that is reported */
        CHECK_INT(aeon_group_join(g), 0);
        return aeon_group_close(g);
}

static int call_close(struct world *w)
{
        (void)w;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        return aeon_group_close(g);
}

static const struct {
        const char *name;
        int (*call)(struct world *w);
        int when_cancelled;
} calls[] = {
        { "aeon_checkpoint", call_checkpoint, -ECANCELED },
        { "aeon_sleep(0)", call_sleep_zero, -ECANCELED },
        { "aeon_sleep", call_sleep, -ECANCELED },
        { "aeon_sleep_until", call_sleep_until_past, -ECANCELED },
        { "aeon_event_wait", call_event_wait, -ECANCELED },
        { "aeon_send", call_send, -ECANCELED },
        { "aeon_receive", call_receive, -ECANCELED },
        { "aeon_start", call_start, -ECANCELED },
        { "aeon_group_join", call_join, 0 },
        { "aeon_group_close", call_close, -ECANCELED },
};

static int count_turn(void *arg)
{
        struct world *w = arg;
        w->turns++;
        return 0;
}

static void world_open(struct world *w)
{
        int value = 1;
        *w = (struct world){ 0 };
        REQUIRE_INT(aeon_event_new(&w->set), 0);
        aeon_event_set(w->set);
        REQUIRE_INT(aeon_channel_open(sizeof value, 2, &w->sender, &w->receiver), 0);
        REQUIRE_INT(aeon_try_send(w->sender, &value), 0);
        REQUIRE_INT(aeon_group_open(&w->group), 0);
}

static void world_close(struct world *w)
{
        aeon_group_cancel(w->group, NULL);
        CHECK_INT(aeon_group_close(w->group), 0);
        aeon_sender_close(w->sender);
        aeon_receiver_close(w->receiver);
        aeon_event_free(w->set);
}

/* rule 13 */
VIRTUAL_TEST(every_suspending_call_that_succeeds_lets_others_run)
{
        aeon__runner_now()->sched.shuffle = 0; /* who yields stands behind the others */
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
                struct world w;
                world_open(&w);
                aeon_spawn(w.group, "other", count_turn, &w);
                CHECK_INT(w.turns, 0);
                test_check_int(calls[i].call(&w), 0, __FILE__, __LINE__, calls[i].name);
                test_check_int(w.turns, 1, __FILE__, __LINE__, calls[i].name);
                world_close(&w);
        }
        return 0;
}

/* rules 7 and 14 */
VIRTUAL_TEST(a_cancelled_call_has_done_nothing)
{
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
                struct world w;
                aeon_scope s;
                world_open(&w);
                aeon_scope_open(&s, NULL);
                aeon_scope_cancel(&s, NULL);
                test_check_int(calls[i].call(&w), calls[i].when_cancelled, __FILE__, __LINE__, calls[i].name);
                test_check(!w.did, __FILE__, __LINE__, calls[i].name);
                CHECK_INT(aeon_receiver_buffered(w.receiver), 1);
                CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
                world_close(&w);
        }
        return 0;
}

static int sleep_and_note(void *arg)
{
        bool *ended = arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        *ended = true;
        return r;
}

/* rule 14 */
VIRTUAL_TEST(closing_a_group_when_cancelled_releases_it_and_reports_the_cancel)
{
        aeon_scope s;
        aeon_group *g;
        bool ended = false;
        aeon_scope_open(&s, NULL);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sleeper", sleep_and_note, &ended);
        aeon_scope_cancel(&s, NULL);
        int r = aeon_group_close(g);
        CHECK_INT(r, -ECANCELED);
        CHECK(ended);
        CHECK(!aeon__task_now()->groups);
        CHECK_INT(aeon_scope_close(&s, r), 0);
        return 0;
}

/* ------------------------------------------------------------------ rule 15: abort functions */

struct operation {
        struct wait wait;
        struct aeon_task *task;
        bool abortable;
        int aborts;
        int result, after;
};

static bool abort_operation(struct wait *wait, struct aeon_task *task)
{
        struct operation *o = container_of(wait, struct operation, wait);
        CHECK(task == o->task);
        o->aborts++;
        return o->abortable;
}

static int run_operation(void *arg)
{
        struct operation *o = arg;
        int r = aeon__wait_enter(&o->task);
        if (r < 0)
                return r;
        o->result = aeon__wait(&o->wait);
        o->after = aeon_checkpoint();
        return o->after;
}

/* Cancel @o while it waits, and complete it with 7 unless the cancel did. */
static void cancel_operation(struct operation *o)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "operation", run_operation, o);
        let_others_wait();
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_sleep(AEON_SECONDS(1)), 0);
        if (!o->abortable) {
                CHECK(o->task->waiting);
                aeon__wake(o->task, 7);
        }
        CHECK_INT(aeon_scope_close(&shield, 0), 0);
        CHECK_INT(aeon_group_close(g), 0);
}

/* rule 15 */
VIRTUAL_TEST(an_operation_that_cannot_be_aborted_finishes_and_the_cancel_comes_at_the_next_checkpoint)
{
        struct operation o = { .wait = { .what = "operation" } };
        cancel_operation(&o);
        CHECK_INT(o.result, 7);
        CHECK_INT(o.after, -ECANCELED);
        return 0;
}

/* rule 15 */
VIRTUAL_TEST(an_abort_may_complete_later)
{
        struct operation o = { .wait = { .what = "operation", .abort = abort_operation } };
        cancel_operation(&o);
        CHECK_INT(o.aborts, 1);
        CHECK_INT(o.result, 7);
        CHECK_INT(o.after, -ECANCELED);
        return 0;
}

/* rule 15 */
VIRTUAL_TEST(an_abort_that_undoes_the_wait_wakes_it_with_ecanceled)
{
        struct operation o = { .wait = { .what = "operation", .abort = abort_operation }, .abortable = true };
        cancel_operation(&o);
        CHECK_INT(o.aborts, 1);
        CHECK_INT(o.result, -ECANCELED);
        return 0;
}

/* The cancel comes, is lifted by a shield, and comes again. */
static int cancel_twice(void *arg)
{
        aeon_scope *scopes = arg;
        aeon_scope_cancel(&scopes[0], NULL);
        aeon_scope_set_shield(&scopes[1], true);
        aeon_scope_set_shield(&scopes[1], false);
        return 0;
}

static int wake_later(void *arg)
{
        struct operation *o = arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        aeon__wake(o->task, 7);
        return r;
}

/* rule 15 */
VIRTUAL_TEST(a_wait_is_aborted_once_however_often_it_is_cancelled)
{
        struct operation o = { .wait = { .what = "operation", .abort = abort_operation } };
        aeon_scope scopes[2];
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "canceller", cancel_twice, scopes);
        aeon_spawn(g, "waker", wake_later, &o);
        aeon_scope_open(&scopes[0], NULL);
        aeon_scope_open(&scopes[1], NULL);
        CHECK_INT(run_operation(&o), -ECANCELED);
        CHECK_INT(o.aborts, 1);
        CHECK_INT(o.result, 7);
        aeon_scope_close(&scopes[1], -ECANCELED);
        CHECK_INT(aeon_scope_close(&scopes[0], -ECANCELED), 0);
        CHECK_INT(aeon_group_close(g), 0);
        return 0;
}
