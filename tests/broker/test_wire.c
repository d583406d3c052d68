/* Connections that come back, against a server of lines that each test runs on its own loop.
 *
 *      client: HELLO          server: WELCOME | DENIED         greet()
 *      client: RESUME         server: RESUMED                  resume()
 *      client: any TEXT       server: any TEXT
 *
 * What the server does wrong is a flag of it. */
#include "broker/wire.h"
#include "faults.h"

#include <aeon/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the server */

struct line_server {
        int port;
        bool denies, slams, mute, deaf, greets_never; /* slams: hangs up after the greeting; deaf: reads nothing more */
        unsigned accepted, welcomed, resumed, pings;
        size_t heard; /* bytes of other lines */
        aeon_listener *listener;
        aeon_scope life;
        aeon_event *ended;
        struct list peers;
};

struct peer {
        struct list node;
        struct line_server *server;
        aeon_stream *stream;
};

static int answer(struct peer *p, const char *line, size_t size)
{
        struct line_server *s = p->server;
        if (!strncmp(line, "HELLO", 5)) {
                s->welcomed += !s->denies;
                return s->greets_never ? 0 : aeon_stream_write(p->stream, s->denies ? "DENIED\n" : "WELCOME\n", s->denies ? 7 : 8);
        }
        if (!strncmp(line, "RESUME", 6)) {
                s->resumed++;
                return aeon_stream_write(p->stream, "RESUMED\n", 8);
        }
        if (!strncmp(line, "PING", 4))
                s->pings++;
        else
                s->heard += size;
        return s->mute ? 0 : aeon_stream_write(p->stream, line, size);
}

static int talk(void *arg)
{
        struct peer *p = arg;
        static char big[1 << 16];
        char *bytes = malloc(sizeof big);
        size_t length = 0;
        ssize_t n;
        REQUIRE(bytes != NULL);
        while ((n = aeon_stream_read(p->stream, bytes + length, sizeof big - length)) > 0) {
                length += (size_t)n;
                int r = 0;
                char *newline;
                while (r >= 0 && (newline = memchr(bytes, '\n', length))) {
                        size_t size = (size_t)(newline + 1 - bytes);
                        r = answer(p, bytes, size);
                        length -= size;
                        memmove(bytes, newline + 1, length);
                }
                if (r < 0 || (p->server->slams && p->server->welcomed))
                        break;
                while (p->server->deaf && r >= 0)
                        r = aeon_sleep(AEON_MILLISECONDS(1));
        }
        free(bytes);
        list_remove(&p->node);
        aeon_stream_close(p->stream);
        free(p);
        return 0;
}

static int serve(void *arg)
{
        struct line_server *s = arg;
        aeon_group *talks;
        aeon_stream *stream;
        aeon_scope_enter(&s->life);
        REQUIRE_INT(aeon_group_open(&talks), 0);
        while (aeon_listener_accept(s->listener, &stream) >= 0) {
                struct peer *p = calloc(1, sizeof *p);
                REQUIRE(p != NULL);
                *p = (struct peer){ .server = s, .stream = stream };
                list_append(&s->peers, &p->node);
                s->accepted++;
                aeon_spawn(talks, "talk", talk, p);
        }
        aeon_group_close(talks);
        aeon_listener_close(s->listener);
        aeon_scope_close(&s->life, 0);
        aeon_event_set(s->ended);
        return 0;
}

static void line_server_start(struct line_server *s, aeon_group *g)
{
        char address[40];
        int fd;
        if (!s->port)
                s->port = test_free_port();
        snprintf(address, sizeof address, "127.0.0.1:%d", s->port);
        REQUIRE_INT(aeon_socket_bind(address, &fd), 0);
        REQUIRE_INT(aeon_listener_open(fd, &s->listener), 0);
        REQUIRE_INT(aeon_event_new(&s->ended), 0);
        aeon_scope_init(&s->life, &(aeon_scope_opts){ .name = "server" });
        list_init(&s->peers);
        REQUIRE_INT(aeon_spawn(g, "server", serve, s), 0);
}

static void line_server_stop(struct line_server *s)
{
        aeon_scope_cancel(&s->life, "the server stops");
        REQUIRE_INT(aeon_event_wait(s->ended), 0);
        aeon_event_free(s->ended);
        s->ended = NULL;
}

/* ------------------------------------------------------------------ the client */

