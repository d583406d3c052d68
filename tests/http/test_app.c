/* The listener and the admin listener inside a real app, which runs in a process of its own and is asked from outside. */
#include "harness.h"
#include "process.h"

#include "http/admin.h"

#include <aeon/dependency.h>
#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/http.h>
#include <aeon/testing.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int port, admin_port;
static char admin_address[64];

/* ------------------------------------------------------------------ apps */

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!");
}

static int slow(aeon_request *req)
{
        int r = aeon_sleep(AEON_MILLISECONDS(300));
        return r < 0 ? r : aeon_reply_text(req, 200, "at last");
}

static int stop_app(aeon_request *req)
{
        aeon_app_stop(aeon_app_current(), 0);
        return aeon_reply_text(req, 200, "stopping");
}

static int open_session(int **ret_session)
{
        static int sessions[8], count;
        *ret_session = &sessions[count++];
        return 0;
}

static int close_session(int *session, int r)
{
        (void)session;
        return r < 0 ? 0 : aeon_fail(-EIO, "no commit");
}
AEON_DEPENDENCY(session, int, open_session, close_session);

static int with_session(aeon_request *req)
{
        int *session;
        int r = session_get(&session);
        return r < 0 ? r : aeon_reply_text(req, 200, "saved");
}

static void web(aeon_app *app)
{
        aeon_route(app, "GET /session", with_session, NULL);
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)port });
        aeon_route(app, "GET /hello", hello, NULL);
        aeon_route(app, "GET /slow", slow, NULL);
        aeon_route(app, "GET /stop", stop_app, NULL);
}

static void web_with_a_bad_route(aeon_app *app)
{
        web(app);
        aeon_route(app, "GET hello", hello, NULL);
        aeon_route(app, "GET bye", hello, NULL);
}

static void web_on_a_unix_socket(aeon_app *app)
{
        char address[128];
        snprintf(address, sizeof address, "unix:%s", test_path("http.sock"));
        aeon_http_listen(app, &(aeon_http_opts){ .address = address });
        aeon_route(app, "GET /hello", hello, NULL);
}

static int write_address(aeon_app *app)
{
        test_write_file(test_path("address"), aeon_http_address(app, 0));
        CHECK(aeon_http_address(app, 1) == NULL);
        return 0;
}

static void web_on_any_port(aeon_app *app)
{
        aeon_on_startup(app, write_address);
        aeon_http_listen(app, &(aeon_http_opts){ .address = "127.0.0.1:0" });
        aeon_route(app, "GET /hello", hello, NULL);
}

static int check_file(aeon_health *h)
{
        if (access(test_path("degraded"), F_OK) == 0)
                return aeon_health_degraded(h, "half of it");
        return access(test_path("down"), F_OK) == 0 ? aeon_fail(-EIO, "the file says down") : 0;
}

static void watched(aeon_app *app)
{
        aeon__admin_use(app, admin_address[0] ? admin_address : NULL, false);
        aeon_health_check(app, "file", check_file,
                          &(aeon_health_opts){ .interval = AEON_MILLISECONDS(20), .impact = AEON_CRITICAL });
        web(app);
}

/* ------------------------------------------------------------------ running them */

static pid_t start(void (*define)(aeon_app *app), unsigned loops)
{
        port = port ? port : test_free_port();
        return begin_app(define, &(aeon_app_opts){ .name = "web", .loops = loops });
}

/* Until @target answers @status; what came last. */
static int await_status(int at, const char *target, int status, const char **ret_body)
{
        int last = -1;
        for (int i = 0; i < 500 && last != status; i++) {
                last = test_http_get(at, target, ret_body);
                if (last != status)
                        usleep(20000);
        }
        return last;
}

