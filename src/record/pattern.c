/* Patterns: POSIX extended regular expressions.
 *
 * DESIGN
 *   Compiling one takes longer than reading most messages, so each is compiled once and kept for the life of the process, in a list
 * that only grows: there are as many as programs have attributes .pattern. Readers take no lock.
 *
 *   A dot is a character, not a byte, and that must not depend on the service's locale: both compiling and matching happen in
 * C.UTF-8.
 */
#include "record/value.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
        struct pattern *next;
        regex_t regex;
        char text[]; /* a copy: the module with the descriptor may be unloaded */
};

static _Atomic(struct pattern *) patterns;
static locale_t utf8_locale;

static void make_locale(void)
{
        utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static locale_t enter_utf8(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, make_locale);
        return uselocale(utf8_locale);
}

static int compile(const char *text, struct pattern **ret_pattern)
{
        size_t size = strlen(text) + 1;
        struct pattern *pattern = malloc(sizeof *pattern + size);
        if (!pattern)
                return -ENOMEM;
        memcpy(pattern->text, text, size);
        int r = regcomp(&pattern->regex, text, REG_EXTENDED | REG_NOSUB);
        if (r) {
                free(pattern);
                return r == REG_ESPACE ? -ENOMEM : -EINVAL;
        }
        pattern->next = atomic_load(&patterns);
        while (!atomic_compare_exchange_weak(&patterns, &pattern->next, pattern))
                ;
        *ret_pattern = pattern;
        return 0;
}

static int match(const char *text, const char *string)
{
        struct pattern *pattern = atomic_load(&patterns);
        while (pattern && strcmp(pattern->text, text))
                pattern = pattern->next;
        int r = pattern ? 0 : compile(text, &pattern);
        if (r < 0)
                return r;
        r = regexec(&pattern->regex, string, 0, NULL, 0);
        return r == REG_ESPACE ? -ENOMEM : r == 0;
}

int aeon__pattern_match(const char *text, const char *string)
{
        locale_t old = enter_utf8();
        int r = match(text, string);
        uselocale(old);
        return r;
}
