/* Names for addresses of code, for reports. */
#pragma once

#include <stddef.h>

/* Describe the code at @address: "crunch+0x1c (serve.so+0x11bc)", or without the function where its file has no names. What stands in
 * brackets is what addr2line takes. Not for signal handlers. */
void aeon__symbol_describe(const void *address, char *text, size_t size);
