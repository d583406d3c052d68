/* The OpenAPI document of an app; see document.h.
 *
 * DESIGN
 *      path of the router  -> path item
 *      route               -> operation     parameters of the path and the query, a body, replies
 *      record              -> component     schemas/NAME; the fields of a query's record, and of a path's, are parameters
 *      error of ours       -> component     responses/problem
 *
 *   The text is written from its first byte to its last; records are noted on the way and written at the end (record/schema.h).
 *
 *   What a route declares is told, and what the server does of itself with what is declared: a body can be too long, a form can be none.
 *   About the rest nothing is known but its kind: a handler may succeed (2XX) or fail in ways of its own (4XX, 5XX).
 *
 *   Two things have no words in OpenAPI. `{name...}` is written as `{name}`; where both stand at the same place they share one path. And
 *   methods other than the eight that it knows are left out.
 */
#include "http/document.h"

#include "app/calls.h"
#include "base/text.h"
#include "http/request.h"
#include "http/router.h"
#include "record/object.h"
#include "record/schema.h"
#include "record/value.h"

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

/* What stands between the items of a list, unless one begins. */
static void put_comma(struct document *d)
{
        if (!d->json.failed && d->json.data[d->json.length - 1] != '[')
                put(d, ",");
}

/* ------------------------------------------------------------------ parameters */

static const aeon_field *field_called(const aeon_record *record, const char *name)
{
        for (size_t i = 0; record && i < record->field_count; i++)
                if (!strcmp(aeon__field_name(&record->fields[i]), name))
                        return &record->fields[i];
        return NULL;
}

static struct type without_optional(struct type t)
{
        return type_kind(t) == AEON_KIND_OPTIONAL ? type_inner(t) : t;
}

/* Its text is JSON, as it holds more than one value can say. A list is given by its name several times. */
static bool is_json(const aeon_field *field)
{
        struct type t = without_optional((struct type){ field, 0 });
        if (type_kind(t) == AEON_KIND_LIST)
                t = without_optional(type_inner(t));
        aeon_kind kind = type_kind(t);
        return kind == AEON_KIND_LIST || kind == AEON_KIND_MAP || kind == AEON_KIND_RECORD || kind == AEON_KIND_JSON;
}

/* @field NULL: any text. */
static void write_parameter(struct document *d, const char *in, const char *name, bool required, const aeon_record *record,
                            const aeon_field *field)
{
        put_comma(d);
        put(d, "{");
        put_string(d, "name", name);
        put_string(d, "in", in);
        if (required)
                put_raw(d, "required", "true");
        if (field && field->doc)
                put_string(d, "description", field->doc);
        bool json = field && is_json(field);
        put_raw(d, json ? "content" : "schema", json ? "{\"application/json\":{\"schema\":" : "");
        if (field)
                aeon__schema_field(&d->schemas, record, field);
        else
                put(d, "{\"type\":\"string\"}");
        put(d, json ? "}}}" : "}");
}

/* Those of the path are called as in @first, whose pattern is the path's key. */
static void write_parameters(struct document *d, const struct http_route *route, const struct http_route *first)
{
        const aeon_record *query = route->opts.query;
        if (!route->param_count && !query)
                return;
        put_raw(d, "parameters", "[");
        for (size_t i = 0; i < route->param_count; i++)
                write_parameter(d, "path", first->names[i], true, route->opts.params,
                                field_called(route->opts.params, route->names[i]));
        for (size_t i = 0; query && i < query->field_count; i++) {
                const aeon_field *field = &query->fields[i];
                if (field->unknown != AEON_UNKNOWN_KEEP)
                        write_parameter(d, "query", aeon__field_name(field), aeon__field_is_required(field), query, field);
        }
        put(d, "]");
}

/* ------------------------------------------------------------------ bodies */

static void write_json_content(struct document *d, const aeon_record *record)
{
        put_raw(d, "application/json", "{\"schema\":");
        aeon__schema_refer(&d->schemas, record);
        put(d, "}");
}

