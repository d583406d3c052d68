/* uv-echo CONNECTIONS: an echo server of plain libuv callbacks, at its fastest: one shared buffer, and uv_try_write() in place of a
 * request for each answer. No write can fail to fit: the client sends one message at a time. */
#include "../measure.h"

#include <uv.h>

static long to_come;

static void on_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
        (void)handle, (void)suggested;
        static char buffer[65536];
        *ret_room = uv_buf_init(buffer, sizeof buffer);
}

static void on_closed(uv_handle_t *handle)
{
        free(handle);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
        if (count == UV_EOF) {
                uv_close((uv_handle_t *)stream, on_closed);
                return;
        }
        must((int)count, "read");
        uv_buf_t answer = uv_buf_init(room->base, (unsigned)count);
        if (count > 0)
                must(uv_try_write(stream, &answer, 1) == count ? 0 : UV_EPIPE, "write");
}

static void on_connection(uv_stream_t *server, int status)
{
        must(status, "connection");
        uv_tcp_t *client = malloc(sizeof *client);
        must(client ? 0 : UV_ENOMEM, "connection");
        uv_tcp_init(server->loop, client);
        must(uv_accept(server, (uv_stream_t *)client), "accept");
        must(uv_tcp_nodelay(client, 1), "TCP_NODELAY");
        must(uv_read_start((uv_stream_t *)client, on_room_wanted, on_read), "read");
        if (--to_come == 0)
                uv_close((uv_handle_t *)server, NULL);
}

int main(int argc, char **argv)
{
        static uv_tcp_t server;
        to_come = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
        uv_tcp_init(uv_default_loop(), &server);
        must(uv_tcp_open(&server, 3), "open");
        must(uv_listen((uv_stream_t *)&server, 1024, on_connection), "listen");
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        return uv_loop_close(uv_default_loop()) < 0;
}
