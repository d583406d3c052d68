/* Optimal string alignment distance, three rows at a time. */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { LENGTH_LIMIT = 64, EDITS_LIMIT = 3, LETTERS_PER_EDIT = 3 }; /* nobody means a longer name by accident */

static bool same(char a, char b)
{
        return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
        return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
        size_t rows[3][LENGTH_LIMIT + 1];
        size_t *before = rows[0], *above = rows[1], *row = rows[2];
        for (size_t j = 0; j <= b_length; j++)
                above[j] = j;
        for (size_t i = 1; i <= a_length; i++) {
                row[0] = i;
                for (size_t j = 1; j <= b_length; j++) {
                        size_t changed = above[j - 1] + !same(a[i - 1], b[j - 1]);
                        row[j] = least(changed, least(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                                row[j] = least(row[j], before[j - 2] + 1);
                }
                size_t *oldest = before;
                before = above, above = row, row = oldest;
        }
        return above[b_length];
}

const char *aeon__nearest(const char *word, const char *const *known, size_t n)
{
        const char *best = NULL;
        size_t best_distance = EDITS_LIMIT + 1, word_length = strlen(word);
        if (word_length > LENGTH_LIMIT)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                size_t known_length = strlen(known[i]);
                if (known_length > LENGTH_LIMIT)
                        continue;
                size_t d = distance(word, word_length, known[i], known_length);
                size_t shorter = least(word_length, known_length);
                if (d < best_distance && d <= shorter / LETTERS_PER_EDIT) {
                        best = known[i];
                        best_distance = d;
                }
        }
        return best;
}
