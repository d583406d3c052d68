/* eventfd-hop CALLS: two threads that wake each other, each waiting in epoll for its eventfd: the least that a loop does to be called. */
#include "../measure.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct side {
        int event, epoll;
} sides[2];

static long calls;

static void side_make(struct side *side)
{
        side->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        side->epoll = epoll_create1(EPOLL_CLOEXEC);
        must(epoll_ctl(side->epoll, EPOLL_CTL_ADD, side->event, &(struct epoll_event){ .events = EPOLLIN }) < 0 ? -errno : 0,
             "epoll");
}

static void call(struct side *side)
{
        must(write(side->event, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0 ? -errno : 0, "call");
}

static void be_called(struct side *side)
{
        struct epoll_event event;
        uint64_t count;
        must(epoll_wait(side->epoll, &event, 1, -1) < 0 ? -errno : 0, "wait");
        must(read(side->event, &count, sizeof count) < 0 ? -errno : 0, "read");
}

static void *answer(void *unused)
{
        for (long i = 0; i < calls / 2 + calls / 20; i++) {
                be_called(&sides[1]);
                call(&sides[0]);
        }
        return unused;
}

static void hop(long count)
{
        for (long i = 0; i < count / 2; i++) {
                call(&sides[1]);
                be_called(&sides[0]);
        }
}

int main(int argc, char **argv)
{
        calls = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
        if (calls < 20) {
                fprintf(stderr, "usage: eventfd-hop CALLS\n");
                return 2;
        }
        calls -= calls % 20;
        pthread_t thread;
        side_make(&sides[0]);
        side_make(&sides[1]);
        must(-pthread_create(&thread, NULL, answer, NULL), "thread");
        hop(calls / 10);
        double begin = cpu_seconds();
        hop(calls);
        printf("%.1f\n", (cpu_seconds() - begin) * 1e9 / (double)calls);
        pthread_join(thread, NULL);
        return 0;
}
