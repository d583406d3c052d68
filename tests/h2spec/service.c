/* What h2spec asks: a path that reads the body and takes a moment, since the streams must still be there for what it does to them. */
#include <aeon.h>

static int answer(aeon_request *req)
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        r = r < 0 ? r : aeon_sleep(AEON_MILLISECONDS(100));
        return r < 0 ? r : aeon_reply_text(req, 200, "Hello, world!");
}

AEON_APP(app)
{
        const char *certificate = aeon_app_arg(app, "certificate", "");
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0", .access_log = AEON_ACCESS_LOG_OFF });
        aeon_http_listen(app, &(aeon_http_opts){
                                      .address = "127.0.0.1:0",
                                      .access_log = AEON_ACCESS_LOG_OFF,
                                      .tls = &(aeon_tls_opts){ .certificate = certificate, .key = aeon_app_arg(app, "key", "") } });
        aeon_route(app, "GET /", answer, NULL);
        aeon_route(app, "POST /", answer, NULL);
}