/* Which fields of a form are JSON. */
static void write_encoding(struct document *d, const aeon_record *form)
{
        bool any = false;
        for (size_t i = 0; i < form->field_count; i++) {
                const aeon_field *field = &form->fields[i];
                if (!is_json(field) || field->unknown == AEON_UNKNOWN_KEEP)
                        continue;
                if (!any)
                        put_raw(d, "encoding", "{");
                any = true;
                put_raw(d, aeon__field_name(field), "{\"contentType\":\"application/json\"}");
        }
        put(d, any ? "}" : "");
}

static void write_form_schema(struct document *d, const aeon_record *form, const char *const *files)
{
        if (!files) {
                aeon__schema_refer(&d->schemas, form);
                return;
        }
        put(d, "{");
        if (form) {
                put_raw(d, "allOf", "[");
                aeon__schema_refer(&d->schemas, form);
                put(d, "]");
        }
        put_raw(d, "type", "\"object\"");
        put_raw(d, "properties", "{");
        for (; *files; files++)
                put_raw(d, *files, "{\"type\":\"string\",\"contentMediaType\":\"application/octet-stream\"}");
        put(d, "}}");
}

/* Without files both encodings are taken. */
static void write_forms(struct document *d, const struct http_route *route)
{
        static const char *const types[] = { "multipart/form-data", "application/x-www-form-urlencoded" };
        const char *const *files = route->files;
        for (size_t i = 0; i < (files ? 1 : 2); i++) {
                put_raw(d, types[i], "{\"schema\":");
                write_form_schema(d, route->opts.form, files);
                if (route->opts.form)
                        write_encoding(d, route->opts.form);
                put(d, "}");
        }
}

static bool takes_form(const struct http_route *route)
{
        return route->opts.form || route->files;
}

static bool takes_body(const struct http_route *route)
{
        return route->opts.body || takes_form(route);
}

static void write_body(struct document *d, const struct http_route *route)
{
        if (!takes_body(route))
                return;
        put_raw(d, "requestBody", "{\"required\":true,\"content\":{");
        if (route->opts.body)
                write_json_content(d, route->opts.body);
        if (takes_form(route))
                write_forms(d, route);
        put(d, "}}");
}

/* ------------------------------------------------------------------ replies */

/* All JSON of one status: one record, or one of several. */
static void write_records(struct document *d, const aeon_route_reply *replies, int status)
{
        const aeon_record *only = NULL;
        size_t count = 0;
        for (const aeon_route_reply *reply = replies; reply->status; reply++) {
                if (reply->status == status && reply->record) {
                        only = reply->record;
                        count++;
                }
        }
        if (count == 1)
                write_json_content(d, only);
        if (count < 2)
                return;
        put_raw(d, "application/json", "{\"schema\":{\"oneOf\":[");
        for (const aeon_route_reply *reply = replies; reply->status; reply++) {
                if (reply->status == status && reply->record) {
                        put_comma(d);
                        aeon__schema_refer(&d->schemas, reply->record);
                }
        }
        put(d, "]}}");
}

/* All that come with the status of @first. */
static void write_reply(struct document *d, const aeon_route_reply *replies, const aeon_route_reply *first)
{
        char status[16];
        bool body = false;
        snprintf(status, sizeof status, "%d", first->status);
        put_raw(d, status, "{");
        put_string(d, "description", first->doc ? first->doc : aeon__http_status_name(first->status));
        for (const aeon_route_reply *reply = first; reply->status; reply++)
                body |= reply->status == first->status && (reply->record || reply->content_type);
        if (body) {
                put_raw(d, "content", "{");
                write_records(d, replies, first->status);
                for (const aeon_route_reply *reply = first; reply->status; reply++)
                        if (reply->status == first->status && !reply->record && reply->content_type)
                                put_raw(d, reply->content_type, "{}");
                put(d, "}");
        }
        put(d, "}");
}

static const aeon_route_reply *reply_with(const aeon_route_reply *replies, int status)
{
        for (; replies && replies->status; replies++)
                if (replies->status == status)
                        return replies;
        return NULL;
}

