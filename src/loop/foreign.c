/* Sockets and timers of callback-driven libraries; see foreign.h. */
#include "loop/foreign.h"

#include "loop/loop.h"

#include <aeon/watch.h>
#include <stdlib.h>

static int loop_for(const char *what, struct aeon_loop **ret_loop)
{
        struct aeon_loop *loop = aeon__loop_now();
        if (!loop)
                return aeon_fail(-EINVAL, "%s needs a loop", what);
        if (loop->world)
                return aeon_fail(-ENOTSUP, "there are no sockets in a test's world");
        *ret_loop = loop;
        return 0;
}

/* ------------------------------------------------------------------ sockets */

struct foreign_socket {
        uv_poll_t poll;
        void (*happened)(void *arg, int fd, unsigned events);
        void *arg;
};

static void on_socket_closed(uv_handle_t *handle)
{
        free(container_of((uv_poll_t *)handle, struct foreign_socket, poll));
}

static void on_event(uv_poll_t *poll, int status, int events)
{
        struct foreign_socket *s = container_of(poll, struct foreign_socket, poll);
        int fd = -1;
        uv_fileno((uv_handle_t *)poll, &fd);
        unsigned seen = (events & UV_READABLE ? AEON_READABLE : 0u) | (events & UV_WRITABLE ? AEON_WRITABLE : 0u);
        s->happened(s->arg, fd, status < 0 ? FOREIGN_ERROR : seen);
}

int aeon__foreign_socket_open(int fd, void (*happened)(void *arg, int fd, unsigned events), void *arg,
                              struct foreign_socket **ret_socket)
{
        struct aeon_loop *loop;
        int r = loop_for("a socket", &loop);
        if (r < 0)
                return r;
        struct foreign_socket *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for a socket");
        s->happened = happened;
        s->arg = arg;
        r = uv_poll_init(&loop->uv, &s->poll, fd);
        if (r < 0) {
                free(s);
                return aeon_fail_os(r, "descriptor %d cannot be watched", fd);
        }
        *ret_socket = s;
        return 0;
}

int aeon__foreign_socket_watch(struct foreign_socket *s, unsigned events)
{
        int wanted = (events & AEON_READABLE ? UV_READABLE : 0) | (events & AEON_WRITABLE ? UV_WRITABLE : 0);
        int r = wanted ? uv_poll_start(&s->poll, wanted, on_event) : uv_poll_stop(&s->poll);
        return r < 0 ? aeon_fail_os(r, "a descriptor cannot be watched") : 0;
}

void aeon__foreign_socket_close(struct foreign_socket *s)
{
        if (s)
                uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

/* ------------------------------------------------------------------ timers */

struct foreign_timer {
        uv_timer_t timer;
        void (*due)(void *arg);
        void *arg;
};

static void on_timer_closed(uv_handle_t *handle)
{
        free(container_of((uv_timer_t *)handle, struct foreign_timer, timer));
}

static void on_due(uv_timer_t *timer)
{
        struct foreign_timer *t = container_of(timer, struct foreign_timer, timer);
        uv_stop(timer->loop); /* tasks that it wakes run before uv_run() waits for something else */
        t->due(t->arg);
}

int aeon__foreign_timer_open(void (*due)(void *arg), void *arg, struct foreign_timer **ret_timer)
{
        struct aeon_loop *loop;
        int r = loop_for("a timer", &loop);
        if (r < 0)
                return r;
        struct foreign_timer *t = calloc(1, sizeof *t);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for a timer");
        t->due = due;
        t->arg = arg;
        uv_timer_init(&loop->uv, &t->timer);
        *ret_timer = t;
        return 0;
}

void aeon__foreign_timer_set(struct foreign_timer *t, int64_t ms)
{
        if (ms < 0) {
                uv_timer_stop(&t->timer);
                return;
        }
        uv_update_time(t->timer.loop);
        uv_timer_start(&t->timer, on_due, (uint64_t)ms, 0);
}

void aeon__foreign_timer_close(struct foreign_timer *t)
{
        if (t)
                uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

/* ------------------------------------------------------------------ the loop's end */

void aeon__loop_end_add(struct loop_end *e)
{
        list_append(&aeon__loop_now()->ends, &e->place);
}
