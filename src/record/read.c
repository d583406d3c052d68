/* From JSON to a struct: objects, lists, maps, optionals. */
#include "record/read.h"

#include "base/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_value(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place);

/* Read the value that comes next into @slot; NULL: nowhere. */
static void read_next(struct reader *r, struct type t, void *slot, const struct place *place)
{
        struct token token;
        if (!aeon__json_next(&r->json, &token))
                aeon__reader_stopped(r, place);
        else if (slot)
                read_value(r, t, &token, slot, place);
        else
                aeon__reader_skip(r, &token, place);
}

/* ------------------------------------------------------------------ arrays that grow */

struct growing {
        char *items;
        size_t count, capacity, size; /* of one */
};

/* Room for one more item, zeroed; NULL when there is none: it is then read over. */
static void *grow(struct reader *r, struct growing *g)
{
        if (g->count == g->capacity) {
                size_t capacity = g->capacity ? g->capacity * 2 : 4;
                char *items = aeon__reader_alloc(r, capacity * g->size);
                if (!items)
                        return NULL;
                if (g->count)
                        memcpy(items, g->items, g->count * g->size);
                g->items = items;
                g->capacity = capacity;
        }
        return g->items + g->count++ * g->size;
}

/* ------------------------------------------------------------------ list, map, optional, json */

static void read_list(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        struct where where = reader_where(r, place, token->at);
        struct growing items = { .size = aeon__type_size(type_inner(t)) };
        struct place item = { .above = place };
        for (; aeon__json_item(&r->json, item.index == 0); item.index++)
                read_next(r, type_inner(t), grow(r, &items), &item);
        if (aeon__reader_stopped(r, &item) || !aeon__count_check(t, item.index, "item", &where))
                return;
        memcpy(slot, &(struct list){ items.items, items.count }, sizeof(struct list));
}

struct growing_map {
        struct growing keys, values;
};

/* Read the field that @key begins, which is the last on the stack, into the map. */
static void read_entry(struct reader *r, struct type t, const struct token *key, struct growing_map *map, const struct place *place)
{
        const struct key *last = &r->keys.items[r->keys.count - 1];
        struct place entry = { .above = place, .name = last->name, .length = last->length };
        char *name;
        size_t length;
        int result = aeon__reader_string(r, key, &name, &length);
        if (result < 0) {
                struct where where = reader_where(r, &entry, key->at);
                if (result == -EILSEQ)
                        aeon__tell(&where, "its key contains a NUL character");
                r->problems->no_memory |= result == -ENOMEM;
                read_next(r, t, NULL, &entry);
                return;
        }
        entry.name = name;
        entry.length = length;
        const char **slot = grow(r, &map->keys);
        void *value = slot ? grow(r, &map->values) : NULL;
        if (slot)
                *slot = name;
        read_next(r, t, value, &entry);
}

static struct growing_map start_map(struct type t)
{
        return (struct growing_map){ .keys.size = sizeof(char *), .values.size = aeon__type_size(type_inner(t)) };
}

static void finish_map(const struct growing_map *map, void *slot)
{
        const void *keys = map->keys.items;
        memcpy(slot, &(struct map){ keys, map->values.items, map->values.count }, sizeof(struct map));
}

static void read_map(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        struct where where = reader_where(r, place, token->at);
        struct growing_map map = start_map(t);
        struct token key;
        size_t keys = r->keys.count, count = 0;
        for (; aeon__json_key(&r->json, count == 0, &key) && aeon__reader_push_key(r, &key); count++)
                read_entry(r, type_inner(t), &key, &map, place);
        bool good = !aeon__reader_stopped(r, place);
        aeon__reader_pop_keys(r, keys, place);
        if (good && aeon__count_check(t, count, "entry", &where))
                finish_map(&map, slot);
}

static void read_optional(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        struct type inner = type_inner(t);
        if (token->type == TOKEN_NULL)
                return;
        if (kind_is_text(type_kind(inner))) {
                read_value(r, inner, token, slot, place);
                return;
        }
        void *value = aeon__reader_alloc(r, aeon__type_size(inner));
        if (!value) {
                aeon__reader_skip(r, token, place);
                return;
        }
        read_value(r, inner, token, value, place);
        memcpy(slot, &value, sizeof value);
}

