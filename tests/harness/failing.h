/* Memory that runs out when a test wants it to.
 *
 *       for (int n = 1; failing_begin(n), r = call(), failing_end(); n++)
 *               ... r is the result of the call whose n-th allocation failed
 *
 * The loop ends when the call makes fewer than n allocations. What counts as one: malloc, calloc, realloc, mmap, mprotect, made by
 * the calling thread, by libraries too (but for libuv's realloc and all of libcurl's, which do not live through it). Under a sanitizer or valgrind less or nothing fails (they have a malloc of their own), and
 * the loop ends sooner. */
#pragma once

#include <stdbool.h>

/* Let the @nth allocation from now fail, and all after it. */
void failing_begin(int nth);

/* Let the @nth allocation from now fail, and no other: so that there is memory for the words of the error. */
void failing_once(int nth);

/* Allocations succeed again. Returns true when one had failed. */
bool failing_end(void);

/* Blocks that were allocated and not freed, and memory mapped and not unmapped; of all threads. */
long failing_live(void);

/* While @on, no thread can be made: pthread_create() gives EAGAIN. False when that cannot be done here. */
bool failing_threads(bool on);
