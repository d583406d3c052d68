/* What every broker's driver must do when the server, the network or the service itself fails. */
#include "faults.h"

#include "base/metrics.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server server;
static int calls;

static int start_server(void *arg)
{
        (void)arg;
        server_start(&server);
        return 0;
}

static int work(aeon_message *m)
{
        (void)m;
        calls++;
        return 0;
}
AEON_RAW_HANDLER(work);

static void declare_work(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &work_handler, NULL);
}

/* ------------------------------------------------------------------ the server is away */

/* Have the broker's check run again; true when the app is (@ready) or is not ready since. */
static bool health_says(aeon_app *app, bool ready)
{
        CHECK_INT(aeon_health_ask(app, "broker"), 0);
        (void)aeon_sleep(AEON_MILLISECONDS(20));
        return aeon_app_is_ready(app) == ready;
}

static int publish_early(void *arg)
{
        int r;
        while ((r = aeon_publish(arg, Q("test"), AEON_TEXT("early"), NULL)) == -ENOTCONN) /* after having waited for the server */
                (void)aeon_sleep(AEON_MILLISECONDS(10));
        CHECK_INT(r, 0);
        return 0;
}

static void run_without_server(aeon_app *app)
{
        aeon_group *g;
        AWAIT(health_says(app, false));
        CHECK(aeon_app_is_live(app));
        char *json = aeon_health_json(app, true);
        CHECK_CONTAINS(json, "\"status\":\"unhealthy\"");
        free(json);
        CHECK_INT(calls, 0);

        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "publish", publish_early, aeon_app_broker(app));
        CHECK_INT(aeon_offload(start_server, NULL), 0);
        CHECK_INT(aeon_group_close(g), 0);
        AWAIT_WITHIN(40, stats_of(app).processed == 1);
        publish(aeon_app_broker(app), Q("test"), "late");
        AWAIT_WITHIN(20, stats_of(app).processed == 2);
        AWAIT_WITHIN(20, health_says(app, true));
}

FAULT_TEST(an_app_starts_without_its_server_and_works_when_it_comes, 120)
{
        server_init(&server, k);
        CHECK_INT(with_app_at(server_url(k, server.port, "", "connect_timeout=2s&reconnect_max=300ms"), declare_work,
                              run_without_server, NULL),
                  0);
}

static double of_connections(const char *metric)
{
        const char *const labels[] = { "broker" };
        return aeon_series_value(aeon_metric_series(aeon__metric_find(metric), labels));
}

/* Asking makes it find out, as the check does by itself every ten seconds. */
static bool are_connected(aeon_app *app, bool yes)
{
        (void)health_says(app, yes);
        return (of_connections("aeon_broker_connections") > 0) == yes;
}

static int stop_server(void *arg)
{
        (void)arg;
        server_stop(&server);
        return 0;
}

static double connections;

static void restart_under_a_meter(aeon_app *app)
{
        AWAIT_WITHIN(20, are_connected(app, true));
        connections = of_connections("aeon_broker_connections");
        CHECK_INT((int)of_connections("aeon_broker_reconnects_total"), 0);
        CHECK_INT(aeon_offload(stop_server, NULL), 0);
        AWAIT_WITHIN(20, are_connected(app, false));
        CHECK_INT((int)of_connections("aeon_broker_reconnects_total"), 0);
        CHECK_INT(aeon_offload(start_server, NULL), 0);
        AWAIT_WITHIN(40, are_connected(app, true) && of_connections("aeon_broker_connections") == connections);
        CHECK(of_connections("aeon_broker_reconnects_total") >= connections); /* a server that starts may lose one again */
        publish(aeon_app_broker(app), Q("test"), "after");
        AWAIT_WITHIN(40, stats_of(app).processed == 1);
        AWAIT_WITHIN(20, of_connections("aeon_broker_connections") == connections);
}

FAULT_TEST(connections_that_are_there_and_those_that_came_back_are_counted, 180)
{
        server_init(&server, k);
        server_start(&server);
        CHECK_INT(with_app_at(server_url(k, server.port, "", "connect_timeout=2s&reconnect_max=300ms"), declare_work,
                              restart_under_a_meter, NULL),
                  0);
        CHECK_INT((int)of_connections("aeon_broker_connections"), 0); /* the app has closed them */
}

