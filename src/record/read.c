/* From JSON to a struct: objects, lists, maps, optionals. */
#include "record/read.h"

#include "base/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_next(struct reader *r, struct type t, void *slot, const struct place *place);

/* ------------------------------------------------------------------ arrays that grow */

struct growing {
        char *items;
        const char **names;           /* of the items, which are entries of a map; not of a list */
        size_t count, capacity, size; /* of one */
        bool named;
};

/* False when there is no memory. */
static bool grow_more(struct reader *r, struct growing *g)
{
        size_t capacity = g->capacity ? g->capacity * 2 : 4;
        char *items = aeon__reader_alloc(r, capacity * g->size);
        const char **names = g->named ? aeon__reader_alloc(r, capacity * sizeof *names) : NULL;
        if (!items || (g->named && !names))
                return false;
        if (g->count)
                memcpy(items, g->items, g->count * g->size);
        if (g->count && g->named)
                memcpy(names, g->names, g->count * sizeof *names);
        g->items = items;
        g->names = names;
        g->capacity = capacity;
        return true;
}

/* Room for one more item, zeroed; NULL when there is none: it is then read over. */
static inline void *grow(struct reader *r, struct growing *g)
{
        if (g->count == g->capacity && !grow_more(r, g))
                return NULL;
        return g->items + g->count++ * g->size;
}

/* ------------------------------------------------------------------ list, map, optional, json */

static void read_list(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        struct growing items = { .size = aeon__type_size(type_inner(t)) };
        struct place item = { .above = place };
        for (; aeon__json_item(&r->json, item.index == 0); item.index++)
                read_next(r, type_inner(t), grow(r, &items), &item);
        if (aeon__reader_stopped(r, &item))
                return;
        struct where where = reader_where(r, place, token_at(token));
        if (!aeon__count_check(t, item.index, "item", &where))
                return;
        memcpy(slot, &(struct list){ items.items, items.count }, sizeof(struct list));
}

/* Tell why the key of @entry could not be copied. */
__attribute__((cold, noinline)) static void tell_key(struct reader *r, const struct token *key, int code, const struct place *entry)
{
        struct where where = reader_where(r, entry, token_at(key));
        if (code == -EILSEQ)
                aeon__tell(&where, "its key contains a NUL character");
        r->problems->no_memory |= code == -ENOMEM;
}

/* Read the field that @key begins, which is the last on the stack, into the map. */
static void read_entry(struct reader *r, struct type t, const struct token *key, struct growing *map, const struct place *place)
{
        const struct key *last = &r->keys.items[r->keys.count - 1];
        struct place entry = { .above = place, .name = last->name, .length = last->length };
        char *name;
        void *value = NULL;
        int result = aeon__reader_string(r, key, &name, &entry.length);
        if (result < 0) {
                tell_key(r, key, result, &entry);
        } else {
                entry.name = name;
                value = grow(r, map);
                if (value)
                        map->names[map->count - 1] = name;
        }
        read_next(r, t, value, &entry);
}

static struct growing start_map(struct type t)
{
        return (struct growing){ .size = aeon__type_size(type_inner(t)), .named = true };
}

static void finish_map(const struct growing *map, void *slot)
{
        memcpy(slot, &(struct map){ map->names, map->items, map->count }, sizeof(struct map));
}

static void read_map(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        struct growing map = start_map(t);
        struct token key;
        size_t keys = r->keys.count, count = 0;
        for (; aeon__json_key(&r->json, count == 0, &key) && aeon__reader_push_key(r, &key); count++)
                read_entry(r, type_inner(t), &key, &map, place);
        bool good = !aeon__reader_stopped(r, place);
        aeon__reader_pop_keys(r, keys, place);
        struct where where = reader_where(r, place, token_at(token));
        if (good && aeon__count_check(t, count, "entry", &where))
                finish_map(&map, slot);
}

/* Where the value of an optional goes whose slot is @slot: text is its own slot. */
static void *open_optional(struct reader *r, struct type inner, void *slot)
{
        if (kind_is_text(type_kind(inner)))
                return slot;
        void *value = aeon__reader_alloc(r, aeon__type_size(inner));
        memcpy(slot, &value, sizeof value);
        return value;
}

