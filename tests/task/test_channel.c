/* Channels: rule 20 of the concurrency page. */
#include "virtual.h"

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

VIRTUAL_TEST(values_pass_in_order_at_every_capacity)
{
        const size_t capacities[] = { 0, 1, 2, 7, 16, 17, 99, 100, AEON_UNBOUNDED };
        for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
                pass_hundred(capacities[i]);
        return 0;
}

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
