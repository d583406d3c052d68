/* The dashboard of the admin listener: its page, its stream, who may have them, and what ends them. What a browser makes of the page is tested
 * by tests/dashboard/run. */
#include "harness.h"
#include "process.h"

#include "http/admin.h"

#include <aeon/error.h>
#include <aeon/health.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int port, traffic_port;

static int check_file(aeon_health *h)
{
        (void)h;
        return access(test_path("down"), F_OK) == 0 ? aeon_fail(-EIO, "</script>\n\"down\"") : 0;
}

static int well(aeon_request *req)
{
        return aeon_reply_status(req, 204);
}

static int broken(aeon_request *req)
{
        return aeon_reply_status(req, 503);
}

static void watched(aeon_app *app)
{
        char address[64];
        snprintf(address, sizeof address, "127.0.0.1:%d", port);
        aeon__admin_use(app, address, false);
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)traffic_port });
        aeon_route(app, "GET /well", well, NULL);
        aeon_route(app, "GET /broken", broken, NULL);
        aeon_health_check(app, "file", check_file,
                          &(aeon_health_opts){ .interval = AEON_MILLISECONDS(20), .impact = AEON_CRITICAL });
}

static int wordy(aeon_health *h)
{
        return aeon_health_degraded(h, "%0250d", 0);
}

/* So much to say that no buffer of a socket holds it for long. */
static void watched_and_wordy(aeon_app *app)
{
        enum { CHECKS = 1000 };
        char name[32];
        watched(app);
        for (int i = 0; i < CHECKS; i++) {
                snprintf(name, sizeof name, "check %d", i);
                aeon_health_check(app, name, wordy, &(aeon_health_opts){ .on_demand = true });
        }
}

/* Until it is ready, and all of its checks are well. */
static pid_t start(void (*define)(aeon_app *app))
{
        port = test_free_port();
        do
                traffic_port = test_free_port();
        while (traffic_port == port);
        pid_t pid = begin_app(define, &(aeon_app_opts){ .name = "shop" });
        for (int i = 0; i < 1000 && test_http_get(port, "/readyz", NULL) != 200; i++)
                usleep(10000);
        return pid;
}

static int ask(const char *path, const char *host)
{
        char request[256];
        int fd = connect_to(port);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
        send_text_to(fd, request);
        return fd;
}

/* What is said to who asks for @path of @host, until @part has come. */
static const char *answer(const char *path, const char *host, const char *part)
{
        int fd = ask(path, host);
        const char *text = receive_text(fd, part);
        close(fd);
        return text;
}

