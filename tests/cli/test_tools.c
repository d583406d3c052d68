/* The commands for people and containers: help, publish, consume, probe, new, and the examples. */
#include "program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

PLAIN_TEST(help_is_there_for_every_command)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "help"), 0);
        static const char *const commands[] = { "run", "publish", "consume", "probe", "health", "tasks", "new", "docs" };
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
                char usage[64];
                CHECK_CONTAINS(output, commands[i]);
                snprintf(usage, sizeof usage, "Usage: aeon %s ", commands[i]);
                const char *of_command;
                CHECK_INT(RUN_AEON(&of_command, commands[i], "--help"), 0);
                CHECK_CONTAINS(of_command, usage);
                CHECK_CONTAINS(of_command, "Example: aeon");
                CHECK_INT(RUN_AEON(&of_command, "help", commands[i]), 0);
                CHECK_CONTAINS(of_command, usage);
        }
        CHECK_INT(RUN_AEON(&output, "--version"), 0);
        CHECK(!strncmp(output, "aeon ", 5));
}

PLAIN_TEST(bad_usage_is_exit_code_two)
{
        const char *output;
        CHECK_INT(RUN(&output, aeon_program()), 2);
        CHECK_CONTAINS(output, "Usage: aeon COMMAND");
        CHECK_INT(RUN_AEON(&output, "publsh", "x"), 2);
        CHECK_CONTAINS(output, "did you mean publish?");
        CHECK_INT(RUN_AEON(&output, "publish", "u", "d", "b", "--rcp"), 2);
        CHECK_CONTAINS(output, "did you mean --rpc?");
        CHECK_INT(RUN_AEON(&output, "publish", "u", "d"), 2);
        CHECK_CONTAINS(output, "too few arguments");
        CHECK_INT(RUN_AEON(&output, "consume", "u", "d", "--max", "0"), 2);
        CHECK_CONTAINS(output, "--max");
        CHECK_INT(RUN_AEON(&output, "publish", "u", "d", "b", "--header", "novalue"), 2);
        CHECK_CONTAINS(output, "\"novalue\" is not K=V");
}

PLAIN_TEST(arguments_of_the_app_reach_it)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", "--loops", "2", service("arguments.c"), "--color", "red", "--admin", "off", "--flag"),
                  0);
        CHECK_INT(count_lines(output, "loops=2 name=arguments color=red flag=true"), 1);
        CHECK_INT(RUN_AEON(&output, "run", service("arguments.c"), "--admin", "off", "--no-flag", "--loop", "2"), 0);
        CHECK_CONTAINS(output, "did you mean --loops?");
        CHECK_INT(count_lines(output, "loops=1 name=arguments color=none flag=false"), 1);
        CHECK_INT(RUN_AEON(&output, "run", "--color", "red", service("arguments.c")), 2);
        CHECK_CONTAINS(output, "app arguments come after the module");
}

PLAIN_TEST(program_of_its_own_takes_the_same_flags)
{
        const char *output;
        char command[8192];
        aeon_program();
        snprintf(command, sizeof command,
                 "PKG_CONFIG_PATH='%s/meson-uninstalled' && export PKG_CONFIG_PATH && "
                 "cc -Wall -Wextra -Wpedantic -Werror -std=c11 '%s' -o arguments $(pkg-config --cflags --libs aeon)",
                 getenv("LD_LIBRARY_PATH"), service("arguments.c"));
        REQUIRE_INT(RUN(&output, "sh", "-c", command), 0);
        CHECK_INT(RUN(&output, "./arguments", "--loops=3", "--color=a=b", "--admin", "off"), 0);
        CHECK_INT(count_lines(output, "loops=3 name=arguments color=a=b flag=none"), 1);
        CHECK_INT(RUN(&output, "./arguments", "--help"), 0);
        CHECK_CONTAINS(output, "Usage: arguments [flags] [app arguments]");
        CHECK_INT(RUN(&output, "./arguments", "--loops", "-1"), 2);
        CHECK_CONTAINS(output, "arguments: --loops: \"-1\" is not");
}

/* ------------------------------------------------------------------ publish, consume */

