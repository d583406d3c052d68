/* The examples do what their head comments say. */
#include "program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PLAIN_TEST(example_settings)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", example("settings.c"), "--port", "9090", "--admin", "off"), 0);
        CHECK_INT(count_lines(output, "settings host=redis://localhost:6379 port=9090 grace=30.000s token=none"), 1);
        test_write_file(test_path("bad.env"), "PORT=70000\n");
        CHECK_INT(RUN_AEON(&output, "run", example("settings.c"), "--env", "bad.env", "--admin", "off"), 2);
        CHECK_CONTAINS(output, "bad.env:1");
}

PLAIN_TEST_WITHIN(example_predict, 60)
{
        const char *output;
        struct process *p = AEON("run", example("predict.c"), "--admin", "off");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./q.db", "test", "{\"x\": 2}", "--rpc", "--timeout", "20s"), 0);
        CHECK_STR(output, "{\"result\":84.0}\n");
        process_signal(p, SIGINT);
        CHECK_INT(process_wait(p, 10), 0);
        CHECK_CONTAINS(process_output(p), "model released");
}

PLAIN_TEST(example_beside)
{
        const char *body;
        char address[32];
        int port = test_free_port();
        snprintf(address, sizeof address, "127.0.0.1:%d", port);
        struct process *p = AEON("run", example("beside.c"), "--admin", address);
        REQUIRE(process_await(p, "refreshed 2\n", 20));
        REQUIRE(process_await(p, "mailer: 1 letter sent, then the line broke\n", 20));
        REQUIRE(process_await(p, "the mail server hung up", 20));
        CHECK_INT(test_http_get(port, "/healthz", &body), 200);
        CHECK_CONTAINS(body, "outbox");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}

PLAIN_TEST(example_settings_arguments)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", example("settings/arguments.c"), "--input", "words.txt", "--max-size", "20", "--db.port",
                           "5433", "--admin", "off"),
                  0);
        CHECK_INT(count_lines(output, "reading words.txt into localhost:5433, 20 MB at most"), 1);
        CHECK_INT(
                RUN_AEON(&output, "run", example("settings/arguments.c"), "--max-size", "5000", "--db.prot", "1", "--admin", "off"),
                2);
        CHECK_CONTAINS(output, "  --db.prot is no argument; did you mean --db.port?\n"
                               "  --input: missing\n"
                               "  --max-size: 5000 is above 1000\n");
        CHECK_INT(RUN_AEON(&output, "run", example("settings/arguments.c"), "--help"), 0);
        CHECK_CONTAINS(output, "  --tags TEXT...  ([])\n"
                               "  --db.host TEXT  (localhost)\n"
                               "  --db.port N     (5432)\n"
                               "  --db.tls        encrypt (no)\n");
}

PLAIN_TEST(example_settings_reload)
{
        test_write_file(test_path(".env"), "GREETING=good morning\n");
        struct process *p = AEON("run", example("settings/reload.c"), "--admin", "off");
        REQUIRE(process_await(p, "greeting every 1.0 s: good morning\n", 20));
        REQUIRE(process_await(p, "is ready", 20));

        test_write_file(test_path(".env"), "GREETING=good evening\nEVERY=soon\n");
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, ".env:2: every: \"soon\" is not a duration", 20));
        CHECK(!strstr(process_output(p), "good evening"));

        test_write_file(test_path(".env"), "GREETING=good night\nEVERY=2s\n");
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, "greeting every 2.0 s: good night\n", 20));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}
