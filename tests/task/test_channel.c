/* Channels: rule 20 of the concurrency page. */
#include "virtual.h"

#include <string.h>

struct ends {
        aeon_sender *sender;
        aeon_receiver *receiver;
        int result, count;
        long sum;
};

static int send_hundred(void *arg)
{
        struct ends *ends = arg;
        int r = 0;
        for (int i = 1; i <= 100 && r == 0; i++)
                r = aeon_send(ends->sender, &i);
        aeon_sender_close(ends->sender);
        return r;
}

static int receive_all(void *arg)
{
        struct ends *ends = arg;
        int value, r;
        while ((r = aeon_receive(ends->receiver, &value)) == 0) {
                CHECK_INT(value, ++ends->count);
                ends->sum += value;
        }
        aeon_receiver_close(ends->receiver);
        return r == AEON_EOF ? 0 : r;
}

static void pass_hundred(size_t capacity)
{
        struct ends ends = { 0 };
        aeon_group *g;
        REQUIRE_INT(aeon_channel_open(sizeof(int), capacity, &ends.sender, &ends.receiver), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sender", send_hundred, &ends);
        aeon_spawn(g, "receiver", receive_all, &ends);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(ends.sum, 5050);
}

/* rule 20 */
VIRTUAL_TEST(values_pass_in_order_at_every_capacity)
{
        const size_t capacities[] = { 0, 1, 2, 7, 16, 17, 99, 100, AEON_UNBOUNDED };
        for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
                pass_hundred(capacities[i]);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(buffered_items_survive_the_last_sender)
{
        struct ends e = { 0 };
        int value = 5, got = 0;
        REQUIRE_INT(aeon_channel_open(sizeof value, 3, &e.sender, &e.receiver), 0);
        CHECK_INT(aeon_send(e.sender, &value), 0);
        CHECK_INT(aeon_receiver_buffered(e.receiver), 1);
        aeon_sender_close(e.sender);
        CHECK_INT(aeon_receive(e.receiver, &got), 0);
        CHECK_INT(got, 5);
        CHECK_INT(aeon_receive(e.receiver, &got), AEON_EOF);
        CHECK_INT(aeon_receive(e.receiver, &got), AEON_EOF);
        aeon_receiver_close(e.receiver);
        return 0;
}

static int send_one(void *arg)
{
        struct ends *e = arg;
        int value = 1;
        e->result = aeon_send(e->sender, &value);
        return 0;
}

static int receive_one(void *arg)
{
        struct ends *e = arg;
        int value;
        e->result = aeon_receive(e->receiver, &value);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(broken_only_after_the_last_receiver)
{
        struct ends e = { 0 };
        aeon_receiver *clone;
        int value = 1;
        REQUIRE_INT(aeon_channel_open(sizeof value, 0, &e.sender, &e.receiver), 0);
        REQUIRE_INT(aeon_receiver_clone(e.receiver, &clone), 0);
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sender", send_one, &e);
        let_others_wait();
        aeon_receiver_close(e.receiver);
        CHECK_INT(e.result, 0);
        aeon_receiver_close(clone);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, -EPIPE);
        CHECK_INT(aeon_send(e.sender, &value), -EPIPE);
        aeon_sender_close(e.sender);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(closing_one_clone_wakes_only_its_waiters)
{
        struct ends first = { .result = 1 }, second = { .result = 1 };
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &first.sender, &first.receiver), 0);
        REQUIRE_INT(aeon_receiver_clone(first.receiver, &second.receiver), 0);
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "first", receive_one, &first);
        aeon_spawn(g, "second", receive_one, &second);
        let_others_wait();
        aeon_receiver_close(second.receiver);
        let_others_wait();
        CHECK_INT(second.result, -EBADF);
        CHECK_INT(first.result, 1);
        aeon_sender_close(first.sender);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(first.result, AEON_EOF);
        aeon_receiver_close(first.receiver);
        return 0;
}

