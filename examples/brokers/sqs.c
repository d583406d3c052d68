/* examples/brokers/sqs.c - a FIFO queue: the orders of a customer one after another, different customers side by side.
 *
 *     $ aeon run sqs.c --broker sqs://eu-central-1
 *     $ aeon publish sqs://eu-central-1 'orders.fifo?group=ann' '{"customer": "ann", "pieces": 3}'
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
        aeon_use_broker(app, aeon_app_arg(app, "broker", "sqs://eu-central-1"));
        aeon_subscribe(app, "orders.fifo", &take_order_handler, &(aeon_subscribe_opts){ .concurrency = 32 });
}
