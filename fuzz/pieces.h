/* Cutting bytes into pieces, for targets whose result must not depend on it. */
#pragma once

#include "must.h"

#define HOLDS(condition) must((condition), "does not hold: " #condition, NULL)

/* Where the next piece ends, in one of several ways to cut; @state makes the random ones. */
enum cut { AT_ONCE, BY_BYTE, AT_RANDOM, BY_LINE, CUTS };

static inline size_t next_end(enum cut cut, const char *bytes, size_t at, size_t size, unsigned *state)
{
        const char *lf;
        switch (cut) {
        case BY_BYTE:
                return at + 1;
        case AT_RANDOM:
                *state = *state * 1103515245 + 12345;
                at += 1 + (*state >> 16) % (size / 4 + 2);
                return at < size ? at : size;
        case BY_LINE: /* between CR and LF */
                lf = memchr(bytes + at + 1, '\n', size - at - 1);
                return lf ? (size_t)(lf - bytes) : size;
        default:
                return size;
        }
}

/* Who reads past it is seen by a checker. */
static inline char *exact_copy(const char *bytes, size_t size)
{
        char *copy = malloc(size ? size : 1);
        HOLDS(copy != NULL);
        memcpy(copy, bytes, size);
        return copy;
}
