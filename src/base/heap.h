/* A 4-ary heap of times, earliest first.
 *
 * DESIGN
 *   The array holds {time, node} side by side, so sifting reads no node; each node holds its own place, so moving or removing
 *   one is O(log n) and leaves nothing behind. Four children per parent: half the levels of a binary heap, and the children
 *   share a cache line.
 *
 *         [0]                    a node is IN the heap iff its place is not 0 (it holds index + 1)
 *      /  |  |  \
 *   [1] [2] [3] [4]
 */
#pragma once

#include <aeon/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_slot {
        int64_t time;
        struct aeon__heap_node *node;
};

struct heap {
        struct heap_slot *slots;
        uint32_t count;
        uint32_t capacity;
};

static inline bool heap_contains(const struct aeon__heap_node *node)
{
        return node->place != 0;
}

/* The earliest time; INT64_MAX when the heap is empty. */
static inline int64_t heap_earliest(const struct heap *h)
{
        return h->count ? h->slots[0].time : INT64_MAX;
}

/* When @node, which is in the heap, is due. */
static inline int64_t heap_time(const struct heap *h, const struct aeon__heap_node *node)
{
        return h->slots[node->place - 1].time;
}

/* Put @node at @time, moving it when it is in already. -ENOMEM, and then nothing has changed; moving never fails. */
int aeon__heap_put(struct heap *h, struct aeon__heap_node *node, int64_t time);

/* Take @node out; nothing happens when it is outside. */
void aeon__heap_remove(struct heap *h, struct aeon__heap_node *node);

/* Take out the earliest node if its time is at or before @now; NULL when none is due. */
struct aeon__heap_node *aeon__heap_pop_due(struct heap *h, int64_t now);

/* Free the array; nodes still inside are forgotten. */
void aeon__heap_done(struct heap *h);
