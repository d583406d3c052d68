/* aeon_select: rule 20 of the concurrency page. */
#include "virtual.h"

/* ------------------------------------------------------------------ helpers */

enum { CHANNELS = 3 };

struct table {
        aeon_sender *send[CHANNELS];
        aeon_receiver *receive[CHANNELS];
        aeon_event *event;
        aeon_group *group;
        int value;  /* that the selecting task receives, or sends */
        int chosen; /* what its select returned; -1: it still waits */
        int result; /* of that case */
};

static void table_open(struct table *t, size_t capacity)
{
        *t = (struct table){ .chosen = -1, .result = 1 };
        for (int i = 0; i < CHANNELS; i++)
                REQUIRE_INT(aeon_channel_open(sizeof(int), capacity, &t->send[i], &t->receive[i]), 0);
        REQUIRE_INT(aeon_event_new(&t->event), 0);
        REQUIRE_INT(aeon_group_open(&t->group), 0);
}

/* Join the tasks; afterwards nobody may be left in any list. */
static void table_close(struct table *t)
{
        CHECK_INT(aeon_group_close(t->group), 0);
        for (int i = 0; i < CHANNELS; i++) {
                aeon_channel_stats stats = { 0 };
                if (t->send[i])
                        CHECK_INT(aeon_sender_get_stats(t->send[i], &stats), 0);
                CHECK_INT(stats.waiting_senders + stats.waiting_receivers, 0);
                aeon_sender_close(t->send[i]);
                aeon_receiver_close(t->receive[i]);
        }
        aeon_event_free(t->event);
}

/* Cases: receive from 0, send to 1, receive from 2, the event. */
static int select_all(void *arg)
{
        struct table *t = arg;
        aeon_select_case cases[] = {
                { .receive = t->receive[0], .ret_item = &t->value },
                { .send = t->send[1], .item = &t->value },
                { .receive = t->receive[2], .ret_item = &t->value },
                { .event = t->event },
        };
        t->chosen = aeon_select(cases, 4);
        if (t->chosen >= 0)
                t->result = cases[t->chosen].result;
        return 0;
}

static void start_select(struct table *t)
{
        aeon_spawn(t->group, "selects", select_all, t);
        let_others_wait();
}

/* ------------------------------------------------------------------ at once */

