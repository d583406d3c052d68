/* The OpenAPI document of an app; see document.h.
 *
 * DESIGN
 *      path of the router  -> path item
 *      route               -> operation     parameters of the path and the query, a body, replies: operation.h
 *      record              -> component     schemas/NAME; the fields of a query's record, and of a path's, are parameters
 *      error of ours       -> component     responses/problem
 *
 *   The text is written from its first byte to its last; records are noted on the way and written at the end (record/schema.h).
 *
 *   Two things have no words in OpenAPI. `{name...}` is written as `{name}`; where both stand at the same place they share one path. And
 *   methods other than the eight that it knows are left out.
 */
#include "http/document.h"

#include "app/calls.h"
#include "base/text.h"
#include "http/operation.h"
#include "record/object.h"
#include "record/schema.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct document {
        struct text json;
        struct schemas schemas;
        struct text ids; /* of all operations so far, each on its line */
};

static void put(struct document *d, const char *text)
{
        aeon__text_add(&d->json, text, strlen(text));
}

static void put_key(struct document *d, const char *key)
{
        aeon__object_key(&d->json, key);
}

static void put_string(struct document *d, const char *key, const char *string)
{
        aeon__object_string(&d->json, key, string);
}

static void put_raw(struct document *d, const char *key, const char *json)
{
        aeon__object_raw(&d->json, key, json);
}

/* ------------------------------------------------------------------ operations and paths */

/* Add "get-items-id" for "GET /items/{id}". */
static void print_id(const struct http_route *route, struct text *id)
{
        bool gap = false;
        for (const char *c = route->pattern; *c; c++) {
                char letter = (char)tolower((unsigned char)*c);
                if (!isalnum((unsigned char)letter) && letter != '_') {
                        gap = true;
                        continue;
                }
                aeon__text_add(id, "-", gap);
                aeon__text_add(id, &letter, 1);
                gap = false;
        }
}

/* Of several that come to the same, the later ones get a number: get-items-id-2. */
static void write_id(struct document *d, const struct http_route *route)
{
        struct text line = { 0 };
        bool taken = true;
        for (unsigned n = 1; taken; n++) {
                aeon__text_done(&line);
                aeon__text_print(&line, "\n");
                print_id(route, &line);
                aeon__text_print(&line, n > 1 ? "-%u\n" : "\n", n);
                taken = !line.failed && d->ids.length && strstr(d->ids.data, line.data);
        }
        d->json.failed |= line.failed;
        if (!line.failed) {
                aeon__text_add(&d->ids, line.data, line.length);
                put_key(d, "operationId");
                aeon__text_print(&d->json, "\"%.*s\"", (int)line.length - 2, line.data + 1);
        }
        aeon__text_done(&line);
}

/* The first line, and the rest. */
static void write_doc(struct document *d, const char *doc)
{
        size_t length = strcspn(doc, "\n");
        char *summary = strndup(doc, length);
        d->json.failed |= !summary;
        put_string(d, "summary", summary ? summary : "");
        free(summary);
        doc += length + strspn(doc + length, "\n");
        if (*doc)
                put_string(d, "description", doc);
}

static const char *method_key(const struct http_route *route)
{
        static const char *const methods[][2] = { { "GET ", "get" },       { "PUT ", "put" },         { "POST ", "post" },
                                                  { "DELETE ", "delete" }, { "OPTIONS ", "options" }, { "HEAD ", "head" },
                                                  { "PATCH ", "patch" },   { "TRACE ", "trace" } };
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
                if (!strncmp(route->pattern, methods[i][0], strlen(methods[i][0])))
                        return methods[i][1];
        return NULL;
}

static void write_operation(struct document *d, const struct http_route *route, const struct http_route *first)
{
        const char *method = method_key(route);
        if (!method)
                return;
        put_raw(d, method, "{");
        write_id(d, route);
        if (route->opts.doc)
                write_doc(d, route->opts.doc);
        else if (route->folder)
                write_doc(d, "The files of a folder");
        aeon__operation_parameters(&d->schemas, route, first);
        aeon__operation_body(&d->schemas, route);
        aeon__operation_replies(&d->schemas, route);
        put(d, "}");
}

static bool has_method(const struct http_route *routes, const struct http_route *other)
{
        for (; routes; routes = routes->next)
                if (routes->method_size == other->method_size && !memcmp(routes->pattern, other->pattern, other->method_size))
                        return true;
        return false;
}

