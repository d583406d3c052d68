/* The OpenAPI document, made in every state of the memory, and handlers that do not do what they declare. What stands in a document is
 * shown by tests/documents. */
#include "fixture.h"
#include "harness.h"

#include "app/calls.h"
#include "failing.h"
#include "http/document.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/record.h>
#include <stdlib.h>
#include <string.h>

#define ITEM(F) F(u64, id) F(list(record(item)), parts, .def = "[]")
AEON_RECORD(item, ITEM);
#define LISTING(F) F(i64, limit, .def = "10", .max = 100) F(map(str), labels, .def = "{}") F(optional(list(str)), tags)
AEON_RECORD(listing, LISTING);
#define WRONG(F) F(i64, limit, .def = "many")
AEON_RECORD(wrong, WRONG);

static int handle(aeon_request *req)
{
        (void)req;
        return 0;
}

static void declare(aeon_app *app)
{
        aeon_app_describe(app, &(aeon_app_description){ .title = "Parts", .version = "3", .doc = "Of things." });
        aeon_http_listen(app, &(aeon_http_opts){ .port = 8443 });
        aeon_route(app, "GET /items", handle, &(aeon_route_opts){ .doc = "All\nin pages", .query = listing_record() });
        aeon_route(
                app, "POST /items/{id}/photos", handle,
                &(aeon_route_opts){ .params = item_record(),
                                    .form = item_record(),
                                    .files = (const char *[]){ "front", "back", NULL },
                                    .replies = (aeon_route_reply[]){ { 200, item_record() }, { 200, listing_record() }, { 0 } } });
        aeon_route(app, "GET /items/{path...}", handle, NULL);
        aeon_route(app, "GET /items/{id}", handle, NULL);
}

struct look {
        int first_failing; /* which allocation fails; 0: none */
        bool failed;
        int result;
        long leaked;
        char *json;
};

static void look(aeon_app *app, void *arg)
{
        struct look *l = arg;
        long live = failing_live();
        if (l->first_failing)
                failing_begin(l->first_failing);
        l->result = aeon__openapi(app, NULL, &l->json);
        l->failed = l->first_failing && failing_end();
        if (l->result < 0)
                aeon_error_clear();
        l->leaked = l->result < 0 ? failing_live() - live : 0;
}

static struct look look_at(void (*define)(aeon_app *app), int first_failing)
{
        struct look l = { .first_failing = first_failing };
        CHECK_INT(aeon__app_declare(define, &(aeon_app_opts){ .name = "test" }, look, &l), 0);
        return l;
}

PLAIN_TEST(lists_of_a_route_need_not_outlive_its_declaration)
{
        struct look l = look_at(declare, 0);
        REQUIRE(l.result == 0);
        CHECK_CONTAINS(l.json, "\"front\":{\"type\":\"string\",\"contentMediaType\":\"application/octet-stream\"},\"back\":{");
        CHECK_CONTAINS(l.json,
                       "{\"oneOf\":[{\"$ref\":\"#/components/schemas/item\"},{\"$ref\":\"#/components/schemas/listing\"}]}");
        CHECK_CONTAINS(l.json, "\"info\":{\"title\":\"Parts\",\"version\":\"3\",\"description\":\"Of things.\"}");
        free(l.json);
}

PLAIN_TEST(a_path_of_one_name_and_of_many_is_one_path)
{
        struct look l = look_at(declare, 0);
        REQUIRE(l.result == 0);
        CHECK_CONTAINS(l.json, "\"description\":\"Longer paths are answered, too: GET /items/{path...}\"");
        CHECK(!strstr(l.json, "\"/items/{path}\""));
        free(l.json);
}

PLAIN_TEST(a_document_survives_every_failed_allocation)
{
        struct look whole = look_at(declare, 0), l = { .failed = true };
        REQUIRE(whole.result == 0);
        int n = 1;
        for (; l.failed; n++) {
                l = look_at(declare, n);
                CHECK_INT(l.leaked, 0);
                if (l.result == 0)
                        CHECK_STR(l.json, whole.json);
                else
                        CHECK_INT(l.result, -ENOMEM);
                free(l.json);
        }
        CHECK(n > 10 || test_is_slow());
        free(whole.json);
}

static void declare_wrong_default(aeon_app *app)
{
        aeon_route(app, "GET /x", handle, &(aeon_route_opts){ .query = wrong_record() });
}

static void declare_wrong_status(aeon_app *app)
{
        CHECK_INT(aeon_route(app, "GET /x", handle, &(aeon_route_opts){ .replies = (aeon_route_reply[]){ { 600 }, { 0 } } }),
                  -EINVAL);
        CHECK_STR(aeon_error_text(), "route \"GET /x\": there is no status 600");
}

PLAIN_TEST(what_cannot_be_described_is_refused)
{
        CHECK_INT(look_at(declare_wrong_default, 0).result, -EINVAL);
        CHECK_INT(look_at(declare_wrong_status, 0).result, -EINVAL);
}

static void declare_nothing(aeon_app *app)
{
        (void)app;
}

PLAIN_TEST(an_app_without_routes_has_a_document)
{
        struct look l = look_at(declare_nothing, 0);
        REQUIRE(l.result == 0);
        CHECK_CONTAINS(l.json, "\"info\":{\"title\":\"test\",\"version\":\"1.0.0\"},\"paths\":{}");
        free(l.json);
}

/* ------------------------------------------------------------------ declarations that are not so */

#define OTHER(F) F(i64, limit, .def = "0")
AEON_RECORD(other, OTHER);

static int reads_other(aeon_request *req)
{
        const struct other *o;
        const struct item *item;
        int r = other_query(req, &o);
        if (r >= 0)
                r = item_receive(req, &item);
        if (r < 0)
                return r;
        return o->limit ? other_reply(req, 200, o) : item_reply(req, 201, item);
}

TEST(a_handler_that_does_not_do_what_its_route_declares_is_told_of_once)
{
        aeon_group *g = start((struct http_limits){ 0 });
        add("POST /x", reads_other,
            &(aeon_route_opts){ .query = listing_record(),
                                .body = item_record(),
                                .replies = (aeon_route_reply[]){ { 200, item_record() }, { 201, item_record() }, { 0 } } });
        test_stderr_begin();
        for (int i = 0; i < 3; i++) {
                CHECK_CONTAINS(ask("POST /x?limit=1 HTTP/1.1\r\nContent-Length: 8\r\n" LAST "{\"id\":1}"), " 200 ");
                CHECK_CONTAINS(ask("POST /x HTTP/1.1\r\nContent-Length: 8\r\n" LAST "{\"id\":1}"), " 201 ");
        }
        const char *log = test_stderr();
        CHECK_INT(times(log, "route \"POST /x\" declares its query as the record listing, but reads it as other"), 1);
        CHECK_INT(times(log, "route \"POST /x\" does not declare that it answers 200 with the record other"), 1);
        CHECK_INT(times(log, "declare"), 2);
        test_stderr_end();
        stop(g);
}
