/* Parsing of flags: see cli/flags.h.
 *
 * DESIGN
 *   One walk over argv. What is taken is gone; what is left moves to the front of argv, so arguments need no list of their own.
 *
 *       argv   aeon publish | --rpc  URL  --timeout  3s  test  BODY
 *       after               | URL  test  BODY                         returns 3
 */
#include "cli/flags.h"

#include "base/log.h"
#include "base/nearest.h"
#include "record/number.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void aeon__flags_complain(const char *program, const char *format, ...)
{
        char words[4096];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(words, sizeof words, format, arguments);
        va_end(arguments);
        bool colours = aeon__colours_on(STDERR_FILENO);
        fprintf(stderr, "%s%s:%s %s\n", colours ? "\x1b[31m" : "", program, colours ? "\x1b[0m" : "", words);
}

/* A flag starts with a dash; "-" is a file and "-5" a number. */
static bool is_flag(const char *text)
{
        return text[0] == '-' && text[1] && !isdigit((unsigned char)text[1]);
}

static bool is_help(const char *text)
{
        return !strcmp(text, "--help") || !strcmp(text, "-h");
}

/* The row for "--name", "--name=value" or "-n"; NULL when there is none. @ret_value is what follows the "=", or NULL. */
static const struct flag *find(const struct command *c, const char *text, const char **ret_value)
{
        *ret_value = NULL;
        if (text[1] != '-') {
                for (const struct flag *f = c->flags; f->name; f++)
                        if (f->letter && f->letter == text[1] && !text[2])
                                return f;
                return NULL;
        }
        size_t length = strcspn(text + 2, "=");
        if (text[2 + length])
                *ret_value = text + 2 + length + 1;
        for (const struct flag *f = c->flags; f->name; f++)
                if (strlen(f->name) == length && !memcmp(f->name, text + 2, length))
                        return f;
        return NULL;
}

enum { FLAGS_LIMIT = 32 };

/* The flag that the unknown "--name" was probably meant to be; NULL when none is near. */
static const char *find_near(const struct command *c, const char *text)
{
        const char *names[FLAGS_LIMIT];
        char word[80];
        size_t count = 0;
        while (count < FLAGS_LIMIT && c->flags[count].name) {
                names[count] = c->flags[count].name;
                count++;
        }
        snprintf(word, sizeof word, "%.*s", (int)strcspn(text + 2, "="), text + 2);
        return text[1] == '-' ? aeon__nearest(word, names, count) : NULL;
}

static int refuse_unknown(const struct command *c, const char *text)
{
        const char *near = find_near(c, text);
        if (near)
                aeon__flags_complain(c->program, "there is no flag %s: did you mean --%s?", text, near);
        else
                aeon__flags_complain(c->program, "there is no flag %s (`%s --help` lists all)%s", text, c->program,
                                     c->open ? "; app arguments come after the module" : "");
        return FLAGS_BAD;
}

/* An app may well have a flag of such a name, so it is handed on all the same. */
static void warn_of_near(const struct command *c, const char *text)
{
        const char *near = find_near(c, text);
        if (near)
                aeon__flags_complain(c->program, "warning: %s is handed to the app; did you mean --%s?", text, near);
}

/* ------------------------------------------------------------------ values */

static bool take_count(const char *text, unsigned *target)
{
        char *end;
        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (!isdigit((unsigned char)text[0]) || *end || errno || n < 1 || n > UINT_MAX)
                return false;
        *target = (unsigned)n;
        return true;
}

static bool take_duration(const char *text, aeon_duration *target)
{
        aeon_duration d;
        if (aeon__duration_parse(text, &d) < 0 || d < 0)
                return false;
        *target = d;
        return true;
}

static bool take_choice(const char *words, const char *text, int *target)
{
        size_t length = strlen(text);
        for (int n = 0; *words; n++) {
                size_t word = strcspn(words, "|");
                if (word == length && !memcmp(words, text, length)) {
                        *target = n;
                        return true;
                }
                words += word + (words[word] == '|');
        }
        return false;
}

