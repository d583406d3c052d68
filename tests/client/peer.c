/* The peer of peer.h. */
#include "peer.h"

#include "../http/fixture.h"
#include "harness.h"

#include <aeon/scope.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static aeon_listener *listener;
static char peer_address[64];
static aeon_group *peer_group;
static talk_fn *talk;
int peer_connections;
talk_fn *peer_greets;

struct visit {
        aeon_stream *s;
        int nth;
};

static int converse(void *arg)
{
        struct visit v = *(struct visit *)arg;
        free(arg);
        if (peer_greets)
                peer_greets(v.s, v.nth);
        talk(v.s, v.nth);
        aeon_stream_close(v.s);
        return 0;
}

static int welcome(void *arg)
{
        (void)arg;
        aeon_stream *s;
        while (aeon_listener_accept(listener, &s) >= 0) {
                struct visit *v = malloc(sizeof *v);
                *v = (struct visit){ s, ++peer_connections };
                CHECK_INT(aeon_spawn(peer_group, "visit", converse, v), 0);
        }
        return 0;
}

aeon_group *peer_start(talk_fn *fn)
{
        int fd;
        talk = fn;
        peer_connections = 0;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE(aeon_socket_address(fd, peer_address, sizeof peer_address) >= 0);
        REQUIRE_INT(aeon_listener_open(fd, &listener), 0);
        REQUIRE_INT(aeon_group_open(&peer_group), 0);
        REQUIRE_INT(aeon_spawn(peer_group, "peer", welcome, NULL), 0);
        return peer_group;
}

void peer_stop(aeon_group *group)
{
        aeon_listener_close(listener);
        aeon_group_cancel(group, "the test is over");
        CHECK_INT(aeon_group_close(group), 0);
}

const char *peer_hears(aeon_stream *s)
{
        static char texts[16][8192];
        static unsigned turn;
        char *text = texts[turn++ % 16];
        size_t used = 0;
        text[0] = '\0';
        while (!strstr(text, "\r\n\r\n") && used < sizeof texts[0] - 1) {
                ssize_t n = aeon_stream_read(s, text + used, sizeof texts[0] - 1 - used);
                if (n <= 0)
                        return "";
                used += (size_t)n;
                text[used] = '\0';
        }
        return text;
}

void peer_says(aeon_stream *s, const char *text)
{
        (void)aeon_stream_write(s, text, strlen(text));
}

static const char *url_of(const char *host, const char *path)
{
        static char urls[16][256];
        static unsigned turn;
        char *url = urls[turn++ % 16];
        snprintf(url, sizeof urls[0], "http%s://%s%s", peer_greets ? "s" : "", host, path);
        return url;
}

const char *at_peer(const char *path)
{
        return url_of(peer_address, path);
}

const char *at_server(const char *path)
{
        return url_of(address, path);
}

aeon_http_client *client_with(aeon_http_client_opts opts)
{
        aeon_http_client *c = NULL;
        REQUIRE_INT(aeon_http_client_open(&opts, &c), 0);
        return c;
}

int status_of(aeon_http_client *c, const char *url)
{
        aeon_http_response *res;
        int r = aeon_http_get(c, url, &res);
        if (r < 0)
                return r;
        r = aeon_http_response_status(res);
        aeon_http_response_free(res);
        return r;
}
