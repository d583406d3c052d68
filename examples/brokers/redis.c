/* examples/brokers/redis.c - a stream that two groups read, each at its own pace.
 *
 *     $ aeon run redis.c --broker redis://localhost:6379
 *     $ aeon publish redis://localhost:6379 'orders?maxlen=100000' '{"pieces": 3}'
 *     billed 3 pieces
 *     packed 3 pieces
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

#define ORDER(F) F(i64, pieces, .min = 1)
AEON_RECORD(order, ORDER);

static int bill(const struct order *in)
{
        printf("billed %" PRId64 " pieces\n", in->pieces);
        return fflush(stdout);
}
AEON_SINK_HANDLER(bill, order);

static int pack(const struct order *in)
{
        printf("packed %" PRId64 " pieces\n", in->pieces);
        return fflush(stdout);
}
AEON_SINK_HANDLER(pack, order);

AEON_APP(app)
{
        aeon_use_broker(app, aeon_app_arg(app, "broker", "redis://localhost:6379"));
        aeon_subscribe(app, "orders", &bill_handler, &(aeon_subscribe_opts){ .group = "billing" });
        aeon_subscribe(app, "orders", &pack_handler, &(aeon_subscribe_opts){ .group = "packing", .concurrency = 8 });
}
