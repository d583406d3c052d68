/* The 4-ary heap of heap.h: two sift functions and their users. */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

enum { ARITY = 4, FIRST_CAPACITY = 64 };

static void place(struct heap *h, uint32_t at, struct heap_slot slot)
{
        h->slots[at] = slot;
        slot.node->place = at + 1;
}

static void sift_up(struct heap *h, uint32_t at, struct heap_slot slot)
{
        while (at > 0) {
                uint32_t parent = (at - 1) / ARITY;
                if (h->slots[parent].time <= slot.time)
                        break;
                place(h, at, h->slots[parent]);
                at = parent;
        }
        place(h, at, slot);
}

static uint32_t earliest_child(const struct heap *h, uint32_t parent)
{
        uint32_t first = parent * ARITY + 1;
        const struct heap_slot *child = &h->slots[first];
        for (uint32_t i = 0; i < 4; i++)
                __builtin_prefetch(&h->slots[(first + i) * ARITY + 1]);
        if (first + ARITY <= h->count) { /* without branches: which child is earliest cannot be predicted */
                uint32_t left = child[1].time < child[0].time, right = 2 + (child[3].time < child[2].time);
                return first + (child[right].time < child[left].time ? right : left);
        }
        uint32_t best = first;
        for (uint32_t i = first + 1; i < h->count; i++)
                if (h->slots[i].time < h->slots[best].time)
                        best = i;
        return best;
}

static void sift_down(struct heap *h, uint32_t at, struct heap_slot slot)
{
        while ((uint64_t)at * ARITY + 1 < h->count) {
                uint32_t child = earliest_child(h, at);
                if (h->slots[child].time >= slot.time)
                        break;
                place(h, at, h->slots[child]);
                at = child;
        }
        place(h, at, slot);
}

static void sift(struct heap *h, uint32_t at, struct heap_slot slot)
{
        if (at > 0 && h->slots[(at - 1) / ARITY].time > slot.time)
                sift_up(h, at, slot);
        else
                sift_down(h, at, slot);
}

static int grow(struct heap *h)
{
        uint32_t capacity = h->capacity ? h->capacity * 2 : FIRST_CAPACITY;
        struct heap_slot *slots = realloc(h->slots, capacity * sizeof *slots);
        if (!slots)
                return -ENOMEM;
        h->slots = slots;
        h->capacity = capacity;
        return 0;
}

int aeon__heap_put(struct heap *h, struct aeon__heap_node *node, int64_t time)
{
        struct heap_slot slot = { .time = time, .node = node };
        if (heap_contains(node)) {
                sift(h, node->place - 1, slot);
                return 0;
        }
        if (h->count == h->capacity && grow(h) < 0)
                return -ENOMEM;
        sift_up(h, h->count++, slot);
        return 0;
}

void aeon__heap_remove(struct heap *h, struct aeon__heap_node *node)
{
        if (!heap_contains(node))
                return;
        uint32_t at = node->place - 1;
        node->place = 0;
        struct heap_slot last = h->slots[--h->count];
        if (at != h->count)
                sift(h, at, last);
}

struct aeon__heap_node *aeon__heap_pop_due(struct heap *h, int64_t now)
{
        if (!h->count || h->slots[0].time > now)
                return NULL;
        struct aeon__heap_node *node = h->slots[0].node;
        aeon__heap_remove(h, node);
        return node;
}

void aeon__heap_done(struct heap *h)
{
        free(h->slots);
        *h = (struct heap){ 0 };
}
