/* The cursor of json.h. */
#include "record/json.h"

#include "base/digits.h"
#include "base/utf8.h"
#include "record/plain.h"

#include <string.h>

void aeon__json_start(struct json *j, const char *text, size_t size, unsigned depth)
{
        *j = (struct json){ .begin = text, .p = text, .end = text + size, .depth = depth };
        j->known.at = text;
        j->known.line = j->known.column = 1;
}

static bool stop(struct json *j, const char *at, const char *why)
{
        j->p = at;
        j->wrong = at < j->end ? why : "the text ends too early";
        return false;
}

static inline const char *skip_blanks(const char *p, const char *end)
{
        while (p < end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
                p++;
        return p;
}

/* ------------------------------------------------------------------ strings */

/* The code unit of the escape "\uXXXX" at @p, -1 when it is none. */
static int code_unit(const char *p, const char *end)
{
        int unit = 0;
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
                return -1;
        for (int i = 2; i < 6; i++) {
                int digit = aeon__hex_digit(p[i]);
                if (digit < 0)
                        return -1;
                unit = unit << 4 | digit;
        }
        return unit;
}

static bool is_high(int unit)
{
        return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int unit)
{
        return unit >= 0xdc00 && unit < 0xe000;
}

/* The escape at @p: what follows it; NULL, with @why, when it is none. */
static const char *skip_escape(const char *p, const char *end, const char **why)
{
        static const char letters[] = { '"', '\\', '/', 'b', 'f', 'n', 'r', 't' };
        if (end - p >= 2 && p[1] != 'u') {
                *why = "no such escape";
                return memchr(letters, p[1], sizeof letters) ? p + 2 : NULL;
        }
        int unit = code_unit(p, end);
        *why = unit < 0 ? "\\u wants four hexadecimal digits" : "half of a surrogate pair";
        if (unit < 0 || is_low(unit))
                return NULL;
        if (!is_high(unit))
                return p + 6;
        return is_low(code_unit(p + 6, end)) ? p + 12 : NULL;
}

/* A string with escapes, or characters that are not ASCII, or one that is wrong. @p is behind its quote. */
static bool read_odd_string(struct json *j, const char *p, struct token *t)
{
        const char *why;
        *t = (struct token){ .type = TOKEN_STRING, .text = p };
        for (;;) {
                p = plain_skip(p, j->end, 1);
                if (p == j->end)
                        return stop(j, p, "");
                if (*p == '"')
                        break;
                if (*p == '\\') {
                        const char *after = skip_escape(p, j->end, &why);
                        if (!after)
                                return stop(j, p, why);
                        t->escaped = true;
                        p = after;
                } else if ((unsigned char)*p < ' ') {
                        return stop(j, p, "a control character in a string");
                } else {
                        size_t size = aeon__utf8_next(p, (size_t)(j->end - p), NULL);
                        if (!size)
                                return stop(j, p, "not UTF-8");
                        p += size;
                }
        }
        t->length = (size_t)(p - t->text);
        j->p = p + 1;
        return true;
}

static inline bool read_string(struct json *j, const char *text, struct token *t)
{
        const char *end = plain_skip(text, j->end, 1);
        if (end == j->end || *end != '"')
                return read_odd_string(j, text, t);
        *t = (struct token){ .type = TOKEN_STRING, .text = text, .length = (size_t)(end - text) };
        j->p = end + 1;
        return true;
}

size_t aeon__json_unescape(const struct token *token, char *out)
{
        static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        const char *p = token->text, *end = p + token->length;
        char *begin = out;
        while (p < end) {
                const char *escape = memchr(p, '\\', (size_t)(end - p));
                size_t plain = (size_t)((escape ? escape : end) - p);
                memcpy(out, p, plain);
                out += plain;
                p += plain;
                if (!escape)
                        break;
                if (p[1] != 'u') {
                        *out++ = meanings[strchr(letters, p[1]) - letters];
                        p += 2;
                        continue;
                }
                unsigned unit = (unsigned)code_unit(p, end);
                p += 6;
                if (is_high((int)unit)) {
                        unit = 0x10000 + ((unit - 0xd800) << 10) + ((unsigned)code_unit(p, end) - 0xdc00);
                        p += 6;
                }
                out = aeon__utf8_put(out, unit);
        }
        return (size_t)(out - begin);
}

/* ------------------------------------------------------------------ numbers and words */

static const char *skip_digits(const char *p, const char *end)
{
        while (p < end && *p >= '0' && *p <= '9')
                p++;
        return p;
}

static bool read_number(struct json *j, const char *text, struct token *t)
{
        static const char digit[] = "expected a digit";
        const char *p = text + (*text == '-'), *whole = p;
        p = skip_digits(p, j->end);
        if (p == whole)
                return stop(j, p, digit);
        if (*whole == '0' && p > whole + 1)
                return stop(j, whole, "a number does not begin with 0");
        if (p < j->end && *p == '.') {
                const char *fraction = ++p;
                p = skip_digits(p, j->end);
                if (p == fraction)
                        return stop(j, p, digit);
        }
        if (p < j->end && (*p == 'e' || *p == 'E')) {
                p++;
                p += p < j->end && (*p == '+' || *p == '-');
                const char *exponent = p;
                p = skip_digits(p, j->end);
                if (p == exponent)
                        return stop(j, p, digit);
        }
        *t = (struct token){ .type = TOKEN_NUMBER, .text = text, .length = (size_t)(p - text) };
        j->p = p;
        return true;
}

static bool read_word(struct json *j, const char *text, struct token *t)
{
        static const struct {
                const char *word;
                enum token_type type;
        } words[] = { { "true", TOKEN_TRUE }, { "false", TOKEN_FALSE }, { "null", TOKEN_NULL } };
        for (size_t i = 0; i < 3; i++) {
                size_t length = strlen(words[i].word);
                if ((size_t)(j->end - text) >= length && !memcmp(text, words[i].word, length)) {
                        *t = (struct token){ .type = words[i].type, .text = text, .length = length };
                        j->p = text + length;
                        return true;
                }
        }
        return stop(j, text, "expected a value");
}

/* ------------------------------------------------------------------ structure */

static bool open_bracket(struct json *j, const char *text, struct token *t, enum token_type type)
{
        if (j->depth >= JSON_DEPTH_LIMIT)
                return stop(j, text, "nested deeper than 64 levels");
        j->depth++;
        *t = (struct token){ .type = type, .text = text, .length = 1 };
        j->p = text + 1;
        return true;
}

bool aeon__json_next(struct json *j, struct token *ret_token)
{
        if (j->wrong)
                return false;
        const char *p = skip_blanks(j->p, j->end);
        if (p == j->end)
                return stop(j, p, "");
        switch (*p) {
        case '"':
                return read_string(j, p + 1, ret_token);
        case '{':
                return open_bracket(j, p, ret_token, TOKEN_OBJECT);
        case '[':
                return open_bracket(j, p, ret_token, TOKEN_ARRAY);
        default:
                if (*p == '-' || (*p >= '0' && *p <= '9'))
                        return read_number(j, p, ret_token);
                return read_word(j, p, ret_token);
        }
}

/* True in front of another part of what @close closes, a comma before it read. */
static inline bool another(struct json *j, bool first, char close, const char *expected)
{
        if (j->wrong)
                return false;
        const char *p = skip_blanks(j->p, j->end);
        if (p < j->end && *p == close) {
                j->p = p + 1;
                j->depth--;
                return false;
        }
        if (first)
                return true;
        if (p == j->end || *p != ',')
                return stop(j, p, expected);
        j->p = p + 1;
        return true;
}

bool aeon__json_item(struct json *j, bool first)
{
        return another(j, first, ']', "expected \",\" or \"]\"");
}

bool aeon__json_key(struct json *j, bool first, struct token *ret_key)
{
        if (!another(j, first, '}', "expected \",\" or \"}\""))
                return false;
        const char *p = skip_blanks(j->p, j->end);
        if (p == j->end || *p != '"')
                return stop(j, p, "expected a key in quotes");
        if (!read_string(j, p + 1, ret_key))
                return false;
        p = skip_blanks(j->p, j->end);
        if (p == j->end || *p != ':')
                return stop(j, p, "expected \":\"");
        j->p = p + 1;
        return true;
}

bool aeon__json_end(struct json *j)
{
        if (j->wrong)
                return false;
        j->p = skip_blanks(j->p, j->end);
        return j->p == j->end || stop(j, j->p, "something follows the value");
}

/* ------------------------------------------------------------------ places */

static bool begins_character(char c)
{
        return ((unsigned char)c & 0xc0) != 0x80;
}

void aeon__json_position(struct json *j, const char *at, unsigned *ret_line, unsigned *ret_column)
{
        const char *p = j->known.at;
        unsigned line = j->known.line, column = j->known.column;
        for (; p < at; p++) {
                column += begins_character(*p);
                if (*p == '\n') {
                        line++;
                        column = 1;
                }
        }
        for (; p > at; p--) {
                column -= begins_character(p[-1]);
                line -= p[-1] == '\n';
        }
        if (line < j->known.line) { /* of the lines in between only the ends were seen */
                column = 1;
                for (; p > j->begin && p[-1] != '\n'; p--)
                        column += begins_character(p[-1]);
        }
        j->known.at = at;
        *ret_line = j->known.line = line;
        *ret_column = j->known.column = column;
}
