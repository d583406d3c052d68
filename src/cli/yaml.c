/* JSON as YAML; see yaml.h. Source: YAML 1.2, of which JSON's texts and numbers are a part. */
#include "cli/yaml.h"

#include <aeon/error.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(const char *text)
{
        bool plain = isalpha((unsigned char)*text);
        for (const char *c = text; *c; c++)
                plain &= isalnum((unsigned char)*c) || strchr("_-", *c);
        static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                plain &= strcasecmp(text, words[i]) != 0;
        return plain;
}

static void write_scalar(const json_t *value, FILE *to)
{
        if (json_is_string(value) && is_plain(json_string_value(value))) {
                fputs(json_string_value(value), to);
                return;
        }
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fputs(text ? text : "null", to);
        free(text);
}

static bool is_block(const json_t *value)
{
        return json_object_size(value) || json_array_size(value);
}

static void write_value(json_t *value, int depth, FILE *to);

static void write_item(json_t *value, int depth, FILE *to)
{
        if (!is_block(value)) {
                fputc(' ', to);
                write_scalar(value, to);
                fputc('\n', to);
        } else {
                fputc('\n', to);
                write_value(value, depth + 1, to);
        }
}

static void write_value(json_t *value, int depth, FILE *to)
{
        const char *key;
        json_t *item;
        size_t i;
        json_array_foreach(value, i, item)
        {
                fprintf(to, "%*s-", depth * 2, "");
                write_item(item, depth, to);
        }
        json_object_foreach(value, key, item)
        {
                json_t *name = json_string(key);
                fprintf(to, "%*s", depth * 2, "");
                write_scalar(name, to);
                json_decref(name);
                fputc(':', to);
                write_item(item, depth, to);
        }
}

int yaml_write(const char *json, FILE *to)
{
        json_error_t error;
        json_t *all = json_loads(json, 0, &error);
        if (!all)
                return aeon_fail(-EINVAL, "the document: %s", error.text);
        write_value(all, 0, to);
        json_decref(all);
        return 0;
}
