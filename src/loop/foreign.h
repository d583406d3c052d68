/* A library that is driven by callbacks, on our loop: its sockets and its clock.
 *
 * DESIGN
 *   aeon_watch_wait() needs a task that waits. A library that tells at any moment which sockets it wants to hear of, and of which
 *   events, would need one for each; here it gets callbacks in the main context, outside any task, which may wake tasks and must not
 *   suspend. All of this is for the loop's own thread.
 */
#pragma once

#include "base/list.h"

#include <aeon/attributes.h>
#include <stdint.h>

struct foreign_socket;
struct foreign_timer;

/* What is told of a socket: bits of enum aeon_watch_events, and this one. */
enum { FOREIGN_ERROR = 8 };

/* Hear of @fd of the running loop; of nothing until aeon__foreign_socket_watch(). Close it before @fd is closed.
 *
 * Errors: -ENOTSUP in a test's world; -EINVAL not on a loop; -ENOMEM; those of aeon_watch_open() */
AEON_API int aeon__foreign_socket_open(int fd, void (*happened)(void *arg, int fd, unsigned events), void *arg,
                                       struct foreign_socket **ret_socket);
AEON_API int aeon__foreign_socket_watch(struct foreign_socket *s, unsigned events); /* 0: of nothing. Errors: -ENOMEM ... */
AEON_API void aeon__foreign_socket_close(struct foreign_socket *s);                 /* NULL is accepted */

/* A timer of the running loop, not set. Errors: -ENOTSUP in a test's world; -EINVAL not on a loop; -ENOMEM */
AEON_API int aeon__foreign_timer_open(void (*due)(void *arg), void *arg, struct foreign_timer **ret_timer);
AEON_API void aeon__foreign_timer_set(struct foreign_timer *t, int64_t ms); /* from now, once; negative: not at all */
AEON_API void aeon__foreign_timer_close(struct foreign_timer *t);           /* NULL is accepted */

/* Something that is to end with the running loop, when its last task has ended: @fn runs in the main context, before what is open is
 * closed by force. list_remove(&e->place) when it has ended before. */
struct loop_end {
        struct list place;
        void (*fn)(struct loop_end *e);
};

void aeon__loop_end_add(struct loop_end *e);
