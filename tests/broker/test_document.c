/* The AsyncAPI document, made in every state of the memory. What stands in it is shown by tests/documents. */
#include "harness.h"

#include "app/calls.h"
#include "broker/document.h"
#include "failing.h"

#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/record.h>
#include <stdlib.h>

#define ORDER(F) F(u64, id) F(str, note, .def = "")
AEON_RECORD(order, ORDER);

static int charge(const struct order *in, struct order *out)
{
        *out = *in;
        return 0;
}
AEON_HANDLER(charge, order, order);

static void declare(aeon_app *app)
{
        aeon_use_broker(app, "memory:");
        aeon_subscribe(app, "orders", &charge_handler, NULL);
        aeon_subscribe(app, "orders", &charge_handler, &(aeon_subscribe_opts){ .group = "second" });
        aeon_use_publisher(app, "or/ders", order_record());
        aeon_use_publisher(app, "or.ders?x", NULL);
}

struct look {
        int first_failing; /* which allocation fails; 0: none */
        bool failed;
        int result;
        char *json;
};

static void look(aeon_app *app, void *arg)
{
        struct look *l = arg;
        if (l->first_failing)
                failing_begin(l->first_failing);
        l->result = aeon__asyncapi(app, "2.0.0", &l->json);
        l->failed = l->first_failing && failing_end();
        aeon_error_clear();
}

static struct look look_at(int first_failing)
{
        struct look l = { .first_failing = first_failing };
        CHECK_INT(aeon__app_declare(declare, &(aeon_app_opts){ .name = "test" }, look, &l), 0);
        return l;
}

PLAIN_TEST(a_document_is_whole_or_an_error)
{
        struct look whole = look_at(0), l = { .failed = true };
        REQUIRE(whole.result == 0);
        CHECK_CONTAINS(whole.json, "\"operations\":{\"charge\":{");
        CHECK_CONTAINS(whole.json, "\"charge-2\":{");
        int n = 1;
        long live = 0;
        for (; l.failed; n++) {
                l = look_at(n);
                if (l.result == 0)
                        CHECK_STR(l.json, whole.json);
                else
                        CHECK_INT(l.result, -ENOMEM);
                free(l.json);
                if (n == 1)
                        live = failing_live();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 10 || test_is_slow());
        free(whole.json);
}
