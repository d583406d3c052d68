/* `--workers N`: who starts whom, what a supervisor does when a worker dies, hangs, or does not start, and how all end. */
#include "program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG 120 /* seconds; a busy machine compiles slowly */

static int port;

#define WORKERS(...) AEON("run", test_path("workers.c"), __VA_ARGS__)

/* The service, once it and all its workers are ready. */
static struct process *start_two(const char *admin)
{
        port = service_on_free_port("workers.c");
        struct process *p = WORKERS("--workers", "2", "--admin", admin, "--graceful-timeout", "2s", "--cleanup-timeout", "1s",
                                    "--stall-limit", "2s");
        REQUIRE(process_await(p, "all ready 0 is", LONG));
        REQUIRE(process_await(p, "worker 1 is", LONG) &&
                process_await(p, "worker 2 is", LONG)); /* they say so when we may know already */
        return p;
}

/* The process that said "WHAT ID is PID" as the @nth; 0: nobody did. */
static pid_t who(struct process *p, const char *what, int id, int nth)
{
        char words[64];
        snprintf(words, sizeof words, "%s %d is ", what, id);
        const char *at = process_output(p);
        while ((at = strstr(at, words))) {
                at += strlen(words);
                if (nth-- == 1)
                        return atoi(at);
        }
        return 0;
}

static pid_t await_who(struct process *p, const char *what, int id, int nth)
{
        pid_t pid;
        for (int i = 0; i < LONG * 50 && !(pid = who(p, what, id, nth)); i++)
                usleep(20000);
        REQUIRE(pid > 0);
        return pid;
}

static int count(struct process *p, const char *words)
{
        int n = 0;
        for (const char *at = process_output(p); (at = strstr(at, words)); at += strlen(words))
                n++;
        return n;
}

static bool await_count(struct process *p, const char *words, int n)
{
        for (int i = 0; i < LONG * 50 && count(p, words) < n; i++)
                usleep(20000);
        return count(p, words) >= n;
}

/* A zombie is gone: who inherits orphans may take its time to bury them. */
static bool is_gone(pid_t pid)
{
        char path[32];
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        char *status = test_read_file(path);
        bool gone = !status || strstr(status, ") Z ");
        free(status);
        return gone;
}

static const char *hello(void)
{
        const char *body = "nobody";
        test_http_get(port, "/", &body);
        return body;
}

static const char *admin_address(int *ret_port)
{
        static char address[32];
        *ret_port = test_free_port();
        snprintf(address, sizeof address, "127.0.0.1:%d", *ret_port);
        return address;
}

/* Until /metrics has the line. */
static bool await_metric(int admin, const char *line)
{
        char whole[128];
        snprintf(whole, sizeof whole, "\n%s\n", line);
        for (int i = 0; i < LONG * 50; i++, usleep(20000)) {
                const char *body;
                if (test_http_get(admin, "/metrics", &body) == 200 && strstr(body, whole))
                        return true;
        }
        return false;
}

static bool await_status(int admin, const char *path, int status)
{
        for (int i = 0; i < LONG * 50 && test_http_get(admin, path, NULL) != status; i++)
                usleep(20000);
        return test_http_get(admin, path, NULL) == status;
}

/* ------------------------------------------------------------------ start and stop */

PLAIN_TEST_WITHIN(each_worker_is_a_process_that_knows_its_number, 200)
{
        struct process *p = start_two("off");
        pid_t first = who(p, "worker", 1, 1), second = who(p, "worker", 2, 1);
        CHECK(first > 0 && second > 0 && first != second && first != process_id(p) && second != process_id(p));
        CHECK_CONTAINS(process_output(p), ", environment 1, first");
        CHECK_CONTAINS(process_output(p), ", environment 2, first");
        CHECK_CONTAINS(process_output(p), "worker=2"); /* in the log */
        int by = 0;
        sscanf(hello(), "%*d %d", &by);
        CHECK(by == first || by == second);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
        CHECK_CONTAINS(process_output(p), "workers, worker 1, stopped with code 0");
        CHECK_CONTAINS(process_output(p), "workers, worker 2, stopped with code 0");
        CHECK(is_gone(first) && is_gone(second));
}

