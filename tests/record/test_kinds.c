/* Every kind: what it is in JSON and in the struct, what is refused, how composed kinds lie in memory and what their problems
 * are called. */
#include "harness.h"

#include "record/all_kinds.h"

#include "base/text.h"

#include <aeon/error.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct all *decode(const char *json)
{
        struct all *all = NULL;
        if (!CHECK_INT(all_decode(json, strlen(json), &all), 0))
                fprintf(stderr, "    %s\n    for %s\n", aeon_error_text(), json);
        REQUIRE(all != NULL);
        return all;
}

/* Decoding @json must fail with exactly "all: @problem". */
static void check_refused(const char *json, const char *problem)
{
        struct all *all = NULL;
        CHECK_INT(all_decode(json, strlen(json), &all), -EBADMSG);
        CHECK(all == NULL);
        if (!CHECK(!strncmp(aeon_error_text(), "all: ", 5)) || !CHECK_STR(aeon_error_text() + 5, problem))
                fprintf(stderr, "    for %s\n", json);
}

static void check_encoded(const struct all *all, const char *part)
{
        char *text = NULL;
        if (!CHECK(all_encode(all, &text) > 0))
                fprintf(stderr, "    %s\n", aeon_error_text());
        REQUIRE(text != NULL);
        CHECK_CONTAINS(text, part);
        free(text);
}

PLAIN_TEST(absent_fields_of_all_kinds_have_their_defaults)
{
        struct all *all = decode("{}");
        CHECK_STR(all->text, "");
        CHECK_INT(all->data.size, 0);
        CHECK_INT(all->pause, AEON_SECONDS(1));
        CHECK_INT(all->limit, 65536);
        CHECK_INT(all->when, 0);
        CHECK_STR(all->raw, "null");
        CHECK_INT(all->mood, MOOD_CALM);
        CHECK_STR(all->item.name, "thing");
        CHECK(all->item.price == 0.5 && !all->item.stock);
        CHECK(!all->nick && !all->key && !all->level && !all->ratio && !all->sure && !all->other && !all->spare && !all->aliases);
        CHECK(!all->extra && !all->token);
        CHECK_INT(all->tags.count, 0);
        REQUIRE_INT(all->primes.count, 3);
        CHECK_INT(all->primes.items[2], 5);
        CHECK_INT(all->rest.count, 0);
        all_free(all);
}

PLAIN_TEST(numbers_of_64_bits_are_exact)
{
        struct all *all = decode("{\"whole\":-9223372036854775808,\"count\":18446744073709551615}");
        CHECK(all->whole == INT64_MIN && all->count == UINT64_MAX);
        check_encoded(all, "\"whole\":-9223372036854775808,\"count\":18446744073709551615");
        all_free(all);
        all = decode("{\"whole\":9007199254740993.0,\"count\":1844674407370955161500e-2}"); /* a double cannot hold them */
        CHECK(all->whole == INT64_C(9007199254740993) && all->count == UINT64_C(18446744073709551615));
        all_free(all);
        all = decode("{\"whole\":-0.0,\"count\":-0}");
        CHECK(all->whole == 0 && all->count == 0);
        all_free(all);
        check_refused("{\"whole\":9223372036854775808}", "whole: 9223372036854775808 is too large (line 1, column 10)");
        check_refused("{\"whole\":-9223372036854775809}", "whole: -9223372036854775809 is too large (line 1, column 10)");
        check_refused("{\"count\":18446744073709551616}", "count: 18446744073709551616 is too large (line 1, column 10)");
        check_refused("{\"count\":-1}", "count: -1 is not a whole number from 0 (line 1, column 10)");
        check_refused("{\"count\":1.5}", "count: 1.5 is not a whole number from 0 (line 1, column 10)");
        check_refused("{\"real\":1e999}", "real: 1e999 is too large (line 1, column 9)");
}

