/* Records: what the macro makes, decoding and encoding, all problems at once. */
#include "harness.h"

#include "record/shared_record.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIVATE(F) F(boolean, flag)
AEON_RECORD(private, PRIVATE);

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static int decode(const char *json, struct shared **ret_value)
{
        return shared_decode(json, strlen(json), ret_value);
}

/* Decoding @json must fail with exactly @text. */
static void check_refused(const char *json, const char *text)
{
        struct shared *value = NULL;
        CHECK_INT(decode(json, &value), -EBADMSG);
        CHECK(value == NULL);
        CHECK_STR(aeon_error_text(), text);
}

PLAIN_TEST(the_descriptor_tells_all_about_the_struct)
{
        const aeon_record *r = shared_record();
        CHECK_STR(r->name, "shared");
        CHECK_INT(r->size, sizeof(struct shared));
        REQUIRE_INT(r->field_count, 6);
        CHECK_STR(r->fields[0].member, "name");
        CHECK_STR(r->fields[0].doc, "who");
        CHECK_STR(r->fields[0].def, "noone");
        CHECK_INT(r->fields[1].kind, AEON_KIND_I64);
        CHECK_INT(r->fields[1].offset, offsetof(struct shared, count));
        CHECK(r->fields[1].min == 0 && r->fields[1].max == 10);
        CHECK(isinf(r->fields[2].min) && isinf(r->fields[2].max)); /* no bounds unless given; 0 is a bound */
        CHECK_STR(r->fields[5].name, "api-token");
}

PLAIN_TEST(two_files_share_a_header_and_keep_private_records_apart)
{
        struct shared value = { .name = "bob", .count = 1, .ratio = 2, .pause = 1 };
        char *text = NULL;
        CHECK_INT(other_file_size(), sizeof(struct shared));
        REQUIRE(other_file_encode(&value, &text) > 0);
        CHECK_CONTAINS(text, "\"name\":\"bob\"");
        free(text);

        struct private *flag = NULL;
        CHECK_INT(other_file_private("{\"text\":\"x\",\"number\":42}", 24), 42);
        REQUIRE_INT(private_decode("{\"flag\":true}", 13, &flag), 0);
        CHECK(flag->flag);
        private_free(flag);
}

PLAIN_TEST(a_message_becomes_a_struct)
{
        static const char json[] = "{\"name\":\"J\\u00f6rg\",\"count\":3,\"ratio\":1,\"on\":false,\"pause\":\"1m\",\"api-token\":"
                                   "\"abcd\",\"more\":[1]}";
        struct shared *value = NULL;
        REQUIRE_INT(decode(json, &value), 0);
        CHECK_STR(value->name, "J\u00f6rg");
        CHECK_INT(value->count, 3);
        CHECK(value->ratio == 1.0);
        CHECK(!value->on);
        CHECK_INT(value->pause, AEON_MINUTES(1));
        CHECK_STR(value->token, "abcd");
        shared_free(value);
        shared_free(NULL);
}

PLAIN_TEST(absent_fields_have_their_defaults)
{
        struct shared *value = NULL;
        REQUIRE_INT(decode("{\"count\":0,\"ratio\":0.5}", &value), 0);
        CHECK_STR(value->name, "noone");
        shared_free(value);
}

