/* A source file, compiled when it has to be. */
#pragma once

#include <stddef.h>

/* The library made from @source (a .c file that exists), compiled now unless the one in the cache is still good. The compiler's
 * words go to stderr as they are.
 *
 * Errors: -ENOEXEC  it did not compile; others: the cache folder or the compiler cannot be had. The text says it all */
int compile_source(const char *source, char *ret_library, size_t size);