PLAIN_TEST(bytes_are_base64)
{
        struct all *all = decode("{\"data\":\"AP8\\/aGk=\",\"key\":\"\"}");
        CHECK_INT(all->data.size, 5);
        CHECK(!memcmp(all->data.data, "\0\xff?hi", 5));
        CHECK(all->key && all->key->size == 0);
        check_encoded(all, "\"data\":\"AP8/aGk=\"");
        all_free(all);
        check_refused("{\"data\":\"a\"}", "data: the string \"a\" is not base64 (line 1, column 9)");
        check_refused("{\"data\":[1]}", "data: a list is not base64 (line 1, column 9)");
}

PLAIN_TEST(sizes_are_numbers_or_have_units)
{
        struct all *all = decode("{\"limit\":\"1.5MiB\"}");
        CHECK_INT(all->limit, 1572864);
        check_encoded(all, "\"limit\":1572864");
        all_free(all);
        all = decode("{\"limit\":10}");
        CHECK_INT(all->limit, 10);
        all_free(all);
        check_refused("{\"limit\":\"10 MB\"}", "limit: the string \"10 MB\" is not a size (64KiB, 10MB, 512) (line 1, column 10)");
}

PLAIN_TEST(times_are_those_of_rfc_3339)
{
        struct all *all = decode("{\"when\":\"2026-11-21T10:04:28.250+01:00\",\"times\":[\"1969-12-31T23:59:59Z\"]}");
        CHECK_INT(all->when, INT64_C(1795251868250000000));
        CHECK_INT(all->times.items[0], -AEON_SECONDS(1));
        check_encoded(all, "\"when\":\"2026-11-21T09:04:28.25Z\"");
        check_encoded(all, "\"times\":[\"1969-12-31T23:59:59Z\"]");
        all_free(all);
        check_refused("{\"when\":\"2026-11-21\"}",
                      "when: the string \"2026-11-21\" is not a time (2026-11-21T10:04:28Z) (line 1, column 9)");
        check_refused("{\"when\":\"3000-01-01T00:00:00Z\"}",
                      "when: the string \"3000-01-01T00:00:00Z\" is too large (line 1, column 9)");
}

PLAIN_TEST(enumerations_are_their_names)
{
        struct all *all = decode("{\"the mood\":\"half asleep\",\"other\":\"cross\"}");
        CHECK_INT(all->mood, MOOD_SLEEPY);
        CHECK(all->other && *all->other == MOOD_CROSS);
        CHECK_STR(mood_name(all->mood), "half asleep");
        CHECK(mood_name((enum mood)7) == NULL);
        check_encoded(all, "\"the mood\":\"half asleep\"");
        all_free(all);
        check_refused("{\"the mood\":\"Calm\"}",
                      "[\"the mood\"]: the string \"Calm\" is none of calm, cross, half asleep (line 1, column 13)");
        check_refused("{\"other\":1}", "other: 1 is none of calm, cross, half asleep (line 1, column 10)");
}

PLAIN_TEST(raw_json_is_kept_as_it_stands_and_only_when_it_is_json)
{
        struct all *all = decode("{\"raw\": {\"b\" : [1.50, \"\\u0041\\u0000\"]} ,\"extra\":null}");
        CHECK_STR(all->raw, "{\"b\" : [1.50, \"\\u0041\\u0000\"]}");
        CHECK(all->extra == NULL);
        check_encoded(all, "\"raw\":{\"b\" : [1.50, \"\\u0041\\u0000\"]}");

        char *text = NULL;
        all->raw = "[1,]";
        CHECK_INT(all_encode(all, &text), -EINVAL);
        CHECK_STR(aeon_error_text(), "all: raw[1]: expected a value (line 1, column 4)");
        all->raw = "1 2";
        CHECK_INT(all_encode(all, &text), -EINVAL);
        CHECK_STR(aeon_error_text(), "all: raw: something follows the value (line 1, column 3)");
        all_free(all);
}

