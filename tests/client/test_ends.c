/* Calls that end before their time: cancelled in each phase, by a deadline, by the client's end, by the loop's. */
#include "client/client.h"

#include "../http/fixture.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/time.h>
#include <stdio.h>
#include <string.h>

static struct http_limits usual;
static aeon_event *reached; /* the phase in which the call is to be cancelled */
static const char *first_words;
static int hung_up;

/* Say something, and then nothing more until the client goes. */
static void falls_silent(aeon_stream *s, int nth)
{
        (void)nth;
        char bytes[65536];
        if (first_words) {
                peer_hears(s);
                peer_says(s, first_words);
        }
        aeon_event_set(reached);
        while (aeon_stream_read(s, bytes, first_words ? sizeof bytes : 1) > 0 && !aeon_cancelled())
                ;
        hung_up++;
}

struct attempt {
        aeon_http_client *client;
        aeon_http_call call;
        aeon_scope scope;
        aeon_event *ended;
        int result;
};

static int attempt(void *arg)
{
        struct attempt *a = arg;
        aeon_http_response *res = NULL;
        aeon_scope_open(&a->scope, NULL);
        a->result = aeon_http_send(a->client, &a->call, &res);
        CHECK_INT(aeon_scope_close(&a->scope, a->result), a->result == -ECANCELED ? 0 : a->result);
        CHECK(!res);
        aeon_event_set(a->ended);
        return 0;
}

static void begin(struct attempt *a, aeon_group *g)
{
        REQUIRE_INT(aeon_event_new(&a->ended), 0);
        REQUIRE_INT(aeon_spawn(g, "attempt", attempt, a), 0);
}

/* Cancel @call once the peer has said @words, and see that its connection is closed and the client as good as new. */
static void cancelled_after(const char *words, aeon_http_call call)
{
        first_words = words;
        hung_up = 0;
        REQUIRE_INT(aeon_event_new(&reached), 0);
        aeon_group *g = peer_start(falls_silent), *server_group = start(usual);
        struct attempt a = { .client = client_with((aeon_http_client_opts){ 0 }), .call = call };
        if (!a.call.url)
                a.call.url = at_peer("/");
        begin(&a, g);
        CHECK_INT(aeon_event_wait(reached), 0);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK(!aeon_event_is_set(a.ended));
        aeon_scope_cancel(&a.scope, "enough");
        CHECK_INT(aeon_event_wait(a.ended), 0);
        CHECK_INT(a.result, -ECANCELED);
        CHECK(list_empty(&a.client->calls));
        while (!hung_up) /* the peer sees it */
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(status_of(a.client, at_server("/hello")), 200);
        aeon_http_client_close(a.client);
        aeon_event_free(a.ended);
        stop(server_group);
        peer_stop(g);
        aeon_event_free(reached);
}

TEST(cancelled_before_the_head)
{
        cancelled_after("", (aeon_http_call){ 0 });
}

TEST(cancelled_in_the_head)
{
        cancelled_after("HTTP/1.1 200 OK\r\nX-A", (aeon_http_call){ 0 });
}

TEST(cancelled_in_the_body)
{
        cancelled_after("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", (aeon_http_call){ 0 });
}

static ssize_t never_ends(void *arg, void *buffer, size_t size)
{
        (void)arg;
        memset(buffer, 'x', size);
        int r = aeon_checkpoint();
        return r < 0 ? r : (ssize_t)size;
}

TEST(cancelled_while_it_sends_pieces)
{
        cancelled_after("", (aeon_http_call){ .body_fn = never_ends });
}

static ssize_t never_comes(void *arg, void *buffer, size_t size)
{
        (void)arg, (void)buffer, (void)size;
        aeon_event_set(reached);
        return aeon_sleep(AEON_SECONDS(3600));
}

TEST(cancelled_while_it_waits_for_its_own_pieces)
{
        cancelled_after("", (aeon_http_call){ .body_fn = never_comes });
}

TEST(cancelled_in_the_handshake)
{
        char url[64];
        first_words = NULL;
        REQUIRE_INT(aeon_event_new(&reached), 0);
        aeon_group *g = peer_start(falls_silent);
        snprintf(url, sizeof url, "https%s", at_peer("/") + strlen("http"));
        struct attempt a = { .client = client_with((aeon_http_client_opts){ 0 }), .call = { .url = url } };
        begin(&a, g);
        CHECK_INT(aeon_event_wait(reached), 0);
        aeon_scope_cancel(&a.scope, "enough");
        CHECK_INT(aeon_event_wait(a.ended), 0);
        CHECK_INT(a.result, -ECANCELED);
        aeon_http_client_close(a.client);
        aeon_event_free(a.ended);
        peer_stop(g);
        aeon_event_free(reached);
}

TEST(cancelled_while_the_name_is_looked_up)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        struct attempt a = { .client = client_with((aeon_http_client_opts){ 0 }), .call = { .url = "http://nowhere.invalid/" } };
        begin(&a, g);
        CHECK_INT(aeon_checkpoint(), 0); /* it has begun; nothing can have come of it */
        aeon_scope_cancel(&a.scope, "enough");
        CHECK_INT(aeon_event_wait(a.ended), 0);
        CHECK(a.result == -ECANCELED);
        aeon_http_client_close(a.client);
        aeon_event_free(a.ended);
        CHECK_INT(aeon_group_close(g), 0);
}

