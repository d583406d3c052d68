/* Accepting and closing down; see server.h. */
#include "http/connection.h"

#include <aeon/error.h>
#include <aeon/log.h>

enum { MEBIBYTE = 1 << 20, CONNECTIONS = 16384 };

void aeon__http_limits_default(struct http_limits *l)
{
        l->max_body = l->max_body ? l->max_body : MEBIBYTE;
        l->max_connections = l->max_connections ? l->max_connections : CONNECTIONS;
        l->head_timeout = l->head_timeout ? l->head_timeout : AEON_SECONDS(10);
        l->body_timeout = l->body_timeout ? l->body_timeout : AEON_SECONDS(30);
        l->idle_timeout = l->idle_timeout ? l->idle_timeout : AEON_SECONDS(75);
        l->write_timeout = l->write_timeout ? l->write_timeout : AEON_SECONDS(30);
}

void aeon__http_server_init(struct http_server *server)
{
        aeon__http_limits_default(&server->limits);
        list_init(&server->connections);
        server->date_second = -1;
}

static void serve_stream(struct http_server *server, aeon_stream *stream)
{
        struct http_connection *c = aeon__connection_new(server, stream);
        if (!c) {
                aeon_log_error("HTTP connection: no memory");
                aeon_stream_close(stream);
        } else if (aeon_spawn_with(server->group, "http connection", aeon__connection_run, c,
                                   &(aeon_spawn_opts){ .stack_size = 65536 }) < 0) {
                aeon__connection_free(c);
        }
}

/* Accept one connection, when there is room for it. */
static int accept_one(struct http_server *server)
{
        aeon_stream *stream;
        if (server->count >= server->limits.max_connections)
                return aeon_fail(-EMFILE, "%zu connections are open", server->count);
        int r = aeon_listener_accept(server->listener, &stream);
        if (r == 0)
                serve_stream(server, stream);
        return r;
}

int aeon__http_server_run(struct http_server *server)
{
        int r = 0;
        while (!server->closing && r != -ECANCELED) {
                r = accept_one(server);
                if (r == 0 || r == -ECANCELED || server->closing)
                        continue;
                aeon_log_warning("HTTP accept: %s", aeon_error_describe(r));
                r = aeon_sleep(AEON_MILLISECONDS(100)); /* too many connections, or no file descriptor left: it will pass */
        }
        return server->closing ? 0 : r;
}

void aeon__http_server_quiesce(struct http_server *server)
{
        struct http_connection *c;
        aeon_sleep(AEON_MILLISECONDS(1)); /* who is in the kernel's queue is still let in */
        server->closing = true;
        aeon_listener_close(server->listener);
        server->listener = NULL;
        if (!list_empty(&server->connections))
                aeon_sleep(HTTP_LAST_LOOK);
        list_foreach (c, &server->connections, place)
                if (c->idle)
                        aeon_scope_cancel(&c->waiting, "the server stops");
}
