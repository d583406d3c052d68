/* Memory that runs out in the middle of a call. */
#include "client/client.h"

#include "failing.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <aeon/thread.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server on a thread, whose memory does not fail: one answer per connection. */
static int serve(void *arg)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        int fd, listening = *(int *)arg;
        while ((fd = accept(listening, NULL, NULL)) >= 0) {
                char head[4096] = "";
                for (size_t used = 0; !strstr(head, "\r\n\r\nhi");) {
                        ssize_t n = read(fd, head + used, sizeof head - 1 - used);
                        if (n <= 0)
                                break;
                        used += (size_t)n;
                }
                ssize_t written = write(fd, answer, strlen(answer));
                (void)written; /* the client may have given up */
                close(fd);
        }
        return 0;
}

static int serve_on_a_thread(void *arg)
{
        return aeon_offload(serve, arg);
}

static int post(aeon_http_client *c)
{
        aeon_http_response *res = NULL;
        int r = aeon_http_post(c, "/", AEON_TEXT("hi"), &res);
        CHECK((r == 0) == (res != NULL));
        aeon_http_response_free(res);
        return r;
}

TEST_WITHIN(memory_that_fails_once_fails_one_call_and_no_more, 120)
{
        aeon_group *g;
        char url[64];
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof at;
        int listening = socket(AF_INET, SOCK_STREAM, 0), failures = 0;
        REQUIRE_INT(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
        REQUIRE_INT(listen(listening, 100), 0);
        REQUIRE_INT(getsockname(listening, (struct sockaddr *)&at, &length), 0);
        snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(at.sin_port));
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "server", serve_on_a_thread, &listening), 0);
        aeon_http_client *c = client_with((aeon_http_client_opts){ .base_url = url });
        CHECK_INT(post(c), 0);
        bool failed = true;
        for (int n = 1; n < 1000 && failed; n++) {
                aeon_error_clear();
                failing_once(n);
                int r = post(c);
                failed = failing_end();
                CHECK(r == 0 || r == -ENOMEM || *aeon_error_text()); /* the words need memory, too */
                failures += r < 0;
                CHECK(list_empty(&c->calls));
        }
        CHECK(!failed);
        CHECK(failures > 0 || test_is_slow());
        CHECK_INT(post(c), 0);
        aeon_http_client_close(c);
        shutdown(listening, SHUT_RDWR);
        CHECK_INT(aeon_group_close(g), 0);
        close(listening);
}

TEST_WITHIN(memory_that_fails_leaves_no_half_client, 60)
{
        aeon_http_client *c = NULL;
        CHECK_INT(aeon_http_client_open(NULL, &c), 0); /* the module is loaded */
        aeon_http_client_close(c);
        int r = -1;
        for (int n = 1; n < 400 && r < 0; n++) {
                CHECK_INT(aeon_checkpoint(), 0); /* the loop frees what was closed */
                c = NULL;
                failing_begin(n);
                r = aeon_http_client_open(&(aeon_http_client_opts){ .base_url = "http://x", .user = "a:b" }, &c);
                failing_end();
                CHECK_INT(r, c ? 0 : -ENOMEM);
        }
        CHECK_INT(r, 0);
        aeon_http_client_close(c);
}
