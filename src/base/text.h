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
#include <string.h>

struct text {
        char *data; /* NULL while nothing was added; to free() once taken */
        size_t length;
        size_t capacity;
        bool failed; /* memory ran out; the data is incomplete */
};

AEON_API void aeon__text_add_growing(struct text *t, const char *bytes, size_t length);

/* Make room for @length bytes and a NUL. False when there is none. */
AEON_API bool aeon__text_reserve(struct text *t, size_t length);

/* Where the next @length bytes go, which the caller writes at once and which count as added. NULL when there is no memory. */
static inline char *aeon__text_extend(struct text *t, size_t length)
{
        if ((t->failed || t->capacity - t->length <= length) && !aeon__text_reserve(t, length))
                return NULL;
        char *at = t->data + t->length;
        t->length += length;
        at[length] = '\0';
        return at;
}

/* Add @length bytes, which are often so few and so known that a call would take longer. */
static inline void aeon__text_add(struct text *t, const char *bytes, size_t length)
{
        if (t->failed || t->capacity - t->length <= length || !length) {
                aeon__text_add_growing(t, bytes, length);
                return;
        }
        memcpy(t->data + t->length, bytes, length);
        t->length += length;
        t->data[t->length] = '\0';
}

AEON_API void aeon__text_print(struct text *t, const char *format, ...) AEON_PRINTF(2, 3);

/* Add @string between quotes; what is no UTF-8 in it is replaced. */
void aeon__json_add_string(struct text *json, const char *string);
void aeon__json_add_bytes(struct text *json, const char *bytes, size_t length); /* the same of @length bytes */

/* Add the whole file @path. Negative errno; what was read until then stays. No error text. */
int aeon__text_add_file(struct text *t, const char *path);

/* Write all of it to @fd. Negative errno. No error text. */
int aeon__text_write(const struct text *t, int fd);

enum { DURATION_WORDS = 32 };

/* Write the nanoseconds @ns for people, "12 ms", "1.2 s", "5 min 12 s", "3 h 10 min", into @buffer of DURATION_WORDS bytes; returns it. */
const char *aeon__duration_words(int64_t ns, char *buffer);

/* Free the data; the text is empty again. */
AEON_API void aeon__text_done(struct text *t);
