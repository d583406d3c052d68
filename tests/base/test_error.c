/* Error texts: a literal code begins, a variable adds. */
#include "harness.h"

#include <aeon/error.h>
#include <pthread.h>

static int inner(void)
{
        return aeon_fail(-ENOENT, "user %d", 17);
}

PLAIN_TEST(a_literal_code_begins_a_new_error)
{
        CHECK_INT(inner(), -ENOENT);
        CHECK_STR(aeon_error_text(), "user 17");
        CHECK_INT(aeon_fail(-ENOENT, "other"), -ENOENT);
        CHECK_STR(aeon_error_text(), "other");
}

PLAIN_TEST(a_code_in_a_variable_adds_to_the_chain)
{
        int r = inner();
        CHECK_INT(aeon_fail(r, "session %s", "bob"), -ENOENT);
        CHECK_STR(aeon_error_text(), "session bob: user 17");
        CHECK_CONTAINS(aeon_error_where(), "test_error.c:");
}

PLAIN_TEST(a_variable_with_another_code_begins_anew_and_says_what_it_means)
{
        inner();
        int r = -EACCES;
        CHECK_INT(aeon_fail(r, "open %s", "x"), -EACCES);
        CHECK_STR(aeon_error_text(), "open x: Permission denied");
}

PLAIN_TEST(a_code_of_the_system_never_adds_to_a_stale_text)
{
        inner();
        int r = -ENOENT;
        CHECK_INT(aeon_fail_os(r, "open %s", "x"), -ENOENT);
        CHECK_STR(aeon_error_text(), "open x: No such file or directory");
}

PLAIN_TEST(describe_prefers_the_words)
{
        inner();
        CHECK_STR(aeon_error_describe(-ENOENT), "user 17");
        CHECK_STR(aeon_error_describe(-EIO), "Input/output error");
        CHECK_STR(aeon_strerror(AEON_EOF), "end of channel");
        aeon_error_clear();
        CHECK_STR(aeon_error_text(), "");
}

PLAIN_TEST(a_chain_that_grows_for_ever_is_cut)
{
        int r = inner();
        for (int i = 0; i < 10000; i++)
                r = aeon_fail(r, "layer %d", i);
        CHECK_INT(r, -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "layer 9999: layer 9998");
}

static void *fail_elsewhere(void *arg)
{
        (void)arg;
        CHECK_STR(aeon_error_text(), "");
        CHECK_INT(aeon_fail(-EIO, "elsewhere"), -EIO);
        CHECK_STR(aeon_error_text(), "elsewhere");
        return NULL; /* and its words with it: a leak checker sees to that */
}

PLAIN_TEST(the_words_of_a_thread_are_its_own_and_end_with_it)
{
        pthread_t thread;
        inner();
        REQUIRE_INT(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
        pthread_join(thread, NULL);
        CHECK_STR(aeon_error_text(), "user 17");
}
