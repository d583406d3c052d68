/* Declared arguments: the whole command line against a record. */
#include "harness.h"

#include "failing.h"
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

/* ------------------------------------------------------------------ records inside, as a table */

#define LEVEL(V) V(LEVEL_LOW, "low") V(LEVEL_HIGH, "high")
AEON_ENUMERATION(level, LEVEL);

#define TLS(F) F(boolean, on, .def = "no") F(optional(str), ca_file)
AEON_RECORD(tls, TLS);

#define DB(F) F(str, host, .def = "localhost") F(u64, port, .min = 1, .max = 65535) F(secret, password) F(record(tls), tls)
AEON_RECORD(db, DB);

#define POOL(F) F(i64, size, .def = "4", .min = 1) F(duration, max_wait, .def = "1s")
AEON_RECORD(pool, POOL);

#define SERVICE(F)                                    \
        F(record(db), db, .doc = "the database")      \
        F(record(pool), pool, .def = "{\"size\": 8}") \
        F(list(i64), ports, .def = "[]", .max = 100)  \
        F(optional(list(str)), tags)                  \
        F(optional(f64), ratio)                       \
        F(enumeration(level), level, .def = "low")    \
        F(map(i64), limits, .def = "{}")              \
        F(optional(record(pool)), spare)
AEON_RECORD(service, SERVICE);

/* What a service is but for its db. */
#define REST "\"pool\":{\"size\":8,\"max_wait\":\"1s\"},\"ports\":[],\"level\":\"low\",\"limits\":{}}"
#define LOCAL(port) "{\"db\":{\"host\":\"localhost\",\"port\":" port ",\"tls\":{\"on\":false}},"

