/* Memory that runs out anywhere in decoding and encoding: a code, nothing leaked. */
#include "harness.h"

#include "failing.h"
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
