/* Memory that runs out when a test wants it to.
 *
 *       for (int n = 1; failing_begin(n), r = call(), failing_end(); n++)
 *               ... r is the result of the call whose n-th allocation failed
 *
 * The loop ends when the call makes fewer than n allocations. Also: failing_live() tells what is allocated and not freed.
 * Under a sanitizer nothing fails (it has its own malloc): the loop then runs not even once. */
#pragma once

#include <stdbool.h>

/* Let the @nth allocation from now fail, and all after it. */
void failing_begin(int nth);

/* Allocations succeed again. Returns true when one had failed. */
bool failing_end(void);

long failing_live(void);
