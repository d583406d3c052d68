/* Settings from all their sources.
 *
 * DESIGN
 *   For each field the sources are asked in order and the first answer is parsed, with a path that names where it came from:
 *
 *       --port ---> $APP_PORT ---> .env ---> secrets folder ---> .def ---> missing
 *
 *   What is a setting, and what it is called, is in list.c.
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
        struct setting *setting;
        struct sources *sources;
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

/* Note where the value comes from, and name the place for its problems. */
static void take_path(const struct target *t, const char *place, const char *text, struct text *path)
{
        t->setting->place = keep(t, place);
        t->setting->text = keep(t, text);
        t->setting->filled = true;
        aeon__text_print(path, "%s: %s", place, t->setting->name);
        t->problems->no_memory |= path->failed;
}

/* Parse @text, telling problems at "PLACE: field". */
static void take(const struct target *t, const char *text, const char *place)
{
        struct text path = { 0 };
        take_path(t, place, text, &path);
        if (!path.failed)
                aeon__value_parse(t->setting->field, text, t->slot, t->arena, t->problems, path.data);
        aeon__text_done(&path);
}

/* The same from all values of an argument. */
static void take_all(const struct target *t, const char *const *texts, size_t count, const char *place)
{
        struct text path = { 0 };
        take_path(t, place, texts[count - 1], &path);
        if (!path.failed)
                aeon__values_parse(t->setting->field, texts, count, t->slot, t->arena, t->problems, path.data);
        aeon__text_done(&path);
}

static bool take_argument(const struct sources *s, const struct target *t)
{
        size_t count = 0;
        if (!s->arguments || !s->arguments->count)
                return false;
        const char **texts = calloc(s->arguments->count, sizeof *texts);
        if (texts)
                count = aeon__arguments_all(s->arguments, t->setting->name, texts);
        else
                t->problems->no_memory = true;
        if (count)
                take_all(t, texts, count, "argument");
        free(texts);
        return count > 0;
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

static void fill_field(struct sources *s, struct setting *setting, void *body, struct arena *arena, struct problems *problems)
{
        const aeon_field *field = setting->field;
        struct target t = {
                .setting = setting,
                .sources = s,
                .slot = (char *)body + setting->offset,
                .arena = arena,
                .problems = problems,
        };
        setting->given = take_argument(s, &t) || take_variable(&t, setting->variable) || take_entry(s, &t, setting->variable) ||
                         take_secret(s, &t, setting->variable);
        if (setting->given || aeon__setting_is_covered(setting))
                return;
        if (field->def)
                take(&t, field->def, "default");
        else if (aeon__field_is_required(field) && field->kind != AEON_KIND_RECORD) /* whose fields follow */
                aeon__problem(problems, "missing", "%s (env %s)", setting->name, setting->variable);
}

/* What went wrong with one setting often went wrong with another that nobody misses: so the list names them too. */
static void mention_absent(const struct sources *s, struct problems *problems)
{
        for (size_t i = 0; i < s->count; i++) {
                const struct setting *setting = &s->settings[i];
                if (!setting->filled && !aeon__setting_is_covered(setting) && !aeon__field_is_required(setting->field))
                        aeon__problem(problems, "missing", "%s (env %s), which may be absent", setting->name, setting->variable);
        }
}

/* ------------------------------------------------------------------ the table */

static const char *shown(const struct setting *setting)
{
        if (!setting->text)
                return "-";
        return aeon__field_is_secret(setting->field) ? "***" : setting->text;
}

/* A record that was not given as a whole is its fields. */
static bool has_row(const struct setting *setting)
{
        return setting->text || (setting->field->kind != AEON_KIND_RECORD && !aeon__setting_is_covered(setting));
}

static void print_table(const struct sources *s, struct text *table)
{
        int name_width = (int)strlen("setting"), value_width = (int)strlen("value");
        for (size_t i = 0; i < s->count; i++) {
                int name = (int)strlen(s->settings[i].variable), value = (int)strlen(shown(&s->settings[i]));
                name_width = name > name_width ? name : name_width;
                value_width = value > value_width ? value : value_width;
        }
        aeon__text_print(table, "%-*s  %-*s  from\n", name_width, "setting", value_width, "value");
        for (size_t i = 0; i < s->count; i++) {
                const struct setting *setting = &s->settings[i];
                if (has_row(setting))
                        aeon__text_print(table, "%-*s  %-*s  %s\n", name_width, setting->variable, value_width, shown(setting),
                                         setting->place ? setting->place : "nowhere");
        }
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

        if (!body || !aeon__settings_list(&s)) {
                problems.no_memory = true;
        } else {
                if (*s.env_file)
                        read_env_file(&s, opts->strict, &problems);
                for (size_t i = 0; i < s.count; i++)
                        fill_field(&s, &s.settings[i], body, arena, &problems);
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
