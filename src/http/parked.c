/* Connections that wait for a request and hold nothing for it; see server.h.
 *
 * DESIGN
 *   A parked link is told by its stream when something comes (loop/sink.h), in a callback of the loop. The bytes go straight into the buffer of a
 *   struct http_connection, which it gets from the server's spares for that; when they make a head, the connection task begins.
 *
 *       IDLE --first bytes--> HEAD --whole or refused--> connection task
 *        |                     |
 *        | idle_timeout        | head_timeout: 408, said by a connection task
 *        v                     v
 *       freed
 *
 *   Two queues, in which everybody waits equally long, so the first is always the next to be late: one task, the keeper, sleeps until
 *   then. It is not woken for those who go before: it finds them gone. Once the server closes, deadlines are no longer in order, and the
 *   keeper looks at all.
 */
#include "http/connection.h"
#include "http/meter.h"

#include "task/runner.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>

enum { READ_SIZE = 4096, STACK_SIZE = 65536 };

aeon_time aeon__link_last_look(const struct http_link *link)
{
        aeon_time look = aeon_now() + link->server->last_look, first = link->accepted + HTTP_FIRST_LOOK;
        return link->fresh && first > look ? first : look;
}

static struct http_connection *speaker_of(const struct http_link *link)
{
        return link->speaker;
}

static bool has_begun(const struct http_link *link)
{
        return link->speaker && buffer_size(&speaker_of(link)->in);
}

/* ------------------------------------------------------------------ what the server wants of a parked one */

static void quiesce(struct http_link *link)
{
        aeon_time look = aeon__link_last_look(link);
        if (!has_begun(link) && look < link->deadline)
                link->deadline = look;
}

/* A request, or the rest of one. */
static bool expects(const struct http_link *link)
{
        (void)link;
        return true;
}

static const struct http_link_ops parked_ops = { .quiesce = quiesce, .expects = expects };

/* ------------------------------------------------------------------ the end of waiting */

/* Begin the connection task, as a child of the group with the variables of the accept loop: a callback has none. */
static int begin_task(struct http_connection *c)
{
        struct http_server *server = c->link->server;
        struct task_vars **outer = aeon__thread_vars;
        aeon__thread_vars = &server->vars;
        int r = aeon_spawn_with(server->group, "http connection", aeon__connection_run, c,
                                &(aeon_spawn_opts){ .stack_size = STACK_SIZE });
        aeon__thread_vars = outer;
        return r;
}

static void unpark(struct http_link *link)
{
        list_remove(&link->queue);
        aeon__stream_sink(link->stream, NULL);
        struct http_connection *c = link->speaker ? link->speaker : aeon__connection_new(link);
        if (!c || begin_task(c) < 0) {
                aeon_log_error("%s: HTTP connection: no memory", aeon_stream_peer(link->stream));
                aeon__link_free(link);
        }
}

static void enter(struct http_link *link, struct list *queue, aeon_duration timeout)
{
        struct http_server *server = link->server;
        list_remove(&link->queue);
        list_append(queue, &link->queue);
        link->deadline = aeon_now() + timeout;
        if (server->closing)
                quiesce(link);
        if (link->deadline < server->pause_end)
                aeon__keeper_wake(server);
}

/* ------------------------------------------------------------------ bytes */

static struct http_link *link_of(struct stream_sink *sink)
{
        return container_of(sink, struct http_link, sink);
}

static char *room(struct stream_sink *sink, size_t *ret_size)
{
        struct http_link *link = link_of(sink);
        struct http_connection *c = link->speaker ? link->speaker : aeon__connection_new(link);
        if (!c || aeon__http_buffer_reserve(&c->in, c->in.capacity ? READ_SIZE / 4 : READ_SIZE) < 0)
                return NULL;
        *ret_size = c->in.capacity - c->in.end;
        return c->in.data + c->in.end;
}

static void listen_on(struct http_link *link)
{
        link->sink.room = link->server->tls ? NULL : room; /* bytes of TLS are for its engine, in a task */
        if (aeon__stream_sink(link->stream, &link->sink) < 0)
                aeon__link_free(link);
}