PLAIN_TEST(the_page_may_run_no_script_but_its_own)
{
        pid_t pid = start(watched);
        const char *text = answer("/", "localhost", "frame-ancestors 'none'");
        CHECK_CONTAINS(text, "HTTP/1.1 200 ");
        CHECK_CONTAINS(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
        CHECK_CONTAINS(text, "\r\nContent-Security-Policy: default-src 'none'; script-src 'sha256-");
        CHECK_CONTAINS(text, "; style-src 'sha256-");
        CHECK(!strstr(text, "unsafe"));
        CHECK(!strstr(text, "Set-Cookie"));
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(the_stream_says_again_and_again_what_the_probes_say)
{
        pid_t pid = start(watched);
        int fd = ask("/events", "localhost");
        const char *text = receive_text(fd, "\"workers\":[]}\n\n");
        CHECK_CONTAINS(text, "\r\nContent-Type: text/event-stream\r\n");
        CHECK_CONTAINS(text, "\ndata: {\"at_ms\":");
        CHECK_CONTAINS(text, "\"app\":{\"name\":\"shop\",\"version\":\"\",\"phase\":\"serving\",");
        CHECK_CONTAINS(text, "\"probes\":{\"livez\":true,\"startupz\":true,\"readyz\":true}");
        CHECK_CONTAINS(text, "\"health\":{\"status\":\"healthy\",\"components\":[{\"name\":\"file\",\"status\":\"healthy\",");
        CHECK_CONTAINS(text, "\"snapshot\":{\"loops\":[{\"loop\":0,");
        test_write_file(test_path("down"), "");
        while (!strstr(text, "\"readyz\":false") && *text)
                text = receive_text(fd, "\"workers\":[]}\n\n");
        CHECK_CONTAINS(text, "\"error\":\"</script>\\n\\\"down\\\"\"");
        close(fd);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(the_snapshot_has_the_answers_and_errors_of_each_route)
{
        const char *body = "";
        pid_t pid = start(watched);
        CHECK_INT(test_http_get(traffic_port, "/well", NULL), 204);
        CHECK_INT(test_http_get(traffic_port, "/broken", NULL), 503);
        CHECK_INT(test_http_get(traffic_port, "/broken", NULL), 503);
        for (int i = 0; i < 1000 && !strstr(body, "\"answered\":2,"); i++) /* counted when the reply is out */
                test_http_get(port, "/snapshot", &body);
        CHECK_CONTAINS(body, "{\"method\":\"GET\",\"route\":\"/well\",\"answered\":1,\"errors\":0,\"seconds\":0.");
        CHECK_CONTAINS(body, "{\"method\":\"GET\",\"route\":\"/broken\",\"answered\":2,\"errors\":2,\"seconds\":0.");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

/* A page of another site whose name points to this machine has its reader's browser ask by that name. */
PLAIN_TEST(details_are_for_who_asks_by_a_name_of_this_machine)
{
        static const char *const paths[] = { "/events", "/tasks", "/snapshot" };
        static const char *const ours[] = { "localhost:7979", "127.0.0.1", "[::1]:7979" };
        static const char *const others[] = { "shop.example", "127.0.0.1.shop.example:7979", "localhost.shop.example", "[::2]" };
        pid_t pid = start(watched);
        for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
                for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                        CHECK_CONTAINS(answer(paths[p], ours[i], "\r\n\r\n"), "HTTP/1.1 200 ");
                for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                        CHECK_CONTAINS(answer(paths[p], others[i], "--health-details"), "HTTP/1.1 403 ");
        }
        CHECK_CONTAINS(answer("/healthz", "shop.example", "}"), "\r\n\r\n{\"status\":\"healthy\"}");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(sixteen_may_watch_at_a_time)
{
        enum { WATCHERS = 16 };
        int watchers[WATCHERS];
        pid_t pid = start(watched);
        for (int i = 0; i < WATCHERS; i++) {
                watchers[i] = ask("/events", "localhost");
                CHECK_CONTAINS(receive_text(watchers[i], "data: "), "HTTP/1.1 200 ");
        }
        CHECK_CONTAINS(answer("/events", "localhost", "too many dashboards are open"), "HTTP/1.1 503 ");
        close(watchers[0]);
        const char *text = "";
        for (int i = 0; i < 1000 && !strstr(text, "HTTP/1.1 200 "); i++)
                text = answer("/events", "localhost", "\r\n\r\n");
        CHECK_CONTAINS(text, "HTTP/1.1 200 ");
        for (int i = 1; i < WATCHERS; i++)
                close(watchers[i]);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

PLAIN_TEST(no_stop_waits_for_a_watcher)
{
        pid_t pid = start(watched);
        int fd = ask("/events", "localhost"); /* who reads nothing */
        int other = ask("/events", "localhost");
        CHECK_CONTAINS(receive_text(other, "\"phase\":\"serving\""), "200");
        CHECK_INT(end_app(pid, SIGTERM), 0);
        char *said = test_read_file(test_path("stderr"));
        CHECK(!strstr(said, "abandoned"));
        free(said);
        close(fd);
        close(other);
}

PLAIN_TEST(a_browser_that_takes_nothing_holds_up_itself_alone)
{
        const char *tasks = "";
        pid_t pid = start(watched_and_wordy);
        int fd = ask("/events", "localhost");
        for (int i = 0; i < 6000 && !strstr(tasks, "\"what\":\"write\""); i++) {
                usleep(10000);
                test_http_get(port, "/tasks", &tasks);
        }
        CHECK_CONTAINS(tasks, "\"what\":\"write\"");
        CHECK_INT(test_http_get(port, "/livez", NULL), 200);
        CHECK_CONTAINS(answer("/events", "localhost", "data: {"), "HTTP/1.1 200 ");
        CHECK_INT(end_app(pid, SIGTERM), 0);
        close(fd);
}
