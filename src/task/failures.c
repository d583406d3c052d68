/* The failures of one group; see failures.h. */
#include "task/failures.h"

#include "base/text.h"

#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOLD = 8, TOLD_BYTES = 500 }; /* how many the words name, and how much of each */

static struct failure *new_failure(struct failures *list)
{
        struct failure *f = list->count ? malloc(sizeof *f) : &list->first;
        if (!f)
                return NULL;
        f->next = NULL;
        if (list->count++)
                list->last->next = f;
        list->last = f;
        return f;
}

void aeon__failures_add(struct failures *list, const char *task, int code, struct error_slot *words)
{
        struct failure *f = new_failure(list);
        if (!f) {
                aeon_log_error("no memory to keep that task \"%s\" failed, too: %s", task, aeon__error_slot_describe(words, code));
                return;
        }
        f->code = code;
        f->words.error = NULL;
        if (aeon__error_slot_has(words, code))
                aeon__error_move(words, &f->words);
        snprintf(f->task, sizeof f->task, "%s", task);
}

static void name_each(const struct failures *list, struct text *words)
{
        const struct failure *f = &list->first;
        for (int i = 0; f && i < TOLD; f = f->next, i++)
                aeon__text_print(words, "%stask \"%s\": %.*s", i ? "; " : "", f->task, TOLD_BYTES,
                                 aeon__error_slot_describe(&f->words, f->code));
        if (f)
                aeon__text_print(words, "; and %zu more", list->count - TOLD);
}

int aeon__failures_tell(struct failures *list)
{
        struct text words = { 0 };
        if (list->count > 1)
                name_each(list, &words);
        aeon__error_move(&list->first.words, aeon__error_current());
        if (words.data && !words.failed)
                aeon_fail_at(list->first.code, true, aeon_error_where(), "%s", words.data);
        aeon__text_done(&words);
        return list->first.code;
}

size_t aeon__failures_list(const struct failures *list, aeon_group_error ret_errors[], size_t room)
{
        const struct failure *f = &list->first;
        for (size_t i = 0; i < room && i < list->count; i++, f = f->next) {
                const char *text = aeon__error_slot_describe(&f->words, f->code);
                ret_errors[i] = (aeon_group_error){ .task = f->task, .code = f->code, .text = text };
        }
        return list->count;
}

void aeon__failures_done(struct failures *list)
{
        if (!list->count)
                return;
        aeon__error_slot_done(&list->first.words);
        for (struct failure *f = list->first.next, *next; f; f = next) {
                next = f->next;
                aeon__error_slot_done(&f->words);
                free(f);
        }
        list->count = 0;
}