PLAIN_TEST_WITHIN(what_is_once_is_the_supervisors, 200)
{
        struct process *p = start_two("off");
        pid_t supervisor = process_id(p);
        process_signal(p, SIGINT);
        CHECK_INT(process_wait(p, LONG), 0);
        CHECK_INT(who(p, "once", 0, 1), supervisor);
        CHECK_INT(who(p, "migrated by", 0, 1), supervisor);
        CHECK_INT(who(p, "all over", 0, 1), supervisor);
        CHECK_INT(count(p, "once 0 is"), 1);
        CHECK_INT(count(p, "count 1\n"), 2);
        const char *output = process_output(p), *before = strstr(output, "migrated by"), *first = strstr(output, "count 1\n");
        const char *second = strstr(first + 1, "count 1\n"), *all = strstr(output, "all ready"), *over = strstr(output, "all over");
        REQUIRE(before && first && second && all && over);
        CHECK(before < first && second < all);
        CHECK(!strstr(over, ", worker ")); /* no worker has anything to say any more */
}

PLAIN_TEST_WITHIN(without_workers_a_hook_that_is_once_is_like_the_others, 200)
{
        service_on_free_port("workers.c");
        struct process *p = WORKERS("--admin", "off");
        REQUIRE(process_await(p, "worker 0 is", LONG));
        CHECK_INT(who(p, "once", 0, 1), process_id(p));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
        CHECK_CONTAINS(process_output(p), "all over 0 is");
}

PLAIN_TEST_WITHIN(workers_have_as_many_loops_as_are_asked_for, 200)
{
        service_on_free_port("workers.c");
        struct process *p = WORKERS("--workers", "2", "--loops", "3", "--admin", "off");
        REQUIRE(process_await(p, "all ready 0 is", LONG));
        CHECK_INT(count(p, "(3 loops"), 2);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_start_that_fails_ends_all_with_its_code, 200)
{
        service_on_free_port("workers.c");
        test_write_file(test_path("refuse"), "");
        struct process *p = WORKERS("--workers", "2", "--admin", "off");
        CHECK_INT(process_wait(p, LONG), 1);
        CHECK_CONTAINS(process_output(p), "could not start: it ended with code 1");
        CHECK_INT(count(p, "starts again"), 0);
}

PLAIN_TEST_WITHIN(bad_settings_are_code_2_with_workers_too, 200)
{
        service_on_free_port("workers.c");
        test_write_file(test_path(".env"), "COUNT=many\n");
        struct process *p = WORKERS("--workers", "2", "--admin", "off");
        CHECK_INT(process_wait(p, LONG), 2);
        CHECK_CONTAINS(process_output(p), "could not start: it ended with code 2");
}

/* A pool of which one worker has a request that lasts, and the other none. */
static struct process *start_with_a_slow_request(pid_t *ret_busy)
{
        port = service_on_free_port("workers.c");
        struct process *p = WORKERS("--workers", "2", "--admin", "off", "--graceful-timeout", "100s");
        REQUIRE(process_await(p, "all ready 0 is", LONG));
        char url[64];
        snprintf(url, sizeof url, "http://127.0.0.1:%d/slow", port);
        PROCESS("curl", "-s", url);
        REQUIRE(process_await(p, "slow ", LONG));
        int id = atoi(strstr(process_output(p), "slow ") + strlen("slow "));
        *ret_busy = who(p, "slow", id, 1);
        return p;
}

