/* The side file; see owners.h. */
#include "broker/sqlite/owners.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int aeon__owners_open(struct owners *o, const char *database)
{
        *o = (struct owners){ .fd = -1, .watch = -1 };
        snprintf(o->path, sizeof o->path, "%s-owners", database);
        o->fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (o->fd < 0)
                return aeon_fail_os(-errno, "cannot open %s", o->path);
        o->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (o->watch >= 0 && inotify_add_watch(o->watch, o->path, IN_MODIFY) < 0) {
                close(o->watch);
                o->watch = -1;
        }
        if (o->watch < 0)
                aeon_log_warning("cannot watch %s (%s): messages of other processes may come late", o->path, aeon_strerror(-errno));
        return 0;
}

void aeon__owners_close(struct owners *o)
{
        if (o->watch >= 0)
                close(o->watch);
        if (o->fd >= 0)
                close(o->fd);
        o->fd = o->watch = -1;
}

static struct flock byte(int64_t id)
{
        return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1 };
}

int aeon__owners_lock(struct owners *o, int64_t id)
{
        struct flock lock = byte(id);
        if (fcntl(o->fd, F_OFD_SETLK, &lock) < 0)
                return aeon_fail_os(-errno, "cannot lock byte %lld of %s", (long long)id, o->path);
        return 0;
}

int aeon__owners_is_dead(struct owners *o, int64_t id)
{
        struct flock lock = byte(id);
        if (fcntl(o->fd, F_OFD_GETLK, &lock) < 0)
                return aeon_fail_os(-errno, "cannot look at the locks of %s", o->path);
        return lock.l_type == F_UNLCK;
}

void aeon__owners_wake(struct owners *o)
{
        if (pwrite(o->fd, "", 1, 0) < 0)
                aeon_log_debug("cannot write %s: %s", o->path, aeon_strerror(-errno)); /* they look once a second anyway */
}

void aeon__owners_woken(struct owners *o)
{
        char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        while (o->watch >= 0 && read(o->watch, events, sizeof events) > 0)
                ;
}
