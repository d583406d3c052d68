/* Whole and floating numbers as text.
 *
 * DESIGN
 *   strtod() and printf() follow the process's locale ("1,5"), which a service may have set. So the grammar is checked by hand and
 * the C library converts under a C locale of our own, made once.
 */
#include "record/number.h"

#include <errno.h>
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

/* Enter the C locale; the old one comes back through leave_c(). Short of memory the thread stays where it is. */
static locale_t enter_c(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, make_locale);
        return uselocale(c_locale);
}

static void leave_c(locale_t old)
{
        uselocale(old);
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
        locale_t old = enter_c();
        double number = strtod(text, NULL);
        leave_c(old);
        if (!isfinite(number))
                return -ERANGE;
        *ret_number = number;
        return 0;
}

const char *aeon__number_print(char out[NUMBER_SIZE], double number)
{
        enum { ALWAYS_KEPT = 15, ALWAYS_ENOUGH = 17 }; /* decimal digits of an IEEE double */
        locale_t old = enter_c();
        for (int digits = ALWAYS_KEPT; digits <= ALWAYS_ENOUGH; digits++) {
                snprintf(out, NUMBER_SIZE, "%.*g", digits, number);
                double back = strtod(out, NULL);
                if (!islessgreater(back, number))
                        break;
        }
        leave_c(old);
        if (!strpbrk(out, ".e"))
                strcat(out, ".0");
        return out;
}
