/* Text that grows.
 *
 * DESIGN
 *   Appending never fails for the caller: when memory runs out the text remembers it, ignores what follows, and says so once at the
 * end
 *   (`failed`). A text that is all zeros is empty and ready. Its data ends in a NUL behind `length`, which it may also contain.
 */
#pragma once

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
        char *data; /* NULL while nothing was added; to free() once taken */
        size_t length;
        size_t capacity;
        bool failed; /* memory ran out; the data is incomplete */
};

AEON_API void aeon__text_add(struct text *t, const char *bytes, size_t length);
AEON_API void aeon__text_print(struct text *t, const char *format, ...) AEON_PRINTF(2, 3);

/* Add @string between quotes; what is no UTF-8 in it is replaced. */
void aeon__json_add_string(struct text *json, const char *string);

/* Add the whole file @path. Negative errno; what was read until then stays. No error text. */
int aeon__text_add_file(struct text *t, const char *path);

/* Write all of it to @fd. Negative errno. No error text. */
int aeon__text_write(const struct text *t, int fd);

enum { DURATION_WORDS = 32 };

/* Write the nanoseconds @ns for people, "12 ms", "1.2 s", "5 min 12 s", "3 h 10 min", into @buffer of DURATION_WORDS bytes; returns it. */
const char *aeon__duration_words(int64_t ns, char *buffer);

/* Free the data; the text is empty again. */
AEON_API void aeon__text_done(struct text *t);