PLAIN_TEST_WITHIN(a_second_signal_cancels_what_workers_do, 200)
{
        pid_t busy;
        struct process *p = start_with_a_slow_request(&busy);
        process_signal(p, SIGTERM);
        REQUIRE(process_await(p, "stopped with code 0", LONG)); /* that which has nothing to do */
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 90), 0);
        CHECK_CONTAINS(process_output(p), "cancelled: task \"GET /slow\"");
}

PLAIN_TEST_WITHIN(a_worker_that_had_no_time_for_the_first_signal_hears_of_both, 200)
{
        pid_t busy;
        struct process *p = start_with_a_slow_request(&busy);
        kill(busy, SIGSTOP);
        process_signal(p, SIGTERM);
        REQUIRE(process_await(p, "stopped with code 0", LONG));
        process_signal(p, SIGTERM);
        REQUIRE(process_await(p, "SIGTERM again", LONG));
        usleep(200000);
        kill(busy, SIGCONT);
        CHECK_INT(process_wait(p, 90), 0);
        CHECK_CONTAINS(process_output(p), "cancelled: task \"GET /slow\"");
}

PLAIN_TEST_WITHIN(a_signal_during_the_start_ends_all, 200)
{
        service_on_free_port("workers.c");
        struct process *p = WORKERS("--workers", "2", "--admin", "off");
        REQUIRE(process_await(p, "migrated by 0", LONG)); /* workers are about to start */
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
        CHECK_CONTAINS(process_output(p), "all over 0 is");
}

/* What a leak checker does at the end of a process, and whoever attaches a debugger. */
PLAIN_TEST_WITHIN(a_worker_held_by_a_debugger_ends_when_it_lets_go, 200)
{
        struct process *p = start_two("off");
        pid_t held = who(p, "worker", 1, 1);
        int status;
        REQUIRE(ptrace(PTRACE_SEIZE, held, 0, 0) == 0);
        kill(held, SIGKILL);
        siginfo_t info;
        REQUIRE(waitid(P_PID, (id_t)held, &info, WEXITED | WNOWAIT) == 0); /* dead, and held */
        usleep(100000);
        CHECK_INT(count(p, "was killed"), 0);
        CHECK_INT(waitpid(held, &status, 0), held);
        CHECK(process_await(p, "was killed by SIGKILL", LONG));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_worker_that_hangs_is_killed_and_the_code_says_so, 200)
{
        struct process *p = start_two("off");
        pid_t hangs = who(p, "worker", 2, 1);
        kill(hangs, SIGSTOP);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 4);
        CHECK_CONTAINS(process_output(p), "did not end by its hard deadline and was killed");
        CHECK(is_gone(hangs));
}

static bool await_in_file(const char *name, const char *words)
{
        for (int i = 0; i < LONG * 50; i++) {
                char *text = test_read_file(test_path("%s", name));
                bool found = text && strstr(text, words);
                free(text);
                if (found)
                        return true;
                usleep(20000);
        }
        fprintf(stderr, "    \"%s\" does not come in %s\n", words, name);
        return false;
}

PLAIN_TEST_WITHIN(workers_end_when_their_supervisor_is_killed, 400)
{
        service_on_free_port("workers.c");
        struct process *p = PROCESS("sh", "-c", "exec \"$0\" run workers.c --workers 2 --admin off >log 2>&1", aeon_program());
        REQUIRE(await_in_file("log", "all ready 0 is"));
        process_signal(p, SIGKILL);
        CHECK(await_in_file("log", "workers, worker 1, stopped with code 1")); /* in order, after a last step */
        CHECK(await_in_file("log", "workers, worker 2, stopped with code 1"));
        CHECK(await_in_file("log", ": the supervisor is gone"));
}

/* ------------------------------------------------------------------ when one dies */

