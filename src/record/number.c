/* Whole and floating numbers as text.
 *
 * DESIGN
 *   strtod() and printf() follow the process's locale ("1,5"), which a service may have set. So the grammar is checked by hand and
 * the C library converts under a C locale of our own, made once.
 *
 *   Most doubles have few digits, and for those its help is not needed: up to 15 digits are an exact double, so are the powers of
 * ten up to 22, and one division or multiplication of two exact doubles rounds once, to the nearest. It works both ways.
 */
#include "record/number.h"

#include "base/digits.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale;

static void make_locale(void)
{
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* NULL when there was no memory for it. */
static locale_t get_c_locale(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, make_locale);
        return c_locale;
}

static double convert(const char *text)
{
        locale_t c = get_c_locale();
        return c ? strtod_l(text, NULL, c) : strtod(text, NULL);
}

static const char *skip_digits(const char *p)
{
        while (*p >= '0' && *p <= '9')
                p++;
        return p;
}

static const char *skip_sign(const char *p)
{
        return *p == '-' || *p == '+' ? p + 1 : p;
}

int aeon__whole_parse(const char *text, int64_t *ret_number)
{
        const char *digits = skip_sign(text), *end = skip_digits(digits);
        if (end == digits || *end)
                return -EINVAL;
        errno = 0;
        intmax_t number = strtoimax(text, NULL, 10);
        if (errno == ERANGE)
                return -ERANGE;
        *ret_number = number;
        return 0;
}

int aeon__unsigned_parse(const char *text, uint64_t *ret_number)
{
        const char *digits = text + (*text == '+'), *end = skip_digits(digits);
        if (end == digits || *end)
                return -EINVAL;
        errno = 0;
        uintmax_t number = strtoumax(text, NULL, 10);
        if (errno == ERANGE)
                return -ERANGE;
        *ret_number = number;
        return 0;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit on at least one side of the point */
static bool is_decimal(const char *text)
{
        const char *whole = skip_sign(text), *p = skip_digits(whole);
        bool any = p > whole;
        if (*p == '.') {
                const char *fraction = p + 1;
                p = skip_digits(fraction);
                any = any || p > fraction;
        }
        if (any && (*p == 'e' || *p == 'E')) {
                const char *exponent = skip_sign(p + 1);
                p = skip_digits(exponent);
                any = p > exponent;
        }
        return any && !*p;
}

int aeon__number_parse(const char *text, double *ret_number)
{
        if (!is_decimal(text))
                return -EINVAL;
        double number = convert(text);
        if (!isfinite(number))
                return -ERANGE;
        *ret_number = number;
        return 0;
}

/* ------------------------------------------------------------------ numbers of JSON */

enum { ALWAYS_FIT = 19 }; /* decimal digits in a uint64_t */

/* A number of JSON taken apart: its digits, without the point, times 10^exponent. */
struct decimal {
        const char *digits, *end; /* from the first that is not 0; the point may stand in between */
        size_t count;             /* of the digits */
        int64_t exponent;
        uint64_t number; /* all of them, if @fits */
        bool fits, negative;
};

static int64_t read_exponent(const char *p, const char *end)
{
        bool negative = *p == '-';
        int64_t exponent = 0;
        for (p += *p == '-' || *p == '+'; p < end; p++)
                exponent = exponent < INT32_MAX ? exponent * 10 + (*p - '0') : exponent;
        return negative ? -exponent : exponent;
}

static inline struct decimal take_apart(const char *text, size_t length)
{
        struct decimal d = { .negative = *text == '-' };
        const char *p = text + d.negative, *end = text + length, *point = NULL;
        for (; p < end && *p != 'e' && *p != 'E'; p++) {
                unsigned digit = (unsigned)(*p - '0');
                if (digit > 9) {
                        point = p;
                        continue;
                }
                if (digit && !d.digits)
                        d.digits = p;
                d.number = d.number * 10 + digit;
        }
        d.end = p;
        d.count = d.digits ? (size_t)(p - d.digits) - (point && point > d.digits) : 0;
        d.fits = d.count <= ALWAYS_FIT;
        if (point)
                d.exponent = point + 1 - p;
        if (p < end)
                d.exponent += read_exponent(p + 1, end);
        return d;
}

/* Its first @count digits as a number. False when that is too large. */
static bool first_digits(const struct decimal *d, size_t count, uint64_t *ret_number)
{
        uint64_t number = 0;
        for (const char *p = d->digits; count; p++) {
                if (*p == '.')
                        continue;
                if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
                        return false;
                count--;
        }
        *ret_number = number;
        return true;
}

static void drop_last_zeros(struct decimal *d)
{
        for (const char *p = d->end; d->count && (p[-1] == '0' || p[-1] == '.'); p--) {
                d->count -= p[-1] == '0';
                d->exponent += p[-1] == '0';
        }
}

static int digit_at(const struct decimal *d, size_t index)
{
        const char *p = d->digits;
        for (;; p++)
                if (*p != '.' && !index--)
                        return *p - '0';
}

int aeon__decimal_read(const char *number, size_t length, int scale, bool rounds, bool *ret_negative, uint64_t *ret_magnitude)
{
        enum { LONGEST = 20 }; /* digits of a uint64_t */
        struct decimal d = take_apart(number, length);
        uint64_t magnitude = 0;
        d.exponent += scale;
        if (d.fits && d.exponent == 0) {
                *ret_negative = d.negative;
                *ret_magnitude = d.number;
                return 0;
        }
        drop_last_zeros(&d);
        if (d.exponent < 0 && d.count && !rounds)
                return -EINVAL;
        int64_t whole = (int64_t)d.count + d.exponent; /* digits in front of the point */
        if (d.count && whole > LONGEST)
                return -ERANGE;
        if (d.count && whole >= 0) {
                size_t kept = d.exponent < 0 ? (size_t)whole : d.count;
                if (!first_digits(&d, kept, &magnitude))
                        return -ERANGE;
                for (int64_t i = 0; i < d.exponent; i++)
                        if (__builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude))
                                return -ERANGE;
                if (kept < d.count && digit_at(&d, kept) >= 5 && __builtin_add_overflow(magnitude, UINT64_C(1), &magnitude))
                        return -ERANGE;
        }
        *ret_negative = d.negative;
        *ret_magnitude = magnitude;
        return 0;
}

