/* From JSON to the simple kinds. */
#include "record/number.h"
#include "record/read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ words for what is wrong */

enum { SHOWN_SIZE = QUOTE_SIZE + 16 };

/* The beginning of what the string @token stands for, as it may stand in a problem. */
static const char *quote_string(struct reader *r, char quote[QUOTE_SIZE], const struct token *token)
{
        const char *plain = token->text;
        size_t length = token->length;
        if (token->escaped) {
                char *copy = aeon__arena_alloc(&r->keys.names, length);
                length = copy ? aeon__json_unescape(token, copy) : 0;
                plain = copy ? copy : "";
                r->problems->no_memory |= !copy;
        }
        return aeon__problem_quote(quote, plain, length);
}

/* What stands in the JSON, as a problem names it. */
static const char *describe(struct reader *r, char out[SHOWN_SIZE], const struct token *token)
{
        char quote[QUOTE_SIZE];
        switch (token->type) {
        case TOKEN_OBJECT:
                return "an object";
        case TOKEN_ARRAY:
                return "a list";
        case TOKEN_STRING:
                snprintf(out, SHOWN_SIZE, "the string \"%s\"", quote_string(r, quote, token));
                return out;
        case TOKEN_NUMBER:
        case TOKEN_TRUE:
        case TOKEN_FALSE:
        case TOKEN_NULL:
                snprintf(out, SHOWN_SIZE, "%s", aeon__problem_quote(quote, token->text, token->length));
                return out;
        }
        return "something";
}

void aeon__reader_refuse(struct reader *r, struct type t, const struct token *token, const struct place *place)
{
        char shown[SHOWN_SIZE];
        struct where where = reader_where(r, place, token_at(token));
        aeon__tell_not(t, type_kind(t) == AEON_KIND_SECRET ? "***" : describe(r, shown, token), &where);
}

/* ------------------------------------------------------------------ strings */

int aeon__reader_string(struct reader *r, const struct token *token, char **ret_string, size_t *ret_length)
{
        char *string = aeon__arena_text(r->arena, token->length + 1);
        size_t length = token->length;
        if (!string)
                return -ENOMEM;
        if (token->escaped)
                length = aeon__json_unescape(token, string);
        else
                memcpy(string, token->text, length);
        string[length] = '\0';
        if (token->escaped && memchr(string, '\0', length)) /* only an escape can be a NUL */
                return -EILSEQ;
        *ret_string = string;
        *ret_length = length;
        return 0;
}

static int read_bytes(char *string, size_t length, aeon_bytes *ret_bytes)
{
        size_t size;
        if (!aeon__base64_read(string, length, string, &size))
                return -EINVAL;
        *ret_bytes = (aeon_bytes){ string, size };
        return 0;
}

/* The kinds that a string can be. */
static int from_string(struct reader *r, struct type t, const struct token *token, union scalar *ret_scalar)
{
        char *string;
        size_t length;
        int result = aeon__reader_string(r, token, &string, &length);
        if (result < 0)
                return result;
        switch (type_kind(t)) {
        case AEON_KIND_STR:
        case AEON_KIND_SECRET:
                ret_scalar->string = string;
                return type_kind(t) == AEON_KIND_SECRET && !strcmp(string, "***") ? -EPERM : 0;
        case AEON_KIND_BYTES:
                return read_bytes(string, length, &ret_scalar->bytes);
        case AEON_KIND_DURATION:
                return aeon__duration_parse(string, &ret_scalar->i64);
        case AEON_KIND_SIZE:
                return aeon__size_parse(string, &ret_scalar->u64);
        case AEON_KIND_TIMESTAMP:
                return aeon__timestamp_parse(string, &ret_scalar->i64);
        case AEON_KIND_ENUMERATION:
                return aeon__enumeration_parse(t.field->enumeration(), string, &ret_scalar->constant);
        default:
                return -EINVAL;
        }
}

/* ------------------------------------------------------------------ numbers */

