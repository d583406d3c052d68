/* The values of values.h. */
#include "record/values.h"

#include "record/all_kinds.h"
#include "record/value.h"

#include <aeon/error.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t values_random(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        return *state ^= *state << 17;
}

double values_double(uint64_t *state)
{
        static const double tens[] = { 1, 10, 100, 1000, 1e6, 1e9, 1e15, 1e22 };
        uint64_t random = values_random(state);
        double number = (double)(int64_t)(random >> 20 & 0xffffff) / tens[random & 7];
        if (random >> 60 < 8)
                return random >> 62 & 1 ? -number : number;
        do {
                random = values_random(state);
                memcpy(&number, &random, sizeof number);
        } while (!isfinite(number));
        return number;
}

/* ------------------------------------------------------------------ making */

struct maker {
        struct arena *arena;
        uint64_t *state;
        unsigned depth;
};

static void fill_record(struct maker *m, const aeon_record *record, void *body);

static uint64_t below(struct maker *m, uint64_t limit)
{
        return values_random(m->state) % limit;
}

static const char *make_string(struct maker *m)
{
        static const char *const pieces[] = { "a",      "\"",     "\\",         "\n", "\x01", "\x7f",
                                              "\u00e9", "\u4f60", "\U0001f600", "/",  " ",    "\x1f" };
        char *string = aeon__arena_alloc(m->arena, 128);
        for (uint64_t left = below(m, 20); left; left--)
                strcat(string, pieces[below(m, sizeof pieces / sizeof pieces[0])]);
        return string;
}

static aeon_bytes make_bytes(struct maker *m)
{
        size_t size = below(m, 40);
        unsigned char *bytes = aeon__arena_alloc(m->arena, 40);
        for (size_t i = 0; i < size; i++)
                bytes[i] = (unsigned char)values_random(m->state);
        return (aeon_bytes){ bytes, size };
}

static double make_double(struct maker *m, const aeon_field *field)
{
        for (;;) {
                double number = values_double(m->state);
                if (number >= field->min && number <= field->max)
                        return number;
        }
}

static union scalar make_scalar(struct maker *m, struct type t)
{
        static const char *const jsons[] = { "null", "true", "0", "-1.50e+3", "\"\\ud83d\\ude00\"", "[ 1, {\"a\" : [ ]} ]", "{}" };
        uint64_t random = values_random(m->state);
        uint64_t number = below(m, 3) ? random >> (random & 63) : random;
        switch (type_kind(t)) {
        case AEON_KIND_STR:
                return (union scalar){ .string = make_string(m) };
        case AEON_KIND_JSON:
                return (union scalar){ .string = jsons[below(m, sizeof jsons / sizeof jsons[0])] };
        case AEON_KIND_BYTES:
                return (union scalar){ .bytes = make_bytes(m) };
        case AEON_KIND_F64:
                return (union scalar){ .f64 = make_double(m, t.field) };
        case AEON_KIND_BOOLEAN:
                return (union scalar){ .boolean = random & 1 };
        case AEON_KIND_ENUMERATION:
                return (union scalar){ .constant = (int)below(m, t.field->enumeration()->count) };
        case AEON_KIND_DURATION:
                return (union scalar){ .i64 = below(m, 2) ? (int64_t)(number / 1000000000 * 1000000000) : (int64_t)number };
        case AEON_KIND_I64:
                return (union scalar){ .i64 = t.field->min > -100 ? (int64_t)(number >> 1) : (int64_t)number };
        default:
                return (union scalar){ .u64 = number };
        }
}

static void fill(struct maker *m, struct type t, void *slot);

static void *make_items(struct maker *m, struct type t, size_t count)
{
        size_t size = aeon__type_size(t);
        char *items = aeon__arena_alloc(m->arena, count * size + 1);
        for (size_t i = 0; i < count; i++)
                fill(m, t, items + i * size);
        return items;
}

static struct map make_map(struct maker *m, struct type t)
{
        struct map map = { .count = m->depth > 4 ? 0 : below(m, 4) };
        const char **keys = aeon__arena_alloc(m->arena, map.count * sizeof *keys + 1);
        for (size_t i = 0; i < map.count; i++) {
                char *key = aeon__arena_alloc(m->arena, 160);
                snprintf(key, 160, "%zu%s", i, make_string(m));
                keys[i] = key;
        }
        map.keys = map.count ? keys : NULL;
        map.values = map.count ? make_items(m, type_inner(t), map.count) : NULL;
        return map;
}

