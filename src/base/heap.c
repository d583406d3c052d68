/* The 4-ary heap of heap.h: two sift functions and their users. */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

enum { ARITY = 4, GRANDCHILDREN = ARITY * ARITY, FIRST_CAPACITY = 64 };

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

/* Four siblings, without a branch: which of them is earliest cannot be guessed, so each wrong guess would cost more than the rest. */
static uint32_t earliest_of_four(const struct heap_slot *s)
{
        bool in_left = s[1].time < s[0].time, in_right = s[3].time < s[2].time;
        int64_t left = in_left ? s[1].time : s[0].time, right = in_right ? s[3].time : s[2].time;
        uint32_t mask = -(uint32_t)(right < left);
        return (mask & (2u + in_right)) | (~mask & in_left);
}

static uint32_t earliest_child(const struct heap *h, uint32_t parent)
{
        uint32_t first = parent * ARITY + 1;
        if (first + ARITY <= h->count)
                return first + earliest_of_four(&h->slots[first]);
        uint32_t best = first;
        for (uint32_t i = first + 1; i < h->count; i++)
                if (h->slots[i].time < h->slots[best].time)
                        best = i;
        return best;
}

/* What may be looked at one level further down: as nothing guesses the way, nothing else fetches it in time. (Always inline: gcc leaves
 * out calls of a function that does nothing but prefetch.) */
static inline __attribute__((always_inline)) void prefetch_grandchildren(const struct heap *h, uint32_t parent)
{
        uint64_t first = ((uint64_t)parent * ARITY + 1) * ARITY + 1;
        if (first + GRANDCHILDREN > h->capacity)
                return;
        for (uint64_t i = 0; i < GRANDCHILDREN; i += ARITY)
                __builtin_prefetch(&h->slots[first + i]);
}

static void sift_down(struct heap *h, uint32_t at, struct heap_slot slot)
{
        while ((uint64_t)at * ARITY + 1 < h->count) {
                prefetch_grandchildren(h, at);
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
