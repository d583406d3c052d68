/* One value of one field: from text, from JSON, to JSON, and its bounds.
 *
 * DESIGN
 *   A record is a struct in an arena of its own, head first, so that the pointer to the struct is enough to free everything:
 *
 *       chunk: [ struct value: arena | the user's struct ] [ "string" ] [ items of a list ] ...
 *
 *   The kinds of a field form a chain: list(optional(i64)) is LIST, OPTIONAL, I64. So a type is a field and how far down its chain
 * we are; what is written about a field's innermost kind (its bounds, its record) is the field's own.
 *
 *   Whatever is wrong goes to the problems, told where it is; the slot is then left as it was. A scalar is what the simple kinds
 * have in common: text or JSON becomes a scalar, the scalar is checked against the bounds, and only then stored.
 *
 *       text ---- aeon__value_parse ---.                                         .--- aeon__value_write --- JSON
 *                                       > scalar --- check --- slot in the struct
 *       JSON ---- aeon__value_read ----'
 */
#pragma once

#include "base/arena.h"
#include "base/text.h"
#include "record/place.h"

#include <aeon/record.h>

/* ------------------------------------------------------------------ types */

struct type {
        const aeon_field *field;
        unsigned depth; /* 0: the field's own kind */
};

static inline aeon_kind type_kind(struct type t)
{
        return t.depth ? t.field->of[t.depth - 1] : t.field->kind;
}

/* What an optional, list or map holds. */
static inline struct type type_inner(struct type t)
{
        return (struct type){ t.field, t.depth + 1 };
}

/* Of the C type: an item of a list is as large. */
size_t aeon__type_size(struct type t);

/* What a value of it is called: "a whole number". */
const char *aeon__type_noun(struct type t);

/* Tell that @shown is not of the type. */
void aeon__tell_not(struct type t, const char *shown, const struct where *where);

/* The value that is called @name. Errors: -EINVAL. */
int aeon__enumeration_parse(const aeon_enumeration *enumeration, const char *name, int *ret_value);

/* True when the member is a pointer to text, NULL when there is none, whether it is optional or not. */
static inline bool kind_is_text(aeon_kind kind)
{
        return kind == AEON_KIND_STR || kind == AEON_KIND_SECRET || kind == AEON_KIND_JSON;
}

/* True when .min_len and .max_len are about this length: that of the outermost kind that has one. */
bool aeon__type_is_measured(struct type t);

static inline bool type_has_length_bounds(struct type t)
{
        return (t.field->min_len || t.field->max_len) && aeon__type_is_measured(t);
}

/* ------------------------------------------------------------------ how values lie in the struct */

struct list {
        const void *items;
        size_t count;
};

struct map {
        const char *const *keys;
        const void *values;
        size_t count;
};

union scalar {
        const char *string; /* str, secret */
        aeon_bytes bytes;
        int64_t i64;  /* i64, duration, timestamp */
        uint64_t u64; /* u64, size */
        double f64;
        bool boolean;
        int constant; /* enumeration */
};

/* A new zeroed struct of @record, to aeon_record_free(), and the arena for what it points to. NULL when there is no memory. */
void *aeon__record_new(const aeon_record *record, struct arena **ret_arena);

/* The same for @count of them in a row. */
void *aeon__records_new(const aeon_record *record, size_t count, struct arena **ret_arena);

/* aeon_record_decode() with a collector of the caller's, which is empty again behind it. */
int aeon__record_decode(const aeon_record *record, const char *json, size_t size, struct problems *problems, void **ret_value);

/* The end of every reading: @body in @ret_value when nothing was wrong, freed when something was. Errors: -EBADMSG, -ENOMEM */
int aeon__record_conclude(const aeon_record *record, void *body, struct problems *problems, void **ret_value);

/* Where the field is in the struct. */
static inline void *field_slot(const aeon_field *field, void *value)
{
        return (char *)value + field->offset;
}

/* Put the scalar where it belongs, and get it from there. */
void aeon__scalar_store(aeon_kind kind, union scalar scalar, void *slot);
union scalar aeon__scalar_load(aeon_kind kind, const void *slot);

/* ------------------------------------------------------------------ fields */

/* The name outside C. */
static inline const char *aeon__field_name(const aeon_field *field)
{
        return field->name ? field->name : field->member;
}

/* True when a value without this field is not one. */
bool aeon__field_is_required(const aeon_field *field);

/* True when its text may not be shown: it is a secret or holds one. */
bool aeon__field_is_secret(const aeon_field *field);

/* ------------------------------------------------------------------ values */

/* Read a field from text, telling problems at @path. */
void aeon__value_parse(const aeon_field *field, const char *text, void *slot, struct arena *arena, struct problems *problems,
                       const char *path);

/* The same from the one or more texts that were given for it: each is an item of a list, unless a single one is a list in JSON; for
 * what is no list the last counts. */
void aeon__values_parse(const aeon_field *field, const char *const *texts, size_t count, void *slot, struct arena *arena,
                        struct problems *problems, const char *path);

/* Fill the field from the @count texts that were given for it: with none, from its default, or it is told as missing if it has to be
 * there. */
void aeon__field_fill(const aeon_field *field, const char *const *texts, size_t count, void *body, struct arena *arena,
                      struct problems *problems, const char *path);

/* Read a value at any depth; objects and lists are JSON in @text. */
void aeon__text_parse(struct type t, const char *text, void *slot, struct arena *arena, const struct where *where);

/* Read one JSON value, all of @text, inside those that @where's text has open. */
void aeon__value_read(struct type t, const char *text, size_t size, void *slot, struct arena *arena, const struct where *where);

/* Read one JSON object, all of @text, into the zeroed struct @body of @record. */
void aeon__fields_read(const aeon_record *record, const char *text, size_t size, void *body, struct arena *arena,
                       struct problems *problems);

/* Tell whatever is no JSON in @text, inside @depth other objects and lists. */
void aeon__json_check(const char *text, size_t size, unsigned depth, const struct where *where);

/* Write the struct @body of @record as an object. */
void aeon__fields_write(const aeon_record *record, const void *body, struct text *json, struct problems *problems);

/* Write the value in @slot. */
void aeon__value_write(struct type t, const void *slot, struct text *json, const struct where *where);

/* Write @string between quotes. */
void aeon__string_write(struct text *json, const char *string);

/* ------------------------------------------------------------------ bounds */

/* True when @scalar keeps the field's bounds; if not, it is told. */
bool aeon__scalar_check(struct type t, union scalar scalar, const struct where *where);

/* The same for how many bytes, items of a list or entries of a map there are; one is called @noun. */
bool aeon__count_check(struct type t, size_t count, const char *noun, const struct where *where);

/* True when @string matches @pattern somewhere. Negative errno: -EINVAL it is no pattern, -ENOMEM. */
int aeon__pattern_match(const char *pattern, const char *string);