static struct {
        const char *url;
        char words[1000];
} attempt;

static int open_and_close(void *arg)
{
        aeon_broker *b;
        (void)arg;
        int r = aeon_broker_open(attempt.url, &b);
        snprintf(attempt.words, sizeof attempt.words, "%s", r < 0 ? aeon_error_text() : "");
        if (r >= 0)
                aeon_broker_close(b);
        return r;
}

/* What a tool gets that opens @url; its words are in attempt.words. */
static int try_open(const char *url)
{
        attempt.url = url;
        return aeon_loop_run(open_and_close, NULL);
}

FAULT_TEST(a_tool_is_told_that_the_server_is_away, 30)
{
        char address[40];
        server_init(&server, k);
        snprintf(address, sizeof address, "127.0.0.1:%d", server.port);
        CHECK(try_open(server_url(k, server.port, "", "connect_timeout=500ms")) < 0);
        CHECK_CONTAINS(attempt.words, address);
}

static void publish_to_nobody(aeon_app *app)
{
        CHECK_INT(aeon_publish(aeon_app_broker(app), Q("test"), AEON_TEXT("x"), NULL), -ENOTCONN);
        CHECK(*aeon_error_text());
}

FAULT_TEST(publishing_to_a_server_that_stays_away_is_an_error_in_time, 30)
{
        server_init(&server, k);
        CHECK_INT(with_app_at(server_url(k, server.port, "", "connect_timeout=300ms"), declare_work, publish_to_nobody, NULL), 0);
}

/* ------------------------------------------------------------------ what will never work */

static const char *wrong_destination;

static void declare_wrong(aeon_app *app)
{
        aeon_subscribe(app, wrong_destination, &work_handler, NULL);
}

static void run_never(aeon_app *app)
{
        (void)app;
        calls++;
}

/* The app ends with @url and @destination before it is ready, and says @words. */
static void check_no_start(const char *url, const char *destination, const char *words)
{
        wrong_destination = destination;
        setenv("AEON_LOUD", "1", 1);
        test_stderr_begin();
        CHECK_INT(with_app_at(url, declare_wrong, run_never, NULL), 1);
        CHECK_CONTAINS(test_stderr(), words);
        test_stderr_end();
        CHECK_INT(calls, 0);
}

FAULT_TEST(an_unknown_option_is_an_error_even_while_the_server_is_away, 30)
{
        char destination[200];
        server_init(&server, k);
        snprintf(destination, sizeof destination, "%s?bogus=1", Q("test"));
        check_no_start(server_url(k, server.port, "", "connect_timeout=300ms"), destination, "\"bogus\"");
        check_no_start(server_url(k, server.port, "", "bogus=1"), Q("test"), "\"bogus\"");
        CHECK_INT(try_open(server_url(k, server.port, "", "bogus=1")), -EINVAL);
        CHECK_CONTAINS(attempt.words, "\"bogus\"");
}

FAULT_TEST(a_wrong_password_is_an_error_at_once_and_is_not_shown, 90)
{
        const struct nature *n = nature_of(k);
        NEEDS(n->right_user);
        server_init(&server, k);
        server.password = "hunter";
        server_start(&server);
        if (!CHECK_INT(try_open(server_url(k, server.port, n->right_user, "")), 0))
                fprintf(stderr, "    %s\n", attempt.words);
        CHECK_INT(try_open(server_url(k, server.port, "nobody:mistaken@", "")), -EACCES);
        CHECK(*attempt.words && !strstr(attempt.words, "mistaken"));
        check_no_start(server_url(k, server.port, "nobody:mistaken@", ""), Q("test"), attempt.words);
}

/* ------------------------------------------------------------------ attempts */

static unsigned attempt_seen;

static int fail_once(aeon_message *m)
{
        attempt_seen = aeon_message_attempt(m);
        return attempt_seen == 1 ? aeon_message_retry(m, AEON_SECONDS(1)) : aeon_message_release(m);
}
AEON_RAW_HANDLER(fail_once);

