/* Declared arguments: a record filled from the command line alone, strictly. See settings.h.
 *
 * DESIGN
 *   Every setting of the record is an option, in list.c's names, and every option is a setting. So what is not declared is a mistake and
 * is told, with the nearest name; and so is a word that belongs to no option. A field takes the last value that was given, as everywhere
 * on command lines, and a list takes all.
 *
 *   People are shown --max-size, as --help lists it; --max_size is the same.
 */
#include "base/nearest.h"
#include "record/value.h"
#include "settings/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ names */

static const char *option_of(struct sources *s, const char *name)
{
        char *option = aeon__arena_copy(&s->names, name, strlen(name));
        for (char *c = option; c && *c; c++)
                *c = *c == '_' ? '-' : *c;
        return option;
}

/* What each setting is called on the command line: "db.max-size". NULL when there is no memory. */
static const char **list_options(struct sources *s)
{
        const char **options = aeon__settings_list(s) ? aeon__arena_alloc(&s->names, (s->count + 1) * sizeof *options) : NULL;
        for (size_t i = 0; options && i < s->count; i++)
                if (!(options[i] = option_of(s, s->settings[i].name)))
                        return NULL;
        return options;
}

/* ------------------------------------------------------------------ what belongs to nothing */

static bool is_declared(const struct sources *s, const struct argument *a)
{
        for (size_t i = 0; i < s->count; i++)
                if (aeon__argument_is(a, s->settings[i].name))
                        return true;
        return false;
}

static void tell_unknown(const struct argument *a, const char *const *options, size_t count, struct problems *problems)
{
        char name[QUOTE_SIZE];
        aeon__problem_quote(name, a->name, a->name_length);
        const char *near = aeon__nearest(name, options, count);
        if (near)
                aeon__problem(problems, "", "--%s is no argument; did you mean --%s?", name, near);
        else
                aeon__problem(problems, "", "--%s is no argument", name);
}

static void check_words(const struct sources *s, const char *const *options, struct problems *problems)
{
        for (size_t i = 0; i < s->arguments->count; i++) {
                const struct argument *a = &s->arguments->items[i];
                char quote[QUOTE_SIZE];
                if (!a->name)
                        aeon__problem(problems, "", "\"%s\" belongs to no argument",
                                      aeon__problem_quote(quote, a->value, strlen(a->value)));
                else if (!is_declared(s, a))
                        tell_unknown(a, options, s->count, problems);
        }
}

/* ------------------------------------------------------------------ the load */

struct filling {
        struct sources *sources;
        const char **texts; /* room for all values of one option */
        void *body;
        struct arena *arena;
        struct problems *problems;
};

static void fill(const struct filling *f, struct setting *setting, const char *option)
{
        const aeon_field *field = setting->field;
        size_t count = aeon__arguments_all(f->sources->arguments, setting->name, f->texts);
        bool covered = aeon__setting_is_covered(setting);
        bool is_its_fields = field->kind == AEON_KIND_RECORD && !field->def; /* which follow */
        setting->filled = count || (!covered && field->def);
        if (!count && (covered || is_its_fields))
                return;
        struct text path = { 0 };
        aeon__text_print(&path, "--%s", option);
        if (path.failed)
                f->problems->no_memory = true;
        else
                aeon__field_fill(field, f->texts, count, (char *)f->body + setting->offset - field->offset, f->arena, f->problems,
                                 path.data);
        aeon__text_done(&path);
}

static void fill_all(const struct filling *f)
{
        const char **options = list_options(f->sources);
        if (!options) {
                f->problems->no_memory = true;
                return;
        }
        check_words(f->sources, options, f->problems);
        for (size_t i = 0; i < f->sources->count; i++)
                fill(f, &f->sources->settings[i], options[i]);
}