struct client {
        struct wire wire; /* first */
        struct link link;
        struct broker_url *url;
        struct list asked; /* confirmations, one per line that is to come */
        unsigned lost, lines, probes;
        int lost_code;
        char lost_words[300], first_line[80], last_line[80];
        bool unread; /* greet() reads more than the greeting */
};

static struct client *client_of(struct wire *w)
{
        return w->self;
}

static int greet(struct wire *w)
{
        char line[200];
        size_t length = 0;
        int r = client_of(w)->unread ? aeon_stream_write(w->stream, "HELLO\nearly\n", 12)
                                     : aeon_stream_write(w->stream, "HELLO\n", 6);
        while (r >= 0 && (!length || line[length - 1] != '\n' || (client_of(w)->unread && !strstr(line, "early\n")))) {
                ssize_t n = aeon_stream_read(w->stream, line + length, sizeof line - 1 - length);
                if (n <= 0)
                        return n < 0 ? (int)n : aeon_fail(-ECONNRESET, "it has hung up");
                length += (size_t)n;
                line[length] = '\0';
        }
        if (r < 0)
                return r;
        if (!strncmp(line, "DENIED", 6))
                return aeon_fail(-EACCES, "the user \"bob\" is not let in");
        return length > 8 ? aeon__wire_unread(w, line + 8, length - 8) : 0;
}

static ssize_t take(struct wire *w, const char *bytes, size_t size)
{
        struct client *c = client_of(w);
        const char *at = bytes, *newline;
        while ((newline = memchr(at, '\n', size - (size_t)(at - bytes)))) {
                snprintf(c->last_line, sizeof c->last_line, "%.*s", (int)(newline - at), at);
                if (!c->lines++)
                        strcpy(c->first_line, c->last_line);
                if (!strcmp(c->last_line, "POISON"))
                        return aeon_fail(-EPROTO, "that was poison");
                if (!list_empty(&c->asked))
                        aeon__confirmation_come(list_first(&c->asked, struct confirmation, node), 0, NULL);
                at = newline + 1;
        }
        return at - bytes;
}

/* Say @line and wait for its answer. */
static int ask(struct client *c, const char *line)
{
        struct confirmation answered;
        int r = aeon__wire_send(&c->wire, line, strlen(line));
        if (r < 0)
                return r;
        aeon__confirmation_init(&answered, "answer");
        list_append(&c->asked, &answered.node);
        return aeon__confirmation_wait(&answered);
}

static int resume(struct wire *w)
{
        return ask(client_of(w), "RESUME\n");
}

static void lost(struct wire *w, int code, const char *words)
{
        struct client *c = client_of(w);
        c->lost++;
        c->lost_code = code;
        snprintf(c->lost_words, sizeof c->lost_words, "%s", words);
        aeon__confirmations_come(&c->asked, code, words);
}

static void probe(struct wire *w)
{
        client_of(w)->probes++;
        CHECK_INT(aeon__wire_send(w, "PING\n", 5), 0);
}

static const struct wire_protocol line_protocol = {
        .name = "line", .greet = greet, .resume = resume, .take = take, .lost = lost, .probe = probe
};

/* A test's whole: a server and a client in a group. */
struct bench {
        aeon_group *group;
        struct line_server server;
        int port; /* where the client goes, if not to the server */
        struct client client;
};

static void prepare(struct bench *b, bool patient, const char *options)
{
        struct client *c = &b->client;
        char url[200];
        if (!b->group)
                REQUIRE_INT(aeon_group_open(&b->group), 0);
        if (!b->server.port)
                b->server.port = test_free_port();
        snprintf(url, sizeof url, "line://127.0.0.1:%d?reconnect=1ms&reconnect_max=10ms%s%s", b->port ? b->port : b->server.port,
                 *options ? "&" : "", options);
        REQUIRE_INT(aeon__broker_url_read(url, 1, &c->url), 0);
        c->link = (struct link){ .group = b->group, .patient = patient, .loop = aeon_loop_current() };
        c->wire = (struct wire){ .protocol = &line_protocol, .self = c, .link = &c->link, .url = c->url };
        list_init(&c->asked);
        aeon__wire_options(&c->wire);
        REQUIRE_INT(aeon__options_end(c->url->options, "url"), 0);
}

static void prepare_and_open(struct bench *b)
{
        prepare(b, false, "");
        line_server_start(&b->server, b->group);
        REQUIRE_INT(aeon__wire_open(&b->client.wire), 0);
}

