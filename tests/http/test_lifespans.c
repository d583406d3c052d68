/* Requests inside the lifespan of their own loop: what they see of it, and how they end with it; for one loop, for four, and for two
 * apps whose loops share a thread. */
#include "harness.h"
#include "process.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/http.h>
#include <aeon/loop.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/var.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a lifespan leaves for the requests of its loop. */
struct home {
        const char *app; /* whose */
        unsigned index;
        aeon_loop *loop;
        pthread_t thread;
        aeon_group *group;
        aeon_event *end; /* set: this lifespan dies */
};
AEON_LOOP_VAR(home, struct home);
AEON_TASK_VAR(owner, struct home);

static int port, inner_port;

/* ------------------------------------------------------------------ the lifespan */

static int die_when_told(void *arg)
{
        struct home *h = arg;
        int r = aeon_event_wait(h->end);
        return r < 0 ? r : aeon_fail(-EIO, "the roof fell in");
}

static int at_home(aeon_lifespan *life)
{
        struct home h = { .app = aeon_app_name(aeon_lifespan_app(life)),
                          .index = aeon_lifespan_index(life),
                          .loop = aeon_loop_current(),
                          .thread = pthread_self() };
        REQUIRE_INT(aeon_event_new(&h.end), 0);
        REQUIRE_INT(aeon_group_open(&h.group), 0);
        home_set(&h);
        owner_set(&h);
        int r = aeon_spawn(h.group, "roof", die_when_told, &h);
        r = r < 0 ? r : aeon_lifespan_serve(life);
        aeon_group_cancel(h.group, "moving out");
        int e = aeon_group_close(h.group);
        aeon_event_free(h.end);
        return r < 0 ? r : e == -ECANCELED ? 0 : e;
}

/* ------------------------------------------------------------------ its requests */

/* Which home this request is in: the variable of the loop and that which came down from the lifespan's task must be one. */
static int show_home(aeon_request *req)
{
        char text[64];
        const struct home *h = home_get();
        if (!h || h != owner_get() || h->loop != aeon_loop_current() || !pthread_equal(h->thread, pthread_self()))
                return aeon_reply_text(req, 200, "lost");
        snprintf(text, sizeof text, "%s %u", h->app, h->index);
        return aeon_reply_text(req, 200, text);
}

/* Bring the lifespan down that this request is in, and see how that feels. */
static int fell_home(aeon_request *req)
{
        (void)req;
        aeon_event_set(home_get()->end);
        int r = aeon_sleep(AEON_MINUTES(5));
        if (r == -ECANCELED && strstr(aeon_cancel_reason(), "roof"))
                fprintf(stderr, "the request knew: %s\n", aeon_cancel_reason());
        return r;
}

static int stop(aeon_request *req)
{
        aeon_app_stop(aeon_app_current(), 0);
        return aeon_reply_text(req, 200, "stopping");
}

static void add_routes(aeon_app *app, int at)
{
        aeon_use_lifespan(app, at_home);
        aeon_http_listen(app, &(aeon_http_opts){ .port = (unsigned)at });
        aeon_route(app, "GET /home", show_home, NULL);
        aeon_route(app, "GET /fell", fell_home, NULL);
        aeon_route(app, "GET /stop", stop, NULL);
}

static void outer(aeon_app *app)
{
        add_routes(app, port);
}

/* ------------------------------------------------------------------ one loop, four loops */

static pid_t start(void (*define)(aeon_app *app), unsigned loops)
{
        port = test_free_port();
        return begin_app(define, &(aeon_app_opts){ .name = "outer", .loops = loops });
}

/* The answer of /home, waited for until there is one. */
static const char *home_at(int at)
{
        const char *body = NULL;
        for (int i = 0; i < 500 && test_http_get(at, "/home", &body) != 200; i++)
                usleep(20000);
        return body ? body : "";
}

static void check_homes(unsigned loops)
{
        unsigned seen = 0;
        pid_t pid = start(outer, loops);
        for (int i = 0; i < 2000 && seen != (1U << loops) - 1; i++) {
                unsigned index = 99;
                CHECK(sscanf(home_at(port), "outer %u", &index) == 1 && index < loops);
                seen |= 1U << index;
        }
        CHECK_INT(seen, (1U << loops) - 1);
        CHECK_INT(end_app(pid, SIGTERM), 0);
}

static void check_end(unsigned loops)
{
        pid_t pid = start(outer, loops);
        home_at(port);
        CHECK_INT(test_http_get(port, "/fell", NULL), 503);
        CHECK_INT(end_app(pid, 0), 3);
        await_words("the request knew: ");
}

PLAIN_TEST(a_request_is_in_the_lifespan_of_the_only_loop)
{
        check_homes(1);
}

PLAIN_TEST(a_request_is_in_the_lifespan_of_its_own_loop_of_four)
{
        check_homes(4);
}

PLAIN_TEST(a_request_ends_with_the_lifespan_of_the_only_loop)
{
        check_end(1);
}

PLAIN_TEST(a_request_ends_with_the_lifespan_of_its_own_loop_of_four)
{
        check_end(4);
}

/* ------------------------------------------------------------------ two apps on one thread */

static void inner(aeon_app *app)
{
        add_routes(app, inner_port);
}

/* A whole app inside a request of another: its loop is a second one of this thread, and the first stands still meanwhile. */
static int run_inner(aeon_request *req)
{
        int code = aeon_app_run(inner, &(aeon_app_opts){ .name = "inner", .loops = 1, .quiet = true });
        const struct home *h = home_get();
        char text[64];
        snprintf(text, sizeof text, "%d, back in %s", code, h && h == owner_get() ? h->app : "nobody's home");
        return aeon_reply_text(req, 200, text);
}

static void outer_with_inner(aeon_app *app)
{
        add_routes(app, port);
        aeon_route(app, "GET /inner", run_inner, NULL);
}

/* From another process: it is answered when the inner app has ended. */
static pid_t ask_for_inner(void)
{
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        const char *body = "nothing";
        test_http_get(port, "/inner", &body);
        test_write_file(test_path("answer"), body);
        _exit(0);
}

PLAIN_TEST(two_apps_on_two_loops_of_one_thread_have_a_lifespan_each)
{
        inner_port = test_free_port();
        pid_t pid = start(outer_with_inner, 1);
        CHECK_STR(home_at(port), "outer 0");
        pid_t client = ask_for_inner();
        CHECK_STR(home_at(inner_port), "inner 0");
        CHECK_INT(test_http_get(inner_port, "/stop", NULL), 200);
        CHECK_INT(end_app(client, 0), 0);
        char *answer = test_read_file(test_path("answer"));
        CHECK_STR(answer, "0, back in outer");
        free(answer);
        CHECK_STR(home_at(port), "outer 0");
        CHECK_INT(end_app(pid, SIGTERM), 0);
}
