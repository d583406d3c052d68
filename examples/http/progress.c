/* examples/http/progress.c - how far a long job is, told as it happens.
 *
 *     $ aeon run progress.c
 *     $ curl -sN localhost:8000/progress | grep .
 *     id: 50
 *     data: 50 % is done
 *     id: 100
 *     data: 100 % is done
 *     $ curl -sN localhost:8000/progress -H 'Last-Event-ID: 50' | grep .
 *     id: 100
 *     data: 100 % is done
 *
 * In a browser: new EventSource("/progress").onmessage = e => show(e.data)
 */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>

/* A client that lost its connection comes again, and goes on behind what it saw last. */
static int progress(aeon_request *req)
{
        const char *last = aeon_events_last_id(req);
        int done = last ? atoi(last) : 0;
        char id[16], text[32];
        int r = aeon_events_begin(req, NULL);
        while (r >= 0 && done < 100 && (r = aeon_events_sleep(req, AEON_MILLISECONDS(200))) > 0) {
                done += 50;
                snprintf(id, sizeof id, "%d", done);
                snprintf(text, sizeof text, "%d %% is done", done);
                r = aeon_events_send(req, &(aeon_server_event){ .id = id, .data = text });
        }
        return r;
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "localhost:8000") });
        aeon_route(app, "GET /progress", progress, NULL);
}