PLAIN_TEST(numbers_in_json_are_strict_about_their_kind)
{
        static const struct {
                const char *json;
                int64_t count, pause;
        } good[] = {
                { "{\"ratio\":0,\"count\":5.0}", 5, AEON_SECONDS(30) },
                { "{\"ratio\":0,\"count\":1e1}", 10, AEON_SECONDS(30) },
                { "{\"ratio\":0,\"count\":1,\"pause\":2}", 1, AEON_SECONDS(2) },
                { "{\"ratio\":0,\"count\":1,\"pause\":0.25}", 1, AEON_MILLISECONDS(250) },
                { "{\"ratio\":0,\"count\":1,\"pause\":\"PT1S\"}", 1, AEON_SECONDS(1) },
        };
        for (size_t i = 0; i < COUNT(good); i++) {
                struct shared *value = NULL;
                REQUIRE_INT(decode(good[i].json, &value), 0);
                CHECK_INT(value->count, good[i].count);
                CHECK_INT(value->pause, good[i].pause);
                shared_free(value);
        }
        check_refused("{\"ratio\":0,\"count\":\"1\"}", "shared: count: the string \"1\" is not a whole number (line 1, column 20)");
        check_refused("{\"ratio\":0,\"count\":1.5}", "shared: count: 1.5 is not a whole number (line 1, column 20)");
        check_refused("{\"ratio\":0,\"count\":1e300}", "shared: count: 1e300 is too large (line 1, column 20)");
        check_refused("{\"ratio\":true,\"count\":1}", "shared: ratio: true is not a number (line 1, column 10)");
        check_refused("{\"ratio\":0,\"count\":1,\"on\":1}", "shared: on: 1 is not true or false (line 1, column 27)");
        check_refused("{\"ratio\":0,\"count\":null}", "shared: count: null is not a whole number (line 1, column 20)");
        check_refused("{\"ratio\":0,\"count\":[]}", "shared: count: a list is not a whole number (line 1, column 20)");
        check_refused("{\"ratio\":0,\"count\":{}}", "shared: count: an object is not a whole number (line 1, column 20)");
        check_refused("{\"ratio\":0,\"count\":1,\"pause\":1e12}", "shared: pause: 1e12 is too large (line 1, column 30)");
        check_refused("{\"ratio\":0,\"count\":1,\"pause\":99999999999}",
                      "shared: pause: 99999999999 is too large (line 1, column 30)");
}

PLAIN_TEST(all_problems_are_told_at_once)
{
        check_refused("{\"name\":\"x\",\"count\":70000,\"on\":0,\"pause\":\"2h\",\"api-token\":\"abc\"}",
                      "shared: name: \"x\" is shorter than 2 characters (line 1, column 9); count: 70000 is above 10 (line 1, "
                      "column 21); "
                      "on: 0 is not true or false (line 1, column 32); pause: 2h is above 1m (line 1, column 42); "
                      "api-token: *** is shorter than 4 characters (line 1, column 59); ratio: missing (line 1, column 1)");
        check_refused("{\"name\":\"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\",\"count\":-1,\"ratio\":0}",
                      "shared: name: \"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\" is longer than 5 characters (line 1, column 9); "
                      "count: -1 is below 0 (line 1, column 26)");
}

PLAIN_TEST(a_problem_stays_on_its_line_and_short)
{
        struct shared *value = NULL;
        static const char json[] = "{\"ratio\":0,\"count\":\"a\\nb\\u001b["
                                   "31m0123456789012345678901234567890123456789012345678901234567890123456789\"}";
        CHECK_INT(decode(json, &value), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "\"a\\nb\\u001b[31m0123");
        CHECK_CONTAINS(aeon_error_text(), "...\" is not a whole number");
        CHECK(!strchr(aeon_error_text(), '\n'));
        CHECK(strlen(aeon_error_text()) < 160);
}

PLAIN_TEST(a_secret_is_in_no_error)
{
        static const char *const jsons[] = {
                "{\"api-token\":\"hid\"}",        "{\"api-token\":777777}",
                "{\"api-token\":[\"hidden\"]}",   "{\"api-token\":\"hidden\" \"hidden\"}",
                "{\"api-token\":hidden}",         "{\"api-token\":\"hidden",
                "{\"api-token\":\"hidden\xff\"}",
        };
        for (size_t i = 0; i < COUNT(jsons); i++) {
                struct shared *value = NULL;
                CHECK_INT(decode(jsons[i], &value), -EBADMSG);
                CHECK(!strstr(aeon_error_text(), "hid") && !strstr(aeon_error_text(), "777"));
        }
}

