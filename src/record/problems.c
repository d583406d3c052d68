/* The collector of problems.h. */
#include "record/problems.h"

#include "base/log.h"

#include <aeon/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void aeon__problem(struct problems *p, const char *path, const char *format, ...)
{
        char *words = NULL;
        va_list arguments;
        if (p->count >= PROBLEMS_TOLD) {
                p->count++;
                return;
        }
        va_start(arguments, format);
        int length = vasprintf(&words, format, arguments);
        va_end(arguments);
        if (length < 0) {
                p->no_memory = true;
                return;
        }
        const char *separator = p->one_per_line ? "\n  " : p->count ? "; " : " ";
        if (p->told)
                p->told(p->told_arg, path, words);
        aeon__text_print(&p->text, "%s%s%s%s", separator, path, *path ? ": " : "", words);
        p->count++;
        free(words);
}

const char *aeon__problem_quote(char out[QUOTE_SIZE], const char *text, size_t length)
{
        static const char more[] = "...";
        size_t limit = QUOTE_SIZE - sizeof more;
        bool cut = length > limit;
        size_t shown = cut ? limit : length;
        while (cut && shown && ((unsigned char)text[shown] & 0xc0) == 0x80) /* not inside a character */
                shown--;
        size_t used = aeon__json_escape(out, QUOTE_SIZE - sizeof more + 1, text, shown);
        strcpy(out + used, cut ? more : "");
        return out;
}

int aeon__problems_close(struct problems *p, int code, const char *what)
{
        int r = 0;
        if (p->count > PROBLEMS_TOLD)
                aeon__text_print(&p->text, "%sand %zu more", p->one_per_line ? "\n  " : "; ", p->count - PROBLEMS_TOLD);
        if (p->no_memory || p->text.failed)
                r = aeon_fail(-ENOMEM, "%s: out of memory", what);
        else if (p->count)
                r = aeon_fail_at(code, true, AEON_HERE, "%s:%s", what, p->text.data);
        aeon__text_done(&p->text);
        *p = (struct problems){ 0 };
        return r;
}
