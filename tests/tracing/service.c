/* One order's way: HTTP, a span of the user's, the broker, a question to another handler, somebody else's web server. */
#include <aeon.h>

static const char *elsewhere;

static int price(aeon_message *m)
{
        return aeon_message_reply(m, AEON_TEXT("42"));
}
AEON_RAW_HANDLER(price);

static int take_order(aeon_message *m)
{
        (void)m;
        aeon_message *answer;
        int r = aeon_request(aeon_app_broker(aeon_app_current()), "price", AEON_TEXT("?"), &answer);
        if (r < 0)
                return r;
        aeon_message_free(answer);
        aeon_http_response *response;
        r = aeon_http_get(NULL, elsewhere, &response);
        if (r == 0)
                aeon_http_response_free(response);
        return r;
}
AEON_RAW_HANDLER(take_order);

static int order(aeon_request *req)
{
        aeon_span *span = aeon_span_begin("check");
        aeon_span_set(span, "customer.kind", "new \"one\"");
        aeon_span_set_number(span, "items", 3);
        aeon_log_info("checking");
        aeon_span_end(span);
        int r = aeon_publish(aeon_app_broker(aeon_app_current()), "orders", AEON_TEXT("x"), NULL);
        return r < 0 ? r : aeon_reply_text(req, 202, "accepted");
}

static int fail(aeon_request *req)
{
        (void)req;
        return aeon_fail(-EIO, "on purpose");
}

AEON_APP(app)
{
        elsewhere = aeon_app_arg(app, "elsewhere", "http://127.0.0.1:1/");
        aeon_use_broker(app, aeon_app_arg(app, "url", "memory:"));
        aeon_subscribe(app, "orders", &take_order_handler, NULL);
        aeon_subscribe(app, "price", &price_handler, NULL);
        aeon_http_listen(app, &(aeon_http_opts){ .address = aeon_app_arg(app, "listen", "127.0.0.1:0") });
        aeon_route(app, "POST /orders/{id}", order, NULL);
        aeon_route(app, "GET /fail", fail, NULL);
}
