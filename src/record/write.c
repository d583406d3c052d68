/* From a struct to JSON. */
#include "base/utf8.h"
#include "record/keys.h"
#include "record/number.h"
#include "record/plain.h"
#include "record/value.h"

#include <string.h>

struct writer {
        struct text *json;
        struct problems *problems;
        unsigned depth; /* open objects and lists */
};

static void write_value(struct writer *w, struct type t, const void *slot, const struct place *place);

static inline void put(struct writer *w, const char *text)
{
        aeon__text_add(w->json, text, strlen(text));
}

static void write_escape(struct text *json, char c)
{
        static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *known = strchr(escaped, c);
        if (known)
                aeon__text_add(json, (const char[]){ '\\', letters[known - escaped] }, 2);
        else
                aeon__text_print(json, "\\u%04x", (unsigned)c);
}

static void write_escaped(struct text *json, const char *string, size_t length)
{
        aeon__text_add(json, "\"", 1);
        for (const char *p = string, *end = string + length; p < end; p++) {
                const char *plain = p;
                p = plain_skip(p, end, 0);
                aeon__text_add(json, plain, (size_t)(p - plain));
                if (p < end)
                        write_escape(json, *p);
        }
        aeon__text_add(json, "\"", 1);
}

static void write_string(struct text *json, const char *string, size_t length)
{
        if (plain_skip(string, string + length, 0) < string + length) {
                write_escaped(json, string, length);
                return;
        }
        char *to = aeon__text_extend(json, length + 2);
        if (!to)
                return;
        to[0] = to[length + 1] = '"';
        memcpy(to + 1, string, length);
}

void aeon__string_write(struct text *json, const char *string)
{
        write_string(json, string, strlen(string));
}

/* ------------------------------------------------------------------ scalars */

static void write_bytes(struct writer *w, aeon_bytes bytes)
{
        static const char blank[64];
        size_t length = aeon__base64_size(bytes.size), at = w->json->length + 1;
        put(w, "\"");
        for (size_t left = length; left && !w->json->failed;) {
                size_t piece = left < sizeof blank ? left : sizeof blank;
                aeon__text_add(w->json, blank, piece);
                left -= piece;
        }
        if (!w->json->failed)
                aeon__base64_write(w->json->data + at, bytes.data, bytes.size);
        put(w, "\"");
}

static void write_quoted(struct writer *w, const char *plain)
{
        put(w, "\"");
        put(w, plain);
        put(w, "\"");
}

static void write_scalar(struct writer *w, struct type t, union scalar scalar)
{
        char shown[NUMBER_SIZE];
        switch (type_kind(t)) {
        case AEON_KIND_STR:
                aeon__string_write(w->json, scalar.string);
                break;
        case AEON_KIND_SECRET:
                put(w, scalar.string ? "\"***\"" : "null");
                break;
        case AEON_KIND_BYTES:
                write_bytes(w, scalar.bytes);
                break;
        case AEON_KIND_I64:
                put(w, aeon__whole_print(shown, scalar.i64));
                break;
        case AEON_KIND_U64:
        case AEON_KIND_SIZE:
                put(w, aeon__unsigned_print(shown, scalar.u64));
                break;
        case AEON_KIND_F64:
                put(w, aeon__number_print(shown, scalar.f64));
                break;
        case AEON_KIND_BOOLEAN:
                put(w, scalar.boolean ? "true" : "false");
                break;
        case AEON_KIND_DURATION:
                write_quoted(w, aeon__duration_print(shown, scalar.i64));
                break;
        case AEON_KIND_TIMESTAMP:
                write_quoted(w, aeon__timestamp_print(shown, scalar.i64));
                break;
        case AEON_KIND_ENUMERATION:
                aeon__string_write(w->json, aeon_enumeration_name(t.field->enumeration(), scalar.constant));
                break;
        case AEON_KIND_NONE:
        case AEON_KIND_JSON:
        case AEON_KIND_RECORD:
        case AEON_KIND_OPTIONAL:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                break;
        }
}

/* ------------------------------------------------------------------ what has parts */

