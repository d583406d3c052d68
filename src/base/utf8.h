/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <aeon/attributes.h>
#include <stddef.h>
#include <sys/types.h>

/* The length in bytes of the character at @text, 0 when the @length bytes there do not begin with one. @ret_point may be NULL. */
AEON_API size_t aeon__utf8_next(const char *text, size_t length, unsigned *ret_point);

/* How many characters @length bytes are; -1 when they are not UTF-8. */
ssize_t aeon__utf8_count(const char *text, size_t length);

/* Write @point, at most 4 bytes; returns where it ends. */
AEON_API char *aeon__utf8_put(char *to, unsigned point);