/* One that the server gives of itself, unless the route has said something about it. */
static void write_problem(struct document *d, const struct http_route *route, const char *status, const char *words)
{
        if (reply_with(route->replies, atoi(status)))
                return;
        put_raw(d, status, "{\"$ref\":\"#/components/responses/problem\"");
        put_string(d, "description", words);
        put(d, "}");
}

static void write_replies_of_files(struct document *d)
{
        put_raw(d, "200", "{\"description\":\"The file.\",\"content\":{\"*/*\":{}}}");
        put_raw(d, "206", "{\"description\":\"The range of the file that was asked for.\",\"content\":{\"*/*\":{}}}");
        put_raw(d, "304", "{\"description\":\"It has not changed.\"}");
}

static void write_problems(struct document *d, const struct http_route *route)
{
        const aeon_route_opts *o = &route->opts;
        if (o->params || o->query || takes_body(route))
                write_problem(d, route, "400", "What was sent is not as it has to be; `errors` lists all that is wrong.");
        if (route->param_count)
                write_problem(d, route, "404", "There is no such thing.");
        if (takes_body(route)) {
                write_problem(d, route, "408", "The body came too slowly.");
                write_problem(d, route, "413", "The body is too long.");
        }
        if (route->folder) {
                write_problem(d, route, "412", "A condition of the request does not hold.");
                write_problem(d, route, "416", "The file does not have such a range.");
        }
        if (takes_form(route))
                write_problem(d, route, "415", "The body is no form.");
        if (o->timeout)
                write_problem(d, route, "504", "It took too long.");
        write_problem(d, route, "4XX", "The request cannot be answered as it is.");
        write_problem(d, route, "5XX", "The service has failed.");
}

static void write_replies(struct document *d, const struct http_route *route)
{
        const aeon_route_reply *replies = route->replies;
        put_raw(d, "responses", "{");
        for (const aeon_route_reply *reply = replies; reply && reply->status; reply++)
                if (reply_with(replies, reply->status) == reply)
                        write_reply(d, replies, reply);
        if (route->folder)
                write_replies_of_files(d);
        else if (!replies)
                put_raw(d, "2XX", "{\"description\":\"Success.\"}");
        write_problems(d, route);
        put(d, "}");
}

/* ------------------------------------------------------------------ operations and paths */

/* "GET /items/{id}" is get-items-id; of several that come to the same, get-items-id-2. */
static void write_id(struct document *d, const struct http_route *route)
{
        struct text id = { 0 }, line = { 0 };
        for (const char *c = route->pattern; *c; c++) {
                bool word = isalnum((unsigned char)*c) || *c == '_';
                char letter = word ? (char)tolower((unsigned char)*c) : '-';
                if (word || (!id.failed && id.data[id.length - 1] != '-'))
                        aeon__text_add(&id, &letter, 1);
        }
        while (!id.failed && id.data[id.length - 1] == '-')
                id.data[--id.length] = '\0';
        for (unsigned n = 1; !n || n == 1 || (d->ids.data && !line.failed && strstr(d->ids.data, line.data)); n++) {
                aeon__text_done(&line);
                aeon__text_print(&line, n > 1 ? "\n%s-%u\n" : "\n%s\n", id.failed ? "" : id.data, n);
        }
        d->json.failed |= id.failed || line.failed;
        if (!line.failed) {
                aeon__text_add(&d->ids, line.data, line.length);
                put_key(d, "operationId");
                aeon__text_print(&d->json, "\"%.*s\"", (int)line.length - 2, line.data + 1);
        }
        aeon__text_done(&id);
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
        write_parameters(d, route, first);
        write_body(d, route);
        write_replies(d, route);
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
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                if (!strncmp(address, all[i], strlen(all[i])) && address + strlen(all[i]) == port + 1)
                        address = NULL;
        put_raw(d, "servers", "[{\"url\":");
        aeon__text_print(&d->json, "\"http%s://%s%s\"}]", tls ? "s" : "", address ? address : "localhost", address ? "" : port);
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
