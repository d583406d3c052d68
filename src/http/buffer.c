/* See buffer.h. */
#include "http/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256, KEPT = 65536 };

int aeon__http_buffer_reserve(struct http_buffer *b, size_t room)
{
        if (b->capacity - b->end >= room)
                return 0;
        size_t size = buffer_size(b);
        if (b->start) {
                memmove(b->data, b->data + b->start, size);
                b->start = 0;
                b->end = size;
                if (b->capacity - size >= room)
                        return 0;
        }
        if (room > SIZE_MAX / 4 - size)
                return -ENOMEM;
        size_t capacity = b->capacity ? b->capacity : SMALLEST;
        while (capacity < size + room)
                capacity *= 2;
        char *data = realloc(b->data, capacity);
        if (!data)
                return -ENOMEM;
        b->data = data;
        b->capacity = capacity;
        return 0;
}

int aeon__http_buffer_add(struct http_buffer *b, const void *bytes, size_t size)
{
        int r = aeon__http_buffer_reserve(b, size);
        if (r < 0)
                return r;
        if (size)
                memcpy(b->data + b->end, bytes, size);
        b->end += size;
        return 0;
}

int aeon__http_buffer_add_text(struct http_buffer *b, const char *text)
{
        return aeon__http_buffer_add(b, text, strlen(text));
}

void aeon__http_buffer_take(struct http_buffer *b, size_t size)
{
        b->start += size;
        if (b->start == b->end)
                b->start = b->end = 0;
}

void aeon__http_buffer_clear(struct http_buffer *b)
{
        b->start = b->end = 0;
        if (b->capacity > KEPT)
                aeon__http_buffer_done(b);
}

void aeon__http_buffer_done(struct http_buffer *b)
{
        free(b->data);
        *b = (struct http_buffer){ 0 };
}
