/* Numbers and durations as text: tables of what is read, what is refused, and what is written. */
#include "harness.h"

#include "record/number.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

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

PLAIN_TEST(unsigned_numbers_have_all_64_bits_and_no_sign)
{
        uint64_t number = 0;
        CHECK_INT(aeon__unsigned_parse("18446744073709551615", &number), 0);
        CHECK(number == UINT64_MAX);
        CHECK_INT(aeon__unsigned_parse("18446744073709551616", &number), -ERANGE);
        CHECK_INT(aeon__unsigned_parse("-1", &number), -EINVAL);
        CHECK_INT(aeon__unsigned_parse("", &number), -EINVAL);
        CHECK_INT(aeon__unsigned_parse("1 ", &number), -EINVAL);
}

PLAIN_TEST(sizes_are_read_with_units_of_1000_and_of_1024)
{
        static const struct {
                const char *text;
                int result;
                uint64_t bytes;
        } table[] = {
                { "0", 0, 0 },
                { "512", 0, 512 },
                { "512B", 0, 512 },
                { "64KiB", 0, 65536 },
                { "10MB", 0, 10000000 },
                { "1kB", 0, 1000 },
                { "1KB", 0, 1000 },
                { "1.5GiB", 0, 1610612736 },
                { "2TiB", 0, 2199023255552 },
                { "3TB", 0, 3000000000000 },
                { "1PiB", 0, 1125899906842624 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 },
                { "16384PiB", -ERANGE, 0 },
                { "16383PiB", 0, UINT64_C(18445618173802708992) },
                { "0.5B", -EINVAL, 0 },
                { "0.001kB", 0, 1 },
                { "1.0001kB", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "KiB", -EINVAL, 0 },
                { "1 KiB", -EINVAL, 0 },
                { "1K", -EINVAL, 0 },
                { "1Kib", -EINVAL, 0 },
                { "1KiB1B", -EINVAL, 0 },
                { "1.2.3kB", -EINVAL, 0 },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                uint64_t bytes = 0;
                bool good = CHECK_INT(aeon__size_parse(table[i].text, &bytes), table[i].result);
                if (!CHECK(bytes == table[i].bytes) || !good)
                        fprintf(stderr, "    for \"%s\"\n", table[i].text);
        }
        char out[NUMBER_SIZE];
        CHECK_STR(aeon__size_print(out, 0), "0B");
        CHECK_STR(aeon__size_print(out, 65536), "64KiB");
        CHECK_STR(aeon__size_print(out, 10000000), "10MB");
        CHECK_STR(aeon__size_print(out, 1500), "1500B");
        CHECK_STR(aeon__size_print(out, UINT64_MAX), "18446744073709551615B");
}

