/* The grammar of JSON: the files in json/ that are JSON (y_), are not (n_), or may be refused by a reader (i_).
 *
 * RFC 8259 leaves to each reader the range of numbers, the depth, halves of surrogate pairs, a byte order mark. What ours does with
 * the i_ files is in the table below. */
#include "harness.h"

#include "record/value.h"

#include <aeon/error.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers have no range here, only the kind that a field has: what is kept as it stands keeps them. */
static const char *const accepted[] = {
        "i_number_above_u64",     "i_number_huge_exponent",           "i_number_minus_huge_exponent",
        "i_number_tiny_exponent", "i_number_exponent_of_many_digits",
};

static bool should_be_accepted(const char *name)
{
        for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
                if (!strncmp(name, accepted[i], strlen(accepted[i])))
                        return true;
        return name[0] == 'y';
}

static bool is_json(const char *text, size_t size)
{
        struct problems problems = { 0 };
        struct place whole = { .name = "" };
        struct where where = { .problems = &problems, .place = &whole };
        aeon__json_check(text, size, 0, &where);
        int r = aeon__problems_close(&problems, -EBADMSG, "text");
        CHECK(r == 0 || r == -EBADMSG);
        return r == 0;
}

/* In a block of exactly its size, so that a checker sees who reads on. */
static char *copy_of(const char *text, size_t size)
{
        char *copy = malloc(size ? size : 1);
        REQUIRE(copy != NULL);
        memcpy(copy, text, size);
        return copy;
}

#define KEEPER(F) F(json, value)
AEON_RECORD(keeper, KEEPER);

/* As the value of a field, kept as it stands. */
static void check_kept(const char *name, const char *text, size_t size, bool expected)
{
        static const char head[] = "{\"value\":", tail[] = "}";
        struct text wrapped = { 0 };
        struct keeper *keeper = NULL;
        aeon__text_print(&wrapped, "%s", head);
        aeon__text_add(&wrapped, text, size);
        aeon__text_print(&wrapped, "%s", tail);
        bool kept = keeper_decode(wrapped.data, wrapped.length, &keeper) == 0;
        if (!CHECK_INT(kept, expected))
                fprintf(stderr, "    for %s: %s\n", name, kept ? "kept" : aeon_error_text());
        if (kept) {
                char *again = NULL;
                CHECK(keeper_encode(keeper, &again) > 0);
                CHECK(strlen(keeper->value) <= size && strstr(again, keeper->value));
                free(again);
        }
        keeper_free(keeper);
        aeon__text_done(&wrapped);
}

static void check_file(const char *name, const char *text, size_t size)
{
        char *copy = copy_of(text, size);
        bool expected = should_be_accepted(name);
        if (!CHECK_INT(is_json(copy, size), expected))
                fprintf(stderr, "    for %s: %s\n", name, aeon_error_text());
        free(copy);
        for (size_t shorter = size < 600 ? 0 : size; shorter < size;
             shorter++) { /* a cut text is refused, or was longer than it need be */
                copy = copy_of(text, shorter);
                bool whole = is_json(copy, shorter);
                if (whole && (text[0] == '[' || text[0] == '{') && expected)
                        CHECK(strspn(text + shorter, " \t\r\n") == size - shorter);
                free(copy);
        }
        bool is_too_deep = strstr(name, "depth_64_") != NULL; /* inside another object */
        check_kept(name, text, size, expected && !is_too_deep);
}

PLAIN_TEST_WITHIN(every_class_of_the_grammar_is_accepted_or_refused_as_it_should_be, 60)
{
        size_t count[256] = { 0 };
        char folder[512], path[1024];
        snprintf(folder, sizeof folder, "%s/tests/record/json", test_source_folder());
        DIR *d = opendir(folder);
        REQUIRE(d != NULL);
        for (struct dirent *entry; (entry = readdir(d));) {
                struct text text = { 0 };
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
                REQUIRE_INT(aeon__text_add_file(&text, path), 0);
                check_file(entry->d_name, text.data, text.length);
                aeon__text_done(&text);
                count[(unsigned char)entry->d_name[0]]++;
        }
        closedir(d);
        CHECK(count['y'] > 70 && count['n'] > 200 && count['i'] > 20);
}

/* ------------------------------------------------------------------ what strings stand for */

#define WORD(F) F(str, word)
AEON_RECORD(word, WORD);

PLAIN_TEST(escapes_stand_for_what_the_standard_says)
{
        static const struct {
                const char *json, *word;
        } table[] = {
                { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
                { "\\u0041\\u00e9\\u4F60", "A\u00e9\u4f60" },
                { "\\ud83d\\ude00", "\U0001f600" },
                { "\\ud800\\udc00\\uDBFF\\uDFFF", "\U00010000\U0010ffff" },
                { "\\u007f\\u0080\\u07ff\\u0800\\uffff", "\x7f\xc2\x80\u07ff\u0800\uffff" },
                { "plain \\u0020 and \\\\u0041", "plain   and \\u0041" },
        };
        char json[128];
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
                struct word *word = NULL;
                int length = snprintf(json, sizeof json, "{\"\\u0077ord\":\"%s\"}", table[i].json);
                REQUIRE_INT(word_decode(json, (size_t)length, &word), 0);
                CHECK_STR(word->word, table[i].word);
                word_free(word);
        }
}

/* ------------------------------------------------------------------ places */

PLAIN_TEST(columns_count_characters_and_lines_end_in_newlines)
{
        static const char text[] = "{\"\u00e9\u4f60\": 1,\n  \"b\": 2,\r\n\"c\":3}";
        struct json json;
        unsigned line, column;
        static const struct {
                const char *at;
                unsigned line, column;
        } table[] = { { "1,", 1, 8 }, { "3}", 3, 5 },  { "\"b", 2, 3 }, { "2,", 2, 8 },
                      { "{", 1, 1 },  { "\"c", 3, 1 }, { "\"c", 3, 1 }, { ": 1", 1, 6 } };
        aeon__json_start(&json, text, strlen(text), 0);
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) { /* forwards and back */
                aeon__json_position(&json, strstr(text, table[i].at), &line, &column);
                CHECK_INT(line, table[i].line);
                CHECK_INT(column, table[i].column);
        }
}
