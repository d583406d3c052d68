/* A shop with customers of its own, for the dashboard to show: orders over HTTP and a queue, what a shop does beside, and checks that a
 * file in --folder makes fail: its words are the error. With --odd-names yes something has a name that is HTML. */
#include <aeon.h>
#include <aeon/http_client.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static aeon_app *shop;
static const char *folder;
static _Atomic int orders; /* that were taken */

static int pause_about(double ms)
{
        double part = (double)rand() / RAND_MAX;
        return aeon_sleep((aeon_duration)(ms * (0.4 + 1.2 * part) * 1e6));
}

/* ------------------------------------------------------------------ health */

/* The first line of the file @name; false: there is no such file. */
static bool complaint(const char *name, char *line, int size)
{
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *file = fopen(path, "re");
        if (!file)
                return false;
        if (!fgets(line, size, file))
                line[0] = '\0';
        line[strcspn(line, "\n")] = '\0';
        fclose(file);
        return true;
}

static int check_by_file(aeon_health *h, const char *name, double ms)
{
        char line[200];
        int r = pause_about(ms);
        if (r < 0)
                return r;
        if (complaint(name, line, sizeof line))
                return aeon_fail(-ECONNREFUSED, "%s", line);
        snprintf(line, sizeof line, "%s-slow", name);
        char words[200];
        return complaint(line, words, sizeof words) ? aeon_health_degraded(h, "%s", words) : 0;
}

static int check_database(aeon_health *h)
{
        return check_by_file(h, "database", 3);
}

static int check_payments(aeon_health *h)
{
        return check_by_file(h, "payments", 38);
}

static int check_search(aeon_health *h)
{
        return check_by_file(h, "search", 9);
}

/* ------------------------------------------------------------------ orders */

static int show_order(aeon_request *req)
{
        int r = pause_about(2);
        return r < 0 ? r : aeon_reply_json(req, 200, "{\"pieces\":3}");
}

static int search(aeon_request *req)
{
        int r = pause_about(11);
        if (r == 0 && rand() % 60 == 0)
                return aeon_reply_text(req, 503, "the index is busy");
        return r < 0 ? r : aeon_reply_json(req, 200, "[]");
}

static int place_order(aeon_request *req)
{
        int r = aeon_publish(aeon_app_broker(shop), "orders", AEON_TEXT("{\"pieces\": 3}"), NULL);
        return r < 0 ? r : aeon_reply_status(req, 202);
}

static int take_order(aeon_message *m)
{
        int r = pause_about(14);
        if (r == 0 && ++orders % 90 == 0)
                return aeon_fail(-EAGAIN, "the warehouse does not answer");
        return r < 0 ? r : aeon_publish(aeon_app_broker(shop), "invoices", AEON_TEXT("{\"sum\": 42}"), NULL);
}
AEON_RAW_HANDLER(take_order);

/* Not while there is a file "printer": what comes meanwhile waits at the broker. */
static int write_invoice(aeon_message *m)
{
        (void)m;
        char line[200];
        int r = pause_about(6);
        while (r == 0 && complaint("printer", line, sizeof line))
                r = aeon_sleep(AEON_MILLISECONDS(100));
        return r;
}
AEON_RAW_HANDLER(write_invoice);

/* ------------------------------------------------------------------ customers */

static int ask(aeon_http_client *client, const char *method, const char *path)
{
        aeon_http_response *res = NULL;
        int r = aeon_http_send(client, &(aeon_http_call){ .method = method, .url = path }, &res);
        aeon_http_response_free(res);
        return r == -ECANCELED ? r : 0;
}

static int visit(aeon_http_client *client)
{
        static const char *const pages[] = { "/orders/17", "/search?q=tea", "/orders/4", "/search?q=cups" };
        int r = 0;
        for (double wave = 0; r == 0; wave += 0.03) {
                r = ask(client, "GET", pages[rand() % 4]);
                if (r == 0 && rand() % 3 == 0)
                        r = ask(client, "POST", "/orders");
                if (r == 0)
                        r = pause_about(45 + 25 * sin(wave));
        }
        return r;
}

static int customers(void *app)
{
        char base[80];
        aeon_http_client *client;
        snprintf(base, sizeof base, "http://%s", aeon_http_address(app, 0));
        int r = aeon_http_client_open(&(aeon_http_client_opts){ .base_url = base, .proxy = "" }, &client);
        if (r < 0)
                return r;
        r = visit(client);
        aeon_http_client_close(client);
        return r;
}

/* ------------------------------------------------------------------ beside */

static int follow_stock(void *arg)
{
        static int runs;
        (void)arg;
        int r = aeon_sleep(AEON_SECONDS(1));
        if (r == 0 && ++runs <= 2)
                return aeon_fail(-ECONNRESET, "warehouse.example closed the stream");
        return r < 0 ? r : aeon_sleep_until(AEON_NEVER);
}

static int wait_for_mail(void *arg)
{
        (void)arg;
        return aeon_sleep_until(AEON_NEVER);
}

static int refresh_prices(void *arg)
{
        (void)arg;
        return pause_about(70);
}

static int send_report(void *arg)
{
        (void)arg;
        return 0;
}

/* In flight until its time is over. */
static int linger(aeon_request *req)
{
        int r = aeon_sleep(AEON_SECONDS(60));
        return r < 0 ? r : aeon_reply_status(req, 204);
}

static void declare_check(aeon_app *app, const char *name, aeon_health_fn *check, aeon_impact impact)
{
        aeon_health_check(app, name, check,
                          &(aeon_health_opts){ .interval = AEON_SECONDS(1), .timeout = AEON_SECONDS(60), .impact = impact });
}

AEON_APP(app)
{
        aeon_app_describe(app, &(aeon_app_description){ .title = "Tea & Cups", .version = "2.4.1" });
        shop = app;
        folder = aeon_app_arg(app, "folder", ".");
        aeon_use_broker(app, "memory:");
        declare_check(app, "database", check_database, AEON_CRITICAL);
        declare_check(app, "payments", check_payments, AEON_DEGRADING);
        declare_check(app, "search", check_search, AEON_INFO);
        aeon_subscribe(app, "orders", &take_order_handler, &(aeon_subscribe_opts){ .concurrency = 8 });
        aeon_subscribe(app, "invoices", &write_invoice_handler, &(aeon_subscribe_opts){ .window = 4 });
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0", .access_log = AEON_ACCESS_LOG_OFF });
        aeon_route(app, "GET /orders/{id}", show_order, NULL);
        aeon_route(app, "POST /orders", place_order, NULL);
        aeon_route(app, "GET /search", search, NULL);
        aeon_route(app, "GET /linger", linger, NULL);
        aeon_background(app, "customers", customers, app, NULL);
        aeon_background(app, "follow stock", follow_stock, NULL, &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE });
        aeon_background(app, !strcmp(aeon_app_arg(app, "odd-names", "no"), "yes") ? "</script><b>mail</b>" : "mail", wait_for_mail,
                        NULL, NULL);
        aeon_periodic(app, "refresh prices", refresh_prices, NULL, &(aeon_periodic_opts){ .every = AEON_SECONDS(5) });
        aeon_periodic(app, "nightly report", send_report, NULL,
                      &(aeon_periodic_opts){ .cron = "30 2 * * *", .zone = "Europe/Berlin" });
}
