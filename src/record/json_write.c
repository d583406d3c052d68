/* From a value to JSON. By hand, since jansson prints doubles with 17 digits or none, and would need a tree first. */
#include "record/number.h"
#include "record/value.h"

#include <inttypes.h>
#include <string.h>

static void write_string(struct text *json, const char *string)
{
        static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        aeon__text_add(json, "\"", 1);
        for (const char *p = string; *p;) {
                size_t plain = 0;
                while ((unsigned char)p[plain] >= ' ' && p[plain] != '"' && p[plain] != '\\')
                        plain++;
                aeon__text_add(json, p, plain);
                p += plain;
                if (!*p)
                        break;
                const char *known = strchr(escaped, *p);
                if (known)
                        aeon__text_print(json, "\\%c", letters[known - escaped]);
                else
                        aeon__text_print(json, "\\u%04x", (unsigned)*p);
                p++;
        }
        aeon__text_add(json, "\"", 1);
}

static union scalar load_scalar(aeon_kind kind, const void *slot)
{
        switch (kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                return (union scalar){ .string = *(const char *const *)slot };
        case AEON_KIND_I64:
        case AEON_KIND_DURATION:
                return (union scalar){ .i64 = *(const int64_t *)slot };
        case AEON_KIND_F64:
                return (union scalar){ .f64 = *(const double *)slot };
        case AEON_KIND_BOOLEAN:
                return (union scalar){ .boolean = *(const bool *)slot };
        }
        return (union scalar){ 0 };
}

static void write_scalar(struct text *json, aeon_kind kind, union scalar scalar)
{
        char shown[NUMBER_SIZE];
        switch (kind) {
        case AEON_KIND_STR:
                write_string(json, scalar.string);
                break;
        case AEON_KIND_SECRET:
                write_string(json, "***");
                break;
        case AEON_KIND_I64:
                aeon__text_print(json, "%" PRId64, scalar.i64);
                break;
        case AEON_KIND_F64:
                aeon__text_print(json, "%s", aeon__number_print(shown, scalar.f64));
                break;
        case AEON_KIND_BOOLEAN:
                aeon__text_print(json, "%s", scalar.boolean ? "true" : "false");
                break;
        case AEON_KIND_DURATION:
                aeon__text_print(json, "\"%s\"", aeon__duration_print(shown, scalar.i64));
                break;
        }
}

void aeon__value_write(const aeon_field *field, const void *slot, struct text *json, struct problems *problems, const char *path)
{
        union scalar scalar = load_scalar(field->kind, slot);
        if (!aeon__scalar_check(field, scalar, problems, path))
                return;
        if (field->kind == AEON_KIND_SECRET && !scalar.string)
                return; /* absent as it was */
        if (json->length > 1)
                aeon__text_add(json, ",", 1);
        write_string(json, path);
        aeon__text_add(json, ":", 1);
        write_scalar(json, field->kind, scalar);
}
