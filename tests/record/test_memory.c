/* Memory that runs out anywhere in decoding and encoding: a code, nothing leaked. */
#include "harness.h"

#include "failing.h"
#include "record/all_kinds.h"
#include "record/shared_record.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
        "{\"name\":\"bob\",\"count\":3,\"ratio\":0.5,\"on\":true,\"pause\":\"5s\",\"api-token\":\"abcdef\",\"more\":{\"x\":[1]}}";
static const char bad[] = "{\"name\":\"bobbobbob\",\"count\":\"x\",\"on\":7}";

static void warm_up(void) /* what is made once and kept: jansson's seed, locales */
{
        struct shared *value = NULL;
        char *text = NULL;
        REQUIRE_INT(shared_decode(good, strlen(good), &value), 0);
        REQUIRE(shared_encode(value, &text) > 0);
        free(text);
        shared_free(value);
        CHECK_INT(shared_decode(bad, strlen(bad), &value), -EBADMSG);
        aeon_error_clear();
}

PLAIN_TEST(decoding_survives_every_failed_allocation)
{
        warm_up();
        long live = failing_live();
        struct shared *value = NULL;
        int n = 1, r;
        for (; failing_begin(n), r = shared_decode(good, strlen(good), &value), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(value == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 2 || test_is_slow());
        CHECK_INT(r, 0);
        shared_free(value);
        CHECK_INT(failing_live(), live);
}

PLAIN_TEST(refusing_survives_every_failed_allocation)
{
        warm_up();
        long live = failing_live();
        struct shared *value = NULL;
        int n = 1, r;
        for (; failing_begin(n), r = shared_decode(bad, strlen(bad), &value), failing_end(); n++) {
                CHECK(r < 0 && value == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK_INT(r, -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "on: 7 is not true or false");
}

PLAIN_TEST(encoding_survives_every_failed_allocation)
{
        warm_up();
        struct shared value = { .name = "bob\n\"", .count = 1, .ratio = 0.1, .pause = 5, .token = "abcdef" };
        long live = failing_live();
        char *text = NULL;
        int n = 1, r;
        for (; failing_begin(n), r = shared_encode(&value, &text), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(text == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 1 || test_is_slow());
        CHECK(r > 0);
        free(text);
        CHECK_INT(failing_live(), live);
}

/* ------------------------------------------------------------------ all kinds */

static const char everything[] =
        "{\"text\":\"\\u00e9\",\"data\":\"aGk=\",\"whole\":1,\"count\":2,\"real\":0.1234567890123456789,\"flag\":true,\"pause\":"
        "\"5s\","
        "\"limit\":\"1KiB\",\"when\":\"2026-11-21T10:04:28Z\",\"raw\":[{\"a\":1,\"\\u0062\":2}],\"the mood\":\"cross\","
        "\"item\":{\"name\":\"x\",\"stock\":1},\"tree\":{\"children\":[{},{},{},{},{},{}]},\"nick\":\"nick\",\"key\":\"aGk=\","
        "\"level\":1,"
        "\"spare\":{},\"aliases\":[\"a\",\"b\"],\"extra\":{\"k\":[]},\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\"],\"gaps\":[1,null],"
        "\"rows\":[[1],[2,3]],\"times\":[],\"labels\":{\"a\":\"b\",\"\\u0063\":\"d\"},\"shelf\":{\"x\":{\"price\":2}},"
        "\"moods\":{\"m\":[\"calm\",null]},\"unknown\":{\"p\":[1,2]},\"more\":null}";
static const char everything_wrong[] = "{\"text\":1,\"data\":\"a\",\"whole\":\"\\u0078\",\"count\":-2,\"real\":[{\"a\":1,\"a\":2}],"
                                       "\"the mood\":\"none\",\"nick\":\"xxx\","
                                       "\"item\":{\"nam\":\"x\",\"stock\":-7},\"items\":[{\"price\":-1},7],\"labels\":{\"a\":1,"
                                       "\"a\":\"\\u0000\"},\"token\":\"***\","
                                       "\"moods\":{\"\\u0000\":[]},\"more\":[,]}";

static void warm_up_all(void) /* the pattern is compiled once and kept */
{
        struct all *all = NULL;
        char *text = NULL;
        REQUIRE_INT(all_decode(everything, strlen(everything), &all), 0);
        REQUIRE(all_encode(all, &text) > 0);
        free(text);
        all_free(all);
        CHECK_INT(all_decode(everything_wrong, strlen(everything_wrong), &all), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "more[0]: expected a value");
        aeon_error_clear();
}

PLAIN_TEST(reading_all_kinds_survives_every_failed_allocation)
{
        warm_up_all();
        long live = failing_live();
        struct all *all = NULL;
        int n = 1, r;
        for (; failing_begin(n), r = all_decode(everything, strlen(everything), &all), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(all == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 6 || test_is_slow());
        CHECK_INT(r, 0);
        all_free(all);
        CHECK_INT(failing_live(), live);
}

PLAIN_TEST(refusing_all_kinds_survives_every_failed_allocation)
{
        warm_up_all();
        long live = failing_live();
        struct all *all = NULL;
        int n = 1, r;
        for (; failing_begin(n), r = all_decode(everything_wrong, strlen(everything_wrong), &all), failing_end(); n++) {
                CHECK(r < 0 && all == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 20 || test_is_slow());
        CHECK_INT(r, -EBADMSG);
        aeon_error_clear();
        CHECK_INT(failing_live(), live);
}

PLAIN_TEST(one_failed_allocation_of_many_is_told_as_such)
{
        warm_up_all();
        long live = failing_live();
        struct all *all = NULL;
        int n = 1, r;
        for (; failing_once(n), r = all_decode(everything_wrong, strlen(everything_wrong), &all), failing_end(); n++) {
                CHECK(r == -ENOMEM || r == -EBADMSG);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK_INT(r, -EBADMSG);
}

PLAIN_TEST(writing_all_kinds_survives_every_failed_allocation)
{
        warm_up_all();
        struct all *all = NULL;
        char *text = NULL;
        REQUIRE_INT(all_decode(everything, strlen(everything), &all), 0);
        long live = failing_live();
        int n = 1, r;
        for (; failing_begin(n), r = all_encode(all, &text), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(text == NULL);
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
        }
        CHECK(n > 4 || test_is_slow());
        CHECK(r > 0);
        free(text);
        CHECK_INT(failing_live(), live);
        all_free(all);
}
