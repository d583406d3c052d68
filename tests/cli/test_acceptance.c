/* settings.c, predict.c, hooks.c, drain.c, work.c and, but for its port, health.c, unchanged, on the embedded queue, as their head comments say. */
#include "program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ settings.c */

PLAIN_TEST(settings_are_printed_and_the_app_stops)
{
        const char *output;
        test_write_file(test_path("good.env"), "HOST=redis://h:6379\nPORT=9000\nGRACE=1m30s\nTOKEN=hush\n");
        CHECK_INT(RUN_AEON(&output, "run", service("settings.c"), "--env", "good.env", "--admin", "off"), 0);
        CHECK_INT(count_lines(output, "settings host=redis://h:6379 port=9000 grace=90000000000ns token=***"), 1);
        CHECK(!strstr(output, "hush"));
}

PLAIN_TEST(settings_are_explained)
{
        const char *output;
        test_write_file(test_path("good.env"), "HOST=redis://h:6379\nTOKEN=hush\n");
        CHECK_INT(RUN_AEON(&output, "run", service("settings.c"), "--env", "good.env", "--admin", "off", "--explain-settings"), 0);
        CHECK_CONTAINS(output, "HOST     redis://h:6379  good.env:1\n");
        CHECK_CONTAINS(output, "PORT     8080            default\n");
        CHECK_CONTAINS(output, "TOKEN    ***             good.env:2\n");
}

PLAIN_TEST(declared_arguments_are_checked_and_helped_with)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("declared.c"), "--input", "x", "--max-size=5", "--admin", "off"), 0);
        CHECK_INT(count_lines(output, "input=x max_size=5"), 1);
        CHECK_INT(RUN_AEON(&output, "run", service("declared.c"), "--inputt", "x", "--max-size=500", "--admin", "off"), 2);
        CHECK_CONTAINS(output, "--inputt is no argument; did you mean --input?");
        CHECK_CONTAINS(output, "--max-size: 500 is above 100");
        CHECK_INT(RUN_AEON(&output, "run", service("declared.c"), "--help"), 0);
        CHECK_CONTAINS(output, "\nArguments of declared:\n"
                               "  --input TEXT  what to read (required)\n"
                               "  --max-size N  in megabytes (10)\n");
}

PLAIN_TEST(settings_that_are_bad_are_all_named_with_their_line)
{
        const char *output;
        test_write_file(test_path("bad.env"), "HOST=redis://h:6379\nPORT=70000\nGRACE=soon\nTOKEN=hush\n");
        CHECK_INT(RUN_AEON(&output, "run", service("settings.c"), "--env", "bad.env", "--admin", "off"), 2);
        CHECK_CONTAINS(output, "bad.env:2");
        CHECK_CONTAINS(output, "port");
        CHECK_CONTAINS(output, "bad.env:3");
        CHECK_CONTAINS(output, "grace");
        CHECK(!strstr(output, "hush"));
        CHECK(!strstr(output, "settings host="));
}

PLAIN_TEST(eight_different_mistakes_are_named_with_their_lines_in_one_run)
{
        static const char *const mistakes[] = {
                "HSOT=redis://h:6379", /* nearly the name of one that is missing */
                "PORT=70000",          /* above its bound */
                "GRACE=5 parsecs",     /* no duration */
                "TOKE=hush",           /* another name, of one that may be absent */
                "1 2 3",               /* no KEY=value */
                "=nothing",            /* no key */
                "A=\"b\" c",           /* goes on after its end */
                "B=\"hush",            /* has no end */
        };
        char text[512] = "", line[32];
        const char *output;
        for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", mistakes[i]);
        test_write_file(test_path("eight.env"), text);
        CHECK_INT(RUN_AEON(&output, "run", service("settings.c"), "--env", "eight.env", "--admin", "off"), 2);
        for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
                snprintf(line, sizeof line, "eight.env:%zu: ", i + 1);
                CHECK_CONTAINS(output, line);
        }
        CHECK_CONTAINS(output, "did you mean HOST?");
        CHECK_CONTAINS(output, "did you mean TOKEN?");
        CHECK(!strstr(output, "hush"));
}

PLAIN_TEST(settings_file_that_is_missing_is_named)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("settings.c"), "--env", "missing.env", "--admin", "off"), 2);
        CHECK_CONTAINS(output, "missing.env");
}

/* ------------------------------------------------------------------ predict.c */