static void read_json(struct reader *r, const struct token *token, void *slot, const struct place *place)
{
        aeon__reader_skip(r, token, place);
        if (aeon__reader_stopped(r, place))
                return;
        char *copy = aeon__arena_copy(r->arena, token->at, (size_t)(r->json.p - token->at));
        memcpy(slot, &copy, sizeof copy);
        r->problems->no_memory |= !copy;
}

/* ------------------------------------------------------------------ records */

enum { FEW_FIELDS = 64 };

struct object {
        const aeon_record *record;
        void *body;
        const struct place *place;
        const char *at;
        uint64_t few; /* bit per field: it was given */
        bool *many;   /* the same for records of more fields; NULL: few */
        size_t next;  /* the field that is likely to come next: most writers keep the order */
        const aeon_field *rest;
        struct growing_map unknown; /* for rest */
};

static bool given(const struct object *o, size_t field)
{
        return o->many ? o->many[field] : o->few >> field & 1;
}

static void set_given(struct object *o, size_t field)
{
        if (o->many)
                o->many[field] = true;
        else
                o->few |= UINT64_C(1) << field;
}

static bool is_called(const aeon_field *field, const char *name, size_t length)
{
        const char *own = aeon__field_name(field);
        for (size_t i = 0; i < length; i++)
                if (own[i] != name[i] || !own[i])
                        return false;
        return !own[length] && field->unknown != AEON_UNKNOWN_KEEP;
}

/* The index of the field that is called so; the record's count of fields when there is none. */
static size_t find_field(struct object *o, const char *name, size_t length)
{
        size_t count = o->record->field_count;
        for (size_t i = 0; i < count; i++) {
                size_t index = o->next + i < count ? o->next + i : o->next + i - count;
                if (is_called(&o->record->fields[index], name, length)) {
                        o->next = index + 1;
                        return index;
                }
        }
        return count;
}

static void tell_unknown(struct reader *r, const struct object *o, const struct key *key, const struct place *place)
{
        struct where where = reader_where(r, place, key->at);
        char name[QUOTE_SIZE];
        const char **known = calloc(o->record->field_count + 1, sizeof *known);
        if (!known) {
                r->problems->no_memory = true;
                return;
        }
        size_t count = 0;
        for (size_t i = 0; i < o->record->field_count; i++)
                if (!given(o, i))
                        known[count++] = aeon__field_name(&o->record->fields[i]);
        const char *near = aeon__nearest(aeon__problem_quote(name, key->name, key->length), known, count);
        aeon__tell(&where, near ? "no such field; did you mean %s?" : "no such field", near);
        free(known);
}

/* A field that nobody declared. */
static void read_unknown(struct reader *r, struct object *o, const struct token *token, const struct key *key)
{
        struct place place = { .above = o->place, .name = key->name, .length = key->length };
        if (o->rest) {
                read_entry(r, (struct type){ o->rest, 1 }, token, &o->unknown, o->place);
                return;
        }
        if (o->record->unknown == AEON_UNKNOWN_REJECT)
                tell_unknown(r, o, key, &place);
        read_next(r, (struct type){ 0 }, NULL, &place);
}

/* Unknown keys need to be remembered, to know those that come twice; of known ones `given` knows. So only the former stay on the stack,
 * and of the latter only those with escapes are ever there. */
static void read_field(struct reader *r, struct object *o, const struct token *key)
{
        if (key->escaped && !aeon__reader_push_key(r, key))
                return;
        struct key name = key->escaped ? r->keys.items[r->keys.count - 1] : (struct key){ key->text, key->length, key->at };
        size_t index = find_field(o, name.name, name.length);
        if (index == o->record->field_count) {
                if (!key->escaped && !aeon__reader_push_key(r, key))
                        return;
                read_unknown(r, o, key, &name);
                return;
        }
        const aeon_field *field = &o->record->fields[index];
        struct place place = { .above = o->place, .name = name.name, .length = name.length };
        if (given(o, index)) {
                struct where where = reader_where(r, &place, key->at);
                aeon__tell(&where, "its key comes twice");
        }
        r->keys.count -= key->escaped;
        read_next(r, (struct type){ field, 0 }, given(o, index) ? NULL : field_slot(field, o->body), &place);
        set_given(o, index);
}