/* Open an object or list. False when there are too many levels already: a value that holds itself has no end. */
static bool begin(struct writer *w, const char *bracket, const struct place *place)
{
        struct where where = { .problems = w->problems, .place = place };
        if (w->depth == JSON_DEPTH_LIMIT) {
                aeon__tell(&where, "nested deeper than %d levels", JSON_DEPTH_LIMIT);
                return false;
        }
        w->depth++;
        put(w, bracket);
        return true;
}

static void end(struct writer *w, const char *bracket)
{
        w->depth--;
        put(w, bracket);
}

/* A text that is much too long is refused in the end: nobody needs all of it. */
static bool goes_on(const struct writer *w)
{
        return !w->json->failed && w->json->length <= JSON_SIZE_LIMIT;
}

static void comma(struct writer *w)
{
        char last = w->json->failed ? '{' : w->json->data[w->json->length - 1];
        if (last != '{' && last != '[')
                put(w, ",");
}

/* False, and told, when parts are missing. */
static bool check_parts(struct writer *w, struct type t, const void *parts, size_t count, const char *noun,
                        const struct place *place)
{
        struct where where = { .problems = w->problems, .place = place };
        if (count && !parts) {
                aeon__tell(&where, "%zu at NULL", count);
                return false;
        }
        return aeon__count_check(t, count, noun, &where);
}

static void write_list(struct writer *w, struct type t, const void *slot, const struct place *place)
{
        struct list list;
        memcpy(&list, slot, sizeof list);
        if (!check_parts(w, t, list.items, list.count, "item", place) || !begin(w, "[", place))
                return;
        struct place item = { .above = place };
        size_t size = aeon__type_size(type_inner(t));
        for (; item.index < list.count && goes_on(w); item.index++) {
                comma(w);
                write_value(w, type_inner(t), (const char *)list.items + item.index * size, &item);
        }
        end(w, "]");
}

static bool check_key(struct writer *w, const char *key, struct keys *keys, const struct place *place)
{
        struct where where = { .problems = w->problems, .place = place };
        if (!key)
                aeon__tell(&where, "a key is NULL");
        else if (aeon__utf8_count(key, strlen(key)) < 0)
                aeon__tell(&where, "a key is not UTF-8");
        else if (!aeon__keys_push(keys, &(struct token){ .text = key, .length = strlen(key) }))
                w->problems->no_memory = true;
        else
                return true;
        return false;
}

static void tell_same_keys(struct writer *w, struct keys *keys, const struct place *place)
{
        aeon__keys_sort(keys, 0);
        for (size_t i = 1; i < keys->count; i++) {
                const struct key *key = &keys->items[i];
                struct place entry = { .above = place, .name = key->name, .length = key->length };
                struct where where = { .problems = w->problems, .place = &entry };
                if (aeon__keys_same(key - 1, key))
                        aeon__tell(&where, "its key comes twice");
        }
}

/* The entries, inside an object that is open; @keys of the fields that it has. */
static void write_entries(struct writer *w, struct type t, const struct map *map, struct keys *keys, const struct place *place)
{
        size_t size = aeon__type_size(type_inner(t));
        for (size_t i = 0; i < map->count && goes_on(w); i++) {
                if (!check_key(w, map->keys[i], keys, place))
                        continue;
                struct place entry = { .above = place, .name = map->keys[i], .length = strlen(map->keys[i]) };
                comma(w);
                write_string(w->json, map->keys[i], entry.length);
                put(w, ":");
                write_value(w, type_inner(t), (const char *)map->values + i * size, &entry);
        }
        tell_same_keys(w, keys, place);
}

static void write_map(struct writer *w, struct type t, const void *slot, const struct place *place)
{
        struct map map;
        struct keys keys = { 0 };
        memcpy(&map, slot, sizeof map);
        if (!check_parts(w, t, map.keys ? map.values : NULL, map.count, "entry", place) || !begin(w, "{", place))
                return;
        write_entries(w, t, &map, &keys, place);
        end(w, "}");
        aeon__keys_done(&keys);
}