PLAIN_TEST_WITHIN(predict_answers_and_outlives_a_bad_question, 60)
{
        const char *output;
        struct process *p = AEON("run", service("predict.c"), "--broker", "sqlite:./p.db", "--admin", "off");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./p.db", "test", "{\"x\":2}", "--rpc", "--timeout", "20s"), 0);
        CHECK_STR(output, "{\"result\":84.0}\n");

        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./p.db", "test", "{\"x\":\"two\"}", "--rpc"), 1);
        CHECK_CONTAINS(output, "aeon publish: ");
        CHECK_CONTAINS(output, "x:");
        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./p.db", "test", "{\"x\":", "--rpc"), 1);
        CHECK_CONTAINS(output, "aeon publish: ");

        CHECK_INT(RUN_AEON(&output, "publish", "sqlite:./p.db", "test", "{\"x\":3}", "--rpc"), 0);
        CHECK_STR(output, "{\"result\":126.0}\n");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
        CHECK_INT(count_lines(process_output(p), "model released"), 1);
}

/* ------------------------------------------------------------------ hooks.c */

PLAIN_TEST(hooks_run_in_their_order)
{
        struct process *p = AEON("run", service("hooks.c"), "--env", "test", "--admin", "off");
        REQUIRE(process_await(p, "\nready\n", 20));
        REQUIRE(process_await(p, "got hello\n", 5));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
        TRACE(process_output(p), "startup1 env=test", "startup2 field=1", "lifespan open", "after_startup", "ready", "shutdown1",
              "shutdown2", "lifespan close", "after_shutdown field=1");
        TRACE(process_output(p), "after_startup", "got hello", "shutdown1");
}

PLAIN_TEST(hooks_that_fail_at_startup_undo_what_had_started)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("hooks.c"), "--fail", "startup2", "--admin", "off"), 1);
        TRACE(output, "startup1 env=none", "startup2 field=1", "after_shutdown field=1");
        CHECK_INT(count_lines(output, "lifespan open") + count_lines(output, "lifespan close"), 0);
        CHECK_INT(count_lines(output, "shutdown1") + count_lines(output, "shutdown2") + count_lines(output, "ready"), 0);
        CHECK_CONTAINS(output, "startup2 was told to fail");
}

PLAIN_TEST(hooks_that_fail_after_startup_shut_down_in_order)
{
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("hooks.c"), "--fail", "after_startup", "--admin", "off"), 1);
        TRACE(output, "startup1 env=none", "startup2 field=1", "lifespan open", "after_startup", "shutdown1", "shutdown2",
              "lifespan close", "after_shutdown field=1");
        CHECK_INT(count_lines(output, "ready"), 0);
        CHECK_CONTAINS(output, "after_startup was told to fail");
}

PLAIN_TEST(hooks_that_fail_at_shutdown_keep_no_later_step_from_running)
{
        struct process *p = AEON("run", service("hooks.c"), "--fail", "shutdown1", "--admin", "off");
        REQUIRE(process_await(p, "\nready\n", 20));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 1);
        TRACE(process_output(p), "startup1 env=none", "startup2 field=1", "lifespan open", "after_startup", "ready", "shutdown1",
              "shutdown2", "lifespan close", "after_shutdown field=1");
        CHECK_CONTAINS(process_output(p), "shutdown1 was told to fail");
}

/* ------------------------------------------------------------------ drain.c */

static void check_each_job(const char *output, const char *word, int count, int times)
{
        char line[64];
        for (int i = 1; i <= count; i++) {
                snprintf(line, sizeof line, "%s %d", word, i);
                if (count_lines(output, line) != times)
                        test_check(false, __FILE__, __LINE__, line);
        }
}

static void await_each_job(struct process *p, const char *word, int count)
{
        char line[64];
        for (int i = 1; i <= count; i++) {
                snprintf(line, sizeof line, "%s %d\n", word, i);
                REQUIRE(process_await(p, line, 20));
        }
}

static const char *queue(void)
{
        static char url[512];
        snprintf(url, sizeof url, "sqlite:%s", test_path("q.db"));
        return url;
}

PLAIN_TEST_WITHIN(drain_finishes_every_job_that_had_begun, 60)
{
        publish_jobs(queue(), 1, 20, "500ms");
        struct process *p = AEON("run", service("drain.c"), "--admin", "off");
        await_each_job(p, "begin", 20);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 20), 0);
        check_each_job(process_output(p), "done", 20, 1);
        CHECK(!strstr(process_output(p), "\nstopped "));

        p = AEON("run", service("drain.c"), "--admin", "off"); /* and what was acknowledged does not come back */
        CHECK(process_await(p, "ready", 20));
        usleep(300000); /* long enough for what would come back */
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 20), 0);
        CHECK(!strstr(process_output(p), "begin"));
}

PLAIN_TEST_WITHIN(drain_gives_back_what_takes_too_long, 60)
{
        publish_jobs(queue(), 1, 20, "60s");
        for (int run = 0; run < 2; run++) { /* the second run gets the same jobs: none was lost, none counted as done */
                struct process *p = AEON("run", service("drain.c"), "--graceful-timeout", "1s", "--admin", "off");
                await_each_job(p, "begin", 20);
                process_signal(p, SIGTERM);
                int code = process_wait(p, 8);
                CHECK_INT(code, 0);
                check_each_job(process_output(p), "begin", 20, 1);
                check_each_job(process_output(p), "stopped", 20, 1);
                CHECK(!strstr(process_output(p), "done"));
        }
}