static void declare_failing(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &fail_once_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_MANUAL });
}

static void run_until_failed(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        AWAIT(stats_of(app).processed == 1);
}

static int note_attempt(aeon_message *m)
{
        attempt_seen = aeon_message_attempt(m);
        calls++;
        return 0;
}
AEON_RAW_HANDLER(note_attempt);

static void declare_noting(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &note_attempt_handler, NULL);
}

static void run_until_noted(aeon_app *app)
{
        AWAIT_WITHIN(20, stats_of(app).processed == 1);
}

FAULT_TEST(attempts_survive_a_restart_of_the_service, 60)
{
        CHECK_INT(with_app(k, declare_failing, run_until_failed, NULL), 0);
        CHECK_INT(attempt_seen, 1);
        CHECK_INT(with_app(k, declare_noting, run_until_noted, NULL), 0);
        CHECK_INT(attempt_seen, 2);
        CHECK_INT(calls, 1);
}

/* ------------------------------------------------------------------ the service is killed or told to stop */

enum { JOBS = 100 };

static const char *journal; /* a file: "begin N", "end N", "ready" */
static const char *service_url;
static char service_destination[200];
static aeon_duration takes;

static void note(const char *word, const char *number)
{
        char line[64];
        int fd = open(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
        int size = snprintf(line, sizeof line, "%s %s\n", word, number);
        if (fd < 0 || write(fd, line, (size_t)size) != size)
                abort();
        close(fd);
}

static int do_job(aeon_message *m)
{
        note("begin", aeon_message_body(m));
        int r = aeon_sleep(takes);
        if (r >= 0)
                note("end", aeon_message_body(m));
        return r;
}
AEON_RAW_HANDLER(do_job);

static int say_ready(aeon_app *app)
{
        (void)app;
        note("ready", "");
        return 0;
}

static void define_service(aeon_app *app)
{
        aeon_use_broker(app, service_url);
        aeon_subscribe(app, service_destination, &do_job_handler, &(aeon_subscribe_opts){ .concurrency = 4, .window = 8 });
        aeon_on_ready(app, say_ready);
}

/* Run @life in a process of its own. Libraries with threads do not outlive a fork, so before it nothing may have been connected here. */
static pid_t start_process(int (*life)(void))
{
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
                _exit(life());
        REQUIRE(pid > 0);
        return pid;
}

#define GRACE AEON_SECONDS(10)
#define CLEANUP AEON_SECONDS(5)

static int live(void)
{
        return aeon_app_run(
                define_service,
                &(aeon_app_opts){ .admin = "off", .quiet = true, .graceful_timeout = GRACE, .cleanup_timeout = CLEANUP });
}

static pid_t start_service(void)
{
        return start_process(live);
}

/* How many different numbers stand behind @word, or behind @other, in the journal. */
static int count_noted_either(const char *word, const char *other)
{
        bool noted[JOBS] = { false };
        char *text = test_read_file(journal);
        int count = 0;
        for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
                size_t length = strcspn(line, " ");
                bool named = (length == strlen(word) && !strncmp(line, word, length)) ||
                             (length == strlen(other) && !strncmp(line, other, length));
                if (!named)
                        continue;
                int number = atoi(line + length);
                REQUIRE(number >= 0 && number < JOBS);
                count += !noted[number];
                noted[number] = true;
        }
        free(text);
        return count;
}

static int count_noted(const char *word)
{
        return count_noted_either(word, word);
}

static void await_noted(const char *word, int count)
{
        for (int i = 0; i < 6000 && count_noted(word) < count; i++)
                usleep(10000);
        REQUIRE(count_noted(word) >= count);
}

