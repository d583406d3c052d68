/* How a ring of items grows; see ring.h. */
#include "task/ring.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 16 };

int aeon__ring_grow(struct ring *q)
{
        size_t slots = q->slots ? q->slots * 2 : FIRST_SLOTS;
        if (slots > q->limit)
                slots = q->limit;
        unsigned char *memory = reallocarray(NULL, slots, q->item_size);
        if (!memory)
                return -ENOMEM;
        size_t until_end = q->slots - q->head < q->count ? q->slots - q->head : q->count;
        if (q->memory) {
                memcpy(memory, q->memory + q->head * q->item_size, until_end * q->item_size);
                memcpy(memory + until_end * q->item_size, q->memory, (q->count - until_end) * q->item_size);
        }
        free(q->memory);
        q->memory = memory;
        q->slots = slots;
        q->head = 0;
        return 0;
}
