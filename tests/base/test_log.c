/* The logger: escapes and levels; its lines are seen from outside in the cli tests. */
#include "base/log.h"
#include "harness.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

PLAIN_TEST(json_strings_are_utf8_whatever_the_data)
{
        char out[64];
        aeon__json_escape(out, sizeof out,
                          "\xff"
                          "a\xc2\x9b\xc3\xa9",
                          6);
        CHECK_STR(out, "\\ufffda\\u009b\xc3\xa9");
}

PLAIN_TEST(a_part_of_the_program_has_its_own_level)
{
        CHECK_INT(aeon_log_set_levels("warning,broker=debug,redis=off,mail=info"), 0);
        CHECK(!aeon_log_enabled_at(AEON_LOG_INFO, "../src/http/admin.c:3"));
        CHECK(aeon_log_enabled_at(AEON_LOG_DEBUG, "../src/broker/dispatch.c:3"));
        CHECK(!aeon_log_enabled_at(AEON_LOG_ERROR, "../src/broker/redis/link.c:3"));
        CHECK(aeon_log_enabled_at(AEON_LOG_INFO, "mail.c:3"));
        CHECK(!aeon_log_enabled_at(AEON_LOG_INFO, "mailer.c:3"));
        char text[128];
        CHECK_STR(aeon__log_levels_text(text, sizeof text), "warning,broker=debug,redis=off,mail=info");
}

PLAIN_TEST(levels_that_cannot_be_read_change_nothing)
{
        CHECK_INT(aeon_log_set_levels("debug,broker=loud"), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "\"loud\" is no log level");
        CHECK_INT(aeon_log_set_levels("=debug"), -EINVAL);
        CHECK(!aeon_log_enabled(AEON_LOG_DEBUG));
}

PLAIN_TEST(data_cannot_forge_a_line_nor_steer_a_terminal)
{
        test_stderr_begin();
        aeon_log_info("name %s", "x\n00:00:00.000 error forged \x1b[2J\xff");
        CHECK_CONTAINS(test_stderr(), "name x\n    00:00:00.000 error forged \\x1b[2J\\xff\n");
        test_stderr_end();
}

PLAIN_TEST(a_line_has_fields_of_its_own)
{
        const aeon_log_field fields[] = { { "destination", "a b", 0 }, { "attempt", NULL, 2 }, { "id", "taken", 0 }, { 0 } };
        test_stderr_begin();
        aeon_log_fields(AEON_LOG_INFO, fields, "handled");
        CHECK_CONTAINS(test_stderr(), "handled destination=\"a b\" attempt=2\n");
        aeon_log_set_format(AEON_LOG_JSON);
        aeon_log_fields(AEON_LOG_INFO, fields, "handled");
        CHECK_CONTAINS(test_stderr(), "\"message\":\"handled\",\"destination\":\"a b\",\"attempt\":2}\n");
        test_stderr_end();
}

/* Nobody reads the pipe: each call returns all the same. */
PLAIN_TEST(a_full_pipe_drops_lines_and_tells_when_it_flows_again)
{
        int ends[2], saved = dup(STDERR_FILENO);
        REQUIRE_INT(pipe(ends), 0);
        dup2(ends[1], STDERR_FILENO);
        for (int i = 0; i < 5000; i++)
                aeon_log_info("a line that is about as long as lines are, number %d", i);
        uint64_t lost = aeon__log_dropped();
        static char bytes[1 << 20];
        ssize_t n = read(ends[0], bytes, sizeof bytes - 1);
        aeon_log_info("it flows");
        n += read(ends[0], bytes + n, sizeof bytes - 1 - (size_t)n);
        dup2(saved, STDERR_FILENO);
        CHECK(lost > 0);
        char told[64];
        snprintf(told, sizeof told, "%llu log lines were lost", (unsigned long long)lost);
        bytes[n] = '\0';
        CHECK_CONTAINS(bytes, told);
        CHECK_CONTAINS(bytes, "it flows\n");
        CHECK_INT(aeon__log_dropped(), lost);
}

PLAIN_TEST(the_journal_gets_native_fields)
{
        int journal = socket(AF_UNIX, SOCK_DGRAM, 0), stream[2];
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof address.sun_path, "%s", test_path("journal"));
        REQUIRE_INT(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
        REQUIRE_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
        struct stat status;
        REQUIRE_INT(fstat(stream[0], &status), 0);
        char name[64], got[4096];
        snprintf(name, sizeof name, "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
        setenv("JOURNAL_STREAM", name, 1);
        setenv("AEON_JOURNAL_SOCKET", address.sun_path, 1);
        int saved = dup(STDERR_FILENO);
        dup2(stream[0], STDERR_FILENO);
        aeon_log_fields(AEON_LOG_WARNING, ((const aeon_log_field[]){ { "order", "41", 0 }, { 0 } }), "two\nlines");
        dup2(saved, STDERR_FILENO);
        ssize_t n = recv(journal, got, sizeof got, MSG_DONTWAIT);
        REQUIRE(n > 0);
        CHECK(!memcmp(got, "MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=4\n", 8 + 8 + 10 + 11));
        CHECK(memmem(got, (size_t)n, "\nORDER=41\n", 10));
        CHECK(memmem(got, (size_t)n, "test_log.c\nCODE_LINE=", 21));
        test_stderr_begin(); /* stderr leads elsewhere now */
        aeon_log_warning("here");
        CHECK_CONTAINS(test_stderr(), "here");
        test_stderr_end();
}
