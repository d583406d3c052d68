/* Base64 as others write it, padded or not; ours is record/number.h's. Source: RFC 4648, section 4 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Write the bytes of @text, at most 3 for each 4 characters. Returns how many; -1: it is not base64. */
ssize_t aeon__base64_decode(const char *text, size_t length, void *to);
