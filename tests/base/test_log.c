/* The logger: escapes and levels; its lines are seen from outside in the cli tests. */
#include "base/log.h"
#include "harness.h"

#include <string.h>

PLAIN_TEST(json_strings_are_escaped_and_cut_whole)
{
        char out[16];
        CHECK_INT(aeon__json_escape(out, sizeof out, "a\"b\\c\n", 6), 9);
        CHECK_STR(out, "a\\\"b\\\\c\\n");
        CHECK_INT(aeon__json_escape(out, 7, "abcde\n", 6), 5);
        CHECK_STR(out, "abcde");
        CHECK_INT(aeon__json_escape(out, 7, "\x01\x01", 2), 6);
        CHECK_STR(out, "\\u0001");
}

PLAIN_TEST(levels_below_the_threshold_are_off)
{
        CHECK(!aeon_log_enabled(AEON_LOG_DEBUG));
        CHECK(aeon_log_enabled(AEON_LOG_INFO));
        aeon_log_set_level(AEON_LOG_OFF);
        CHECK(!aeon_log_enabled(AEON_LOG_ERROR));
}
