/* Bounds of a value: .min, .max, .min_len, .max_len; and what no value may be: a missing string, bad UTF-8, NaN. */
#include "base/utf8.h"
#include "record/number.h"
#include "record/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A bound or a value, as a person would write it. */
static const char *print_like(char out[NUMBER_SIZE], const aeon_field *field, long double number)
{
        if (field->kind == AEON_KIND_DURATION && number >= INT64_MIN && number < 0x1p63L)
                return aeon__duration_print(out, (int64_t)number);
        snprintf(out, NUMBER_SIZE, field->kind == AEON_KIND_F64 ? "%.15Lg" : "%.0Lf", number);
        return out;
}

static bool check_number(const aeon_field *field, long double number, struct problems *problems, const char *path)
{
        char shown[NUMBER_SIZE], bound[NUMBER_SIZE];
        print_like(shown, field, number);
        if (!isfinite(number))
                aeon__problem(problems, path, "%s is no finite number", shown);
        else if (number < field->min)
                aeon__problem(problems, path, "%s is below %s", shown, print_like(bound, field, field->min));
        else if (number > field->max)
                aeon__problem(problems, path, "%s is above %s", shown, print_like(bound, field, field->max));
        else
                return true;
        return false;
}

static bool check_string(const aeon_field *field, const char *string, struct problems *problems, const char *path)
{
        bool is_secret = field->kind == AEON_KIND_SECRET;
        if (!string) {
                bool may_be = is_secret && !field->required;
                if (!may_be)
                        aeon__problem(problems, path, "missing");
                return may_be;
        }
        size_t size = strlen(string);
        ssize_t length = aeon__utf8_count(string, size);
        char quote[QUOTE_SIZE], shown[QUOTE_SIZE + 2] = "***";
        if (!is_secret && length >= 0)
                snprintf(shown, sizeof shown, "\"%s\"", aeon__problem_quote(quote, string, size));

        if (length < 0)
                aeon__problem(problems, path, "not UTF-8");
        else if ((size_t)length < field->min_len)
                aeon__problem(problems, path, "%s is shorter than %zu character%s", shown, field->min_len,
                              field->min_len == 1 ? "" : "s");
        else if (field->max_len && (size_t)length > field->max_len)
                aeon__problem(problems, path, "%s is longer than %zu character%s", shown, field->max_len,
                              field->max_len == 1 ? "" : "s");
        else
                return true;
        return false;
}

bool aeon__scalar_check(const aeon_field *field, union scalar scalar, struct problems *problems, const char *path)
{
        switch (field->kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                return check_string(field, scalar.string, problems, path);
        case AEON_KIND_I64:
        case AEON_KIND_DURATION:
                return check_number(field, (long double)scalar.i64, problems, path);
        case AEON_KIND_F64:
                return check_number(field, (long double)scalar.f64, problems, path);
        case AEON_KIND_BOOLEAN:
                return true;
        }
        return true;
}
