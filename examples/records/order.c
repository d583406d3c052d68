/* examples/records/order.c - a message becomes a struct, or a list of all that is wrong with it; and the way back. */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE(V) V(STATE_NEW, "new") V(STATE_PAID, "paid") V(STATE_SENT, "sent")
AEON_ENUMERATION(state, STATE);

#define LINE(F)                                    \
        F(str, title, .min_len = 1, .max_len = 80) \
        F(f64, price, .min = 0)                    \
        F(i64, count, .def = "1", .min = 1)
AEON_RECORD(line, LINE);

#define ORDER(F)                                                 \
        F(u64, id)                                               \
        F(enumeration(state), state, .def = "new")               \
        F(timestamp, placed)                                     \
        F(list(record(line)), lines, .min_len = 1)               \
        F(map(str), labels, .def = "{}")                         \
        F(optional(str), coupon, .pattern = "^[A-Z]+-[0-9]{4}$") \
        F(optional(f64), discount, .min = 0, .max = 1)           \
        F(duration, deliver_within, .def = "48h", .name = "deliverIn")
AEON_RECORD(order, ORDER);

static const char good[] =
        "{\"id\": 18446744073709551615, \"placed\": \"2026-11-21T11:04:28+01:00\", \"discount\": 0.1,\n"
        " \"lines\": [{\"title\": \"Cups\", \"price\": 34.5, \"count\": 2}, {\"title\": \"Jug\", \"price\": 12}],\n"
        " \"labels\": {\"channel\": \"web\"}, \"state\": \"paid\"}";

static const char bad[] = "{\"id\": -1, \"placed\": \"yesterday\", \"coupon\": \"free\", \"state\": \"lost\",\n"
                          " \"lines\": [{\"title\": \"Cups\", \"price\": 34.5}, {\"title\": \"\", \"price\": \"12\"}],\n"
                          " \"discount\": 0.1, \"discount\": 0.2}";

static void print(const struct order *order)
{
        double sum = 0;
        for (size_t i = 0; i < order->lines.count; i++) {
                const struct line *line = &order->lines.items[i];
                printf("%" PRId64 " x %s\n", line->count, line->title);
                sum += line->price * (double)line->count;
        }
        if (order->discount)
                sum *= 1 - *order->discount;
        printf("%.2f, %s, coupon %s\n", sum, state_name(order->state), order->coupon ? order->coupon : "none");
}

int main(void)
{
        struct order *order;
        if (order_decode(good, strlen(good), &order) == 0) {
                print(order);
                order_free(order);
        }
        if (order_decode(bad, strlen(bad), &order) < 0)
                puts(aeon_error_text());

        const struct line lines[] = { { .title = "Jug", .price = 12, .count = 1 }, { .title = "Cups", .price = 34.5, .count = 2 } };
        const char *const keys[] = { "channel" }, *const values[] = { "shop" };
        struct order mine = {
                .id = 7,
                .state = STATE_SENT,
                .placed = AEON_SECONDS(1795255468),
                .lines = { lines, 2 },
                .labels = { keys, values, 1 },
                .discount = &(double){ 0.25 },
                .deliver_within = AEON_HOURS(24),
        };
        char *json;
        if (order_encode(&mine, &json) > 0) {
                puts(json);
                free(json);
        }
        return 0;
}
