/* Callbacks for what comes on a stream, in place of a task. */
#include "harness.h"

#include "loop/sink.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/stream.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <errno.h>
#include <string.h>

static aeon_stream *near, *far; /* two ends of one connection */

static void connect_both(void)
{
        int fd;
        char address[64];
        aeon_listener *l;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        REQUIRE_INT(aeon_stream_connect(address, &far), 0);
        REQUIRE_INT(aeon_listener_accept(l, &near), 0);
        aeon_listener_close(l);
}

static struct told {
        struct stream_sink sink;
        char bytes[8];
        ssize_t count;
        int times;
} told;

static char *give_room(struct stream_sink *sink, size_t *ret_size)
{
        (void)sink;
        *ret_size = sizeof told.bytes;
        return told.bytes;
}

static void note(struct stream_sink *sink, ssize_t count)
{
        CHECK(sink == &told.sink);
        CHECK(!aeon_task_current());
        told.count = count;
        told.times++;
}

static void await_told(int times)
{
        while (told.times < times)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

TEST(a_sink_gets_the_first_bytes_and_a_task_the_rest)
{
        char rest[8];
        connect_both();
        told.sink = (struct stream_sink){ .room = give_room, .came = note };
        REQUIRE_INT(aeon__stream_sink(near, &told.sink), 0);
        REQUIRE_INT(aeon_stream_write(far, "0123456789", 10), 0);
        await_told(1);
        CHECK_INT(told.count, 8);
        CHECK(!memcmp(told.bytes, "01234567", 8));
        CHECK_INT(aeon_stream_read(near, rest, sizeof rest), 2);
        CHECK(!memcmp(rest, "89", 2));
        CHECK_INT(told.times, 1);

        REQUIRE_INT(aeon__stream_sink(near, &told.sink), 0); /* again */
        REQUIRE_INT(aeon_stream_write(far, "x", 1), 0);
        await_told(2);
        CHECK_INT(told.count, 1);
        aeon_stream_close(near);
        aeon_stream_close(far);
}

TEST(a_sink_without_room_is_told_and_a_read_does_not_wait)
{
        char bytes[8];
        connect_both();
        told.sink = (struct stream_sink){ .came = note };
        REQUIRE_INT(aeon__stream_sink(near, &told.sink), 0);
        REQUIRE_INT(aeon_stream_write(far, "abc", 3), 0);
        await_told(1);
        CHECK_INT(told.count, -EAGAIN);
        CHECK_INT(aeon_stream_read(near, bytes, sizeof bytes), 3);
        aeon_stream_close(near);
        aeon_stream_close(far);
}

TEST(a_write_that_the_peer_does_not_take_ends_in_time)
{
        static char much[16 << 20];
        connect_both();
        CHECK_INT(aeon__stream_writev_within(near, &(aeon_bytes){ "x", 1 }, 1, AEON_MILLISECONDS(50)), 0);
        CHECK_INT(aeon__stream_writev_within(near, &(aeon_bytes){ much, sizeof much }, 1, AEON_MILLISECONDS(50)), -ETIMEDOUT);
        CHECK_STR(aeon_error_text(), "the time limit of \"write\" passed");
        aeon_stream_close(near);
        aeon_stream_close(far);
}

TEST(a_sink_hears_of_the_end_and_of_a_reset)
{
        connect_both();
        told.sink = (struct stream_sink){ .room = give_room, .came = note };
        REQUIRE_INT(aeon__stream_sink(near, &told.sink), 0);
        aeon_stream_close(far);
        await_told(1);
        CHECK_INT(told.count, 0);
        aeon_stream_close(near);

        connect_both();
        REQUIRE_INT(aeon__stream_sink(near, &told.sink), 0);
        aeon__stream_reset(far);
        aeon_stream_close(far);
        await_told(2);
        CHECK_INT(told.count, -ECONNRESET);
        CHECK_INT(aeon__stream_sink(near, &told.sink), -ECONNRESET);
        aeon_stream_close(near);
}

static int read_one(void *arg)
{
        char byte;
        CHECK_INT(aeon_stream_read(arg, &byte, 1), -EBADF);
        return 0;
}

TEST(a_sink_and_a_reading_task_exclude_each_other_and_a_close_tells_nobody)
{
        aeon_group *g;
        connect_both();
        told.sink = (struct stream_sink){ .room = give_room, .came = note };
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "reader", read_one, near), 0);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* in whatever order turns are taken, it has had one */
        CHECK_INT(aeon__stream_sink(near, &told.sink), -EBUSY);
        aeon_stream_close(near);
        CHECK_INT(aeon_group_close(g), 0);

        REQUIRE_INT(aeon__stream_sink(far, &told.sink), 0);
        aeon_stream_close(far);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(told.times, 0);
}