/* After aeon__wire_close() or a failed open. */
static void finish(struct bench *b)
{
        if (b->server.ended)
                line_server_stop(&b->server);
        aeon_group_cancel(b->group, "the test ends");
        CHECK_INT(aeon_group_close(b->group), 0);
        aeon__broker_url_free(b->client.url);
}

static void close_and_finish(struct bench *b)
{
        aeon__wire_close(&b->client.wire);
        finish(b);
}

/* ------------------------------------------------------------------ opening */

TEST(wire_connects_greets_resumes_and_then_is_up)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        CHECK(b.client.wire.up);
        CHECK_INT(b.client.wire.times, 1);
        CHECK_INT(b.server.welcomed, 1);
        CHECK_INT(b.server.resumed, 1);
        CHECK_INT(ask(&b.client, "hello\n"), 0);
        CHECK_STR(b.client.last_line, "hello");
        CHECK_INT(aeon__wire_ready(&b.client.wire), 0);
        CHECK_INT(b.client.lost, 0);
        close_and_finish(&b);
        CHECK_INT(b.client.lost, 1);
        CHECK_INT(b.client.lost_code, -ENOTCONN);
        CHECK_STR(b.client.lost_words, "the connection is closed");
}

TEST(wire_to_nobody_is_an_error_for_a_tool)
{
        struct bench b = { 0 };
        char address[40];
        prepare(&b, false, "");
        snprintf(address, sizeof address, "127.0.0.1:%d", b.server.port);
        CHECK_INT(aeon__wire_open(&b.client.wire), -ECONNREFUSED);
        CHECK_CONTAINS(aeon_error_text(), address);
        CHECK_CONTAINS(aeon_error_text(), "refused");
        CHECK_INT(aeon_group_size(b.group), 0); /* nothing is left behind */
        finish(&b);
}

TEST(wire_to_nobody_waits_for_the_server_in_an_app)
{
        struct bench b = { 0 };
        prepare(&b, true, "");
        REQUIRE_INT(aeon__wire_open(&b.client.wire), 0);
        CHECK(!b.client.wire.up);
        CHECK_INT(aeon__wire_send(&b.client.wire, "x", 1), -ENOTCONN);
        CHECK_CONTAINS(aeon_error_text(), "line is not connected: cannot connect to 127.0.0.1:");
        line_server_start(&b.server, b.group);
        CHECK_INT(aeon__wire_ready(&b.client.wire), 0);
        CHECK_INT(ask(&b.client, "hello\n"), 0);
        CHECK_INT(b.client.wire.times, 1);
        close_and_finish(&b);
}

TEST(wire_that_stays_away_is_not_connected_and_the_reason_is_told)
{
        struct bench b = { 0 };
        prepare(&b, true, "connect_timeout=20ms");
        REQUIRE_INT(aeon__wire_open(&b.client.wire), 0);
        CHECK_INT(aeon__wire_ready(&b.client.wire), -ENOTCONN);
        CHECK_CONTAINS(aeon_error_text(), "line is not connected: cannot connect to 127.0.0.1:");
        CHECK_CONTAINS(aeon_error_text(), "refused");
        close_and_finish(&b);
}

TEST(wire_whose_server_is_silent_is_given_up_in_time)
{
        struct bench b = { 0 };
        prepare(&b, false, "connect_timeout=20ms");
        b.server.greets_never = true;
        line_server_start(&b.server, b.group);
        CHECK_INT(aeon__wire_open(&b.client.wire), -ETIMEDOUT);
        CHECK_CONTAINS(aeon_error_text(), "no answer within 0.02 s");
        finish(&b);

        memset(&b, 0, sizeof b);
        prepare(&b, true, "connect_timeout=20ms"); /* while an attempt runs, the reason is still that of the last one */
        b.server.greets_never = true;
        line_server_start(&b.server, b.group);
        CHECK_INT(aeon__wire_open(&b.client.wire), 0);
        AWAIT(b.server.accepted > 1);
        CHECK_INT(aeon__wire_ready(&b.client.wire), -ENOTCONN);
        CHECK_CONTAINS(aeon_error_text(), "no answer within 0.02 s");
        close_and_finish(&b);
}

TEST(wire_that_is_refused_for_good_is_an_error_even_in_an_app)
{
        for (int patient = 0; patient < 2; patient++) {
                struct bench b = { 0 };
                prepare(&b, patient, "");
                b.server.denies = true;
                line_server_start(&b.server, b.group);
                CHECK_INT(aeon__wire_open(&b.client.wire), -EACCES);
                CHECK_CONTAINS(aeon_error_text(), "the user \"bob\" is not let in");
                CHECK_INT(b.server.accepted, 1);
                CHECK_INT(aeon_group_size(b.group), 1); /* the server */
                finish(&b);
        }
}

