/* Records of all kinds, each field of which may be absent. */
#pragma once

#include <aeon/record.h>

#define MOOD(V) V(MOOD_CALM, "calm") V(MOOD_CROSS, "cross") V(MOOD_SLEEPY, "half asleep")
AEON_ENUMERATION(mood, MOOD);

#define ITEM(F)                                           \
        F(str, name, .def = "thing", .doc = "what it is") \
        F(f64, price, .def = "0.5", .min = 0, .max = 1e9) \
        F(optional(i64), stock, .min = -5)                \
        F(enumeration(mood), mood, .def = "calm")
AEON_RECORD(item, ITEM, .doc = "one of many", .unknown = AEON_UNKNOWN_REJECT);

#define TREE(F) F(str, label, .def = "") F(list(record(tree)), children, .def = "[]")
AEON_RECORD(tree, TREE);

#define ALL(F)                                                        \
        F(str, text, .def = "", .max_len = 40)                        \
        F(bytes, data, .def = "", .max_len = 64)                      \
        F(i64, whole, .def = "0")                                     \
        F(u64, count, .def = "0")                                     \
        F(f64, real, .def = "0")                                      \
        F(boolean, flag, .def = "no")                                 \
        F(duration, pause, .def = "1s")                               \
        F(size, limit, .def = "64KiB")                                \
        F(timestamp, when, .def = "1970-01-01T00:00:00Z")             \
        F(secret, token)                                              \
        F(json, raw, .def = "null")                                   \
        F(enumeration(mood), mood, .def = "calm", .name = "the mood") \
        F(record(item), item, .def = "{}")                            \
        F(record(tree), tree, .def = "{}")                            \
        F(optional(str), nick, .pattern = "^[^x]*$")                  \
        F(optional(bytes), key)                                       \
        F(optional(u64), level)                                       \
        F(optional(f64), ratio)                                       \
        F(optional(boolean), sure)                                    \
        F(optional(enumeration(mood)), other)                         \
        F(optional(record(item)), spare)                              \
        F(optional(list(str)), aliases)                               \
        F(optional(json), extra)                                      \
        F(list(str), tags, .def = "[]", .max_len = 20)                \
        F(list(i64), primes, .def = "[2, 3, 5]")                      \
        F(list(record(item)), items, .def = "[]")                     \
        F(list(optional(f64)), gaps, .def = "[]")                     \
        F(list(list(u64)), rows, .def = "[]")                         \
        F(list(timestamp), times, .def = "[]")                        \
        F(map(str), labels, .def = "{}")                              \
        F(map(i64), scores, .def = "{}")                              \
        F(map(record(item)), shelf, .def = "{}")                      \
        F(map(list(optional(enumeration(mood)))), moods, .def = "{}") \
        F(map(json), rest, .unknown = AEON_UNKNOWN_KEEP)
AEON_RECORD(all, ALL);