static void fill_absent(struct reader *r, struct object *o)
{
        for (size_t i = 0; i < o->record->field_count; i++) {
                if (given(o, i))
                        continue;
                const aeon_field *field = &o->record->fields[i];
                const char *name = aeon__field_name(field);
                struct place place = { .above = o->place, .name = name, .length = strlen(name) };
                struct where where = reader_where(r, &place, o->at);
                if (field->def)
                        aeon__text_parse((struct type){ field, 0 }, field->def, field_slot(field, o->body), r->arena, &where);
                else if (aeon__field_is_required(field))
                        aeon__tell(&where, "missing");
        }
}

static bool start_object(struct reader *r, struct object *o)
{
        for (size_t i = 0; i < o->record->field_count; i++)
                if (o->record->fields[i].unknown == AEON_UNKNOWN_KEEP)
                        o->rest = &o->record->fields[i];
        if (o->rest)
                o->unknown = start_map((struct type){ o->rest, 0 });
        if (o->record->field_count > FEW_FIELDS)
                o->many = aeon__reader_alloc(r, o->record->field_count);
        return o->record->field_count <= FEW_FIELDS || o->many;
}

static void read_record(struct reader *r, const aeon_record *record, const struct token *token, void *body,
                        const struct place *place)
{
        struct object o = { .record = record, .body = body, .place = place, .at = token->at };
        struct token key;
        size_t keys = r->keys.count;
        bool first = true;
        if (!start_object(r, &o))
                return;
        for (; aeon__json_key(&r->json, first, &key) && !r->problems->no_memory; first = false)
                read_field(r, &o, &key);
        bool good = !aeon__reader_stopped(r, place) && !r->problems->no_memory;
        aeon__reader_pop_keys(r, keys, place);
        if (!good)
                return;
        fill_absent(r, &o);
        if (o.rest)
                finish_map(&o.unknown, field_slot(o.rest, body));
}

/* ------------------------------------------------------------------ any value */

static enum token_type begins_with(aeon_kind kind)
{
        return kind == AEON_KIND_LIST ? TOKEN_ARRAY : TOKEN_OBJECT;
}

static void read_value(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        aeon_kind kind = type_kind(t);
        bool has_parts = kind == AEON_KIND_LIST || kind == AEON_KIND_MAP || kind == AEON_KIND_RECORD;
        if (has_parts && token->type != begins_with(kind)) {
                aeon__reader_refuse(r, t, token, place);
                aeon__reader_skip(r, token, place);
        } else if (kind == AEON_KIND_LIST) {
                read_list(r, t, token, slot, place);
        } else if (kind == AEON_KIND_MAP) {
                read_map(r, t, token, slot, place);
        } else if (kind == AEON_KIND_RECORD) {
                read_record(r, t.field->record(), token, slot, place);
        } else if (kind == AEON_KIND_OPTIONAL) {
                read_optional(r, t, token, slot, place);
        } else if (kind == AEON_KIND_JSON) {
                read_json(r, token, slot, place);
        } else {
                aeon__reader_scalar(r, t, token, slot, place);
        }
}

void aeon__value_read(struct type t, const char *text, size_t size, void *slot, struct arena *arena, const struct where *where)
{
        struct reader r;
        aeon__reader_start(&r, text, size, where->json ? where->json->depth : 0, where->problems, arena);
        read_next(&r, t, slot, where->place);
        aeon__json_end(&r.json);
        aeon__reader_stopped(&r, where->place);
        aeon__reader_done(&r);
}

void aeon__fields_read(const aeon_record *record, const char *text, size_t size, void *body, struct arena *arena,
                       struct problems *problems)
{
        struct reader r;
        struct token token;
        struct place whole = { .name = "" };
        aeon__reader_start(&r, text, size, 0, problems, arena);
        if (aeon__json_next(&r.json, &token) && token.type != TOKEN_OBJECT) {
                struct where where = reader_where(&r, &whole, token.at);
                aeon__tell(&where, "not a JSON object");
        } else if (!r.json.wrong) {
                read_record(&r, record, &token, body, &whole);
                aeon__json_end(&r.json);
        }
        aeon__reader_stopped(&r, &whole);
        aeon__reader_done(&r);
}