PLAIN_TEST(times_are_read_and_written_as_rfc_3339_says)
{
        static const struct {
                const char *text;
                int result;
                int64_t nanoseconds;
                const char *again; /* NULL: the same */
        } table[] = {
                { "1970-01-01T00:00:00Z", 0, 0, NULL },
                { "2000-02-29T23:59:59Z", 0, 951868799000000000, NULL },
                { "2026-11-21T10:04:28.5Z", 0, 1795255468500000000, NULL },
                { "2026-11-21t10:04:28.500z", 0, 1795255468500000000, "2026-11-21T10:04:28.5Z" },
                { "2026-11-21T10:04:28.123456789Z", 0, 1795255468123456789, NULL },
                { "2026-11-21T10:04:28.1234567890000Z", 0, 1795255468123456789, "2026-11-21T10:04:28.123456789Z" },
                { "2026-11-21T10:04:28+05:45", 0, 1795234768000000000, "2026-11-21T04:19:28Z" },
                { "2026-11-21T23:04:28-02:00", 0, 1795309468000000000, "2026-11-22T01:04:28Z" },
                { "2016-12-31T23:59:60Z", 0, 1483228800000000000, "2017-01-01T00:00:00Z" },
                { "2017-01-01T00:59:60+01:00", 0, 1483228800000000000, "2017-01-01T00:00:00Z" },
                { "1969-12-31T23:59:59.999999999Z", 0, -1, NULL },
                { "1677-09-21T00:12:43.145224192Z", 0, INT64_MIN, NULL },
                { "2262-04-11T23:47:16.854775807Z", 0, INT64_MAX, NULL },
                { "2262-04-11T23:47:16.854775808Z", -ERANGE, 0, NULL },
                { "1677-09-21T00:12:43.145224191Z", -ERANGE, 0, NULL },
                { "9999-12-31T23:59:59Z", -ERANGE, 0, NULL },
                { "0000-01-01T00:00:00Z", -ERANGE, 0, NULL },
                { "2026-11-21T10:04:28", -EINVAL, 0, NULL },
                { "2026-11-21T10:04Z", -EINVAL, 0, NULL },
                { "2026-11-21 10:04:28Z", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:28.Z", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:28.1234567891Z", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:28Zx", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:28+0100", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:28+24:00", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:28+01:60", -EINVAL, 0, NULL },
                { "2026-11-21T24:00:00Z", -EINVAL, 0, NULL },
                { "2026-11-21T10:60:00Z", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:60Z", -EINVAL, 0, NULL },
                { "2026-11-21T10:04:61Z", -EINVAL, 0, NULL },
                { "2026-00-21T10:04:28Z", -EINVAL, 0, NULL },
                { "2026-13-21T10:04:28Z", -EINVAL, 0, NULL },
                { "2026-02-29T10:04:28Z", -EINVAL, 0, NULL },
                { "1900-02-29T10:04:28Z", -EINVAL, 0, NULL },
                { "2026-11-31T10:04:28Z", -EINVAL, 0, NULL },
                { "2026-11-00T10:04:28Z", -EINVAL, 0, NULL },
                { "26-11-21T10:04:28Z", -EINVAL, 0, NULL },
                { "+2026-11-21T10:04:28Z", -EINVAL, 0, NULL },
                { "", -EINVAL, 0, NULL },
        };
        char out[NUMBER_SIZE];
        for (size_t i = 0; i < COUNT(table); i++) {
                int64_t nanoseconds = 0;
                bool good = CHECK_INT(aeon__timestamp_parse(table[i].text, &nanoseconds), table[i].result);
                good = CHECK_INT(nanoseconds, table[i].nanoseconds) && good;
                if (table[i].result == 0)
                        good = CHECK_STR(aeon__timestamp_print(out, nanoseconds),
                                         table[i].again ? table[i].again : table[i].text) &&
                               good;
                if (!good)
                        fprintf(stderr, "    for \"%s\"\n", table[i].text);
        }
}

PLAIN_TEST(every_day_of_the_range_is_itself_again)
{
        char out[NUMBER_SIZE];
        for (int64_t day = -106751; day <= 106750; day++) {
                int64_t when = day * 86400 * 1000000000 + 1, again;
                if (!CHECK_INT(aeon__timestamp_parse(aeon__timestamp_print(out, when), &again), 0) || !CHECK_INT(again, when))
                        break;
        }
}

PLAIN_TEST(decimals_become_whole_numbers_exactly)
{
        static const struct {
                const char *text;
                int scale;
                bool rounds;
                int result;
                bool negative;
                uint64_t magnitude;
        } table[] = {
                { "0", 0, false, 0, false, 0 },
                { "-0.000e5", 0, false, 0, true, 0 },
                { "5.0", 0, false, 0, false, 5 },
                { "1.50e1", 0, false, 0, false, 15 },
                { "-1.5e+2", 0, false, 0, true, 150 },
                { "0.00012e6", 0, false, 0, false, 120 },
                { "1200e-2", 0, false, 0, false, 12 },
                { "18446744073709551615", 0, false, 0, false, UINT64_MAX },
                { "184467440737095516.15e2", 0, false, 0, false, UINT64_MAX },
                { "18446744073709551615.000000000000000000000000", 0, false, 0, false, UINT64_MAX },
                { "18446744073709551616", 0, false, -ERANGE, false, 0 },
                { "1e20", 0, false, -ERANGE, false, 0 },
                { "1e99999999999999999999", 0, false, -ERANGE, false, 0 },
                { "0e99999999999999999999", 0, false, 0, false, 0 },
                { "1.5", 0, false, -EINVAL, false, 0 },
                { "1e-1", 0, false, -EINVAL, false, 0 },
                { "1e-99999999999999999999", 0, false, -EINVAL, false, 0 },
                { "1.5", 9, true, 0, false, 1500000000 },
                { "0.1", 9, true, 0, false, 100000000 },
                { "0.30000000000000004", 9, true, 0, false, 300000000 },
                { "0.0000000005", 9, true, 0, false, 1 },
                { "0.00000000049", 9, true, 0, false, 0 },
                { "0.0000000015", 9, true, 0, false, 2 },
                { "1e-20", 9, true, 0, false, 0 },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                bool negative = false;
                uint64_t magnitude = 0;
                const char *text = table[i].text;
                bool good =
                        CHECK_INT(aeon__decimal_read(text, strlen(text), table[i].scale, table[i].rounds, &negative, &magnitude),
                                  table[i].result);
                if (!CHECK(magnitude == table[i].magnitude) || !CHECK_INT(negative, table[i].negative) || !good)
                        fprintf(stderr, "    for %s\n", text);
        }
}

PLAIN_TEST(base64_is_that_of_rfc_4648_and_no_other)
{
        static const struct {
                const char *text, *bytes;
        } table[] = {
                { "", "" },
                { "Zg==", "f" },
                { "Zm8=", "fo" },
                { "Zm9v", "foo" },
                { "Zm9vYg==", "foob" },
                { "Zm9vYmE=", "fooba" },
                { "Zm9vYmFy", "foobar" },
                { "+/+/", "\xfb\xff\xbf" },
        };
        static const char *const wrong[] = { "Z",    "Zg",    "Zg=",   "Zg===",  "Zh==", "Zm9=",   "Z===",    "====",
                                             "=Zg=", "Zm9v=", "Zm 9v", "Zm9v\n", "-_-_", "Zm9vZg", "Zg==Zg==" };
        char bytes[16], text[16];
        size_t size;
        for (size_t i = 0; i < COUNT(table); i++) {
                REQUIRE(aeon__base64_read(table[i].text, strlen(table[i].text), bytes, &size));
                CHECK_INT(size, strlen(table[i].bytes));
                CHECK(!memcmp(bytes, table[i].bytes, size));
                CHECK_INT(aeon__base64_size(size), strlen(table[i].text));
                aeon__base64_write(text, table[i].bytes, size);
                CHECK(!memcmp(text, table[i].text, strlen(table[i].text)));
        }
        for (size_t i = 0; i < COUNT(wrong); i++)
                if (!CHECK(!aeon__base64_read(wrong[i], strlen(wrong[i]), bytes, &size)))
                        fprintf(stderr, "    for \"%s\"\n", wrong[i]);
}
