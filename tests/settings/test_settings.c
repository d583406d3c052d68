/* Settings: which source wins, what is told when they are bad. */
#include "harness.h"

#include "failing.h"
#include "settings/settings.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTINGS(F)                                                    \
        F(str, host, .def = "redis://localhost:6379", .doc = "broker") \
        F(i64, port, .def = "8080", .min = 1, .max = 65535)            \
        F(duration, grace, .def = "30s")                               \
        F(boolean, debug, .def = "no")                                 \
        F(f64, max_load, .def = "0.5")                                 \
        F(secret, token, .min_len = 4)
AEON_RECORD(settings, SETTINGS);

#define NEEDY(F) F(str, url, .env = "DB_URL") F(i64, size) F(secret, key, .required = true) F(str, note, .def = "")
AEON_RECORD(needy, NEEDY);

/* Enter the test's own folder with an empty environment. */
static void begin(void)
{
        clearenv();
        REQUIRE_INT(chdir(test_folder()), 0);
}

static int load(const aeon_settings_opts *opts, struct settings **ret_settings)
{
        void *value = NULL;
        int r = aeon__settings_load(settings_record(), NULL, opts, &value);
        if (r == 0)
                *ret_settings = value;
        return r;
}

static void check_refused(const aeon_settings_opts *opts, const char *text)
{
        struct settings *s = NULL;
        CHECK_INT(load(opts, &s), -EINVAL);
        CHECK(s == NULL);
        CHECK_STR(aeon_error_text(), text);
}

PLAIN_TEST(without_any_source_the_defaults_hold)
{
        begin();
        struct settings *s = NULL;
        REQUIRE_INT(load(NULL, &s), 0);
        CHECK_STR(s->host, "redis://localhost:6379");
        CHECK_INT(s->port, 8080);
        CHECK_INT(s->grace, AEON_SECONDS(30));
        CHECK(!s->debug && s->max_load == 0.5 && s->token == NULL);
        settings_free(s);
}

PLAIN_TEST(the_first_source_that_has_a_field_wins)
{
        static const char *const words[] = { "--max-load", "0.9", "--debug" };
        begin();
        mkdir("secrets", 0700);
        test_write_file("secrets/TOKEN", "from-secrets\r\n\n");
        test_write_file("secrets/host", "from-secrets");
        test_write_file("secrets/GRACE", "9s\n");
        test_write_file(".env", "GRACE=5s\nPORT=2\nMAX_LOAD=0.1\nDEBUG=no\n");
        setenv("PORT", "1", 1);
        setenv("MAX_LOAD", "0.2", 1);

        struct arguments arguments;
        void *value = NULL;
        REQUIRE_INT(aeon__arguments_parse(3, (char *const *)words, &arguments), 0);
        REQUIRE_INT(
                aeon__settings_load(settings_record(), &arguments, &(aeon_settings_opts){ .secrets_folder = "secrets" }, &value),
                0);
        struct settings *s = value;
        CHECK(s->max_load == 0.9 && s->debug); /* arguments */
        CHECK_INT(s->port, 1);                 /* environment */
        CHECK_INT(s->grace, AEON_SECONDS(5));  /* .env */
        CHECK_STR(s->token, "from-secrets");   /* secrets, without line ends */
        CHECK_STR(s->host, "from-secrets");    /* the same, lower case */
        CHECK(!getenv("GRACE"));               /* the file does not leak into the environment */
        settings_free(s);
        aeon__arguments_free(&arguments);
}

PLAIN_TEST(an_empty_variable_wins_and_a_key_without_value_does_not)
{
        begin();
        test_write_file(".env", "HOST=file\nPORT\n");
        setenv("HOST", "", 1);
        struct settings *s = NULL;
        REQUIRE_INT(load(NULL, &s), 0);
        CHECK_STR(s->host, "");
        CHECK_INT(s->port, 8080);
        settings_free(s);

        setenv("PORT", "", 1);
        struct settings *none = NULL;
        CHECK_INT(load(NULL, &none), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "environment PORT: port: \"\" is not a whole number");
}