int aeon__arguments_load(const aeon_record *record, const struct arguments *arguments, void **ret_value)
{
        struct problems problems = { .one_per_line = true };
        struct sources s = { .record = record, .arguments = arguments, .prefix = "" };
        struct filling f = { .sources = &s, .problems = &problems };
        f.body = aeon__record_new(record, &f.arena);
        f.texts = calloc(arguments->count + 1, sizeof *f.texts);
        if (f.body && f.texts)
                fill_all(&f);
        else
                problems.no_memory = true;
        free(f.texts);
        aeon__arena_done(&s.names);

        int r = aeon__problems_close(&problems, -EINVAL, "arguments");
        if (r < 0)
                aeon_record_free(f.body);
        else
                *ret_value = f.body;
        return r;
}

/* ------------------------------------------------------------------ --help */

/* What stands for a value of the type: " N". */
static void print_value(struct type t, struct text *to)
{
        static const char *const words[] = {
                [AEON_KIND_STR] = " TEXT",      [AEON_KIND_SECRET] = " TEXT",
                [AEON_KIND_BYTES] = " BASE64",  [AEON_KIND_I64] = " N",
                [AEON_KIND_U64] = " N",         [AEON_KIND_F64] = " NUMBER",
                [AEON_KIND_DURATION] = " TIME", [AEON_KIND_TIMESTAMP] = " DATE-TIME",
                [AEON_KIND_SIZE] = " SIZE",     [AEON_KIND_JSON] = " JSON",
                [AEON_KIND_RECORD] = " JSON",   [AEON_KIND_MAP] = " JSON",
        };
        switch (type_kind(t)) {
        case AEON_KIND_BOOLEAN: /* --flag, --no-flag */
                break;
        case AEON_KIND_OPTIONAL:
                print_value(type_inner(t), to);
                break;
        case AEON_KIND_LIST:
                print_value(type_inner(t), to);
                aeon__text_print(to, "...");
                break;
        case AEON_KIND_ENUMERATION:
                for (size_t i = 0; i < t.field->enumeration()->count; i++)
                        aeon__text_print(to, "%s%s", i ? "|" : " ", t.field->enumeration()->values[i].name);
                break;
        default:
                aeon__text_print(to, "%s", words[type_kind(t)]);
        }
}

/* "--port N". Returns how wide it is. */
static int print_option(const aeon_field *field, const char *option, struct text *to)
{
        size_t before = to->length;
        aeon__text_print(to, "--%s", option);
        print_value((struct type){ field, 0 }, to);
        return (int)(to->length - before);
}

/* What it is for, @indent behind the option. */
static void print_meaning(const aeon_field *field, int indent, struct text *to)
{
        const char *otherwise = field->def && *field->def && !aeon__field_is_secret(field) ? field->def
                                : aeon__field_is_required(field)                           ? "required"
                                                                                           : NULL;
        if (field->doc || otherwise)
                aeon__text_print(to, "%*s", indent, "");
        if (field->doc)
                aeon__text_print(to, "%s%s", field->doc, otherwise ? " " : "");
        if (otherwise)
                aeon__text_print(to, "(%s)", otherwise);
}

/* A record is its fields. */
static bool has_line(const struct setting *setting)
{
        return setting->field->kind != AEON_KIND_RECORD;
}

void aeon__arguments_help(const aeon_record *record, struct text *to)
{
        struct sources s = { .record = record, .prefix = "" };
        const char **options = list_options(&s);
        struct text scratch = { 0 };
        int widest = 0;
        to->failed |= !options;
        for (size_t i = 0; options && i < s.count; i++) {
                int wide = has_line(&s.settings[i]) ? print_option(s.settings[i].field, options[i], &scratch) : 0;
                widest = wide > widest ? wide : widest;
        }
        for (size_t i = 0; options && i < s.count; i++) {
                if (!has_line(&s.settings[i]))
                        continue;
                aeon__text_print(to, "  ");
                int wide = print_option(s.settings[i].field, options[i], to);
                print_meaning(s.settings[i].field, widest + 2 - wide, to);
                aeon__text_print(to, "\n");
        }
        to->failed |= scratch.failed;
        aeon__text_done(&scratch);
        aeon__arena_done(&s.names);
}
