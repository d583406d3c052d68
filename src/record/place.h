/* Where a problem is: the path to it, and its line and column.
 *
 * DESIGN
 *   Whoever goes down into a value puts a place on its own stack, linked to the one above. So a path costs nothing until somebody
 *   has to read it:
 *
 *       [items] <- [3] <- [price]          items[3].price: -1 is below 0 (line 7, column 18)
 */
#pragma once

#include "record/json.h"
#include "record/problems.h"

struct place {
        const struct place *above; /* NULL: the whole, whose name stands as it is; often "" */
        const char *name;          /* NULL: an index */
        union {
                size_t length; /* of the name */
                size_t index;
        };
};

struct where {
        struct problems *problems;
        const struct place *place;
        struct json *json; /* the text that is read; NULL when there is none to point into */
        const char *at;    /* in that text */
};

/* Add the problem "PATH: words (line L, column C)". */
void aeon__tell(const struct where *where, const char *format, ...) AEON_PRINTF(2, 3);