static void read_json(struct reader *r, const struct token *token, void *slot, const struct place *place)
{
        aeon__reader_skip(r, token, place);
        if (aeon__reader_stopped(r, place))
                return;
        char *copy = aeon__arena_copy(r->arena, token_at(token), (size_t)(r->json.p - token_at(token)));
        memcpy(slot, &copy, sizeof copy);
        r->problems->no_memory |= !copy;
}

/* ------------------------------------------------------------------ records */

enum { FEW_FIELDS = 32 };

struct object {
        const aeon_record *record;
        void *body;
        const struct place *place;
        bool *given; /* for each field */
        size_t given_count;
        size_t next;            /* the field that is likely to come next: most writers keep the order */
        struct growing unknown; /* for the field that keeps what nobody declared */
};

static bool is_called(const aeon_field *field, const char *name, size_t length)
{
        const char *own = aeon__field_name(field);
        return !strncmp(own, name, length) && !own[length] && field->unknown != AEON_UNKNOWN_KEEP;
}

/* The index of the field that is called so, a name without NUL; the record's count of fields when there is none. */
static size_t find_field(struct object *o, const char *name, size_t length)
{
        const aeon_field *fields = o->record->fields;
        size_t count = o->record->field_count, index = o->next;
        if (index == count || !is_called(&fields[index], name, length))
                for (index = 0; index < count && !is_called(&fields[index], name, length);)
                        index++;
        o->next = index < count ? index + 1 : o->next;
        return index;
}

__attribute__((cold, noinline)) static void tell_unknown(struct reader *r, const struct object *o, const struct token *key,
                                                         const struct place *place)
{
        struct where where = reader_where(r, place, token_at(key));
        char name[QUOTE_SIZE];
        const char **known = calloc(o->record->field_count + 1, sizeof *known);
        if (!known) {
                r->problems->no_memory = true;
                return;
        }
        size_t count = 0;
        for (size_t i = 0; i < o->record->field_count; i++)
                if (!o->given[i])
                        known[count++] = aeon__field_name(&o->record->fields[i]);
        const char *near = aeon__nearest(aeon__problem_quote(name, place->name, place->length), known, count);
        aeon__tell(&where, near ? "no such field; did you mean %s?" : "no such field", near);
        free(known);
}

/* The field that keeps what nobody declared; NULL: none does. */
static const aeon_field *find_rest(const aeon_record *record)
{
        for (size_t i = 0; i < record->field_count; i++)
                if (record->fields[i].unknown == AEON_UNKNOWN_KEEP)
                        return &record->fields[i];
        return NULL;
}

/* A field that nobody declared. */
static void read_unknown(struct reader *r, struct object *o, const struct token *key, const struct place *place)
{
        const aeon_field *rest = find_rest(o->record);
        if (rest) {
                if (!o->unknown.count)
                        o->unknown = start_map((struct type){ rest, 0 });
                read_entry(r, (struct type){ rest, 1 }, key, &o->unknown, o->place);
                return;
        }
        if (o->record->unknown == AEON_UNKNOWN_REJECT)
                tell_unknown(r, o, key, place);
        read_next(r, (struct type){ 0 }, NULL, place);
}

/* Unknown keys need to be remembered, to know those that come twice; of known ones `given` knows. So only the former stay on the stack,
 * and of the latter only those with escapes are ever there. */
static void read_field(struct reader *r, struct object *o, const struct token *key)
{
        struct place place = { .above = o->place, .name = key->text, .length = key->length };
        if (key->escaped) {
                const struct key *pushed = aeon__reader_push_key(r, key);
                if (!pushed)
                        return;
                place.name = pushed->name;
                place.length = pushed->length;
        }
        size_t count = o->record->field_count;
        bool impossible = key->escaped && memchr(place.name, '\0', place.length);
        size_t index = impossible ? count : find_field(o, place.name, place.length);
        if (index == count) {
                if (key->escaped || aeon__reader_push_key(r, key))
                        read_unknown(r, o, key, &place);
                return;
        }
        const aeon_field *field = &o->record->fields[index];
        void *slot = field_slot(field, o->body);
        if (o->given[index]) {
                struct where where = reader_where(r, &place, token_at(key));
                aeon__tell(&where, "its key comes twice");
                slot = NULL;
        }
        o->given_count += !o->given[index];
        o->given[index] = true;
        r->keys.count -= key->escaped;
        read_next(r, (struct type){ field, 0 }, slot, &place);
}

