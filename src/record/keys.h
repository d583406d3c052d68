/* Keys that stand in one object more than once.
 *
 * DESIGN
 *   A stack of the keys of all open objects. An object that closes sorts its own, so that equal ones are neighbours, and takes them
 *   off; sorting keeps an object of a million keys from costing a million times a million comparisons, whatever the keys.
 */
#pragma once

#include "base/arena.h"
#include "record/json.h"

struct key {
        const char *name; /* what it stands for, without escapes */
        size_t length;
        const char *at; /* in the text */
};

struct keys {
        struct key *items;
        size_t count, capacity;
        struct arena names; /* of keys that had escapes */
};

/* Put the key @token on the stack. Returns it, NULL when there is no memory. */
const struct key *aeon__keys_push(struct keys *k, const struct token *token);

/* Sort those from @first on, by name and then by place. */
void aeon__keys_sort(struct keys *k, size_t first);

bool aeon__keys_same(const struct key *a, const struct key *b);

void aeon__keys_done(struct keys *k);