static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
enum { EXACT_TENS = 22, ALWAYS_KEPT = 15, ALWAYS_ENOUGH = 17 }; /* decimal digits of an IEEE double; a subnormal one keeps fewer */

int aeon__double_read(const char *number, size_t length, double *ret_number)
{
        struct decimal d = take_apart(number, length);
        if (d.count <= ALWAYS_KEPT && d.exponent >= -EXACT_TENS && d.exponent <= EXACT_TENS) {
                /* Both are exact, so their product or quotient is the nearest double. */
                double result = (double)d.number;
                result = d.exponent < 0 ? result / tens[-d.exponent] : result * tens[d.exponent];
                *ret_number = d.negative ? -result : result;
                return 0;
        }
        char few[NUMBER_SIZE], *copy = length < sizeof few ? few : malloc(length + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, number, length);
        copy[length] = '\0';
        double result = convert(copy);
        if (copy != few)
                free(copy);
        if (!isfinite(result))
                return -ERANGE;
        *ret_number = result;
        return 0;
}

/* ------------------------------------------------------------------ to text */

const char *aeon__unsigned_print(char out[NUMBER_SIZE], uint64_t number)
{
        *aeon__digits_write(out, number) = '\0';
        return out;
}

const char *aeon__whole_print(char out[NUMBER_SIZE], int64_t number)
{
        uint64_t magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
        *out = '-';
        aeon__unsigned_print(out + (number < 0), magnitude);
        return out;
}

/* A double of at most 15 digits, some of them behind the point: most doubles that people write. False when it is another. */
static bool print_short(char *out, double number)
{
        double size = number < 0 ? -number : number;
        int places = 0;
        if (size >= 1e15 || (size < 1e-4 && size > 0))
                return false;
        uint64_t whole = (uint64_t)(size + 0.5);
        while (islessgreater((double)whole / tens[places], size)) {
                double scaled = size * tens[++places];
                if (scaled >= 1e15 - 1)
                        return false;
                whole = (uint64_t)(scaled + 0.5);
        }
        uint64_t unit = (uint64_t)tens[places];
        if (signbit(number))
                *out++ = '-';
        char *point = aeon__digits_write(out, whole / unit), *end;
        if (places) { /* with 1 in front, where the point comes, .05 keeps its zeros */
                end = aeon__digits_write(point, unit + whole % unit);
        } else {
                end = point + 2;
                point[1] = '0';
        }
        *point = '.';
        *end = '\0';
        return true;
}

static bool print_digits(char out[NUMBER_SIZE], int digits, long double shown, double number)
{
        snprintf(out, NUMBER_SIZE, "%.*Lg", digits, shown);
        double back = strtod(out, NULL);
        return !islessgreater(back, number);
}

/* The doubles above a power of two lie twice as far apart as those below it: so when the nearest decimal of 16 digits, below, is
 * another double, its neighbour above may still be this one. That is the nearest to something a quarter of the way up. */
static bool print_power_of_two(char out[NUMBER_SIZE], double number)
{
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        bool is_power = !(bits & ((UINT64_C(1) << 52) - 1));
        return is_power && print_digits(out, ALWAYS_ENOUGH - 1, number * (1 + 0x1p-55L), number);
}

static void print_any(char out[NUMBER_SIZE], double number)
{
        int digits = number < DBL_MIN && number > -DBL_MIN ? 1 : ALWAYS_KEPT;
        locale_t old = uselocale(get_c_locale());
        while (digits < ALWAYS_ENOUGH && !print_digits(out, digits, number, number))
                digits++;
        if (digits == ALWAYS_ENOUGH && !print_power_of_two(out, number))
                print_digits(out, ALWAYS_ENOUGH, number, number);
        uselocale(old);
        if (!strpbrk(out, ".e"))
                strcat(out, ".0");
}

const char *aeon__number_print(char out[NUMBER_SIZE], double number)
{
        if (!print_short(out, number))
                print_any(out, number);
        return out;
}