/* rules 14 and 20 */
VIRTUAL_TEST(delivered_and_then_cancelled_is_not_lost)
{
        struct ends e = { .result = 1 };
        int value = 9;
        aeon_group *g;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &e.sender, &e.receiver), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "receiver", receive_one, &e);
        let_others_wait();
        CHECK_INT(aeon_try_send(e.sender, &value), 0);
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, 0);
        aeon_sender_close(e.sender);
        aeon_receiver_close(e.receiver);
        return 0;
}

/* rules 14 and 20 */
VIRTUAL_TEST(a_cancelled_send_sends_nothing_and_a_cancelled_receive_takes_nothing)
{
        struct ends e = { .result = 1 };
        int value = 9;
        aeon_scope s;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 1, &e.sender, &e.receiver), 0);
        CHECK_INT(aeon_send(e.sender, &value), 0);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
        CHECK_INT(aeon_send(e.sender, &value), -ECANCELED);
        CHECK_INT(aeon_receive(e.receiver, &value), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), -ETIMEDOUT);
        CHECK_INT(aeon_receiver_buffered(e.receiver), 1);
        aeon_sender_close(e.sender);
        aeon_receiver_close(e.receiver);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(try_forms_never_wait)
{
        struct ends e = { 0 };
        int value = 1;
        REQUIRE_INT(aeon_channel_open(sizeof(int), 0, &e.sender, &e.receiver), 0);
        CHECK_INT(aeon_try_send(e.sender, &value), -EAGAIN);
        CHECK_INT(aeon_try_receive(e.receiver, &value), -EAGAIN);
        aeon_sender_close(e.sender);
        CHECK_INT(aeon_try_receive(e.receiver, &value), AEON_EOF);
        aeon_receiver_close(e.receiver);
        CHECK_INT(aeon_channel_open(0, 0, &e.sender, &e.receiver), -EINVAL);
        return 0;
}

/* ------------------------------------------------------------------ the matrix: closed, broken, ended */

static void open_int(struct ends *e, size_t capacity)
{
        *e = (struct ends){ .result = 1 };
        REQUIRE_INT(aeon_channel_open(sizeof(int), capacity, &e->sender, &e->receiver), 0);
}

static void close_both(struct ends *e)
{
        aeon_sender_close(e->sender);
        aeon_receiver_close(e->receiver);
}

