/* Promises that a target checks: a broken one ends the process, with what it is about. */
#pragma once

#include <aeon/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target: data of any kind. It returns 0 or does not return. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool condition, const char *promise, const char *text)
{
        if (condition)
                return;
        fprintf(stderr, "%s\n%s\n%s\n", promise, aeon_error_text(), text ? text : "");
        abort();
}

/* Headers of a message: name NUL value NUL ..., no name of which is empty. */
static inline void must_be_headers(const char *packed, size_t size)
{
        for (const char *at = packed, *end = packed + size; at < end;) {
                size_t name = strnlen(at, (size_t)(end - at));
                must(name > 0, "a header without a name", NULL);
                must(at + name < end, "a name without an end", NULL);
                at += name + 1;
                size_t value = strnlen(at, (size_t)(end - at));
                must(at + value < end, "a value without an end", NULL);
                at += value + 1;
        }
}
