/* The end of an app as its clients see it: the app runs for real, in a process of its own. */
#include "fixture.h"
#include "harness.h"
#include "process.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/sync.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int port;

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!");
}

/* Until the app drains, then a farewell. */
static int stream_until_draining(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, "text/event-stream");
        r = r < 0 ? r : aeon_reply_write(req, "begun", 5);
        r = r < 0 ? r : aeon_event_wait(aeon_draining());
        return r < 0 ? r : aeon_reply_write(req, "farewell", 8);
}

static int stream_for_ever(aeon_request *req)
{
        int r = aeon_reply_begin(req, 200, NULL);
        r = r < 0 ? r : aeon_reply_write(req, "begun", 5);
        return r < 0 ? r : aeon_sleep_until(AEON_NEVER);
}

static int slow_body(aeon_request *req)
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        return r < 0 ? r : aeon_reply_bytes(req, 200, "text/plain", body.data, body.size);
}

static void web(aeon_app *app)
{
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)port });
        aeon_route(app, "GET /hello", hello, NULL);
        aeon_route(app, "GET /draining", stream_until_draining, NULL);
        aeon_route(app, "GET /for-ever", stream_for_ever, NULL);
        aeon_route(app, "POST /body", slow_body, NULL);
}

static pid_t start_app(aeon_duration graceful_timeout)
{
        port = test_free_port();
        return begin_app(web, &(aeon_app_opts){ .name = "web", .graceful_timeout = graceful_timeout });
}

/* A connection that has had a request. */
static int used_connection(void)
{
        int fd = connect_to(port);
        send_text_to(fd, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        CHECK_CONTAINS(receive_text(fd, "world!"), "200 OK");
        return fd;
}

PLAIN_TEST_WITHIN(a_stop_closes_idle_connections_and_does_not_wait_for_half_a_head, 60)
{
        pid_t pid = start_app(AEON_SECONDS(600)); /* which it would wait for a request */
        int idle = used_connection(), half = used_connection();
        send_text_to(half, "GET /hello HT");
        kill(pid, SIGTERM);
        CHECK_STR(receive_text(idle, NULL), "");
        CHECK_STR(receive_text(half, NULL), "");
        CHECK_INT(end_app(pid, 0), 0);
        close(idle);
        close(half);
}

PLAIN_TEST_WITHIN(a_head_that_becomes_whole_while_the_app_stops_is_answered, 60)
{
        pid_t pid = start_app(0);
        int idle = used_connection(), half = used_connection();
        send_text_to(half, "GET /hello HT");
        usleep(50000); /* it is there */
        kill(pid, SIGTERM);
        CHECK_STR(receive_text(idle, NULL), ""); /* the stop has begun */
        send_text_to(half, "TP/1.1\r\n" HEADERS "\r\n");
        const char *text = receive_text(half, NULL);
        CHECK_CONTAINS(text, "HTTP/1.1 200 OK\r\n");
        CHECK_CONTAINS(text, "Connection: close\r\n");
        CHECK_INT(end_app(pid, 0), 0);
        close(idle);
        close(half);
}

PLAIN_TEST_WITHIN(a_body_that_has_begun_is_received_and_answered, 60)
{
        pid_t pid = start_app(0);
        int idle = used_connection(), fd = connect_to(port);
        send_text_to(fd, "POST /body HTTP/1.1\r\nContent-Length: 8\r\n" HEADERS "\r\nbody");
        usleep(50000);
        kill(pid, SIGTERM);
        CHECK_STR(receive_text(idle, NULL), "");
        send_text_to(fd, "body");
        CHECK_CONTAINS(receive_text(fd, NULL), "\r\n\r\nbodybody");
        CHECK_INT(end_app(pid, 0), 0);
        close(idle);
        close(fd);
}

PLAIN_TEST_WITHIN(a_stream_hears_that_the_app_drains_and_ends_well, 60)
{
        pid_t pid = start_app(AEON_SECONDS(600));
        int fd = connect_to(port);
        send_text_to(fd, "GET /draining HTTP/1.1\r\n" HEADERS "\r\n");
        receive_text(fd, "begun");
        kill(pid, SIGTERM);
        CHECK_CONTAINS(receive_text(fd, NULL), "8\r\nfarewell\r\n0\r\n\r\n");
        CHECK_INT(end_app(pid, 0), 0);
        close(fd);
}

PLAIN_TEST_WITHIN(a_stream_that_does_not_end_is_cut_off_at_the_deadline_that_all_share, 60)
{
        pid_t pid = start_app(AEON_MILLISECONDS(100));
        int first = connect_to(port), second = connect_to(port);
        send_text_to(first, "GET /for-ever HTTP/1.1\r\n" HEADERS "\r\n");
        send_text_to(second, "GET /for-ever HTTP/1.1\r\n" HEADERS "\r\n");
        receive_text(first, "begun");
        receive_text(second, "begun");
        kill(pid, SIGTERM);
        CHECK(!strstr(receive_text(first, NULL), "0\r\n\r\n"));
        CHECK(!strstr(receive_text(second, NULL), "0\r\n\r\n"));
        CHECK_INT(end_app(pid, 0), 0);
        await_words("GET /for-ever 200 cut off");
        close(first);
        close(second);
}
