/* What connections hold while they wait: nothing; and who of them is closed when. */
#include "fixture.h"
#include "harness.h"

#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/task.h>
#include <aeon/var.h>
#include <stdio.h>
#include <string.h>

/* Until only the accept loop and the keeper are left of the server's tasks. */
static void await_rest(aeon_group *g)
{
        while (aeon_group_size(g) > 2)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

static struct http_link *first_link(void)
{
        return list_first(&server.links, struct http_link, place);
}

static void await_count(size_t count)
{
        while (server.count != count)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

TEST(who_waits_for_a_request_holds_no_task_and_no_buffer)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        await_count(1);
        CHECK_INT(aeon_group_size(g), 2); /* before the first byte */
        CHECK(first_link()->speaker == NULL);
        for (int i = 0; i < 3; i++) {
                say(s, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
                hear(s, "world!");
                await_rest(g);
                CHECK(first_link()->speaker == NULL);
                CHECK_INT(server.spare_count, 1); /* one served them all */
        }
        aeon_stream_close(s);
        stop(g);
}

TEST(a_part_of_a_head_holds_no_task_either)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *s = dial();
        static const char *const parts[] = { "G", "ET /hello HT", "TP/1.1\r\nHost: x\r\nConnection: cl" };
        size_t size = 0;
        aeon_time deadline = 0;
        await_count(1);
        for (int i = 0; i < 3; i++) {
                say(s, parts[i]);
                size += strlen(parts[i]);
                struct http_connection *c;
                while (!(c = first_link()->speaker) || buffer_size(&c->in) < size)
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
                CHECK_INT(aeon_group_size(g), 2);
                deadline = deadline ? deadline : first_link()->deadline;
                CHECK_INT(first_link()->deadline, deadline); /* as its first byte set it */
        }
        say(s, "ose\r\n\r\n");
        CHECK_CONTAINS(hear(s, NULL), "Hello, world!");
        aeon_stream_close(s);
        stop(g);
}

TEST(who_was_used_last_waits_last)
{
        aeon_group *g = start((struct http_limits){ 0 });
        aeon_stream *a = dial(), *b;
        await_count(1);
        struct http_link *first = first_link();
        b = dial();
        await_count(2);
        CHECK(list_first(&server.idle, struct http_link, queue) == first);
        aeon_time before = first->deadline;
        say(a, "GET /hello HTTP/1.1\r\n" HEADERS "\r\n");
        hear(a, "world!");
        await_rest(g);
        CHECK(list_first(&server.idle, struct http_link, queue) != first);
        CHECK(first->deadline > before);
        aeon_stream_close(a);
        aeon_stream_close(b);
        await_count(0);
        stop(g);
}

TEST(idle_ones_and_slow_heads_are_closed_in_their_own_time)
{
        aeon_group *g =
                start((struct http_limits){ .idle_timeout = AEON_MILLISECONDS(100), .head_timeout = AEON_MILLISECONDS(30) });
        aeon_stream *idle = dial(), *slow = dial();
        await_count(2);
        say(slow, "GET /hel");
        CHECK_CONTAINS(hear(slow, NULL), "HTTP/1.1 408 ");
        CHECK_STR(hear(idle, NULL), "");
        aeon_stream_close(idle);
        aeon_stream_close(slow);
        await_count(0);
        stop(g);
}

/* The tasks of connections begin in a callback, and still inherit what their server was given. */
AEON_TASK_VAR(colour, const char);

static int tell_colour(aeon_request *req)
{
        return aeon_reply_text(req, 200, colour_get() ? colour_get() : "none");
}

TEST(handlers_see_the_variables_of_their_server)
{
        colour_set("blue");
        aeon_group *g = start((struct http_limits){ 0 });
        colour_set("green");
        route("GET /colour", tell_colour);
        CHECK_CONTAINS(ask("GET /colour HTTP/1.1\r\n" LAST), "\r\n\r\nblue");
        stop(g);
}
