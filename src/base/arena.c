/* The arena of arena.h. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 1000, ALIGNMENT = _Alignof(max_align_t) }; /* with its head and malloc's a little less than 1 KiB */

struct arena_chunk {
        struct arena_chunk *older;
        size_t used, size; /* of the bytes */
        max_align_t bytes[];
};

static struct arena_chunk *chunk_open(struct arena *a, size_t size)
{
        if (size < CHUNK_SIZE)
                size = CHUNK_SIZE;
        struct arena_chunk *chunk = calloc(1, sizeof *chunk + size);
        if (!chunk)
                return NULL;
        chunk->size = size;
        chunk->older = a->newest;
        a->newest = chunk;
        return chunk;
}

void *aeon__arena_alloc(struct arena *a, size_t size)
{
        if (size > SIZE_MAX / 2)
                return NULL;
        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        struct arena_chunk *chunk = a->newest;
        if (!chunk || chunk->size - chunk->used < size)
                chunk = chunk_open(a, size);
        if (!chunk)
                return NULL;
        void *memory = (char *)chunk->bytes + chunk->used;
        chunk->used += size;
        return memory;
}

char *aeon__arena_copy(struct arena *a, const char *bytes, size_t length)
{
        char *copy = aeon__arena_alloc(a, length + 1);
        if (copy)
                memcpy(copy, bytes, length);
        return copy;
}

void aeon__arena_done(struct arena *a)
{
        while (a->newest) {
                struct arena_chunk *chunk = a->newest;
                a->newest = chunk->older;
                free(chunk);
        }
}
