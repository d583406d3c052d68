/* How much of a string of JSON stands for itself: eight bytes at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The high bit of each byte that ends what is plain: a control character, a quote, a backslash; with @ascii also what is not ASCII.
 * From the first such byte on others may be marked, too. */
static inline uint64_t plain_ends(uint64_t eight, int ascii)
{
        static const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
        uint64_t quotes = eight ^ ones * '"', backslashes = eight ^ ones * '\\';
        uint64_t ends = (eight - ones * ' ') | (quotes - ones) | (backslashes - ones); /* a byte below 0 borrows its high bit */
        return (ascii ? ends | eight : ends & ~eight) & high;
}

/* True when @c stands for itself, alone or as a part of a character. */
static inline int plain_is(char c)
{
        return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

/* The first byte from @p on that does not stand for itself, or @end; with @ascii also the first that is not ASCII. */
static inline const char *plain_skip(const char *p, const char *end, int ascii)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        for (uint64_t eight; end - p >= (ptrdiff_t)sizeof eight; p += sizeof eight) {
                memcpy(&eight, p, sizeof eight);
                uint64_t ends = plain_ends(eight, ascii);
                if (ends)
                        return p + __builtin_ctzll(ends) / 8;
        }
#endif
        while (p < end && plain_is(*p) && !(ascii && (*p & 0x80)))
                p++;
        return p;
}
