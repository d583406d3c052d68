/* examples/brokers/kafka.c - many customers at a time, and the orders of each in order.
 *
 *     $ aeon run kafka.c --broker kafka://localhost:9092
 *     $ aeon publish kafka://localhost:9092 'orders?key=ann' '{"customer": "ann", "pieces": 3}'
 *     ann: 3 pieces
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

#define ORDER(F) F(str, customer) F(i64, pieces, .min = 1)
AEON_RECORD(order, ORDER);

static int take_order(const struct order *in)
{
        printf("%s: %" PRId64 " pieces\n", in->customer, in->pieces);
        return fflush(stdout);
}
AEON_SINK_HANDLER(take_order, order);

AEON_APP(app)
{
        aeon_use_broker(app, aeon_app_arg(app, "broker", "kafka://localhost:9092"));
        aeon_subscribe(app, "orders?ordered=key", &take_order_handler,
                       &(aeon_subscribe_opts){ .group = "shop", .concurrency = 32 });
}
