/* A service that counts: when it ends it says how many requests its handlers had begun, and after some that it is in the middle of them. */
#include <aeon.h>
#include <stdatomic.h>

static atomic_long begun;

static void count(void)
{
        if (atomic_fetch_add(&begun, 1) == 500)
                aeon_log_info("all hands full");
}

static int quick(aeon_request *req)
{
        count();
        return aeon_reply_text(req, 200, "quick");
}

static int slow(aeon_request *req)
{
        count();
        int r = aeon_sleep(AEON_MILLISECONDS(20));
        return r < 0 ? r : aeon_reply_text(req, 200, "slow");
}

/* In pieces, some of which come later: 1,000,000 bytes. */
static int stream(aeon_request *req)
{
        static const char piece[50000];
        count();
        int r = aeon_reply_begin(req, 200, "application/octet-stream");
        for (int i = 0; i < 20 && r >= 0; i++) {
                r = aeon_reply_write(req, piece, sizeof piece);
                if (r >= 0 && i % 5 == 0)
                        r = aeon_sleep(AEON_MILLISECONDS(5));
        }
        return r;
}

static int receive(aeon_request *req)
{
        aeon_bytes body;
        count();
        int r = aeon_request_body(req, &body);
        return r < 0 ? r : aeon_reply_bytes(req, 200, "text/plain", body.data, body.size);
}

static int tell(aeon_app *app)
{
        (void)app;
        aeon_log_info("begun=%ld", atomic_load(&begun));
        return 0;
}

AEON_APP(app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0", .access_log = AEON_ACCESS_LOG_OFF });
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0",
                                                 .access_log = AEON_ACCESS_LOG_OFF,
                                                 .tls = &(aeon_tls_opts){ .certificate = aeon_app_arg(app, "certificate", ""),
                                                                          .key = aeon_app_arg(app, "key", "") } });
        aeon_route(app, "GET /quick", quick, NULL);
        aeon_route(app, "GET /slow", slow, NULL);
        aeon_route(app, "GET /stream", stream, NULL);
        aeon_route(app, "POST /receive", receive, NULL);
        aeon_after_shutdown(app, tell);
}
