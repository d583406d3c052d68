/* What decoding takes, as a JSON Schema: one object per record. How they stand together: schema.h.
 *
 *   Every value that decoding takes validates. The other way round a schema can say less: not that two keys differ, not how long
 * the bytes behind base64 are to the byte, not how far apart two times are.
 */
#include "record/schema.h"

#include "record/number.h"
#include "record/object.h"
#include "record/value.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

static void write_type(struct schemas *s, struct type t);

static void put_string(struct schemas *s, const char *key, const char *string)
{
        aeon__object_string(s->json, key, string);
}

static void put_raw(struct schemas *s, const char *key, const char *json)
{
        aeon__object_raw(s->json, key, json);
}

static void put_count(struct schemas *s, const char *key, size_t count)
{
        char shown[NUMBER_SIZE];
        put_raw(s, key, aeon__unsigned_print(shown, count));
}

/* ------------------------------------------------------------------ kinds */

/* Both kinds of regular expression mean the same by it, as far as can be seen without reading it. */
static bool is_common(const char *pattern)
{
        for (const char *bracket = strchr(pattern, '['); bracket; bracket = strchr(bracket + 1, '[')) {
                const char *first = bracket + 1 + (bracket[1] == '^');
                size_t length = strcspn(first, "]");
                if (*first == ']' || strchr(":.=", *first) || memchr(first, '\\', length) || memchr(first, '[', length))
                        return false;
        }
        return !strstr(pattern, "{,") && !strstr(pattern, "\\<") && !strstr(pattern, "\\>");
}

static void put_lengths(struct schemas *s, struct type t, const char *min, const char *max)
{
        bool is_base64 = type_kind(t) == AEON_KIND_BYTES;
        size_t least = t.field->min_len, most = t.field->max_len;
        if (!type_has_length_bounds(t))
                return;
        if (least)
                put_count(s, min, is_base64 ? aeon__base64_size(least) : least);
        if (most)
                put_count(s, max, is_base64 ? aeon__base64_size(most) : most);
}

static void put_string_type(struct schemas *s, struct type t, const char *type)
{
        put_raw(s, "type", type);
        put_lengths(s, t, "minLength", "maxLength");
        if (t.field->pattern && is_common(t.field->pattern))
                put_string(s, "pattern", t.field->pattern);
}

/* @number in a unit of which a JSON number counts one: seconds, not nanoseconds. */
static void put_bound(struct schemas *s, const char *key, aeon_kind kind, long double number)
{
        char shown[NUMBER_SIZE];
        if (kind == AEON_KIND_DURATION)
                put_raw(s, key, aeon__number_print(shown, (double)(number / 1e9L)));
        else if (kind == AEON_KIND_F64)
                put_raw(s, key, aeon__number_print(shown, (double)number));
        else if (number < 0)
                put_raw(s, key, aeon__whole_print(shown, (int64_t)number));
        else
                put_raw(s, key, aeon__unsigned_print(shown, (uint64_t)number));
}

/* The bounds of the field, or those of its type when they are closer. */
static void put_bounds(struct schemas *s, struct type t, long double least, long double most)
{
        long double min = t.field->min > least ? t.field->min : least, max = t.field->max < most ? t.field->max : most;
        if (min > -__builtin_infl())
                put_bound(s, "minimum", type_kind(t), min);
        if (max < __builtin_infl())
                put_bound(s, "maximum", type_kind(t), max);
}

static void put_names(struct schemas *s, const aeon_enumeration *enumeration)
{
        put_raw(s, "enum", "[");
        for (size_t i = 0; i < enumeration->count; i++) {
                aeon__text_add(s->json, ",", i ? 1 : 0);
                aeon__string_write(s->json, enumeration->values[i].name);
        }
        aeon__text_add(s->json, "]", 1);
}

static void put_optional(struct schemas *s, struct type t)
{
        put_raw(s, "anyOf", "[{");
        write_type(s, type_inner(t));
        aeon__text_print(s->json, "},{\"type\":\"null\"}]");
}

/* What holds others: @key is what the schema calls those. */
static void put_parts(struct schemas *s, struct type t, const char *key)
{
        put_raw(s, key, "{");
        write_type(s, type_inner(t));
        aeon__text_add(s->json, "}", 1);
}