static void came(struct stream_sink *sink, ssize_t count)
{
        struct http_link *link = link_of(sink);
        struct http_connection *c = link->speaker;
        if (count == -EAGAIN) {
                c = c ? c : aeon__connection_new(link);
                if (c)
                        c->must_read = !link->server->tls || link->secure; /* a handshake reads for itself */
                unpark(link);
        } else if (count <= 0) {
                aeon__link_free(link);
        } else {
                bool first = !buffer_size(&c->in);
                c->in.end += (size_t)count;
                if (aeon__connection_look(c) != 0) {
                        unpark(link);
                        return;
                }
                if (first)
                        enter(link, &link->server->heads, link->server->limits.head_timeout);
                listen_on(link);
        }
}

void aeon__link_park(struct http_link *link)
{
        struct http_server *server = link->server;
        struct http_connection *c = link->speaker;
        bool begun = has_begun(link);
        if (server->ended) {
                aeon__link_free(link);
                return;
        }
        if (c && !begun) {
                link->speaker = NULL;
                aeon__connection_drop(c);
        }
        link->ops = &parked_ops;
        if (begun || (server->tls && !link->secure))
                enter(link, &server->heads, server->limits.head_timeout);
        else
                enter(link, &server->idle, server->limits.idle_timeout);
        listen_on(link);
}

/* ------------------------------------------------------------------ life */

struct http_link *aeon__link_new(struct http_server *server, aeon_stream *stream)
{
        struct http_link *link = calloc(1, sizeof *link);
        if (!link)
                return NULL;
        *link = (struct http_link){
                .server = server, .stream = stream, .accepted = aeon_now(), .fresh = true, .sink = { .came = came }
        };
        list_init(&link->queue);
        list_append(&server->links, &link->place);
        server->count++;
        aeon__http_count_connection(server, 1);
        aeon__link_park(link);
        return link;
}

void aeon__link_free(struct http_link *link)
{
        struct http_server *server = link->server;
        if (link->speaker)
                aeon__connection_drop(link->speaker);
        list_remove(&link->queue);
        list_remove(&link->place);
        aeon_stream_close(link->stream);
        aeon__http_count_connection(server, -1);
        if (server->count-- == server->limits.max_connections)
                aeon_scope_cancel(&server->no_room, "a connection has ended");
        free(link);
}

/* ------------------------------------------------------------------ the keeper */

void aeon__keeper_wake(struct http_server *server)
{
        server->pause_end = INT64_MIN; /* it looks before it sleeps again */
        aeon_scope_cancel(&server->pause, "somebody is late earlier");
}

/* The time of @link is over. */
static void expire(struct http_link *link)
{
        if (has_begun(link)) {
                speaker_of(link)->late = true;
                unpark(link);
        } else {
                aeon__link_free(link);
        }
}

/* Expire those in @queue whose time is over; returns when the next one's is. */
static aeon_time sweep(struct http_server *server, struct list *queue)
{
        aeon_time now = aeon_now(), next = AEON_NEVER;
        struct http_link *link, *following;
        list_foreach_safe (link, following, queue, queue) {
                if (link->deadline <= now)
                        expire(link);
                else if (link->deadline < next)
                        next = link->deadline;
                if (next != AEON_NEVER && !server->closing)
                        break;
        }
        return next;
}

int aeon__keeper_run(void *arg)
{
        struct http_server *server = arg;
        int r = 0;
        while (!server->ended && r == 0) {
                aeon_time idle = sweep(server, &server->idle), heads = sweep(server, &server->heads);
                server->pause_end = idle < heads ? idle : heads;
                aeon_scope_open(&server->pause, &(aeon_scope_opts){ .name = "pause" });
                r = aeon_scope_close(&server->pause, aeon_sleep_until(server->pause_end));
        }
        server->pause_end = INT64_MIN;
        aeon__links_end(server);
        return 0;
}

void aeon__links_end(struct http_server *server)
{
        struct http_link *link, *following;
        list_foreach_safe (link, following, &server->links, place)
                if (link->ops == &parked_ops)
                        aeon__link_free(link);
}