PLAIN_TEST_WITHIN(a_worker_that_dies_comes_back, 200)
{
        struct process *p = start_two("off");
        kill(who(p, "worker", 1, 1), SIGKILL);
        CHECK(await_who(p, "worker", 1, 2) != who(p, "worker", 1, 1));
        CHECK_CONTAINS(process_output(p), "was killed by SIGKILL");
        CHECK_CONTAINS(process_output(p), "worker 1 starts again in ");
        CHECK_INT(count(p, "worker 2 is"), 1);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(while_one_cannot_start_the_others_serve_on, 200)
{
        struct process *p = start_two("off");
        test_write_file(test_path("refuse"), "");
        kill(who(p, "worker", 1, 1), SIGKILL);
        CHECK(await_count(p, "could not start: it ended with code 1", 3));
        CHECK_CONTAINS(hello(), "2 ");
        unlink(test_path("refuse"));
        await_who(p, "worker", 1, 2);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(when_the_last_one_cannot_start_again_the_service_ends, 200)
{
        struct process *p = start_two("off");
        test_write_file(test_path("refuse"), "");
        kill(who(p, "worker", 1, 1), SIGKILL);
        kill(who(p, "worker", 2, 1), SIGKILL);
        CHECK_INT(process_wait(p, LONG), 1);
        CHECK_CONTAINS(process_output(p), "could not start: it ended with code 1");
}

PLAIN_TEST_WITHIN(a_worker_with_a_stuck_loop_is_aborted_and_comes_back, 200)
{
        int admin;
        struct process *p = start_two(admin_address(&admin));
        char url[64];
        snprintf(url, sizeof url, "http://127.0.0.1:%d/spin", port);
        PROCESS("curl", "-s", url);
        CHECK(process_await(p, "is stuck: it has not been live for 4 s, and is aborted", LONG));
        CHECK(process_await(p, "was killed by SIGABRT", LONG));
        CHECK(await_count(p, ", first", 6)); /* once, migrated, two workers, all ready, and the one that came back */
        const char *body;
        CHECK_INT(test_http_get(admin, "/metrics", &body), 200);
        CHECK(strstr(body, "{worker=\"1\",reason=\"stuck\"} 1\n") || strstr(body, "{worker=\"2\",reason=\"stuck\"} 1\n"));
        CHECK_CONTAINS(body, "{worker=\"1\",reason=\"died\"} 0\n");
        CHECK_CONTAINS(body, "{worker=\"2\",reason=\"died\"} 0\n");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

/* ------------------------------------------------------------------ one after another */

PLAIN_TEST_WITHIN(a_hang_up_replaces_all_by_what_the_source_says_now, 200)
{
        struct process *p = start_two("off");
        pid_t first = who(p, "worker", 1, 1), second = who(p, "worker", 2, 1);
        char *program = test_read_file(test_path("workers.c"));
        char *at = strstr(program, "\"first\"");
        memcpy(at, "\"fresh\"", 7);
        test_write_file(test_path("workers.c"), program);
        free(program);
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, "reloaded", LONG));
        CHECK(is_gone(first) && is_gone(second));
        CHECK_CONTAINS(hello(), "fresh");
        const char *output = process_output(p), *successor = strstr(output, "environment 1, fresh");
        const char *old = strstr(output, "workers, worker 1, stopped"), *next = strstr(output, "environment 2, fresh");
        REQUIRE(successor && old && next);
        CHECK(successor < old && old < next); /* the new one first, and then the next */
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_successor_that_does_not_start_leaves_the_old_one, 200)
{
        struct process *p = start_two("off");
        pid_t first = who(p, "worker", 1, 1);
        test_write_file(test_path("refuse"), "");
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, "the new worker 1 could not start: it ended with code 1; the old one goes on", LONG));
        CHECK(!is_gone(first));
        CHECK_CONTAINS(hello(), "first");
        unlink(test_path("refuse"));
        process_signal(p, SIGHUP);
        CHECK(process_await(p, "reloaded", LONG));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_stop_ends_a_replacement_that_is_under_way, 200)
{
        struct process *p = start_two("off");
        process_signal(p, SIGHUP);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

/* ------------------------------------------------------------------ what is told */

PLAIN_TEST_WITHIN(the_supervisor_answers_the_probes, 200)
{
        int admin;
        struct process *p = start_two(admin_address(&admin));
        CHECK_INT(test_http_get(admin, "/livez", NULL), 200);
        CHECK_INT(test_http_get(admin, "/startupz", NULL), 200);
        CHECK_INT(test_http_get(admin, "/readyz", NULL), 200);
        const char *body;
        CHECK_INT(test_http_get(admin, "/healthz", &body), 200);
        CHECK_CONTAINS(body, "{\"name\":\"worker 2\",\"status\":\"healthy\"");

        kill(who(p, "worker", 1, 1), SIGSTOP); /* one that is stuck is one of two */
        CHECK_INT(test_http_get(admin, "/readyz", NULL), 200);
        kill(who(p, "worker", 1, 1), SIGCONT);

        test_write_file(test_path("closed"), "");
        CHECK(await_status(admin, "/readyz", 503));
        CHECK_INT(test_http_get(admin, "/livez", NULL), 200);
        CHECK(await_status(admin, "/healthz", 200)); /* degraded */
        test_http_get(admin, "/healthz", &body);
        CHECK_CONTAINS(body, "admin endpoints on 127.0.0.1:");
        unlink(test_path("closed"));
        CHECK(await_status(admin, "/readyz", 200));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_worker_less_is_degraded_and_ready, 200)
{
        int admin;
        struct process *p = start_two(admin_address(&admin));
        test_write_file(test_path("refuse"), "");
        kill(who(p, "worker", 2, 1), SIGKILL);
        REQUIRE(process_await(p, "could not start", LONG));
        CHECK_INT(test_http_get(admin, "/readyz", NULL), 200);
        const char *body;
        for (int i = 0; i < 500; i++) {
                CHECK_INT(test_http_get(admin, "/healthz", &body), 200);
                if (strstr(body, "\"error\":\"starts again after"))
                        break;
                usleep(20000);
        }
        CHECK_CONTAINS(body, "\"status\":\"degraded\"");
        CHECK_CONTAINS(body, "\"error\":\"starts again after");
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(tasks_and_metrics_are_those_of_all, 200)
{
        int admin;
        struct process *p = start_two(admin_address(&admin));
        const char *body;
        hello();
        CHECK_INT(test_http_get(admin, "/tasks?verbose", &body), 200);
        CHECK_CONTAINS(body, "\nworker 1 (process ");
        CHECK_CONTAINS(body, "\nworker 2 (process ");
        CHECK_CONTAINS(body, "http accept");
        CHECK_INT(test_http_get(admin, "/tasks", &body), 200);
        CHECK_CONTAINS(body, "{\"workers\":[{\"worker\":0,");
        CHECK_CONTAINS(body, ",{\"worker\":2,\"process\":");

        CHECK_INT(test_http_get(admin, "/metrics", &body), 200);
        CHECK_CONTAINS(body, "\nprocess_open_fds ");
        CHECK_CONTAINS(body, "\nprocess_open_fds{worker=\"1\"} ");
        CHECK_CONTAINS(body, "\nprocess_open_fds{worker=\"2\"} ");
        CHECK(strstr(body, "aeon_http_requests_total{worker=\"1\",") || strstr(body, "aeon_http_requests_total{worker=\"2\","));
        const char *first = strstr(body, "# TYPE process_open_fds ");
        CHECK(first && !strstr(first + 1, "# TYPE process_open_fds "));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

#define RESTARTS(worker, reason, n) "aeon_worker_restarts_total{worker=\"" worker "\",reason=\"" reason "\"} " n

PLAIN_TEST_WITHIN(metrics_say_how_many_are_ready_and_why_one_was_started_again, 400)
{
        int admin;
        struct process *p = start_two(admin_address(&admin));
        const char *body;
        CHECK_INT(test_http_get(admin, "/metrics", &body), 200);
        CHECK_CONTAINS(body, "\naeon_workers 2\n");
        CHECK_CONTAINS(body, "\naeon_workers_ready 2\n");
        CHECK_CONTAINS(body, "\n" RESTARTS("1", "died", "0") "\n"); /* shown from the start, so that the first one is a rise */

        kill(who(p, "worker", 1, 1), SIGKILL);
        await_who(p, "worker", 1, 2);
        CHECK(await_metric(admin, RESTARTS("1", "died", "1")));
        CHECK(await_metric(admin, RESTARTS("2", "died", "0")));
        CHECK(await_metric(admin, "aeon_workers_ready 2"));

        test_write_file(test_path("refuse"), "");
        kill(who(p, "worker", 2, 1), SIGKILL);
        CHECK(await_count(p, "could not start: it ended with code 1", 2));
        CHECK(await_metric(admin, "aeon_workers_ready 1"));
        CHECK(await_metric(admin, RESTARTS("2", "died", "1"))); /* the further ones are in place of one that did not come up */
        CHECK_INT(test_http_get(admin, "/metrics", &body), 200);
        CHECK(!strstr(body, RESTARTS("2", "failed", "0")));
        unlink(test_path("refuse"));
        await_who(p, "worker", 2, 2);

        CHECK(await_metric(admin, RESTARTS("1", "replaced", "0")));
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, "reloaded", LONG));
        CHECK(await_metric(admin, RESTARTS("1", "replaced", "1")));
        CHECK(await_metric(admin, RESTARTS("2", "replaced", "1")));
        CHECK(await_metric(admin, RESTARTS("1", "died", "1")));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

PLAIN_TEST_WITHIN(a_successor_that_does_not_start_is_no_restart, 200)
{
        int admin;
        struct process *p = start_two(admin_address(&admin));
        test_write_file(test_path("refuse"), "");
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, "the old one goes on", LONG));
        CHECK(await_metric(admin, RESTARTS("1", "replaced", "0")));
        CHECK(await_metric(admin, RESTARTS("1", "failed", "0")));
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, LONG), 0);
}

