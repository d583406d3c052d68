/* bench-load rate|cpu ROUND-TRIPS CONNECTIONS SERVER [ARGUMENT...]: one client for all echo servers.
 *
 * DESIGN
 *   The program listens, starts the server with that socket as descriptor 3, and makes the CONNECTIONS. Each has one message of 64 bytes
 *   under way at all times: it is sent again as soon as it has come back whole. So the server always has work, and every server gets the
 *   same. It is one plain epoll loop, to cost as little as possible; run it on another core than the server's.
 *
 *   A tenth of the round trips is done first, unmeasured. Prints round trips a second (rate), or nanoseconds of the SERVER's CPU time for
 *   one round trip (cpu), read from the clock of its process. The server ends when its connections do; its exit code must be 0. */
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE = 64, EVENTS = 256 };

static const char message[MESSAGE] = "sixty-four bytes, sent to the server, and to come back unchanged";

struct connection {
        int fd;
        size_t received;
        char answer[MESSAGE];
};

static int checked(int r, const char *doing)
{
        must(r < 0 ? -errno : 0, doing);
        return r;
}

static int listen_anywhere(struct sockaddr_in *ret_address)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
        checked(bind(fd, (struct sockaddr *)&address, size), "bind");
        checked(listen(fd, 1024), "listen");
        checked(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
        *ret_address = address;
        return fd;
}

static pid_t start_server(int listening, char **command)
{
        pid_t pid = checked(fork(), "fork");
        if (pid > 0) {
                close(listening);
                return pid;
        }
        checked(dup2(listening, 3), "dup2");
        execvp(command[0], command);
        must(-errno, command[0]);
        return -1;
}

static int connect_to(const struct sockaddr_in *address)
{
        int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), on = 1;
        checked(connect(fd, (const struct sockaddr *)address, sizeof *address), "connect");
        checked(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
        return fd;
}

static void send_message(const struct connection *c)
{
        must(send(c->fd, message, MESSAGE, MSG_NOSIGNAL) == MESSAGE ? 0 : -EPIPE, "send");
}

/* Take what has come; true when it completes the answer. */
static bool receive(struct connection *c)
{
        ssize_t n = recv(c->fd, c->answer + c->received, MESSAGE - c->received, 0);
        must(n > 0 ? 0 : n == 0 ? -ECONNRESET : -errno, "receive");
        c->received += (size_t)n;
        if (c->received < MESSAGE)
                return false;
        must(memcmp(c->answer, message, MESSAGE) == 0 ? 0 : -EBADMSG, "answer");
        c->received = 0;
        return true;
}

static void round_trips(int epoll, long count)
{
        struct epoll_event events[EVENTS];
        while (count > 0) {
                int n = checked(epoll_wait(epoll, events, EVENTS, 10000), "epoll_wait");
                must(n > 0 ? 0 : -ETIMEDOUT, "answer");
                for (int i = 0; i < n; i++) {
                        struct connection *c = events[i].data.ptr;
                        if (receive(c)) {
                                send_message(c);
                                count--;
                        }
                }
        }
}

int main(int argc, char **argv)
{
        bool rate = argc > 4 && strcmp(argv[1], "rate") == 0;
        if (!rate && (argc <= 4 || strcmp(argv[1], "cpu") != 0)) {
                fprintf(stderr, "usage: bench-load rate|cpu ROUND-TRIPS CONNECTIONS SERVER [ARGUMENT...]\n");
                return 2;
        }
        long count = strtol(argv[2], NULL, 10), connections = strtol(argv[3], NULL, 10);
        struct sockaddr_in address;
        int listening = listen_anywhere(&address);
        pid_t server = start_server(listening, argv + 4);
        int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll");
        struct connection *all = calloc((size_t)connections, sizeof *all);
        must(all ? 0 : -ENOMEM, "connections");
        for (long i = 0; i < connections; i++) {
                all[i].fd = connect_to(&address);
                checked(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &all[i] }),
                        "epoll_ctl");
                send_message(&all[i]);
        }
        round_trips(epoll, count / 10);

        clockid_t clock = CLOCK_MONOTONIC;
        must(rate ? 0 : -clock_getcpuclockid(server, &clock), "the server's clock");
        double begin = seconds_of(clock);
        round_trips(epoll, count);
        double seconds = seconds_of(clock) - begin;

        for (long i = 0; i < connections; i++) {
                while (!receive(&all[i])) /* closing before the last answer is read would reset the connection */
                        continue;
                close(all[i].fd);
        }
        free(all);
        int status = 0;
        checked(waitpid(server, &status, 0), "waitpid");
        must(status == 0 ? 0 : -EPROTO, "the server's end");
        printf("%.1f\n", rate ? (double)count / seconds : seconds * 1e9 / (double)count);
        return 0;
}
