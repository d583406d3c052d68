/* SHA-1 (RFC 3174), for protocols that fix it. Not for secrets. */
#pragma once

#include <stddef.h>

void aeon__sha1(const void *bytes, size_t size, unsigned char ret_digest[20]);
