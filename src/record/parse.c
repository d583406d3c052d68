/* From text to a value: settings, arguments, defaults. */
#include "record/number.h"
#include "record/value.h"

#include <errno.h>
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

static int parse_scalar(aeon_kind kind, const char *text, union scalar *ret_scalar)
{
        switch (kind) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                ret_scalar->string = text;
                return 0;
        case AEON_KIND_I64:
                return aeon__whole_parse(text, &ret_scalar->i64);
        case AEON_KIND_F64:
                return aeon__number_parse(text, &ret_scalar->f64);
        case AEON_KIND_BOOLEAN:
                return parse_boolean(text, &ret_scalar->boolean);
        case AEON_KIND_DURATION:
                return aeon__duration_parse(text, &ret_scalar->i64);
        }
        return -EINVAL;
}

void aeon__value_parse(const aeon_field *field, const char *text, void *slot, struct arena *arena, struct problems *problems,
                       const char *path)
{
        char quote[QUOTE_SIZE];
        union scalar scalar;
        int r = parse_scalar(field->kind, text, &scalar);
        if (r == 0)
                aeon__scalar_store(field, scalar, slot, arena, problems, path);
        else if (r == -ERANGE)
                aeon__problem(problems, path, "%s is too large", aeon__problem_quote(quote, text, strlen(text)));
        else
                aeon__problem(problems, path, "\"%s\" is not %s", aeon__problem_quote(quote, text, strlen(text)),
                              aeon__kind_noun(field->kind));
}
