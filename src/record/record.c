/* A record's value as a whole: made, decoded, encoded, freed. See record/value.h for how it lies in memory. */
#include "record/value.h"

#include <aeon/error.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_LIMIT = 16 * 1024 * 1024, DEPTH_LIMIT = 64 };

struct value {
        struct arena arena;
        max_align_t body[]; /* the user's struct */
};

/* ------------------------------------------------------------------ fields */

const char *aeon__field_name(const aeon_field *field)
{
        return field->name ? field->name : field->member;
}

bool aeon__field_is_required(const aeon_field *field)
{
        return field->required || (!field->def && field->kind != AEON_KIND_SECRET);
}

const char *aeon__kind_noun(aeon_kind kind)
{
        switch (kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                return "a string";
        case AEON_KIND_I64:
                return "a whole number";
        case AEON_KIND_F64:
                return "a number";
        case AEON_KIND_BOOLEAN:
                return "true or false";
        case AEON_KIND_DURATION:
                return "a duration (30s, 1m30s, 250ms)";
        }
        return "of a known kind";
}

static void store_string(const char *string, const char **slot, struct arena *arena, struct problems *problems)
{
        const char *copy = string ? aeon__arena_copy(arena, string, strlen(string)) : NULL;
        if (string && !copy)
                problems->no_memory = true;
        else
                *slot = copy;
}

void aeon__scalar_store(const aeon_field *field, union scalar scalar, void *slot, struct arena *arena, struct problems *problems,
                        const char *path)
{
        if (!aeon__scalar_check(field, scalar, problems, path))
                return;
        switch (field->kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                store_string(scalar.string, slot, arena, problems);
                break;
        case AEON_KIND_I64:
        case AEON_KIND_DURATION:
                *(int64_t *)slot = scalar.i64;
                break;
        case AEON_KIND_F64:
                *(double *)slot = scalar.f64;
                break;
        case AEON_KIND_BOOLEAN:
                *(bool *)slot = scalar.boolean;
                break;
        }
}

/* ------------------------------------------------------------------ memory */

void *aeon__record_new(const aeon_record *record, struct arena **ret_arena)
{
        struct arena arena = { 0 };
        struct value *value = aeon__arena_alloc(&arena, sizeof *value + record->size);
        if (!value)
                return NULL;
        value->arena = arena;
        *ret_arena = &value->arena;
        return value->body;
}

void aeon_record_free(void *body)
{
        if (!body)
                return;
        struct value *value = (struct value *)(void *)((char *)body - offsetof(struct value, body));
        struct arena arena = value->arena; /* it frees the memory that it lies in */
        aeon__arena_done(&arena);
}

/* ------------------------------------------------------------------ decoding */

/* jansson allows 2048 levels and recurses; a task's stack is small. */
static bool is_too_deep(const char *json, size_t size)
{
        size_t depth = 0;
        bool in_string = false;
        for (size_t i = 0; i < size; i++) {
                char c = json[i];
                if (c == '"')
                        in_string = !in_string;
                else if (in_string && c == '\\')
                        i++;
                else if (!in_string && (c == '[' || c == '{') && ++depth > DEPTH_LIMIT)
                        return true;
                else if (!in_string && (c == ']' || c == '}') && depth)
                        depth--;
        }
        return false;
}

static bool has_secret(const aeon_record *record)
{
        for (size_t i = 0; i < record->field_count; i++)
                if (record->fields[i].kind == AEON_KIND_SECRET)
                        return true;
        return false;
}

static void add_syntax_error(const aeon_record *record, json_error_t *error, struct problems *problems)
{
        char quote[QUOTE_SIZE];
        char *near = strstr(error->text, " near ");
        if (near && has_secret(record))
                *near = '\0'; /* it would show a piece of the text */
        if (!error->text[0])  /* jansson fails without a word only when memory runs out */
                problems->no_memory = true;
        else
                aeon__problem(problems, "", "line %d, column %d: %s", error->line, error->column,
                              aeon__problem_quote(quote, error->text, strlen(error->text)));
}

static json_t *load(const aeon_record *record, const char *json, size_t size, struct problems *problems)
{
        json_error_t error;
        if (size > SIZE_LIMIT) {
                aeon__problem(problems, "", "%zu bytes, more than the limit of 16 MiB", size);
                return NULL;
        }
        if (is_too_deep(json, size)) {
                aeon__problem(problems, "", "nested deeper than %d levels", DEPTH_LIMIT);
                return NULL;
        }
        json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!root)
                add_syntax_error(record, &error, problems);
        else if (!json_is_object(root))
                aeon__problem(problems, "", "not a JSON object");
        return root;
}

static void read_fields(const aeon_record *record, const json_t *object, void *body, struct arena *arena, struct problems *problems)
{
        for (size_t i = 0; i < record->field_count; i++) {
                const aeon_field *field = &record->fields[i];
                const char *name = aeon__field_name(field);
                const json_t *json = json_object_get(object, name);
                if (json)
                        aeon__value_read(field, json, field_slot(field, body), arena, problems, name);
                else if (field->def)
                        aeon__value_parse(field, field->def, field_slot(field, body), arena, problems, name);
                else if (aeon__field_is_required(field))
                        aeon__problem(problems, name, "missing");
        }
}

int aeon_record_decode(const aeon_record *record, const char *json, size_t size, void **ret_value)
{
        struct problems problems = { 0 };
        struct arena *arena;
        void *body = NULL;
        json_t *root = load(record, json, size, &problems);
        if (json_is_object(root)) {
                body = aeon__record_new(record, &arena);
                if (body)
                        read_fields(record, root, body, arena, &problems);
                else
                        problems.no_memory = true;
        }
        json_decref(root);

        int r = aeon__problems_close(&problems, -EBADMSG, record->name);
        if (r < 0)
                aeon_record_free(body);
        else
                *ret_value = body;
        return r;
}

/* ------------------------------------------------------------------ encoding */

int aeon_record_encode(const aeon_record *record, const void *value, char **ret_text)
{
        struct problems problems = { 0 };
        struct text json = { 0 };
        aeon__text_add(&json, "{", 1);
        for (size_t i = 0; i < record->field_count; i++) {
                const aeon_field *field = &record->fields[i];
                aeon__value_write(field, (const char *)value + field->offset, &json, &problems, aeon__field_name(field));
        }
        aeon__text_add(&json, "}", 1);
        problems.no_memory |= json.failed;

        int r = aeon__problems_close(&problems, -EINVAL, record->name);
        if (r == 0 && json.length > SIZE_LIMIT)
                r = aeon_fail(-EFBIG, "%s: %zu bytes of JSON, more than the limit of 16 MiB", record->name, json.length);
        if (r < 0) {
                aeon__text_done(&json);
                return r;
        }
        *ret_text = json.data;
        return (int)json.length;
}