PLAIN_TEST(a_reply_is_not_sent_before_the_dependencies_of_its_request_are_closed)
{
        pid_t pid = start(web, 1);
        CHECK_INT(await_status(port, "/hello", 200, NULL), 200);
        CHECK_INT(test_http_get(port, "/session", NULL), 500);
        CHECK_INT(end_app(pid, SIGTERM), 0);
        await_words("dependency \"session\": no commit");
}

PLAIN_TEST(an_app_answers_requests_and_ends_well)
{
        const char *body;
        pid_t pid = start(web, 1);
        CHECK_INT(await_status(port, "/hello", 200, &body), 200);
        CHECK_STR(body, "Hello, world!");
        CHECK_INT(test_http_get(port, "/nope", NULL), 404);
        CHECK_INT(end_app(pid, SIGTERM), 0);
        CHECK_INT(test_http_get(port, "/hello", NULL), -1);
        await_words("] GET /hello 200 request_id="); /* the access log is on, unless it is told otherwise */
        await_words("] GET /nope 404 request_id=");
}

PLAIN_TEST(a_request_that_has_begun_is_answered_though_the_app_stops)
{
        const char *body = "";
        pid_t pid = start(web, 1);
        CHECK_INT(await_status(port, "/hello", 200, NULL), 200);
        pid_t killer = fork();
        if (killer == 0) {
                usleep(100000);
                kill(pid, SIGTERM);
                _exit(0);
        }
        CHECK_INT(test_http_get(port, "/slow", &body), 200);
        CHECK_STR(body, "at last");
        CHECK_INT(end_app(pid, 0), 0);
        waitpid(killer, NULL, 0);
}

PLAIN_TEST(a_request_may_stop_its_own_app)
{
        const char *body = "";
        pid_t pid = start(web, 1);
        CHECK_INT(await_status(port, "/hello", 200, NULL), 200);
        CHECK_INT(test_http_get(port, "/stop", &body), 200);
        CHECK_STR(body, "stopping");
        CHECK_INT(end_app(pid, 0), 0);
}

