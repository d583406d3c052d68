/* The worker's side of a supervised service; see worker.h. */
#include "app/worker.h"

#include "base/log.h"
#include "loop/address.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 4096 };

static struct {
        unsigned id;
        int fd;
        pthread_mutex_t asking; /* one question at a time */
} worker = { .fd = -1, .asking = PTHREAD_MUTEX_INITIALIZER };

static pthread_once_t begun = PTHREAD_ONCE_INIT;

/* Children of this process are no workers: only the number stays. */
static void read_environment(void)
{
        const char *id = getenv("AEON_WORKER_ID"), *fd = getenv("AEON_WORKER_FD");
        int type;
        socklen_t size = sizeof type;
        if (!id || !fd || atoi(id) < 1 || getsockopt(atoi(fd), SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
                return;
        worker.id = (unsigned)atoi(id);
        worker.fd = atoi(fd);
        fcntl(worker.fd, F_SETFD, FD_CLOEXEC);
        /* A supervisor that is stopped must not stop us. */
        setsockopt(worker.fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
        unsetenv("AEON_WORKER_FD");
        aeon__log_worker = worker.id;
}

unsigned aeon_worker_id(void)
{
        pthread_once(&begun, read_environment);
        return worker.id;
}

int aeon__worker_fd(void)
{
        return aeon_worker_id() ? worker.fd : -1;
}

void aeon__worker_tell(const char *format, ...)
{
        if (!aeon_worker_id())
                return;
        char message[MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        int n = vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        if (n > 0 && n < MESSAGE_SIZE)
                send(worker.fd, message, (size_t)n, MSG_NOSIGNAL); /* a supervisor that is gone is no news to anybody here */
}

bool aeon__worker_is_orphan(void)
{
        char byte;
        return aeon_worker_id() && recv(worker.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* ------------------------------------------------------------------ sockets */

/* The one descriptor that came with @message; -1: none. */
static int descriptor_in(struct msghdr *message)
{
        struct cmsghdr *c = CMSG_FIRSTHDR(message);
        int fd = -1;
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                memcpy(&fd, CMSG_DATA(c), sizeof fd);
        return fd;
}

static int take_answer(const char *address, int *ret_fd)
{
        int code = 0;
        char words[512] = "";
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec parts[] = { { &code, sizeof code }, { words, sizeof words - 1 } };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control };
        ssize_t n;
        do
                n = recvmsg(worker.fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < (ssize_t)sizeof code)
                return aeon_fail(-EPIPE, "the supervisor is gone and cannot give us %s", address);
        if (code < 0)
                return aeon_fail(code, "%s", words);
        *ret_fd = descriptor_in(&message);
        return *ret_fd < 0 ? aeon_fail_os(-EMFILE, "no room for the socket of %s", address) : 0;
}

static int bind_through_supervisor(const char *address, int *ret_fd)
{
        pthread_mutex_lock(&worker.asking);
        aeon__worker_tell("X_BIND=%s", address);
        int r = take_answer(address, ret_fd);
        pthread_mutex_unlock(&worker.asking);
        return r;
}

void aeon__worker_begin(void)
{
        if (aeon_worker_id())
                aeon__socket_provider = bind_through_supervisor;
}
