/* Listening and accepting.
 *
 * DESIGN
 *   libuv accepts one connection, calls back, and looks no further until it is taken. So a connection that comes while no task
 *   waits needs no queue here: it is taken by the next accept call, and the others wait in the kernel.
 */
#include "loop/stream.h"

#include <linux/filter.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct aeon_listener {
        struct aeon_stream *socket; /* the handle, closed like any stream's */
        int family;
        struct acceptor *acceptor; /* the task in aeon_listener_accept() */
};

struct acceptor {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_listener *listener;
};

static void on_connection(uv_stream_t *server, int status)
{
        struct aeon_listener *l = server->data;
        struct acceptor *acceptor = l ? l->acceptor : NULL;
        if (!acceptor)
                return; /* it is there when somebody asks */
        l->acceptor = NULL;
        aeon__wake_now(acceptor->task, status);
}

int aeon_listener_open(int fd, aeon_listener **ret_listener)
{
        if (!aeon__loop_now())
                return aeon_fail(-EINVAL, "a listener must be opened in a loop");
        struct sockaddr_storage sa = { 0 };
        socklen_t size = sizeof sa;
        if (getsockname(fd, (struct sockaddr *)&sa, &size) < 0)
                return aeon_fail_os(-errno, "cannot listen on socket %d", fd);
        aeon_listener *l = malloc(sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a listener");
        *l = (aeon_listener){ .family = sa.ss_family };
        int r = aeon__stream_new(l->family, &l->socket);
        if (r < 0) {
                free(l);
                return r;
        }
        r = listen(fd, 511) < 0 ? -errno : 0; /* before the handle owns the socket, so that it stays the caller's on failure */
        if (r == 0)
                r = l->family == AF_UNIX ? uv_pipe_open(&l->socket->uv.pipe, fd) : uv_tcp_open(&l->socket->uv.tcp, fd);
        if (r == 0) {
                l->socket->uv.stream.data = l;
                r = uv_listen(&l->socket->uv.stream, 511, on_connection);
        }
        if (r < 0) {
                aeon_listener_close(l);
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

/* 0 and a stream, or UV_EAGAIN when none has come yet. */
static int take(aeon_listener *l, aeon_stream **ret_stream)
{
        aeon_stream *s = NULL;
        int r = aeon__stream_new(l->family, &s);
        if (r < 0)
                return r;
        r = uv_accept(&l->socket->uv.stream, &s->uv.stream);
        if (r < 0) {
                aeon_stream_close(s);
                return r;
        }
        if (l->family != AF_UNIX)
                uv_tcp_nodelay(&s->uv.tcp, 1);
        *ret_stream = s;
        return 0;
}

/* From the kernel's queue, past libuv. */
static int take_directly(aeon_listener *l, aeon_stream **ret_stream)
{
        uv_os_fd_t listening;
        uv_fileno(&l->socket->uv.handle, &listening);
        int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return errno == EAGAIN ? -EAGAIN : aeon_fail_os(-errno, "cannot accept a connection");
        aeon_stream *s = NULL;
        int r = aeon__stream_new(l->family, &s);
        if (r == 0)
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

int aeon_listener_try_accept(aeon_listener *l, aeon_stream **ret_stream)
{
        int r = take(l, ret_stream);
        return r == UV_EAGAIN ? take_directly(l, ret_stream) : r;
}

int aeon_listener_refuse(aeon_listener *l)
{
        enum { FLAGS = 13, SYN = 0x02, ACK = 0x10 }; /* in the TCP header, which the filter sees from its first byte */
        struct sock_filter drop_first_packets[] = {
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        };
        struct sock_fprog program = { sizeof drop_first_packets / sizeof *drop_first_packets, drop_first_packets };
        uv_os_fd_t fd;
        if (l->family == AF_UNIX)
                return aeon_fail(-ENOTSUP, "a unix socket cannot refuse connections and accept those that wait");
        uv_fileno(&l->socket->uv.handle, &fd);
        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
                return aeon_fail_os(-errno, "cannot have socket %d refuse connections", fd);
        return 0;
}

int aeon_listener_accept(aeon_listener *l, aeon_stream **ret_stream)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (l->acceptor)
                return aeon_fail(-EBUSY, "another task is accepting");
        r = take(l, ret_stream);
        if (r == 0)
                aeon__wait_skip(t);
        if (r != UV_EAGAIN)
                return r;
        struct acceptor acceptor = { .wait = { .what = "accept", .object = l, .abort = abort_accept }, .task = t, .listener = l };
        l->acceptor = &acceptor;
        r = aeon__wait(&acceptor.wait);
        if (r < 0)
                return r == -ECANCELED ? r : aeon_fail_os(r, "cannot accept a connection");
        return take(l, ret_stream);
}

void aeon_listener_close(aeon_listener *l)
{
        if (!l)
                return;
        l->socket->uv.stream.data = NULL;
        if (l->acceptor)
                aeon__wake(l->acceptor->task, -EBADF);
        aeon_stream_close(l->socket);
        free(l);
}