PLAIN_TEST(the_prefix_stands_before_names_but_not_before_explicit_ones)
{
        begin();
        setenv("APP_HOST", "h", 1);
        setenv("PORT", "7", 1);
        struct settings *s = NULL;
        REQUIRE_INT(load(&(aeon_settings_opts){ .prefix = "APP_" }, &s), 0);
        CHECK_STR(s->host, "h");
        CHECK_INT(s->port, 8080);
        settings_free(s);

        setenv("DB_URL", "u", 1);
        setenv("APP_SIZE", "3", 1);
        setenv("APP_KEY", "k", 1);
        void *value = NULL;
        REQUIRE_INT(aeon__settings_load(needy_record(), NULL, &(aeon_settings_opts){ .prefix = "APP_" }, &value), 0);
        CHECK_STR(((struct needy *)value)->url, "u");
        needy_free(value);
}

PLAIN_TEST(all_problems_are_told_each_with_its_place)
{
        begin();
        test_write_file(".env.test", "# settings\nHOST=h\nPORT=70000\nGRACE=soon\n\nTOKEN=abc\nMAX_LAOD=1\n");
        setenv("DEBUG", "maybe", 1);
        check_refused(&(aeon_settings_opts){ .env_file = ".env.test" },
                      "settings:\n"
                      "  .env.test:3: port: 70000 is above 65535\n"
                      "  .env.test:4: grace: \"soon\" is not a duration (30s, 1m30s, 250ms)\n"
                      "  environment DEBUG: debug: \"maybe\" is not true or false\n"
                      "  .env.test:6: token: *** is shorter than 4 characters\n"
                      "  .env.test:7: MAX_LAOD is no setting; did you mean MAX_LOAD?");
}

PLAIN_TEST(missing_fields_are_told_with_their_variable)
{
        begin();
        void *value = NULL;
        CHECK_INT(aeon__settings_load(needy_record(), NULL, &(aeon_settings_opts){ .prefix = "APP_" }, &value), -EINVAL);
        CHECK_STR(aeon_error_text(), "needy:\n"
                                     "  missing: url (env DB_URL)\n"
                                     "  missing: size (env APP_SIZE)\n"
                                     "  missing: key (env APP_KEY)");
        setenv("PORT", "x", 1);
        check_refused(NULL, "settings:\n"
                            "  environment PORT: port: \"x\" is not a whole number\n"
                            "  missing: token (env TOKEN), which may be absent");
}

PLAIN_TEST(a_file_given_by_name_must_be_there)
{
        begin();
        setenv("TOKEN", "abcd", 1);
        check_refused(&(aeon_settings_opts){ .env_file = "prod.env" }, "settings:\n  prod.env: No such file or directory");
        struct settings *s = NULL;
        REQUIRE_INT(load(&(aeon_settings_opts){ .env_file = ".env" }, &s), 0);
        settings_free(s);
        test_write_file(".env", "HOST=file\n");
        REQUIRE_INT(load(&(aeon_settings_opts){ .env_file = "" }, &s), 0);
        CHECK_STR(s->host, "redis://localhost:6379");
        settings_free(s);
        mkdir("folder", 0700);
        check_refused(&(aeon_settings_opts){ .env_file = "folder" }, "settings:\n  folder: Is a directory");
        REQUIRE_INT(load(&(aeon_settings_opts){ .secrets_folder = "none" }, &s), 0);
        settings_free(s);
}

PLAIN_TEST(lines_that_cannot_be_read_are_skipped_unless_strict)
{
        begin();
        test_write_file(".env", "HOST=h\nthis is junk\n");
        setenv("TOKEN", "abcd", 1);
        struct settings *s = NULL;
        REQUIRE_INT(load(NULL, &s), 0);
        CHECK_STR(s->host, "h");
        settings_free(s);
        check_refused(&(aeon_settings_opts){ .strict = true }, "settings:\n  .env:2: not KEY=value");
}

