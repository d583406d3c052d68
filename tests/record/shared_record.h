/* A record in a header that two files include. */
#pragma once

#include <aeon/record.h>

#define SHARED(F)                                                              \
        F(str, name, .def = "noone", .doc = "who", .min_len = 2, .max_len = 5) \
        F(i64, count, .min = 0, .max = 10)                                     \
        F(f64, ratio)                                                          \
        F(boolean, on, .def = "yes")                                           \
        F(duration, pause, .def = "30s", .max = 60000000000)                   \
        F(secret, token, .name = "api-token", .min_len = 4)
AEON_RECORD(shared, SHARED);

/* In the other file: the same descriptor's numbers, and a private record of the same name as one here. */
size_t other_file_size(void);
int other_file_encode(const struct shared *value, char **ret_text);
int other_file_private(const char *json, size_t size);