TEST(cancelled_while_it_waits_for_a_connection)
{
        first_words = "";
        REQUIRE_INT(aeon_event_new(&reached), 0);
        aeon_group *g = peer_start(falls_silent);
        aeon_http_client *c = client_with((aeon_http_client_opts){ .max_connections = 1 });
        struct attempt first = { .client = c, .call = { .url = at_peer("/1") } },
                       second = { .client = c, .call = { .url = at_peer("/2") } };
        begin(&first, g);
        CHECK_INT(aeon_event_wait(reached), 0);
        begin(&second, g);
        CHECK_INT(aeon_checkpoint(), 0);
        aeon_scope_cancel(&second.scope, "enough");
        CHECK_INT(aeon_event_wait(second.ended), 0);
        CHECK_INT(second.result, -ECANCELED);
        CHECK(!aeon_event_is_set(first.ended));
        aeon_scope_cancel(&first.scope, "enough");
        CHECK_INT(aeon_event_wait(first.ended), 0);
        CHECK_INT(peer_connections, 1);
        aeon_http_client_close(c);
        aeon_event_free(first.ended);
        aeon_event_free(second.ended);
        peer_stop(g);
        aeon_event_free(reached);
}

TEST(cancelled_before_it_began_sends_nothing)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, "no");
        CHECK_INT(aeon_http_get(NULL, at_server("/hello"), &res), -ECANCELED);
        aeon_scope_close(&s, 0);
        CHECK_INT(server.count, 0);
        stop(g);
}

TEST(deadline_of_the_scope_ends_a_call)
{
        aeon_group *g = start(usual);
        aeon_http_response *res;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(50) });
        CHECK_INT(aeon_scope_close(&s, aeon_http_get(NULL, at_server("/slow"), &res)), -ETIMEDOUT);
        stop(g);
        CHECK_INT(finished, 0);
        CHECK_INT(cancelled, 1); /* the server saw the connection go */
}

/* ------------------------------------------------------------------ the client's end */

TEST(closing_the_client_ends_its_calls)
{
        first_words = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
        REQUIRE_INT(aeon_event_new(&reached), 0);
        aeon_group *g = peer_start(falls_silent);
        char piece[10];
        aeon_http_response *res;
        aeon_http_client *c = client_with((aeon_http_client_opts){ 0 });
        struct attempt one = { .client = c, .call = { .url = at_peer("/1") } },
                       two = { .client = c, .call = { .url = at_peer("/2") } };
        begin(&one, g);
        begin(&two, g);
        REQUIRE_INT(aeon_http_open_response(c, &(aeon_http_call){ .url = at_peer("/3") }, &res), 0);
        CHECK_INT(aeon_http_response_read(res, piece, 2), 2);
        aeon_http_client_close(c);
        CHECK_INT(aeon_event_wait(one.ended), 0);
        CHECK_INT(aeon_event_wait(two.ended), 0);
        CHECK_INT(one.result, -EBADF);
        CHECK_INT(two.result, -EBADF);
        CHECK_INT(aeon_http_response_status(res), 200); /* what came stays */
        CHECK_INT(aeon_http_response_read(res, piece, 2), 1);
        CHECK_INT(aeon_http_response_read(res, piece, 2), -EBADF);
        CHECK_CONTAINS(aeon_error_text(), "the client was closed");
        aeon_http_response_free(res);
        aeon_event_free(one.ended);
        aeon_event_free(two.ended);
        peer_stop(g);
        aeon_event_free(reached);
}

TEST(giving_up_a_streamed_response_closes_its_connection)
{
        first_words = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
        hung_up = 0;
        REQUIRE_INT(aeon_event_new(&reached), 0);
        aeon_group *g = peer_start(falls_silent);
        aeon_http_response *res;
        REQUIRE_INT(aeon_http_open_response(NULL, &(aeon_http_call){ .url = at_peer("/") }, &res), 0);
        CHECK_INT(hung_up, 0);
        aeon_http_response_free(res);
        while (!hung_up)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        peer_stop(g);
        aeon_event_free(reached);
}

static aeon_http_client *left;

static int leaves_it_open(void *arg)
{
        (void)arg;
        left = client_with((aeon_http_client_opts){ 0 });
        return status_of(left, "http://127.0.0.1:1/") == -ECONNREFUSED ? 0 : -EINVAL;
}

PLAIN_TEST(client_left_open_at_the_loops_end_is_told)
{
        test_stderr_begin();
        CHECK_INT(aeon_loop_run(leaves_it_open, NULL), 0);
        CHECK_CONTAINS(test_stderr(), "an HTTP client was left open when its loop ended");
        CHECK(!strstr(test_stderr(), "poll"));
        test_stderr_end();
        aeon_http_client_close(left); /* still right */
}
