/* Accepting and closing down; see server.h. */
#include "http/connection.h"
#include "http/date.h"

#include "task/task.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>

enum { MEBIBYTE = 1 << 20, CONNECTIONS = 16384, STREAMS = 100 };

void aeon__http_limits_default(struct http_limits *l)
{
        l->max_body = l->max_body ? l->max_body : MEBIBYTE;
        l->max_connections = l->max_connections ? l->max_connections : CONNECTIONS;
        l->max_streams = l->max_streams ? l->max_streams : STREAMS;
        l->head_timeout = l->head_timeout ? l->head_timeout : AEON_SECONDS(10);
        l->body_timeout = l->body_timeout ? l->body_timeout : AEON_SECONDS(30);
        l->idle_timeout = l->idle_timeout ? l->idle_timeout : AEON_SECONDS(75);
        l->write_timeout = l->write_timeout ? l->write_timeout : AEON_SECONDS(30);
}

void aeon__http_server_init(struct http_server *server)
{
        aeon__http_limits_default(&server->limits);
        server->last_look = server->last_look ? server->last_look : HTTP_LAST_LOOK;
        list_init(&server->links);
        list_init(&server->idle);
        list_init(&server->heads);
        list_init(&server->spares);
        server->pause_end = INT64_MIN; /* nobody needs to wake who does not sleep */
        server->date_second = -1;
}

const char *aeon__http_server_date(struct http_server *server)
{
        time_t second = time(NULL);
        if (second != server->date_second) {
                aeon__http_date_write(second, server->date_text);
                server->date_second = second;
        }
        return server->date_text;
}

static void serve_stream(struct http_server *server, aeon_stream *stream)
{
        if (!aeon__link_new(server, stream)) {
                aeon_log_error("HTTP connection: no memory");
                aeon_stream_close(stream);
        }
}

/* Wait until one of those who are there has gone. The log hears of it once, until there was plenty of room again. */
static int await_room(struct http_server *server)
{
        if (!server->full)
                aeon_log_warning("HTTP accept: %zu connections are open, which is the limit: others wait", server->count);
        server->full = true;
        aeon_scope_open(&server->no_room, &(aeon_scope_opts){ .name = "room" });
        return aeon_scope_close(&server->no_room, aeon_sleep_until(AEON_NEVER));
}

static int accept_one(struct http_server *server)
{
        aeon_stream *stream;
        int r = aeon_listener_accept(server->listener, &stream);
        if (r == 0)
                serve_stream(server, stream);
        return r;
}

/* Accepting fails with @r: no file descriptor is left, most likely. That passes; the log hears of it once. */
static int sit_out(struct http_server *server, int r)
{
        if (!server->failing)
                aeon_log_warning("HTTP accept: %s", aeon_error_describe(r));
        server->failing = true;
        return aeon_sleep(AEON_MILLISECONDS(100));
}

int aeon__http_server_run(struct http_server *server)
{
        server->vars = aeon__task_now()->vars; /* the keeper holds them */
        int r = aeon_spawn_with(server->group, "http keeper", aeon__keeper_run, server, &(aeon_spawn_opts){ .stack_size = 65536 });
        while (server->listener && r == 0) {
                if (server->count >= server->limits.max_connections) {
                        r = await_room(server);
                        continue;
                }
                if (server->count < server->limits.max_connections / 2)
                        server->full = false;
                r = accept_one(server);
                if (r == 0)
                        server->failing = false;
                else if (r != -ECANCELED && server->listener)
                        r = sit_out(server, r);
        }
        return server->listener ? r : 0;
}

/* ------------------------------------------------------------------ the end */

/* Closing a listener resets those who wait in the kernel's queue, so they are taken out first, and nobody new gets in meanwhile. */
static void empty_the_queue(struct http_server *server)
{
        aeon_stream *stream;
        while (server->listener && aeon_listener_try_accept(server->listener, &stream) == 0)
                serve_stream(server, stream);
}

static bool is_anybody_asking(const struct http_server *server)
{
        const struct http_link *link;
        list_foreach (link, &server->links, place)
                if (link->ops->expects(link))
                        return true;
        return false;
}

static void end(struct http_server *server)
{
        server->ended = true;
        aeon__links_end(server);
        aeon__keeper_wake(server);
}

void aeon__http_server_done(struct http_server *server)
{
        struct list *spare;
        while ((spare = list_pop(&server->spares)))
                aeon__connection_free(container_of(spare, struct http_connection, spare));
        server->spare_count = 0;
}

void aeon__http_server_quiesce(struct http_server *server)
{
        struct http_link *link;
        server->closing = true;
        if (!server->listener && list_empty(&server->links)) {
                end(server);
                return;
        }
        if (server->listener && !server->shared && aeon_listener_refuse(server->listener) < 0)
                aeon_log_debug("HTTP: %s", aeon_error_text());
        list_foreach (link, &server->links, place)
                link->ops->quiesce(link);
        aeon__keeper_wake(server);
        aeon_sleep(HTTP_LAST_LOOK); /* handshakes are completed; the accept loop goes on */
        empty_the_queue(server);
        aeon_listener *listener = server->listener;
        server->listener = NULL;
        aeon_listener_close(listener);
        aeon_time latest = aeon_now() + HTTP_FIRST_LOOK;
        while (is_anybody_asking(server) && aeon_now() < latest && aeon_sleep(HTTP_LAST_LOOK) == 0)
                ;
        end(server);
}
