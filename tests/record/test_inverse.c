/* Encoding is the inverse of decoding: random values of all kinds there and back, and doubles with as few digits as can be. */
#include "harness.h"

#include "record/all_kinds.h"
#include "record/number.h"
#include "record/values.h"

#include <aeon/error.h>
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t first_seed(void)
{
        const char *seed = getenv("AEON_SEED");
        return seed ? strtoull(seed, NULL, 10) : 1;
}

static bool comes_back(uint64_t seed)
{
        struct arena arena = { 0 };
        struct all in = { 0 }, *out = NULL;
        char *text = NULL;
        uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
        values_fill(all_record(), &in, &arena, &state);
        int length = all_encode(&in, &text);
        bool good = CHECK(length > 0) && CHECK_INT(strlen(text), length) && CHECK_INT(all_decode(text, (size_t)length, &out), 0);
        const char *different = good ? values_difference(all_record(), &in, out) : "";
        good = good && CHECK_STR(different ? different : "nothing differs", "nothing differs");
        if (!good)
                fprintf(stderr, "    AEON_SEED=%" PRIu64 " through %s: %s\n", seed, text ? text : "nothing", aeon_error_text());
        all_free(out);
        free(text);
        aeon__arena_done(&arena);
        return good;
}

PLAIN_TEST(a_value_of_any_kind_that_was_written_is_read_back_the_same)
{
        uint64_t seed = first_seed(), last = seed + (getenv("AEON_SEED") ? 1 : test_is_slow() ? 200 : 5000);
        for (; seed < last; seed++)
                REQUIRE(comes_back(seed));
}

static size_t digits_of(const char *text)
{
        size_t digits = 0, zeros = 0;
        for (; *text && *text != 'e'; text++) {
                if (*text >= '1' && *text <= '9') {
                        digits += zeros + 1;
                        zeros = 0;
                } else if (*text == '0' && digits) {
                        zeros++;
                }
        }
        return digits;
}

/* No text of one digit less gives the number back, neither the nearest such nor its neighbour. */
static void check_shortest(double number)
{
        char text[NUMBER_SIZE], shorter[NUMBER_SIZE];
        double back;
        aeon__number_print(text, number);
        REQUIRE_INT(aeon__number_parse(text, &back), 0);
        bool good = CHECK(!memcmp(&back, &number, sizeof number));
        size_t digits = digits_of(text);
        if (digits > 1) {
                static const int roundings[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD };
                for (size_t i = 0; i < 3; i++) {
                        fesetround(roundings[i]);
                        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, number);
                        fesetround(FE_TONEAREST);
                        back = strtod(shorter, NULL);
                        good = good && CHECK(islessgreater(back, number));
                }
        }
        if (!good) {
                fprintf(stderr, "    %a as %s\n", number, text);
                REQUIRE(good);
        }
}

PLAIN_TEST(doubles_are_written_with_the_fewest_digits_that_give_them_back)
{
        uint64_t state = first_seed();
        for (int i = 0; i < (test_is_slow() ? 2000 : 100000); i++)
                check_shortest(values_double(&state));
        for (int exponent = -1074; exponent < 1024; exponent++) {
                check_shortest(ldexp(1, exponent));
                check_shortest(nextafter(ldexp(1, exponent), 0));
                check_shortest(nextafter(ldexp(1, exponent), INFINITY));
        }
}

PLAIN_TEST(a_number_of_json_becomes_the_nearest_double)
{
        uint64_t state = first_seed();
        char text[NUMBER_SIZE];
        for (int i = 0; i < (test_is_slow() ? 2000 : 100000); i++) {
                uint64_t digits = values_random(&state) >> (values_random(&state) & 63);
                int exponent = (int)(values_random(&state) % 60) - 30;
                int length = snprintf(text, sizeof text, "%s%" PRIu64 ".%02de%d", i % 2 ? "-" : "", digits, (int)(digits % 100),
                                      exponent);
                double number;
                REQUIRE_INT(aeon__double_read(text, (size_t)length, &number), 0);
                double expected = strtod(text, NULL);
                if (!CHECK(!memcmp(&number, &expected, sizeof number)))
                        fprintf(stderr, "    for %s\n", text);
        }
}
