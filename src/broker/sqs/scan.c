/* Reading JSON where it lies; see scan.h. */
#include "broker/sqs/scan.h"

#include "base/digits.h"
#include "base/utf8.h"

#include <string.h>

static void blanks(struct scan *s)
{
        while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
                s->at++;
}

/* The next character that is no blank, '\0' at the end of the text. */
static char peek(struct scan *s)
{
        blanks(s);
        return s->at < s->end && !s->failed ? *s->at : '\0';
}

static bool fail(struct scan *s)
{
        s->failed = true;
        s->at = s->end;
        return false;
}

bool aeon__scan_open(struct scan *s, char bracket)
{
        if (peek(s) != bracket)
                return fail(s);
        s->at++;
        return true;
}

/* What is between the quotes. */
static struct span quoted(struct scan *s)
{
        struct span none = { "", 0 };
        if (peek(s) != '"') {
                fail(s);
                return none;
        }
        const char *begin = ++s->at;
        for (;;) {
                const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at)), *slash = quote;
                if (!quote) {
                        fail(s);
                        return none;
                }
                s->at = quote + 1;
                while (slash > begin && slash[-1] == '\\')
                        slash--;
                if ((quote - slash) % 2 == 0)
                        return (struct span){ begin, (size_t)(quote - begin) };
        }
}

static bool next(struct scan *s, char bracket)
{
        char c = peek(s);
        if (c == ',') {
                s->at++;
                c = peek(s);
        }
        if (c == bracket)
                s->at++;
        else if (!c)
                return fail(s);
        return c != bracket;
}

bool aeon__scan_member(struct scan *s, struct span *ret_name)
{
        if (!next(s, '}'))
                return false;
        *ret_name = quoted(s);
        if (peek(s) != ':')
                return fail(s);
        s->at++;
        return true;
}

bool aeon__scan_item(struct scan *s)
{
        return next(s, ']');
}

struct span aeon__scan_skip(struct scan *s)
{
        unsigned depth = 0;
        char c = peek(s);
        const char *begin = s->at;
        do {
                if (c == '"') {
                        quoted(s);
                } else {
                        depth += c == '{' || c == '[';
                        depth -= c == '}' || c == ']';
                        s->at += c != '\0';
                }
                c = s->at < s->end && !s->failed ? *s->at : '\0';
        } while (c && (depth || (c != ',' && c != '}' && c != ']')));
        if (depth)
                fail(s);
        return (struct span){ begin, (size_t)(s->at - begin) };
}

/* ------------------------------------------------------------------ strings */

static bool hex4(const char *at, const char *end, unsigned *ret_unit)
{
        unsigned unit = 0;
        if (end - at < 4)
                return false;
        for (int i = 0; i < 4; i++) {
                int digit = aeon__hex_digit(at[i]);
                if (digit < 0)
                        return false;
                unit = unit << 4 | (unsigned)digit;
        }
        *ret_unit = unit;
        return true;
}

/* The "\uXXXX" at @at, or two that make one character; a lone half becomes U+FFFD. Returns how long it is; 0: it is not one. */
static size_t scan_unicode(const char *at, const char *end, unsigned *ret_point)
{
        unsigned unit, low;
        if (!hex4(at + 2, end, &unit))
                return 0;
        *ret_point = unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit;
        if (unit < 0xd800 || unit >= 0xdc00 || end - at < 12 || at[6] != '\\' || at[7] != 'u' || !hex4(at + 8, end, &low) ||
            low < 0xdc00 || low >= 0xe000)
                return 6;
        *ret_point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return 12;
}

/* What the backslash at @at means. Returns how long the escape is; 0: it is none. */
static size_t scan_escape(const char *at, const char *end, unsigned *ret_point)
{
        static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        if (at[1] == 'u')
                return scan_unicode(at, end, ret_point);
        const char *known = memchr(names, at[1], sizeof names - 1);
        if (!known)
                return 0;
        *ret_point = (unsigned char)meanings[known - names];
        return 2;
}

size_t aeon__scan_string(struct scan *s, char *to)
{
        *to = '\0';
        if (peek(s) != '"') {
                aeon__scan_skip(s);
                return 0;
        }
        struct span raw = quoted(s);
        const char *at = raw.at, *end = at + raw.length;
        char *begin = to;
        while (at < end) {
                const char *slash = memchr(at, '\\', (size_t)(end - at)), *stop = slash ? slash : end;
                memcpy(to, at, (size_t)(stop - at));
                to += stop - at;
                at = stop;
                unsigned point = 0;
                size_t length = at < end ? scan_escape(at, end, &point) : 0;
                if (!length)
                        break;
                to = aeon__utf8_put(to, point);
                at += length;
        }
        if (at < end)
                fail(s);
        *to = '\0';
        return (size_t)(to - begin);
}

bool aeon__span_is(struct span span, const char *text)
{
        return span.length == strlen(text) && !memcmp(span.at, text, span.length);
}