PLAIN_TEST(publish_and_consume_carry_bodies_in_order)
{
        const char *output;
        char command[4400];
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "letters", "first", "--header", "tenant=7"), 0);
        CHECK_STR(output, "");
        snprintf(command, sizeof command, "printf second | '%s' publish sqlite:./q.db letters -", aeon_program());
        CHECK_INT(RUN(&output, "sh", "-c", command), 0);
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "letters", ""), 0);
        CHECK_INT(RUN_AEON(&output, "consume", "sqlite:./q.db", "letters", "--max", "2"), 0);
        CHECK_STR(output, "first\nsecond\n");
        CHECK_INT(RUN_AEON(&output, "consume", "sqlite:./q.db", "letters", "--max", "1"), 0);
        CHECK_STR(output, "\n");
}

PLAIN_TEST(consume_ends_at_a_signal_and_gives_the_rest_back)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "letters", "one"), 0);
        struct process *p = AEON("consume", "sqlite:./q.db", "letters");
        REQUIRE(process_await(p, "one\n", 10));
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "letters", "two"), 0);
        REQUIRE(process_await(p, "two\n", 10));
        process_signal(p, SIGINT);
        CHECK_INT(process_wait(p, 10), 0);
        CHECK_STR(process_output(p), "one\ntwo\n");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "letters", "three"), 0);
        CHECK_INT(RUN_AEON(&output, "consume", "sqlite:./q.db", "letters", "--max", "1"), 0);
        CHECK_STR(output, "three\n");
}

PLAIN_TEST(consume_keeps_what_its_reader_did_not_take)
{
        const char *output;
        char command[4400];
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "letters", "kept"), 0);
        snprintf(command, sizeof command, "'%s' consume sqlite:./q.db letters --max 1 > /dev/full", aeon_program());
        CHECK_INT(RUN(&output, "sh", "-c", command), 1);
        CHECK_CONTAINS(output, "standard output: No space left on device");
        CHECK_INT(RUN_AEON(&output, "consume", "sqlite:./q.db", "letters", "--max", "1"), 0);
        CHECK_STR(output, "kept\n");
}

PLAIN_TEST(publish_that_nobody_answers_times_out_by_name)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "nobody", "{}", "--rpc", "--timeout", "200ms"), 1);
        CHECK_STR(output, "aeon publish: no reply from nobody within 0.2s\n");
}

/* ------------------------------------------------------------------ probe */

PLAIN_TEST(probe_follows_the_life_of_an_app)
{
        const char *output;
        char address[32], url[64];
        snprintf(address, sizeof address, "127.0.0.1:%d", test_free_port());
        snprintf(url, sizeof url, "http://%s", address);
        CHECK_INT(RUN_AEON(&output, "probe", "live", url), 1);
        CHECK_CONTAINS(output, "Connection refused");

        struct process *p = AEON("run", service("hooks.c"), "--admin", address, "--drain-delay", "30s");
        REQUIRE(process_await(p, "\nready\n", 20));
        CHECK_INT(RUN_AEON(&output, "probe", "live", url), 0);
        CHECK_STR(output, "");
        CHECK_INT(RUN_AEON(&output, "probe", "startup", address), 0);
        CHECK_INT(RUN_AEON(&output, "probe", "ready", address, "-v"), 0);
        CHECK_CONTAINS(output, "HTTP/1.1 200");
        process_signal(p, SIGTERM);
        for (int i = 0; i < 500 && RUN_AEON(&output, "probe", url) == 0; i++)
                usleep(10000);
        CHECK_INT(RUN_AEON(&output, "probe", url), 1); /* draining: not ready, but live */
        CHECK_CONTAINS(output, "HTTP/1.1 503");
        CHECK_INT(RUN_AEON(&output, "probe", "live", url), 0);
        process_signal(p, SIGTERM); /* the second one waits no longer */
        CHECK_INT(process_wait(p, 15), 0);
}