PLAIN_TEST(a_secret_may_be_absent_or_null_and_is_masked_when_written)
{
        struct shared *value = NULL;
        char *text = NULL;
        REQUIRE_INT(decode("{\"ratio\":1,\"count\":1,\"api-token\":null}", &value), 0);
        CHECK(value->token == NULL);
        REQUIRE(shared_encode(value, &text) > 0);
        CHECK_STR(text, "{\"name\":\"noone\",\"count\":1,\"ratio\":1.0,\"on\":true,\"pause\":\"30s\"}");
        free(text);
        value->token = "hidden";
        REQUIRE(shared_encode(value, &text) > 0);
        CHECK_CONTAINS(text, "\"api-token\":\"***\"");
        free(text);
        shared_free(value);
}

/* ------------------------------------------------------------------ text that is no object */

static int decode_private(const char *json)
{
        struct private *value = NULL;
        int r = private_decode(json, strlen(json), &value);
        if (r == 0)
                private_free(value);
        return r;
}

PLAIN_TEST(malformed_json_is_told_with_its_position)
{
        static const struct {
                const char *json, *part;
        } table[] = {
                { "", "private: empty" },
                { "{", "private: the text ends too early (line 1, column 2)" },
                { "{\"flag\":tru}", "private: flag: expected a value (line 1, column 9)" },
                { "{\n\n  \"flag\": 'x'}", "flag: expected a value (line 3, column 11)" },
                { "{\"flag\":true,}", "private: expected a key in quotes (line 1, column 14)" },
                { "{\"flag\":true}}", "private: something follows the value (line 1, column 14)" },
                { "{\"flag\":true,\"flag\":true}", "flag: its key comes twice (line 1, column 14)" },
                { "{\"flag\":\"\xff\"}", "flag: not UTF-8 (line 1, column 10)" },
                { "{\"flag\":\"\\u0000\"}", "flag: contains a NUL character" },
                { "{\"flag\":NaN}", "flag: expected a value" },
                { "{\"flag\":Infinity}", "flag: expected a value" },
                { "{\"flag\":1e999}", "flag: 1e999 is not true or false" },
                { "{\"flag\":9223372036854775808}", "flag: 9223372036854775808 is not true or false" },
                { "{\"flag\":01}", "flag: a number does not begin with 0" },
                { "{\"flag\":\"a\nb\"}", "flag: a control character in a string (line 1, column 11)" },
                { "[true]", "not a JSON object" },
                { "true", "not a JSON object" },
        };
        for (size_t i = 0; i < COUNT(table); i++) {
                if (!CHECK_INT(decode_private(table[i].json), -EBADMSG) || !CHECK_CONTAINS(aeon_error_text(), table[i].part))
                        fprintf(stderr, "    for %s\n", table[i].json);
        }
        struct private *value = NULL;
        CHECK_INT(private_decode("{\"flag\":true\0}", 14, &value), -EBADMSG);
        CHECK_INT(private_decode("{\"flag\":true}\0x", 15, &value), -EBADMSG);
        CHECK_STR(aeon_error_text(), "private: something follows the value (line 1, column 14)");
        CHECK_INT(private_decode(NULL, 0, &value), -EBADMSG);
}

PLAIN_TEST(nesting_and_size_are_limited)
{
        char json[512] = "{\"flag\":true,\"x\":";
        size_t length = strlen(json);
        memset(json + length, '[', 63);
        memset(json + length + 63, ']', 63);
        strcpy(json + length + 126, "}");
        CHECK_INT(decode_private(json), 0);
        memset(json + length, '[', 64);
        memset(json + length + 64, ']', 64);
        strcpy(json + length + 128, "}");
        CHECK_INT(decode_private(json), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "nested deeper than 64 levels");
        CHECK_INT(decode_private(
                          "{\"flag\":true,\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"}"),
                  0);

        size_t size = 16 * 1024 * 1024 + 1;
        char *large = malloc(size);
        REQUIRE(large != NULL);
        memset(large, ' ', size);
        memcpy(large, "{\"flag\":true}", 13);
        struct private *value = NULL;
        CHECK_INT(private_decode(large, size, &value), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "limit of 16 MiB");
        REQUIRE_INT(private_decode(large, size - 1, &value), 0);
        private_free(value);
        free(large);
}