TEST(wire_tries_its_hosts_in_turn)
{
        for (int patient = 0; patient < 2; patient++) {
                struct bench b = { 0 };
                char url[200];
                prepare(&b, patient, "");
                aeon__broker_url_free(b.client.url);
                snprintf(url, sizeof url, "line://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", test_free_port(), test_free_port(),
                         b.server.port);
                REQUIRE_INT(aeon__broker_url_read(url, 1, &b.client.url), 0);
                b.client.wire.url = b.client.url;
                line_server_start(&b.server, b.group);
                REQUIRE_INT(aeon__wire_open(&b.client.wire), 0); /* not before each was tried */
                CHECK(b.client.wire.up);
                close_and_finish(&b);
        }
}

TEST(wire_learns_of_further_hosts)
{
        struct bench b = { 0 };
        struct line_server other = { .port = test_free_port() };
        char address[40];
        prepare_and_open(&b);
        CHECK_INT(aeon__wire_add_host(&b.client.wire, "nowhere"), -EINVAL);
        CHECK_INT(aeon__wire_add_host(&b.client.wire, "nowhere:"), -EINVAL);
        CHECK_INT(aeon__wire_add_host(&b.client.wire, "nowhere:70000"), -EINVAL);
        snprintf(address, sizeof address, "[127.0.0.1]:%d", other.port);
        CHECK_INT(aeon__wire_add_host(&b.client.wire, address), 0);
        CHECK_INT(aeon__wire_add_host(&b.client.wire, address), 0);
        CHECK_INT(b.client.wire.hosts_count, 2);
        line_server_start(&other, b.group);
        line_server_stop(&b.server);
        AWAIT(other.resumed);
        CHECK_INT(ask(&b.client, "hello\n"), 0);
        aeon__wire_close(&b.client.wire);
        line_server_stop(&other);
        finish(&b);
}

static int open_wire(void *arg)
{
        struct bench *b = arg;
        CHECK_INT(aeon__wire_open(&b->client.wire), -ECANCELED);
        return 0;
}

TEST(wire_whose_opening_is_cancelled_leaves_nothing)
{
        struct bench b = { 0 };
        aeon_group *g;
        prepare(&b, true, "");
        b.server.greets_never = true;
        line_server_start(&b.server, b.group);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "open", open_wire, &b);
        AWAIT(b.server.accepted == 1);
        aeon_group_cancel(g, "never mind");
        CHECK_INT(aeon_group_close(g), 0);
        AWAIT(list_empty(&b.server.peers));
        CHECK_INT(aeon_group_size(b.group), 1); /* the server */
        finish(&b);
}

TEST(wire_hands_what_came_behind_the_greeting_to_take)
{
        struct bench b = { 0 };
        b.client.unread = true;
        prepare_and_open(&b);
        AWAIT(b.client.lines == 2);
        CHECK_STR(b.client.first_line, "early");
        CHECK_STR(b.client.last_line, "RESUMED");
        close_and_finish(&b);
}

/* ------------------------------------------------------------------ losing and coming back */

static int ask_late(void *arg)
{
        struct bench *b = arg;
        int r = ask(&b->client, "hello\n");
        CHECK_INT(r, b->client.lost_code);
        CHECK_STR(aeon_error_text(), b->client.lost_words);
        return 0;
}

TEST(wire_that_is_lost_says_so_and_comes_back)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        b.server.mute = true;
        aeon_spawn(b.group, "ask", ask_late, &b);
        AWAIT(b.server.heard);
        line_server_stop(&b.server);
        AWAIT(b.client.lost);
        CHECK(b.client.lost_code < 0);
        CHECK(*b.client.lost_words);
        CHECK(!b.client.wire.up);
        b.server.mute = false;
        line_server_start(&b.server, b.group);
        CHECK_INT(aeon__wire_ready(&b.client.wire), 0);
        CHECK_INT(b.client.wire.times, 2);
        CHECK_INT(b.server.resumed, 2);
        CHECK_INT(ask(&b.client, "again\n"), 0);
        CHECK_STR(b.client.last_line, "again");
        close_and_finish(&b);
}

