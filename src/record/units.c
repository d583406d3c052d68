/* Durations and sizes as text.
 *
 * DESIGN
 *   All notations are a row of "number unit" parts whose units become smaller: 1h30m, in ISO 8601 PT1H30M, and a size has one part:
 * 64KiB. So one loop reads them, over one of the tables of units. Sums are kept in 128 bits and checked once at the end; a fraction
 * is exact or refused.
 */
#include "record/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef __int128 wide;

enum { DIGITS_LIMIT = 19 }; /* of one number: fits uint64_t; with any unit it fits 128 bits */

struct unit {
        const char *name;
        int64_t worth; /* in nanoseconds, in bytes */
};

static const int64_t SECOND = 1000000000;

static const struct unit units[] = {
        /* the longer name first where one begins the other */
        { "d", 86400000000000 }, { "h", 3600000000000 }, { "ms", 1000000 },   { "m", 60000000000 }, { "s", 1000000000 },
        { "us", 1000 },          { "\u00b5s", 1000 },    { "\u03bcs", 1000 }, { "ns", 1 },          { 0 },
};
static const struct unit sizes[] = {
        /* from large to small */
        { "PiB", INT64_C(1) << 50 },
        { "PB", 1000000000000000 },
        { "TiB", INT64_C(1) << 40 },
        { "TB", 1000000000000 },
        { "GiB", 1 << 30 },
        { "GB", 1000000000 },
        { "MiB", 1 << 20 },
        { "MB", 1000000 },
        { "KiB", 1 << 10 },
        { "kB", 1000 },
        { "KB", 1000 },
        { "B", 1 },
        { 0 },
};
static const struct unit iso_days[] = { { "W", 604800000000000 }, { "D", 86400000000000 }, { 0 } };
static const struct unit iso_times[] = { { "H", 3600000000000 }, { "M", 60000000000 }, { "S", 1000000000 }, { 0 } };

/* Digits with an optional fraction, as @ret_number / @ret_divisor. Returns what follows, NULL when there are none or too many. */
static const char *read_decimal(const char *p, uint64_t *ret_number, uint64_t *ret_divisor)
{
        uint64_t number = 0, divisor = 1;
        int digits = 0;
        bool fraction = false;
        for (;; p++) {
                if (*p == '.' && !fraction) {
                        fraction = true;
                } else if (*p >= '0' && *p <= '9') {
                        if (++digits > DIGITS_LIMIT)
                                return NULL;
                        number = number * 10 + (uint64_t)(*p - '0');
                        divisor *= fraction ? 10 : 1;
                } else {
                        break;
                }
        }
        *ret_number = number;
        *ret_divisor = divisor;
        return digits ? p : NULL;
}

static const struct unit *read_unit(const struct unit *table, const char *p)
{
        for (; table->name; table++)
                if (!strncmp(p, table->name, strlen(table->name)))
                        return table;
        return NULL;
}

/* Read parts while they last, each of a smaller unit than the one before; returns what follows, NULL when a part is wrong. */
static const char *read_parts(const char *p, const struct unit *table, wide *sum)
{
        int64_t last = INT64_MAX;
        while (*p && *p != 'T') {
                uint64_t number, divisor;
                p = read_decimal(p, &number, &divisor);
                const struct unit *unit = p ? read_unit(table, p) : NULL;
                if (!unit || unit->worth >= last || (wide)number * unit->worth % divisor)
                        return NULL;
                *sum += (wide)number * unit->worth / divisor;
                last = unit->worth;
                p += strlen(unit->name);
        }
        return p;
}

static const char *read_seconds(const char *p, wide *sum)
{
        uint64_t number, divisor;
        p = read_decimal(p, &number, &divisor);
        if (!p || (wide)number * SECOND % divisor)
                return NULL;
        *sum = (wide)number * SECOND / divisor;
        return p;
}

static const char *read_iso(const char *p, wide *sum)
{
        const char *first = ++p;
        p = read_parts(p, iso_days, sum);
        if (p && *p == 'T') {
                first = ++p;
                p = read_parts(p, iso_times, sum);
        }
        return p == first ? NULL : p; /* "P", "PT" and "P1DT" lack a part */
}

int aeon__duration_parse(const char *text, int64_t *ret_nanoseconds)
{
        bool negative = *text == '-';
        const char *p = *text == '-' || *text == '+' ? text + 1 : text;
        bool bare = *p && !p[strspn(p, "0123456789.")];
        wide sum = 0;
        p = !*p ? NULL : bare ? read_seconds(p, &sum) : *p == 'P' ? read_iso(p, &sum) : read_parts(p, units, &sum);
        if (!p || *p)
                return -EINVAL;
        if (negative)
                sum = -sum;
        if (sum > INT64_MAX || sum < INT64_MIN)
                return -ERANGE;
        *ret_nanoseconds = (int64_t)sum;
        return 0;
}

const char *aeon__duration_print(char out[NUMBER_SIZE], int64_t nanoseconds)
{
        static const struct unit shown[] = { { "h", 3600000000000 }, { "m", 60000000000 }, { "s", 1000000000 },
                                             { "ms", 1000000 },      { "us", 1000 },       { "ns", 1 } };
        const struct unit *unit = &shown[2];
        if (nanoseconds)
                for (unit = shown; nanoseconds % unit->worth; unit++)
                        ;
        snprintf(out, NUMBER_SIZE, "%" PRId64 "%s", nanoseconds / unit->worth, unit->name);
        return out;
}

int aeon__size_parse(const char *text, uint64_t *ret_bytes)
{
        if (*text && !text[strspn(text, "0123456789")])
                return aeon__unsigned_parse(text, ret_bytes);
        uint64_t number, divisor;
        const char *p = read_decimal(text, &number, &divisor);
        const struct unit *unit = p ? read_unit(sizes, p) : NULL;
        if (!unit || p[strlen(unit->name)] || (wide)number * unit->worth % divisor)
                return -EINVAL;
        wide sum = (wide)number * unit->worth / divisor;
        if (sum > UINT64_MAX)
                return -ERANGE;
        *ret_bytes = (uint64_t)sum;
        return 0;
}

const char *aeon__size_print(char out[NUMBER_SIZE], uint64_t bytes)
{
        const struct unit *unit = sizes;
        while (unit->worth > 1 && (!bytes || bytes % (uint64_t)unit->worth))
                unit++;
        snprintf(out, NUMBER_SIZE, "%" PRIu64 "%s", bytes / (uint64_t)unit->worth, unit->name);
        return out;
}