PLAIN_TEST(slips_are_told_where_they_cannot_be_meant_for_others)
{
        begin();
        setenv("TOKEN", "abcd", 1);
        test_write_file(".env", "HOTS=h\nOTHER=1\n");
        setenv("PROT", "1", 1); /* without a prefix the environment is everybody's */
        check_refused(NULL, "settings:\n  .env:1: HOTS is no setting; did you mean HOST?");

        test_write_file(".env", "HOTS=h\nHOST=given\n"); /* nobody misses HOST */
        struct settings *s = NULL;
        REQUIRE_INT(load(NULL, &s), 0);
        settings_free(s);

        test_write_file(".env", "APP_HOST=h\nAPP_WHATEVER=1\nAPP_PROT=1\nPROT=1\n");
        setenv("APP_TOKEN", "abcd", 1);
        setenv("APP_GRACES", "1s", 1);
        setenv("APP_SERVICE_HOST", "1.2.3.4", 1); /* as Kubernetes does */
        check_refused(&(aeon_settings_opts){ .prefix = "APP_" },
                      "settings:\n"
                      "  .env:2: APP_WHATEVER is no setting\n"
                      "  .env:3: APP_PROT is no setting; did you mean APP_PORT?\n"
                      "  environment: APP_GRACES is no setting; did you mean APP_GRACE?");
}

PLAIN_TEST(a_wrong_default_is_told_as_such)
{
        begin();
        static const aeon_field fields[] = { { .member = "n", .kind = AEON_KIND_I64, .def = "many", .min = -1, .max = 1 } };
        static const aeon_record record = { "odd", 8, fields, 1 };
        void *value = NULL;
        CHECK_INT(aeon__settings_load(&record, NULL, NULL, &value), -EINVAL);
        CHECK_STR(aeon_error_text(), "odd:\n  default: n: \"many\" is not a whole number");
}

