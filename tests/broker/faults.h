/* What goes wrong with a broker, done on purpose: a private server that is stopped, killed and started again, and a proxy before a server
 * that stalls, resets and refuses.
 *
 * DESIGN
 *   The server is the one that scripts/servers runs, on a port and in a folder of the test, so that what it keeps on disk is there again
 *   when it starts again. Stopping and starting block the thread for seconds; inside an app call them by aeon_offload().
 *
 *        driver  <---->  proxy (a process)  <---->  server
 *                  pass: bytes both ways
 *                  stall: nothing is accepted, nothing forwarded, nothing closed: a network that is away, a machine that is stuck
 *                  reset: all that is open is broken off in the middle; at once, or after so many more bytes
 *                  refuse: reset, and nobody gets in
 *
 *   The proxy is no thread of the test, since tests fork: what a thread holds at that moment, a lock of the sanitizer's allocator say,
 *   would be held for ever in the child.
 *
 *   A FAULT_TEST is a contract test for the drivers that speak to a server, with a time limit of its own. */
#pragma once

#include "contract.h"

#include <stdint.h>

#define FAULT_ROW(test_name, row, seconds)            \
        PLAIN_TEST_WITHIN(test_name##_##row, seconds) \
        {                                             \
                contract_begin(&contract_##row);      \
                test_name(&contract_##row);           \
                servers_end();                        \
        }
#define FAULT_TEST(test_name, seconds)                   \
        static void test_name(const struct contract *k); \
        FAULT_ROW(test_name, redis, seconds)             \
        FAULT_ROW(test_name, nats, seconds)              \
        FAULT_ROW(test_name, rabbitmq, seconds)          \
        FAULT_ROW(test_name, kafka, seconds)             \
        FAULT_ROW(test_name, sqs, seconds)               \
        static void test_name(const struct contract *k)

/* What is known of a broker beyond its row of contract.c. */
struct nature {
        const char *name;
        bool keeps;             /* the server's data survive its kill */
        const char *right_user; /* who gets into a server whose password is "hunter"; NULL: it has no passwords here */
        const char *soon;       /* option of a destination: what a dead service had comes back soon */
        const char *heartbeat;  /* option of a URL: a server that is silent for a second is asked; NULL: there is none */
};
const struct nature *nature_of(const struct contract *k);

/* ------------------------------------------------------------------ a server of the test's own */

struct server {
        const struct contract *kind;
        int port, told_port;  /* the one that it tells its clients: its own, or that of a proxy before it */
        const char *password; /* NULL: it lets everybody in */
        struct process *process;
};

/* Choose a port; nothing runs yet. */
void server_init(struct server *s, const struct contract *k);

/* Start it, the first time or again, and wait until it answers. Blocks. */
void server_start(struct server *s);

/* End it as an operator would, or as a power cut. Blocks until it is gone. */
void server_stop(struct server *s);
void server_kill(struct server *s);

/* The URL of a broker of this kind on @port, with @options behind it ("" for none), for as long as the test lasts. @user: "name:password@",
 * or "". */
const char *server_url(const struct contract *k, int port, const char *user, const char *options);

/* End what servers still run; FAULT_TEST does it. */
void servers_end(void);

/* ------------------------------------------------------------------ a proxy before a server */

struct proxy;

/* Listen on a free port for @server_port of 127.0.0.1, and pass. Blocks no longer than a moment, as all of these. */
struct proxy *proxy_start(int server_port);
void proxy_end(struct proxy *p); /* NULL is accepted */

/* A proxy before a server of this kind: the one of all tests, or @s, started for it, when it tells its clients where it is. */
struct proxy *proxy_before(const struct contract *k, struct server *s);

int proxy_port(const struct proxy *p);
void proxy_pass(struct proxy *p);
void proxy_stall(struct proxy *p);
void proxy_refuse(struct proxy *p);
void proxy_reset(struct proxy *p);

/* The connection that carries the last of the next @bytes bytes, in whatever direction, is reset there. Then others may pass. */
void proxy_reset_after(struct proxy *p, uint64_t bytes);

unsigned proxy_accepted(struct proxy *p); /* connections so far */
unsigned proxy_resets(struct proxy *p);   /* of them, broken off by us */
