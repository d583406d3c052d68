/* All that is wrong with a record, as one error text.
 *
 * DESIGN
 *   Reading goes on after a problem, so that a person sees all of them at once. The collector also remembers that memory ran out,
 * so none of the functions that read and write values returns a code: the collector gives the one code at the end. Of a hundred
 * thousand bad items nobody wants to read more than the first hundred.
 *
 *   For a log, on one line:        job: id: missing; takes: -1 is not a duration
 *   For a person, one per line:    settings:
 *                                    .env:3: port: 70000 is above 65535
 *                                    missing: token (env TOKEN)
 */
#pragma once

#include "base/text.h"

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>

enum { QUOTE_SIZE = 80, PROBLEMS_TOLD = 100 };

struct problems {
        void (*told)(void *arg, const char *path, const char *words); /* each is told here too, as it comes; NULL: nobody asks */
        void *told_arg;
        struct text text;
        size_t count; /* the first PROBLEMS_TOLD are in the text */
        bool one_per_line;
        bool no_memory;
};

/* Add "PATH: words"; without ": " when @path is empty. */
void aeon__problem(struct problems *p, const char *path, const char *format, ...) AEON_PRINTF(3, 4);

/* @text as it may stand in a problem: on one line, without control characters, cut when long. Lives in @out; returns it. */
const char *aeon__problem_quote(char out[QUOTE_SIZE], const char *text, size_t length);

/* Empty the collector. Returns 0 when nothing was wrong, -ENOMEM, or @code with the text "WHAT: problems" kept by aeon_fail(). */
int aeon__problems_close(struct problems *p, int code, const char *what);
