/* Streams over real sockets. */
#include "harness.h"

#include "loop/address.h"
#include "loop/stream.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/scope.h>
#include <aeon/stream.h>
#include <aeon/time.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int echo_one(void *arg)
{
        aeon_stream *s = arg;
        char buffer[4096];
        ssize_t n;
        while ((n = aeon_stream_read(s, buffer, sizeof buffer)) > 0) {
                int r = aeon_stream_write(s, buffer, (size_t)n);
                if (r < 0) {
                        n = r;
                        break;
                }
        }
        aeon_stream_close(s);
        return n == -ECONNRESET || n == -EPIPE ? 0 : (int)n;
}

struct server {
        aeon_listener *listener;
        aeon_group *group;
};

static int serve(void *arg)
{
        struct server *server = arg;
        for (;;) {
                aeon_stream *s;
                int r = aeon_listener_accept(server->listener, &s);
                if (r < 0)
                        return r == -EBADF ? 0 : r;
                r = aeon_spawn(server->group, "echo", echo_one, s);
                if (r < 0)
                        return r;
        }
}

static void start_server(struct server *server, const char *address, char *ret_address, size_t size)
{
        int fd;
        REQUIRE_INT(aeon_socket_bind(address, &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, ret_address, size), 0);
        REQUIRE_INT(aeon_listener_open(fd, &server->listener), 0);
        REQUIRE_INT(aeon_group_open(&server->group), 0);
        aeon_spawn(server->group, "server", serve, server);
}

static void echo_over(const char *address)
{
        struct server server;
        char bound[128], answer[64];
        start_server(&server, address, bound, sizeof bound);
        aeon_stream *s;
        REQUIRE_INT(aeon_stream_connect(bound, &s), 0);
        for (int i = 0; i < 100; i++) {
                CHECK_INT(aeon_stream_writev(s, (aeon_bytes[]){ { "hello ", 6 }, { "", 0 }, { "world", 5 } }, 3), 0);
                size_t got = 0;
                while (got < 11) {
                        ssize_t n = aeon_stream_read(s, answer + got, sizeof answer - got);
                        REQUIRE(n > 0);
                        got += (size_t)n;
                }
                CHECK(!memcmp(answer, "hello world", 11));
        }
        CHECK_INT(aeon_stream_shutdown(s), 0);
        CHECK_INT(aeon_stream_read(s, answer, sizeof answer), 0);
        aeon_stream_close(s);
        aeon_listener_close(server.listener);
        CHECK_INT(aeon_group_close(server.group), 0);
}

TEST(echo_over_tcp)
{
        echo_over("127.0.0.1:0");
}

TEST(echo_over_a_name)
{
        echo_over("localhost:0");
}

TEST(echo_over_a_unix_socket)
{
        char address[256];
        snprintf(address, sizeof address, "unix:%s", test_path("echo.sock"));
        echo_over(address);
        echo_over(address); /* the file that the first one left is stale */
}

static int write_megabytes(void *arg)
{
        aeon_stream *s = arg;
        enum { SIZE = 8 << 20 };
        char *block = malloc(SIZE);
        for (int i = 0; i < SIZE; i++)
                block[i] = (char)(i * 7);
        int r = aeon_stream_write(s, block, SIZE);
        free(block);
        return r < 0 ? r : aeon_stream_shutdown(s);
}

TEST(megabytes_pass_with_back_pressure)
{
        struct server server;
        char bound[128];
        start_server(&server, "127.0.0.1:0", bound, sizeof bound);
        aeon_stream *s;
        REQUIRE_INT(aeon_stream_connect(bound, &s), 0);
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "writer", write_megabytes, s);
        char buffer[10000];
        size_t total = 0;
        bool right = true;
        ssize_t n;
        while ((n = aeon_stream_read(s, buffer, sizeof buffer)) > 0)
                for (ssize_t i = 0; i < n; i++)
                        right = right && buffer[i] == (char)(total++ * 7);
        CHECK_INT(n, 0);
        CHECK(right);
        CHECK_INT(total, 8 << 20);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_stream_close(s);
        aeon_listener_close(server.listener);
        CHECK_INT(aeon_group_close(server.group), 0);
}

TEST(a_cancelled_read_takes_nothing_and_the_stream_lives_on)
{
        struct server server;
        char bound[128], buffer[16];
        start_server(&server, "127.0.0.1:0", bound, sizeof bound);
        aeon_stream *s;
        REQUIRE_INT(aeon_stream_connect(bound, &s), 0);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(10) });
        CHECK_INT(aeon_scope_close(&scope, (int)aeon_stream_read(s, buffer, sizeof buffer)), -ETIMEDOUT);
        CHECK_INT(aeon_stream_write(s, "x", 1), 0);
        CHECK_INT(aeon_stream_read(s, buffer, sizeof buffer), 1);
        aeon_stream_close(s);
        aeon_listener_close(server.listener);
        CHECK_INT(aeon_group_close(server.group), 0);
}

