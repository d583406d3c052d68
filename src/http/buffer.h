/* Bytes that grow: what was received and is not yet used, what is to be sent.
 *
 *       data          data+start       data+end        data+capacity
 *        |  used up      |   content      |    room       |
 */
#pragma once

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>

struct http_buffer {
        char *data;
        size_t start;
        size_t end;
        size_t capacity;
};

static inline size_t buffer_size(const struct http_buffer *b)
{
        return b->end - b->start;
}

static inline const char *buffer_bytes(const struct http_buffer *b)
{
        return b->start ? b->data + b->start : b->data; /* which may be NULL */
}

/* Have room for @room more bytes at data+end; may move the bytes. -ENOMEM, and then nothing has changed. */
AEON_API int aeon__http_buffer_reserve(struct http_buffer *b, size_t room);

/* -ENOMEM, and then nothing was added. */
AEON_API int aeon__http_buffer_add(struct http_buffer *b, const void *bytes, size_t size);
int aeon__http_buffer_add_text(struct http_buffer *b, const char *text);

/* Drop @size bytes from the front. */
AEON_API void aeon__http_buffer_take(struct http_buffer *b, size_t size);

/* Forget the content; keep the memory unless there is much of it. */
void aeon__http_buffer_clear(struct http_buffer *b);
AEON_API void aeon__http_buffer_done(struct http_buffer *b);
