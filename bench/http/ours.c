/* bench-http-ours PORT LOOPS: the service that bench/http/run measures. The peers answer the same.
 *
 *   GET /         "Hello, world!\n"
 *   POST /echo    the order of the body, read, checked, and written again
 *   GET /stream   102,400 bytes in ten pieces, whose number nobody said before */
#include "order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 10240, PIECES = 10 };

static unsigned port;

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!\n");
}

static int echo(aeon_request *req)
{
        const struct order *order;
        int r = order_receive(req, &order);
        return r < 0 ? r : order_reply(req, 200, order);
}

static int stream(aeon_request *req)
{
        static char piece[PIECE];
        if (!piece[0])
                memset(piece, 'x', sizeof piece);
        int r = aeon_reply_begin(req, 200, "text/plain");
        for (int i = 0; i < PIECES && r >= 0; i++)
                r = aeon_reply_write(req, piece, sizeof piece);
        return r;
}

static void define(aeon_app *app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .port = port, .access_log = AEON_ACCESS_LOG_OFF });
        aeon_route(app, "GET /", hello, NULL);
        aeon_route(app, "POST /echo", echo, NULL);
        aeon_route(app, "GET /stream", stream, NULL);
}

int main(int argc, char **argv)
{
        if (argc != 3)
                return 2;
        port = (unsigned)strtoul(argv[1], NULL, 10);
        return aeon_app_run(define,
                            &(aeon_app_opts){ .name = "bench", .loops = (unsigned)strtoul(argv[2], NULL, 10), .quiet = true });
}
