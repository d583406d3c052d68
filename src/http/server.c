/* Accepting and closing down; see server.h. */
#include "http/connection.h"
#include "http/date.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>

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
        list_init(&server->links);
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
        while (server->listener && r != -ECANCELED) {
                r = accept_one(server);
                if (r == 0 || r == -ECANCELED || !server->listener)
                        continue;
                aeon_log_warning("HTTP accept: %s", aeon_error_describe(r));
                r = aeon_sleep(AEON_MILLISECONDS(100)); /* too many connections, or no file descriptor left: it will pass */
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

void aeon__http_server_quiesce(struct http_server *server)
{
        struct http_link *link;
        server->closing = true;
        if (!server->listener && list_empty(&server->links))
                return;
        if (server->listener && !server->shared && aeon_listener_refuse(server->listener) < 0)
                aeon_log_debug("HTTP: %s", aeon_error_text());
        list_foreach (link, &server->links, place)
                link->ops->quiesce(link);
        aeon_sleep(HTTP_LAST_LOOK); /* handshakes are completed; the accept loop goes on */
        empty_the_queue(server);
        aeon_listener *listener = server->listener;
        server->listener = NULL;
        aeon_listener_close(listener);
        aeon_time latest = aeon_now() + HTTP_FIRST_LOOK;
        while (is_anybody_asking(server) && aeon_now() < latest && aeon_sleep(HTTP_LAST_LOOK) == 0)
                ;
}