TEST(wire_on_which_nonsense_comes_is_given_up_with_the_reason)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        CHECK_INT(ask(&b.client, "POISON\n"), -EPROTO);
        CHECK_STR(aeon_error_text(), "that was poison");
        AWAIT(b.client.wire.up);
        CHECK_INT(b.client.wire.times, 2);
        close_and_finish(&b);
}

TEST(wire_can_be_broken_from_outside)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        aeon__wire_break(&b.client.wire, -EIO, "the answer fits no question");
        aeon__wire_break(&b.client.wire, -EPROTO, "too late");
        AWAIT(b.client.wire.times == 2);
        CHECK_INT(b.client.lost, 1);
        CHECK_INT(b.client.lost_code, -EIO);
        CHECK_STR(b.client.lost_words, "the answer fits no question");
        close_and_finish(&b);
}

TEST(wire_to_a_server_that_hangs_up_at_once_is_tried_with_pauses)
{
        struct bench b = { 0 };
        prepare(&b, true, "");
        b.server.slams = true;
        line_server_start(&b.server, b.group);
        REQUIRE_INT(aeon__wire_open(&b.client.wire), 0);
        AWAIT(b.server.accepted > 5);
        CHECK(b.client.wire.failures >= 4); /* each makes the next pause longer */
        b.server.slams = false;
        CHECK_INT(aeon__wire_ready(&b.client.wire), 0);
        CHECK_INT(ask(&b.client, "hello\n"), 0);
        close_and_finish(&b);
}

/* ------------------------------------------------------------------ silence */

TEST(wire_asks_a_silent_peer_and_keeps_it_when_it_answers)
{
        struct bench b = { 0 };
        prepare(&b, false, "");
        b.client.wire.heartbeat = AEON_MILLISECONDS(200);
        line_server_start(&b.server, b.group);
        REQUIRE_INT(aeon__wire_open(&b.client.wire), 0);
        AWAIT(b.server.pings >= 3);
        CHECK(b.client.wire.up);
        CHECK_INT(b.client.lost, 0);
        close_and_finish(&b);
}

TEST(wire_gives_up_a_peer_that_says_nothing_although_it_was_asked)
{
        struct bench b = { 0 };
        prepare(&b, false, "");
        b.client.wire.heartbeat = AEON_MILLISECONDS(20);
        b.server.mute = true;
        line_server_start(&b.server, b.group);
        REQUIRE_INT(aeon__wire_open(&b.client.wire), 0);
        AWAIT(b.client.lost);
        CHECK_INT(b.client.probes, 1);
        CHECK_INT(b.client.lost_code, -ETIMEDOUT);
        CHECK_CONTAINS(b.client.lost_words, "it has said nothing for 0.04 s");
        close_and_finish(&b);
}

/* ------------------------------------------------------------------ much output, and the end */

enum { BLOCK = 256 * 1024, BLOCKS = 64, MUCH = 1024 * 1024 };

static struct {
        unsigned sent;
        size_t most; /* that the output ever held */
        int result;
        bool ended;
} sending;

static int send_blocks(void *arg)
{
        struct wire *w = arg;
        char *block = malloc(BLOCK);
        int r = 0;
        REQUIRE(block != NULL);
        for (int i = 0; i < BLOCK; i++)
                block[i] = i % 1024 == 1023 ? '\n' : 'x';
        while (r >= 0 && sending.sent < BLOCKS) {
                r = aeon__wire_room(w);
                if (r >= 0)
                        r = aeon__wire_send(w, block, BLOCK);
                sending.sent += r >= 0;
                if (w->output.length > sending.most)
                        sending.most = w->output.length;
        }
        free(block);
        sending.result = r;
        sending.ended = true;
        return 0;
}

TEST(wire_makes_those_wait_who_send_faster_than_the_peer_takes)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        b.server.mute = b.server.deaf = true;
        aeon_spawn(b.group, "send", send_blocks, &b.client.wire);
        AWAIT(!list_empty(&b.client.wire.room));
        CHECK(sending.sent < BLOCKS);
        b.server.deaf = false;
        AWAIT(b.server.heard == (size_t)BLOCK * BLOCKS);
        CHECK_INT(sending.result, 0);
        CHECK(sending.most <= MUCH + BLOCK);
        close_and_finish(&b);
}

TEST(wire_that_is_lost_lets_go_of_those_who_wait_to_send)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        b.server.mute = b.server.deaf = true;
        aeon_spawn(b.group, "send", send_blocks, &b.client.wire);
        AWAIT(!list_empty(&b.client.wire.room));
        line_server_stop(&b.server);
        AWAIT(sending.ended);
        CHECK_INT(sending.result, -ENOTCONN);
        close_and_finish(&b);
}