PLAIN_TEST(optionals_are_null_when_absent_or_null)
{
        struct all *all =
                decode("{\"nick\":null,\"level\":null,\"ratio\":0,\"sure\":false,\"spare\":{\"price\":2},\"aliases\":[]}");
        CHECK(!all->nick && !all->level);
        CHECK(all->ratio && *all->ratio == 0 && all->sure && !*all->sure);
        CHECK(all->spare && all->spare->price == 2 && !strcmp(all->spare->name, "thing"));
        CHECK(all->aliases && all->aliases->count == 0);
        char *text = NULL;
        REQUIRE(all_encode(all, &text) > 0);
        CHECK(!strstr(text, "nick") && !strstr(text, "level") && strstr(text, "\"aliases\":[]"));
        free(text);
        all_free(all);
        check_refused("{\"level\":-1,\"nick\":\"xy\",\"spare\":[]}",
                      "level: -1 is not a whole number from 0 (line 1, column 10); nick: \"xy\" does not match ^[^x]*$ "
                      "(line 1, column 20); spare: a list is not an object (line 1, column 33)");
}

PLAIN_TEST(lists_and_maps_of_any_kind_keep_their_order)
{
        struct all *all = decode("{\"tags\":[\"b\",\"a\"],\"rows\":[[1,2],[],[3]],\"gaps\":[1,null,2.5],"
                                 "\"labels\":{\"z\":\"1\",\"\":\"2\",\"\\u0061\":\"3\"},"
                                 "\"moods\":{\"x\":[\"calm\",null]},\"shelf\":{\"s\":{\"name\":\"n\"}}}");
        REQUIRE_INT(all->tags.count, 2);
        CHECK_STR(all->tags.items[0], "b");
        REQUIRE_INT(all->rows.count, 3);
        CHECK_INT(all->rows.items[0].count, 2);
        CHECK_INT(all->rows.items[1].count, 0);
        CHECK_INT(all->rows.items[2].items[0], 3);
        CHECK(*all->gaps.items[0] == 1 && !all->gaps.items[1] && *all->gaps.items[2] == 2.5);
        REQUIRE_INT(all->labels.count, 3);
        CHECK_STR(all->labels.keys[1], "");
        CHECK_STR(all->labels.values[2], "3");
        CHECK_STR(all->labels.keys[2], "a");
        CHECK(*all->moods.values[0].items[0] == MOOD_CALM && !all->moods.values[0].items[1]);
        CHECK_STR(all->shelf.values[0].name, "n");
        check_encoded(all, "\"rows\":[[1,2],[],[3]]");
        check_encoded(all, "\"gaps\":[1.0,null,2.5]");
        check_encoded(all, "\"labels\":{\"z\":\"1\",\"\":\"2\",\"a\":\"3\"}");
        check_encoded(all, "\"moods\":{\"x\":[\"calm\",null]}");
        all_free(all);
}

PLAIN_TEST(a_struct_is_written_from_plain_arrays)
{
        static const char *const tags[] = { "x", "y" }, *const keys[] = { "one" };
        static const int64_t scores[] = { 1 }, primes[] = { 7 };
        const struct item items[] = { { .name = "a", .price = 1, .stock = &(int64_t){ 3 } }, { .name = "b", .mood = MOOD_CROSS } };
        struct all *all = decode("{}");
        all->tags.items = tags;
        all->tags.count = 2;
        all->primes.items = primes;
        all->primes.count = 1;
        all->items.items = items;
        all->items.count = 2;
        all->scores.keys = keys;
        all->scores.values = scores;
        all->scores.count = 1;
        check_encoded(
                all,
                "\"tags\":[\"x\",\"y\"],\"primes\":[7],\"items\":[{\"name\":\"a\",\"price\":1.0,\"stock\":3,\"mood\":\"calm\"},"
                "{\"name\":\"b\",\"price\":0.0,\"mood\":\"cross\"}]");
        check_encoded(all, "\"scores\":{\"one\":1}");
        all_free(all);
}

PLAIN_TEST(a_record_may_hold_lists_of_itself)
{
        struct tree *tree = NULL;
        static const char json[] =
                "{\"label\":\"root\",\"children\":[{\"label\":\"a\"},{\"children\":[{\"label\":\"b\",\"children\":[]}]}]}";
        REQUIRE_INT(tree_decode(json, strlen(json), &tree), 0);
        REQUIRE_INT(tree->children.count, 2);
        CHECK_STR(tree->children.items[1].children.items[0].label, "b");

        struct tree loop = { .label = "round" };
        loop.children.items = &loop;
        loop.children.count = 1;
        char *text = NULL;
        CHECK_INT(tree_encode(&loop, &text), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "children[0]: nested deeper than 64 levels");
        tree_free(tree);
}