/* The inside of the schema of @t, without its braces. */
static void write_type(struct schemas *s, struct type t)
{
        static const long double infinity = __builtin_infl();
        switch (type_kind(t)) {
        case AEON_KIND_STR:
                put_string_type(s, t, "\"string\"");
                break;
        case AEON_KIND_SECRET:
                put_string_type(s, t, t.field->required || t.depth ? "\"string\"" : "[\"string\",\"null\"]");
                put_raw(s, "writeOnly", "true");
                break;
        case AEON_KIND_BYTES:
                put_raw(s, "type", "\"string\"");
                put_lengths(s, t, "minLength", "maxLength");
                put_raw(s, "contentEncoding", "\"base64\"");
                break;
        case AEON_KIND_I64:
                put_raw(s, "type", "\"integer\"");
                put_bounds(s, t, INT64_MIN, INT64_MAX);
                break;
        case AEON_KIND_U64:
                put_raw(s, "type", "\"integer\"");
                put_bounds(s, t, 0, UINT64_MAX);
                break;
        case AEON_KIND_F64:
                put_raw(s, "type", "\"number\"");
                put_bounds(s, t, -infinity, infinity);
                break;
        case AEON_KIND_BOOLEAN:
                put_raw(s, "type", "\"boolean\"");
                break;
        case AEON_KIND_DURATION: /* the bounds are those of a number; JSON Schema has none for texts */
                put_raw(s, "type", "[\"string\",\"number\"]");
                put_string(s, "pattern", "^[-+]?(P[0-9.WDTHMS]+|([0-9.]+(d|h|ms|m|s|us|\u00b5s|\u03bcs|ns)?)+)$");
                put_bounds(s, t, -infinity, infinity);
                break;
        case AEON_KIND_SIZE:
                put_raw(s, "type", "[\"string\",\"integer\"]");
                put_string(s, "pattern", "^[0-9.]+([KMGTP]iB|[kKMGTP]?B)?$");
                put_bounds(s, t, 0, UINT64_MAX);
                break;
        case AEON_KIND_TIMESTAMP:
                put_raw(s, "type", "\"string\"");
                put_raw(s, "format", "\"date-time\"");
                break;
        case AEON_KIND_ENUMERATION:
                put_names(s, t.field->enumeration());
                break;
        case AEON_KIND_RECORD:
                aeon__schema_reference(s, t.field->record());
                break;
        case AEON_KIND_OPTIONAL:
                put_optional(s, t);
                break;
        case AEON_KIND_LIST:
                put_raw(s, "type", "\"array\"");
                put_lengths(s, t, "minItems", "maxItems");
                put_parts(s, t, "items");
                break;
        case AEON_KIND_MAP:
                put_raw(s, "type", "\"object\"");
                put_lengths(s, t, "minProperties", "maxProperties");
                put_parts(s, t, "additionalProperties");
                break;
        case AEON_KIND_JSON:
        case AEON_KIND_NONE:
                break;
        }
}

/* ------------------------------------------------------------------ fields and records */

/* What an absent field becomes, as it would be written. */
static void put_default(struct schemas *s, const aeon_record *record, const aeon_field *field)
{
        struct arena arena = { 0 };
        struct type t = { field, 0 };
        struct place whole = { .name = record->name, .length = strlen(record->name) };
        struct place place = { .above = &whole, .name = field->member, .length = strlen(field->member) };
        struct where where = { .problems = &s->problems, .place = &place };
        size_t problems = s->problems.count;
        void *slot = aeon__arena_alloc(&arena, aeon__type_size(t));
        s->problems.no_memory |= !slot;
        if (slot)
                aeon__text_parse(t, field->def, slot, &arena, &where);
        if (slot && s->problems.count == problems && !s->problems.no_memory && field->kind != AEON_KIND_SECRET) {
                aeon__object_key(s->json, "default");
                aeon__value_write(t, slot, s->json, &where);
        }
        aeon__arena_done(&arena);
}

static void write_field(struct schemas *s, const aeon_record *record, const aeon_field *field)
{
        put_raw(s, aeon__field_name(field), "{");
        write_type(s, (struct type){ field, 0 });
        if (field->doc)
                put_string(s, "description", field->doc);
        if (field->def)
                put_default(s, record, field);
        aeon__text_add(s->json, "}", 1);
}

void aeon__schema_field(struct schemas *s, const aeon_record *record, const aeon_field *field)
{
        struct type t = { field, 0 };
        aeon__text_add(s->json, "{", 1);
        write_type(s, type_kind(t) == AEON_KIND_OPTIONAL ? type_inner(t) : t);
        if (field->def)
                put_default(s, record, field);
        aeon__text_add(s->json, "}", 1);
}

static void write_required(struct schemas *s, const aeon_record *record)
{
        bool any = false;
        for (size_t i = 0; i < record->field_count; i++) {
                if (!aeon__field_is_required(&record->fields[i]))
                        continue;
                if (any)
                        aeon__text_add(s->json, ",", 1);
                else
                        put_raw(s, "required", "[");
                aeon__string_write(s->json, aeon__field_name(&record->fields[i]));
                any = true;
        }
        if (any)
                aeon__text_add(s->json, "]", 1);
}

void aeon__schema_record(struct schemas *s, const aeon_record *record)
{
        const aeon_field *rest = NULL;
        put_string(s, "title", record->name);
        if (record->doc)
                put_string(s, "description", record->doc);
        put_raw(s, "type", "\"object\"");
        put_raw(s, "properties", "{");
        for (size_t i = 0; i < record->field_count; i++) {
                if (record->fields[i].unknown == AEON_UNKNOWN_KEEP)
                        rest = &record->fields[i];
                else
                        write_field(s, record, &record->fields[i]);
        }
        aeon__text_add(s->json, "}", 1);
        write_required(s, record);
        if (rest)
                put_parts(s, (struct type){ rest, 0 }, "additionalProperties");
        else if (record->unknown == AEON_UNKNOWN_REJECT)
                put_raw(s, "additionalProperties", "false");
}