TEST(wire_writes_what_was_sent_before_it_closes)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        b.server.mute = true;
        for (int i = 0; i < 100; i++)
                CHECK_INT(aeon__wire_send(&b.client.wire, "0123456789\n", 11), 0);
        aeon__wire_close(&b.client.wire);
        AWAIT(b.server.heard == 1100);
        finish(&b);
}

TEST(wire_closes_although_the_peer_takes_nothing)
{
        struct bench b = { 0 };
        prepare_and_open(&b);
        b.server.mute = b.server.deaf = true;
        aeon_spawn(b.group, "send", send_blocks, &b.client.wire);
        AWAIT(!list_empty(&b.client.wire.room));
        close_and_finish(&b);
        CHECK(b.client.lost);
        CHECK(sending.ended);
}

static int wait_for_end(void *arg)
{
        CHECK_INT(aeon__wire_ready(arg), -ENOTCONN);
        CHECK_CONTAINS(aeon_error_text(), "line is not connected: ");
        sending.ended = true;
        return 0;
}

TEST(wire_that_closes_lets_go_of_those_who_wait_for_it)
{
        struct bench b = { 0 };
        prepare(&b, true, "connect_timeout=10m");
        REQUIRE_INT(aeon__wire_open(&b.client.wire), 0);
        aeon_spawn(b.group, "wait", wait_for_end, &b.client.wire);
        AWAIT(!list_empty(&b.client.wire.ready));
        aeon__wire_close(&b.client.wire);
        memset(&b.client.wire, 0, sizeof b.client.wire); /* the driver frees it */
        AWAIT(sending.ended);
        finish(&b);
}

/* ------------------------------------------------------------------ a bad network; this is also the test of the proxy */

static struct proxy *begin_proxied(struct bench *b, const char *options)
{
        b->server.port = test_free_port();
        struct proxy *p = proxy_start(b->server.port);
        b->port = proxy_port(p);
        prepare(b, false, options);
        b->client.wire.heartbeat = AEON_MILLISECONDS(300);
        line_server_start(&b->server, b->group);
        REQUIRE_INT(aeon__wire_open(&b->client.wire), 0);
        return p;
}

TEST(wire_over_a_network_that_stalls_gives_up_and_comes_back)
{
        struct bench b = { 0 };
        struct proxy *p = begin_proxied(&b, "connect_timeout=300ms");
        CHECK_INT(ask(&b.client, "hello\n"), 0);
        proxy_stall(p);
        AWAIT(b.client.lost >= 3); /* the connection, and attempts to make another */
        CHECK_INT(b.client.lost_code, -ETIMEDOUT);
        CHECK_INT(aeon__wire_ready(&b.client.wire), -ENOTCONN);
        CHECK_INT(b.server.welcomed, 1);
        proxy_pass(p);
        AWAIT(b.client.wire.up);
        CHECK_INT(ask(&b.client, "again\n"), 0);
        close_and_finish(&b);
        proxy_end(p);
}

TEST(wire_that_is_reset_in_the_middle_of_a_line_comes_back)
{
        struct bench b = { 0 };
        struct proxy *p = begin_proxied(&b, "");
        unsigned lines = b.client.lines;
        b.server.mute = true;
        proxy_reset_after(p, 3);
        CHECK_INT(ask(&b.client, "hello\n"), -ECONNRESET);
        CHECK_INT(proxy_resets(p), 1);
        CHECK_INT(b.client.lines, lines);
        CHECK_INT(b.server.heard, 0); /* half a line is none */
        CHECK_INT(aeon__wire_ready(&b.client.wire), 0);
        CHECK_INT(b.client.wire.times, 2);
        CHECK_INT(proxy_accepted(p), 2);
        close_and_finish(&b);
        proxy_end(p);
}

TEST(wire_that_is_refused_comes_back)
{
        struct bench b = { 0 };
        struct proxy *p = begin_proxied(&b, "");
        proxy_refuse(p);
        AWAIT(b.client.lost >= 2);
        CHECK_INT(b.client.lost_code, -ECONNREFUSED);
        proxy_pass(p);
        AWAIT(b.client.wire.up);
        proxy_reset(p);
        AWAIT(b.client.wire.times == 3 && b.client.wire.up);
        CHECK_INT(ask(&b.client, "again\n"), 0);
        close_and_finish(&b);
        proxy_end(p);
}
