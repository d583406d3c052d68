/* examples/metrics/shop.c - a service that counts, and then looks at its own /metrics as Prometheus would. */
#include <aeon.h>
#include <stdio.h>
#include <string.h>

AEON_COUNTER(shop_orders_total, "Orders taken.", "kind");
AEON_GAUGE(shop_carts, "Carts that are not paid yet.");
AEON_HISTOGRAM(shop_charge_seconds, "How long a charge took.", "provider");

static int order(aeon_message *m)
{
        shop_orders_total_add(1, aeon_message_body(m));
        shop_charge_seconds_observe(0.02, "visa");
        return 0;
}
AEON_RAW_HANDLER(order);

static double orders_so_far(void)
{
        return aeon_series_value(shop_orders_total_series("web")) + aeon_series_value(shop_orders_total_series("phone"));
}

/* Print the lines that begin with one of these. */
static void print_lines(const char *text, const char *const wanted[])
{
        for (const char *end; (end = strchr(text, '\n')); text = end + 1)
                for (int i = 0; wanted[i]; i++)
                        if (!strncmp(text, wanted[i], strlen(wanted[i])))
                                printf("%.*s\n", (int)(end - text), text);
}

static int look(aeon_app *app)
{
        static const char *const wanted[] = { "# HELP shop_orders",
                                              "# TYPE shop_orders",
                                              "shop_orders",
                                              "shop_carts",
                                              "shop_charge_seconds_count",
                                              "aeon_messages_processed_total",
                                              NULL };
        aeon_http_client *client;
        aeon_http_response *response;
        int r = aeon_http_client_open(&(aeon_http_client_opts){ .base_url = "http://admin", .unix_socket = "admin.sock" }, &client);
        if (r < 0)
                return r;
        r = aeon_http_get(client, "/metrics", &response);
        if (r == 0) {
                print_lines(aeon_http_response_text(response), wanted);
                aeon_http_response_free(response);
        }
        aeon_http_client_close(client);
        return r < 0 ? r : aeon_app_stop(app, 0);
}

static int work(aeon_app *app)
{
        aeon_broker *broker = aeon_app_broker(app);
        static const char *const kinds[] = { "web", "phone", "web" };
        shop_carts_set(3);
        for (int i = 0; i < 3; i++) {
                int r = aeon_publish(broker, "orders", AEON_TEXT(kinds[i]), NULL);
                if (r < 0)
                        return r;
        }
        aeon_broker_stats stats = { 0 };
        while (stats.processed < 3 || orders_so_far() < 3) {
                int r = aeon_sleep(AEON_MILLISECONDS(1));
                if (r < 0)
                        return r;
                aeon_broker_get_stats(broker, &stats);
        }
        shop_carts_add(-2);
        return look(app);
}

AEON_APP(app)
{
        aeon_use_broker(app, "memory:");
        aeon_subscribe(app, "orders", &order_handler, NULL);
        aeon_on_ready(app, work);
}
AEON_MAIN(app);