/* ------------------------------------------------------------------ encoding */

PLAIN_TEST(what_decoding_would_refuse_is_not_written)
{
        struct shared value = { .name = NULL, .count = 11, .ratio = NAN, .pause = AEON_SECONDS(61), .token = "abc" };
        char *text = NULL;
        CHECK_INT(shared_encode(&value, &text), -EINVAL);
        CHECK(text == NULL);
        CHECK_STR(aeon_error_text(), "shared: name: missing; count: 11 is above 10; ratio: nan is no finite number; "
                                     "pause: 61s is above 1m; api-token: *** is shorter than 4 characters");
        value = (struct shared){ .name = "\xff\xfe" };
        CHECK_INT(shared_encode(&value, &text), -EINVAL);
        CHECK_STR(aeon_error_text(), "shared: name: not UTF-8");
}

#define RANDOM(F)     \
        F(str, s)     \
        F(i64, i)     \
        F(f64, f)     \
        F(boolean, b) \
        F(duration, d)
AEON_RECORD(random, RANDOM);

static uint64_t next_random(void)
{
        static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
}

static double random_double(void)
{
        for (;;) {
                uint64_t bits = next_random();
                double number;
                memcpy(&number, &bits, sizeof number);
                if (isfinite(number))
                        return number;
        }
}

static const char *random_string(char *out)
{
        static const char *const pieces[] = { "a",      "\"",     "\\",         "\n", "\x01", "\x7f",
                                              "\u00e9", "\u4f60", "\U0001f600", "/",  " ",    "\x1f" };
        *out = '\0';
        for (uint64_t left = next_random() % 20; left; left--)
                strcat(out, pieces[next_random() % COUNT(pieces)]);
        return out;
}

PLAIN_TEST(what_was_written_is_read_back_exactly)
{
        char string[128];
        for (int i = 0; i < 20000; i++) {
                int64_t small = (int64_t)(next_random() % 100000), any = (int64_t)next_random();
                struct random in = {
                        .s = random_string(string), .i = any, .f = i % 2 ? random_double() : (double)small / 100, .b = any & 1
                };
                in.d = i % 3 ? small * (i % 3 == 1 ? 1000000 : 1000000000) : (int64_t)next_random();
                struct random *out = NULL;
                char *text = NULL;
                int length = random_encode(&in, &text);
                REQUIRE(length > 0 && strlen(text) == (size_t)length);
                REQUIRE_INT(random_decode(text, (size_t)length, &out), 0);
                bool same = CHECK_STR(out->s, in.s) && CHECK_INT(out->i, in.i) && CHECK(!memcmp(&out->f, &in.f, sizeof in.f)) &&
                            CHECK(out->b == in.b) && CHECK_INT(out->d, in.d);
                random_free(out);
                if (!same)
                        fprintf(stderr, "    through %s\n", text);
                free(text);
                REQUIRE(same);
        }
}

PLAIN_TEST(the_extremes_are_read_back_exactly)
{
        static const int64_t wholes[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX };
        for (size_t i = 0; i < COUNT(wholes); i++) {
                struct random in = { .s = "", .i = wholes[i], .f = (double)wholes[i], .d = wholes[i] }, *out = NULL;
                char *text = NULL;
                int length = random_encode(&in, &text);
                REQUIRE(length > 0);
                REQUIRE_INT(random_decode(text, (size_t)length, &out), 0);
                CHECK_INT(out->i, wholes[i]);
                CHECK_INT(out->d, wholes[i]);
                CHECK(out->f == in.f);
                random_free(out);
                free(text);
        }
}
