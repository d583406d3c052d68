/* Numbers, durations, sizes, times and bytes as text, both ways, the same in every locale. */
#pragma once

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_SIZE = 40 };

/* ------------------------------------------------------------------ from text: all of @text must be the number
 *
 * Errors: -EINVAL no such number, -ERANGE too large for the type; *ret is then untouched. */

int aeon__whole_parse(const char *text, int64_t *ret_number);
int aeon__unsigned_parse(const char *text, uint64_t *ret_number);
int aeon__number_parse(const char *text, double *ret_number);

/* "30s", "1m30s", "250ms", "1.5h", "2d", "-1s", "PT1M30S", "P1DT2H"; a bare number is seconds. -EINVAL also for a fraction of a
 * nanosecond. */
int aeon__duration_parse(const char *text, int64_t *ret_nanoseconds);

/* "64KiB", "1.5GiB", "10MB", "512B"; a bare number is bytes. -EINVAL also for a fraction of a byte. */
int aeon__size_parse(const char *text, uint64_t *ret_bytes);

/* RFC 3339: "2026-11-21T10:04:28.5+01:00", to nanoseconds since 1970 in UTC. The leap second 23:59:60 is the second after it.
 * -EINVAL also for a fraction of a nanosecond; -ERANGE before 1677-09-21 and after 2262-04-11. */
int aeon__timestamp_parse(const char *text, int64_t *ret_nanoseconds);

/* ------------------------------------------------------------------ from a number of JSON whose grammar was checked */

/* The number times 10^@scale as sign and magnitude, exactly: 1.5e1 is 15. What is not whole is -EINVAL, or rounded to the nearest
 * with @rounds. */
int aeon__decimal_read(const char *number, size_t length, int scale, bool rounds, bool *ret_negative, uint64_t *ret_magnitude);

/* The nearest double. Errors: -ERANGE; -ENOMEM for one of many digits. */
int aeon__double_read(const char *number, size_t length, double *ret_number);

/* ------------------------------------------------------------------ to text; returns @out */

/* The fewest digits that give @number back exactly, with a point or an exponent: "84.0". @number is finite. */
const char *aeon__number_print(char out[NUMBER_SIZE], double number);

const char *aeon__unsigned_print(char out[NUMBER_SIZE], uint64_t number);
const char *aeon__whole_print(char out[NUMBER_SIZE], int64_t number);

/* A whole number of the largest unit that divides it: "90s", "1500ms", "0s"; "64KiB", "10MB", "0B". */
const char *aeon__duration_print(char out[NUMBER_SIZE], int64_t nanoseconds);
const char *aeon__size_print(char out[NUMBER_SIZE], uint64_t bytes);

/* In UTC, with as many digits of the second as it takes: "2026-11-21T09:04:28.5Z". */
const char *aeon__timestamp_print(char out[NUMBER_SIZE], int64_t nanoseconds);

/* ------------------------------------------------------------------ base64 (RFC 4648, section 4), strictly: padded, no blanks */

/* How many bytes @size ones take. */
static inline size_t aeon__base64_size(size_t size)
{
        return (size + 2) / 3 * 4;
}

AEON_API void aeon__base64_write(char *out, const void *bytes, size_t size);

/* Read @length characters into @out, which may be where they are. False when they are none. */
bool aeon__base64_read(const char *text, size_t length, void *out, size_t *ret_size);