PLAIN_TEST(loading_survives_every_failed_allocation)
{
        begin();
        mkdir("secrets", 0700);
        test_write_file("secrets/TOKEN", "from-secrets\n");
        test_write_file(".env", "HOST=\"${PORT} x\"\nOTHER=1\nGRACE='5s'\n");
        setenv("PORT", "1", 1);
        const aeon_settings_opts opts = { .secrets_folder = "secrets" };
        struct settings *s = NULL;
        REQUIRE_INT(load(&opts, &s), 0);
        settings_free(s);
        s = NULL;

        long live = failing_live();
        int n = 1, r;
        for (; failing_begin(n), r = load(&opts, &s), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(s == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 20 || test_is_slow());
        REQUIRE_INT(r, 0);
        CHECK_STR(s->host, "1 x");
        settings_free(s);
        CHECK_INT(failing_live(), live);
}

/* ------------------------------------------------------------------ lists, records, other kinds */

#define DB(F) F(str, host, .def = "localhost") F(i64, port, .min = 1) F(secret, password)
AEON_RECORD(db, DB);

#define KINDS(F)                                           \
        F(list(str), tags, .def = "[]")                    \
        F(list(i64), ports, .def = "[1]", .min = 1)        \
        F(map(str), labels, .def = "{}")                   \
        F(size, cache, .def = "64KiB")                     \
        F(optional(i64), limit)                            \
        F(timestamp, since, .def = "2026-01-01T00:00:00Z") \
        F(record(db), db)
AEON_RECORD(kinds, KINDS);

static int load_kinds(int argc, const char *const argv[], struct kinds **ret_kinds)
{
        struct arguments arguments;
        void *value = NULL;
        REQUIRE_INT(aeon__arguments_parse(argc, (char *const *)argv, &arguments), 0);
        int r = aeon__settings_load(kinds_record(), &arguments, &(aeon_settings_opts){ .prefix = "APP_" }, &value);
        aeon__arguments_free(&arguments);
        if (r == 0)
                *ret_kinds = value;
        return r;
}

PLAIN_TEST(each_value_of_an_argument_is_an_item_and_variables_hold_json)
{
        begin();
        static const char *const words[] = { "--tags", "a", "[b", "--tags=c", "--ports", "[8080, 8081]", "--db.port", "7" };
        setenv("APP_LABELS", "{\"x\": \"y\"}", 1);
        setenv("APP_CACHE", "1.5MiB", 1);
        setenv("APP_LIMIT", "5", 1);
        struct kinds *kinds = NULL;
        if (!CHECK_INT(load_kinds((int)(sizeof words / sizeof words[0]), words, &kinds), 0))
                fprintf(stderr, "    %s\n", aeon_error_text());
        REQUIRE(kinds != NULL);
        REQUIRE_INT(kinds->tags.count, 3);
        CHECK_STR(kinds->tags.items[1], "[b");
        REQUIRE_INT(kinds->ports.count, 2);
        CHECK_INT(kinds->ports.items[1], 8081);
        CHECK_STR(kinds->labels.values[0], "y");
        CHECK_INT(kinds->cache, 1572864);
        CHECK(kinds->limit && *kinds->limit == 5);
        CHECK_INT(kinds->db.port, 7);
        kinds_free(kinds);

        static const char *const bad[] = { "--ports", "1", "x", "0", "--db.port", "0" };
        CHECK_INT(load_kinds((int)(sizeof bad / sizeof bad[0]), bad, &kinds), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "argument: ports[1]: \"x\" is not a whole number\n");
        CHECK_CONTAINS(aeon_error_text(), "argument: ports[2]: 0 is below 1\n");
        CHECK_CONTAINS(aeon_error_text(), "argument: db.port: 0 is below 1\n");
}

PLAIN_TEST(a_record_inside_is_its_fields_or_json_that_its_fields_change)
{
        begin();
        struct kinds *kinds = NULL;
        CHECK_INT(load_kinds(0, NULL, &kinds), -EINVAL);
        CHECK_STR(aeon_error_text(), "kinds:\n"
                                     "  missing: db.port (env APP_DB__PORT)\n"
                                     "  missing: limit (env APP_LIMIT), which may be absent\n"
                                     "  missing: db.password (env APP_DB__PASSWORD), which may be absent");

        test_write_file(".env", "APP_DB__PORT=5432\nAPP_DB__PASSWORD=secret\n");
        REQUIRE_INT(load_kinds(0, NULL, &kinds), 0);
        CHECK_STR(kinds->db.host, "localhost");
        CHECK_INT(kinds->db.port, 5432);
        CHECK_STR(kinds->db.password, "secret");
        kinds_free(kinds);

        test_write_file(".env", "APP_DB={\"host\": \"far\", \"port\": 1, \"password\": \"hidden\"}\nAPP_DB__PORT=2\n");
        REQUIRE_INT(load_kinds(0, NULL, &kinds), 0);
        CHECK_STR(kinds->db.host, "far");
        CHECK_INT(kinds->db.port, 2);
        CHECK_STR(kinds->db.password, "hidden");
        kinds_free(kinds);

        test_write_file(".env", "APP_DB={\"host\": 1}\nAPP_DB__PROT=2\n");
        CHECK_INT(load_kinds(0, NULL, &kinds), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "  .env:1: db.host: 1 is not a string (line 1, column 10)\n"
                                          "  .env:1: db.port: missing (line 1, column 1)\n"
                                          "  .env:2: APP_DB__PROT is no setting; did you mean APP_DB__PORT?");
}

PLAIN_TEST(the_table_masks_what_holds_a_secret)
{
        begin();
        setenv("DB", "{\"port\": 1, \"password\": \"hidden\"}", 1);
        struct text table = { 0 };
        void *value = NULL;
        REQUIRE_INT(aeon__settings_explain(kinds_record(), NULL, NULL, &table, &value), 0);
        CHECK_CONTAINS(table.data, "DB            ***");
        CHECK_CONTAINS(table.data, "environment DB\n");
        CHECK(!strstr(table.data, "hidden") && !strstr(table.data, "DB__PORT"));
        aeon__text_done(&table);
        kinds_free(value);
}

/* ------------------------------------------------------------------ memory that runs out, with all sources */

static int load_from_everywhere(struct text *table, struct kinds **ret_kinds)
{
        static const char *const words[] = { "--tags", "a", "b", "--db.host=far", "--limit", "5" };
        struct arguments arguments;
        void *value = NULL;
        const aeon_settings_opts opts = { .prefix = "APP_", .secrets_folder = "secrets" };
        int r = aeon__arguments_parse((int)(sizeof words / sizeof words[0]), (char *const *)words, &arguments);
        if (r < 0)
                return r;
        r = aeon__settings_explain(kinds_record(), &arguments, &opts, table, &value);
        aeon__arguments_free(&arguments);
        if (r == 0)
                *ret_kinds = value;
        return r;
}

/* Every n-th allocation fails, and with @once no other; @table: explained, too. Until it comes to @expected. */
static void load_without_memory(bool once, bool explained, int expected)
{
        struct kinds *kinds = NULL;
        struct text table = { 0 }, *wanted = explained ? &table : NULL;
        long live = failing_live();
        int n = 1, r;
        for (; once ? failing_once(n) : failing_begin(n), r = load_from_everywhere(wanted, &kinds), failing_end(); n++) {
                if (r == 0) { /* the table is the caller's: it says itself that it is not whole */
                        CHECK(explained && table.failed);
                        kinds_free(kinds);
                } else if (r != -ENOMEM) {
                        CHECK_INT(r, expected < 0 ? expected : -ENOMEM); /* there was no memory for its words alone */
                } else if (once) {
                        CHECK(*aeon_error_text()); /* what it was for */
                }
                aeon__text_done(&table);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 20 || test_is_slow());
        CHECK_INT(r, expected);
        if (r == 0) {
                CHECK_STR(kinds->db.host, "far");
                CHECK_STR(kinds->db.password, "from secrets");
                CHECK_INT(kinds->db.port, 5432);
                CHECK_STR(kinds->labels.values[0], "y");
                kinds_free(kinds);
        }
        aeon__text_done(&table);
        aeon_error_clear();
        CHECK_INT(failing_live(), live);
}

PLAIN_TEST(all_sources_together_survive_every_failed_allocation)
{
        begin();
        mkdir("secrets", 0700);
        test_write_file("secrets/app_db__password", "from secrets\n");
        test_write_file(".env", "APP_DB__PORT=${FAR_PORT:-5432}\nAPP_SINCE='2026-11-21T10:04:28Z'\n");
        setenv("APP_LABELS", "{\"x\": \"y\"}", 1);
        struct kinds *kinds = NULL;
        struct text table = { 0 };
        REQUIRE_INT(load_from_everywhere(&table, &kinds), 0);
        CHECK_CONTAINS(table.data, "APP_DB__PASSWORD  ***                   secrets/app_db__password\n");
        aeon__text_done(&table);
        kinds_free(kinds);
        for (int way = 0; way < 4; way++)
                load_without_memory(way & 1, way & 2, 0);
}

PLAIN_TEST(bad_settings_of_all_sources_survive_every_failed_allocation)
{
        begin();
        mkdir("secrets", 0700);
        test_write_file("secrets/APP_CACHE", "much\n");
        test_write_file(".env", "APP_DB__PROT=5432\njunk\nAPP_SINCE=\"yesterday\n\"\n");
        setenv("APP_LABELS", "{\"x\": 1, \"x\": 2}", 1);
        struct kinds *kinds = NULL;
        REQUIRE_INT(load_from_everywhere(NULL, &kinds), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "did you mean APP_DB__PORT?");
        aeon_error_clear();
        for (int way = 0; way < 4; way++)
                load_without_memory(way & 1, way & 2, -EINVAL);
}
