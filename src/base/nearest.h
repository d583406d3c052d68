/* "Did you mean ...?" */
#pragma once

#include <stddef.h>

/* The one of @n names in @known that is a slip of the pen away from @word: one edit for each three letters, at most three; an edit
 * is a letter added, lost, changed, or swapped with its neighbour; upper and lower case are alike. The first of equally near ones;
 * NULL when none is. */
const char *aeon__nearest(const char *word, const char *const *known, size_t n);
