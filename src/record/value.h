/* One value of one field: from text, from JSON, to JSON, and its bounds.
 *
 * DESIGN
 *   A record is a struct in an arena of its own, head first, so that the pointer to the struct is enough to free everything:
 *
 *       chunk: [ struct value: arena | the user's struct ] [ "string" ] [ "string" ] ...
 *
 *   Whatever is wrong goes to the problems, told at @path; the slot is then left as it was. A scalar is what the simple kinds have
 * in common: text or JSON becomes a scalar, the scalar is checked against the bounds, and only then stored.
 *
 *       text ---- aeon__value_parse ---.                                         .--- aeon__value_write --- JSON
 *                                       > scalar --- check --- slot in the struct
 *       JSON ---- aeon__value_read ----'
 */
#pragma once

#include "base/arena.h"
#include "base/text.h"
#include "record/problems.h"

#include <aeon/record.h>
#include <jansson.h>

union scalar {
        const char *string; /* str, secret */
        int64_t i64;        /* i64, duration */
        double f64;
        bool boolean;
};

/* A new zeroed struct of @record, to aeon_record_free(), and the arena for what it points to. NULL when there is no memory. */
void *aeon__record_new(const aeon_record *record, struct arena **ret_arena);

/* Where the field is in the struct. */
static inline void *field_slot(const aeon_field *field, void *value)
{
        return (char *)value + field->offset;
}

/* The name outside C. */
const char *aeon__field_name(const aeon_field *field);

/* True when a value without this field is not one. */
bool aeon__field_is_required(const aeon_field *field);

/* What a value of @kind is called: "a whole number". */
const char *aeon__kind_noun(aeon_kind kind);

void aeon__value_parse(const aeon_field *field, const char *text, void *slot, struct arena *arena, struct problems *problems,
                       const char *path);
void aeon__value_read(const aeon_field *field, const json_t *json, void *slot, struct arena *arena, struct problems *problems,
                      const char *path);
void aeon__value_write(const aeon_field *field, const void *slot, struct text *json, struct problems *problems, const char *path);

/* True when @scalar keeps the field's bounds. */
bool aeon__scalar_check(const aeon_field *field, union scalar scalar, struct problems *problems, const char *path);

/* Check @scalar and put it into @slot, a string as a copy in @arena. */
void aeon__scalar_store(const aeon_field *field, union scalar scalar, void *slot, struct arena *arena, struct problems *problems,
                        const char *path);
