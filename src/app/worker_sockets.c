/* The listening sockets of a supervisor: bound when a worker first asks, the same for all that ask for the same address. Two listeners of
 * one worker on port 0 are two sockets. */
#include "app/workers.h"

#include "loop/address.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOCKETS_LIMIT = 64 }; /* a bit each */

struct shared_socket {
        struct shared_socket *next;
        unsigned number;
        int fd;
        bool foreign; /* handed to us: whoever did so goes on with it */
        char address[];
};

static bool is_any_port(const char *address)
{
        size_t length = strlen(address);
        return length >= 2 && !strcmp(address + length - 2, ":0");
}

static struct shared_socket *find(struct worker *w, const char *address)
{
        for (struct shared_socket *s = w->slot->pool->sockets; s; s = s->next)
                if (!strcmp(s->address, address) && !(is_any_port(address) && w->sockets & (uint64_t)1 << s->number))
                        return s;
        return NULL;
}

static unsigned free_number(const struct workers *pool)
{
        uint64_t taken = 0;
        for (const struct shared_socket *s = pool->sockets; s; s = s->next)
                taken |= (uint64_t)1 << s->number;
        return ~taken ? (unsigned)__builtin_ctzll(~taken) : SOCKETS_LIMIT;
}

static int make(struct workers *pool, const char *address, struct shared_socket **ret_socket)
{
        unsigned number = free_number(pool);
        if (number == SOCKETS_LIMIT)
                return aeon_fail(-EMFILE, "%s: workers share no more than %d sockets", address, SOCKETS_LIMIT);
        size_t size = strlen(address) + 1;
        struct shared_socket *s = malloc(sizeof *s + size);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for the socket of %s", address);
        *s = (struct shared_socket){ .next = pool->sockets, .number = number, .foreign = !strncmp(address, "fd:", 3) };
        memcpy(s->address, address, size);
        int r = aeon__socket_bind_here(address, &s->fd);
        if (r < 0) {
                free(s);
                return r;
        }
        pool->sockets = *ret_socket = s;
        return 0;
}

int aeon__shared_socket(struct worker *w, const char *address, int *ret_fd)
{
        struct shared_socket *s = find(w, address);
        int r = s ? 0 : make(w->slot->pool, address, &s);
        if (r < 0)
                return r;
        w->sockets |= (uint64_t)1 << s->number;
        *ret_fd = s->fd;
        return 0;
}

void aeon__shared_sockets_refuse(struct workers *pool)
{
        for (struct shared_socket *s = pool->sockets; s; s = s->next)
                if (!s->foreign && aeon__socket_refuse(s->fd) < 0)
                        aeon_log_debug("%s: %s", s->address, aeon_error_text());
}

static void close_unless(struct workers *pool, uint64_t wanted)
{
        for (struct shared_socket **at = &pool->sockets, *s; (s = *at);) {
                if (wanted & (uint64_t)1 << s->number) {
                        at = &s->next;
                        continue;
                }
                *at = s->next;
                if (!s->foreign)
                        close(s->fd);
                free(s);
        }
}

void aeon__shared_sockets_sweep(struct workers *pool)
{
        uint64_t wanted = 0;
        struct worker *w;
        list_foreach (w, &pool->processes, in_pool)
                wanted |= w->sockets;
        close_unless(pool, wanted);
}

void aeon__shared_sockets_close(struct workers *pool)
{
        close_unless(pool, 0);
}