PLAIN_TEST(health_is_a_table_of_components)
{
        const char *output;
        struct process *p = AEON("run", service("state.c"), "--admin", "unix:admin.sock");
        REQUIRE(process_await(p, "is ready", 20));
        test_write_file(test_path("state"), "ok");
        for (int i = 0; i < 500 && RUN_AEON(&output, "health", "unix:admin.sock") != 0; i++)
                usleep(10000);
        CHECK_CONTAINS(output, "healthy\ncomponent  status        latency     since  impact     error\nstate      healthy");
        test_write_file(test_path("state"), "down");
        for (int i = 0; i < 500 && RUN_AEON(&output, "health", "unix:admin.sock") == 0; i++)
                usleep(10000);
        CHECK_INT(RUN_AEON(&output, "health", "unix:admin.sock"), 1);
        CHECK_CONTAINS(output, "unhealthy\ncomponent");
        CHECK_CONTAINS(output, "critical   ");
        CHECK_INT(RUN_AEON(&output, "health", "unix:admin.sock", "--json"), 1);
        CHECK_CONTAINS(output, "{\"status\":\"unhealthy\",\"components\":[{\"name\":\"state\"");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
        CHECK_INT(RUN_AEON(&output, "health", "unix:admin.sock"), 1);
        CHECK_CONTAINS(output, "Connection refused");
}

PLAIN_TEST(probe_of_a_socket_file_and_of_nonsense)
{
        const char *output;
        struct process *p = AEON("run", service("hooks.c"), "--admin", "unix:admin.sock");
        REQUIRE(process_await(p, "\nready\n", 20));
        CHECK_INT(RUN_AEON(&output, "probe", "live", "unix:admin.sock"), 0);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
        CHECK_INT(RUN_AEON(&output, "probe", "live", "unix:admin.sock"), 1);
        CHECK_INT(RUN_AEON(&output, "probe", "alive"), 2);
        CHECK_CONTAINS(output, "\"alive\" is none of live, ready, startup");
        CHECK_INT(RUN_AEON(&output, "probe", "live", "somewhere"), 2);
        CHECK_CONTAINS(output, "not an address");
}

/* ------------------------------------------------------------------ new */

/* `make test` in the project @name. */
static int make_test(const char **ret_output, const char *name)
{
        char command[8192];
        const char *build = getenv("LD_LIBRARY_PATH");
        snprintf(command, sizeof command,
                 "PKG_CONFIG_PATH='%s/meson-uninstalled' PATH='%s/src/cli':$PATH && export PKG_CONFIG_PATH PATH && cd %s && "
                 "make test",
                 build, build, name);
        return RUN(ret_output, "sh", "-c", command);
}

PLAIN_TEST_WITHIN(new_project_builds_and_passes_its_test, 90)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "new", "words"), 0);
        CHECK_CONTAINS(output, "make test");
        CHECK_INT(make_test(&output, "words"), 0);
        CHECK_INT(count_lines(output, "ok words_are_counted"), 1);
        CHECK(!strstr(output, "warning:"));

        struct process *p = process_start(test_path("words"),
                                          (const char *const[]){ aeon_program(), "run", "words.c", "--admin", "off", NULL });
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:words/words.db", "count", "{\"text\": \" a  b\"}", "--rpc", "--timeout",
                           "20s"),
                  0);
        CHECK_STR(output, "{\"words\":2}\n");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}

PLAIN_TEST(new_refuses_folders_that_exist_and_bad_names)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "new", "words"), 0);
        test_write_file(test_path("words/words.c"), "mine");
        CHECK_INT(RUN_AEON(&output, "new", "words"), 2);
        CHECK_CONTAINS(output, "words is there already");
        char *kept = test_read_file(test_path("words/words.c"));
        CHECK_STR(kept, "mine");
        free(kept);
        static const char *const names[] = { "", "a b", "../up", "-x", "1st", "a/b", "$(x)" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                CHECK_INT(RUN_AEON(&output, "new", "--", names[i]), 2);
        CHECK_CONTAINS(output, "is no name");
        CHECK_INT(RUN_AEON(&output, "new", "other", "--broker", "pigeons"), 2);
        CHECK_CONTAINS(output, "\"pigeons\" is not sqlite|redis");
}