static const struct {
        const char *words[12]; /* behind --db.port 1 */
        const char *result;    /* the part of the JSON that they change, or, in front of which "!" stands, all that is told */
} services[] = {
        { { NULL }, LOCAL("1") REST },
        { { "--db.port", "5432" }, LOCAL("5432") REST },
        { { "--db.port=5432" }, LOCAL("5432") REST },
        { { "--db.port=2", "--db.port", "3" }, LOCAL("3") REST },
        { { "--db.host", "far" }, "\"host\":\"far\",\"port\":1," },
        { { "--db.host=a=b" }, "\"host\":\"a=b\"," },
        { { "--db.host=" }, "\"host\":\"\"," },
        { { "--db.password", "x" }, "\"port\":1,\"password\":\"***\"," },
        { { "--db.tls.on" }, "\"tls\":{\"on\":true}" },
        { { "--no-db.tls.on" }, "\"tls\":{\"on\":false}" },
        { { "--db.tls.on", "--no-db.tls.on" }, "\"tls\":{\"on\":false}" },
        { { "--db.tls.on=yes", "--db.tls.ca-file", "ca.pem" }, "\"tls\":{\"on\":true,\"ca_file\":\"ca.pem\"}" },
        { { "--db.tls.ca_file", "ca.pem" }, "\"ca_file\":\"ca.pem\"" },
        { { "--db.tls", "{\"on\": true}" }, "\"port\":1,\"tls\":{\"on\":true}" },
        { { "--db.tls", "{\"on\": true}", "--no-db.tls.on" }, "\"tls\":{\"on\":false}" },
        { { "--db", "{\"host\": \"h\", \"port\": 7, \"tls\": {}}" }, "{\"db\":{\"host\":\"h\",\"port\":1," },
        { { "--db.tls.on", "--db={\"port\": 7, \"tls\": {\"ca_file\": \"c\"}}" }, "\"tls\":{\"on\":true,\"ca_file\":\"c\"}" },
        { { "--pool.max-wait", "250ms" }, "\"pool\":{\"size\":8,\"max_wait\":\"250ms\"}" },
        { { "--pool.size", "2" }, "\"pool\":{\"size\":2,\"max_wait\":\"1s\"}" },
        { { "--pool={}" }, "\"pool\":{\"size\":4,\"max_wait\":\"1s\"}" },
        { { "--ports", "1", "2", "--ports=3" }, "\"ports\":[1,2,3]" },
        { { "--ports", "[4, 5]" }, "\"ports\":[4,5]" },
        { { "--ports", "-5" }, "\"ports\":[-5]" },
        { { "--tags", "a", "b" }, "\"tags\":[\"a\",\"b\"]" },
        { { "--tags=a,b" }, "\"tags\":[\"a,b\"]" },
        { { "--tags=[]" }, "\"tags\":[]" },
        { { "--ratio", "2.5" }, "\"ratio\":2.5" },
        { { "--level=high" }, "\"level\":\"high\"" },
        { { "--limits", "{\"a\": 1}" }, "\"limits\":{\"a\":1}" },
        { { "--spare={\"size\": 1}" }, "\"spare\":{\"size\":1,\"max_wait\":\"1s\"}" },

        { { "--db.port=0" }, "!--db.port: 0 is below 1" },
        { { "--db.port", "x" }, "!--db.port: \"x\" is not a whole number from 0" },
        { { "--db.port" }, "!--db.port: \"true\" is not a whole number from 0" },
        { { "--db.port=99999", "--pool.max-wait=soon" },
          "!--db.port: 99999 is above 65535\n  --pool.max-wait: \"soon\" is not a duration (30s, 1m30s, 250ms)" },
        { { "--db.prot", "5432" }, "!--db.prot is no argument; did you mean --db.port?" },
        { { "--db.tls.no" }, "!--db.tls.no is no argument; did you mean --db.tls.on?" },
        { { "--pool.max-wiat=1s" }, "!--pool.max-wiat is no argument; did you mean --pool.max-wait?" },
        { { "--pol.size=1" }, "!--pol.size is no argument; did you mean --pool.size?" },
        { { "--db.tls.on.really" }, "!--db.tls.on.really is no argument" },
        { { "--db." }, "!--db. is no argument" },
        { { "--.port=1" }, "!--.port is no argument" },
        { { "--db", "here" }, "!--db: expected a value (line 1, column 1)" },
        { { "--db={\"prot\": 1}" }, "!--db.port: missing (line 1, column 1)\n  --db.tls: missing (line 1, column 1)" },
        { { "--db.tls={\"on\": 1}" }, "!--db.tls.on: 1 is not true or false (line 1, column 8)" },
        { { "--no-db" }, "!--db: false is not an object (line 1, column 1)" },
        { { "--db.tls.on=maybe" }, "!--db.tls.on: \"maybe\" is not true or false" },
        { { "--ports", "1", "x", "500" }, "!--ports[1]: \"x\" is not a whole number\n  --ports[2]: 500 is above 100" },
        { { "--ports", "[1, \"2\"]" }, "!--ports[1]: the string \"2\" is not a whole number (line 1, column 5)" },
        { { "--level=middle" }, "!--level: \"middle\" is none of low, high" },
        { { "--limits=1" }, "!--limits: 1 is not an object (line 1, column 1)" },
        { { "--ratio=half" }, "!--ratio: \"half\" is not a number" },
        { { "--", "--db.port" }, "!\"--db.port\" belongs to no argument" },
};

static int load_service(const char *const *words, struct service **ret_service)
{
        const char *all[16] = { "--db.port=1" };
        int count = 1;
        struct arguments arguments;
        void *value = NULL;
        for (; *words; words++)
                all[count++] = *words;
        int r = aeon__arguments_parse(count, (char *const *)(uintptr_t)all, &arguments);
        if (r < 0)
                return r;
        r = aeon__arguments_load(service_record(), &arguments, &value);
        aeon__arguments_free(&arguments);
        if (r == 0)
                *ret_service = value;
        return r;
}

PLAIN_TEST(records_inside_are_declared_field_by_field)
{
        for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
                struct service *service = NULL;
                const char *result = services[i].result;
                char *json = NULL, told[256];
                int r = load_service(services[i].words, &service);
                if (*result == '!') {
                        snprintf(told, sizeof told, "arguments:\n  %s", result + 1);
                        CHECK_INT(r, -EINVAL);
                        CHECK_STR(aeon_error_text(), told);
                        continue;
                }
                if (CHECK_INT(r, 0) && CHECK(service_encode(service, &json) > 0))
                        CHECK_CONTAINS(json, result);
                else
                        fprintf(stderr, "    line %zu: %s\n", i, aeon_error_text());
                free(json);
                service_free(service);
        }
}

