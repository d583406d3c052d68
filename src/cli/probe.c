/* `aeon probe [live|ready|startup] [URL]`: one question to a running app's admin listener, for a container's HEALTHCHECK.
 *
 * DESIGN
 *   Asked every few seconds for the whole life of a container, so it starts nothing: one blocking socket with one deadline, one
 *   GET, the status line of the answer. The address may be "http://host:port", "host:port", or "unix:PATH".
 */
#include "cli/commands.h"
#include "cli/flags.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct probe {
        bool verbose;
        aeon_duration timeout;
};

static const struct flag flags[] = {
        { "verbose", FLAG_SWITCH(struct probe, verbose), NULL, "print the status line also when all is well", .letter = 'v' },
        { "timeout", FLAG_DURATION(struct probe, timeout), "TIME", "no answer after this long is a failure (2s)" },
        { 0 },
};

static const struct command command = {
        .program = "aeon probe",
        .arguments = "[live|ready|startup] [URL]",
        .summary = "Ask a running app how it is: exit code 0 for yes, 1 for no. Default: ready, http://127.0.0.1:7979",
        .example = "aeon probe live unix:/run/serve.sock",
        .flags = flags,
        .least = 0,
        .most = 2,
};

static const struct {
        const char *name, *path;
} questions[] = { { "live", "/livez" }, { "ready", "/readyz" }, { "startup", "/startupz" } };

static const char *path_of(const char *question)
{
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
                if (!strcmp(questions[i].name, question))
                        return questions[i].path;
        return NULL;
}

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

/* ------------------------------------------------------------------ question and answer */

/* Send the request and read up to the end of the status line, which is left in @line. Returns the status. */
static int ask(int fd, const char *path, int64_t deadline, char *line, size_t size)
{
        char request[256];
        int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path),
            status;
        if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
                return aeon_fail_os(-errno, "send");
        for (size_t used = 0; used < size - 1;) {
                int r = await(fd, POLLIN, deadline);
                ssize_t n = r < 0 ? 0 : recv(fd, line + used, size - 1 - used, 0);
                if (r < 0)
                        return r;
                if (n < 0)
                        return aeon_fail_os(-errno, "receive");
                used += (size_t)n;
                line[used] = '\0';
                size_t end = strcspn(line, "\r\n");
                if (line[end] || n == 0) {
                        line[end] = '\0';
                        break;
                }
        }
        if (sscanf(line, "HTTP/1.%*1[01] %3d", &status) != 1)
                return aeon_fail(-EBADMSG, "the answer is not HTTP");
        return status;
}

static int probe(const char *address, const char *path, aeon_duration timeout, char *line, size_t size)
{
        int64_t deadline = now() + (timeout < AEON_HOURS(1) ? timeout : AEON_HOURS(1));
        int fd = -1, r;
        if (!strncmp(address, "unix:", 5)) {
                r = connect_unix(address + 5, deadline, &fd);
        } else {
                char host[512];
                const char *rest = !strncmp(address, "http://", 7) ? address + 7 : address;
                snprintf(host, sizeof host, "%.*s", (int)strcspn(rest, "/"), rest);
                r = connect_tcp(host, deadline, &fd);
        }
        if (r < 0)
                return r;
        r = ask(fd, path, deadline, line, size);
        close(fd);
        return r;
}

int probe_main(int argc, char **argv)
{
        struct probe p = { .timeout = AEON_SECONDS(2) };
        char line[512] = "";
        int left = aeon__flags_parse(&command, &p, argc, argv);
        if (left < 0)
                return flags_exit(left);
        const char *path = left > 0 ? path_of(argv[0]) : NULL, *address = "http://127.0.0.1:7979";
        if (path && left == 2)
                address = argv[1];
        else if (!path && left == 1 && strpbrk(argv[0], ":"))
                address = argv[0];
        else if (!path && left > 0) {
                aeon__flags_complain(command.program, "\"%s\" is none of live, ready, startup", argv[0]);
                return 2;
        }
        int r = probe(address, path ? path : "/readyz", p.timeout, line, sizeof line);
        if (r < 0)
                aeon__flags_complain(command.program, "%s: %s", address, aeon_error_describe(r));
        else if (r != 200 || p.verbose)
                puts(line);
        return r == 200 ? 0 : r == -EINVAL ? 2 : 1;
}
