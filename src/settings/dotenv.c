/* The reader of dotenv.h. */
#include "settings/dotenv.h"

#include "base/text.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
        const char *p; /* NUL-terminated, NUL nowhere else */
        unsigned line; /* of p */
};

/* ------------------------------------------------------------------ blanks, in Unicode's sense as in Python's */

static bool is_blank_point(unsigned c)
{
        return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
               (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The length of the blank at @p, 0 when there is none. A line's end counts. */
static size_t blank_at(const char *p)
{
        unsigned point = 0;
        size_t size = aeon__utf8_next(p, strnlen(p, 4), &point);
        return size && is_blank_point(point) ? size : 0;
}

static void skip_blanks(struct reader *r)
{
        size_t size;
        while (*r->p != '\n' && (size = blank_at(r->p)))
                r->p += size;
}

static void skip_blank_lines(struct reader *r)
{
        size_t size;
        while ((size = blank_at(r->p))) {
                r->line += *r->p == '\n';
                r->p += size;
        }
}

static void skip_line(struct reader *r)
{
        r->p = strchrnul(r->p, '\n');
}

/* ------------------------------------------------------------------ values */

/* Add @length bytes without the backslash in front of each of @escapes, which becomes the character at the same place in @meanings.
 */
static void unescape(struct text *out, const char *bytes, size_t length, const char *escapes, const char *meanings)
{
        for (size_t i = 0; i < length; i++) {
                const char *known = bytes[i] == '\\' && i + 1 < length ? strchr(escapes, bytes[i + 1]) : NULL;
                aeon__text_add(out, known ? &meanings[known - escapes] : &bytes[i], 1);
                i += known != NULL;
        }
}

static bool read_quoted(struct reader *r, struct text *value)
{
        char quote = *r->p;
        const char *begin = r->p + 1, *end = begin;
        unsigned lines = 0;
        for (; *end && *end != quote; end++) {
                if (*end == '\\' && end[1])
                        end++;
                lines += *end == '\n';
        }
        if (!*end)
                return false;
        if (quote == '\'')
                unescape(value, begin, (size_t)(end - begin), "\\'", "\\'");
        else
                unescape(value, begin, (size_t)(end - begin), "\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v");
        r->p = end + 1;
        r->line += lines;
        return true;
}

static void read_plain(struct reader *r, struct text *value)
{
        const char *begin = r->p, *end = begin; /* end: behind the last character that is no blank */
        while (*r->p && *r->p != '\n') {
                size_t blank = blank_at(r->p);
                if (!blank)
                        end = ++r->p;
                else if (r->p[blank] == '#')
                        skip_line(r);
                else
                        r->p += blank;
        }
        aeon__text_add(value, begin, (size_t)(end - begin));
}

/* ------------------------------------------------------------------ ${NAME} and ${NAME:-default} */

static const char *lookup(const struct dotenv *dotenv, const char *name, const char *otherwise)
{
        const char *value = *name && !strchr(name, '=') ? getenv(name) : NULL;
        if (value)
                return value;
        const struct dotenv_entry *entry = aeon__dotenv_find(dotenv, name);
        if (entry)
                return entry->value ? entry->value : "";
        return otherwise;
}

/* Replace the variable at @p, "${...", and return what follows it; NULL when it is none. */
static const char *expand_one(struct dotenv *dotenv, const char *p, struct text *out)
{
        const char *name = p + 2, *end = name + strcspn(name, "}:"), *otherwise = end, *close = end;
        if (end[0] == ':' && end[1] == '-') {
                otherwise = end + 2;
                close = strchrnul(otherwise, '}');
        }
        if (*close != '}')
                return NULL;
        char *name_copy = strndup(name, (size_t)(end - name));
        char *otherwise_copy = strndup(otherwise, (size_t)(close - otherwise));
        if (name_copy && otherwise_copy) {
                const char *value = lookup(dotenv, name_copy, otherwise_copy);
                aeon__text_add(out, value, strlen(value));
        } else {
                out->failed = true;
        }
        free(name_copy);
        free(otherwise_copy);
        return close + 1;
}

static void expand(struct dotenv *dotenv, const char *value, struct text *out)
{
        aeon__text_add(out, "", 0); /* so that an empty value is not NULL */
        while (*value) {
                const char *after = value[0] == '$' && value[1] == '{' ? expand_one(dotenv, value, out) : NULL;
                if (!after) {
                        size_t plain = 1 + strcspn(value + 1, "$");
                        aeon__text_add(out, value, plain);
                        after = value + plain;
                }
                value = after;
        }
}

/* ------------------------------------------------------------------ statements */

static bool add_entry(struct dotenv *dotenv, const char *key, size_t key_length, const char *value, unsigned line)
{
        if (dotenv->count == dotenv->capacity) {
                size_t capacity = dotenv->capacity ? dotenv->capacity * 2 : 16;
                struct dotenv_entry *entries = realloc(dotenv->entries, capacity * sizeof *entries);
                if (!entries)
                        return false;
                dotenv->entries = entries;
                dotenv->capacity = capacity;
        }
        struct dotenv_entry entry = { .line = line };
        entry.key = aeon__arena_copy(&dotenv->arena, key, key_length);
        entry.value = value ? aeon__arena_copy(&dotenv->arena, value, strlen(value)) : NULL;
        if (!entry.key || (value && !entry.value))
                return false;
        dotenv->entries[dotenv->count++] = entry;
        return true;
}

static void skip_export(struct reader *r)
{
        static const char word[] = "export";
        const char *after = r->p + sizeof word - 1;
        if (strncmp(r->p, word, sizeof word - 1) || *after == '\n' || !blank_at(after))
                return;
        r->p = after;
        skip_blanks(r);
}

/* The key at the reader; its length is 0 when there is none. */
static const char *read_key(struct reader *r, size_t *ret_length)
{
        bool quoted = *r->p == '\'';
        const char *begin = r->p + quoted, *end = begin;
        if (quoted)
                end = strchrnul(begin, '\'');
        else
                while (*end && *end != '=' && *end != '#' && !blank_at(end))
                        end++;
        bool good = end > begin && (!quoted || *end);
        *ret_length = good ? (size_t)(end - begin) : 0;
        for (const char *c = begin; good && c < end; c++)
                r->line += *c == '\n';
        r->p = good ? end + quoted : r->p;
        return begin;
}

/* The value behind "=", if there is one. False when its quote is not closed. */
static bool read_value(struct reader *r, struct text *value, bool *ret_has_value)
{
        *ret_has_value = *r->p == '=';
        if (!*ret_has_value)
                return true;
        r->p++;
        skip_blanks(r);
        if (*r->p == '\'' || *r->p == '"')
                return read_quoted(r, value);
        read_plain(r, value);
        return true;
}

/* True when nothing but a comment is left on the line, which is then skipped. */
static bool ends_here(struct reader *r)
{
        skip_blanks(r);
        if (*r->p == '#')
                skip_line(r);
        return !*r->p || *r->p == '\n';
}

/* False when the statement cannot be read. Sets @no_memory when there is none. */
static bool read_statement(struct dotenv *dotenv, struct reader *r, bool *no_memory)
{
        struct text raw = { 0 }, value = { 0 };
        unsigned line = r->line;
        size_t key_length;
        bool has_value = false;
        skip_export(r);
        const char *key = read_key(r, &key_length);
        if (!key_length)
                return false;
        skip_blanks(r);
        bool good = read_value(r, &raw, &has_value) && ends_here(r);
        if (good) {
                if (has_value)
                        expand(dotenv, raw.data ? raw.data : "", &value);
                *no_memory = raw.failed || value.failed || !add_entry(dotenv, key, key_length, has_value ? value.data : NULL, line);
        }
        aeon__text_done(&raw);
        aeon__text_done(&value);
        return good;
}

/* The text without a byte order mark, all its line ends \n. */
static void simplify(struct text *out, const char *text, size_t length)
{
        static const char mark[] = "\xef\xbb\xbf";
        size_t i = length >= 3 && !memcmp(text, mark, 3) ? 3 : 0;
        aeon__text_add(out, "", 0);
        while (i < length) {
                const char *end = memchr(text + i, '\r', length - i);
                size_t plain = end ? (size_t)(end - text) - i : length - i;
                aeon__text_add(out, text + i, plain);
                i += plain;
                if (i < length)
                        aeon__text_add(out, "\n", 1);
                i += i + 1 < length && text[i + 1] == '\n' ? 2 : 1;
        }
}

void aeon__dotenv_parse(struct dotenv *dotenv, const char *text, size_t length, const char *name, struct problems *problems)
{
        if (length && memchr(text, '\0', length)) {
                aeon__problem(problems, name, "contains a NUL byte");
                return;
        }
        struct text simple = { 0 };
        simplify(&simple, text, length);
        struct reader r = { .p = simple.failed ? "" : simple.data, .line = 1 };
        problems->no_memory |= simple.failed;
        for (skip_blank_lines(&r); *r.p && !problems->no_memory; skip_blank_lines(&r)) {
                unsigned line = r.line;
                if (*r.p == '#')
                        skip_line(&r);
                else if (!read_statement(dotenv, &r, &problems->no_memory)) {
                        skip_line(&r);
                        aeon__problem(problems, "", "%s:%u: not KEY=value", name, line);
                }
        }
        aeon__text_done(&simple);
}

const struct dotenv_entry *aeon__dotenv_find(const struct dotenv *dotenv, const char *key)
{
        for (size_t i = dotenv->count; i-- > 0;)
                if (!strcmp(dotenv->entries[i].key, key))
                        return &dotenv->entries[i];
        return NULL;
}

void aeon__dotenv_done(struct dotenv *dotenv)
{
        aeon__arena_done(&dotenv->arena);
        free(dotenv->entries);
        *dotenv = (struct dotenv){ 0 };
}
