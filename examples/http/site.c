/* examples/http/site.c - a folder of files, and one file that a handler chooses.
 *
 *     $ aeon run site.c --folder .
 *     $ printf 'Hello, files!' > hello.txt
 *     $ curl -s localhost:8000/static/hello.txt -r 7-11
 *     files
 *     $ curl -s localhost:8000/static/hello.txt -z hello.txt -w '%{http_code}\n'
 *     304
 *     $ curl -s localhost:8000/latest
 *     Hello, files!
 *     $ curl -s --path-as-is localhost:8000/static/%2e%2e/secret
 *     {"title":"Bad Request","status":400}
 */
#include <aeon.h>
#include <stdio.h>

static int latest(aeon_request *req)
{
        char path[512];
        snprintf(path, sizeof path, "%s/hello.txt", aeon_app_arg(aeon_app_current(), "folder", "."));
        return aeon_reply_file(req, path, &(aeon_file_opts){ .cache_control = "no-cache" });
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "localhost:8000") });
        aeon_route_files(app, "GET /static/{path...}", aeon_app_arg(app, "folder", "."), NULL);
        aeon_route(app, "GET /latest", latest, NULL);
}
