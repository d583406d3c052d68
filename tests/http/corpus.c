/* One line is one case: name | rule | answer | bytes; see the files' heads for the escapes. */
#include "corpus.h"

#include "harness.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Resolve the escape behind the backslash at @text; returns what follows it. */
static const char *add_escape(struct text *out, const char *text);

static void add_unescaped(struct text *out, const char *text, const char *end)
{
        while (text < end) {
                if (*text == '\\')
                        text = add_escape(out, text);
                else
                        aeon__text_add(out, text++, 1);
        }
}

/* \{N:TEXT}: N times TEXT. */
static const char *add_repeated(struct text *out, const char *text)
{
        char *colon;
        unsigned long times = strtoul(text + 2, &colon, 10);
        const char *end = strchr(text, '}');
        REQUIRE(*colon == ':' && end != NULL);
        while (times--)
                add_unescaped(out, colon + 1, end);
        return end + 1;
}

static const char *add_escape(struct text *out, const char *text)
{
        static const char names[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
        unsigned value;
        if (text[1] == '{')
                return add_repeated(out, text);
        if (text[1] == 'x') {
                REQUIRE_INT(sscanf(text + 2, "%2x", &value), 1);
                aeon__text_add(out, &(char){ (char)value }, 1);
                return text + 4;
        }
        const char *name = text[1] ? strchr(names, text[1]) : NULL;
        REQUIRE(name != NULL);
        aeon__text_add(out, bytes + (name - names), 1);
        return text + 2;
}

static char *unescaped(const char *text, const char *end, size_t *ret_size)
{
        struct text out = { 0 };
        add_unescaped(&out, text, end);
        *ret_size = out.length;
        aeon__text_add(&out, "", 1);
        return out.data;
}

static void read_line(struct corpus_case *c, const char *line, const char *end)
{
        const char *columns[5] = { line };
        size_t size;
        for (int i = 1; i < 4; i++) {
                columns[i] = strstr(columns[i - 1], " | ");
                REQUIRE(columns[i] != NULL && columns[i] < end);
                columns[i] += 3;
        }
        c->name = strndup(columns[0], (size_t)(columns[1] - columns[0]) - 3);
        c->rule = strndup(columns[1], (size_t)(columns[2] - columns[1]) - 3);
        c->answer = unescaped(columns[2], columns[3] - 3, &size);
        c->bytes = unescaped(columns[3], end, &c->size);
}

void corpus_open(struct corpus *corpus, const char *file)
{
        char path[512];
        snprintf(path, sizeof path, "%s/tests/http/corpus/%s", test_source_folder(), file);
        char *text = test_read_file(path);
        REQUIRE(text != NULL);
        *corpus = (struct corpus){ 0 };
        for (const char *line = text, *end; *line; line = end + 1) {
                end = strchr(line, '\n');
                REQUIRE(end != NULL);
                if (*line == '#' || line == end)
                        continue;
                corpus->cases = realloc(corpus->cases, (corpus->count + 1) * sizeof *corpus->cases);
                REQUIRE(corpus->cases != NULL);
                read_line(&corpus->cases[corpus->count++], line, end);
        }
        free(text);
}

void corpus_close(struct corpus *corpus)
{
        for (size_t i = 0; i < corpus->count; i++) {
                free(corpus->cases[i].name);
                free(corpus->cases[i].rule);
                free(corpus->cases[i].answer);
                free(corpus->cases[i].bytes);
        }
        free(corpus->cases);
}