static bool take_more(const char *text, struct flag_list *target)
{
        const char **texts = realloc(target->texts, (target->count + 1) * sizeof *texts);
        if (!texts)
                return false;
        target->texts = texts;
        target->texts[target->count++] = text;
        return true;
}

/* Put @text into its target. NULL when that went well, else what is wanted instead. */
static const char *take(const struct flag *f, const char *text, void *opts)
{
        void *target = (char *)opts + f->place;
        switch (f->kind) {
        case FLAG_IS_SWITCH:
                *(bool *)target = true;
                return NULL;
        case FLAG_IS_TEXT:
                *(const char **)target = text;
                return NULL;
        case FLAG_IS_COUNT:
                return take_count(text, target) ? NULL : "a whole number from 1";
        case FLAG_IS_DURATION:
                return take_duration(text, target) ? NULL : "a duration like 30s, 250ms or 1m30s";
        case FLAG_IS_CHOICE:
                return take_choice(f->value, text, target) ? NULL : f->value;
        case FLAG_IS_LIST:
                return take_more(text, target) ? NULL : "more memory";
        }
        return NULL;
}

/* Take @f, whose value is @value or else the next of argv. Returns how many of argv it used, or FLAGS_BAD. */
static int take_flag(const struct command *c, const struct flag *f, const char *value, const char *next, void *opts)
{
        int used = 1;
        if (f->kind == FLAG_IS_SWITCH && value) {
                aeon__flags_complain(c->program, "--%s takes no value", f->name);
                return FLAGS_BAD;
        }
        if (f->kind != FLAG_IS_SWITCH && !value) {
                if (!next || !strncmp(next, "--", 2)) {
                        aeon__flags_complain(c->program, "--%s needs a value: --%s %s", f->name, f->name, f->value);
                        return FLAGS_BAD;
                }
                value = next;
                used = 2;
        }
        const char *wanted = opts ? take(f, value, opts) : NULL;
        if (wanted) {
                aeon__flags_complain(c->program, "--%s: \"%s\" is not %s", f->name, value, wanted);
                return FLAGS_BAD;
        }
        return used;
}

/* ------------------------------------------------------------------ the walk */

static int check_count(const struct command *c, int count)
{
        if (c->open || (count >= c->least && count <= c->most))
                return count;
        aeon__flags_complain(c->program, "%s arguments; usage: %s %s [flags]", count < c->least ? "too few" : "too many",
                             c->program, c->arguments);
        return FLAGS_BAD;
}

int aeon__flags_parse(const struct command *c, void *opts, int argc, char **argv)
{
        int left = 0, i = 1;
        while (i < argc && strcmp(argv[i], "--") != 0) {
                const char *value;
                const struct flag *f = is_flag(argv[i]) ? find(c, argv[i], &value) : NULL;
                if (f) {
                        int used = take_flag(c, f, value, i + 1 < argc ? argv[i + 1] : NULL, opts);
                        if (used < 0)
                                return used;
                        i += used;
                        continue;
                }
                if (is_help(argv[i])) {
                        aeon__flags_help(c);
                        return FLAGS_HELPED;
                }
                if (is_flag(argv[i]) && !c->open)
                        return refuse_unknown(c, argv[i]);
                if (is_flag(argv[i]))
                        warn_of_near(c, argv[i]);
                argv[left++] = argv[i++];
        }
        for (i++; i < argc; i++)
                argv[left++] = argv[i];
        return check_count(c, left);
}

int aeon__flags_first(const struct command *c, int argc, char **argv)
{
        int i = 1;
        while (i < argc && is_flag(argv[i])) {
                const char *value;
                if (is_help(argv[i])) {
                        aeon__flags_help(c);
                        return FLAGS_HELPED;
                }
                const struct flag *f = find(c, argv[i], &value);
                if (!f)
                        return refuse_unknown(c, argv[i]);
                int used = take_flag(c, f, value, i + 1 < argc ? argv[i + 1] : NULL, NULL);
                if (used < 0)
                        return used;
                i += used;
        }
        return i;
}
