/* Socket activation: a socket that a supervisor opened, listened on and handed over. */
#include "program.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As systemd does it: a listening socket on descriptor 3 of the child. Returns the port. */
static int listen_on_descriptor_3(void)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof in;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(bind(fd, (struct sockaddr *)&in, size) == 0 && listen(fd, 16) == 0);
        REQUIRE(getsockname(fd, (struct sockaddr *)&in, &size) == 0);
        REQUIRE(dup2(fd, 3) == 3);
        if (fd != 3)
                close(fd);
        return ntohs(in.sin_port);
}

/* LISTEN_PID must be the service's own number, which only the child knows. */
#define ACTIVATED(address)                                                                                                     \
        PROCESS("sh", "-c",                                                                                                    \
                "LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$ && export LISTEN_FDS LISTEN_FDNAMES LISTEN_PID && exec \"$@\"", \
                "sh", aeon_program(), "run", service("small.c"), "--admin", (address))

#define ACTIVATED_WITH_WORKERS(program)                                                                                        \
        PROCESS("sh", "-c",                                                                                                    \
                "LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$ && export LISTEN_FDS LISTEN_FDNAMES LISTEN_PID && exec \"$@\"", \
                "sh", aeon_program(), "run", (program), "--workers", "2", "--admin", "off")

PLAIN_TEST(a_socket_handed_over_by_number_is_served)
{
        int port = listen_on_descriptor_3();
        struct process *p = ACTIVATED("fd:3");
        CHECK_INT(test_http_get(port, "/livez", NULL), 200); /* it waited in the kernel until the service came */
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}

PLAIN_TEST(a_socket_handed_over_by_name_is_served)
{
        int port = listen_on_descriptor_3();
        struct process *p = ACTIVATED("fd://web");
        CHECK_INT(test_http_get(port, "/livez", NULL), 200);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 10), 0);
}

PLAIN_TEST(a_name_that_was_not_handed_over_is_told_with_those_that_were)
{
        listen_on_descriptor_3();
        struct process *p = ACTIVATED("fd:api");
        CHECK_INT(process_wait(p, 20), 1);
        CHECK_CONTAINS(process_output(p), "fd:api: no such socket was handed to this process (there are: web)");
        const char *output;
        CHECK_INT(RUN_AEON(&output, "run", service("small.c"), "--admin", "fd:web"), 1);
        CHECK_CONTAINS(output, "no socket was handed to this process");
}

PLAIN_TEST_WITHIN(a_socket_handed_over_is_shared_by_all_workers, 200)
{
        static const char port_of_its_own[] = ".port = 8000";
        char *program = test_read_file(service("workers.c")), *at = strstr(program, port_of_its_own), *whole;
        REQUIRE(asprintf(&whole, "%.*s.address = \"fd:web\"%s", (int)(at - program), program, at + strlen(port_of_its_own)) > 0);
        test_write_file(test_path("workers.c"), whole);
        free(whole);
        free(program);
        int port = listen_on_descriptor_3();
        struct process *p = ACTIVATED_WITH_WORKERS(test_path("workers.c"));
        CHECK_INT(test_http_get(port, "/", NULL), 200);
        REQUIRE(process_await(p, "all ready 0 is", 60));
        process_signal(p, SIGHUP);
        REQUIRE(process_await(p, "reloaded", 60));
        CHECK_INT(test_http_get(port, "/", NULL), 200);
        process_signal(p, SIGTERM);
        CHECK_INT(process_wait(p, 60), 0);
}
