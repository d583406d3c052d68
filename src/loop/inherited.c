/* Sockets that systemd (or another supervisor) has opened for us: $LISTEN_FDS of them from descriptor 3 on, meant for the process
 * $LISTEN_PID, with names in $LISTEN_FDNAMES ("http:metrics"). Source: sd_listen_fds(3). */
#include "loop/address.h"

#include <aeon/error.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

static int inherited_count(void)
{
        const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
        return pid && count && atol(pid) == (long)getpid() ? atoi(count) : 0;
}

int aeon__inherited_socket(const char *name, int *ret_fd)
{
        int count = inherited_count();
        const char *names = getenv("LISTEN_FDNAMES");
        if (count <= 0)
                return aeon_fail(-ENOENT, "fd:%s: no socket was handed to this process (LISTEN_FDS, LISTEN_PID)", name);
        const char *at = names ? names : "";
        for (int i = 0; i < count; i++) {
                size_t length = strcspn(at, ":");
                if (length == strlen(name) && !memcmp(at, name, length)) {
                        fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC);
                        *ret_fd = FIRST_FD + i;
                        return 0;
                }
                at += length + (at[length] == ':');
        }
        return aeon_fail(-ENOENT, "fd:%s: no such socket was handed to this process (there are: %s)", name,
                         names && *names ? names : "unnamed ones");
}
