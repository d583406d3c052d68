/* bench-echo CONNECTIONS: a TCP echo server as one writes it with Aeon; a task per connection. Driven by bench-load. */
#include "measure.h"

#include <aeon.h>

static int echo(void *arg)
{
        aeon_stream *s = arg;
        char buffer[4096];
        ssize_t n;
        while ((n = aeon_stream_read(s, buffer, sizeof buffer)) > 0)
                must(aeon_stream_write(s, buffer, (size_t)n), "write");
        must((int)n, "read");
        aeon_stream_close(s);
        return 0;
}

static int serve(void *arg)
{
        const long *connections = arg;
        aeon_listener *listener = NULL;
        aeon_group *g = NULL;
        must(aeon_listener_open(3, &listener), "listen");
        must(aeon_group_open(&g), "group");
        for (long i = 0; i < *connections; i++) {
                aeon_stream *s = NULL;
                must(aeon_listener_accept(listener, &s), "accept");
                must(aeon_spawn(g, "echo", echo, s), "spawn");
        }
        aeon_listener_close(listener);
        return aeon_group_close(g);
}

int main(int argc, char **argv)
{
        long connections = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
        if (connections < 1) {
                fprintf(stderr, "usage: bench-echo CONNECTIONS, with a listening socket as descriptor 3\n");
                return 2;
        }
        return aeon_loop_run(serve, &connections) < 0;
}
