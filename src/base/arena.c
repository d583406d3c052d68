/* The arena of arena.h. */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* With its head and malloc's a little less than 1 KiB, and 16 KiB. */
enum { CHUNK_FIRST = 1000, CHUNK_MOST = 16000, LARGE = 4000, ALIGNMENT = _Alignof(max_align_t) };

struct arena_chunk {
        struct arena_chunk *older;
        size_t size; /* of the bytes */
        max_align_t bytes[];
};

static void *new_large(struct arena *a, size_t size)
{
        if (size > SIZE_MAX / 2)
                return NULL;
        struct arena_chunk *chunk = calloc(1, sizeof *chunk + size); /* of so many zeros the kernel has some ready */
        struct arena_chunk **place = a->newest ? &a->newest->older : &a->newest;
        if (!chunk)
                return NULL;
        chunk->size = size;
        chunk->older = *place;
        *place = chunk;
        return chunk->bytes;
}

static size_t next_size(const struct arena_chunk *newest)
{
        if (!newest)
                return CHUNK_FIRST;
        return newest->size < CHUNK_MOST / 2 ? newest->size * 2 : CHUNK_MOST;
}

/* The first @size bytes of a new chunk. */
static void *cut_new(struct arena *a, size_t size)
{
        size_t room = next_size(a->newest);
        room = room < size ? size : room;
        struct arena_chunk *chunk = malloc(sizeof *chunk + room);
        if (!chunk)
                return NULL;
        *chunk = (struct arena_chunk){ .older = a->newest, .size = room };
        *a = (struct arena){ .newest = chunk, .at = (char *)chunk->bytes + size, .end = (char *)chunk->bytes + room };
        return chunk->bytes;
}

void *aeon__arena_more(struct arena *a, size_t size)
{
        return size > LARGE ? new_large(a, size) : cut_new(a, size);
}

void *aeon__arena_alloc(struct arena *a, size_t size)
{
        if (size > LARGE)
                return new_large(a, size);
        size_t gap = -(uintptr_t)a->at % ALIGNMENT;
        bool fits = gap + size < (size_t)(a->end - a->at);
        char *memory = fits ? a->at + gap : cut_new(a, size);
        if (fits)
                a->at = memory + size;
        return memory ? memset(memory, 0, size) : NULL;
}

char *aeon__arena_copy(struct arena *a, const char *bytes, size_t length)
{
        char *copy = aeon__arena_text(a, length + 1);
        if (!copy)
                return NULL;
        memcpy(copy, bytes, length);
        copy[length] = '\0';
        return copy;
}

void aeon__arena_done(struct arena *a)
{
        while (a->newest) {
                struct arena_chunk *chunk = a->newest;
                a->newest = chunk->older;
                free(chunk);
        }
        *a = (struct arena){ 0 };
}