/* ------------------------------------------------------------------ problems */

PLAIN_TEST(every_problem_has_its_path_line_and_column)
{
        check_refused("{\n"
                      "  \"items\": [\n"
                      "    { \"name\": \"a\" },\n"
                      "    { \"price\": \"cheap\", \"colour\": 1 },\n"
                      "    { \"stock\": -6, \"pric\": 2 }\n"
                      "  ],\n"
                      "  \"labels\": { \"plain\": 1, \"a b\": null, \"\\\"\\n\": [] },\n"
                      "  \"rows\": [[], [0, -1]],\n"
                      "  \"shelf\": { \"x\": { \"mood\": \"bad\" } }, \"whole\": []\n"
                      "}",
                      "items[1].price: the string \"cheap\" is not a number (line 4, column 16); "
                      "items[1].colour: no such field (line 4, column 25); "
                      "items[2].stock: -6 is below -5 (line 5, column 16); "
                      "items[2].pric: no such field; did you mean price? (line 5, column 20); "
                      "labels.plain: 1 is not a string (line 7, column 24); "
                      "labels[\"a b\"]: null is not a string (line 7, column 34); "
                      "labels[\"\\\"\\n\"]: a list is not a string (line 7, column 48); "
                      "rows[1][1]: -1 is not a whole number from 0 (line 8, column 20); "
                      "shelf.x.mood: the string \"bad\" is none of calm, cross, half asleep (line 9, column 29); "
                      "whole: a list is not a whole number (line 9, column 49)");
}

PLAIN_TEST(what_was_wrong_before_broken_syntax_is_told_too)
{
        check_refused("{\"whole\":\"x\",\"items\":[{\"price\":1},{\"price\":-1,}]}",
                      "whole: the string \"x\" is not a whole number (line 1, column 10); items[1].price: -1 is below 0 "
                      "(line 1, column 44); items[1]: expected a key in quotes (line 1, column 47)");
        check_refused("{\"scores\":{\"a\":1", "scores: the text ends too early (line 1, column 17)");
        check_refused("{\"gaps\":[1,2", "gaps[2]: the text ends too early (line 1, column 13)");
}

PLAIN_TEST(a_key_that_comes_twice_is_told_wherever_it_is)
{
        check_refused("{\"whole\":1,\"wh\\u006fle\":2}", "whole: its key comes twice (line 1, column 12)");
        check_refused("{\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}}", "labels.a: its key comes twice (line 1, column 28)");
        check_refused("{\"raw\":[{\"x\":1,\"x\":1}]}", "raw[0].x: its key comes twice (line 1, column 16)");
        check_refused("{\"new\":{\"y\":{\"x\":1,\"x\":1}}}", "new.y.x: its key comes twice (line 1, column 20)");
        check_refused("{\"new\":1,\"new\":2}", "new: its key comes twice (line 1, column 10)");
}

PLAIN_TEST(lengths_count_items_entries_bytes_and_characters)
{
        struct all *all = decode("{\"text\":\"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                 "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\"}");
        all_free(all);
        check_refused("{\"tags\":[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,\"21 items\"]}",
                      "tags[0]: 0 is not a string (line 1, column 10); tags[1]: 1 is not a string (line 1, column 12); "
                      "tags[2]: 2 is not a string (line 1, column 14); tags[3]: 3 is not a string (line 1, column 16); "
                      "tags[4]: 4 is not a string (line 1, column 18); tags[5]: 5 is not a string (line 1, column 20); "
                      "tags[6]: 6 is not a string (line 1, column 22); tags[7]: 7 is not a string (line 1, column 24); "
                      "tags[8]: 8 is not a string (line 1, column 26); tags[9]: 9 is not a string (line 1, column 28); "
                      "tags[10]: 0 is not a string (line 1, column 30); tags[11]: 1 is not a string (line 1, column 32); "
                      "tags[12]: 2 is not a string (line 1, column 34); tags[13]: 3 is not a string (line 1, column 36); "
                      "tags[14]: 4 is not a string (line 1, column 38); tags[15]: 5 is not a string (line 1, column 40); "
                      "tags[16]: 6 is not a string (line 1, column 42); tags[17]: 7 is not a string (line 1, column 44); "
                      "tags[18]: 8 is not a string (line 1, column 46); tags[19]: 9 is not a string (line 1, column 48); "
                      "tags: 21 items, more than 20 (line 1, column 9)");
        check_refused("{\"data\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
                      "data: 65 bytes, more than 64 (line 1, column 9)");
}