/* ------------------------------------------------------------------ health.c */

/* Until @target answers @status and its body has @part; what came last is in @ret_body. */
static bool await_answer(int port, const char *target, int status, const char *part)
{
        const char *body = "";
        for (int i = 0; i < 1000; i++) {
                if (test_http_get(port, target, &body) == status && strstr(body, part))
                        return true;
                usleep(10000);
        }
        fprintf(stderr, "    %s: the last answer was %s\n", target, body);
        return false;
}

/* /hog blocks its loop for three seconds; whoever asked for it waits. On a machine so busy that it was over before, once more. */
static bool probes_answer_while_blocked(int admin, int port)
{
        for (int round = 0; round < 5; round++) {
                pid_t asking = fork();
                if (asking == 0)
                        _exit(test_http_get(port, "/hog", NULL) == 200 ? 0 : 1);
                usleep(300000); /* it is on its way there, or there: a probe must be answered in both cases */
                CHECK_INT(test_http_get(admin, "/livez", NULL), 200);
                CHECK_INT(test_http_get(admin, "/readyz", NULL), 200);
                CHECK_INT(test_http_get(admin, "/healthz", NULL), 200);
                int status = -1;
                bool still_blocked = waitpid(asking, &status, WNOHANG) == 0;
                if (still_blocked)
                        waitpid(asking, &status, 0);
                CHECK_INT(status, 0);
                if (still_blocked)
                        return true;
        }
        return false;
}

PLAIN_TEST_WITHIN(health_follows_the_state_file_and_probes_answer_while_the_loop_is_blocked, 90)
{
        char address[32];
        int admin = test_free_port(), port = service_on_free_port("health.c");
        snprintf(address, sizeof address, "127.0.0.1:%d", admin);
        setenv("AEON_SLOW_TASK_MS", "0", 1); /* its signal would end the nap of /hog early */
        test_write_file(test_path("state"), "ok");
        struct process *p = AEON("run", "health.c", "--admin", address);
        REQUIRE(process_await(p, "is ready", 20));
        CHECK(await_answer(admin, "/healthz", 200,
                           "{\"status\":\"healthy\",\"components\":[{\"name\":\"state\",\"status\":\"healthy\""));
        CHECK(await_answer(admin, "/readyz", 200, ""));
        test_write_file(test_path("state"), "degraded");
        CHECK(await_answer(admin, "/healthz", 200, "\"error\":\"state file says degraded\""));
        CHECK_INT(test_http_get(admin, "/readyz", NULL), 200);
        test_write_file(test_path("state"), "down");
        CHECK(await_answer(admin, "/healthz", 503, "\"error\":\"state file says down\""));
        CHECK_INT(test_http_get(admin, "/readyz", NULL), 503);
        test_write_file(test_path("state"), "stuck");
        CHECK(await_answer(admin, "/healthz", 503, "\"error\":\"no answer within 500 ms\""));
        CHECK_INT(test_http_get(admin, "/readyz", NULL), 503);
        CHECK_INT(test_http_get(admin, "/livez", NULL), 200);
        test_write_file(test_path("state"), "ok");
        CHECK(await_answer(admin, "/readyz", 200, ""));

        CHECK(probes_answer_while_blocked(admin, port));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}

/* ------------------------------------------------------------------ work.c */

/* How many times @part stands in @text. */
static int count_parts(const char *text, const char *part)
{
        int count = 0;
        while ((text = strstr(text, part))) {
                count++;
                text += strlen(part);
        }
        return count;
}

static bool await_parts(struct process *p, const char *part, int count)
{
        for (int i = 0; i < 600 && count_parts(process_output(p), part) < count; i++)
                usleep(50000);
        return count_parts(process_output(p), part) >= count;
}

/* The rate itself is checked on a virtual clock, in tests/app/test_periodic.c. */
PLAIN_TEST_WITHIN(work_ticks_beside_a_worker_that_is_restarted_with_growing_pauses, 60)
{
        struct process *p = AEON("run", service("work.c"), "--admin", "off");
        REQUIRE(await_parts(p, "flaky begins\n", 4));
        REQUIRE(await_parts(p, "tick\n", 5));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
        const char *at = process_output(p), *ceilings[] = { "(of up to 100)", "(of up to 200)", "(of up to 400)" };
        for (size_t i = 0; i < sizeof ceilings / sizeof *ceilings; i++) {
                at = strstr(at, "background task \"flaky\" failed: the line went dead; restart ");
                REQUIRE(at != NULL);
                at += strcspn(at, "(");
                CHECK(!strncmp(at, ceilings[i], strlen(ceilings[i])));
        }
}
