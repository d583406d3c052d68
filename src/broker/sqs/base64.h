/* Base64. Source: RFC 4648, section 4 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define BASE64_SIZE(size) (((size) + 2) / 3 * 4 + 1)

/* Write @size bytes as text with a NUL, BASE64_SIZE(size) bytes. Returns the length of it. */
size_t aeon__base64_encode(const void *bytes, size_t size, char *to);

/* Write the bytes of @text, at most 3 for each 4 characters. Returns how many; -1: it is not base64. */
ssize_t aeon__base64_decode(const char *text, size_t length, void *to);
