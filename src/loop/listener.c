/* Listening and accepting.
 *
 * DESIGN
 *   Connections wait in the kernel's queue, and each accept call takes one from there; the socket is watched only while a task waits. Not by
 *   libuv's own uv_listen(): that takes one more than was asked for, and when no file descriptor is left it silently closes all who
 *   wait, where ours stay in the queue until there is one.
 */
#include "loop/address.h"
#include "loop/stream.h"

#include <linux/filter.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct aeon_listener {
        uv_poll_t poll;
        int fd;
        int family;
        struct acceptor *acceptor; /* the task in aeon_listener_accept() */
};

struct acceptor {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_listener *listener;
};

static void on_connection(uv_poll_t *poll, int status, int events)
{
        (void)events;
        struct aeon_listener *l = container_of(poll, struct aeon_listener, poll);
        struct acceptor *acceptor = l->acceptor;
        uv_poll_stop(poll);
        l->acceptor = NULL;
        if (acceptor)
                aeon__wake_now(acceptor->task, status);
}

static void on_closed(uv_handle_t *handle)
{
        free(container_of(handle, struct aeon_listener, poll));
}

int aeon_listener_open(int fd, aeon_listener **ret_listener)
{
        struct aeon_loop *loop = aeon__loop_now();
        int r = aeon__stream_allowed();
        if (r < 0)
                return r;
        if (!loop)
                return aeon_fail(-EINVAL, "a listener must be opened in a loop");
        struct sockaddr_storage sa = { 0 };
        socklen_t size = sizeof sa;
        if (getsockname(fd, (struct sockaddr *)&sa, &size) < 0 || listen(fd, 511) < 0)
                return aeon_fail_os(-errno, "cannot listen on socket %d", fd);
        aeon_listener *l = malloc(sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a listener");
        *l = (aeon_listener){ .fd = fd, .family = sa.ss_family };
        r = uv_poll_init_socket(&loop->uv, &l->poll, fd); /* and not blocking from now on */
        if (r < 0) {
                free(l);
                return aeon_fail_os(r, "cannot listen on socket %d", fd);
        }
        *ret_listener = l;
        return 0;
}

static bool abort_accept(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        container_of(wait, struct acceptor, wait)->listener->acceptor = NULL;
        return true;
}

int aeon_listener_try_accept(aeon_listener *l, aeon_stream **ret_stream)
{
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return errno == EAGAIN || errno == ECONNABORTED ? -EAGAIN : aeon_fail_os(-errno, "cannot accept a connection");
        aeon_stream *s = NULL;
        int r = aeon__stream_new(l->family, &s);
        if (r < 0) {
                close(fd);
                return r;
        }
        r = l->family == AF_UNIX ? uv_pipe_open(&s->uv.pipe, fd) : uv_tcp_open(&s->uv.tcp, fd);
        if (r < 0) {
                aeon_stream_close(s);
                close(fd);
                return aeon_fail_os(r, "cannot accept a connection");
        }
        if (l->family != AF_UNIX)
                uv_tcp_nodelay(&s->uv.tcp, 1);
        *ret_stream = s;
        return 0;
}

int aeon__socket_refuse(int fd)
{
        enum { FLAGS = 13, SYN = 0x02, ACK = 0x10 }; /* in the TCP header, which the filter sees from its first byte */
        struct sock_filter drop_first_packets[] = {
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        };
        struct sock_fprog program = { sizeof drop_first_packets / sizeof *drop_first_packets, drop_first_packets };
        int domain = AF_UNSPEC;
        socklen_t size = sizeof domain;
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
        if (domain == AF_UNIX)
                return aeon_fail(-ENOTSUP, "a unix socket cannot refuse connections and accept those that wait");
        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
                return aeon_fail_os(-errno, "cannot have socket %d refuse connections", fd);
        return 0;
}

int aeon_listener_refuse(aeon_listener *l)
{
        return aeon__socket_refuse(l->fd);
}

int aeon_listener_accept(aeon_listener *l, aeon_stream **ret_stream)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (l->acceptor)
                return aeon_fail(-EBUSY, "another task is accepting");
        r = aeon_listener_try_accept(l, ret_stream);
        if (r != -EAGAIN) {
                aeon__wait_skip(t);
                return r;
        }
        while (r == -EAGAIN) { /* another process may have been faster */
                struct acceptor acceptor = { .wait = { .what = "accept", .object = l, .abort = abort_accept },
                                             .task = t,
                                             .listener = l };
                r = uv_poll_start(&l->poll, UV_READABLE, on_connection);
                if (r < 0)
                        return aeon_fail_os(r, "cannot accept a connection");
                l->acceptor = &acceptor;
                r = aeon__wait(&acceptor.wait);
                if (r < 0)
                        return r == -ECANCELED ? r : aeon_fail_os(r, "cannot accept a connection");
                r = aeon_listener_try_accept(l, ret_stream);
        }
        return r;
}

void aeon_listener_close(aeon_listener *l)
{
        if (!l)
                return;
        if (l->acceptor)
                aeon__wake(l->acceptor->task, -EBADF);
        l->acceptor = NULL;
        uv_close((uv_handle_t *)&l->poll, on_closed);
        close(l->fd);
}
