/* The service that Prometheus looks at: orders come by HTTP and go through the broker. */
#include <aeon.h>
#include <string.h>

AEON_COUNTER(shop_orders_total, "Orders by what became of them.", "outcome");

static int take(aeon_message *m)
{
        bool bad = !strcmp(aeon_message_body(m), "bad");
        shop_orders_total_add(1, bad ? "refused" : "taken");
        return bad ? aeon_fail(-EINVAL, "a bad order") : 0;
}
AEON_RAW_HANDLER(take);

static int order(aeon_request *req)
{
        const char *body = aeon_request_query(req, "bad") ? "bad" : "good";
        int r = aeon_publish(aeon_app_broker(aeon_app_current()), "orders", AEON_TEXT(body), NULL);
        return r < 0 ? r : aeon_reply_text(req, 202, "accepted");
}

static int show(aeon_request *req)
{
        return aeon_reply_text(req, 200, aeon_request_param(req, "id"));
}

static int fail(aeon_request *req)
{
        (void)req;
        return aeon_fail(-EIO, "on purpose");
}

AEON_APP(app)
{
        aeon_use_broker(app, aeon_app_arg(app, "url", "memory:"));
        aeon_subscribe(app, "orders", &take_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_REJECT_ON_ERROR });
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "127.0.0.1:0") });
        aeon_route(app, "POST /orders", order, NULL);
        aeon_route(app, "GET /orders/{id}", show, NULL);
        aeon_route(app, "GET /fail", fail, NULL);
}
