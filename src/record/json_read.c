/* From JSON to a value. */
#include "record/number.h"
#include "record/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_SIZE = QUOTE_SIZE + 16 };

/* What stands in the JSON, as a problem names it. */
static const char *describe(char out[SHOWN_SIZE], const json_t *json)
{
        char quote[QUOTE_SIZE];
        switch (json_typeof(json)) {
        case JSON_OBJECT:
                return "an object";
        case JSON_ARRAY:
                return "a list";
        case JSON_STRING:
                snprintf(out, SHOWN_SIZE, "the string \"%s\"",
                         aeon__problem_quote(quote, json_string_value(json), json_string_length(json)));
                return out;
        case JSON_INTEGER:
                snprintf(out, SHOWN_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
                return out;
        case JSON_REAL:
                return aeon__number_print(out, json_real_value(json));
        case JSON_TRUE:
                return "true";
        case JSON_FALSE:
                return "false";
        case JSON_NULL:
                return "null";
        }
        return "something";
}

static bool fits_i64(double number)
{
        return number >= -0x1p63 && number < 0x1p63; /* false for NaN */
}

/* A double that is a whole number, exactly. */
static bool whole_from_real(double number, int64_t *ret_number)
{
        if (!fits_i64(number) || islessgreater((double)(int64_t)number, number))
                return false;
        *ret_number = (int64_t)number;
        return true;
}

/* Seconds to the nearest nanosecond; the whole ones apart, so that large durations lose nothing. */
static bool duration_from_real(double seconds, int64_t *ret_nanoseconds)
{
        if (!fits_i64(seconds))
                return false;
        int64_t whole = (int64_t)seconds, nanoseconds;
        double rest = (seconds - (double)whole) * 1e9;
        return !__builtin_mul_overflow(whole, INT64_C(1000000000), &nanoseconds) &&
               !__builtin_add_overflow(nanoseconds, (int64_t)(rest < 0 ? rest - 0.5 : rest + 0.5), ret_nanoseconds);
}

static bool read_i64(const json_t *json, int64_t *ret_number)
{
        if (json_is_real(json))
                return whole_from_real(json_real_value(json), ret_number);
        *ret_number = json_integer_value(json);
        return json_is_integer(json);
}

static bool read_duration(const json_t *json, int64_t *ret_nanoseconds)
{
        if (json_is_string(json))
                return aeon__duration_parse(json_string_value(json), ret_nanoseconds) == 0;
        if (json_is_real(json))
                return duration_from_real(json_real_value(json), ret_nanoseconds);
        return json_is_integer(json) && !__builtin_mul_overflow(json_integer_value(json), INT64_C(1000000000), ret_nanoseconds);
}

static bool read_scalar(aeon_kind kind, const json_t *json, union scalar *ret_scalar)
{
        switch (kind) {
        case AEON_KIND_STR:
                ret_scalar->string = json_string_value(json);
                return json_is_string(json);
        case AEON_KIND_SECRET:
                ret_scalar->string = json_string_value(json);
                return json_is_string(json) || json_is_null(json);
        case AEON_KIND_I64:
                return read_i64(json, &ret_scalar->i64);
        case AEON_KIND_F64:
                ret_scalar->f64 = json_number_value(json);
                return json_is_number(json);
        case AEON_KIND_BOOLEAN:
                ret_scalar->boolean = json_is_true(json);
                return json_is_boolean(json);
        case AEON_KIND_DURATION:
                return read_duration(json, &ret_scalar->i64);
        }
        return false;
}

void aeon__value_read(const aeon_field *field, const json_t *json, void *slot, struct arena *arena, struct problems *problems,
                      const char *path)
{
        char shown[SHOWN_SIZE];
        union scalar scalar;
        if (read_scalar(field->kind, json, &scalar))
                aeon__scalar_store(field, scalar, slot, arena, problems, path);
        else
                aeon__problem(problems, path, "%s is not %s", field->kind == AEON_KIND_SECRET ? "***" : describe(shown, json),
                              aeon__kind_noun(field->kind));
}