/* rule 20 */
VIRTUAL_TEST(a_case_that_is_ready_happens_at_once_and_the_others_do_not)
{
        struct table t;
        table_open(&t, 1);
        for (int i = 0; i < CHANNELS; i++)
                CHECK_INT(aeon_try_send(t.send[i], &i), 0); /* so 1 is full */
        int got = 9;
        CHECK_INT(aeon_try_receive(t.receive[0], &got), 0);
        select_all(&t);
        CHECK_INT(t.chosen, 2);
        CHECK_INT(t.result, 0);
        CHECK_INT(t.value, 2);
        CHECK_INT(aeon_receiver_buffered(t.receive[0]), 0);
        CHECK_INT(aeon_receiver_buffered(t.receive[1]), 1);
        table_close(&t);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(of_several_that_are_ready_each_is_as_likely)
{
        enum { ROUNDS = 3000 };
        struct table t;
        int counts[4] = { 0 };
        table_open(&t, 1);
        aeon_event_set(t.event);
        for (int i = 0; i < ROUNDS; i++) {
                aeon_try_send(t.send[0], &i); /* 0, 1 and 3 are ready, 2 never is */
                select_all(&t);
                CHECK_INT(t.result, 0);
                counts[t.chosen]++;
                if (t.chosen == 1)
                        CHECK_INT(aeon_try_receive(t.receive[1], &t.value), 0);
        }
        CHECK_INT(counts[2], 0);
        for (int i = 0; i < 4; i++)
                CHECK(i == 2 || (counts[i] > ROUNDS / 3 - 150 && counts[i] < ROUNDS / 3 + 150));
        CHECK_INT(aeon_try_receive(t.receive[0], &t.value), 0);
        table_close(&t);
        return 0;
}

static int set_value(void *arg)
{
        *(int *)arg = 5;
        return 0;
}

/* rules 13, 14 and 20 */
VIRTUAL_TEST(a_select_that_need_not_wait_is_a_checkpoint)
{
        struct table t;
        aeon_scope s;
        int ran = 0;
        table_open(&t, 1);
        aeon_spawn(t.group, "other", set_value, &ran);
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        select_all(&t); /* it could send */
        CHECK_INT(t.chosen, -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_INT(aeon_receiver_buffered(t.receive[1]), 0);
        CHECK_INT(ran, 0);
        aeon_event_set(t.event);
        select_all(&t); /* it may find us ahead of the other task */
        select_all(&t);
        CHECK_INT(ran, 5);
        table_close(&t);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(try_select_never_waits)
{
        struct table t;
        int got = 0;
        table_open(&t, 0);
        aeon_select_case cases[] = { { .receive = t.receive[0], .ret_item = &got }, { .event = t.event } };
        CHECK_INT(aeon_try_select(cases, 2), -EAGAIN);
        aeon_event_set(t.event);
        CHECK_INT(aeon_try_select(cases, 2), 1);
        CHECK_INT(cases[1].result, 0);
        table_close(&t);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(unset_cases_never_happen_and_senseless_selects_are_refused)
{
        struct table t;
        int got = 0;
        table_open(&t, 1);
        CHECK_INT(aeon_try_send(t.send[0], &(int){ 3 }), 0);
        aeon_select_case cases[] = { { 0 }, { .receive = t.receive[0], .ret_item = &got }, { 0 } };
        CHECK_INT(aeon_select(cases, 3), 1);
        CHECK_INT(got, 3);
        CHECK_INT(aeon_select(cases, 1), -EINVAL);
        CHECK_INT(aeon_select(NULL, 0), -EINVAL);
        cases[1].event = t.event;
        CHECK_INT(aeon_select(cases, 3), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "case 1 of a select");
        table_close(&t);
        return 0;
}

/* ------------------------------------------------------------------ waiting */

/* rule 20 */
VIRTUAL_TEST(a_waiting_select_takes_what_comes_first_and_withdraws_from_the_rest)
{
        struct table t;
        int value = 7;
        table_open(&t, 0);
        start_select(&t);
        CHECK_INT(t.chosen, -1);
        CHECK_INT(aeon_try_send(t.send[2], &value), 0);
        CHECK_INT(aeon_try_send(t.send[0], &value), -EAGAIN); /* in the same turn: exactly one happens */
        CHECK_INT(aeon_try_receive(t.receive[1], &value), -EAGAIN);
        aeon_event_set(t.event);
        let_others_wait();
        CHECK_INT(t.chosen, 2);
        CHECK_INT(t.result, 0);
        CHECK_INT(t.value, 7);
        table_close(&t);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(a_waiting_select_sends)
{
        struct table t;
        int got = 0;
        table_open(&t, 0);
        t.value = 8;
        start_select(&t);
        CHECK_INT(aeon_receive(t.receive[1], &got), 0);
        CHECK_INT(got, 8);
        let_others_wait();
        CHECK_INT(t.chosen, 1);
        CHECK_INT(t.result, 0);
        table_close(&t);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(a_waiting_select_hears_an_event)
{
        struct table t;
        table_open(&t, 0);
        start_select(&t);
        aeon_event_set(t.event);
        let_others_wait();
        CHECK_INT(t.chosen, 3);
        CHECK_INT(t.result, 0);
        table_close(&t);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(a_select_that_fills_a_full_channel_waits_for_room_and_keeps_its_place)
{
        struct table t;
        int got = 0;
        table_open(&t, 1);
        CHECK_INT(aeon_try_send(t.send[1], &(int){ 1 }), 0);
        t.value = 2;
        start_select(&t);
        CHECK_INT(aeon_try_receive(t.receive[1], &got), 0);
        CHECK_INT(got, 1);
        CHECK_INT(aeon_try_send(t.send[1], &(int){ 3 }), -EAGAIN); /* the place is the waiter's */
        CHECK_INT(aeon_try_receive(t.receive[1], &got), 0);
        CHECK_INT(got, 2);
        let_others_wait();
        CHECK_INT(t.chosen, 1);
        table_close(&t);
        return 0;
}

/* rules 14 and 20 */
VIRTUAL_TEST(a_cancelled_select_has_done_nothing)
{
        struct table t;
        int got = 0;
        table_open(&t, 0);
        start_select(&t);
        aeon_group_cancel(t.group, NULL);
        CHECK_INT(aeon_try_receive(t.receive[1], &got), -EAGAIN); /* in the same turn: it has not run yet */
        CHECK_INT(aeon_try_send(t.send[0], &got), -EAGAIN);
        table_close(&t);
        CHECK_INT(t.chosen, -ECANCELED);
        CHECK_INT(t.value, 0);
        return 0;
}

/* rules 14 and 20 */
VIRTUAL_TEST(served_and_then_cancelled_has_happened)
{
        struct table t;
        table_open(&t, 0);
        start_select(&t);
        CHECK_INT(aeon_try_send(t.send[0], &(int){ 4 }), 0);
        aeon_group_cancel(t.group, NULL);
        table_close(&t);
        CHECK_INT(t.chosen, 0);
        CHECK_INT(t.value, 4);
        return 0;
}

/* ------------------------------------------------------------------ closed ends */

/* rule 20 */
VIRTUAL_TEST(a_closed_end_is_something_that_happens)
{
        for (int late = 0; late < 2; late++) { /* before the select, and while it waits */
                struct table ended, broken, closed;
                table_open(&ended, 0);
                table_open(&broken, 0);
                table_open(&closed, 0);
                if (late) {
                        start_select(&ended);
                        start_select(&broken);
                        start_select(&closed);
                }
                aeon_sender_close(ended.send[2]);
                aeon_receiver_close(broken.receive[1]);
                aeon_receiver_close(closed.receive[0]);
                if (!late) {
                        start_select(&ended);
                        start_select(&broken);
                        start_select(&closed);
                }
                let_others_wait();
                CHECK_INT(ended.chosen, 2);
                CHECK_INT(ended.result, AEON_EOF);
                CHECK_INT(broken.chosen, 1);
                CHECK_INT(broken.result, -EPIPE);
                CHECK_INT(closed.chosen, 0);
                CHECK_INT(closed.result, -EBADF);
                ended.send[2] = NULL;
                broken.receive[1] = closed.receive[0] = NULL;
                table_close(&closed);
                table_close(&broken);
                table_close(&ended);
        }
        return 0;
}

/* ------------------------------------------------------------------ the same thing several times */

struct both_ways {
        aeon_sender *send;
        aeon_receiver *receive;
        int sent, got, chosen;
};

static int send_or_receive(void *arg)
{
        struct both_ways *b = arg;
        aeon_select_case cases[] = {
                { .send = b->send, .item = &b->sent },
                { .receive = b->receive, .ret_item = &b->got },
                { .receive = b->receive, .ret_item = &b->got },
        };
        b->chosen = aeon_select(cases, 3);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(a_select_does_not_meet_itself_but_another_one)
{
        struct both_ways a = { .sent = 1, .chosen = -1 }, b = { .sent = 2, .chosen = -1 };
        aeon_group *g;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &a.send, &a.receive), 0);
        b.send = a.send;
        b.receive = a.receive;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "a", send_or_receive, &a);
        let_others_wait();
        CHECK_INT(a.chosen, -1);
        aeon_spawn(g, "b", send_or_receive, &b);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK((a.chosen == 0) != (b.chosen == 0)); /* one has sent, the other received */
        CHECK_INT(a.chosen == 0 ? b.got : a.got, a.chosen == 0 ? 1 : 2);
        CHECK_INT(a.chosen == 0 ? a.got : b.got, 0);
        aeon_sender_close(a.send);
        aeon_receiver_close(a.receive);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(closing_a_handle_that_a_select_waits_on_twice_wakes_it_once)
{
        struct both_ways b = { .chosen = -1 };
        aeon_group *g;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &b.send, &b.receive), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "b", send_or_receive, &b);
        let_others_wait();
        aeon_receiver_close(b.receive);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(b.chosen, 1);
        aeon_sender_close(b.send);
        return 0;
}

static int collect(void *arg)
{
        struct table *t = arg;
        enum { MANY = 3 * CHANNELS };
        aeon_select_case cases[MANY + 1] = { { 0 } };
        for (int i = 0; i < MANY; i++)
                cases[i + 1] = (aeon_select_case){ .receive = t->receive[i % CHANNELS], .ret_item = &t->value };
        for (t->chosen = 0; t->chosen < 30; t->chosen++) {
                int at = aeon_select(cases, MANY + 1);
                CHECK(at > 0);
                CHECK_INT((at - 1) % CHANNELS, t->value % CHANNELS);
                CHECK_INT(t->value, t->chosen);
        }
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(many_cases_work_like_few)
{
        struct table t;
        table_open(&t, 0);
        aeon_spawn(t.group, "collects", collect, &t);
        for (int i = 0; i < 30; i++)
                CHECK_INT(aeon_send(t.send[i % CHANNELS], &i), 0);
        let_others_wait();
        CHECK_INT(t.chosen, 30);
        table_close(&t);
        return 0;
}

/* ------------------------------------------------------------------ of which loop */

/* rule 20 */
VIRTUAL_TEST(a_select_on_another_loops_things_is_refused)
{
        struct table t;
        table_open(&t, 1);
        CHECK_INT(aeon__virtual_run(select_all, &t), 0);
        CHECK_INT(t.chosen, -EXDEV);
        CHECK_INT(aeon_receiver_buffered(t.receive[1]), 0);
        table_close(&t);
        return 0;
}

/* rule 20 */
PLAIN_TEST(outside_a_task_select_is_refused)
{
        aeon_select_case none = { 0 };
        CHECK_INT(aeon_select(&none, 1), -EINVAL);
        CHECK_INT(aeon_try_select(&none, 1), -EINVAL);
}