/* ------------------------------------------------------------------ systemd */

static int manager; /* what $NOTIFY_SOCKET names */

static void listen_as_systemd(void)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        snprintf(un.sun_path, sizeof un.sun_path, "%s", test_path("notify"));
        int on = 1;
        manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        setsockopt(manager, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
        REQUIRE(bind(manager, (struct sockaddr *)&un, sizeof un) == 0);
        setenv("NOTIFY_SOCKET", un.sun_path, 1);
}

/* Wait until somebody says @word; returns who, the sender being told by the kernel. */
static pid_t await_told(const char *word)
{
        char datagram[2048];
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
        struct ucred from = { 0 };
        do {
                struct iovec part = { datagram, sizeof datagram - 1 };
                struct msghdr message = {
                        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
                };
                ssize_t n = recvmsg(manager, &message, 0);
                REQUIRE(n >= 0);
                datagram[n] = '\0';
                const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
                REQUIRE(c && c->cmsg_type == SCM_CREDENTIALS);
                memcpy(&from, CMSG_DATA(c), sizeof from);
        } while (!strstr(datagram, word));
        return from.pid;
}

PLAIN_TEST_WITHIN(systemd_hears_of_the_supervisor_only, 200)
{
        listen_as_systemd();
        struct process *p = start_two("off");
        CHECK_INT(await_told("READY=1\nSTATUS=serving on 2 workers"), process_id(p));
        process_signal(p, SIGHUP);
        CHECK_INT(await_told("RELOADING=1"), process_id(p));
        CHECK_INT(await_told("READY=1"), process_id(p));
        CHECK_INT(count(p, "worker 2 is"), 2);
        process_signal(p, SIGTERM);
        CHECK_INT(await_told("STOPPING=1"), process_id(p));
        CHECK_INT(process_wait(p, LONG), 0);
}
