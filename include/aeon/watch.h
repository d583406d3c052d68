/* aeon/watch.h - waiting for a descriptor that somebody else reads and writes: another library's socket, an eventfd, an epoll set.
 *
 *         aeon_watch *w;
 *         int r = aeon_watch_open(eventfd_of_the_library, &w);
 *         while (r >= 0) {
 *                 r = aeon_watch_wait(w, AEON_READABLE);
 *                 ...let the library do what there is to do...
 *         }
 *         aeon_watch_close(w);
 *
 * Nothing is read or written for you: this only says when it would not block. For bytes of your own use aeon/stream.h. */
#ifndef AEON_WATCH_H
#define AEON_WATCH_H

#include <aeon/attributes.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_watch aeon_watch;

enum aeon_watch_events {
        AEON_READABLE = 1, /* there is something to read, or the end of it, or an error */
        AEON_WRITABLE = 2, /* there is room, or an error */
};

/* Prepare to wait for @fd on the running loop; @fd becomes non-blocking. @ret_watch is yours. Close it BEFORE @fd is closed: the number
 * may belong to another file a moment later. What is watched once can be waited for many times, cheaply.
 *
 * Does not suspend. Errors: -EPERM @fd is always ready (a file, a folder); -EEXIST this loop waits for it already; -EBADF;
 *                           -EINVAL not on a loop; -ENOTSUP in a test's world; -ENOMEM
 * Source: libuv documentation, uv_poll_t */
AEON_API AEON_MUST_CHECK int aeon_watch_open(int fd, aeon_watch **ret_watch);

/* Wait until one of @events (AEON_READABLE | AEON_WRITABLE) holds; returns those that do. Level-triggered: what was not read is told again.
 *
 * Suspends. Cancellable. One task waits at a time.
 *
 * Errors: -EINVAL no such event; -EBUSY another task waits; -ECANCELED; -EBADF it was closed meanwhile */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_watch_wait(aeon_watch *w, unsigned events);

/* Stop watching and free; NULL is accepted. Does not suspend. A task that waits gets -EBADF. */
AEON_API void aeon_watch_close(aeon_watch *w);

#ifdef __cplusplus
}
#endif
#endif
