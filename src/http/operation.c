/* What one route takes and gives; see operation.h. */
#include "http/operation.h"

#include "base/text.h"
#include "http/request.h"
#include "record/object.h"
#include "record/schema.h"
#include "record/value.h"

#include <aeon/record.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct schemas *s, const char *text)
{
        aeon__text_add(s->json, text, strlen(text));
}

static void put_string(struct schemas *s, const char *key, const char *string)
{
        aeon__object_string(s->json, key, string);
}

static void put_raw(struct schemas *s, const char *key, const char *json)
{
        aeon__object_raw(s->json, key, json);
}

/* What stands between the items of a list, unless one begins. */
static void put_comma(struct schemas *s)
{
        if (!s->json->failed && s->json->data[s->json->length - 1] != '[')
                put(s, ",");
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
static void write_parameter(struct schemas *s, const char *in, const char *name, bool required, const aeon_record *record,
                            const aeon_field *field)
{
        put_comma(s);
        put(s, "{");
        put_string(s, "name", name);
        put_string(s, "in", in);
        if (required)
                put_raw(s, "required", "true");
        if (field && field->doc)
                put_string(s, "description", field->doc);
        bool json = field && is_json(field);
        put_raw(s, json ? "content" : "schema", json ? "{\"application/json\":{\"schema\":" : "");
        if (field)
                aeon__schema_field(s, record, field);
        else
                put(s, "{\"type\":\"string\"}");
        put(s, json ? "}}}" : "}");
}

void aeon__operation_parameters(struct schemas *s, const struct http_route *route, const struct http_route *first)
{
        const aeon_record *query = route->opts.query;
        if (!route->param_count && !query)
                return;
        put_raw(s, "parameters", "[");
        for (size_t i = 0; i < route->param_count; i++)
                write_parameter(s, "path", first->names[i], true, route->opts.params,
                                field_called(route->opts.params, route->names[i]));
        for (size_t i = 0; query && i < query->field_count; i++) {
                const aeon_field *field = &query->fields[i];
                if (field->unknown != AEON_UNKNOWN_KEEP)
                        write_parameter(s, "query", aeon__field_name(field), aeon__field_is_required(field), query, field);
        }
        put(s, "]");
}

/* ------------------------------------------------------------------ bodies */

static void write_json_content(struct schemas *s, const aeon_record *record)
{
        put_raw(s, "application/json", "{\"schema\":");
        aeon__schema_refer(s, record);
        put(s, "}");
}

/* Which fields of a form are JSON. */
static void write_encoding(struct schemas *s, const aeon_record *form)
{
        bool any = false;
        for (size_t i = 0; i < form->field_count; i++) {
                const aeon_field *field = &form->fields[i];
                if (!is_json(field) || field->unknown == AEON_UNKNOWN_KEEP)
                        continue;
                if (!any)
                        put_raw(s, "encoding", "{");
                any = true;
                put_raw(s, aeon__field_name(field), "{\"contentType\":\"application/json\"}");
        }
        put(s, any ? "}" : "");
}

static void write_form_schema(struct schemas *s, const aeon_record *form, const char *const *files)
{
        if (!files) {
                aeon__schema_refer(s, form);
                return;
        }
        put(s, "{");
        if (form) {
                put_raw(s, "allOf", "[");
                aeon__schema_refer(s, form);
                put(s, "]");
        }
        put_raw(s, "type", "\"object\"");
        put_raw(s, "properties", "{");
        for (; *files; files++)
                put_raw(s, *files, "{\"type\":\"string\",\"contentMediaType\":\"application/octet-stream\"}");
        put(s, "}}");
}

/* Without files both encodings are taken. */
static void write_forms(struct schemas *s, const struct http_route *route)
{
        static const char *const types[] = { "multipart/form-data", "application/x-www-form-urlencoded" };
        const char *const *files = route->files;
        for (size_t i = 0; i < (files ? 1 : 2); i++) {
                put_raw(s, types[i], "{\"schema\":");
                write_form_schema(s, route->opts.form, files);
                if (route->opts.form)
                        write_encoding(s, route->opts.form);
                put(s, "}");
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

void aeon__operation_body(struct schemas *s, const struct http_route *route)
{
        if (!takes_body(route))
                return;
        put_raw(s, "requestBody", "{\"required\":true,\"content\":{");
        if (route->opts.body)
                write_json_content(s, route->opts.body);
        if (takes_form(route))
                write_forms(s, route);
        put(s, "}}");
}

/* ------------------------------------------------------------------ replies */

/* All JSON of one status: one record, or one of several. */
static void write_records(struct schemas *s, const aeon_route_reply *replies, int status)
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
                write_json_content(s, only);
        if (count < 2)
                return;
        put_raw(s, "application/json", "{\"schema\":{\"oneOf\":[");
        for (const aeon_route_reply *reply = replies; reply->status; reply++) {
                if (reply->status == status && reply->record) {
                        put_comma(s);
                        aeon__schema_refer(s, reply->record);
                }
        }
        put(s, "]}}");
}

/* All that come with the status of @first. */
static void write_reply(struct schemas *s, const aeon_route_reply *replies, const aeon_route_reply *first)
{
        char status[16];
        bool body = false;
        snprintf(status, sizeof status, "%d", first->status);
        put_raw(s, status, "{");
        put_string(s, "description", first->doc ? first->doc : aeon__http_status_name(first->status));
        for (const aeon_route_reply *reply = first; reply->status; reply++)
                body |= reply->status == first->status && (reply->record || reply->content_type);
        if (body) {
                put_raw(s, "content", "{");
                write_records(s, replies, first->status);
                for (const aeon_route_reply *reply = first; reply->status; reply++)
                        if (reply->status == first->status && !reply->record && reply->content_type)
                                put_raw(s, reply->content_type, "{}");
                put(s, "}");
        }
        put(s, "}");
}

static const aeon_route_reply *reply_with(const aeon_route_reply *replies, int status)
{
        for (; replies && replies->status; replies++)
                if (replies->status == status)
                        return replies;
        return NULL;
}

/* One that the server gives of itself, unless the route has said something about it. */
static void write_problem(struct schemas *s, const struct http_route *route, const char *status, const char *words)
{
        if (reply_with(route->replies, atoi(status)))
                return;
        put_raw(s, status, "{\"$ref\":\"#/components/responses/problem\"");
        put_string(s, "description", words);
        put(s, "}");
}

static void write_replies_of_files(struct schemas *s)
{
        put_raw(s, "200", "{\"description\":\"The file.\",\"content\":{\"*/*\":{}}}");
        put_raw(s, "206", "{\"description\":\"The range of the file that was asked for.\",\"content\":{\"*/*\":{}}}");
        put_raw(s, "304", "{\"description\":\"It has not changed.\"}");
}

static void write_problems(struct schemas *s, const struct http_route *route)
{
        const aeon_route_opts *o = &route->opts;
        if (o->params || o->query || takes_body(route))
                write_problem(s, route, "400", "What was sent is not as it has to be: errors lists all that is wrong.");
        if (route->param_count)
                write_problem(s, route, "404", "There is no such thing.");
        if (takes_body(route)) {
                write_problem(s, route, "408", "The body came too slowly.");
                write_problem(s, route, "413", "The body is too long.");
        }
        if (route->folder) {
                write_problem(s, route, "412", "A condition of the request does not hold.");
                write_problem(s, route, "416", "The file does not have such a range.");
        }
        if (takes_form(route))
                write_problem(s, route, "415", "The body is no form.");
        if (o->timeout)
                write_problem(s, route, "504", "It took too long.");
        write_problem(s, route, "4XX", "The request cannot be answered as it is.");
        write_problem(s, route, "5XX", "The service has failed.");
}

void aeon__operation_replies(struct schemas *s, const struct http_route *route)
{
        const aeon_route_reply *replies = route->replies;
        put_raw(s, "responses", "{");
        for (const aeon_route_reply *reply = replies; reply && reply->status; reply++)
                if (reply_with(replies, reply->status) == reply)
                        write_reply(s, replies, reply);
        if (route->folder)
                write_replies_of_files(s);
        else if (!replies)
                put_raw(s, "2XX", "{\"description\":\"Success.\"}");
        write_problems(s, route);
        put(s, "}");
}