PLAIN_TEST(of_very_many_problems_the_first_hundred_are_told)
{
        struct text json = { 0 };
        struct all *all = NULL;
        aeon__text_print(&json, "{\"primes\":[true");
        for (int i = 1; i < 100000; i++)
                aeon__text_print(&json, ",true");
        aeon__text_print(&json, "]}");
        CHECK_INT(all_decode(json.data, json.length, &all), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "primes[99]: true is not a whole number (line 1, column 507); and 99900 more");
        aeon__text_done(&json);
}

PLAIN_TEST(a_value_far_larger_than_its_text_is_refused)
{
        struct text json = { 0 };
        struct all *all = NULL;
        aeon__text_print(&json, "{\"items\":[{}");
        while (json.length < 16 * 1024 * 1024 - 10)
                aeon__text_add(&json, ",{}", 3);
        aeon__text_print(&json, "]}");
        CHECK_INT(all_decode(json.data, json.length, &all), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "its value takes more than 256 MiB");
        aeon__text_done(&json);
}

/* ------------------------------------------------------------------ unknown fields */

PLAIN_TEST(unknown_fields_are_kept_in_the_map_that_asks_for_them)
{
        struct all *all = decode("{\"new\":{\"a\": [1]},\"whole\":1,\"\\u00e9\":null}");
        REQUIRE_INT(all->rest.count, 2);
        CHECK_STR(all->rest.keys[0], "new");
        CHECK_STR(all->rest.values[0], "{\"a\": [1]}");
        CHECK_STR(all->rest.keys[1], "\u00e9");
        check_encoded(all, ",\"new\":{\"a\": [1]},\"\u00e9\":null}");
        check_refused("{\"text\\u0000and more\":\"x\"}",
                      "[\"text\\u0000and more\"]: its key contains a NUL character (line 1, column 2)");

        static const char *const keys[] = { "whole", "b", "b" }, *const values[] = { "1", "2", "3" };
        char *text = NULL;
        all->rest.keys = keys;
        all->rest.values = values;
        all->rest.count = 3;
        CHECK_INT(all_encode(all, &text), -EINVAL);
        CHECK_STR(aeon_error_text(), "all: b: its key comes twice; whole: its key comes twice");
        all_free(all);
}

#define LAX(F) F(i64, x)
AEON_RECORD(lax, LAX);
#define STRICT(F) F(i64, x)
AEON_RECORD(strict, STRICT, .unknown = AEON_UNKNOWN_REJECT);

PLAIN_TEST(unknown_fields_are_ignored_unless_the_record_rejects_them)
{
        struct lax *lax = NULL;
        struct strict *strict = NULL;
        REQUIRE_INT(lax_decode("{\"y\":2,\"x\":1}", 13, &lax), 0);
        lax_free(lax);
        CHECK_INT(strict_decode("{\"y\":2,\"x\":1}", 13, &strict), -EBADMSG);
        CHECK_STR(aeon_error_text(), "strict: y: no such field (line 1, column 2)");
}

/* ------------------------------------------------------------------ secrets */

#define VAULT(F) F(list(secret), keys, .min_len = 1) F(optional(secret), token) F(map(secret), more, .def = "{}")
AEON_RECORD(vault, VAULT);

