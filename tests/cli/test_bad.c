/* What goes wrong from outside: each case is named in words, ends (or lives on) as it should, and leaves no core. */
#include "program.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

PLAIN_TEST(bad_broker_scheme_is_named_with_the_nearest)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("predict.c"), "--broker", "sqlit:./q.db", "--admin", "off"), 1);
        CHECK_CONTAINS(output, "sqlit");
        CHECK_CONTAINS(output, "did you mean");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlit:./q.db", "test", "{}"), 1);
        CHECK_CONTAINS(output, "aeon publish: ");
        CHECK_CONTAINS(output, "did you mean");
}

PLAIN_TEST(bad_queue_path_is_named)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("predict.c"), "--broker", "sqlite:/proc/no/q.db", "--admin", "off"), 1);
        CHECK_CONTAINS(output, "/proc/no/q.db");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:/proc/no/q.db", "test", "{}"), 1);
        CHECK_CONTAINS(output, "/proc/no/q.db");
        test_write_file(test_path("letter.db"),
                        "Dear reader, this file is a letter and not a database at all. It is long enough to be one, though.\n");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:letter.db", "test", "{}"), 1);
        CHECK_CONTAINS(output, "letter.db");
}

PLAIN_TEST(bad_port_that_is_taken_is_named)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &size) == 0);
        char taken[32];
        const char *output;
        snprintf(taken, sizeof taken, "127.0.0.1:%d", ntohs(address.sin_port));
        CHECK_INT(RUN_AEON(&output, "run", service("hooks.c"), "--admin", taken), 1);
        CHECK_CONTAINS(output, taken);
        CHECK_CONTAINS(output, "in use");
        CHECK_INT(count_lines(output, "startup1 env=none"), 0);
        close(fd);
}

PLAIN_TEST(bad_flags_of_run_end_before_anything_starts)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("hooks.c"), "--loops", "many"), 2);
        CHECK_CONTAINS(output, "aeon run: --loops: \"many\" is not");
        CHECK_INT(RUN_AEON(&output, "run", service("hooks.c"), "--graceful-timeout"), 2);
        CHECK_CONTAINS(output, "--graceful-timeout needs a value");
        CHECK_INT(RUN_AEON(&output, "run", service("hooks.c"), "--admin", "nonsense"), 1);
        CHECK_CONTAINS(output, "nonsense");
        CHECK(!strstr(output, "startup1"));
}

/* ------------------------------------------------------------------ hooks */

PLAIN_TEST(bad_hook_that_hangs_is_cancelled_by_a_signal)
{
        struct process *p = AEON("run", service("hang.c"), "--admin", "off");
        REQUIRE(process_await(p, "hanging\n", 20));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
        CHECK_INT(count_lines(process_output(p), "this must not run"), 0);
}

PLAIN_TEST(bad_hook_that_blocks_its_thread_ends_with_the_third_signal)
{
        struct process *p = AEON("run", service("hang.c"), "--how", "thread", "--admin", "off");
        REQUIRE(process_await(p, "hanging\n", 20));
        for (int i = 0; i < 3; i++) {
                process_signal(p, SIGTERM);
                usleep(200000); /* signals that come together are one */
        }
        CHECK_INT(process_wait(p, 10), 128 + SIGTERM);
        CHECK_INT(count_lines(process_output(p), "this must not run"), 0);
}

/* ------------------------------------------------------------------ messages */

PLAIN_TEST_WITHIN(bad_handler_that_crashes_is_named, 60)
{
        const char *output;
        setenv("ASAN_OPTIONS", "handle_segv=0", 1); /* the address sanitizer would end it with a code of its own */
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "test", "{}"), 0);
        struct process *p = AEON("run", service("crash.c"), "--admin", "off");
        CHECK_INT(process_wait(p, 30), 128 + SIGSEGV);
        CHECK_CONTAINS(process_output(p), "in task \"crash\"");                            /* the handler's name */
        CHECK_INT(RUN_AEON(&output, "consume", "sqlite:./q.db", "test", "--max", "1"), 0); /* it is not lost */
        CHECK_STR(output, "{}\n");
}

PLAIN_TEST_WITHIN(bad_message_is_put_aside_and_the_service_lives_on, 60)
{
        const char *output;
        struct process *p = AEON("run", service("predict.c"), "--admin", "off");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "test", "{\"x\": 1"), 0);
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "test", "{\"x\": \"two\"}"), 0);
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "test", "{\"x\": 2}", "--rpc", "--timeout", "20s"), 0);
        CHECK_STR(output, "{\"result\":84.0}\n");
        CHECK_INT(RUN_AEON(&output, "consume", "sqlite:./q.db", "test.dead", "--max", "2"), 0);
        CHECK_INT(count_lines(output, "{\"x\": 1"), 1);
        CHECK_INT(count_lines(output, "{\"x\": \"two\"}"), 1);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}

PLAIN_TEST_WITHIN(bad_body_above_the_limit_is_refused, 60)
{
        const char *output;
        char command[4400];
        struct process *p = AEON("run", service("small.c"), "--admin", "off");
        snprintf(command, sizeof command, "head -c 100 /dev/zero | '%s' publish sqlite:./q.db test - --rpc --timeout 20s",
                 aeon_program());
        CHECK_INT(RUN(&output, "sh", "-c", command), 0);
        CHECK_STR(output, "100\n");
        snprintf(command, sizeof command, "head -c 101 /dev/zero | '%s' publish sqlite:./q.db test - --rpc", aeon_program());
        CHECK_INT(RUN(&output, "sh", "-c", command), 1);
        CHECK_CONTAINS(output, "aeon publish: ");
        CHECK_CONTAINS(output, "100");
        snprintf(command, sizeof command, "head -c 17000000 /dev/zero | '%s' publish sqlite:./q.db test -", aeon_program());
        CHECK_INT(RUN(&output, "sh", "-c", command), 1); /* above what any broker takes */
        CHECK_CONTAINS(output, "16777216");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "test", "short", "--rpc"), 0);
        CHECK_STR(output, "5\n");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}
