/* Settings from all their sources.
 *
 * DESIGN
 *   For each field the sources are asked in order and the first answer is parsed, with a path that names where it came from:
 *
 *       --port ---> $APP_PORT ---> .env ---> secrets folder ---> .def ---> missing
 *
 *   The .env file is never put into the process's environment, so nothing leaks into children and a second load sees no leftovers.
 */
#include "settings/settings.h"

#include "record/value.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char default_env_file[] = ".env";

/* ------------------------------------------------------------------ names */

/* The variable of @field: its .env, or prefix + name in upper case with _ for what no variable may have. */
static const char *variable_of(struct sources *s, const aeon_field *field)
{
        if (field->env)
                return field->env;
        const char *name = aeon__field_name(field);
        size_t prefix_length = strlen(s->prefix), length = strlen(name);
        char *variable = aeon__arena_alloc(&s->names, prefix_length + length + 1);
        if (!variable)
                return NULL;
        memcpy(variable, s->prefix, prefix_length);
        for (size_t i = 0; i < length; i++)
                variable[prefix_length + i] = isalnum((unsigned char)name[i]) ? (char)toupper((unsigned char)name[i]) : '_';
        return variable;
}

static bool name_fields(struct sources *s)
{
        size_t count = s->record->field_count;
        s->variables = aeon__arena_alloc(&s->names, count * sizeof *s->variables);
        s->given = aeon__arena_alloc(&s->names, count * sizeof *s->given);
        s->origins = aeon__arena_alloc(&s->names, count * sizeof *s->origins);
        if (!s->variables || !s->given || !s->origins)
                return false;
        memset(s->origins, 0, count * sizeof *s->origins);
        for (size_t i = 0; i < count; i++)
                if (!(s->variables[i] = variable_of(s, &s->record->fields[i])))
                        return false;
        return true;
}

/* ------------------------------------------------------------------ files */

static void read_env_file(struct sources *s, bool strict, struct problems *problems)
{
        struct text text = { 0 };
        struct problems lines = { .one_per_line = true };
        int r = aeon__text_add_file(&text, s->env_file);
        if (r >= 0)
                aeon__dotenv_parse(&s->dotenv, text.data, text.length, s->env_file, strict ? problems : &lines);
        else if (r == -ENOMEM)
                problems->no_memory = true;
        else if (r != -ENOENT || strcmp(s->env_file, default_env_file))
                aeon__problem(problems, s->env_file, "%s", aeon_strerror(r));
        problems->no_memory |= lines.no_memory | lines.text.failed;
        if (lines.count && !lines.text.failed)
                aeon_log_warning("%s: skipped%s", s->env_file, lines.text.data);
        aeon__text_done(&lines.text);
        aeon__text_done(&text);
}

/* Read the secret file @name into @text. Returns false when there is none. */
static bool read_secret(const struct sources *s, const char *name, struct text *text, struct text *path, struct problems *problems)
{
        aeon__text_print(path, "%s/%s", s->secrets_folder, name);
        if (path->failed) {
                problems->no_memory = true;
                return true;
        }
        int r = aeon__text_add_file(text, path->data);
        if (r == -ENOENT) {
                path->length = 0;
                return false;
        }
        if (r == -ENOMEM)
                problems->no_memory = true;
        else if (r < 0)
                aeon__problem(problems, path->data, "%s", aeon_strerror(r));
        else if (memchr(text->data, '\0', text->length))
                aeon__problem(problems, path->data, "contains a NUL byte");
        else
                while (text->length && strchr("\r\n", text->data[text->length - 1]))
                        text->data[--text->length] = '\0';
        return true;
}

/* ------------------------------------------------------------------ one field */

struct target {
        const aeon_field *field;
        struct sources *sources;
        struct origin *origin;
        void *slot;
        struct arena *arena;
        struct problems *problems;
};

static const char *keep(const struct target *t, const char *text)
{
        char *copy = aeon__arena_alloc(&t->sources->names, strlen(text) + 1);
        t->problems->no_memory |= !copy;
        return copy ? strcpy(copy, text) : NULL;
}

/* Parse @text, telling problems at "PLACE: field". */
static void take(const struct target *t, const char *text, const char *place)
{
        struct text path = { 0 };
        t->origin->place = keep(t, place);
        t->origin->text = keep(t, text);
        aeon__text_print(&path, "%s: %s", place, aeon__field_name(t->field));
        if (path.failed)
                t->problems->no_memory = true;
        else
                aeon__value_parse(t->field, text, t->slot, t->arena, t->problems, path.data);
        aeon__text_done(&path);
}

static bool take_argument(const struct sources *s, const struct target *t)
{
        const char *text = s->arguments ? aeon__arguments_get(s->arguments, aeon__field_name(t->field)) : NULL;
        if (text)
                take(t, text, "argument");
        return text != NULL;
}

/* As take(), with a place of two parts. */
static void take_at(const struct target *t, const char *text, const char *source, char separator, const char *part)
{
        struct text place = { 0 };
        aeon__text_print(&place, "%s%c%s", source, separator, part);
        if (place.failed)
                t->problems->no_memory = true;
        else
                take(t, text, place.data);
        aeon__text_done(&place);
}

