/* aeon/bytes.h - a stretch of memory: where it begins, how long it is. */
#ifndef AEON_BYTES_H
#define AEON_BYTES_H

#include <stddef.h>

/* Borrowed: who gives one says until when. @data may be NULL when @size is 0. */
typedef struct aeon_bytes {
        const void *data;
        size_t size;
} aeon_bytes;

#endif
