/* From text to a value: settings, arguments, defaults. */
#include "record/number.h"
#include "record/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int parse_boolean(const char *text, bool *ret_value)
{
        static const struct {
                const char *word;
                bool value;
        } words[] = {
                { "true", true }, { "false", false }, { "yes", true }, { "no", false },
                { "on", true },   { "off", false },   { "1", true },   { "0", false },
        };
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
                if (!strcasecmp(text, words[i].word)) {
                        *ret_value = words[i].value;
                        return 0;
                }
        }
        return -EINVAL;
}

static int parse_bytes(const char *text, struct arena *arena, aeon_bytes *ret_bytes)
{
        size_t length = strlen(text), size;
        char *bytes = aeon__arena_copy(arena, text, length);
        if (!bytes)
                return -ENOMEM;
        if (!aeon__base64_read(bytes, length, bytes, &size))
                return -EINVAL;
        *ret_bytes = (aeon_bytes){ bytes, size };
        return 0;
}

static int parse_scalar(struct type t, const char *text, struct arena *arena, union scalar *ret_scalar)
{
        switch (type_kind(t)) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                ret_scalar->string = aeon__arena_copy(arena, text, strlen(text));
                return ret_scalar->string ? 0 : -ENOMEM;
        case AEON_KIND_BYTES:
                return parse_bytes(text, arena, &ret_scalar->bytes);
        case AEON_KIND_I64:
                return aeon__whole_parse(text, &ret_scalar->i64);
        case AEON_KIND_U64:
                return aeon__unsigned_parse(text, &ret_scalar->u64);
        case AEON_KIND_F64:
                return aeon__number_parse(text, &ret_scalar->f64);
        case AEON_KIND_BOOLEAN:
                return parse_boolean(text, &ret_scalar->boolean);
        case AEON_KIND_DURATION:
                return aeon__duration_parse(text, &ret_scalar->i64);
        case AEON_KIND_SIZE:
                return aeon__size_parse(text, &ret_scalar->u64);
        case AEON_KIND_TIMESTAMP:
                return aeon__timestamp_parse(text, &ret_scalar->i64);
        case AEON_KIND_ENUMERATION:
                return aeon__enumeration_parse(t.field->enumeration(), text, &ret_scalar->constant);
        case AEON_KIND_NONE:
        case AEON_KIND_JSON:
        case AEON_KIND_RECORD:
        case AEON_KIND_OPTIONAL:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                break;
        }
        return -EINVAL;
}

static void tell_wrong(struct type t, const char *text, int code, const struct where *where)
{
        char quote[QUOTE_SIZE], shown[QUOTE_SIZE + 2];
        aeon__problem_quote(quote, text, strlen(text));
        snprintf(shown, sizeof shown, "\"%s\"", quote);
        if (code == -ENOMEM)
                where->problems->no_memory = true;
        else if (code == -ERANGE)
                aeon__tell(where, "%s is too large", quote);
        else
                aeon__tell_not(t, shown, where);
}

static void parse_optional(struct type t, const char *text, void *slot, struct arena *arena, const struct where *where)
{
        struct type inner = type_inner(t);
        if (kind_is_text(type_kind(inner))) {
                aeon__text_parse(inner, text, slot, arena, where);
                return;
        }
        void *value = aeon__arena_alloc(arena, aeon__type_size(inner));
        if (value) {
                aeon__text_parse(inner, text, value, arena, where);
                *(void **)slot = value;
        } else {
                where->problems->no_memory = true;
        }
}

void aeon__text_parse(struct type t, const char *text, void *slot, struct arena *arena, const struct where *where)
{
        union scalar scalar;
        switch (type_kind(t)) {
        case AEON_KIND_OPTIONAL:
                parse_optional(t, text, slot, arena, where);
                break;
        case AEON_KIND_JSON:
        case AEON_KIND_RECORD:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                aeon__value_read(t, text, strlen(text), slot, arena, where);
                break;
        default: {
                int r = parse_scalar(t, text, arena, &scalar);
                if (r < 0)
                        tell_wrong(t, text, r, where);
                else if (aeon__scalar_check(t, scalar, where))
                        aeon__scalar_store(type_kind(t), scalar, slot);
        }
        }
}

void aeon__value_parse(const aeon_field *field, const char *text, void *slot, struct arena *arena, struct problems *problems,
                       const char *path)
{
        struct place place = { .name = path, .length = strlen(path) };
        struct where where = { .problems = problems, .place = &place };
        aeon__text_parse((struct type){ field, 0 }, text, slot, arena, &where);
}

/* ------------------------------------------------------------------ several texts */

static void parse_list(struct type t, const char *const *texts, size_t count, void *slot, struct arena *arena,
                       const struct where *where)
{
        size_t size = aeon__type_size(type_inner(t));
        char *items = aeon__arena_alloc(arena, count * size);
        if (!items) {
                where->problems->no_memory = true;
                return;
        }
        struct place place = { .above = where->place };
        struct where item = { .problems = where->problems, .place = &place };
        for (; place.index < count; place.index++)
                aeon__text_parse(type_inner(t), texts[place.index], items + place.index * size, arena, &item);
        if (aeon__count_check(t, count, "item", where))
                memcpy(slot, &(struct list){ items, count }, sizeof(struct list));
}

/* A type that takes several texts: a list, which may be optional. */
static bool takes_several(struct type t)
{
        return type_kind(t) == AEON_KIND_LIST || (type_kind(t) == AEON_KIND_OPTIONAL && takes_several(type_inner(t)));
}

static void parse_several(struct type t, const char *const *texts, size_t count, void *slot, struct arena *arena,
                          const struct where *where)
{
        if (type_kind(t) == AEON_KIND_LIST) {
                parse_list(t, texts, count, slot, arena, where);
                return;
        }
        void *value = aeon__arena_alloc(arena, aeon__type_size(type_inner(t)));
        if (value) {
                parse_several(type_inner(t), texts, count, value, arena, where);
                *(void **)slot = value;
        } else {
                where->problems->no_memory = true;
        }
}

void aeon__values_parse(const aeon_field *field, const char *const *texts, size_t count, void *slot, struct arena *arena,
                        struct problems *problems, const char *path)
{
        struct type t = { field, 0 };
        struct place place = { .name = path, .length = strlen(path) };
        struct where where = { .problems = problems, .place = &place };
        if (!takes_several(t) || (count == 1 && texts[0][0] == '['))
                aeon__text_parse(t, texts[count - 1], slot, arena, &where);
        else
                parse_several(t, texts, count, slot, arena, &where);
}

void aeon__field_fill(const aeon_field *field, const char *const *texts, size_t count, void *body, struct arena *arena,
                      struct problems *problems, const char *path)
{
        if (count)
                aeon__values_parse(field, texts, count, field_slot(field, body), arena, problems, path);
        else if (field->def)
                aeon__value_parse(field, field->def, field_slot(field, body), arena, problems, path);
        else if (aeon__field_is_required(field))
                aeon__problem(problems, path, "missing");
}
