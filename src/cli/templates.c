/* What `aeon new` writes: a service that counts words, on the embedded queue. */
#include "cli/templates.h"

#include <stddef.h>

static const char service[] =
        "/* @NAME@: counts the words of a text. README.md tells how to run it. */\n"
        "#include <aeon.h>\n"
        "#include <ctype.h>\n"
        "\n"
        "#define SETTINGS(F) F(str, queue, .def = \"@QUEUE@\", .doc = \"broker URL\")\n"
        "AEON_RECORD(settings, SETTINGS);\n"
        "\n"
        "#define QUESTION(F) F(str, text)\n"
        "AEON_RECORD(question, QUESTION);\n"
        "#define ANSWER(F) F(i64, words)\n"
        "AEON_RECORD(answer, ANSWER);\n"
        "\n"
        "static int setup(aeon_app *app)\n"
        "{\n"
        "        struct settings *s;\n"
        "        int r = settings_load(app, &s, &(aeon_settings_opts){ .env_file = aeon_app_arg(app, \"env\", \".env\") });\n"
        "        if (r < 0)\n"
        "                return r;\n"
        "        return aeon_broker_set_url(aeon_app_broker(app), s->queue);\n"
        "}\n"
        "\n"
        "static int count(const struct question *in, struct answer *out)\n"
        "{\n"
        "        int inside = 0;\n"
        "        for (const char *p = in->text; *p; p++) {\n"
        "                int letter = !isspace((unsigned char)*p);\n"
        "                out->words += letter && !inside;\n"
        "                inside = letter;\n"
        "        }\n"
        "        return 0;\n"
        "}\n"
        "AEON_HANDLER(count, question, answer);\n"
        "\n"
        "AEON_APP(app)\n"
        "{\n"
        "        aeon_use_broker(app, NULL);\n"
        "        aeon_on_startup(app, setup);\n"
        "        aeon_subscribe(app, \"count\", &count_handler, NULL);\n"
        "}\n"
        "\n"
        "AEON_MAIN(app);\n";

static const char dotenv[] = "# Read at start; the environment and `--queue URL` win over it.\n"
                             "QUEUE=@QUEUE@\n";

static const char readme[] = "# @NAME@\n"
                             "\n"
                             "Counts the words of a text.@SERVER@ Run it, and ask it from another terminal:\n"
                             "\n"
                             "    aeon run @NAME@.c\n"
                             "    aeon publish @QUEUE@ count '{\"text\": \"to be or not to be\"}' --rpc\n"
                             "\n"
                             "The answer is `{\"words\":6}`. Ctrl-C stops the service. `make` builds it as a program of its own,\n"
                             "`build/@NAME@`, with the same flags; `make test` asks that program on a\n"
                             "queue of its own, in a file: no server is needed for that.\n";

static const char makefile[] =
        "build/@NAME@: @NAME@.c\n"
        "\tmkdir -p build\n"
        "\t$(CC) -std=gnu11 -g -O2 -Wall -Wextra $(CFLAGS) $< -o $@ $$(pkg-config --cflags --libs aeon) $(LDLIBS)\n"
        "\n"
        "run: build/@NAME@\n"
        "\tbuild/@NAME@\n"
        "\n"
        "test: build/@NAME@\n"
        "\t./test.sh\n"
        "\n"
        "clean:\n"
        "\trm -rf build\n"
        "\n"
        ".PHONY: run test clean\n";

static const char test[] =
        "#!/bin/sh\n"
        "# Runs the service on a queue of its own, asks it, and stops it. TEST_QUEUE=URL chooses another broker.\n"
        "set -eu\n"
        "folder=$(mktemp -d)\n"
        "queue=${TEST_QUEUE:-sqlite:$folder/q.db}\n"
        "build/@NAME@ --queue \"$queue\" --admin off &\n"
        "service=$!\n"
        "trap 'kill $service 2>/dev/null || :; rm -rf \"$folder\"' EXIT\n"
        "\n"
        "answer=$(aeon publish \"$queue\" count '{\"text\": \"to be or not to be\"}' --rpc --timeout 10s)\n"
        "if [ \"$answer\" != '{\"words\":6}' ]; then\n"
        "        echo \"wrong answer: $answer\"\n"
        "        exit 1\n"
        "fi\n"
        "kill $service\n"
        "wait $service # fails, and so does the test, unless the service ends cleanly\n"
        "echo \"ok\"\n";

static const char ignored[] = "/build/\n"
                              "*.db*\n";

const struct template project_templates[] = {
        { "@NAME@.c", service, 0666 },
        { ".env", dotenv, 0666 },
        { "README.md", readme, 0666 },
        { "Makefile", makefile, 0666 },
        { "test.sh", test, 0777 },
        { ".gitignore", ignored, 0666 },
        { 0 },
};
