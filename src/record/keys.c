/* The stack of keys.h. */
#include "record/keys.h"

#include <stdlib.h>
#include <string.h>

const struct key *aeon__keys_push(struct keys *k, const struct token *token)
{
        if (k->count == k->capacity) {
                size_t capacity = k->capacity ? k->capacity * 2 : 16;
                struct key *items = realloc(k->items, capacity * sizeof *items);
                if (!items)
                        return NULL;
                k->items = items;
                k->capacity = capacity;
        }
        struct key key = { .name = token->text, .length = token->length, .at = token_at(token) };
        if (token->escaped) {
                char *name = aeon__arena_alloc(&k->names, token->length);
                if (!name)
                        return NULL;
                key.name = name;
                key.length = aeon__json_unescape(token, name);
        }
        k->items[k->count] = key;
        return &k->items[k->count++];
}

enum { FEW = 12 }; /* keys that are sorted sooner by putting each in its place */

static int compare(const void *a, const void *b)
{
        const struct key *x = a, *y = b;
        if (x->length != y->length)
                return x->length < y->length ? -1 : 1;
        int order = memcmp(x->name, y->name, x->length);
        return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

void aeon__keys_sort(struct keys *k, size_t first)
{
        if (k->count - first > FEW) {
                qsort(k->items + first, k->count - first, sizeof *k->items, compare);
                return;
        }
        for (size_t i = first + 1; i < k->count; i++) {
                struct key key = k->items[i];
                size_t at = i;
                for (; at > first && compare(&k->items[at - 1], &key) > 0; at--)
                        k->items[at] = k->items[at - 1];
                k->items[at] = key;
        }
}

bool aeon__keys_same(const struct key *a, const struct key *b)
{
        return a->length == b->length && !memcmp(a->name, b->name, a->length);
}

void aeon__keys_done(struct keys *k)
{
        free(k->items);
        aeon__arena_done(&k->names);
        *k = (struct keys){ 0 };
}