static void fill(struct maker *m, struct type t, void *slot)
{
        struct type inner = type_inner(t);
        struct list list = { .count = m->depth > 4 ? 0 : below(m, 4) };
        m->depth++;
        switch (type_kind(t)) {
        case AEON_KIND_SECRET:
                break;
        case AEON_KIND_RECORD:
                fill_record(m, t.field->record(), slot);
                break;
        case AEON_KIND_LIST:
                list.items = list.count ? make_items(m, inner, list.count) : NULL;
                memcpy(slot, &list, sizeof list);
                break;
        case AEON_KIND_MAP:
                memcpy(slot, &(struct map){ 0 }, sizeof(struct map));
                *(struct map *)slot = make_map(m, t);
                break;
        case AEON_KIND_OPTIONAL:
                if (below(m, 3) == 0)
                        break;
                if (kind_is_text(type_kind(inner)))
                        do
                                fill(m, inner, slot);
                        while (type_kind(inner) == AEON_KIND_JSON && !strcmp(*(char **)slot, "null"));
                else
                        *(void **)slot = make_items(m, inner, 1);
                break;
        default:
                aeon__scalar_store(type_kind(t), make_scalar(m, t), slot);
        }
        m->depth--;
}

static void fill_record(struct maker *m, const aeon_record *record, void *body)
{
        for (size_t i = 0; i < record->field_count; i++)
                fill(m, (struct type){ &record->fields[i], 0 }, (char *)body + record->fields[i].offset);
}

void values_fill(const aeon_record *record, void *body, struct arena *arena, uint64_t *state)
{
        struct maker m = { .arena = arena, .state = state };
        fill_record(&m, record, body);
}

/* ------------------------------------------------------------------ comparing */

static bool same(struct type t, const void *a, const void *b);

static bool same_text(const char *a, const char *b)
{
        return a && b ? !strcmp(a, b) : a == b;
}

static bool same_items(struct type t, const void *a, const void *b, size_t count)
{
        size_t size = aeon__type_size(t);
        for (size_t i = 0; i < count; i++)
                if (!same(t, (const char *)a + i * size, (const char *)b + i * size))
                        return false;
        return true;
}

static bool same_map(struct type t, const struct map *a, const struct map *b)
{
        if (a->count != b->count || !same_items(type_inner(t), a->values, b->values, a->count))
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (!same_text(a->keys[i], b->keys[i]))
                        return false;
        return true;
}

static bool same(struct type t, const void *a, const void *b)
{
        const struct list *x = a, *y = b;
        const aeon_bytes *p = a, *q = b;
        const void *const *m = a, *const *n = b;
        switch (type_kind(t)) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
        case AEON_KIND_JSON:
                return same_text(*m, *n);
        case AEON_KIND_BYTES:
                return p->size == q->size && (!p->size || !memcmp(p->data, q->data, p->size));
        case AEON_KIND_RECORD:
                return !values_difference(t.field->record(), a, b);
        case AEON_KIND_LIST:
                return x->count == y->count && same_items(type_inner(t), x->items, y->items, x->count);
        case AEON_KIND_MAP:
                return same_map(t, a, b);
        case AEON_KIND_OPTIONAL:
                if (kind_is_text(type_kind(type_inner(t))))
                        return same_text(*m, *n);
                return *m && *n ? same(type_inner(t), *m, *n) : *m == *n;
        default:
                return !memcmp(a, b, aeon__type_size(t));
        }
}

const char *values_difference(const aeon_record *record, const void *a, const void *b)
{
        for (size_t i = 0; i < record->field_count; i++) {
                const aeon_field *field = &record->fields[i];
                if (!same((struct type){ field, 0 }, (const char *)a + field->offset, (const char *)b + field->offset))
                        return field->member;
        }
        return NULL;
}

/* ------------------------------------------------------------------ there and back */

static void must(bool condition, const char *what, const char *text)
{
        if (condition)
                return;
        fprintf(stderr, "%s\n%s\n%s\n", what, aeon_error_text(), text ? text : "");
        abort();
}

int values_round_trip(const char *json, size_t size)
{
        struct all *first = NULL, *second = NULL;
        char *text = NULL, *again = NULL;
        int r = all_decode(json, size, &first);
        must(r == 0 || (r == -EBADMSG && *aeon_error_text()), "neither read nor refused", NULL);
        if (r < 0)
                return 0;
        first->token = NULL; /* "***" is refused */
        int length = all_encode(first, &text);
        must(length > 0, "read, but not written", NULL);
        must(all_decode(text, (size_t)length, &second) == 0, "written, but not read", text);
        must(!values_difference(all_record(), first, second), "not the same value", text);
        must(all_encode(second, &again) == length && !strcmp(text, again), "not the same text", text);
        free(text);
        free(again);
        all_free(first);
        all_free(second);
        return 1;
}
