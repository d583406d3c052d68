/* Values of any record, made and compared by its descriptor. */
#pragma once

#include "base/arena.h"

#include <aeon/record.h>

/* Fill the zeroed struct @body with random values that encoding takes; secrets stay NULL. @state begins as anything but 0. */
void values_fill(const aeon_record *record, void *body, struct arena *arena, uint64_t *state);

/* The path of the first field in which the structs differ, NULL when they are the same; of doubles every bit counts. */
const char *values_difference(const aeon_record *record, const void *a, const void *b);

/* The next number of xorshift. */
uint64_t values_random(uint64_t *state);

/* Any finite double, often one that people write. */
double values_double(uint64_t *state);

/* For the fuzzer and the replay of its corpus: JSON to a record of all kinds, to JSON, to a record, which must be the same again,
 * and whose JSON must be. Ends the process when they are not. Returns 1 when the JSON was accepted. */
int values_round_trip(const char *json, size_t size);
