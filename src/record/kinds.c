/* What is known about kinds: sizes, names, and how values lie in the struct. */
#include "record/value.h"

#include <errno.h>
#include <string.h>

size_t aeon__type_size(struct type t)
{
        switch (type_kind(t)) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
        case AEON_KIND_JSON:
        case AEON_KIND_OPTIONAL:
                return sizeof(void *);
        case AEON_KIND_BYTES:
                return sizeof(aeon_bytes);
        case AEON_KIND_I64:
        case AEON_KIND_U64:
        case AEON_KIND_DURATION:
        case AEON_KIND_SIZE:
        case AEON_KIND_TIMESTAMP:
                return sizeof(int64_t);
        case AEON_KIND_F64:
                return sizeof(double);
        case AEON_KIND_BOOLEAN:
                return sizeof(bool);
        case AEON_KIND_ENUMERATION:
                return sizeof(int);
        case AEON_KIND_RECORD:
                return t.field->record()->size;
        case AEON_KIND_LIST:
                return sizeof(struct list);
        case AEON_KIND_MAP:
                return sizeof(struct map);
        case AEON_KIND_NONE:
                break;
        }
        return 0;
}

const char *aeon__type_noun(struct type t)
{
        switch (type_kind(t)) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                return "a string";
        case AEON_KIND_BYTES:
                return "base64";
        case AEON_KIND_I64:
                return "a whole number";
        case AEON_KIND_U64:
                return "a whole number from 0";
        case AEON_KIND_F64:
                return "a number";
        case AEON_KIND_BOOLEAN:
                return "true or false";
        case AEON_KIND_DURATION:
                return "a duration (30s, 1m30s, 250ms)";
        case AEON_KIND_SIZE:
                return "a size (64KiB, 10MB, 512)";
        case AEON_KIND_TIMESTAMP:
                return "a time (2026-11-21T10:04:28Z)";
        case AEON_KIND_RECORD:
        case AEON_KIND_MAP:
                return "an object";
        case AEON_KIND_LIST:
                return "a list";
        case AEON_KIND_OPTIONAL:
                return aeon__type_noun(type_inner(t));
        case AEON_KIND_JSON:
        case AEON_KIND_ENUMERATION: /* each has words of its own */
        case AEON_KIND_NONE:
                break;
        }
        return "of a known kind";
}

void aeon__tell_not(struct type t, const char *shown, const struct where *where)
{
        if (type_kind(t) != AEON_KIND_ENUMERATION) {
                aeon__tell(where, "%s is not %s", shown, aeon__type_noun(t));
                return;
        }
        const aeon_enumeration *e = t.field->enumeration();
        struct text names = { 0 };
        for (size_t i = 0; i < e->count; i++)
                aeon__text_print(&names, "%s%s", i ? ", " : "", e->values[i].name);
        if (names.failed)
                where->problems->no_memory = true;
        else
                aeon__tell(where, "%s is none of %s", shown, names.data ? names.data : "no names");
        aeon__text_done(&names);
}

static bool has_length(aeon_kind kind)
{
        return kind == AEON_KIND_STR || kind == AEON_KIND_SECRET || kind == AEON_KIND_BYTES || kind == AEON_KIND_LIST ||
               kind == AEON_KIND_MAP;
}

bool aeon__type_is_measured(struct type t)
{
        for (struct type above = { t.field, 0 }; above.depth < t.depth; above.depth++)
                if (has_length(type_kind(above)))
                        return false;
        return has_length(type_kind(t));
}

void aeon__scalar_store(aeon_kind kind, union scalar scalar, void *slot)
{
        switch (kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
        case AEON_KIND_JSON:
                *(const char **)slot = scalar.string;
                break;
        case AEON_KIND_BYTES:
                *(aeon_bytes *)slot = scalar.bytes;
                break;
        case AEON_KIND_I64:
        case AEON_KIND_DURATION:
        case AEON_KIND_TIMESTAMP:
                *(int64_t *)slot = scalar.i64;
                break;
        case AEON_KIND_U64:
        case AEON_KIND_SIZE:
                *(uint64_t *)slot = scalar.u64;
                break;
        case AEON_KIND_F64:
                *(double *)slot = scalar.f64;
                break;
        case AEON_KIND_BOOLEAN:
                *(bool *)slot = scalar.boolean;
                break;
        case AEON_KIND_ENUMERATION:
                memcpy(slot, &scalar.constant, sizeof scalar.constant); /* its type is the user's enum */
                break;
        case AEON_KIND_NONE:
        case AEON_KIND_RECORD:
        case AEON_KIND_OPTIONAL:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                break;
        }
}

union scalar aeon__scalar_load(aeon_kind kind, const void *slot)
{
        union scalar scalar = { 0 };
        switch (kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
        case AEON_KIND_JSON:
                scalar.string = *(const char *const *)slot;
                break;
        case AEON_KIND_BYTES:
                scalar.bytes = *(const aeon_bytes *)slot;
                break;
        case AEON_KIND_I64:
        case AEON_KIND_DURATION:
        case AEON_KIND_TIMESTAMP:
                scalar.i64 = *(const int64_t *)slot;
                break;
        case AEON_KIND_U64:
        case AEON_KIND_SIZE:
                scalar.u64 = *(const uint64_t *)slot;
                break;
        case AEON_KIND_F64:
                scalar.f64 = *(const double *)slot;
                break;
        case AEON_KIND_BOOLEAN:
                scalar.boolean = *(const bool *)slot;
                break;
        case AEON_KIND_ENUMERATION:
                memcpy(&scalar.constant, slot, sizeof scalar.constant);
                break;
        case AEON_KIND_NONE:
        case AEON_KIND_RECORD:
        case AEON_KIND_OPTIONAL:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                break;
        }
        return scalar;
}

bool aeon__field_is_required(const aeon_field *field)
{
        bool may_be_absent =
                field->kind == AEON_KIND_SECRET || field->kind == AEON_KIND_OPTIONAL || field->unknown == AEON_UNKNOWN_KEEP;
        return field->required || (!field->def && !may_be_absent);
}

static aeon_kind innermost(const aeon_field *field)
{
        struct type t = { field, 0 };
        while (type_kind(type_inner(t)) != AEON_KIND_NONE)
                t = type_inner(t);
        return type_kind(t);
}

/* Records may hold themselves: what is below a few levels was seen above. */
static bool holds_secret(const aeon_field *field, unsigned levels)
{
        if (innermost(field) == AEON_KIND_SECRET)
                return true;
        const aeon_record *record = field->record && levels ? field->record() : NULL;
        for (size_t i = 0; record && i < record->field_count; i++)
                if (holds_secret(&record->fields[i], levels - 1))
                        return true;
        return false;
}

bool aeon__field_is_secret(const aeon_field *field)
{
        return holds_secret(field, 4);
}

const char *aeon_enumeration_name(const aeon_enumeration *enumeration, int value)
{
        for (size_t i = 0; i < enumeration->count; i++)
                if (enumeration->values[i].value == value)
                        return enumeration->values[i].name;
        return NULL;
}

int aeon__enumeration_parse(const aeon_enumeration *enumeration, const char *name, int *ret_value)
{
        for (size_t i = 0; i < enumeration->count; i++) {
                if (!strcmp(enumeration->values[i].name, name)) {
                        *ret_value = enumeration->values[i].value;
                        return 0;
                }
        }
        return -EINVAL;
}
