/* Looking names up on a thread, since libpq does it on the caller's.
 *
 * DESIGN
 *   libpq takes addresses beside names ("hostaddr"): the name is then for certificates and messages only. Each name is replaced by as many
 *   hosts as it has addresses, so libpq tries them in their order, as it would have done by itself.
 */
#include "db/postgres/postgres.h"

#include "base/text.h"

#include <aeon/thread.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/* To be abandoned: the resolver may take its time. */
struct lookup {
        char *hosts, *ports;
        struct text to_hosts, to_addresses, to_ports;
};

static void lookup_free(void *arg)
{
        struct lookup *l = arg;
        free(l->hosts);
        free(l->ports);
        aeon__text_done(&l->to_hosts);
        aeon__text_done(&l->to_addresses);
        aeon__text_done(&l->to_ports);
        free(l);
}

static void add(struct lookup *l, const char *host, const char *address, const char *port, size_t port_length)
{
        const char *comma = l->to_hosts.data ? "," : "";
        aeon__text_print(&l->to_hosts, "%s%s", comma, host);
        aeon__text_print(&l->to_addresses, "%s%s", comma, address);
        aeon__text_print(&l->to_ports, "%s%.*s", comma, (int)port_length, port);
}

static bool is_name(const char *host)
{
        unsigned char address[sizeof(struct in6_addr)];
        return *host && *host != '/' && *host != '@' && inet_pton(AF_INET, host, address) != 1 &&
               inet_pton(AF_INET6, host, address) != 1;
}

static int look_up_one(struct lookup *l, const char *host, const char *port, size_t port_length)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *found, *a;
        if (!is_name(host)) {
                bool local = !*host || *host == '/' || *host == '@';
                add(l, host, local ? "" : host, port, port_length);
                return 0;
        }
        int code = getaddrinfo(host, NULL, &hints, &found);
        if (code)
                return aeon_fail(-ENOTCONN, "%s: %s", host, gai_strerror(code));
        for (a = found; a; a = a->ai_next) {
                char address[INET6_ADDRSTRLEN + 20];
                if (!getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST))
                        add(l, host, address, port, port_length);
        }
        freeaddrinfo(found);
        return 0;
}

/* A name that is not known does not matter as long as another one is. */
static int look_up(void *arg)
{
        struct lookup *l = arg;
        const char *port = l->ports;
        char *rest = l->hosts, *host;
        int r = 0;
        while ((host = strsep(&rest, ","))) {
                size_t length = strcspn(port, ",");
                int one = look_up_one(l, host, port, length);
                r = one < 0 ? one : r;
                if (port[length])
                        port += length + 1; /* one port serves all */
        }
        if (l->to_hosts.failed || l->to_addresses.failed || l->to_ports.failed)
                return aeon_fail(-ENOMEM, "no memory to look up names");
        return l->to_hosts.data ? 0 : r;
}

static bool any_name(const char *hosts)
{
        char *copy = strdup(hosts), *rest = copy, *host;
        bool any = !copy;
        while (!any && (host = strsep(&rest, ",")))
                any = is_name(host);
        free(copy);
        return any;
}

int aeon__pg_resolve(const char *hosts, const char *ports, struct addresses *ret_addresses)
{
        *ret_addresses = (struct addresses){ 0 };
        if (!any_name(hosts))
                return 0;
        struct lookup *l = calloc(1, sizeof *l);
        if (l) {
                l->hosts = strdup(hosts);
                l->ports = strdup(ports);
        }
        if (!l || !l->hosts || !l->ports) {
                if (l)
                        lookup_free(l);
                return aeon_fail(-ENOMEM, "no memory to look up names");
        }
        int r = aeon_offload_with(look_up, l, &(aeon_offload_opts){ .abandon = true, .done = lookup_free });
        if (r == -ECANCELED)
                return r;
        if (r >= 0) {
                *ret_addresses = (struct addresses){ l->to_hosts.data, l->to_addresses.data, l->to_ports.data };
                l->to_hosts = l->to_addresses = l->to_ports = (struct text){ 0 };
        }
        lookup_free(l);
        return r;
}
