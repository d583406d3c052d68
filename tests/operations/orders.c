/* What the commands of docs/operations.md are run against: an order that is no JSON object is poison. */
#include <aeon.h>

#define SETTINGS(F) F(str, queue, .def = "sqlite:./orders.db", .doc = "broker URL")
AEON_RECORD(settings, SETTINGS);

static int setup(aeon_app *app)
{
        struct settings *s;
        int r = settings_load(app, &s, NULL);
        return r < 0 ? r : aeon_broker_set_url(aeon_app_broker(app), s->queue);
}

static int order(aeon_message *m)
{
        const char *body = aeon_message_body(m);
        return *body == '{' ? 0 : aeon_fail(-EINVAL, "no order");
}
AEON_RAW_HANDLER(order);

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "hello");
}

AEON_APP(app)
{
        aeon_use_broker(app, NULL);
        aeon_on_startup(app, setup);
        aeon_subscribe(app, "orders", &order_handler, &(aeon_subscribe_opts){ .max_attempts = 1 });
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0" });
        aeon_route(app, "GET /", hello, NULL);
}
