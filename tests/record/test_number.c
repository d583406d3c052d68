/* Numbers and durations as text: tables of what is read, what is refused, and what is written. */
#include "harness.h"

#include "record/number.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

PLAIN_TEST(whole_numbers_are_read_exactly_or_not_at_all)
{
        static const struct {
                const char *text;
                int result;
                int64_t number;
        } table[] = {
                { "0", 0, 0 },
                { "-5", 0, -5 },
                { "+7", 0, 7 },
                { "007", 0, 7 },
                { "9223372036854775807", 0, INT64_MAX },
                { "-9223372036854775808", 0, INT64_MIN },
                { "9223372036854775808", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "-", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "1 ", -EINVAL, 0 },
                { "1.0", -EINVAL, 0 },
                { "0x10", -EINVAL, 0 },
                { "1_000", -EINVAL, 0 },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                int64_t number = 0;
                if (!CHECK_INT(aeon__whole_parse(table[i].text, &number), table[i].result) || !CHECK_INT(number, table[i].number))
                        fprintf(stderr, "    for \"%s\"\n", table[i].text);
        }
}

PLAIN_TEST(numbers_are_decimal_and_finite)
{
        static const struct {
                const char *text;
                int result;
                double number;
        } table[] = {
                { "0", 0, 0 },           { "2.5", 0, 2.5 },        { "-.5", 0, -0.5 },    { "5.", 0, 5 },
                { "1e3", 0, 1000 },      { "1E-3", 0, 0.001 },     { "+1", 0, 1 },        { "", -EINVAL, 0 },
                { ".", -EINVAL, 0 },     { "1e", -EINVAL, 0 },     { "nan", -EINVAL, 0 }, { "inf", -EINVAL, 0 },
                { "0x1p3", -EINVAL, 0 }, { "1,5", -EINVAL, 0 },    { "1 2", -EINVAL, 0 }, { " 1", -EINVAL, 0 },
                { "1e999", -ERANGE, 0 }, { "-1e999", -ERANGE, 0 },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                double number = 0;
                if (!CHECK_INT(aeon__number_parse(table[i].text, &number), table[i].result) || !CHECK(number == table[i].number))
                        fprintf(stderr, "    for \"%s\"\n", table[i].text);
        }
}

PLAIN_TEST(numbers_are_written_with_the_fewest_digits)
{
        static const struct {
                double number;
                const char *text;
        } table[] = {
                { 84, "84.0" },
                { 0, "0.0" },
                { -0.0, "-0.0" },
                { 0.1, "0.1" },
                { 0.1 + 0.2, "0.30000000000000004" },
                { 1e21, "1e+21" },
                { -1.5, "-1.5" },
                { 1.0 / 3, "0.3333333333333333" },
                { DBL_MAX, "1.7976931348623157e+308" },
                { 5e-324, "5e-324" },
                { 123456789012345680, "1.2345678901234568e+17" },
        };
        char out[NUMBER_SIZE];
        for (size_t i = 0; i < COUNT(table); i++)
                CHECK_STR(aeon__number_print(out, table[i].number), table[i].text);
}

PLAIN_TEST(numbers_are_the_same_in_every_locale)
{
        char out[NUMBER_SIZE];
        double number = 0;
        static const char *const commas[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
        for (size_t i = 0; i < COUNT(commas) && !setlocale(LC_ALL, commas[i]); i++)
                ;
        CHECK_INT(aeon__number_parse("2.5", &number), 0);
        CHECK(number == 2.5);
        CHECK_STR(aeon__number_print(out, 2.5), "2.5");
}

PLAIN_TEST(durations_are_read_in_both_notations)
{
        static const struct {
                const char *text;
                int result;
                int64_t nanoseconds;
        } table[] = {
                { "30s", 0, 30000000000 },
                { "1m30s", 0, 90000000000 },
                { "250ms", 0, 250000000 },
                { "1h", 0, 3600000000000 },
                { "1.5h", 0, 5400000000000 },
                { "2d", 0, 172800000000000 },
                { "1h2m3s4ms5us6ns", 0, 3723004005006 },
                { "10\u00b5s", 0, 10000 },
                { "10\u03bcs", 0, 10000 },
                { "0", 0, 0 },
                { "30", 0, 30000000000 },
                { "1.5", 0, 1500000000 },
                { "-1s", 0, -1000000000 },
                { "+1s", 0, 1000000000 },
                { "0.000000001s", 0, 1 },
                { "9223372036854775807ns", 0, INT64_MAX },
                { "-9223372036854775808ns", 0, INT64_MIN },
                { "9223372036854775808ns", -ERANGE, 0 },
                { "10000000000000000000ns", -EINVAL, 0 },
                { "9223372036s", 0, 9223372036000000000 },
                { "9223372037s", -ERANGE, 0 },
                { "999999999999999999d", -ERANGE, 0 },
                { "PT30S", 0, 30000000000 },
                { "PT1H30M", 0, 5400000000000 },
                { "P1DT2H", 0, 93600000000000 },
                { "P1W", 0, 604800000000000 },
                { "PT0.5S", 0, 500000000 },
                { "-PT1M", 0, -60000000000 },
                { "", -EINVAL, 0 },
                { "-", -EINVAL, 0 },
                { ".", -EINVAL, 0 },
                { "s", -EINVAL, 0 },
                { "1x", -EINVAL, 0 },
                { "1s1h", -EINVAL, 0 },
                { "1s1s", -EINVAL, 0 },
                { "1s ", -EINVAL, 0 },
                { "1 s", -EINVAL, 0 },
                { "1s2", -EINVAL, 0 },
                { "0.1ns", -EINVAL, 0 },
                { "1..5s", -EINVAL, 0 },
                { "--1s", -EINVAL, 0 },
                { "P", -EINVAL, 0 },
                { "PT", -EINVAL, 0 },
                { "P1DT", -EINVAL, 0 },
                { "PT1M1H", -EINVAL, 0 },
                { "P1H", -EINVAL, 0 },
                { "pt1s", -EINVAL, 0 },
                { "1sT", -EINVAL, 0 },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                int64_t nanoseconds = 0;
                bool good = CHECK_INT(aeon__duration_parse(table[i].text, &nanoseconds), table[i].result);
                if (!CHECK_INT(nanoseconds, table[i].nanoseconds) || !good)
                        fprintf(stderr, "    for \"%s\"\n", table[i].text);
        }
}

PLAIN_TEST(durations_are_written_in_the_largest_unit_that_divides_them)
{
        static const struct {
                int64_t nanoseconds;
                const char *text;
        } table[] = {
                { 0, "0s" },
                { 500000000, "500ms" },
                { 1500000000, "1500ms" },
                { 90000000000, "90s" },
                { 120000000000, "2m" },
                { 86400000000000, "24h" },
                { -5000, "-5us" },
                { 1, "1ns" },
        };
        char out[NUMBER_SIZE];
        for (size_t i = 0; i < COUNT(table); i++)
                CHECK_STR(aeon__duration_print(out, table[i].nanoseconds), table[i].text);
}
