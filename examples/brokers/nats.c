/* examples/brokers/nats.c - questions by core NATS, which are answered now or never, and orders by JetStream, which are never lost.
 *
 *     $ aeon run nats.c --broker nats://localhost:4222
 *     $ aeon publish nats://localhost:4222 'price.chair?mode=core' '' --rpc
 *     49.90
 *     $ aeon publish nats://localhost:4222 orders.chair '{"pieces": 3}'
 *     3 of orders.chair
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

static int tell_price(aeon_message *m)
{
        return aeon_message_reply(m, AEON_TEXT("49.90"));
}
AEON_RAW_HANDLER(tell_price);

#define ORDER(F) F(i64, pieces, .min = 1)
AEON_RECORD(order, ORDER);

static int take_order(aeon_message *m)
{
        struct order *o;
        int r = order_decode(aeon_message_body(m), aeon_message_size(m), &o);
        if (r < 0)
                return r;
        printf("%" PRId64 " of %s\n", o->pieces, aeon_message_destination(m));
        order_free(o);
        return fflush(stdout);
}
AEON_RAW_HANDLER(take_order);

AEON_APP(app)
{
        aeon_use_broker(app, aeon_app_arg(app, "broker", "nats://localhost:4222"));
        aeon_subscribe(app, "price.*?mode=core", &tell_price_handler, &(aeon_subscribe_opts){ .dead_letter = "dead.prices" });
        aeon_subscribe(app, "orders.*?stream=ORDERS", &take_order_handler, &(aeon_subscribe_opts){ .dead_letter = "dead.orders" });
}
