/* Declared arguments: the whole command line against a record. */
#include "harness.h"

#include "settings/settings.h"

#include <aeon/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS(F)                                             \
        F(str, input)                                       \
        F(i64, max_size, .def = "10", .min = 1, .max = 100) \
        F(boolean, cache, .def = "true")                    \
        F(duration, wait, .def = "1s")                      \
        F(secret, token, .def = "")
AEON_RECORD(args, ARGS);

static int load(struct args **ret_args, const char *const *words)
{
        struct arguments arguments;
        int count = 0;
        while (words[count])
                count++;
        REQUIRE_INT(aeon__arguments_parse(count, (char *const *)(uintptr_t)words, &arguments), 0);
        void *value = NULL;
        int r = aeon__arguments_load(args_record(), &arguments, &value);
        aeon__arguments_free(&arguments);
        *ret_args = value;
        return r;
}
#define LOAD(args, ...) load((args), (const char *const[]){ __VA_ARGS__, NULL })

TEST(declared_arguments_are_typed)
{
        struct args *a;
        REQUIRE_INT(LOAD(&a, "--input", "a b", "--max-size", "20", "--no-cache", "--wait=250ms"), 0);
        CHECK_STR(a->input, "a b");
        CHECK_INT(a->max_size, 20);
        CHECK(!a->cache);
        CHECK_INT(a->wait, 250000000);
        CHECK_STR(a->token, "");
        aeon_record_free(a);
}

TEST(what_is_not_given_has_its_default)
{
        struct args *a;
        REQUIRE_INT(LOAD(&a, "--input=x"), 0);
        CHECK_INT(a->max_size, 10);
        CHECK(a->cache);
        aeon_record_free(a);
}

TEST(the_last_one_counts_and_names_may_have_either_line)
{
        struct args *a;
        REQUIRE_INT(LOAD(&a, "--input", "x", "--max_size=5", "--max-size=6"), 0);
        CHECK_INT(a->max_size, 6);
        aeon_record_free(a);
}

TEST(all_that_is_wrong_is_told_at_once)
{
        struct args *a;
        CHECK_INT(LOAD(&a, "word", "--max-size", "500", "--chache", "--wait=soon", "--zzz=1"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"word\" belongs to no argument");
        CHECK_CONTAINS(aeon_error_text(), "--max-size: 500 is above 100");
        CHECK_CONTAINS(aeon_error_text(), "--chache is no argument; did you mean --cache?");
        CHECK_CONTAINS(aeon_error_text(), "--wait: \"soon\" is not a duration");
        CHECK_CONTAINS(aeon_error_text(), "--zzz is no argument");
        CHECK_CONTAINS(aeon_error_text(), "--input: missing");
}

static const char *dirname_of(const char *path)
{
        static char folder[600];
        snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
        return folder;
}

TEST(a_table_says_where_each_setting_came_from)
{
        struct arguments arguments;
        struct text table = { 0 };
        void *value;
        const char *const words[] = { "--input", "from here", NULL };
        test_write_file(test_path(".env"), "MAX_SIZE=7\nTOKEN=hush\n");
        REQUIRE(chdir(dirname_of(test_path(".env"))) == 0);
        setenv("WAIT", "2s", 1);
        REQUIRE_INT(aeon__arguments_parse(2, (char *const *)(uintptr_t)words, &arguments), 0);
        REQUIRE_INT(aeon__settings_explain(args_record(), &arguments, NULL, &table, &value), 0);
        CHECK_STR(table.data, "setting   value      from\n"
                              "INPUT     from here  argument\n"
                              "MAX_SIZE  7          .env:1\n"
                              "CACHE     true       default\n"
                              "WAIT      2s         environment WAIT\n"
                              "TOKEN     ***        .env:2\n");
        aeon__text_done(&table);
        aeon__arguments_free(&arguments);
        aeon_record_free(value);
}

#define LISTS(F) F(list(str), files, .min_len = 1) F(list(i64), ports, .def = "[1, 2]")
AEON_RECORD(lists, LISTS);

PLAIN_TEST(all_values_of_a_list_are_its_items)
{
        static const char *const words[] = { "--files", "a", "b", "--files=c" };
        struct arguments arguments;
        void *value = NULL;
        REQUIRE_INT(aeon__arguments_parse(4, (char *const *)words, &arguments), 0);
        REQUIRE_INT(aeon__arguments_load(lists_record(), &arguments, &value), 0);
        struct lists *lists = value;
        REQUIRE_INT(lists->files.count, 3);
        CHECK_STR(lists->files.items[2], "c");
        CHECK_INT(lists->ports.count, 2);
        lists_free(lists);
        aeon__arguments_free(&arguments);
}