/* ------------------------------------------------------------------ records */

static bool is_absent(const aeon_field *field, const void *slot)
{
        const void *pointer;
        if (field->kind != AEON_KIND_OPTIONAL && field->kind != AEON_KIND_SECRET)
                return false;
        memcpy(&pointer, slot, sizeof pointer);
        return !pointer && !field->required;
}

static void write_field(struct writer *w, const aeon_field *field, const void *slot, const struct place *above)
{
        const char *name = aeon__field_name(field);
        struct place place = { .above = above, .name = name, .length = strlen(name) };
        if (is_absent(field, slot))
                return;
        comma(w);
        write_string(w->json, name, place.length);
        put(w, ":");
        write_value(w, (struct type){ field, 0 }, slot, &place);
}

/* What was unknown when the record was read goes beside the declared fields. */
static void write_unknown(struct writer *w, const aeon_record *record, const aeon_field *field, const void *slot,
                          const struct place *place)
{
        struct map map;
        struct keys keys = { 0 };
        memcpy(&map, slot, sizeof map);
        for (size_t i = 0; i < record->field_count; i++) /* so that none of them comes again */
                if (&record->fields[i] != field && !check_key(w, aeon__field_name(&record->fields[i]), &keys, place))
                        break;
        if (check_parts(w, (struct type){ field, 0 }, map.keys ? map.values : NULL, map.count, "entry", place))
                write_entries(w, (struct type){ field, 0 }, &map, &keys, place);
        aeon__keys_done(&keys);
}

static void write_record(struct writer *w, const aeon_record *record, const char *body, const struct place *place)
{
        const aeon_field *rest = NULL;
        if (!begin(w, "{", place))
                return;
        for (size_t i = 0; i < record->field_count; i++) {
                const aeon_field *field = &record->fields[i];
                if (field->unknown == AEON_UNKNOWN_KEEP)
                        rest = field;
                else
                        write_field(w, field, body + field->offset, place);
        }
        if (rest)
                write_unknown(w, record, rest, body + rest->offset, place);
        end(w, "}");
}

/* ------------------------------------------------------------------ any value */

static void write_optional(struct writer *w, struct type t, const void *slot, const struct place *place)
{
        const void *pointer;
        memcpy(&pointer, slot, sizeof pointer);
        if (!pointer)
                put(w, "null");
        else
                write_value(w, type_inner(t), kind_is_text(type_kind(type_inner(t))) ? slot : pointer, place);
}

static void write_json(struct writer *w, const void *slot, const struct place *place)
{
        const char *text = *(const char *const *)slot;
        struct where where = { .problems = w->problems, .place = place };
        if (text)
                aeon__json_check(text, strlen(text), w->depth, &where);
        else
                aeon__tell(&where, "missing");
        put(w, text ? text : "");
}

static void write_value(struct writer *w, struct type t, const void *slot, const struct place *place)
{
        switch (type_kind(t)) {
        case AEON_KIND_LIST:
                write_list(w, t, slot, place);
                break;
        case AEON_KIND_MAP:
                write_map(w, t, slot, place);
                break;
        case AEON_KIND_RECORD:
                write_record(w, t.field->record(), slot, place);
                break;
        case AEON_KIND_OPTIONAL:
                write_optional(w, t, slot, place);
                break;
        case AEON_KIND_JSON:
                write_json(w, slot, place);
                break;
        default: {
                struct where where = { .problems = w->problems, .place = place };
                union scalar scalar = aeon__scalar_load(type_kind(t), slot);
                if (aeon__scalar_check(t, scalar, &where))
                        write_scalar(w, t, scalar);
        }
        }
}

void aeon__fields_write(const aeon_record *record, const void *body, struct text *json, struct problems *problems)
{
        struct writer w = { .json = json, .problems = problems };
        struct place whole = { .name = "" };
        write_record(&w, record, body, &whole);
}

void aeon__value_write(struct type t, const void *slot, struct text *json, const struct where *where)
{
        struct writer w = { .json = json, .problems = where->problems };
        write_value(&w, t, slot, where->place);
}
