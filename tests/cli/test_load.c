/* loops.c, unchanged but for its port, with four loops under HTTP load: every request is answered by its own loop, and a stop cuts none. */
#include "program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 8 };

static int port;
static _Atomic unsigned hellos, spawns, cut, strange;

/* ------------------------------------------------------------------ one client */

static int dial(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct timeval limit = { .tv_sec = 10 };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
                return fd;
        close(fd);
        return -1;
}

/* One whole response into @text; false when it did not come. */
static bool receive(int fd, char *text, size_t size)
{
        size_t length = 0;
        const char *body = NULL;
        unsigned long expected = 0;
        while (!body || length < (size_t)(body - text) + expected) {
                ssize_t n = recv(fd, text + length, size - 1 - length, 0);
                if (n <= 0)
                        return false;
                text[length += (size_t)n] = '\0';
                const char *end = strstr(text, "\r\n\r\n"), *field = strstr(text, "Content-Length: ");
                if (end && field) {
                        body = end + 4;
                        expected = strtoul(field + strlen("Content-Length: "), NULL, 10);
                }
        }
        return true;
}

static bool ask(int fd, const char *request, char *answer, size_t size)
{
        size_t length = strlen(request);
        return send(fd, request, length, MSG_NOSIGNAL) == (ssize_t)length && receive(fd, answer, size);
}

static void count(const char *answer, const char *expected, _Atomic unsigned *counter)
{
        if (strstr(answer, expected))
                atomic_fetch_add(counter, 1);
        else if (atomic_fetch_add(&strange, 1) == 0)
                fprintf(stderr, "    a strange answer:\n%s\n", answer);
}

/* A connection for each request, until nobody lets us in any more. */
static void *ask_anew(void *unused)
{
        int fd;
        char answer[1024];
        (void)unused;
        while ((fd = dial()) >= 0) {
                if (!ask(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer, sizeof answer))
                        atomic_fetch_add(&cut, 1);
                else
                        count(answer, "\r\n\r\nsame loop", &hellos);
                close(fd);
        }
        return NULL;
}

/* One connection for many requests, until the server says that it is the last. */
static void *ask_on(void *unused)
{
        char answer[1024];
        (void)unused;
        for (;;) {
                int fd = dial();
                if (fd < 0)
                        return NULL;
                bool fresh = true, last = false;
                while (!last) {
                        bool answered =
                                ask(fd, "POST /spawn HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", answer, sizeof answer);
                        /* A client that reuses a connection must bear that it is closed just then: RFC 9112, 9.3.1. */
                        if (!answered && fresh)
                                atomic_fetch_add(&cut, 1);
                        if (answered)
                                count(answer, "HTTP/1.1 202 ", &spawns);
                        last = !answered || strstr(answer, "Connection: close");
                        fresh = false;
                        usleep(1000);
                }
                close(fd);
        }
}

/* ------------------------------------------------------------------ all of them */

static struct process *run_on_free_port(void)
{
        port = service_on_free_port("loops.c");
        return AEON("run", "loops.c", "--loops", "4", "--admin", "off");
}

static unsigned count_in(const char *output, const char *word)
{
        unsigned n = 0;
        for (; (output = strstr(output, word)); output += strlen(word))
                n++;
        return n;
}

PLAIN_TEST_WITHIN(loops_answer_at_home_and_a_stop_cuts_no_request, 60)
{
        struct process *p = run_on_free_port();
        REQUIRE(process_await(p, "is ready", 20));
        CHECK_INT(count_in(process_output(p), "open\n"), 4);
        pthread_t clients[CLIENTS];
        for (int i = 0; i < CLIENTS; i++)
                REQUIRE_INT(pthread_create(&clients[i], NULL, i % 2 ? ask_on : ask_anew, NULL), 0);
        while (hellos < 500 || spawns < 100)
                usleep(1000);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 20), 0);
        for (int i = 0; i < CLIENTS; i++)
                pthread_join(clients[i], NULL);
        CHECK_INT(cut, 0);
        CHECK_INT(strange, 0);
        CHECK_INT(count_in(process_output(p), "close spawned="), 4);
        char all[80]; /* the loop that closed last has seen every task end */
        snprintf(all, sizeof all, "close spawned=%u finished=%u\n", spawns, spawns);
        CHECK_CONTAINS(process_output(p), all);
}
