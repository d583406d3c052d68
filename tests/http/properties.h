/* What must hold for any bytes; for the fuzzer (fuzz/http_*.c) and the replay of its corpora. Each ends the process when it does not.
 * Returns 1 when the bytes were accepted. */
#pragma once

#include <stddef.h>

/* A head: the same whatever its pieces, nothing read past them, and what an accepted one says about the body's length is what a
 * second, naive reading of the bytes says. */
int head_holds(const char *bytes, size_t size);

/* A chunked body: the same whatever its pieces and the room for data, and the same as a second, naive decoder says. */
int chunked_holds(const char *bytes, size_t size);

/* A request target: the route it takes, what it decodes to, and that no ".." gets through, are what a naive reading says. */
int target_holds(const char *bytes, size_t size);