PLAIN_TEST(every_loop_listens)
{
        pid_t pid = start(web, 3);
        CHECK_INT(await_status(port, "/hello", 200, NULL), 200);
        for (int i = 0; i < 50; i++)
                CHECK_INT(test_http_get(port, "/hello", NULL), 200);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(a_port_that_is_taken_fails_the_start_and_is_named)
{
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        char address[32];
        port = test_free_port();
        sa.sin_port = htons((uint16_t)port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(fd, 1) == 0);
        CHECK_INT(end_app(start(web, 1), 0), 1);
        snprintf(address, sizeof address, "127.0.0.1:%d", port);
        await_words(address);
        close(fd);
}

PLAIN_TEST(a_bad_route_fails_the_start_and_is_named)
{
        CHECK_INT(end_app(start(web_with_a_bad_route, 1), 0), 1);
        await_words("GET hello");
}

PLAIN_TEST(a_free_port_may_be_asked_for)
{
        pid_t pid = start(web_on_any_port, 1);
        char *address = NULL;
        for (int i = 0; i < 500 && !(address && *address); i++) {
                usleep(20000);
                free(address);
                address = test_read_file(test_path("address"));
        }
        REQUIRE(address && !strncmp(address, "127.0.0.1:", 10));
        CHECK_INT(await_status(atoi(address + 10), "/hello", 200, NULL), 200);
        free(address);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(a_unix_socket_serves_too)
{
        char reply[512] = "";
        pid_t pid = start(web_on_a_unix_socket, 1);
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        snprintf(sa.sun_path, sizeof sa.sun_path, "%s", test_path("http.sock"));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = -1;
        for (int i = 0; i < 500 && r < 0; i++) {
                usleep(20000);
                r = connect(fd, (struct sockaddr *)&sa, sizeof sa);
        }
        REQUIRE(r == 0);
        static const char request[] = "GET /hello HTTP/1.0\r\n\r\n";
        CHECK_INT(write(fd, request, sizeof request - 1), sizeof request - 1);
        size_t used = 0;
        ssize_t n;
        while ((n = read(fd, reply + used, sizeof reply - 1 - used)) > 0)
                used += (size_t)n;
        CHECK_CONTAINS(reply, "Hello, world!");
        close(fd);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

/* ------------------------------------------------------------------ admin */

static pid_t start_watched(void)
{
        admin_port = test_free_port();
        snprintf(admin_address, sizeof admin_address, "127.0.0.1:%d", admin_port);
        return start(watched, 1);
}

PLAIN_TEST(the_probes_answer)
{
        const char *body = "";
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/readyz", 200, &body), 200);
        CHECK_STR(body, "{\"status\":\"healthy\"}");
        CHECK_INT(test_http_get(admin_port, "/livez", &body), 200);
        CHECK_INT(test_http_get(admin_port, "/startupz?verbose", &body), 200);
        CHECK_INT(test_http_get(admin_port, "/hello", NULL), 404);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(readiness_and_health_follow_the_checks)
{
        const char *body = "";
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/readyz", 200, NULL), 200);
        CHECK_INT(await_status(admin_port, "/healthz", 200, &body), 200);
        CHECK_CONTAINS(body, "\"name\":\"file\"");
        test_write_file(test_path("down"), "");
        CHECK_INT(await_status(admin_port, "/readyz", 503, &body), 503);
        CHECK_STR(body, "{\"status\":\"unhealthy\"}");
        CHECK_INT(test_http_get(admin_port, "/readyz?verbose", &body), 503);
        CHECK_STR(body, "[-]file unhealthy: the file says down\nreadyz check failed\n");
        CHECK_INT(test_http_get(admin_port, "/livez?verbose", &body), 200);
        CHECK_CONTAINS(body, "livez check passed\n");
        CHECK_INT(test_http_get(admin_port, "/healthz", &body), 503);
        CHECK_CONTAINS(body, "the file says down");
        CHECK_INT(test_http_get(admin_port, "/livez", NULL), 200);
        test_write_file(test_path("degraded"), "");
        CHECK_INT(await_status(admin_port, "/healthz", 200, &body), 200);
        CHECK_CONTAINS(body, "degraded");
        CHECK_INT(test_http_get(admin_port, "/readyz", NULL), 200);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(the_tasks_of_all_loops_are_shown)
{
        const char *body = "";
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/readyz", 200, NULL), 200);
        CHECK_INT(test_http_get(admin_port, "/tasks", &body), 200);
        CHECK_CONTAINS(body, "{\"loops\":[{\"loop\":\"warden\",\"dump\":{\"tasks\":");
        CHECK_CONTAINS(body, "{\"loop\":\"loop 0\",\"dump\":{\"tasks\":");
        CHECK_CONTAINS(body, "\"what\":\"accept\"");
        CHECK_INT(test_http_get(admin_port, "/tasks?verbose", &body), 200);
        CHECK_CONTAINS(body, "warden: ");
        CHECK_CONTAINS(body, "loop 0: ");
        CHECK_CONTAINS(body, "\n  lifespan #");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

/* Say @request to the admin listener and give the reply. */
static const char *say(const char *request)
{
        static char reply[2048];
        struct sockaddr_in sa = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)admin_port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size_t used = 0;
        ssize_t n;
        if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && write(fd, request, strlen(request)) > 0)
                while ((n = read(fd, reply + used, sizeof reply - 1 - used)) > 0)
                        used += (size_t)n;
        close(fd);
        reply[used] = '\0';
        return reply;
}

PLAIN_TEST(the_admin_listener_takes_get_and_head_only)
{
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/livez", 200, NULL), 200);
        const char *reply = say("HEAD /healthz HTTP/1.0\r\n\r\n");
        CHECK_CONTAINS(reply, "Content-Type: application/json\r\n");
        CHECK(reply && !strchr(reply, '{'));
        reply = say("POST /livez HTTP/1.0\r\n\r\n");
        CHECK_CONTAINS(reply, "HTTP/1.1 405 ");
        CHECK_CONTAINS(reply, "Allow: GET, HEAD");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

/* POST /log-level with @body; @headers in front of those that it needs. */
static const char *post_level(const char *headers, const char *body)
{
        char request[512];
        snprintf(request, sizeof request,
                 "POST /log-level HTTP/1.0\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
                 headers, strlen(body), body);
        return say(request);
}

PLAIN_TEST(log_levels_are_changed_while_the_app_runs)
{
        const char *body = "";
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/readyz", 200, NULL),
                  200); /* the admin listener answers before the app's own listens */
        CHECK_INT(test_http_get(admin_port, "/log-level", &body), 200);
        CHECK_STR(body, "info\n");
        CHECK_CONTAINS(post_level("", "broker=debug"), "\r\n\r\ninfo,broker=debug\n");
        CHECK_CONTAINS(post_level("", "http=error&broker=warning\n"), "\r\n\r\ninfo,broker=warning,http=error\n");
        CHECK_CONTAINS(post_level("", "warning"), "\r\n\r\nwarning,broker=warning,http=error\n");
        CHECK_CONTAINS(post_level("", "http=info"), "\r\n\r\nwarning,broker=warning,http=info\n");
        CHECK_CONTAINS(post_level("", "parked=debug"), "200");
        CHECK_INT(test_http_get(port, "/hello", NULL), 200);
        await_words("] GET /hello 200"); /* which is no warning */
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(log_levels_that_are_none_change_nothing)
{
        const char *body = "";
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/log-level", 200, NULL), 200);
        const char *reply = post_level("", "error,broker=loud");
        CHECK_CONTAINS(reply, " 400 ");
        CHECK_CONTAINS(reply, "\\\"loud\\\" is no log level: debug, info, warning, error or off");
        CHECK_CONTAINS(post_level("", ""), " 400 ");
        CHECK_CONTAINS(post_level("", "=debug"), " 400 ");
        CHECK_INT(test_http_get(admin_port, "/log-level", &body), 200);
        CHECK_STR(body, "info\n");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(a_web_page_cannot_change_log_levels)
{
        const char *body = "";
        pid_t pid = start_watched();
        CHECK_INT(await_status(admin_port, "/log-level", 200, NULL), 200);
        CHECK_CONTAINS(post_level("Origin: https://evil.example\r\n", "debug"), " 403 ");
        CHECK_CONTAINS(post_level("Origin: null\r\n", "debug"), " 403 ");
        CHECK_CONTAINS(post_level("Sec-Fetch-Site: cross-site\r\n", "debug"), " 403 ");
        CHECK_INT(test_http_get(admin_port, "/log-level", &body), 200);
        CHECK_STR(body, "info\n");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(two_apps_find_an_admin_port_each)
{
        pid_t first = start(watched, 1); /* no address asked for */
        CHECK_INT(await_status(port, "/hello", 200, NULL), 200);
        int first_port = port;
        port = test_free_port();
        pid_t second = start(watched, 1);
        CHECK_INT(await_status(port, "/hello", 200, NULL), 200);
        CHECK_INT(test_http_get(first_port, "/hello", NULL), 200);
        CHECK_INT(end_app(first, SIGTERM), 0);
        CHECK_INT(end_app(second, SIGTERM), 0);
}

/* ------------------------------------------------------------------ in a test of aeon/testing.h */

PLAIN_TEST(nothing_listens_in_a_tests_world)
{
        aeon_test_result result;
        port = test_free_port();
        CHECK_INT(aeon_test_run(web, aeon_test_await_ready, &(aeon_test_opts){ .app.loops = 2 }, &result), 0);
        CHECK_INT(result.exit_code, 0);
        CHECK_INT(aeon_test_run(web_with_a_bad_route, NULL, NULL, &result), 0);
        CHECK_INT(result.exit_code, 1); /* declarations are checked all the same */
}
