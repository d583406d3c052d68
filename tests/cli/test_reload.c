/* `--reload`: what has changed is built and runs, and what does not build changes nothing. */
#include "program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG 120 /* seconds; a busy machine compiles slowly */

static int port;

static const char service_text[] =
        "#include <aeon.h>\n"
        "#include <stdio.h>\n"
        "#include \"words.h\"\n"
        "#define SETTINGS(F) F(str, name, .def = \"nobody\")\n"
        "AEON_RECORD(settings, SETTINGS);\n"
        "static int setup(aeon_app *app)\n"
        "{\n"
        "        struct settings *s;\n"
        "        int r = settings_load(app, &s, NULL);\n"
        "        return r < 0 ? r : (printf(\"%%s, %%s, %%s.\\n\", \"%s\", WORD, s->name), fflush(stdout), 0);\n"
        "}\n"
        "static int hello(aeon_request *req)\n"
        "{\n"
        "        return aeon_reply_text(req, 200, \"%s\");\n"
        "}\n"
        "AEON_APP(app)\n"
        "{\n"
        "        aeon_on_startup(app, setup);\n"
        "        aeon_http_listen(app, &(aeon_http_opts){ .port = %d });\n"
        "        aeon_route(app, \"GET /\", hello, NULL);\n"
        "}\n";

/* As editors do: a new file, renamed into place. */
static void save(const char *name, const char *text)
{
        test_write_file(test_path("%s.new", name), text);
        REQUIRE(rename(test_path("%s.new", name), test_path("%s", name)) == 0);
}

static void save_service(const char *greeting)
{
        char text[2048];
        snprintf(text, sizeof text, service_text, greeting, greeting, port);
        save("greeter.c", text);
}

static struct process *start(void)
{
        port = test_free_port();
        save("words.h", "#define WORD \"world\"\n");
        save_service("hello");
        struct process *p = AEON("run", "greeter.c", "--reload", "--admin", "off");
        REQUIRE(process_await(p, "hello, world, nobody.", LONG));
        REQUIRE(process_await(p, "(1 worker)", LONG));
        return p;
}

static const char *greeting(void)
{
        const char *body = "nobody answers";
        test_http_get(port, "/", &body);
        return body;
}

static void stop(struct process *p)
{
        process_signal(p, SIGINT);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_changed_source_is_built_and_runs, 200)
{
        struct process *p = start();
        save_service("welcome");
        CHECK(process_await(p, "welcome, world, nobody.", LONG));
        CHECK(process_await(p, "reloaded", LONG));
        CHECK_CONTAINS(process_output(p), "greeter.c has changed");
        CHECK_STR(greeting(), "welcome");
        stop(p);
}

PLAIN_TEST_WITHIN(a_changed_header_counts, 200)
{
        struct process *p = start();
        save("words.h", "#define WORD \"moon\"\n");
        CHECK(process_await(p, "hello, moon, nobody.", LONG));
        stop(p);
}

PLAIN_TEST_WITHIN(a_file_that_is_written_in_place_counts, 200)
{
        struct process *p = start();
        test_write_file(test_path("words.h"), "#define WORD \"sun\"\n");
        CHECK(process_await(p, "hello, sun, nobody.", LONG));
        stop(p);
}

PLAIN_TEST_WITHIN(a_dotenv_that_is_made_later_counts, 200)
{
        struct process *p = start();
        save(".env", "NAME=somebody\n");
        CHECK(process_await(p, "hello, world, somebody.", LONG));
        stop(p);
}

PLAIN_TEST_WITHIN(what_does_not_build_leaves_the_old_one_and_says_why, 200)
{
        struct process *p = start();
        save("words.h", "#define WORD world\n");
        CHECK(process_await(p, "could not start: it ended with code 2; the old one goes on", LONG));
        CHECK_CONTAINS(process_output(p), "error:"); /* the compiler's */
        CHECK_CONTAINS(process_output(p), "greeter.c did not compile");
        CHECK_STR(greeting(), "hello");
        save("words.h", "#define WORD \"again\"\n");
        CHECK(process_await(p, "hello, again, nobody.", LONG));
        stop(p);
}

PLAIN_TEST_WITHIN(a_header_that_only_a_broken_build_wants_counts, 200)
{
        struct process *p = start();
        save("words.h", "#include \"more.h\"\n");
        CHECK(process_await(p, "the old one goes on", LONG));
        save("more.h", "#define WORD \"more\"\n");
        CHECK(process_await(p, "hello, more, nobody.", LONG));
        stop(p);
}

PLAIN_TEST_WITHIN(a_first_start_that_fails_waits_for_a_change, 200)
{
        port = test_free_port();
        save("words.h", "#define WORD \"world\"\n");
        save_service("hello");
        save(".env", "NAME='unclosed\n");
        char text[2048];
        snprintf(text, sizeof text, service_text, "hello", "hello", port);
        char *strict = strstr(text, "&s, NULL");
        memcpy(strict, "&s, OPTS", 8);
        save("greeter.c", text);
        save("words.h", "#define WORD \"world\"\n#define OPTS &(aeon_settings_opts){ .strict = true }\n");
        struct process *p = AEON("run", "greeter.c", "--reload", "--admin", "off");
        CHECK(process_await(p, "could not start: it ended with code 2; waiting for a change", LONG));
        save(".env", "NAME=closed\n");
        CHECK(process_await(p, "hello, world, closed.", LONG));
        stop(p);
}

/* As its Makefile would: a new file, renamed into place. */
static void make_program(const char *greeting)
{
        char text[2048], command[2048];
        const char *output, *build = getenv("LD_LIBRARY_PATH");
        snprintf(text, sizeof text, service_text, greeting, greeting, port);
        strcat(text, "AEON_MAIN(app);\n");
        save("program.c", text);
        snprintf(command, sizeof command,
                 "PKG_CONFIG_PATH='%s/meson-uninstalled' && export PKG_CONFIG_PATH && "
                 "cc -std=gnu11 program.c -o program.new $(pkg-config --cflags --libs aeon) && mv program.new program",
                 build);
        REQUIRE_INT(RUN(&output, "sh", "-c", command), 0);
}

PLAIN_TEST_WITHIN(a_program_of_its_own_is_started_again_when_it_is_made_anew, 200)
{
        aeon_program(); /* for the environment */
        port = test_free_port();
        save("words.h", "#define WORD \"world\"\n");
        make_program("hello");
        struct process *p = PROCESS("./program", "--reload", "--admin", "off");
        REQUIRE(process_await(p, "hello, world, nobody.", LONG));
        REQUIRE(process_await(p, "(1 worker)", LONG));
        make_program("welcome");
        CHECK(process_await(p, "welcome, world, nobody.", LONG));
        stop(p);
}
