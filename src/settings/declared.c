/* Declared arguments: a record filled from the command line alone, strictly. See settings.h.
 *
 * DESIGN
 *   Every field is an option, every option a field. So what is not declared is a mistake and is told, with the nearest name; and so is
 *   a word that belongs to no option. A field takes the last value that was given, as everywhere on command lines, and a list
 * takes all.
 */
#include "base/nearest.h"
#include "record/value.h"
#include "settings/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell_unknown(const aeon_record *record, const struct argument *a, struct problems *problems)
{
        char name[QUOTE_SIZE];
        const char **known = calloc(record->field_count + 1, sizeof *known);
        if (!known) {
                problems->no_memory = true;
                return;
        }
        for (size_t i = 0; i < record->field_count; i++)
                known[i] = aeon__field_name(&record->fields[i]);
        aeon__problem_quote(name, a->name, a->name_length);
        const char *near = aeon__nearest(name, known, record->field_count);
        free(known);
        if (near)
                aeon__problem(problems, "", "--%s is no argument; did you mean --%s?", name, near);
        else
                aeon__problem(problems, "", "--%s is no argument", name);
}

static void check_words(const aeon_record *record, const struct arguments *arguments, struct problems *problems)
{
        for (size_t n = 0; n < arguments->count; n++) {
                const struct argument *a = &arguments->items[n];
                bool known = false;
                for (size_t i = 0; i < record->field_count && a->name && !known; i++)
                        known = aeon__argument_is(a, aeon__field_name(&record->fields[i]));
                char quote[QUOTE_SIZE];
                if (!a->name)
                        aeon__problem(problems, "", "\"%s\" belongs to no argument",
                                      aeon__problem_quote(quote, a->value, strlen(a->value)));
                else if (!known)
                        tell_unknown(record, a, problems);
        }
}

static void fill(const aeon_field *field, const struct arguments *arguments, const char **texts, void *body, struct arena *arena,
                 struct problems *problems)
{
        struct text path = { 0 };
        size_t count = aeon__arguments_all(arguments, aeon__field_name(field), texts);
        aeon__text_print(&path, "--%s", aeon__field_name(field));
        if (path.failed)
                problems->no_memory = true;
        else
                aeon__field_fill(field, texts, count, body, arena, problems, path.data);
        aeon__text_done(&path);
}

int aeon__arguments_load(const aeon_record *record, const struct arguments *arguments, void **ret_value)
{
        struct problems problems = { .one_per_line = true };
        struct arena *arena;
        void *body = aeon__record_new(record, &arena);
        const char **texts = calloc(arguments->count + 1, sizeof *texts);
        if (body && texts) {
                check_words(record, arguments, &problems);
                for (size_t i = 0; i < record->field_count; i++)
                        fill(&record->fields[i], arguments, texts, body, arena, &problems);
        } else {
                problems.no_memory = true;
        }
        free(texts);
        int r = aeon__problems_close(&problems, -EINVAL, "arguments");
        if (r < 0)
                aeon_record_free(body);
        else
                *ret_value = body;
        return r;
}
