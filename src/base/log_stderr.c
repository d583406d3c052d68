/* Lines to descriptor 2, now or never.
 *
 * DESIGN
 *   Whoever reads stderr may be slow, and a loop must not wait for it. Making stderr non-blocking would change it for whoever shares it,
 *   so each write asks for itself: RWF_NOWAIT for pipes (poll before the write where the kernel is too old for that), MSG_DONTWAIT for
 *   sockets. What is not taken is dropped and counted. A line of which only a part was taken is completed before the next one.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held for a write that does not wait */
static char rest[LOG_LINE_SIZE];                         /* of a line that was taken in part */
static size_t rest_size;

static ssize_t write_if_writable(const char *bytes, size_t size)
{
        struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };
        if (poll(&writable, 1, 0) <= 0 || !(writable.revents & POLLOUT))
                return -1;
        return write(STDERR_FILENO, bytes, size < PIPE_BUF ? size : PIPE_BUF);
}

static ssize_t write_pipe(const char *bytes, size_t size)
{
        struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
        ssize_t n = pwritev2(STDERR_FILENO, &piece, 1, -1, RWF_NOWAIT);
        return n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) ? write_if_writable(bytes, size) : n;
}

/* How much was taken, of all at once; the rest would have to wait. */
static size_t write_some(mode_t mode, const char *bytes, size_t size)
{
        size_t done = 0;
        while (done < size) {
                ssize_t n;
                if (S_ISFIFO(mode))
                        n = write_pipe(bytes + done, size - done);
                else if (S_ISSOCK(mode))
                        n = send(STDERR_FILENO, bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
                else if (S_ISCHR(mode))
                        n = write_if_writable(bytes + done, size - done);
                else
                        n = write(STDERR_FILENO, bytes + done, size - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                done += (size_t)n;
        }
        return done;
}

void aeon__log_to_stderr(const char *line, size_t length)
{
        struct stat status;
        if (fstat(STDERR_FILENO, &status) < 0)
                return; /* closed: there is nobody to tell */
        if (S_ISREG(status.st_mode)) {
                write_some(status.st_mode, line, length); /* in one write: appended whole */
                return;
        }
        pthread_mutex_lock(&lock);
        size_t taken = write_some(status.st_mode, rest, rest_size);
        rest_size -= taken;
        memmove(rest, rest + taken, rest_size);
        taken = rest_size ? 0 : write_some(status.st_mode, line, length);
        if (!taken) {
                aeon__log_count_drop();
        } else {
                memcpy(rest + rest_size, line + taken, length - taken);
                rest_size += length - taken;
        }
        pthread_mutex_unlock(&lock);
}