static int read_signed(const struct token *token, int scale, int64_t *ret_number)
{
        bool negative;
        uint64_t magnitude;
        int r = aeon__decimal_read(token->text, token->length, scale, scale != 0, &negative, &magnitude);
        if (r < 0)
                return r;
        if (magnitude > (uint64_t)INT64_MAX + negative)
                return -ERANGE;
        *ret_number = (int64_t)(negative ? -magnitude : magnitude);
        return 0;
}

static int read_unsigned(const struct token *token, uint64_t *ret_number)
{
        bool negative;
        int r = aeon__decimal_read(token->text, token->length, 0, false, &negative, ret_number);
        return r < 0 ? r : negative && *ret_number ? -EINVAL : 0;
}

/* The kinds that a number can be. */
static int from_number(struct type t, const struct token *token, union scalar *ret_scalar)
{
        enum { SECONDS_TO_NANOSECONDS = 9 };
        switch (type_kind(t)) {
        case AEON_KIND_I64:
                return read_signed(token, 0, &ret_scalar->i64);
        case AEON_KIND_DURATION:
                return read_signed(token, SECONDS_TO_NANOSECONDS, &ret_scalar->i64);
        case AEON_KIND_U64:
        case AEON_KIND_SIZE:
                return read_unsigned(token, &ret_scalar->u64);
        case AEON_KIND_F64:
                return aeon__double_read(token->text, token->length, &ret_scalar->f64);
        default:
                return -EINVAL;
        }
}

/* ------------------------------------------------------------------ all of them */

static int from_token(struct reader *r, struct type t, const struct token *token, union scalar *ret_scalar)
{
        switch (token->type) {
        case TOKEN_STRING:
                return from_string(r, t, token, ret_scalar);
        case TOKEN_NUMBER:
                return from_number(t, token, ret_scalar);
        case TOKEN_TRUE:
        case TOKEN_FALSE:
                ret_scalar->boolean = token->type == TOKEN_TRUE;
                return type_kind(t) == AEON_KIND_BOOLEAN ? 0 : -EINVAL;
        case TOKEN_NULL:
                ret_scalar->string = NULL;
                return type_kind(t) == AEON_KIND_SECRET ? 0 : -EINVAL;
        case TOKEN_OBJECT:
        case TOKEN_ARRAY:
                break;
        }
        return -EINVAL;
}

/* Tell why the value could not be read. */
static void tell_unread(struct reader *r, struct type t, const struct token *token, int code, const struct place *place)
{
        char shown[SHOWN_SIZE];
        struct where where = reader_where(r, place, token_at(token));
        if (code == -ENOMEM)
                r->problems->no_memory = true;
        else if (code == -ERANGE)
                aeon__tell(&where, "%s is too large", describe(r, shown, token));
        else if (code == -EILSEQ)
                aeon__tell(&where, "contains a NUL character");
        else if (code == -EPERM)
                aeon__tell(&where, "*** is what is shown for a secret, not one");
        else
                aeon__reader_refuse(r, t, token, place);
}

static bool check(struct reader *r, struct type t, const struct token *token, union scalar scalar, const struct place *place)
{
        struct where where = reader_where(r, place, token_at(token));
        return aeon__scalar_check(t, scalar, &where);
}

/* True when any text will do; that it is UTF-8 was seen when it was read. */
static bool takes_any_text(struct type t)
{
        return type_kind(t) == AEON_KIND_STR && !t.field->pattern && !type_has_length_bounds(t);
}

void aeon__reader_scalar(struct reader *r, struct type t, const struct token *token, void *slot, const struct place *place)
{
        union scalar scalar = { 0 };
        int result = from_token(r, t, token, &scalar);
        if (result < 0) {
                tell_unread(r, t, token, result, place);
                aeon__reader_skip(r, token, place);
        } else if (takes_any_text(t) || check(r, t, token, scalar, place)) {
                aeon__scalar_store(type_kind(t), scalar, slot);
        }
}
