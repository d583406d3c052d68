/* Addresses as text; the grammar is in aeon/stream.h. */
#pragma once

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>

struct address {
        enum { ADDRESS_TCP, ADDRESS_UNIX, ADDRESS_FD } kind;
        char host[256]; /* TCP: name or number without brackets, "" for all interfaces; unix: the path */
        char port[16];  /* TCP: digits */
        int fd;         /* ADDRESS_FD */
};

/* Errors: -EINVAL with words that quote @text; -ENOENT for an "fd:NAME" that was not handed to us. */
int aeon__address_parse(const char *text, struct address *ret_address);

/* The host in "HOST", "HOST:PORT" or "SCHEME://HOST..." is this machine's own, or a unix socket: "127.0.0.1:80", "[::1]", "localhost". By
 * its looks; no name is looked up. */
AEON_API bool aeon__address_is_loopback(const char *address);

/* Who binds in place of aeon_socket_bind(), in a process whose sockets are another's; NULL: we ourselves. */
extern int (*aeon__socket_provider)(const char *address, int *ret_fd);

/* aeon_socket_bind() by this process, whatever the provider. */
int aeon__socket_bind_here(const char *address, int *ret_fd);

/* Let no new connection come to @fd, and lose none that has come. Errors: -ENOTSUP not on a unix socket. */
int aeon__socket_refuse(int fd);

/* The descriptor that a supervisor handed to this process under @name. Errors: -ENOENT. */
int aeon__inherited_socket(const char *name, int *ret_fd);

/* "127.0.0.1:80", "[::1]:80", "unix:/path" of a struct sockaddr. Errors: -ENOSPC, -EAFNOSUPPORT. */
struct sockaddr;
int aeon__address_format(const struct sockaddr *sa, char *text, size_t size);
