/* Memory that is freed all at once.
 *
 * DESIGN
 *   A list of chunks, newest first; an allocation is cut from the newest one or opens a new one, twice as large. What is large gets a
 * chunk of its own behind the newest, which goes on being cut. Nothing is freed singly. An arena that is all zeros is empty and ready.
 *
 *       arena -> [chunk: cut cut cut ...free...] -> [large] -> [chunk: full] -> NULL
 */
#pragma once

#include <aeon/attributes.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
        struct arena_chunk *newest; /* NULL: nothing allocated */
        char *at, *end;             /* what is free of it */
};

/* @size zeroed bytes, aligned for any type; NULL when there is no memory. */
AEON_API void *aeon__arena_alloc(struct arena *a, size_t size);

/* @size bytes when the newest chunk has too few: neither zeroed nor aligned. */
void *aeon__arena_more(struct arena *a, size_t size);

/* @size bytes for text: neither zeroed nor aligned. */
static inline char *aeon__arena_text(struct arena *a, size_t size)
{
        if (size >= (size_t)(a->end - a->at))
                return (char *)aeon__arena_more(a, size);
        char *text = a->at;
        a->at += size;
        return text;
}

/* A copy of @length bytes with a NUL behind them. */
AEON_API char *aeon__arena_copy(struct arena *a, const char *bytes, size_t length);

/* Free everything; the arena is empty again. */
AEON_API void aeon__arena_done(struct arena *a);
