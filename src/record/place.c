/* The paths of place.h. */
#include "record/place.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_word(const char *name, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-' && !((unsigned char)name[i] & 0x80))
                        return false;
        return length > 0;
}

static void print_path(struct text *path, const struct place *place)
{
        char quote[QUOTE_SIZE];
        if (!place->above) { /* our own words: a source of settings, or nothing */
                aeon__text_add(path, place->name, place->length);
                return;
        }
        print_path(path, place->above);
        if (!place->name)
                aeon__text_print(path, "[%zu]", place->index);
        else if (is_word(place->name, place->length))
                aeon__text_print(path, "%s%s", path->length ? "." : "", aeon__problem_quote(quote, place->name, place->length));
        else
                aeon__text_print(path, "[\"%s\"]", aeon__problem_quote(quote, place->name, place->length));
}

void aeon__tell(const struct where *where, const char *format, ...)
{
        struct text path = { 0 };
        char *words = NULL;
        char position[64] = "";
        unsigned line, column;
        va_list arguments;

        if (where->problems->count >= PROBLEMS_TOLD) {
                where->problems->count++;
                return;
        }
        va_start(arguments, format);
        int length = vasprintf(&words, format, arguments);
        va_end(arguments);
        print_path(&path, where->place);
        if (where->json) {
                aeon__json_position(where->json, where->at, &line, &column);
                snprintf(position, sizeof position, " (line %u, column %u)", line, column);
        }
        if (length < 0 || path.failed)
                where->problems->no_memory = true;
        else
                aeon__problem(where->problems, path.data ? path.data : "", "%s%s", words, position);
        if (length >= 0)
                free(words);
        aeon__text_done(&path);
}
