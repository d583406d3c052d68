/* Waiting for descriptors that somebody else reads and writes. */
#include "harness.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <aeon/watch.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int ring(void *arg)
{
        uint64_t one = 1;
        CHECK_INT(write(*(int *)arg, &one, sizeof one), sizeof one);
        return 0;
}

static uint64_t rung(int fd)
{
        uint64_t count = 0;
        ssize_t got = read(fd, &count, sizeof count);
        return got == sizeof count ? count : 0;
}

TEST(a_watch_wakes_when_there_is_something_to_read_as_often_as_asked)
{
        int fd = eventfd(0, EFD_CLOEXEC);
        aeon_watch *w;
        REQUIRE_INT(aeon_watch_open(fd, &w), 0);
        for (int i = 0; i < 100; i++) {
                aeon_group *g;
                REQUIRE_INT(aeon_group_open(&g), 0);
                aeon_spawn(g, "ring", ring, &fd);
                CHECK_INT(aeon_watch_wait(w, AEON_READABLE), AEON_READABLE);
                CHECK_INT((int)rung(fd), 1);
                CHECK_INT(aeon_group_close(g), 0);
        }
        aeon_watch_close(w);
        close(fd);
}

/* What comes while nobody waits, and what was not read, is told at the next wait. */
TEST(a_watch_is_level_triggered)
{
        int fd = eventfd(0, EFD_CLOEXEC);
        aeon_watch *w;
        REQUIRE_INT(aeon_watch_open(fd, &w), 0);
        ring(&fd);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), AEON_READABLE);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(2)), 0);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), AEON_READABLE);
        CHECK_INT((int)rung(fd), 1);

        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(5) });
        int r = aeon_watch_wait(w, AEON_READABLE);
        CHECK_INT(aeon_scope_close(&s, r), -ETIMEDOUT);
        ring(&fd);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), AEON_READABLE);
        aeon_watch_close(w);
        close(fd);
}

TEST(a_watch_tells_what_holds_of_what_was_asked)
{
        int pair[2];
        aeon_watch *w;
        REQUIRE_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        REQUIRE_INT(aeon_watch_open(pair[0], &w), 0);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE | AEON_WRITABLE), AEON_WRITABLE);
        CHECK_INT(write(pair[1], "x", 1), 1);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), AEON_READABLE);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE | AEON_WRITABLE), AEON_READABLE | AEON_WRITABLE);
        close(pair[1]);
        CHECK(aeon_watch_wait(w, AEON_READABLE) & AEON_READABLE);
        aeon_watch_close(w);
        close(pair[0]);
}

static bool begun;

static int wait_for_it(void *arg)
{
        begun = true;
        return aeon_watch_wait(arg, AEON_READABLE);
}

TEST(closing_a_watch_wakes_its_task)
{
        int fd = eventfd(0, EFD_CLOEXEC);
        aeon_watch *w;
        aeon_group *g;
        REQUIRE_INT(aeon_watch_open(fd, &w), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "waiter", wait_for_it, w);
        while (!begun)
                CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), -EBUSY);
        aeon_watch_close(w);
        CHECK_INT(aeon_group_close(g), -EBADF);
        close(fd);
}

TEST(a_watch_refuses_what_it_cannot_watch)
{
        int fd = eventfd(0, EFD_CLOEXEC), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        aeon_watch *w = NULL, *same = NULL;
        CHECK_INT(aeon_watch_open(file, &w), -EPERM);
        CHECK_CONTAINS(aeon_error_text(), "cannot be watched");
        CHECK_INT(aeon_watch_open(-1, &w), -EBADF);
        REQUIRE_INT(aeon_watch_open(fd, &w), 0);
        CHECK_INT(aeon_watch_wait(w, 0), -EINVAL);
        CHECK_INT(aeon_watch_wait(w, 4), -EINVAL);
        ring(&fd);
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), AEON_READABLE);
        CHECK_INT(aeon_watch_open(fd, &same), -EEXIST);
        CHECK(same == NULL);
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, "test");
        CHECK_INT(aeon_watch_wait(w, AEON_READABLE), -ECANCELED);
        aeon_scope_close(&s, 0);
        aeon_watch_close(w);
        aeon_watch_close(NULL);
        close(file);
        close(fd);
}

PLAIN_TEST(a_watch_needs_a_loop)
{
        aeon_watch *w;
        CHECK_INT(aeon_watch_open(0, &w), -EINVAL);
}
