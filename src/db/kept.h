/* Prepared statements that a link keeps, by their text; the last used first, so that of too many the last in the list goes. */
#pragma once

#include "base/list.h"

#include <aeon/attributes.h>
#include <stdint.h>

struct kept {
        struct list node;
        uint64_t hash;        /* of the text */
        unsigned long number; /* the driver's: its name at the server */
        void *handle;         /* the driver's, too */
        char sql[];
};

struct kept_list {
        struct list list;
        unsigned count;
};

AEON_API void aeon__kept_init(struct kept_list *k);

/* Find it and put it first; NULL: it is not there. */
AEON_API struct kept *aeon__kept_find(struct kept_list *k, const char *sql);

/* Put a new one first. NULL: no memory. */
AEON_API struct kept *aeon__kept_add(struct kept_list *k, const char *sql);

/* The one that was used longest ago; NULL: there is none. */
AEON_API struct kept *aeon__kept_oldest(struct kept_list *k);
AEON_API void aeon__kept_forget(struct kept_list *k, struct kept *one);
