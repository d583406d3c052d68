/* Addresses: parsing, formatting, and binding a socket before anything listens on it. */
#include "loop/address.h"

#include <aeon/error.h>
#include <aeon/stream.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool all_digits(const char *text)
{
        return *text && strspn(text, "0123456789") == strlen(text);
}

static int parse_tcp(const char *text, struct address *a)
{
        const char *colon = strrchr(text, ':'), *host = text;
        if (!colon || !all_digits(colon + 1) || strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
                return aeon_fail(-EINVAL, "address \"%s\": expected HOST:PORT, unix:PATH or fd:N, with a port up to 65535", text);
        size_t length = (size_t)(colon - text);
        if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
                host++;
                length -= 2;
        }
        if (length >= sizeof a->host)
                return aeon_fail(-EINVAL, "address \"%s\": the host name is too long", text);
        memcpy(a->host, host, length);
        a->host[length] = '\0';
        strcpy(a->port, colon + 1);
        return 0;
}

/* @host begins with @prefix and ends there, or where a port or a path begins. */
static bool is_host(const char *host, const char *prefix, size_t length)
{
        return !strncasecmp(host, prefix, strlen(prefix)) && strchr(":/", host[length]);
}

bool aeon__address_is_loopback(const char *address)
{
        static const char mapped[] = "[::ffff:"; /* an IPv4 address inside of an IPv6 one */
        const char *scheme = strstr(address, "://"), *host = scheme ? scheme + 3 : address;
        if (!strncmp(address, "unix", 4) && (!address[4] || address[4] == ':'))
                return true;
        if (!strncasecmp(host, mapped, strlen(mapped))) {
                const char *number = host + strlen(mapped);
                size_t length = strspn(number, "0123456789.");
                return number[length] == ']' && is_host(number, "127.", length + 1);
        }
        return is_host(host, "[::1]", strnlen(host, 5)) || is_host(host, "localhost", strnlen(host, 9)) ||
               is_host(host, "127.", strspn(host, "0123456789."));
}

int aeon__address_parse(const char *text, struct address *ret_address)
{
        struct address a = { .kind = ADDRESS_TCP, .fd = -1 };
        int r = 0;
        if (!strncmp(text, "unix:", 5)) {
                a.kind = ADDRESS_UNIX;
                if (!text[5] || strlen(text + 5) >= sizeof((struct sockaddr_un *)0)->sun_path)
                        return aeon_fail(-EINVAL, "address \"%s\": a socket path has 1 to 107 bytes", text);
                strcpy(a.host, text + 5);
        } else if (!strncmp(text, "fd:", 3)) {
                const char *which = text + (!strncmp(text, "fd://", 5) ? 5 : 3);
                a.kind = ADDRESS_FD;
                if (!*which || (all_digits(which) && strlen(which) > 6))
                        return aeon_fail(-EINVAL, "address \"%s\": expected the number or name of an open socket", text);
                if (all_digits(which))
                        a.fd = atoi(which);
                else
                        r = aeon__inherited_socket(which, &a.fd);
        } else {
                r = parse_tcp(text, &a);
        }
        if (r == 0)
                *ret_address = a;
        return r;
}

int aeon__address_format(const struct sockaddr *sa, char *text, size_t size)
{
        char host[INET6_ADDRSTRLEN];
        int n;
        switch (sa->sa_family) {
        case AF_INET: {
                const struct sockaddr_in *in = (const void *)sa;
                inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
                n = snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
                break;
        }
        case AF_INET6: {
                const struct sockaddr_in6 *in = (const void *)sa;
                inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
                n = snprintf(text, size, "[%s]:%u", host, ntohs(in->sin6_port));
                break;
        }
        case AF_UNIX:
                n = snprintf(text, size, "unix:%s", ((const struct sockaddr_un *)(const void *)sa)->sun_path);
                break;
        default:
                return aeon_fail(-EAFNOSUPPORT, "an address of family %d has no text", sa->sa_family);
        }
        return n < (int)size ? 0 : -ENOSPC;
}

/* ------------------------------------------------------------------ binding */

static int bind_to(int family, const struct sockaddr *sa, socklen_t size, const char *text, int *ret_fd)
{
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
        if (fd < 0)
                return aeon_fail_os(-errno, "socket for %s", text);
        if (family != AF_UNIX)
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, sa, size) < 0) {
                int r = aeon_fail_os(-errno, "cannot bind %s", text);
                close(fd);
                return r;
        }
        *ret_fd = fd;
        return 0;
}

/* A socket file that nobody listens on was left by a process that is gone; one that answers is somebody else's. */
static bool stale_socket(const struct sockaddr_un *un)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return false;
        bool refused = connect(fd, (const struct sockaddr *)un, sizeof *un) < 0 && errno == ECONNREFUSED;
        close(fd);
        return refused;
}

static int bind_unix(const struct address *a, const char *text, int *ret_fd)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        strcpy(un.sun_path, a->host);
        if (stale_socket(&un))
                unlink(a->host);
        return bind_to(AF_UNIX, (struct sockaddr *)&un, sizeof un, text, ret_fd);
}

static int bind_tcp(const struct address *a, const char *text, int *ret_fd)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found;
        int e = getaddrinfo(a->host[0] ? a->host : NULL, a->port, &hints, &found);
        if (e == EAI_MEMORY)
                return aeon_fail(-ENOMEM, "cannot bind %s: no memory to look it up", text);
        if (e == EAI_SYSTEM)
                return aeon_fail_os(-errno, "cannot bind %s", text);
        if (e)
                return aeon_fail(-ENOENT, "cannot bind %s: %s", text, gai_strerror(e));
        int r = -ENOENT;
        for (struct addrinfo *at = found; at; at = at->ai_next) {
                r = bind_to(at->ai_family, at->ai_addr, at->ai_addrlen, text, ret_fd);
                if (r == 0)
                        break;
        }
        freeaddrinfo(found);
        return r;
}

int (*aeon__socket_provider)(const char *address, int *ret_fd);

int aeon_socket_bind(const char *address, int *ret_fd)
{
        return aeon__socket_provider ? aeon__socket_provider(address, ret_fd) : aeon__socket_bind_here(address, ret_fd);
}

int aeon__socket_bind_here(const char *address, int *ret_fd)
{
        struct address a;
        int r = aeon__address_parse(address, &a);
        if (r < 0)
                return r;
        switch (a.kind) {
        case ADDRESS_UNIX:
                return bind_unix(&a, address, ret_fd);
        case ADDRESS_TCP:
                return bind_tcp(&a, address, ret_fd);
        case ADDRESS_FD:
                break;
        }
        int listening;
        socklen_t size = sizeof listening;
        if (getsockopt(a.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
                return aeon_fail_os(-errno, "cannot use %s as a socket", address);
        *ret_fd = a.fd;
        return 0;
}

int aeon_socket_address(int fd, char *text, size_t size)
{
        struct sockaddr_storage sa = { 0 };
        socklen_t length = sizeof sa;
        if (getsockname(fd, (struct sockaddr *)&sa, &length) < 0)
                return aeon_fail_os(-errno, "cannot ask socket %d for its address", fd);
        return aeon__address_format((struct sockaddr *)&sa, text, size);
}
