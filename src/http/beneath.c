/* See beneath.h.
 *
 * DESIGN
 *   openat2(RESOLVE_BENEATH) has the kernel see to it, at each step, also when somebody moves folders meanwhile. Where it is missing
 *   (before Linux 5.6) or forbidden (old sandboxes answer EPERM), the path is walked segment by segment, following no links. */
#include "http/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK /* a pipe must not make anybody wait */ };

static int walk_to(int folder, const char *path)
{
        char name[NAME_MAX + 1];
        int at = dup(folder);
        while (at >= 0) {
                path += strspn(path, "/");
                size_t size = strcspn(path, "/");
                bool last = !path[size];
                if (size > NAME_MAX || (size == 2 && !memcmp(path, "..", 2))) {
                        close(at);
                        return size > NAME_MAX ? -ENAMETOOLONG : -EXDEV;
                }
                memcpy(name, size ? path : ".", size ? size : 1);
                name[size ? size : 1] = '\0';
                int next = openat(at, name, O_NOFOLLOW | (last ? READ_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC));
                int r = -errno;
                close(at);
                if (next < 0 || last)
                        return next < 0 ? r : next;
                at = next;
                path += size;
        }
        return -errno;
}

int aeon__open_beneath(int folder, const char *path, bool walk)
{
        struct open_how how = { .flags = READ_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
        path += strspn(path, "/");
        if (!walk) {
                long fd;
                do
                        fd = syscall(SYS_openat2, folder, *path ? path : ".", &how, sizeof how);
                while (fd < 0 && errno == EAGAIN); /* somebody renamed meanwhile */
                if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
                        return fd >= 0 ? (int)fd : -errno;
        }
        return walk_to(folder, path);
}
