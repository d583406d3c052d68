/* examples/brokers/rabbitmq.c - a topic exchange: each service has a queue of its own for what interests it.
 *
 *     $ aeon run rabbitmq.c --broker amqp://localhost:5672
 *     $ aeon publish amqp://localhost:5672 'news?exchange=events&exchange_type=topic&key=order.eu.new' '{"pieces": 3}'
 *     europe: 3 pieces
 *     audit: {"pieces": 3}
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

#define ORDER(F) F(i64, pieces, .min = 1)
AEON_RECORD(order, ORDER);

static int europe(const struct order *in)
{
        printf("europe: %" PRId64 " pieces\n", in->pieces);
        return fflush(stdout);
}
AEON_SINK_HANDLER(europe, order);

static int audit(aeon_message *m)
{
        printf("audit: %s\n", (const char *)aeon_message_body(m));
        return fflush(stdout);
}
AEON_RAW_HANDLER(audit);

AEON_APP(app)
{
        aeon_use_broker(app, aeon_app_arg(app, "broker", "amqp://localhost:5672"));
        aeon_subscribe(app, "europe?exchange=events&exchange_type=topic&key=order.eu.*", &europe_handler, NULL);
        aeon_subscribe(app, "audit?exchange=events&exchange_type=topic&key=#", &audit_handler, NULL);
}
