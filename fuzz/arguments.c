/* A command line, its words with a NUL behind each: written as --name=value it must read the same, and a record takes it or says why not. */
#include "must.h"

#include "base/text.h"
#include "record/all_kinds.h"
#include "settings/settings.h"

#include <errno.h>

enum { WORDS_MOST = 64 };

/* Cut @text, which ends in a NUL, into words. */
static int split(char *text, const char *end, char *words[WORDS_MOST])
{
        int count = 0;
        for (; text < end && count < WORDS_MOST; text += strlen(text) + 1)
                words[count++] = text;
        return count;
}

/* The options as words, then what is positional behind "--". */
static void write_again(struct text *to, const struct arguments *a)
{
        for (int positional = 0; positional < 2; positional++) {
                for (size_t i = 0; i < a->count; i++) {
                        const struct argument *argument = &a->items[i];
                        if (argument->name && !positional)
                                aeon__text_print(to, "--%.*s=%s%c", (int)argument->name_length, argument->name, argument->value, 0);
                        else if (!argument->name && positional)
                                aeon__text_print(to, "%s%c", argument->value, 0);
                }
                if (!positional)
                        aeon__text_add(to, "--", 3);
        }
}

static const struct argument *next(const struct arguments *a, size_t *at, bool positional)
{
        while (*at < a->count) {
                const struct argument *argument = &a->items[(*at)++];
                if (!argument->name == positional)
                        return argument;
        }
        return NULL;
}

static void check_same(const struct arguments *a, const struct arguments *b)
{
        must(a->count == b->count, "not as many arguments", NULL);
        for (int positional = 0; positional < 2; positional++) {
                size_t i = 0, j = 0;
                const struct argument *x, *y;
                while ((x = next(a, &i, positional)) && (y = next(b, &j, positional))) {
                        must(x->name_length == y->name_length, "another name", x->value);
                        must(!x->name || !memcmp(x->name, y->name, x->name_length), "another name", x->value);
                        must(!strcmp(x->value, y->value), "another value", x->value);
                }
        }
}

static void check_round_trip(const struct arguments *first)
{
        struct arguments second;
        struct text text = { 0 };
        char *words[2 * WORDS_MOST];
        write_again(&text, first);
        int count = split(text.data, text.data + text.length, words);
        must(aeon__arguments_parse(count, words, &second) == 0, "written, but not read", text.data);
        if (first->count < WORDS_MOST - 1)
                check_same(first, &second);
        aeon__arguments_free(&second);
        aeon__text_done(&text);
}

static void check_record(const struct arguments *arguments)
{
        void *value = NULL;
        int r = aeon__arguments_load(all_record(), arguments, &value);
        must(r == 0 || (r == -EINVAL && *aeon_error_text()), "neither taken nor refused", NULL);
        aeon_record_free(value);
        aeon_error_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct arguments arguments;
        char *words[WORDS_MOST], *text = malloc(size + 1);
        must(text != NULL, "no memory", NULL);
        memcpy(text, data, size);
        text[size] = '\0';
        int r = aeon__arguments_parse(split(text, text + size, words), words, &arguments);
        must(r == 0 || r == -EINVAL, "neither read nor refused", NULL);
        if (r == 0) {
                check_round_trip(&arguments);
                check_record(&arguments);
                aeon__arguments_free(&arguments);
        }
        free(text);
        return 0;
}
