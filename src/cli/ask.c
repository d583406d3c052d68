/* Asking an app over its admin listener; see ask.h.
 *
 * DESIGN
 *   A probe is asked every few seconds for the whole life of a container, so this starts nothing: one blocking socket with one
 *   deadline, one GET with "Connection: close", and what comes until the end.
 */
#include "cli/ask.h"

#include <aeon/error.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the socket, under one deadline */

static int64_t now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Wait until @fd is ready for @events. */
static int await(int fd, short events, int64_t deadline)
{
        for (;;) {
                int64_t left = deadline - now();
                if (left <= 0)
                        return aeon_fail(-ETIMEDOUT, "no answer in time");
                int n = poll(&(struct pollfd){ .fd = fd, .events = events }, 1,
                             (int)(left / 1000000 + 1 < 60000 ? left / 1000000 + 1 : 60000));
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return aeon_fail_os(-errno, "poll");
        }
}

static int connect_to(const struct sockaddr *address, socklen_t size, int family, int64_t deadline, int *ret_fd)
{
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
        if (fd < 0)
                return aeon_fail_os(-errno, "socket");
        int r = connect(fd, address, size) == 0 ? 0 : -errno;
        if (r == -EINPROGRESS && (r = await(fd, POLLOUT, deadline)) == 0) {
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
                r = -error;
        }
        if (r < 0) {
                close(fd);
                return r == -ETIMEDOUT ? r : aeon_fail_os(r, "connect");
        }
        *ret_fd = fd;
        return 0;
}

static int connect_unix(const char *path, int64_t deadline, int *ret_fd)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof address.sun_path)
                return aeon_fail(-ENAMETOOLONG, "the socket's path is too long");
        strcpy(address.sun_path, path);
        return connect_to((struct sockaddr *)&address, sizeof address, AF_UNIX, deadline, ret_fd);
}

/* Every address of "host:port" in turn; "[::1]:port" too. */
static int connect_tcp(const char *address, int64_t deadline, int *ret_fd)
{
        char host[256];
        const char *colon = strrchr(address, ':');
        if (!colon || !colon[1] || (size_t)(colon - address) >= sizeof host)
                return aeon_fail(-EINVAL, "not an address: http://HOST:PORT, HOST:PORT or unix:PATH is wanted");
        bool bracketed = address[0] == '[' && colon > address && colon[-1] == ']';
        snprintf(host, sizeof host, "%.*s", (int)(colon - address) - 2 * bracketed, address + bracketed);
        struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM };
        int e = getaddrinfo(host[0] ? host : "127.0.0.1", colon + 1, &hints, &found), r = -ENOENT;
        if (e)
                return aeon_fail(-ENOENT, "%s", gai_strerror(e));
        for (struct addrinfo *a = found; a; a = a->ai_next)
                if ((r = connect_to(a->ai_addr, a->ai_addrlen, a->ai_family, deadline, ret_fd)) == 0)
                        break;
        freeaddrinfo(found);
        return r;
}

/* "http://host:port/" and so on. */
static int connect_any(const char *address, int64_t deadline, int *ret_fd)
{
        if (!strncmp(address, "unix:", 5))
                return connect_unix(address + 5, deadline, ret_fd);
        char host[512];
        const char *rest = !strncmp(address, "http://", 7) ? address + 7 : address;
        snprintf(host, sizeof host, "%.*s", (int)strcspn(rest, "/"), rest);
        return connect_tcp(host, deadline, ret_fd);
}

/* ------------------------------------------------------------------ question and answer */

enum { ANSWER_LIMIT = 64 * 1024 * 1024 };

/* All that comes until the other side closes. */
static int receive_all(int fd, int64_t deadline, char **ret_text)
{
        size_t size = 4096, used = 0;
        char *text = malloc(size);
        int r = text ? 0 : -ENOMEM;
        while (r == 0) {
                if (used + 1 == size) {
                        char *larger = size < ANSWER_LIMIT ? realloc(text, size *= 2) : NULL;
                        if (!larger) {
                                r = aeon_fail(-EMSGSIZE, "the answer is too long");
                                break;
                        }
                        text = larger;
                }
                r = await(fd, POLLIN, deadline);
                ssize_t n = r < 0 ? 0 : recv(fd, text + used, size - 1 - used, 0);
                if (n < 0)
                        r = aeon_fail_os(-errno, "receive");
                if (r < 0 || n == 0)
                        break;
                used += (size_t)n;
        }
        if (r < 0) {
                free(text);
                return r;
        }
        text[used] = '\0';
        *ret_text = text;
        return 0;
}

static int exchange(int fd, const char *path, int64_t deadline, char **ret_line, char **ret_body)
{
        char request[256], *text;
        int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
        if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
                return aeon_fail_os(-errno, "send");
        int r = receive_all(fd, deadline, &text), status;
        if (r < 0)
                return r;
        const char *body = strstr(text, "\r\n\r\n");
        if (sscanf(text, "HTTP/1.%*1[01] %3d", &status) != 1 || !body)
                r = aeon_fail(-EBADMSG, "the answer is not HTTP");
        if (r == 0 && ret_body && !(*ret_body = strdup(body + 4)))
                r = aeon_fail(-ENOMEM, "no memory for the answer");
        if (r == 0 && ret_line) {
                text[strcspn(text, "\r\n")] = '\0';
                *ret_line = text;
                return status;
        }
        free(text);
        return r < 0 ? r : status;
}

int cli_ask(const char *address, const char *path, aeon_duration timeout, char **ret_line, char **ret_body)
{
        int64_t deadline = now() + (timeout < AEON_HOURS(1) ? timeout : AEON_HOURS(1));
        int fd = -1;
        int r = connect_any(address, deadline, &fd);
        if (r < 0)
                return r;
        r = exchange(fd, path, deadline, ret_line, ret_body);
        close(fd);
        return r;
}
