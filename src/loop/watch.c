/* Waiting for foreign descriptors; the contract is in aeon/watch.h.
 *
 * DESIGN
 *   A watch is a uv_poll_t. It stays started from one wait to the next, so whoever is woken, does its work and waits again costs no
 *   system call; only when something happens while nobody waits is it stopped, for it would be told again in every turn of the loop.
 */
#include "loop/loop.h"

#include <aeon/watch.h>
#include <stdlib.h>

struct aeon_watch {
        uv_poll_t poll;
        struct watcher *watcher; /* the task in aeon_watch_wait() */
        unsigned started;        /* the events it is started for; 0: stopped */
};

struct watcher {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_watch *watch;
};

_Static_assert((int)AEON_READABLE == (int)UV_READABLE && (int)AEON_WRITABLE == (int)UV_WRITABLE, "events are those of libuv");

int aeon_watch_open(int fd, aeon_watch **ret_watch)
{
        struct aeon_loop *loop = aeon__loop_now();
        if (!loop)
                return aeon_fail(-EINVAL, "descriptors are watched on a loop");
        if (loop->world)
                return aeon_fail(-ENOTSUP, "there are no descriptors in a test's world");
        struct aeon_watch *w = calloc(1, sizeof *w);
        if (!w)
                return aeon_fail(-ENOMEM, "no memory for a watch");
        int r = uv_poll_init(&loop->uv, &w->poll, fd);
        if (r < 0) {
                free(w);
                return aeon_fail_os(r, "descriptor %d cannot be watched", fd);
        }
        *ret_watch = w;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        free(container_of((uv_poll_t *)handle, struct aeon_watch, poll));
}

static void wake_watcher(struct aeon_watch *w, int result, void (*wake)(struct aeon_task *task, int result))
{
        struct watcher *watcher = w->watcher;
        w->watcher = NULL;
        if (watcher)
                wake(watcher->task, result);
}

void aeon_watch_close(aeon_watch *w)
{
        if (!w)
                return;
        wake_watcher(w, -EBADF, aeon__wake);
        uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
        struct aeon_watch *w = container_of(poll, struct aeon_watch, poll);
        if (status < 0)
                events = (int)w->started; /* an error on the descriptor: whoever reads or writes hears of it */
        if (!w->watcher || status < 0) {
                uv_poll_stop(poll);
                w->started = 0;
        }
        wake_watcher(w, events, aeon__wake_now);
}

static bool abort_watch(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        container_of(wait, struct watcher, wait)->watch->watcher = NULL;
        return true;
}

static void describe_watch(const struct wait *wait, const struct aeon_task *task, char *text, size_t size)
{
        (void)task;
        const struct aeon_watch *w = wait->object;
        int fd = -1;
        uv_fileno((const uv_handle_t *)&w->poll, &fd);
        snprintf(text, size, "descriptor %d to be %s", fd,
                 w->started == AEON_READABLE ? "readable" : (w->started == AEON_WRITABLE ? "writable" : "readable or writable"));
}

int aeon_watch_wait(aeon_watch *w, unsigned events)
{
        struct aeon_task *t;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (!events || events & ~(unsigned)(AEON_READABLE | AEON_WRITABLE))
                return aeon_fail(-EINVAL, "there are no events %#x to wait for", events);
        if (w->watcher)
                return aeon_fail(-EBUSY, "another task waits for this descriptor");
        if (w->started != events) {
                r = uv_poll_start(&w->poll, (int)events, on_event);
                if (r < 0)
                        return aeon_fail_os(r, "a descriptor cannot be watched");
                w->started = events;
        }
        struct watcher watcher = {
                .wait = { .what = "descriptor", .object = w, .abort = abort_watch, .describe = describe_watch },
                .task = t,
                .watch = w,
        };
        w->watcher = &watcher;
        return aeon__wait(&watcher.wait);
}