static bool take_variable(const struct target *t, const char *variable)
{
        const char *text = getenv(variable);
        if (text)
                take_at(t, text, "environment", ' ', variable);
        return text != NULL;
}

static bool take_entry(const struct sources *s, const struct target *t, const char *variable)
{
        const struct dotenv_entry *entry = aeon__dotenv_find(&s->dotenv, variable);
        if (!entry || !entry->value)
                return false;
        char line[16];
        snprintf(line, sizeof line, "%u", entry->line);
        take_at(t, entry->value, s->env_file, ':', line);
        return true;
}

static bool take_secret(const struct sources *s, const struct target *t, const char *variable)
{
        if (!s->secrets_folder)
                return false;
        struct text text = { 0 }, path = { 0 };
        size_t before = t->problems->count;
        bool found = read_secret(s, variable, &text, &path, t->problems);
        if (!found) {
                char *lower = strdup(variable);
                for (char *c = lower; c && *c; c++)
                        *c = (char)tolower((unsigned char)*c);
                if (lower)
                        found = read_secret(s, lower, &text, &path, t->problems);
                else
                        t->problems->no_memory = true;
                free(lower);
        }
        if (found && t->problems->count == before && !t->problems->no_memory)
                take(t, text.data, path.data);
        aeon__text_done(&text);
        aeon__text_done(&path);
        return found;
}

static void fill_field(struct sources *s, size_t i, void *body, struct arena *arena, struct problems *problems)
{
        const aeon_field *field = &s->record->fields[i];
        const char *variable = s->variables[i];
        struct target t = {
                .field = field,
                .sources = s,
                .origin = &s->origins[i],
                .slot = field_slot(field, body),
                .arena = arena,
                .problems = problems,
        };
        s->given[i] =
                take_argument(s, &t) || take_variable(&t, variable) || take_entry(s, &t, variable) || take_secret(s, &t, variable);
        if (s->given[i])
                return;
        if (field->def)
                take(&t, field->def, "default");
        else if (aeon__field_is_required(field))
                aeon__problem(problems, "missing", "%s (env %s)", aeon__field_name(field), variable);
}

/* What went wrong with one setting often went wrong with another that nobody misses: so the list names them too. */
static void mention_absent(const struct sources *s, struct problems *problems)
{
        for (size_t i = 0; i < s->record->field_count; i++) {
                const aeon_field *field = &s->record->fields[i];
                if (!s->given[i] && !field->def && !aeon__field_is_required(field))
                        aeon__problem(problems, "missing", "%s (env %s), which may be absent", aeon__field_name(field),
                                      s->variables[i]);
        }
}

/* ------------------------------------------------------------------ the table */

static const char *shown(const struct sources *s, size_t i)
{
        const char *text = s->origins[i].text;
        if (!text)
                return "-";
        return s->record->fields[i].kind == AEON_KIND_SECRET ? "***" : text;
}

static void print_table(const struct sources *s, struct text *table)
{
        int name_width = (int)strlen("setting"), value_width = (int)strlen("value");
        for (size_t i = 0; i < s->record->field_count; i++) {
                int name = (int)strlen(s->variables[i]), value = (int)strlen(shown(s, i));
                name_width = name > name_width ? name : name_width;
                value_width = value > value_width ? value : value_width;
        }
        aeon__text_print(table, "%-*s  %-*s  from\n", name_width, "setting", value_width, "value");
        for (size_t i = 0; i < s->record->field_count; i++)
                aeon__text_print(table, "%-*s  %-*s  %s\n", name_width, s->variables[i], value_width, shown(s, i),
                                 s->origins[i].place ? s->origins[i].place : "nowhere");
}

/* ------------------------------------------------------------------ the load */

int aeon__settings_load(const aeon_record *record, const struct arguments *arguments, const aeon_settings_opts *opts,
                        void **ret_value)
{
        return aeon__settings_explain(record, arguments, opts, NULL, ret_value);
}

int aeon__settings_explain(const aeon_record *record, const struct arguments *arguments, const aeon_settings_opts *opts,
                           struct text *table, void **ret_value)
{
        static const aeon_settings_opts defaults;
        opts = opts ? opts : &defaults;
        struct sources s = { .record = record, .arguments = arguments, .secrets_folder = opts->secrets_folder };
        s.prefix = opts->prefix ? opts->prefix : "";
        s.env_file = opts->env_file ? opts->env_file : default_env_file;
        struct problems problems = { .one_per_line = true };
        struct arena *arena;
        void *body = aeon__record_new(record, &arena);

        if (!body || !name_fields(&s)) {
                problems.no_memory = true;
        } else {
                if (*s.env_file)
                        read_env_file(&s, opts->strict, &problems);
                for (size_t i = 0; i < record->field_count; i++)
                        fill_field(&s, i, body, arena, &problems);
                aeon__settings_find_slips(&s, &problems);
                if (problems.count)
                        mention_absent(&s, &problems);
                if (table)
                        print_table(&s, table);
        }
        aeon__dotenv_done(&s.dotenv);
        aeon__arena_done(&s.names);

        int r = aeon__problems_close(&problems, -EINVAL, record->name);
        if (r < 0)
                aeon_record_free(body);
        else
                *ret_value = body;
        return r;
}
