/* The server and the clients of fixture.h. */
#include "fixture.h"

#include "harness.h"
#include "http/middleware.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the server under test */

struct http_server server;
struct http_router router;
char address[64];
int finished, cancelled;
char why[64];

static int answer(aeon_request *req)
{
        return aeon__router_answer(&router, req);
}

static int spawn(void *spawner, const char *name, aeon_task_fn *fn, void *arg)
{
        return aeon_spawn(spawner, name, fn, arg);
}

static int server_run(void *arg)
{
        return aeon__http_server_run(arg);
}

static int hello(aeon_request *req)
{
        return aeon_reply_text(req, 200, "Hello, world!");
}

static int echo(aeon_request *req)
{
        aeon_bytes body;
        int r = aeon_request_body(req, &body);
        if (r < 0)
                return r;
        CHECK(((const char *)body.data)[body.size] == '\0');
        return aeon_reply_bytes(req, 200, "application/octet-stream", body.data, body.size);
}

static int show(aeon_request *req)
{
        char text[512];
        const char *q = aeon_request_query(req, "q"), *accept = aeon_request_header(req, "accept");
        snprintf(text, sizeof text, "%s %s id=%s q=%s accept=%s none=%s", aeon_request_method(req), aeon_request_path(req),
                 aeon_request_param(req, "id"), q ? q : "-", accept ? accept : "-", aeon_request_param(req, "none") ? "?" : "-");
        aeon_reply_header(req, "X-Seen", "yes");
        return aeon_reply_text(req, 201, text);
}

static int slow(aeon_request *req)
{
        int r = aeon_sleep(AEON_MILLISECONDS(200));
        if (r == -ECANCELED) {
                cancelled++;
                snprintf(why, sizeof why, "%s", aeon_cancel_reason());
                return r;
        }
        finished++;
        return r < 0 ? r : aeon_reply_text(req, 200, "at last");
}

static int fail(aeon_request *req)
{
        int code = -atoi(aeon_request_param(req, "code"));
        aeon_reply_text(req, 200, "never seen");
        return aeon_fail_os(code, "secret words");
}

static int count(aeon_request *req)
{
        char piece[1000], text[32];
        ssize_t n;
        size_t total = 0;
        while ((n = aeon_request_read(req, piece, sizeof piece)) > 0)
                total += (size_t)n;
        if (n < 0)
                return (int)n;
        snprintf(text, sizeof text, "%zu", total);
        return aeon_reply_text(req, 200, text);
}

#define PAIR(F) F(str, word) F(i64, times, .min = 1)
AEON_RECORD(pair, PAIR);

static int typed(aeon_request *req)
{
        const struct pair *in;
        int r = pair_receive(req, &in);
        return r < 0 ? r : pair_reply(req, 200, &(struct pair){ .word = in->word, .times = in->times * 2 });
}

static int big(aeon_request *req)
{
        size_t size = 5000000;
        char *bytes = malloc(size);
        memset(bytes, 'x', size);
        int r = aeon_reply_bytes(req, 200, "text/plain", bytes, size);
        free(bytes);
        return r;
}

static int accepted(aeon_request *req)
{
        (void)req;
        return 0;
}

static int bad_replies(aeon_request *req)
{
        CHECK_INT(aeon_reply_status(req, 99), -EINVAL);
        CHECK_INT(aeon_reply_status(req, 600), -EINVAL);
        CHECK_INT(aeon_reply_header(req, "A", "b\r\nC: d"), -EINVAL);
        CHECK_INT(aeon_reply_header(req, "A b", "c"), -EINVAL);
        CHECK_INT(aeon_reply_header(req, "content-length", "3"), -EINVAL);
        CHECK_INT(aeon_reply_bytes(req, 200, "a\nb", "", 0), -EINVAL);
        return aeon_reply_status(req, 204);
}

void add(const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts)
{
        REQUIRE_INT(aeon__router_add(&router, pattern, handler, opts), 0);
}

void route(const char *pattern, aeon_request_fn *handler)
{
        add(pattern, handler, NULL);
}

/* Start a server with these limits (zero: the defaults) in a new group. */
aeon_group *start(struct http_limits limits)
{
        int fd;
        aeon_group *group;
        add("GET /hello", hello, NULL);
        add("POST /echo", echo, NULL);
        add("POST /echo10", echo, &(aeon_route_opts){ .max_body = 10 });
        add("GET /show/{id}", show, NULL);
        add("GET /slow", slow, NULL);
        add("POST /slow", slow, NULL);
        add("GET /late", slow, &(aeon_route_opts){ .timeout = AEON_MILLISECONDS(20) });
        add("GET /fail/{code}", fail, NULL);
        add("POST /count", count, NULL);
        add("POST /typed", typed, NULL);
        add("GET /big", big, NULL);
        add("POST /accepted", accepted, NULL);
        add("GET /bad", bad_replies, NULL);
        REQUIRE_INT(aeon_group_open(&group), 0);
        server = (struct http_server){ .limits = limits, .group = group, .spawn = spawn, .spawner = group, .answer = answer };
        aeon__http_server_init(&server);
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE(aeon_socket_address(fd, address, sizeof address) >= 0);
        REQUIRE_INT(aeon_listener_open(fd, &server.listener), 0);
        REQUIRE_INT(aeon_spawn(group, "server", server_run, &server), 0);
        return group;
}

void stop(aeon_group *group)
{
        aeon__http_server_quiesce(&server);
        CHECK_INT(aeon_group_close(group), 0);
        CHECK_INT(server.count, 0);
        aeon__http_server_done(&server);
        aeon__router_done(&router);
}

/* ------------------------------------------------------------------ a client */

aeon_stream *dial(void)
{
        aeon_stream *s = NULL;
        REQUIRE_INT(aeon_stream_connect(address, &s), 0);
        return s;
}

void say(aeon_stream *s, const char *text)
{
        CHECK_INT(aeon_stream_write(s, text, strlen(text)), 0);
}

/* Everything until the server closes, or until @part has come. */
const char *hear(aeon_stream *s, const char *part)
{
        static char texts[4][65536];
        static unsigned turn;
        char *text = texts[turn++ % 4];
        size_t used = 0;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(10) });
        ssize_t n = 1;
        text[0] = '\0';
        while (n > 0 && used < sizeof texts[0] - 1 && !(part && strstr(text, part))) {
                n = aeon_stream_read(s, text + used, sizeof texts[0] - 1 - used);
                used += n > 0 ? (size_t)n : 0;
                text[used] = '\0';
        }
        CHECK_INT(aeon_scope_close(&limit, n < 0 ? (int)n : 0), 0);
        return text;
}

/* One connection: say @request, hear all until the server closes. */
const char *ask(const char *request)
{
        aeon_stream *s = dial();
        say(s, request);
        const char *text = hear(s, NULL);
        aeon_stream_close(s);
        return text;
}

int times(const char *text, const char *part)
{
        int n = 0;
        while ((text = strstr(text, part))) {
                n++;
                text += strlen(part);
        }
        return n;
}