static int end_process(pid_t pid, int signal)
{
        int status = 0;
        kill(pid, signal);
        REQUIRE(waitpid(pid, &status, 0) == pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int jobs;

/* What makes a queue must be said by whoever comes first; what is about reading is no option of a publish. */
static const char *published_to(void)
{
        return strstr(service_destination, "type=") ? service_destination : Q("test");
}

static void publish_jobs(aeon_broker *b)
{
        char number[12];
        for (int i = 0; i < jobs; i++) {
                snprintf(number, sizeof number, "%d", i);
                publish(b, published_to(), number);
        }
}

static int publish_all(void)
{
        with_broker_at(service_url, publish_jobs);
        note("published", "");
        return 0;
}

static void service_at(const struct contract *k, const char *url, int how_many, aeon_duration each_takes)
{
        journal = test_path("journal");
        service_url = url;
        takes = each_takes;
        jobs = how_many;
        snprintf(service_destination, sizeof service_destination, "%s%s", Q("test"), nature_of(k)->soon);
        CHECK_INT(end_process(start_process(publish_all), 0), 0);
        REQUIRE(count_noted("published") == 1);
}

static void prepare_service(const struct contract *k, int how_many, aeon_duration each_takes)
{
        service_at(k, k->url(), how_many, each_takes);
}

FAULT_TEST(every_message_is_handled_although_the_service_is_killed, 120)
{
        prepare_service(k, JOBS, AEON_MILLISECONDS(5));
        for (int killed = 1; killed <= 2; killed++) {
                pid_t pid = start_service();
                await_noted("end", killed * JOBS / 4);
                CHECK_INT(end_process(pid, SIGKILL), 128 + SIGKILL);
        }
        CHECK(count_noted("end") < JOBS);
        pid_t pid = start_service();
        await_noted("end", JOBS);
        CHECK_INT(end_process(pid, SIGTERM), 0);
}

static int left;

static void count_left(aeon_broker *b)
{
        aeon_consumer *c;
        aeon_message *m;
        REQUIRE_INT(aeon_consumer_open(b, service_destination, &(aeon_subscribe_opts){ .window = 8 }, &c), 0);
        while ((m = next_within(c, AEON_SECONDS(left ? 2 : 8)))) {
                CHECK_INT(aeon_message_attempt(m), 1);
                done(m);
                left++;
        }
        aeon_consumer_close(c);
}

FAULT_TEST(a_service_that_is_told_to_stop_finishes_its_work_and_gives_back_the_rest, 60)
{
        prepare_service(k, 20, AEON_MILLISECONDS(300));
        pid_t pid = start_service();
        await_noted("begin", 4);
        CHECK_INT(end_process(pid, SIGTERM), 0);
        CHECK_INT(count_noted("begin"), count_noted("end"));
        with_broker(k, count_left);
        CHECK_INT(left, jobs - count_noted("end"));
}

/* ------------------------------------------------------------------ a message that kills */

enum { POISON = 7, DEATHS = 4 };

static int do_or_die(aeon_message *m)
{
        note("begin", aeon_message_body(m));
        if (atoi(aeon_message_body(m)) == POISON)
                kill(getpid(), SIGKILL);
        note("end", aeon_message_body(m));
        return 0;
}
AEON_RAW_HANDLER(do_or_die);

static int note_dead(aeon_message *m)
{
        const char *error = aeon_message_header(m, "x-error");
        CHECK_CONTAINS(error ? error : "", "no service lived to settle it");
        note("dead", aeon_message_body(m));
        return 0;
}
AEON_RAW_HANDLER(note_dead);

static char dead_letters[200];

static void define_mortal(aeon_app *app)
{
        aeon_use_broker(app, service_url);
        aeon_subscribe(app, service_destination, &do_or_die_handler,
                       &(aeon_subscribe_opts){
                               .window = 8, .max_attempts = DEATHS, .max_deliveries = DEATHS, .dead_letter = dead_letters });
        aeon_subscribe(app, dead_letters, &note_dead_handler, NULL);
}

static int live_mortally(void)
{
        return aeon_app_run(define_mortal, &(aeon_app_opts){ .admin = "off", .quiet = true });
}

static unsigned count_lines(const char *line)
{
        unsigned count = 0;
        char *text = test_read_file(journal);
        for (const char *at = text; at && (at = strstr(at, line)); at += strlen(line))
                count++;
        free(text);
        return count;
}

FAULT_TEST(a_message_that_kills_its_service_ends_among_the_dead_letters, 180)
{
        NEEDS(k->counting);
        journal = test_path("journal");
        service_url = k->url();
        jobs = 20;
        snprintf(service_destination, sizeof service_destination, "%s%s", Q("test"), k->counting);
        snprintf(dead_letters, sizeof dead_letters, "%s", Q("test.dead"));
        CHECK_INT(end_process(start_process(publish_all), 0), 0);
        REQUIRE(count_noted("published") == 1);

        int status, deaths = 0;
        pid_t pid = start_process(live_mortally);
        while (count_noted_either("end", "dead") < jobs) { /* some are both: handled, and killed before that was said */
                usleep(20000);
                if (waitpid(pid, &status, WNOHANG) == 0)
                        continue;
                REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && ++deaths <= DEATHS);
                pid = start_process(live_mortally);
        }
        CHECK_INT(end_process(pid, SIGTERM), 0);
        CHECK_INT(deaths, DEATHS);
        CHECK_INT(count_lines("begin 7\n"), DEATHS);
        CHECK_INT(count_lines("dead 7\n"), 1);
        printf("    %d of its neighbours went with it\n", count_noted("dead") - 1);
}
FAULT_ROW(a_message_that_kills_its_service_ends_among_the_dead_letters, sqlite, 180)

/* ------------------------------------------------------------------ requests, and the end without a server */

static struct proxy *proxy;

static int echo(aeon_message *m)
{
        return aeon_message_reply(m, AEON_TEXT(aeon_message_body(m)));
}
AEON_RAW_HANDLER(echo);

static void declare_echo(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &echo_handler, NULL);
}