/* rule 20 */
VIRTUAL_TEST(own_end_closed_is_ebadf_for_every_call_and_persists)
{
        struct ends e;
        aeon_sender *sender;
        aeon_receiver *receiver;
        aeon_channel_stats stats;
        int value = 1;
        open_int(&e, 1);
        REQUIRE_INT(aeon_sender_clone(e.sender, &sender), 0);
        aeon_sender_close(e.sender);
        for (int i = 0; i < 2; i++) { /* with the other end open, and without */
                CHECK_INT(aeon_send(e.sender, &value), -EBADF);
                CHECK_STR(aeon_error_text(), "this handle of the channel was closed");
                CHECK_INT(aeon_try_send(e.sender, &value), -EBADF);
                CHECK_INT(aeon_sender_clone(e.sender, &sender), -EBADF);
                CHECK_INT(aeon_sender_get_stats(e.sender, &stats), -EBADF);
                aeon_sender_close(e.sender);
                aeon_receiver_close(e.receiver);
                CHECK_INT(aeon_receive(e.receiver, &value), -EBADF);
                CHECK_INT(aeon_try_receive(e.receiver, &value), -EBADF);
                CHECK_INT(aeon_receiver_clone(e.receiver, &receiver), -EBADF);
                CHECK_INT(aeon_receiver_get_stats(e.receiver, &stats), -EBADF);
                CHECK_INT(aeon_receiver_buffered(e.receiver), 0);
        }
        aeon_sender_close(sender); /* the last one: the channel and all handles go */
        aeon_sender_close(NULL);
        aeon_receiver_close(NULL);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(last_receiver_gone_is_epipe_for_those_who_wait_and_for_every_later_call)
{
        struct ends e, other;
        aeon_group *g;
        int value = 1;
        open_int(&e, 1);
        CHECK_INT(aeon_try_send(e.sender, &value), 0);
        other = e;
        REQUIRE_INT(aeon_sender_clone(e.sender, &other.sender), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "one", send_one, &e);
        aeon_spawn(g, "other", send_one, &other);
        let_others_wait();
        aeon_receiver_close(e.receiver);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, -EPIPE);
        CHECK_INT(other.result, -EPIPE);
        for (int i = 0; i < 2; i++) {
                CHECK_INT(aeon_send(e.sender, &value), -EPIPE); /* room or not */
                CHECK_INT(aeon_try_send(other.sender, &value), -EPIPE);
        }
        aeon_sender_close(e.sender);
        aeon_sender_close(other.sender);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(last_sender_gone_is_the_end_for_those_who_wait_and_for_every_later_call)
{
        struct ends e, other;
        aeon_sender *clone;
        aeon_group *g;
        int value;
        open_int(&e, 4);
        other = e;
        REQUIRE_INT(aeon_receiver_clone(e.receiver, &other.receiver), 0);
        REQUIRE_INT(aeon_sender_clone(e.sender, &clone), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "one", receive_one, &e);
        aeon_spawn(g, "other", receive_one, &other);
        let_others_wait();
        aeon_sender_close(e.sender);
        let_others_wait();
        CHECK_INT(e.result, 1); /* there is another sender */
        aeon_sender_close(clone);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, AEON_EOF);
        CHECK_INT(other.result, AEON_EOF);
        for (int i = 0; i < 2; i++) {
                CHECK_INT(aeon_receive(e.receiver, &value), AEON_EOF);
                CHECK_INT(aeon_try_receive(other.receiver, &value), AEON_EOF);
        }
        aeon_receiver_close(e.receiver);
        aeon_receiver_close(other.receiver);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(closing_a_sender_wakes_only_those_who_wait_on_it)
{
        struct ends first, second, third;
        aeon_group *g;
        int value = 0;
        open_int(&first, 0);
        second = third = first;
        REQUIRE_INT(aeon_sender_clone(first.sender, &second.sender), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "first", send_one, &first);
        aeon_spawn(g, "second", send_one, &second);
        aeon_spawn(g, "third", send_one, &third);
        let_others_wait();
        aeon_sender_close(first.sender);
        let_others_wait();
        CHECK_INT(first.result, -EBADF);
        CHECK_INT(third.result, -EBADF);
        CHECK_INT(second.result, 1);
        CHECK_INT(aeon_receive(first.receiver, &value), 0); /* and what the closed one did not send is not there */
        CHECK_INT(aeon_try_receive(first.receiver, &value), -EAGAIN);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(second.result, 0);
        aeon_sender_close(second.sender);
        aeon_receiver_close(first.receiver);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(cloning_and_closing_for_ever_takes_no_more_and_more_memory)
{
        enum { N = 10000, SEEN = 200 };
        static aeon_sender *seen[SEEN];
        int count = 0, at;
        struct ends e;
        open_int(&e, 0);
        for (int i = 0; i < N; i++) {
                aeon_sender *clone;
                REQUIRE_INT(aeon_sender_clone(e.sender, &clone), 0);
                for (at = 0; at < count && seen[at] != clone; at++)
                        ;
                REQUIRE(at < SEEN);
                seen[at] = clone;
                count += at == count;
                aeon_sender_close(clone);
        }
        CHECK(count > 1); /* while some closed ones are remembered */
        close_both(&e);
        return 0;
}

/* ------------------------------------------------------------------ order */

struct sending {
        aeon_sender *sender;
        int value, result;
};

static int send_value(void *arg)
{
        struct sending *s = arg;
        s->result = aeon_send(s->sender, &s->value);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(senders_are_served_in_order_of_arrival_and_try_send_does_not_overtake)
{
        for (int capacity = 0; capacity <= 2; capacity++) {
                struct ends e;
                struct sending sendings[3];
                aeon_group *g;
                int value = 9;
                open_int(&e, (size_t)capacity);
                for (int i = 0; i < capacity; i++)
                        CHECK_INT(aeon_send(e.sender, &i), 0);
                REQUIRE_INT(aeon_group_open(&g), 0);
                for (int i = 0; i < 3; i++) {
                        sendings[i] = (struct sending){ .sender = e.sender, .value = capacity + i };
                        aeon_spawn(g, "sender", send_value, &sendings[i]);
                        let_others_wait();
                }
                for (int i = 0; i < capacity + 3; i++) {
                        CHECK_INT(aeon_try_receive(e.receiver, &value), 0);
                        CHECK_INT(value, i);
                        if (i < 3)
                                CHECK_INT(aeon_try_send(e.sender, &(int){ 9 }),
                                          -EAGAIN); /* the place that came free is a waiter's */
                }
                CHECK_INT(aeon_try_receive(e.receiver, &value), -EAGAIN);
                CHECK_INT(aeon_group_close(g), 0);
                close_both(&e);
        }
        return 0;
}

static int receive_value(void *arg)
{
        struct ends *e = arg;
        e->result = aeon_receive(e->receiver, &e->count);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(receivers_are_served_in_order_of_arrival_and_try_receive_does_not_overtake)
{
        struct ends e, receivers[3];
        aeon_group *g;
        int value = 0;
        open_int(&e, 4);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 3; i++) {
                receivers[i] = e;
                aeon_spawn(g, "receiver", receive_value, &receivers[i]);
                let_others_wait();
        }
        for (int i = 0; i < 3; i++)
                CHECK_INT(aeon_try_send(e.sender, &i), 0);
        CHECK_INT(aeon_try_receive(e.receiver, &value), -EAGAIN); /* all three are delivered, although nobody has run */
        CHECK_INT(aeon_group_close(g), 0);
        for (int i = 0; i < 3; i++)
                CHECK_INT(receivers[i].count, i);
        close_both(&e);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(items_of_any_size_arrive_whole)
{
        static const size_t sizes[] = { 1, 4, 8, 16, 333 };
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                aeon_sender *s;
                aeon_receiver *r;
                unsigned char sent[334], got[334] = { 0 };
                REQUIRE_INT(aeon_channel_open(sizes[i], 3, &s, &r), 0);
                for (int round = 0; round < 5; round++) {
                        for (size_t j = 0; j < sizeof sent; j++)
                                sent[j] = (unsigned char)(j + i + 1);
                        got[sizes[i]] = 0;
                        CHECK_INT(aeon_send(s, sent), 0);
                        CHECK_INT(aeon_receive(r, got), 0);
                        CHECK(memcmp(sent, got, sizes[i]) == 0);
                        CHECK_INT(got[sizes[i]], 0);
                }
                aeon_sender_close(s);
                aeon_receiver_close(r);
        }
        return 0;
}

/* ------------------------------------------------------------------ cancelling */

/* rules 14 and 20 */
VIRTUAL_TEST(accepted_and_then_cancelled_was_sent)
{
        struct ends e;
        aeon_group *g;
        int value = 0;
        open_int(&e, 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sender", send_one, &e);
        let_others_wait();
        CHECK_INT(aeon_try_receive(e.receiver, &value), 0);
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, 0);
        CHECK_INT(value, 1);
        close_both(&e);
        return 0;
}

/* rules 14 and 20 */
VIRTUAL_TEST(a_cancelled_sender_and_receiver_are_no_partners_any_more)
{
        struct ends e;
        aeon_group *g;
        int value = 7;
        open_int(&e, 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sender", send_one, &e);
        let_others_wait();
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_try_receive(e.receiver, &value), -EAGAIN); /* in the same turn: it has not run yet */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, -ECANCELED);

        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "receiver", receive_one, &e);
        let_others_wait();
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_try_send(e.sender, &value), -EAGAIN);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(e.result, -ECANCELED);
        close_both(&e);
        return 0;
}