TEST(a_write_cancelled_in_the_middle_breaks_the_stream)
{
        int fd;
        char bound[128];
        aeon_listener *l;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, bound, sizeof bound), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        aeon_stream *s, *peer;
        REQUIRE_INT(aeon_stream_connect(bound, &s), 0);
        REQUIRE_INT(aeon_listener_accept(l, &peer), 0);
        size_t size = 64 << 20;
        char *block = calloc(1, size);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(50) });
        CHECK_INT(aeon_scope_close(&scope, aeon_stream_write(s, block, size)), -ETIMEDOUT);
        CHECK_INT(aeon_stream_write(s, block, 1), -EPIPE);
        free(block);
        aeon_stream_close(s);
        aeon_stream_close(peer);
        aeon_listener_close(l);
}

TEST(errors_name_the_address)
{
        aeon_stream *s;
        char address[64];
        snprintf(address, sizeof address, "127.0.0.1:%d", test_free_port());
        CHECK_INT(aeon_stream_connect(address, &s), -ECONNREFUSED);
        CHECK_CONTAINS(aeon_error_text(), address);
        CHECK_INT(aeon_stream_connect("no port", &s), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "no port");
        CHECK_INT(aeon_stream_connect("unix:/does/not/exist", &s), -ENOENT);
        int fd, other;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        aeon_listener *l;
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        CHECK_INT(aeon_socket_bind(address, &other), -EADDRINUSE);
        CHECK_CONTAINS(aeon_error_text(), address);
        aeon_listener_close(l);
}

TEST(a_connect_is_cancelled)
{
        aeon_scope scope;
        aeon_stream *s;
        aeon_scope_open(&scope, NULL);
        aeon_scope_cancel(&scope, NULL);
        CHECK_INT(aeon_scope_close(&scope, aeon_stream_connect("127.0.0.1:1", &s)), 0);
        CHECK(aeon_scope_caught(&scope));
}

/* ------------------------------------------------------------------ cancelled look-ups */

enum { NAME_THREADS = 4 }; /* libuv's */

static sem_t names_go_on;
static int names_busy;

static void occupy(uv_work_t *work)
{
        (void)work;
        while (sem_wait(&names_go_on) < 0)
                ;
}

static void occupied(uv_work_t *work, int status)
{
        (void)work, (void)status;
        names_busy--;
}

struct shielded {
        aeon_scope scope;
        int r;
};

static int connect_shielded_later(void *arg)
{
        struct shielded *s = arg;
        aeon_stream *stream = NULL;
        aeon_scope_open(&s->scope, NULL);
        s->r = aeon_scope_close(&s->scope, aeon_stream_connect("127.0.0.1:1", &stream));
        return 0;
}

TEST(a_look_up_that_was_cancelled_says_so_even_if_the_cancel_is_lifted)
{
        uv_work_t work[NAME_THREADS];
        struct shielded s = { .r = 1 };
        aeon_group *g;
        sem_init(&names_go_on, 0, 0);
        for (names_busy = 0; names_busy < NAME_THREADS; names_busy++) /* so that the look-up waits, and can be taken back */
                REQUIRE_INT(uv_queue_work(&aeon__loop_now()->uv, &work[names_busy], occupy, occupied), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "connect", connect_shielded_later, &s);
        CHECK_INT(aeon_checkpoint(), 0);
        CHECK_INT(s.r, 1);
        aeon_group_cancel(g, NULL);
        aeon_scope_set_shield(&s.scope, true);
        for (int i = 0; i < NAME_THREADS; i++)
                sem_post(&names_go_on);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(s.r, -ECANCELED);
        while (names_busy)
                CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
}

/* ------------------------------------------------------------------ several addresses */

/* A listener whose queue is full: whoever connects hears nothing. */
static int mute_port(void)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof in;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(bind(fd, (struct sockaddr *)&in, size) == 0 && listen(fd, 0) == 0);
        REQUIRE(getsockname(fd, (struct sockaddr *)&in, &size) == 0);
        for (int i = 0; i < 8; i++) {
                int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                (void)connect(filler, (struct sockaddr *)&in, sizeof in);
        }
        return ntohs(in.sin_port);
}

struct addresses {
        struct sockaddr_in in[4];
        struct addrinfo info[4];
};

static const struct addrinfo *address_list(struct addresses *a, const int *ports, int count)
{
        for (int i = 0; i < count; i++) {
                a->in[i] = (struct sockaddr_in){ .sin_family = AF_INET,
                                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                                 .sin_port = htons((uint16_t)ports[i]) };
                a->info[i] = (struct addrinfo){ .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&a->in[i] };
                a->info[i].ai_next = i + 1 < count ? &a->info[i + 1] : NULL;
        }
        return a->info;
}

