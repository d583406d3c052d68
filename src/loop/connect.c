/* Connecting: look the name up on a thread, then race its addresses.
 *
 * DESIGN
 *   "Happy eyeballs" (RFC 8305): the addresses begin one after the other, each with a head start of 250 ms or until the one before has
 *   failed, and go on side by side; the first that connects wins and the others are cancelled. A name with one address, as most
 *   have, is connected without any of this.
 */
#include "loop/address.h"
#include "loop/stream.h"

#include <aeon/channel.h>
#include <aeon/scope.h>
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
        struct connecting c = { .wait = { .what = "connect", .abort = abort_connect } };
        int r = aeon__wait_enter(&c.task);
        if (r == 0)
                r = aeon__stream_new(family, &c.stream);
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

/* ------------------------------------------------------------------ several addresses */

#define HEAD_START AEON_MILLISECONDS(250) /* of each address before the next is tried too. Source: RFC 8305, section 5 */
enum { ADDRESSES_TRIED = 16 };

struct attempt {
        const struct addrinfo *address;
        aeon_sender *results;
        aeon_stream *stream; /* when its result is 0; the race takes the first and closes the others */
};

static int try_address(void *arg)
{
        struct attempt *a = arg;
        int r = connect_to(a->address->ai_family, a->address->ai_addr, NULL, &a->stream);
        if (r != -ECANCELED)
                aeon_try_send(a->results, &r);
        return 0;
}

/* The families in turn, beginning with that of the first: a network on which one does not work costs one head start, not many. */
static size_t interleave(const struct addrinfo *found, const struct addrinfo *ret_order[])
{
        const struct addrinfo *lists[2] = { found, found };
        size_t n = 0;
        for (int turn = 0; n < ADDRESSES_TRIED && (lists[0] || lists[1]); turn = !turn) {
                const struct addrinfo **at = &lists[turn];
                while (*at && ((*at)->ai_family == found->ai_family) != (turn == 0))
                        *at = (*at)->ai_next;
                if (!*at)
                        continue;
                ret_order[n++] = *at;
                *at = (*at)->ai_next;
        }
        return n;
}

/* The next result, within a head start if @more addresses wait for their turn. -EAGAIN: none came in that time. */
static int next_result(aeon_receiver *results, bool more, int *ret_result)
{
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = more ? HEAD_START : 0, .name = "head start" });
        int r = aeon_scope_close(&limit, aeon_receive(results, ret_result));
        return r == -ETIMEDOUT ? -EAGAIN : r;
}

/* 0 as soon as one has connected; the first failure when all have failed. */
static int run_race(aeon_group *g, struct attempt *attempts, size_t count, aeon_receiver *results)
{
        size_t begun = 0, failed = 0;
        int first = 0, result = 0;
        while (failed < count) {
                int r = begun == count ? 0 : aeon_spawn(g, "connect", try_address, &attempts[begun]);
                if (r < 0)
                        return r;
                begun += begun < count;
                r = next_result(results, begun < count, &result);
                if (r == 0 && result == 0)
                        return 0;
                if (r < 0 && r != -EAGAIN)
                        return r;
                failed += r == 0;
                first = first ? first : result;
        }
        return first;
}

int aeon__connect_any(const struct addrinfo *found, aeon_stream **ret_stream)
{
        const struct addrinfo *order[ADDRESSES_TRIED];
        size_t count = interleave(found, order);
        if (count == 1)
                return connect_to(found->ai_family, found->ai_addr, NULL, ret_stream);
        struct attempt attempts[ADDRESSES_TRIED] = { 0 };
        aeon_sender *results;
        aeon_receiver *inbox;
        aeon_group *g;
        int r = aeon_channel_open(sizeof(int), ADDRESSES_TRIED, &results, &inbox);
        if (r < 0)
                return r;
        for (size_t i = 0; i < count; i++)
                attempts[i] = (struct attempt){ .address = order[i], .results = results };
        r = aeon_group_open(&g);
        if (r == 0) {
                r = run_race(g, attempts, count, inbox);
                aeon_group_cancel(g, "the race is over");
                int e = aeon_group_close(g);
                r = e == -ECANCELED ? e : r;
        }
        for (size_t i = 0; i < count; i++) {
                if (r == 0 && attempts[i].stream) {
                        *ret_stream = attempts[i].stream;
                        r = 1;
                } else {
                        aeon_stream_close(attempts[i].stream);
                }
        }
        aeon_sender_close(results);
        aeon_receiver_close(inbox);
        return r > 0 ? 0 : r;
}

static int connect_tcp(const struct address *a, aeon_stream **ret_stream)
{
        struct lookup lookup;
        int r = look_up(a, &lookup);
        if (r == 0)
                r = aeon__connect_any(lookup.request.addrinfo, ret_stream);
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
