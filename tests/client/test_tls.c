/* HTTPS: whom to trust. */
#include "client/client.h"
#include "harness.h"
#include "peer.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>

static aeon_tls_server *tls;

static void handshake(aeon_stream *s, int nth)
{
        (void)nth;
        (void)!aeon_stream_accept_tls(s, tls);
}

static void answers(aeon_stream *s, int nth)
{
        (void)nth;
        while (*peer_hears(s))
                peer_says(s, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
}

static aeon_group *secure_peer(const char *client_ca)
{
        char script[512];
        const char *output;
        snprintf(script, sizeof script,
                 "%s/examples/tls/make-certificates . && mkdir other && %s/examples/tls/make-certificates other",
                 test_source_folder(), test_source_folder());
        REQUIRE_INT(RUN(&output, "sh", "-ec", script), 0);
        const aeon_tls_opts opts = { .certificate = test_path("server.pem"), .key = test_path("server.key"), .ca = client_ca };
        REQUIRE_INT(aeon_tls_server_new(&opts, &tls), 0);
        peer_greets = handshake;
        return peer_start(answers);
}

static int get_with(aeon_tls_opts opts)
{
        aeon_http_client *c = client_with((aeon_http_client_opts){ .tls = &opts });
        int r = status_of(c, at_peer("/"));
        aeon_http_client_close(c);
        return r;
}

static void over(aeon_group *g)
{
        peer_stop(g);
        aeon_tls_server_free(tls);
}

TEST(https_verifies_the_server)
{
        aeon_group *g = secure_peer(NULL);
        CHECK_INT(get_with((aeon_tls_opts){ .ca = test_path("ca.pem") }), 200);
        CHECK_INT(get_with((aeon_tls_opts){ .ca = test_path("other/ca.pem") }), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "certificate");
        CHECK_CONTAINS(aeon_error_text(), "GET https://127.0.0.1:");
        CHECK_INT(get_with((aeon_tls_opts){ 0 }), -EPROTO); /* nor does the system know it */
        CHECK_INT(get_with((aeon_tls_opts){ .insecure = true }), 200);
        over(g);
}

TEST(https_uses_a_connection_again)
{
        aeon_group *g = secure_peer(NULL);
        const aeon_tls_opts opts = { .ca = test_path("ca.pem") };
        aeon_http_client *c = client_with((aeon_http_client_opts){ .tls = &opts });
        for (int i = 0; i < 5; i++)
                CHECK_INT(status_of(c, at_peer("/")), 200);
        CHECK_INT(peer_connections, 1);
        aeon_http_client_close(c);
        over(g);
}

TEST(https_shows_its_own_certificate)
{
        aeon_group *g = secure_peer(test_path("ca.pem"));
        const char *ca = test_path("ca.pem"), *certificate = test_path("client.pem"), *key = test_path("client.key");
        CHECK_INT(get_with((aeon_tls_opts){ .ca = ca, .certificate = certificate, .key = key }), 200);
        CHECK(get_with((aeon_tls_opts){ .ca = ca }) < 0);
        CHECK_INT(get_with((aeon_tls_opts){ .ca = ca, .certificate = ca, .key = key }), -EINVAL); /* which do not belong together */
        over(g);
}
