/* A queue of items of one size, in a ring that grows up to a limit. It has no memory while nothing was ever in it. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct ring {
        unsigned char *memory;
        size_t item_size;
        size_t limit;       /* of items */
        size_t slots;       /* what memory has room for */
        size_t head, count; /* first item, and how many there are */
};

/* Constant sizes are moved in registers; most items are a number or a pointer. */
static inline void item_copy(void *to, const void *from, size_t size)
{
        if (size == sizeof(void *))
                memcpy(to, from, sizeof(void *));
        else
                memcpy(to, from, size);
}

int aeon__ring_grow(struct ring *q); /* errors: -ENOMEM */

static inline void *ring_slot(struct ring *q, size_t i)
{
        size_t at = q->head + i;
        return q->memory + (at >= q->slots ? at - q->slots : at) * q->item_size;
}

/* The caller has looked that count < limit. Errors: -ENOMEM, not when an item was popped just before. */
static inline int ring_push(struct ring *q, const void *item)
{
        if (q->count == q->slots && aeon__ring_grow(q) < 0)
                return -ENOMEM;
        item_copy(ring_slot(q, q->count++), item, q->item_size);
        return 0;
}

static inline void ring_pop(struct ring *q, void *ret_item)
{
        item_copy(ret_item, ring_slot(q, 0), q->item_size);
        q->head = q->head + 1 == q->slots ? 0 : q->head + 1;
        q->count--;
}