PLAIN_TEST(secrets_are_never_shown_wherever_they_are)
{
        static const char *const bad[] = {
                "{\"keys\":[\"hidden\",777]}",
                "{\"keys\":[{\"x\":\"hidden\"}]}",
                "{\"keys\":[],\"token\":[\"hidden\"]}",
                "{\"keys\":[\"hidden\"],\"more\":{\"a\":false,\"b\":\"hid\\u0000den\"}}",
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct vault *vault = NULL;
                CHECK_INT(vault_decode(bad[i], strlen(bad[i]), &vault), -EBADMSG);
                CHECK(!strstr(aeon_error_text(), "hid") && !strstr(aeon_error_text(), "777"));
        }
        static const char good[] = "{\"keys\":[\"hidden\"],\"token\":\"hidden\",\"more\":{\"a\":\"hidden\"}}";
        struct vault *vault = NULL;
        char *text = NULL;
        REQUIRE_INT(vault_decode(good, strlen(good), &vault), 0);
        CHECK_STR(vault->keys.items[0], "hidden");
        REQUIRE(vault_encode(vault, &text) > 0);
        CHECK_STR(text, "{\"keys\":[\"***\"],\"token\":\"***\",\"more\":{\"a\":\"***\"}}");
        vault_free(vault);
        CHECK_INT(vault_decode(text, strlen(text), &vault), -EBADMSG); /* so that no mask becomes a password */
        CHECK_CONTAINS(aeon_error_text(), "token: *** is what is shown for a secret, not one");
        free(text);
}

/* ------------------------------------------------------------------ more fields than bits, and what cannot be encoded */