/* "/files/{path...}" as "/files/{path}". */
static void write_key(struct document *d, const struct http_route *route)
{
        struct text key = { 0 };
        const char *path = route->pattern + route->method_size + 1;
        size_t size = strlen(path), rest = size > 4 && !strcmp(path + size - 4, "...}") ? 3 : 0;
        aeon__text_add(&key, path, size - rest - (rest ? 1 : 0));
        aeon__text_add(&key, "}", rest ? 1 : 0);
        put_raw(d, key.failed ? "" : key.data, "{");
        d->json.failed |= key.failed;
        aeon__text_done(&key);
}

static void write_path(void *arg, const struct http_route *routes, const struct http_route *rest)
{
        struct document *d = arg;
        write_key(d, routes);
        for (const struct http_route *route = routes; route; route = route->next)
                write_operation(d, route, routes);
        for (const struct http_route *route = rest; route; route = route->next)
                if (!has_method(routes, route))
                        write_operation(d, route, routes);
        if (rest) {
                put_key(d, "description");
                aeon__text_print(&d->json, "\"Longer paths are answered, too:");
                for (const struct http_route *route = rest; route; route = route->next)
                        aeon__text_print(&d->json, " %s", route->pattern);
                put(d, "\"");
        }
        put(d, "}");
}

/* ------------------------------------------------------------------ the whole */

static void write_info(struct document *d, aeon_app *app, const char *version)
{
        aeon_app_description about = aeon__app_description(app);
        put_raw(d, "info", "{");
        put_string(d, "title", about.title);
        put_string(d, "version", version ? version : about.version);
        if (about.doc)
                put_string(d, "description", about.doc);
        put(d, "}");
}

/* An address that others can use as it stands: not of a socket's file, and not port 0. */
static void write_server(struct document *d, const char *address, bool tls)
{
        static const char *const all[] = { "0.0.0.0:", "[::]:", ":" };
        const char *port = address ? strrchr(address, ':') : NULL;
        if (!port || !isdigit((unsigned char)port[1]) || !strcmp(port, ":0"))
                return;
        bool everywhere = false;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                everywhere |= !strncmp(address, all[i], strlen(all[i])) && address + strlen(all[i]) == port + 1;
        put_raw(d, "servers", "[{\"url\":");
        aeon__text_print(&d->json, "\"http%s://%s%s\"}]", tls ? "s" : "", everywhere ? "localhost" : address,
                         everywhere ? port : "");
}

/* Of every error that the server tells: settle.c. */
static const char problem_response[] =
        "{\"description\":\"An error, as RFC 9457 tells it.\",\"content\":{\"application/problem+json\":"
        "{\"schema\":{\"$ref\":\"#/components/schemas/http-problem\"}}}}";
static const char problem_schema[] =
        "{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\",\"description\":\"the status in words\"},"
        "\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
        "\"detail\":{\"type\":\"string\",\"description\":\"what went wrong\"},"
        "\"errors\":{\"type\":\"array\",\"description\":\"all that is wrong with what was sent\",\"items\":{\"type\":\"object\","
        "\"properties\":{\"in\":{\"enum\":[\"body\",\"query\",\"form\",\"path\"]},\"path\":{\"type\":\"string\"},"
        "\"detail\":{\"type\":\"string\"}},\"required\":[\"in\",\"path\",\"detail\"]}}},\"required\":[\"title\",\"status\"]}";

static void write_all(struct document *d, aeon_app *app, const char *version, const struct http_router *router, const char *address,
                      bool tls)
{
        put(d, "{\"openapi\":\"3.1.0\"");
        write_info(d, app, version);
        write_server(d, address, tls);
        put_raw(d, "paths", "{");
        if (router)
                aeon__router_each(router, write_path, d);
        put(d, "}");
        put_raw(d, "components", "{");
        put_raw(d, "responses", "{");
        put_raw(d, "problem", problem_response);
        put(d, "}");
        put_raw(d, "schemas", "{");
        put_raw(d, "http-problem", problem_schema);
        aeon__schemas_write(&d->schemas);
        put(d, "}}}");
}

int aeon__openapi(aeon_app *app, const char *version, char **ret_json)
{
        const struct http_router *router;
        const char *address;
        bool tls;
        int r = aeon__http_declared(app, &router, &address, &tls);
        if (r < 0)
                return r;
        struct document d = { .schemas = { .json = &d.json } };
        write_all(&d, app, version, router, address, tls);
        d.json.failed |= d.ids.failed;
        aeon__text_done(&d.ids);
        r = aeon__schemas_close(&d.schemas);
        if (r < 0) {
                aeon__text_done(&d.json);
                return r;
        }
        *ret_json = d.json.data;
        return 0;
}
