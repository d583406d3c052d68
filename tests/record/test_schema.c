/* JSON Schema of a record. That it judges as decoding does is shown by tests/schema. */
#include "harness.h"

#include "failing.h"
#include "record/all_kinds.h"
#include "record/schema.h"

#include <aeon/error.h>
#include <aeon/time.h>
#include <stdlib.h>
#include <string.h>

#define JOB(F)                                                           \
        F(i64, id, .doc = "number of the \"order\"", .min = 1, .max = 9) \
        F(duration, takes, .max = AEON_SECONDS(90))                      \
        F(str, word, .min_len = 2, .pattern = "^[a-z]+$")                \
        F(str, posix, .def = "x", .pattern = "^[[:alpha:]]+$")           \
        F(bytes, key, .min_len = 4, .max_len = 5)                        \
        F(secret, token, .required = true)                               \
        F(secret, other, .def = "secret")                                \
        F(map(str), labels, .max_len = 3)
AEON_RECORD(job, JOB, .doc = "what is to be done", .unknown = AEON_UNKNOWN_REJECT);

PLAIN_TEST(a_schema_says_what_the_fields_say)
{
        char *text = NULL;
        int length = aeon_record_schema(job_record(), &text);
        REQUIRE(length > 0 && strlen(text) == (size_t)length);
        CHECK_STR(text, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"job\",\"description\":\"what is "
                        "to be done\","
                        "\"type\":\"object\",\"properties\":{"
                        "\"id\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9,\"description\":\"number of the \\\"order\\\"\"},"
                        "\"takes\":{\"type\":[\"string\",\"number\"],"
                        "\"pattern\":\"^[-+]?(P[0-9.WDTHMS]+|([0-9.]+(d|h|ms|m|s|us|\u00b5s|\u03bcs|ns)?)+)$\",\"maximum\":90.0},"
                        "\"word\":{\"type\":\"string\",\"minLength\":2,\"pattern\":\"^[a-z]+$\"},"
                        "\"posix\":{\"type\":\"string\",\"default\":\"x\"},"
                        "\"key\":{\"type\":\"string\",\"minLength\":8,\"maxLength\":8,\"contentEncoding\":\"base64\"},"
                        "\"token\":{\"type\":\"string\",\"writeOnly\":true},"
                        "\"other\":{\"type\":[\"string\",\"null\"],\"writeOnly\":true},"
                        "\"labels\":{\"type\":\"object\",\"maxProperties\":3,\"additionalProperties\":{\"type\":\"string\"}}},"
                        "\"required\":[\"id\",\"takes\",\"word\",\"key\",\"token\",\"labels\"],\"additionalProperties\":false}");
        free(text);
}

PLAIN_TEST(a_record_that_holds_itself_refers_to_itself)
{
        char *text = NULL;
        REQUIRE(aeon_record_schema(tree_record(), &text) > 0);
        CHECK_CONTAINS(text, "\"items\":{\"$ref\":\"#\"}");
        CHECK(!strstr(text, "$defs"));
        free(text);
}

#define WRONG(F) F(i64, id, .def = "many") F(list(i64), ids, .def = "[1,") F(u64, fine, .def = "1")
AEON_RECORD(wrong, WRONG);

PLAIN_TEST(defaults_that_cannot_be_read_are_told)
{
        char *text = NULL;
        CHECK_INT(aeon_record_schema(wrong_record(), &text), -EINVAL);
        CHECK(text == NULL);
        CHECK_STR(aeon_error_text(),
                  "schema: wrong.id: \"many\" is not a whole number; wrong.ids[1]: the text ends too early (line 1, column 4)");
}

/* What other files would see under the names of ours. */
static aeon_record copy_of(const aeon_record *record, const char *name)
{
        aeon_record copy = *record;
        copy.name = name;
        return copy;
}

/* The names that two records get in one document, one behind the other. */
static void check_names(const aeon_record *a, const aeon_record *b, const char *names)
{
        struct text json = { 0 }, name = { 0 };
        struct schemas s = { .json = &json };
        aeon__schema_name(&s, a, &name);
        aeon__text_add(&name, " ", 1);
        aeon__schema_name(&s, b, &name);
        CHECK_STR(name.data, names);
        CHECK_INT(aeon__schemas_close(&s), 0);
        aeon__text_done(&name);
        aeon__text_done(&json);
}

PLAIN_TEST(records_that_are_alike_are_one_and_others_get_a_number)
{
        aeon_record same = copy_of(all_record(), "all"), other = copy_of(tree_record(), "all");
        check_names(all_record(), &same, "all all");
        check_names(all_record(), &other, "all all-2");
        check_names(tree_record(), &other, "tree all");

        aeon_field fields[64];
        REQUIRE(all_record()->field_count <= 64);
        memcpy(fields, all_record()->fields, all_record()->field_count * sizeof *fields);
        fields[0].doc = "another text";
        same.fields = fields;
        check_names(all_record(), &same, "all all-2");
}

PLAIN_TEST(in_a_larger_document_records_refer_to_its_components)
{
        struct text json = { 0 };
        struct schemas s = { .json = &json };
        aeon__schema_refer(&s, tree_record());
        aeon__text_print(&json, ",{");
        aeon__schemas_write(&s);
        CHECK_INT(aeon__schemas_close(&s), 0);
        CHECK_CONTAINS(json.data, "{\"$ref\":\"#/components/schemas/tree\"},{\"tree\":{\"title\":\"tree\",");
        CHECK_CONTAINS(json.data, "\"items\":{\"$ref\":\"#/components/schemas/tree\"}");
        aeon__text_done(&json);
}

PLAIN_TEST(a_schema_survives_every_failed_allocation)
{
        char *text = NULL;
        REQUIRE(aeon_record_schema(all_record(), &text) > 0);
        free(text);
        text = NULL;
        long live = failing_live();
        int n = 1, r;
        for (; failing_begin(n), r = aeon_record_schema(all_record(), &text), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(text == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 20 || test_is_slow());
        CHECK(r > 0);
        free(text);
        CHECK_INT(failing_live(), live);
}
