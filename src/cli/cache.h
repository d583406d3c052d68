/* Where compiled modules are kept. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A folder of our own for @key, made when it is not there. The first that can be written of $XDG_CACHE_HOME, ~/.cache, $TMPDIR,
 * /tmp; one that somebody else could write to is not taken, since code is loaded from it. */
int cache_folder(uint64_t key, char *ret_folder, size_t size);