static int run_once(void *arg)
{
        ++*(int *)arg;
        return 0;
}

/* rules 13, 14 and 20 */
VIRTUAL_TEST(a_send_and_a_receive_that_need_not_wait_are_checkpoints)
{
        struct ends e;
        aeon_scope s;
        int value = 1;
        open_int(&e, 4);
        CHECK_INT(aeon_send(e.sender, &value), 0);
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, NULL);
        CHECK_INT(aeon_send(e.sender, &value), -ECANCELED); /* there is room, and there is something, */
        CHECK_INT(aeon_receive(e.receiver, &value), -ECANCELED);
        CHECK_INT(aeon_receiver_buffered(e.receiver), 1); /* but nothing has happened */
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);

        aeon_group *g;
        int runs = 0;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 1; i <= 2; i++) {
                aeon_spawn(g, "other", run_once, &runs);
                for (int j = 0; j < 2; j++) /* the first may find us ahead of the other task */
                        CHECK_INT(i == 1 ? aeon_send(e.sender, &value) : aeon_receive(e.receiver, &value), 0);
                CHECK_INT(runs, i);
        }
        CHECK_INT(aeon_group_close(g), 0);
        close_both(&e);
        return 0;
}

/* ------------------------------------------------------------------ the rest */

/* rule 20 */
VIRTUAL_TEST(stats_count_values_handles_and_tasks)
{
        struct ends e;
        aeon_sender *clone;
        aeon_channel_stats stats;
        aeon_group *g;
        open_int(&e, 1);
        REQUIRE_INT(aeon_sender_clone(e.sender, &clone), 0);
        CHECK_INT(aeon_send(e.sender, &(int){ 1 }), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "sender", send_one, &e);
        aeon_spawn(g, "sender", send_one, &e);
        let_others_wait();
        CHECK_INT(aeon_receiver_get_stats(e.receiver, &stats), 0);
        CHECK_INT(stats.capacity, 1);
        CHECK_INT(stats.buffered, 1);
        CHECK_INT(stats.senders, 2);
        CHECK_INT(stats.receivers, 1);
        CHECK_INT(stats.waiting_senders, 2);
        CHECK_INT(stats.waiting_receivers, 0);
        aeon_group_cancel(g, NULL);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_sender_close(clone);
        CHECK_INT(aeon_sender_get_stats(e.sender, &stats), 0);
        CHECK_INT(stats.senders, 1);
        CHECK_INT(stats.waiting_senders, 0);
        close_both(&e);
        return 0;
}

