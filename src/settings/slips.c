/* Keys that look like settings but are none: APP_HSOT.
 *
 * DESIGN
 *   A mistyped key is silent by nature: its field keeps the default. Yet not each unknown key is a mistake, for a .env file and
 * above all the process's environment are shared with others. A key is told when
 *
 *                                       in the .env file            in the process's environment
 *       it has the (not empty) prefix   always                      when it is near a field that nobody gave
 *       there is no prefix              when near such a field      never: PATH is near DATH, and no slip
 */
#include "base/nearest.h"
#include "settings/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_known(const struct sources *s, const char *key)
{
        for (size_t i = 0; i < s->count; i++)
                if (!strcmp(key, s->settings[i].variable))
                        return true;
        return false;
}

static bool has_prefix(const struct sources *s, const char *key)
{
        return *s->prefix && !strncmp(key, s->prefix, strlen(s->prefix));
}

/* The part of a name that is not the prefix: edits in short names must not be excused by a long prefix. */
static const char *own_part(const struct sources *s, const char *name)
{
        return has_prefix(s, name) ? name + strlen(s->prefix) : name;
}

/* The variable, among those that nobody gave, that @key was meant to be; NULL when there is none. @known has room for all. */
static const char *meant(const struct sources *s, const char *key, const char **known)
{
        size_t count = 0;
        for (size_t i = 0; i < s->count; i++)
                if (!s->settings[i].given && has_prefix(s, key) == has_prefix(s, s->settings[i].variable))
                        known[count++] = own_part(s, s->settings[i].variable);
        return aeon__nearest(own_part(s, key), known, count);
}

static void check_file(const struct sources *s, const char **known, struct problems *problems)
{
        for (size_t i = 0; i < s->dotenv.count; i++) {
                const struct dotenv_entry *entry = &s->dotenv.entries[i];
                if (is_known(s, entry->key))
                        continue;
                const char *near = meant(s, entry->key, known);
                const char *prefix = has_prefix(s, entry->key) ? s->prefix : "";
                char quote[QUOTE_SIZE];
                aeon__problem_quote(quote, entry->key, strlen(entry->key));
                if (near)
                        aeon__problem(problems, "", "%s:%u: %s is no setting; did you mean %s%s?", s->env_file, entry->line, quote,
                                      prefix, near);
                else if (*prefix)
                        aeon__problem(problems, "", "%s:%u: %s is no setting", s->env_file, entry->line, quote);
        }
}

static void check_environment(const struct sources *s, const char **known, struct problems *problems)
{
        for (char **variable = environ; variable && *variable; variable++) {
                char *key = strndup(*variable, strcspn(*variable, "="));
                const char *near = key && has_prefix(s, key) && !is_known(s, key) ? meant(s, key, known) : NULL;
                if (near)
                        aeon__problem(problems, "environment", "%s is no setting; did you mean %s%s?", key, s->prefix, near);
                problems->no_memory |= !key;
                free(key);
        }
}

void aeon__settings_find_slips(const struct sources *s, struct problems *problems)
{
        const char **known = calloc(s->count + 1, sizeof *known);
        if (!known) {
                problems->no_memory = true;
                return;
        }
        check_file(s, known, problems);
        if (*s->prefix)
                check_environment(s, known, problems);
        free(known);
}
