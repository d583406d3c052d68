/* Documents laid out; see layout.h. Source: YAML 1.2, of which JSON's texts and numbers are a part. */
#include "cli/layout.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct layout {
        const char *at;
        FILE *to;
};

/* How long the text, number or word at @at is. */
static size_t scalar_length(const char *at)
{
        if (*at != '"')
                return strcspn(at, ",]}");
        size_t length = 1;
        while (at[length] && at[length] != '"')
                length += at[length] == '\\' && at[length + 1] ? 2 : 1;
        return length + 1;
}

static void copy_scalar(struct layout *l)
{
        size_t length = scalar_length(l->at);
        fwrite(l->at, 1, length, l->to);
        l->at += length;
}

/* Go into the object or list, or behind it when it is empty. */
static bool begin(struct layout *l, bool *ret_is_object)
{
        *ret_is_object = *l->at++ == '{';
        bool empty = *l->at == (*ret_is_object ? '}' : ']');
        l->at += empty;
        return !empty;
}

/* Is there another one? */
static bool next(struct layout *l)
{
        return *l->at++ == ',';
}

/* ------------------------------------------------------------------ JSON */

static void write_json(struct layout *l, int depth)
{
        bool is_object;
        if (*l->at != '{' && *l->at != '[') {
                copy_scalar(l);
                return;
        }
        if (!begin(l, &is_object)) {
                fputs(is_object ? "{}" : "[]", l->to);
                return;
        }
        const char *mark = is_object ? "{" : "[";
        do {
                fprintf(l->to, "%s\n%*s", mark, depth * 2 + 2, "");
                if (is_object) {
                        copy_scalar(l);
                        l->at++;
                        fputs(": ", l->to);
                }
                write_json(l, depth + 1);
                mark = ",";
        } while (next(l));
        fprintf(l->to, "\n%*s%c", depth * 2, "", is_object ? '}' : ']');
}

void layout_json(const char *json, FILE *to)
{
        struct layout l = { json, to };
        write_json(&l, 0);
        fputc('\n', to);
}

/* ------------------------------------------------------------------ YAML */

/* The text @at, of @length with its quotes, means the same without them. */
static bool is_plain(const char *at, size_t length)
{
        static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
        bool plain = length > 2 && *at == '"' && isalpha((unsigned char)at[1]);
        for (size_t i = 1; plain && i < length - 1; i++)
                plain = isalnum((unsigned char)at[i]) || at[i] == '_' || at[i] == '-';
        for (size_t i = 0; plain && i < sizeof words / sizeof *words; i++)
                plain = strlen(words[i]) != length - 2 || strncasecmp(at + 1, words[i], length - 2) != 0;
        return plain;
}

static void write_yaml_scalar(struct layout *l)
{
        size_t length = scalar_length(l->at), quote = is_plain(l->at, length);
        fwrite(l->at + quote, 1, length - 2 * quote, l->to);
        l->at += length;
}

/* The value behind "key:" or "-". */
static void write_yaml_value(struct layout *l, int depth)
{
        bool is_object;
        if (*l->at != '{' && *l->at != '[') {
                fputc(' ', l->to);
                write_yaml_scalar(l);
                fputc('\n', l->to);
                return;
        }
        if (!begin(l, &is_object)) {
                fputs(is_object ? " {}\n" : " []\n", l->to);
                return;
        }
        fputs(depth ? "\n" : "", l->to);
        do {
                fprintf(l->to, "%*s", depth * 2, "");
                if (is_object) {
                        write_yaml_scalar(l);
                        l->at++;
                }
                fputc(is_object ? ':' : '-', l->to);
                write_yaml_value(l, depth + 1);
        } while (next(l));
}

void layout_yaml(const char *json, FILE *to)
{
        struct layout l = { json, to };
        write_yaml_value(&l, 0);
}