/* Ask @text; true when it was answered. */
static bool answered(aeon_app *app, const char *text)
{
        aeon_message *reply = NULL;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(3) });
        int r = aeon_request(aeon_app_broker(app), Q("test"), AEON_TEXT(text), &reply);
        r = aeon_scope_close(&limit, r);
        if (r < 0)
                return false; /* it, or its answer, was on the way when the connection broke */
        CHECK_STR(aeon_message_body(reply), text);
        aeon_message_free(reply);
        return true;
}

static void run_requests(aeon_app *app)
{
        AWAIT_WITHIN(30, answered(app, "before"));
        for (int i = 0; i < 3; i++) {
                proxy_reset(proxy);
                AWAIT_WITHIN(30, answered(app, "after"));
                CHECK(answered(app, "and on"));
        }
}

FAULT_TEST(requests_are_answered_again_after_a_reset, 120)
{
        proxy = proxy_before(k, &server);
        CHECK_INT(with_app_at(server_url(k, proxy_port(proxy), "", "reconnect_max=300ms"), declare_echo, run_requests, NULL), 0);
        proxy_end(proxy);
}

/* The stop takes no longer than its budgets allow, and what was not settled comes again. */
static void check_stop(const struct contract *k, void (*go_away)(struct proxy *p))
{
        proxy = proxy_before(k, &server);
        service_at(k, server_url(k, proxy_port(proxy), "", "reconnect_max=300ms"), 8, AEON_MILLISECONDS(300));
        pid_t pid = start_service();
        await_noted("begin", 4);
        go_away(proxy);
        aeon_time begin = aeon_now();
        int code = end_process(pid, SIGTERM);
        aeon_duration took = aeon_now() - begin;
        printf("    stopped without its server after %.1f s with code %d\n", (double)took / 1e9, code);
        CHECK(code == 0 || code == 4);
        CHECK(took < (GRACE + CLEANUP + AEON_SECONDS(3 + 5)) *
                             (test_is_slow() ? 2 : 1)); /* the hard deadline, and the machine's slowness */

        proxy_pass(proxy);
        pid = start_service();
        await_noted("end", 8);
        CHECK_INT(end_process(pid, SIGTERM), 0);
        proxy_end(proxy);
}

FAULT_TEST(an_app_stops_although_its_server_refuses_it, 120)
{
        check_stop(k, proxy_refuse);
}

FAULT_TEST(an_app_stops_although_its_server_is_stuck, 120)
{
        check_stop(k, proxy_stall);
}