#define TEN(F, p)    \
        F(i64, p##0) \
        F(i64, p##1) F(i64, p##2) F(i64, p##3) F(i64, p##4) F(i64, p##5) F(i64, p##6) F(i64, p##7) F(i64, p##8) F(i64, p##9)
#define WIDE(F) TEN(F, a) TEN(F, b) TEN(F, c) TEN(F, d) TEN(F, e) TEN(F, f) TEN(F, g)
AEON_RECORD(wide, WIDE);

PLAIN_TEST(a_record_may_have_very_many_fields)
{
        struct wide in = { .a0 = 1, .g9 = 2 }, *out = NULL;
        char *text = NULL;
        int length = wide_encode(&in, &text);
        REQUIRE(length > 0);
        REQUIRE_INT(wide_decode(text, (size_t)length, &out), 0);
        CHECK(out->a0 == 1 && out->g9 == 2);
        wide_free(out);
        CHECK_INT(wide_decode("{\"g9\":1,\"g9\":2}", 15, &out), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "g9: its key comes twice (line 1, column 9)");
        CHECK_CONTAINS(aeon_error_text(), "g8: missing (line 1, column 1)");
        free(text);
}

PLAIN_TEST(what_cannot_be_written_is_told_with_its_path)
{
        static const char *const keys[] = { "a", NULL, "\xff", "a" };
        static const int64_t scores[4] = { 0 };
        struct all *all = decode("{}");
        struct item item = { .name = NULL, .price = -1, .mood = (enum mood)9 };
        char *text = NULL;
        all->data = (aeon_bytes){ NULL, 3 };
        all->items.items = &item;
        all->items.count = 1;
        all->tags.items = NULL;
        all->tags.count = 2;
        all->scores.keys = keys;
        all->scores.values = scores;
        all->scores.count = 4;
        all->spare = &item;
        CHECK_INT(all_encode(all, &text), -EINVAL);
        CHECK(text == NULL);
        CHECK_STR(aeon_error_text(), "all: data: 3 bytes at NULL; spare.name: missing; spare.price: -1 is below 0; "
                                     "spare.mood: 9 is no value of enum mood; tags: 2 at NULL; items[0].name: missing; "
                                     "items[0].price: -1 is below 0; items[0].mood: 9 is no value of enum mood; "
                                     "scores: a key is NULL; scores: a key is not UTF-8; scores.a: its key comes twice");
        all_free(all);
}

PLAIN_TEST(patterns_match_characters_in_any_locale)
{
        struct all *all = decode("{\"nick\":\"\u00e9\"}");
        all_free(all);
        static const aeon_field fields[] = {
                { .member = "s", .kind = AEON_KIND_STR, .min = -1, .max = 1, .pattern = "^.{2}$" },
        };
        static const aeon_field broken[] = {
                { .member = "s", .kind = AEON_KIND_STR, .min = -1, .max = 1, .pattern = "(" },
        };
        static const aeon_record two = { "two", sizeof(char *), fields, 1, NULL, AEON_UNKNOWN_IGNORE };
        static const aeon_record none = { "none", sizeof(char *), broken, 1, NULL, AEON_UNKNOWN_IGNORE };
        static const char json[] = "{\"s\":\"\u00e9\u4f60\"}";
        void *value = NULL;
        for (int i = 0; i < 2; i++) { /* compiled once, used twice */
                REQUIRE_INT(aeon_record_decode(&two, json, strlen(json), &value), 0);
                aeon_record_free(value);
        }
        CHECK_INT(aeon_record_decode(&two, "{\"s\":\"abc\"}", 11, &value), -EBADMSG);
        CHECK_STR(aeon_error_text(), "two: s: \"abc\" does not match ^.{2}$ (line 1, column 6)");
        CHECK_INT(aeon_record_decode(&none, "{\"s\":\"abc\"}", 11, &value), -EBADMSG);
        CHECK_STR(aeon_error_text(), "none: s: its .pattern ( is none (line 1, column 6)");
}

#define CODE(F) F(str, code, .pattern = "^[a-z]{2}-[0-9]+$")
AEON_RECORD(code, CODE);

static void *decode_codes(void *unused)
{
        (void)unused;
        struct code *code = NULL;
        for (int i = 0; i < 200; i++) {
                CHECK_INT(code_decode("{\"code\":\"ab-12\"}", 16, &code), 0);
                code_free(code);
                CHECK_INT(code_decode("{\"code\":\"ab_12\"}", 16, &code), -EBADMSG);
        }
        aeon_error_clear();
        return NULL;
}

PLAIN_TEST(threads_share_a_pattern_that_one_of_them_compiles)
{
        pthread_t threads[4];
        for (size_t i = 0; i < COUNT(threads); i++)
                REQUIRE_INT(pthread_create(&threads[i], NULL, decode_codes, NULL), 0);
        for (size_t i = 0; i < COUNT(threads); i++)
                pthread_join(threads[i], NULL);
}

/* ------------------------------------------------------------------ on the stack of a task */

#define NEST(F) \
        F(map(record(nest)), m, .def = "{}") F(list(i64), numbers, .def = "[1]") F(optional(str), word, .pattern = "^(a|b)*$")
AEON_RECORD(nest, NEST);

static int decode_deeply(void *unused)
{
        (void)unused;
        struct nest *nest = NULL;
        struct text json = { 0 };
        char *again = NULL;
        int levels = 31; /* each an object in an object */
        for (int i = 0; i < levels; i++)
                aeon__text_print(&json, "{\"m\":{\"x\":");
        size_t length = json.length;
        aeon__text_print(&json, "{\"word\":\"abba\"}");
        for (int i = 0; i < levels; i++)
                aeon__text_print(&json, "}}");
        REQUIRE_INT(nest_decode(json.data, json.length, &nest), 0);
        REQUIRE(nest_encode(nest, &again) > 0);
        free(again);
        nest_free(nest);
        json.data[length + 9] = 'c';
        CHECK_INT(nest_decode(json.data, json.length, &nest), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "m.x.m.x.word: \"cbba\" does not match");
        aeon__text_done(&json);
        return 0;
}

TEST(the_deepest_value_fits_the_smallest_stack)
{
        aeon_group *group;
        REQUIRE_INT(aeon_group_open(&group), 0);
        REQUIRE_INT(aeon_spawn_with(group, "small", decode_deeply, NULL,
                                    &(aeon_spawn_opts){ .stack_size = test_is_slow() ? 0 : 65536 }),
                    0);
        CHECK_INT(aeon_group_close(group), 0);
}
