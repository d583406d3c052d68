/* Who is alive: the side file "<db>-owners".
 *
 * DESIGN
 *   An owner holds an OFD lock on the one byte of the side file whose offset is its id. Ids are never used twice. The kernel drops the
 *   lock when the process ends, whatever ended it, so an owner is dead iff its byte is not locked: there are no leases, no heartbeat and
 *   no clock. (OFD locks belong to the open file, not to the process: two stores of one process see each other, and closing one does
 *   not drop the other's.)
 *
 *   The same file wakes other processes: after a commit that others should see, its first byte is written, and everybody watches
 *   the file by inotify. (Not the WAL: it is written before the commit can be seen.)
 *
 *   Source: fcntl(2), "Open file description locks"; inotify(7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct owners {
        int fd;    /* -1: closed */
        int watch; /* inotify; -1: not to be had, look again every now and then */
        char path[520];
};

/* Errors: those of open(2). */
int aeon__owners_open(struct owners *o, const char *database);
void aeon__owners_close(struct owners *o);

/* Be alive as @id. Errors: -EAGAIN somebody else is; -ENOLCK ... */
int aeon__owners_lock(struct owners *o, int64_t id);

/* 1: dead, 0: alive. Errors: those of fcntl(2). */
int aeon__owners_is_dead(struct owners *o, int64_t id);

/* Wake all who watch, ourselves too. */
void aeon__owners_wake(struct owners *o);

/* Swallow wake-ups. */
void aeon__owners_woken(struct owners *o);
