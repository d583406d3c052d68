/* Digits.
 *
 * Whole numbers in decimal where each message has some: several times as fast as the C library's, which look at a format and the locale.
 * Numbers that people write are read by record/number.h, which says what is wrong with them. */
#pragma once

#include <stdint.h>
#include <string.h>

enum { DIGITS_MOST = 20 };

/* Write @number without a NUL; returns behind it. */
static inline char *aeon__digits_write(char *to, uint64_t number)
{
        char digits[DIGITS_MOST], *at = digits + DIGITS_MOST;
        do
                *--at = (char)('0' + number % 10);
        while (number /= 10);
        size_t length = (size_t)(digits + DIGITS_MOST - at);
        memcpy(to, at, length);
        return to + length;
}

/* Read the digits that @from begins with; none are 0. Returns behind them. What is above UINT64_MAX gives some other number. */
static inline const char *aeon__digits_read(const char *from, uint64_t *ret_number)
{
        uint64_t number = 0;
        for (; *from >= '0' && *from <= '9'; from++)
                number = number * 10 + (uint64_t)(*from - '0');
        *ret_number = number;
        return from;
}

/* What the hexadecimal digit @c counts, in upper or lower case; -1: it is none. */
static inline int aeon__hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
