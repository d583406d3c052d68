/* epoll-echo CONNECTIONS: the least that an echo server on epoll can do. No write can fail to fit: the client sends one message at a time. */
#include "../measure.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 1024 };

static int epoll;

static void watch(int fd)
{
        must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd }) < 0 ? -errno : 0,
             "watch");
}

static void take_connection(void)
{
        int on = 1, fd = accept4(3, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        must(fd < 0 ? -errno : 0, "accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd);
}

/* False at the end of the connection. */
static bool echo(int fd)
{
        char buffer[4096];
        ssize_t n = read(fd, buffer, sizeof buffer);
        must(n < 0 ? -errno : 0, "read");
        if (n > 0)
                must(write(fd, buffer, (size_t)n) == n ? 0 : -EPIPE, "write");
        return n > 0;
}

int main(int argc, char **argv)
{
        long open = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
        epoll = epoll_create1(EPOLL_CLOEXEC);
        watch(3);
        while (open > 0) {
                struct epoll_event events[EVENTS];
                int n = epoll_wait(epoll, events, EVENTS, -1);
                for (int i = 0; i < n; i++) {
                        int fd = events[i].data.fd;
                        if (fd == 3) {
                                take_connection();
                        } else if (!echo(fd)) {
                                close(fd);
                                open--;
                        }
                }
        }
        return 0;
}
