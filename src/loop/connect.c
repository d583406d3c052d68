/* Connecting: look the name up on a thread, then try each address in turn. */
#include "loop/address.h"
#include "loop/stream.h"

#include <netdb.h>
#include <string.h>

struct lookup {
        struct wait wait;
        struct aeon_task *task;
        uv_getaddrinfo_t request;
};

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
        (void)found; /* kept in the request */
        aeon__wake(container_of(request, struct lookup, request)->task, status);
}

static bool abort_lookup(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        uv_cancel((uv_req_t *)&container_of(wait, struct lookup, wait)->request);
        return false; /* called back either way */
}

/* libuv has codes of its own for what getaddrinfo() says. */
static int code_of(int status)
{
        if (status == UV_EAI_CANCELED)
                return -ECANCELED;
        if (status == UV_EAI_MEMORY)
                return -ENOMEM;
        return status <= UV_EAI_ADDRFAMILY ? -ENOENT : status;
}

static int look_up(const struct address *a, struct lookup *lookup)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG };
        *lookup = (struct lookup){ .wait = { .what = "look-up", .abort = abort_lookup }, .task = aeon__task_now() };
        int r = uv_getaddrinfo(&aeon__loop_now()->uv, &lookup->request, on_looked_up, a->host[0] ? a->host : "127.0.0.1", a->port,
                               &hints);
        if (r == 0)
                r = aeon__wait(&lookup->wait);
        int code = code_of(r);
        if (code == -ECANCELED || aeon_cancelled())
                return -ECANCELED;
        if (code == -ENOENT)
                return aeon_fail(-ENOENT, "host \"%s\": %s", a->host, uv_strerror(r));
        return code < 0 ? aeon_fail_os(code, "host \"%s\"", a->host) : 0;
}

struct connecting {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_stream *stream;
        uv_connect_t request;
};

static void on_connected(uv_connect_t *request, int status)
{
        aeon__wake(container_of(request, struct connecting, request)->task, status);
}

static bool abort_connect(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        struct connecting *c = container_of(wait, struct connecting, wait);
        aeon_stream_close(c->stream); /* calls back with UV_ECANCELED */
        c->stream = NULL;
        return false;
}

static int connect_to(int family, const struct sockaddr *sa, const char *path, aeon_stream **ret_stream)
{
        struct connecting c = { .wait = { .what = "connect", .abort = abort_connect }, .task = aeon__task_now() };
        int r = aeon__stream_new(family, &c.stream);
        if (r < 0)
                return r;
        if (family == AF_UNIX)
                uv_pipe_connect(&c.request, &c.stream->uv.pipe, path, on_connected);
        else
                r = uv_tcp_connect(&c.request, &c.stream->uv.tcp, sa, on_connected);
        if (r == 0)
                r = aeon__wait(&c.wait);
        if (!c.stream)
                return -ECANCELED;
        if (r < 0) {
                aeon_stream_close(c.stream);
                aeon_error_clear(); /* words of an older failure are not about this one */
                return r;
        }
        if (family != AF_UNIX)
                uv_tcp_nodelay(&c.stream->uv.tcp, 1);
        *ret_stream = c.stream;
        return 0;
}

static int connect_tcp(const struct address *a, aeon_stream **ret_stream)
{
        struct lookup lookup;
        int r = look_up(a, &lookup);
        if (r < 0) {
                uv_freeaddrinfo(lookup.request.addrinfo);
                return r;
        }
        r = -ENOENT;
        for (struct addrinfo *at = lookup.request.addrinfo; at; at = at->ai_next) {
                if (aeon_cancelled()) { /* meanwhile; nothing would abort the next attempt */
                        r = -ECANCELED;
                        break;
                }
                r = connect_to(at->ai_family, at->ai_addr, NULL, ret_stream);
                if (r == 0 || r == -ECANCELED)
                        break;
        }
        uv_freeaddrinfo(lookup.request.addrinfo);
        return r;
}

int aeon_stream_connect(const char *address, aeon_stream **ret_stream)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct address a;
        r = aeon__address_parse(address, &a);
        if (r >= 0)
                r = aeon__stream_allowed();
        if (r < 0)
                return r;
        if (a.kind == ADDRESS_FD)
                return aeon_fail(-EINVAL, "address \"%s\" cannot be connected to", address);
        r = a.kind == ADDRESS_UNIX ? connect_to(AF_UNIX, NULL, a.host, ret_stream) : connect_tcp(&a, ret_stream);
        if (r == 0 || r == -ECANCELED)
                return r;
        return aeon_fail(r, "cannot connect to %s", address);
}