static int use_from_another_loop(void *arg)
{
        struct ends *e = arg;
        int value = 1;
        CHECK_INT(aeon_send(e->sender, &value), -EXDEV);
        CHECK_INT(aeon_receive(e->receiver, &value), -EXDEV);
        CHECK_INT(aeon_try_send(e->sender, &value), -EXDEV);
        CHECK_INT(aeon_try_receive(e->receiver, &value), -EXDEV);
        CHECK_INT(aeon_sender_clone(e->sender, &e->sender), -EXDEV);
        CHECK_INT(aeon_receiver_clone(e->receiver, &e->receiver), -EXDEV);
        aeon_sender_close(e->sender);
        aeon_receiver_close(e->receiver);
        return 0;
}

/* rule 20 */
VIRTUAL_TEST(tasks_of_another_loop_are_refused)
{
        struct ends e;
        int value = 1;
        open_int(&e, 2);
        CHECK_INT(aeon_send(e.sender, &value), 0);
        CHECK_INT(aeon__virtual_run(use_from_another_loop, &e), 0);
        CHECK_INT(aeon_receiver_buffered(e.receiver), 1);
        CHECK_INT(aeon_send(e.sender, &value), 0); /* it is not closed */
        close_both(&e);
        return 0;
}

/* rule 20 */
PLAIN_TEST(outside_a_loop_channels_are_refused)
{
        struct ends e;
        CHECK_INT(aeon_channel_open(1, 0, &e.sender, &e.receiver), -EINVAL);
}
