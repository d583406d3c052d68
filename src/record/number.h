/* Numbers and durations as text, both ways, the same in every locale. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { NUMBER_SIZE = 40 };

/* All of @text must be the number. Errors: -EINVAL no such number, -ERANGE too large for the type; *ret is then untouched. */
int aeon__whole_parse(const char *text, int64_t *ret_number);
int aeon__number_parse(const char *text, double *ret_number);

/* "30s", "1m30s", "250ms", "1.5h", "2d", "-1s", "PT1M30S", "P1DT2H"; a bare number is seconds. Errors as above; -EINVAL also for a
 * fraction of a nanosecond. */
int aeon__duration_parse(const char *text, int64_t *ret_nanoseconds);

/* The fewest digits that give @number back exactly, with a point or an exponent: "84.0". @number is finite. Returns @out. */
const char *aeon__number_print(char out[NUMBER_SIZE], double number);

/* A whole number of the largest unit that divides it: "90s", "1500ms", "0s". Returns @out. */
const char *aeon__duration_print(char out[NUMBER_SIZE], int64_t nanoseconds);
