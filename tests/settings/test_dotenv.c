/* The .env dialect: the cases of dotenv.json (python-dotenv's own answers), and what they leave open. */
#include "harness.h"

#include "settings/dotenv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_environment(const json_t *variables)
{
        const char *name;
        json_t *value;
        clearenv();
        json_object_foreach((json_t *)variables, name, value) setenv(name, json_string_value(value), 1);
}

/* The dialect as an object, like the cases have it: the last entry of a key wins, null is no value. */
static json_t *parse_to_json(const char *text, size_t length, struct problems *problems)
{
        struct dotenv dotenv = { 0 };
        json_t *object = json_object();
        aeon__dotenv_parse(&dotenv, text, length, "x.env", problems);
        for (size_t i = 0; i < dotenv.count; i++) {
                const char *value = dotenv.entries[i].value;
                json_object_set_new(object, dotenv.entries[i].key, value ? json_string(value) : json_null());
        }
        aeon__dotenv_done(&dotenv);
        return object;
}

PLAIN_TEST(every_case_reads_as_python_dotenv_reads_it)
{
        char path[512];
        size_t index;
        json_t *one;
        snprintf(path, sizeof path, "%s/tests/settings/dotenv.json", test_source_folder());
        json_t *cases = json_load_file(path, 0, NULL);
        REQUIRE(json_array_size(cases) > 60);
        json_array_foreach(cases, index, one)
        {
                const json_t *input = json_object_get(one, "input"), *expected = json_object_get(one, "expected");
                struct problems problems = { 0 };
                set_environment(json_object_get(one, "process_env"));
                json_t *got = parse_to_json(json_string_value(input), json_string_length(input), &problems);
                char *got_text = json_dumps(got, JSON_SORT_KEYS | JSON_ENCODE_ANY),
                     *expected_text = json_dumps(expected, JSON_SORT_KEYS);
                if (!CHECK_STR(got_text, expected_text))
                        fprintf(stderr, "    in case %s\n", json_string_value(json_object_get(one, "id")));
                free(got_text);
                free(expected_text);
                json_decref(got);
                aeon__problems_close(&problems, -1, "");
        }
        json_decref(cases);
}

/* @text must read as the JSON @expected, with exactly @wrong told. */
static void check(const char *text, const char *expected, const char *wrong)
{
        struct problems problems = { 0 };
        json_t *got = parse_to_json(text, strlen(text), &problems);
        char *got_text = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS);
        CHECK_STR(got_text, expected);
        CHECK_STR(problems.text.data, wrong);
        free(got_text);
        json_decref(got);
        aeon__text_done(&problems.text);
}

PLAIN_TEST(a_backslash_hides_the_next_character_from_the_search_for_the_quote)
{
        check("A='it\\'s'", "{\"A\":\"it's\"}", NULL);
        check("A=\"x\\\\\"\nB=\"y\"", "{\"A\":\"x\\\\\",\"B\":\"y\"}", NULL);
        check("A='x\\\\'", "{\"A\":\"x\\\\\"}", NULL);
        check("A='x\\'\nB=1", "{\"B\":\"1\"}", " x.env:1: not KEY=value");
        check("A='\\n\\\"'", "{\"A\":\"\\\\n\\\\\\\"\"}", NULL);
        check("A=\"\\a\\b\\f\\n\\r\\t\\v\"", "{\"A\":\"\\u0007\\b\\f\\n\\r\\t\\u000B\"}", NULL);
        check("A=`b`", "{\"A\":\"`b`\"}", NULL);
}

PLAIN_TEST(bad_lines_are_told_by_number_and_never_shown)
{
        check("A=1\nsecret words here\r\nB=2\r= 3\n\nC='x\ny'\nD=\"unclosed\n", "{\"A\":\"1\",\"B\":\"2\",\"C\":\"x\\ny\"}",
              " x.env:2: not KEY=value; x.env:4: not KEY=value; x.env:8: not KEY=value");
        check("A='1' junk\nB=2", "{\"B\":\"2\"}", " x.env:1: not KEY=value");
        check("'A=1\nB=2", "{\"B\":\"2\"}", " x.env:1: not KEY=value");
        check("\n\n'' = 1\n", "{}", " x.env:3: not KEY=value");
}

PLAIN_TEST(variables_expand_once_and_in_every_form)
{
        clearenv();
        setenv("EMPTY", "", 1);
        setenv("OUT", "out", 1);
        check("A=${OUT}${OUT}-${NONE:-d}", "{\"A\":\"outout-d\"}", NULL);
        check("A=${EMPTY:-d}", "{\"A\":\"\"}", NULL); /* set, though empty */
        check("K\nA=${K:-d}", "{\"A\":\"\",\"K\":null}", NULL);
        check("A=$OUT $$ ${ $", "{\"A\":\"$OUT $$ ${ $\"}", NULL);
        check("A=${NONE:x}", "{\"A\":\"${NONE:x}\"}", NULL);
        check("A=${NONE:-${OUT}}", "{\"A\":\"${OUT}\"}", NULL);
        check("B=${X}\nX=1", "{\"B\":\"\",\"X\":\"1\"}", NULL);
        check("X='${OUT}'\nY=\"$\\{OUT}\"", "{\"X\":\"out\",\"Y\":\"$\\\\{OUT}\"}", NULL);
}

PLAIN_TEST(line_numbers_count_every_kind_of_line)
{
        static const char text[] = "\xef\xbb\xbf# c\r\nA=1\r\rB='x\r\ny'\nexport C = 3 # d\n";
        struct dotenv dotenv = { 0 };
        struct problems problems = { 0 };
        aeon__dotenv_parse(&dotenv, text, sizeof text - 1, "x.env", &problems);
        REQUIRE_INT(dotenv.count, 3);
        CHECK_INT(dotenv.entries[0].line, 2);
        CHECK_INT(dotenv.entries[1].line, 4);
        CHECK_INT(dotenv.entries[2].line, 6);
        CHECK_STR(aeon__dotenv_find(&dotenv, "C")->value, "3");
        CHECK(aeon__dotenv_find(&dotenv, "D") == NULL);
        CHECK_INT(problems.count, 0);
        aeon__dotenv_done(&dotenv);
        aeon__dotenv_done(&dotenv);
}

PLAIN_TEST(a_nul_byte_refuses_the_file)
{
        struct problems problems = { 0 };
        json_t *got = parse_to_json("A=1\nB=\0", 7, &problems);
        CHECK_INT(json_object_size(got), 0);
        CHECK_STR(problems.text.data, " x.env: contains a NUL byte");
        json_decref(got);
        aeon__text_done(&problems.text);
}
