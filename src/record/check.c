/* Bounds of a value: .min, .max, .min_len, .max_len, .pattern; and what no value may be: a missing string, bad UTF-8, NaN. */
#include "base/utf8.h"
#include "record/number.h"
#include "record/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A bound or a value, as a person would write it. */
static const char *print_like(char out[NUMBER_SIZE], aeon_kind kind, long double number)
{
        bool is_i64 = number >= INT64_MIN && number < 0x1p63L;
        if (kind == AEON_KIND_DURATION && is_i64)
                return aeon__duration_print(out, (int64_t)number);
        if (kind == AEON_KIND_TIMESTAMP && is_i64)
                return aeon__timestamp_print(out, (int64_t)number);
        if (kind == AEON_KIND_SIZE && number >= 0 && number < 0x1p64L)
                return aeon__size_print(out, (uint64_t)number);
        snprintf(out, NUMBER_SIZE, kind == AEON_KIND_F64 ? "%.15Lg" : "%.0Lf", number);
        return out;
}

/* Tell what is wrong with @number; returns false. */
static bool tell_number(struct type t, long double number, const struct where *where)
{
        char shown[NUMBER_SIZE], bound[NUMBER_SIZE];
        aeon_kind kind = type_kind(t);
        print_like(shown, kind, number);
        if (!isfinite(number))
                aeon__tell(where, "%s is no finite number", shown);
        else if (number < t.field->min)
                aeon__tell(where, "%s is below %s", shown, print_like(bound, kind, t.field->min));
        else
                aeon__tell(where, "%s is above %s", shown, print_like(bound, kind, t.field->max));
        return false;
}

static inline bool check_number(struct type t, long double number, const struct where *where)
{
        return (number >= t.field->min && number <= t.field->max) || tell_number(t, number, where);
}

static const char *plural(size_t count)
{
        return count == 1 ? "" : "s";
}

bool aeon__count_check(struct type t, size_t count, const char *noun, const struct where *where)
{
        if (!type_has_length_bounds(t))
                return true;
        size_t min = t.field->min_len, max = t.field->max_len;
        if (count < min)
                aeon__tell(where, "%zu %s%s, fewer than %zu", count, noun, plural(count), min);
        else if (max && count > max)
                aeon__tell(where, "%zu %s%s, more than %zu", count, noun, plural(count), max);
        else
                return true;
        return false;
}

/* @string as a problem shows it. */
static const char *show(struct type t, const char *string, char out[QUOTE_SIZE + 2])
{
        char quote[QUOTE_SIZE];
        if (type_kind(t) == AEON_KIND_SECRET)
                return "***";
        snprintf(out, QUOTE_SIZE + 2, "\"%s\"", aeon__problem_quote(quote, string, strlen(string)));
        return out;
}

static bool check_length(struct type t, const char *string, size_t length, const struct where *where)
{
        char shown[QUOTE_SIZE + 2];
        size_t min = t.field->min_len, max = t.field->max_len;
        if (!type_has_length_bounds(t))
                return true;
        if (length < min)
                aeon__tell(where, "%s is shorter than %zu character%s", show(t, string, shown), min, plural(min));
        else if (max && length > max)
                aeon__tell(where, "%s is longer than %zu character%s", show(t, string, shown), max, plural(max));
        else
                return true;
        return false;
}

static bool check_pattern(struct type t, const char *string, const struct where *where)
{
        char shown[QUOTE_SIZE + 2];
        int r = t.field->pattern ? aeon__pattern_match(t.field->pattern, string) : 1;
        if (r == -ENOMEM)
                where->problems->no_memory = true;
        else if (r < 0)
                aeon__tell(where, "its .pattern %s is none", t.field->pattern);
        else if (r == 0)
                aeon__tell(where, "%s does not match %s", show(t, string, shown), t.field->pattern);
        return r > 0;
}

static bool check_string(struct type t, const char *string, const struct where *where)
{
        if (!string) {
                bool may_be = type_kind(t) == AEON_KIND_SECRET && !t.field->required && !t.depth;
                if (!may_be)
                        aeon__tell(where, "missing");
                return may_be;
        }
        ssize_t length = aeon__utf8_count(string, strlen(string));
        if (length < 0) {
                aeon__tell(where, "not UTF-8");
                return false;
        }
        return check_length(t, string, (size_t)length, where) && check_pattern(t, string, where);
}

static bool check_bytes(struct type t, aeon_bytes bytes, const struct where *where)
{
        if (bytes.data || !bytes.size)
                return aeon__count_check(t, bytes.size, "byte", where);
        aeon__tell(where, "%zu bytes at NULL", bytes.size);
        return false;
}

static bool check_constant(struct type t, int constant, const struct where *where)
{
        if (aeon_enumeration_name(t.field->enumeration(), constant))
                return true;
        aeon__tell(where, "%d is no value of enum %s", constant, t.field->enumeration()->name);
        return false;
}

bool aeon__scalar_check(struct type t, union scalar scalar, const struct where *where)
{
        switch (type_kind(t)) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                return check_string(t, scalar.string, where);
        case AEON_KIND_BYTES:
                return check_bytes(t, scalar.bytes, where);
        case AEON_KIND_I64:
        case AEON_KIND_DURATION:
        case AEON_KIND_TIMESTAMP:
                return check_number(t, (long double)scalar.i64, where);
        case AEON_KIND_U64:
        case AEON_KIND_SIZE:
                return check_number(t, (long double)scalar.u64, where);
        case AEON_KIND_F64:
                return (isfinite(scalar.f64) || tell_number(t, (long double)scalar.f64, where)) &&
                       check_number(t, (long double)scalar.f64, where);
        case AEON_KIND_ENUMERATION:
                return check_constant(t, scalar.constant, where);
        case AEON_KIND_NONE:
        case AEON_KIND_BOOLEAN:
        case AEON_KIND_JSON:
        case AEON_KIND_RECORD:
        case AEON_KIND_OPTIONAL:
        case AEON_KIND_LIST:
        case AEON_KIND_MAP:
                break;
        }
        return true;
}
