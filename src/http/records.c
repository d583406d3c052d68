/* Requests and replies that are records.
 *
 * DESIGN
 *   Whatever a record is read from, JSON or texts, all that is wrong with it is collected twice: as the error's text, for the log, and
 *   as a JSON array for the client, with where each value stood. The value lives until the request ends.
 *
 *   Texts come as pairs of name and value; what is given for a field goes the way of settings and arguments, aeon__field_fill().
 */
#include "base/nearest.h"
#include "base/text.h"
#include "base/utf8.h"
#include "http/declared.h"
#include "http/request.h"
#include "record/value.h"

#include <aeon/error.h>
#include <aeon/http_form.h>
#include <aeon/record.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ values that end with the request */

struct value {
        struct value *next;
        void *value;
};

void aeon__request_free_values(aeon_request *req)
{
        for (struct value *v = req->values; v; v = v->next)
                aeon_record_free(v->value);
        req->values = NULL;
}

int aeon__request_keep_value(aeon_request *req, void *value)
{
        struct value *v = aeon__request_alloc(req, sizeof *v);
        if (!v) {
                aeon_record_free(value);
                return aeon_fail(-ENOMEM, "%s %s: a record", req->method, req->path);
        }
        *v = (struct value){ req->values, value };
        req->values = v;
        return 0;
}

/* ------------------------------------------------------------------ what is wrong */

struct reading {
        struct problems problems;
        struct text json;
        const char *in; /* "body", "query", "form", "path" */
};

static void add_problem(void *arg, const char *path, const char *words)
{
        struct reading *reading = arg;
        aeon__text_print(&reading->json, "%s{\"in\":\"%s\",\"path\":", reading->json.length ? "," : "[", reading->in);
        aeon__json_add_string(&reading->json, path);
        aeon__text_print(&reading->json, ",\"detail\":");
        aeon__json_add_string(&reading->json, words);
        aeon__text_print(&reading->json, "}");
}

static void begin_reading(struct reading *reading, const char *in)
{
        *reading = (struct reading){ .in = in, .problems = { .told = add_problem, .told_arg = reading } };
}

/* The record was read with the result @r: keep it in @ret_value, or what is wrong with it for the reply. */
static int end_reading(aeon_request *req, struct reading *reading, int r, void *value, void **ret_value)
{
        if (r == -EBADMSG) {
                const char *words = aeon_error_text();
                aeon__request_wrong(req, r, 400);
                aeon__text_add(&reading->json, "]", 1);
                req->explanation = aeon__request_copy(req, words, strlen(words));
                req->problems = reading->json.failed ? NULL : aeon__request_copy(req, reading->json.data, reading->json.length);
        } else if (r == 0) {
                r = aeon__request_keep_value(req, value);
        }
        aeon__text_done(&reading->json);
        if (r == 0)
                *ret_value = value;
        return r;
}

/* ------------------------------------------------------------------ from texts */

/* Is @text none, for this field? Forms send a field that was left empty as "": for all but text that is as good as nothing. */
static bool is_none(const aeon_field *field, const char *text)
{
        struct type t = { field, 0 };
        while (type_kind(t) == AEON_KIND_OPTIONAL || type_kind(t) == AEON_KIND_LIST)
                t = type_inner(t);
        return !*text && type_kind(t) != AEON_KIND_STR && type_kind(t) != AEON_KIND_SECRET && type_kind(t) != AEON_KIND_BYTES;
}

static bool is_text(const struct http_pair *pair)
{
        return !pair->broken && aeon__utf8_count(pair->value, strlen(pair->value)) >= 0;
}

static void fill(const aeon_field *field, const struct http_pairs *pairs, const char **texts, void *body, struct arena *arena,
                 struct problems *problems)
{
        const char *name = aeon__field_name(field);
        size_t count = 0;
        for (size_t i = 0; i < pairs->count; i++) {
                const struct http_pair *pair = &pairs->items[i];
                if (strcmp(pair->name, name) != 0)
                        continue;
                if (!is_text(pair)) {
                        aeon__problem(problems, name, pair->broken ? "contains a NUL character" : "not UTF-8");
                        return;
                }
                if (!is_none(field, pair->value))
                        texts[count++] = pair->value;
        }
        aeon__field_fill(field, texts, count, body, arena, problems, name);
}

static void tell_unknown(const aeon_record *record, const struct http_pair *pair, const char **names, struct problems *problems)
{
        char name[QUOTE_SIZE];
        for (size_t i = 0; i < record->field_count; i++) {
                names[i] = aeon__field_name(&record->fields[i]);
                if (!strcmp(names[i], pair->name))
                        return;
        }
        const char *near = aeon__nearest(aeon__problem_quote(name, pair->name, strlen(pair->name)), names, record->field_count);
        aeon__problem(problems, name, near ? "no such field; did you mean %s?" : "no such field", near);
}

static int from_pairs(aeon_request *req, const char *in, const struct http_pairs *pairs, const aeon_record *record,
                      void **ret_value)
{
        struct reading reading;
        struct arena *arena;
        aeon__declared_check(req, in, record);
        begin_reading(&reading, in);
        void *value = NULL, *body = aeon__record_new(record, &arena);
        const char **texts = calloc(pairs->count + record->field_count + 1, sizeof *texts);
        reading.problems.no_memory = !body || !texts;
        for (size_t i = 0; body && texts && record->unknown == AEON_UNKNOWN_REJECT && i < pairs->count; i++)
                tell_unknown(record, &pairs->items[i], texts, &reading.problems);
        for (size_t i = 0; body && texts && i < record->field_count; i++)
                fill(&record->fields[i], pairs, texts, body, arena, &reading.problems);
        free(texts);
        int r = aeon__record_conclude(record, body, &reading.problems, &value);
        return end_reading(req, &reading, r, value, ret_value);
}

int aeon_record_query(aeon_request *req, const aeon_record *record, void **ret_value)
{
        const struct http_pairs *pairs;
        int r = aeon__request_query_pairs(req, &pairs);
        return r < 0 ? aeon_fail(r, "%s %s: query", req->method, req->path) : from_pairs(req, "query", pairs, record, ret_value);
}

int aeon_record_form(aeon_request *req, const aeon_record *record, void **ret_value)
{
        const struct http_pairs *pairs;
        int r = aeon__request_form_pairs(req, &pairs);
        return r < 0 ? r : from_pairs(req, "form", pairs, record, ret_value);
}

int aeon_record_params(aeon_request *req, const aeon_record *record, void **ret_value)
{
        struct http_pair items[HTTP_PARAMS_LIMIT];
        struct http_pairs pairs = { items, req->route ? req->route->param_count : 0 };
        for (size_t i = 0; i < pairs.count; i++)
                items[i] = (struct http_pair){ .name = req->route->names[i], .value = req->params[i] };
        return from_pairs(req, "path", &pairs, record, ret_value);
}

/* ------------------------------------------------------------------ as JSON */

int aeon_record_receive(aeon_request *req, const aeon_record *record, void **ret_value)
{
        aeon_bytes body;
        struct reading reading;
        void *value = NULL;
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        aeon__declared_check(req, "body", record);
        begin_reading(&reading, "body");
        r = aeon__record_decode(record, body.data, body.size, &reading.problems, &value);
        return end_reading(req, &reading, r, value, ret_value);
}

int aeon_record_reply(aeon_request *req, int status, const aeon_record *record, const void *value)
{
        char *json;
        aeon__declared_check_reply(req, status, record);
        int r = aeon_record_encode(record, value, &json);
        if (r < 0)
                return r;
        r = aeon_reply_json(req, status, json);
        free(json);
        return r;
}