TEST(an_address_that_does_not_answer_does_not_hold_up_the_next)
{
        struct server server;
        struct addresses a;
        char address[64];
        aeon_stream *s;
        start_server(&server, "127.0.0.1:0", address, sizeof address);
        int live = atoi(strrchr(address, ':') + 1), mute = mute_port(), dead = test_free_port();
        REQUIRE_INT(aeon__connect_any(address_list(&a, (int[]){ dead, mute, mute, live }, 4), &s), 0);
        CHECK_STR(aeon_stream_peer(s), address);
        aeon_stream_close(s);

        CHECK_INT(aeon__connect_any(address_list(&a, (int[]){ dead, dead }, 2), &s), -ECONNREFUSED);
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(300) });
        CHECK_INT(aeon_scope_close(&limit, aeon__connect_any(address_list(&a, (int[]){ mute, mute }, 2), &s)), -ETIMEDOUT);
        aeon_listener_close(server.listener);
        CHECK_INT(aeon_group_close(server.group), 0);
}

/* ------------------------------------------------------------------ closing a door while people queue at it */

static char door[128];
static int newcomer_result;
static bool newcomer_asks;

static aeon_listener *listen_at(const char *address)
{
        int fd;
        aeon_listener *l = NULL;
        REQUIRE_INT(aeon_socket_bind(address, &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, door, sizeof door), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        return l;
}

static int come_late(void *unused)
{
        (void)unused;
        aeon_stream *s = NULL;
        newcomer_asks = true;
        newcomer_result = aeon_stream_connect(door, &s);
        aeon_stream_close(s);
        return 0;
}

static void check_who_waits_is_taken(aeon_listener *l, unsigned count)
{
        for (unsigned i = 0; i < count; i++) {
                aeon_stream *s = NULL;
                CHECK_INT(aeon_listener_try_accept(l, &s), 0);
                CHECK_INT(aeon_stream_write(s, "hello", 5), 0);
                aeon_stream_close(s);
        }
        aeon_stream *nobody = NULL;
        CHECK_INT(aeon_listener_try_accept(l, &nobody), -EAGAIN);
        CHECK(nobody == NULL);
}

TEST(a_listener_that_refuses_takes_who_waits_and_nobody_new)
{
        aeon_listener *l = listen_at("127.0.0.1:0");
        aeon_stream *early[3];
        for (int i = 0; i < 3; i++)
                REQUIRE_INT(aeon_stream_connect(door, &early[i]), 0);
        CHECK_INT(aeon_listener_refuse(l), 0);
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "newcomer", come_late, NULL);
        while (!newcomer_asks)
                aeon_checkpoint();
        aeon_sleep(AEON_MILLISECONDS(5)); /* its first packet has come by now: the interface is a loopback */
        check_who_waits_is_taken(l, 3);
        aeon_listener_close(l);
        for (int i = 0; i < 3; i++) {
                char text[8] = "";
                CHECK_INT(aeon_stream_read(early[i], text, sizeof text), 5);
                aeon_stream_close(early[i]);
        }
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(newcomer_result, -ECONNREFUSED); /* by its second packet */
}

TEST(who_waits_at_a_unix_socket_is_taken_too)
{
        char address[256];
        snprintf(address, sizeof address, "unix:%s", test_path("door"));
        aeon_listener *l = listen_at(address);
        aeon_stream *early;
        REQUIRE_INT(aeon_stream_connect(door, &early), 0);
        CHECK_INT(aeon_listener_refuse(l), -ENOTSUP);
        check_who_waits_is_taken(l, 1);
        aeon_stream_close(early);
        aeon_listener_close(l);
}

PLAIN_TEST(whether_an_address_is_of_this_machine_is_seen_by_its_looks)
{
        static const char *const ours[] = { "127.0.0.1",          "127.0.0.1:80", "127.1.2.3:80", "localhost",
                                            "LocalHost:80",       "[::1]",        "[::1]:7979",   "http://127.0.0.1",
                                            "http://localhost/x", "unix:/x.sock", "unix",         "[::ffff:127.0.0.1]:80" };
        static const char *const others[] = { "",
                                              "shop.example",
                                              "127.0.0.1.shop.example",
                                              "localhost.shop.example:80",
                                              "[::1",
                                              "[::2]",
                                              "[::1].shop.example",
                                              "10.0.0.1:80",
                                              "unixes",
                                              "http://[::1]x/",
                                              "2130706433",
                                              "http://x/127.0.0.1",
                                              "[::ffff:127.0.0.1.x]",
                                              "[::ffff:127.0.0.1",
                                              "0.0.0.0:80" };
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                CHECK(aeon__address_is_loopback(ours[i]));
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                CHECK(!aeon__address_is_loopback(others[i]));
}