PLAIN_TEST(a_field_inside_that_must_be_given_is_told_by_its_whole_name)
{
        struct arguments none = { 0 };
        void *value = NULL;
        CHECK_INT(aeon__arguments_load(service_record(), &none, &value), -EINVAL);
        CHECK_STR(aeon_error_text(), "arguments:\n  --db.port: missing");
}

PLAIN_TEST(a_secret_inside_is_in_no_error)
{
        struct service *service = NULL;
        CHECK_INT(load_service((const char *const[]){ "--db={\"password\": [\"hidden\"], \"port\": 0}", NULL }, &service), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "--db.password: *** is not a string");
        CHECK(!strstr(aeon_error_text(), "hidden"));
}

PLAIN_TEST(help_lists_every_option_with_what_it_takes)
{
        struct text help = { 0 };
        aeon__arguments_help(service_record(), &help);
        CHECK_STR(help.data, "  --db.host TEXT         (localhost)\n"
                             "  --db.port N            (required)\n"
                             "  --db.password TEXT\n"
                             "  --db.tls.on            (no)\n"
                             "  --db.tls.ca-file TEXT\n"
                             "  --pool.size N          (4)\n"
                             "  --pool.max-wait TIME   (1s)\n"
                             "  --ports N...           ([])\n"
                             "  --tags TEXT...\n"
                             "  --ratio NUMBER\n"
                             "  --level low|high       (low)\n"
                             "  --limits JSON          ({})\n"
                             "  --spare JSON\n");
        aeon__text_done(&help);
}

/* ------------------------------------------------------------------ memory that runs out */

/* Load with the nth allocation failing, and with @once no other, for every n; until that comes to @expected. */
static void load_without_memory(const char *const *words, int expected, bool once)
{
        struct service *service = NULL;
        long live = failing_live();
        int n = 1, r;
        for (; once ? failing_once(n) : failing_begin(n), r = load_service(words, &service), failing_end(); n++) {
                if (r != -ENOMEM)
                        CHECK_INT(r, expected < 0 ? expected : -ENOMEM); /* there was no memory for its words alone */
                else if (once)
                        CHECK_CONTAINS(aeon_error_text(), "arguments"); /* what it was for */
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 5 || test_is_slow());
        CHECK_INT(r, expected);
        service_free(service);
        aeon_error_clear();
        CHECK_INT(failing_live(), live);
}

PLAIN_TEST(declared_arguments_survive_every_failed_allocation)
{
        static const char *const good[] = { "--db.host",
                                            "h",
                                            "--db.password=p",
                                            "--db.tls={\"ca_file\": \"c\"}",
                                            "--no-db.tls.on",
                                            "--ports",
                                            "1",
                                            "2",
                                            "--tags=a",
                                            "--spare={}",
                                            "--ratio",
                                            "1",
                                            NULL };
        static const char *const bad[] = { "--db.prot=1", "word", "--ports", "x", "--level=none", "--db.tls={\"on\": 1, \"on\": 2}",
                                           NULL };
        struct service *service = NULL;
        REQUIRE_INT(load_service(good, &service), 0); /* makes what is made once */
        service_free(service);
        REQUIRE_INT(load_service(bad, &service), -EINVAL);
        aeon_error_clear();
        for (int once = 0; once < 2; once++) {
                load_without_memory(good, 0, once);
                load_without_memory(bad, -EINVAL, once);
        }
}

PLAIN_TEST(help_survives_every_failed_allocation)
{
        long live = failing_live();
        struct text help = { 0 };
        int n = 1;
        for (; failing_begin(n), aeon__arguments_help(service_record(), &help), failing_end(); n++) {
                CHECK(help.failed);
                aeon__text_done(&help);
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 2 || test_is_slow());
        CHECK(!help.failed);
        aeon__text_done(&help);
}

/* ------------------------------------------------------------------ lists */

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