static void fill_absent(struct reader *r, struct object *o, const char *at)
{
        for (size_t i = 0; i < o->record->field_count; i++) {
                if (o->given[i])
                        continue;
                const aeon_field *field = &o->record->fields[i];
                const char *name = aeon__field_name(field);
                struct place place = { .above = o->place, .name = name, .length = strlen(name) };
                struct where where = reader_where(r, &place, at);
                if (field->unknown == AEON_UNKNOWN_KEEP)
                        finish_map(&o->unknown, field_slot(field, o->body));
                else if (field->def)
                        aeon__text_parse((struct type){ field, 0 }, field->def, field_slot(field, o->body), r->arena, &where);
                else if (aeon__field_is_required(field))
                        aeon__tell(&where, "missing");
        }
}

static void read_record(struct reader *r, const aeon_record *record, const struct token *token, void *body,
                        const struct place *place)
{
        bool few[FEW_FIELDS] = { false };
        struct object o = { .record = record, .body = body, .place = place, .given = few };
        struct token key;
        size_t keys = r->keys.count;
        bool first = true;
        if (record->field_count > FEW_FIELDS && !(o.given = aeon__reader_alloc(r, record->field_count)))
                return;
        for (; aeon__json_key(&r->json, first, &key) && !r->problems->no_memory; first = false)
                read_field(r, &o, &key);
        bool good = !aeon__reader_stopped(r, place) && !r->problems->no_memory;
        aeon__reader_pop_keys(r, keys, place);
        if (good && o.given_count < record->field_count)
                fill_absent(r, &o, token_at(token));
}

/* ------------------------------------------------------------------ any value */

/* True when @token begins what @t takes, an object or list; if not, that is told and the value skipped. */
static bool expect(struct reader *r, struct type t, const struct token *token, enum token_type type, const struct place *place)
{
        if (token->type == type)
                return true;
        aeon__reader_refuse(r, t, token, place);
        aeon__reader_skip(r, token, place);
        return false;
}

static void read_value(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        switch (type_kind(t)) {
        case AEON_KIND_LIST:
                if (expect(r, t, token, TOKEN_ARRAY, place))
                        read_list(r, t, token, slot, place);
                break;
        case AEON_KIND_MAP:
                if (expect(r, t, token, TOKEN_OBJECT, place))
                        read_map(r, t, token, slot, place);
                break;
        case AEON_KIND_RECORD:
                if (expect(r, t, token, TOKEN_OBJECT, place))
                        read_record(r, t.field->record(), token, slot, place);
                break;
        case AEON_KIND_JSON:
                read_json(r, token, slot, place);
                break;
        default:
                aeon__reader_scalar(r, t, token, slot, place);
        }
}

/* Read the value that comes next into @slot; NULL: nowhere. */
static void read_next(struct reader *r, struct type t, void *slot, const struct place *place)
{
        struct token token;
        if (!aeon__json_next(&r->json, &token)) {
                aeon__reader_stopped(r, place);
                return;
        }
        if (slot && type_kind(t) == AEON_KIND_OPTIONAL) {
                if (token.type == TOKEN_NULL)
                        return;
                t = type_inner(t);
                slot = open_optional(r, t, slot);
        }
        if (slot)
                read_value(r, t, &token, slot, place);
        else
                aeon__reader_skip(r, &token, place);
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
                struct where where = reader_where(&r, &whole, token_at(&token));
                aeon__tell(&where, "not a JSON object");
        } else if (!r.json.wrong) {
                read_record(&r, record, &token, body, &whole);
                aeon__json_end(&r.json);
        }
        aeon__reader_stopped(&r, &whole);
        aeon__reader_done(&r);
}
