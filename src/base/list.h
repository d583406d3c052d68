/* Intrusive doubly linked list.
 *
 * DESIGN
 *   The node lives in its element, so inserting and removing allocate nothing and cannot fail. A list is a ring through its
 *   head: an empty list points to itself, and removing needs no head. A node that is in no list points to itself too, so
 *   list_remove() may be called on it any number of times.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct list {
        struct list *next;
        struct list *prev;
};

// clang-format off
#define LIST_INIT(name) { &(name), &(name) }
// clang-format on

static inline void list_init(struct list *l)
{
        l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
        return l->next == l;
}

static inline void list_insert_before(struct list *place, struct list *node)
{
        node->prev = place->prev;
        node->next = place;
        place->prev->next = node;
        place->prev = node;
}

static inline void list_append(struct list *head, struct list *node)
{
        list_insert_before(head, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
        list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
        node->prev->next = node->next;
        node->next->prev = node->prev;
        list_init(node);
}

/* Take the first node out; NULL when there is none. */
static inline struct list *list_pop(struct list *head)
{
        if (list_empty(head))
                return NULL;
        struct list *node = head->next;
        list_remove(node);
        return node;
}

#define list_first(head, type, member) container_of((head)->next, type, member)

#define list_foreach(var, head, member)                                                                \
        for ((var) = container_of((head)->next, __typeof__(*(var)), member); &(var)->member != (head); \
             (var) = container_of((var)->member.next, __typeof__(*(var)), member))

/* The same, while the body may remove @var (and nothing else). */
#define list_foreach_safe(var, following, head, member)                                 \
        for ((var) = container_of((head)->next, __typeof__(*(var)), member),            \
            (following) = container_of((var)->member.next, __typeof__(*(var)), member); \
             &(var)->member != (head);                                                  \
             (var) = (following), (following) = container_of((var)->member.next, __typeof__(*(var)), member))
