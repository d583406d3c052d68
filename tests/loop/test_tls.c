/* TLS against the real server of OpenSSL, with certificates made for the test. */
#include "harness.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/stream.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <aeon/tls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ certificates and servers */

/* ca.pem signs server.pem (localhost, 127.0.0.1) and client.pem; other.pem signs nothing. Each *.pem has its *.key beside it. */
static void make_certificates(void)
{
        const char *output;
        int code =
                RUN(&output, "sh", "-ec",
                    "authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                    "-subj \"/CN=$1\" -keyout $1.key -out $1.pem; }\n"
                    "signed() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj \"/CN=$1\" -keyout $1.key "
                    "-out $1.csr; printf 'subjectAltName=%s' \"$2\" >$1.ext; openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key "
                    "-CAcreateserial -days 2 -extfile $1.ext -out $1.pem; }\n"
                    "authority ca; authority other; signed server DNS:localhost,IP:127.0.0.1; signed client DNS:client\n");
        if (code != 0)
                fprintf(stderr, "%s\n", output);
        REQUIRE_INT(code, 0);
}

static char address[32];

/* openssl s_server on a free port, with further arguments (up to NULL). */
static struct process *serve(const char *const arguments[])
{
        const char *argv[24] = { "openssl", "s_server", "-cert", "server.pem", "-key", "server.key", "-accept", address };
        int n = 8;
        make_certificates();
        snprintf(address, sizeof address, "127.0.0.1:%d", test_free_port());
        while (*arguments)
                argv[n++] = *arguments++;
        struct process *p = process_start(NULL, argv);
        REQUIRE(process_await(p, "ACCEPT", 10));
        return p;
}
#define SERVE(...) serve((const char *const[]){ __VA_ARGS__, NULL })

static const char *file(const char *name)
{
        return test_path("%s", name);
}

static aeon_stream *s;

/* Connect and begin TLS; on failure the stream is closed. */
static int secure(const char *host, aeon_tls_opts opts)
{
        REQUIRE_INT(aeon_stream_connect(address, &s), 0);
        int r = aeon_stream_start_tls(s, host, &opts);
        if (r < 0)
                aeon_stream_close(s);
        return r;
}

static aeon_tls_opts trusting(const char *ca)
{
        return (aeon_tls_opts){ .ca = file(ca) };
}

/* The server turns lines round. */
static void check_reversed(void)
{
        char answer[64] = "";
        size_t used = 0;
        CHECK_INT(aeon_stream_write(s, "hello\n", 6), 0);
        while (used < 6) {
                ssize_t n = aeon_stream_read(s, answer + used, sizeof answer - 1 - used);
                REQUIRE(n > 0);
                used += (size_t)n;
        }
        CHECK_STR(answer, "olleh\n");
}

/* ------------------------------------------------------------------ whom to trust */

TEST(tls_verifies_the_peer_and_carries_bytes)
{
        SERVE("-rev");
        REQUIRE_INT(secure("localhost", trusting("ca.pem")), 0);
        check_reversed();
        CHECK_STR(aeon_stream_alpn(s), "");
        aeon_stream_close(s);
        REQUIRE_INT(secure("127.0.0.1", trusting("ca.pem")), 0); /* an address is found among the certificate's */
        check_reversed();
        aeon_stream_close(s);
}

TEST(tls_refuses_an_authority_it_does_not_know)
{
        SERVE("-rev");
        CHECK_INT(secure("localhost", trusting("other.pem")), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "TLS with localhost: TLS handshake: unable to get local issuer certificate");
        CHECK_INT(secure("localhost", (aeon_tls_opts){ 0 }), -EPROTO); /* nor does the system know it */
}

TEST(tls_refuses_a_certificate_for_another_name)
{
        SERVE("-rev");
        CHECK_INT(secure("example.org", trusting("ca.pem")), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "TLS with example.org: TLS handshake: hostname mismatch");
        CHECK_INT(secure("127.0.0.2", trusting("ca.pem")), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "IP address mismatch");
        aeon_tls_opts named = trusting("ca.pem");
        named.server_name = "localhost";
        REQUIRE_INT(secure("example.org", named), 0);
        check_reversed();
        aeon_stream_close(s);
}

TEST(tls_takes_anybody_when_told_so)
{
        SERVE("-rev");
        REQUIRE_INT(secure("example.org", (aeon_tls_opts){ .insecure = true }), 0);
        check_reversed();
        aeon_stream_close(s);
}

TEST(tls_shows_its_own_certificate_to_a_server_that_asks)
{
        SERVE("-rev", "-Verify", "1", "-CAfile", "ca.pem", "-verify_return_error");
        aeon_tls_opts opts = trusting("ca.pem");
        opts.certificate = file("client.pem");
        opts.key = file("client.key");
        REQUIRE_INT(secure("localhost", opts), 0);
        check_reversed();
        aeon_stream_close(s);

        char byte; /* without one: with TLS 1.3 a client hears of it when it reads */
        int r = secure("localhost", trusting("ca.pem"));
        if (r == 0) {
                r = (int)aeon_stream_read(s, &byte, 1);
                aeon_stream_close(s);
        }
        CHECK_INT(r, -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "certificate required");
}

/* ------------------------------------------------------------------ files */

TEST(tls_names_the_file_that_is_missing_or_wrong)
{
        SERVE("-rev");
        CHECK_INT(secure("localhost", trusting("nothing.pem")), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "nothing.pem\": No such file or directory");
        test_write_file(file("garbage.pem"), "no certificate");
        CHECK_INT(secure("localhost", trusting("garbage.pem")), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "garbage.pem\": ");
        aeon_tls_opts opts = trusting("ca.pem");
        opts.certificate = file("client.pem");
        opts.key = file("server.key");
        CHECK_INT(secure("localhost", opts), -EKEYREJECTED);
        CHECK_CONTAINS(aeon_error_text(), "is not that of certificate");
}

TEST(tls_that_is_not_installed_is_told_with_its_package)
{
        SERVE("-rev");
        setenv("AEON_MODULES", test_folder(), 1);
        CHECK_INT(secure("localhost", trusting("ca.pem")), -ENOPKG);
        CHECK_CONTAINS(aeon_error_text(), "the module \"tls\" is missing: install the package aeon-tls");
}

/* ------------------------------------------------------------------ bytes */

TEST(tls_carries_megabytes_and_ends_in_order)
{
        enum { SIZE = 3000000 };
        char *sent = malloc(SIZE + 1), *got = malloc(SIZE + 4096);
        REQUIRE(sent && got);
        for (int i = 0; i < SIZE; i++)
                sent[i] = (char)('a' + i * 7 % 26);
        sent[SIZE] = '\0';
        SERVE("-WWW");
        test_write_file(file("large.txt"), sent);
        REQUIRE_INT(secure("localhost", trusting("ca.pem")), 0);
        static const char request[] = "GET /large.txt HTTP/1.0\r\n\r\n";
        CHECK_INT(aeon_stream_write(s, request, sizeof request - 1), 0);
        size_t used = 0;
        ssize_t n;
        while ((n = aeon_stream_read(s, got + used, SIZE + 4096 - used)) > 0)
                used += (size_t)n;
        CHECK_INT(n, 0); /* close_notify came */
        REQUIRE(used > SIZE);
        CHECK(!memcmp(got + used - SIZE, sent, SIZE));
        CHECK_INT(aeon_stream_shutdown(s), 0);
        aeon_stream_close(s);
        free(sent);
        free(got);
}

TEST(tls_tells_the_protocol_that_was_chosen)
{
        SERVE("-rev", "-alpn", "h2");
        aeon_tls_opts opts = trusting("ca.pem");
        opts.alpn = "http/1.1,h2";
        REQUIRE_INT(secure("localhost", opts), 0);
        CHECK_STR(aeon_stream_alpn(s), "h2");
        aeon_stream_close(s);
}

TEST(tls_of_a_peer_that_dies_is_no_end_of_stream)
{
        struct process *p = SERVE("-rev");
        char byte;
        REQUIRE_INT(secure("localhost", trusting("ca.pem")), 0);
        process_signal(p, SIGKILL);
        CHECK_INT(aeon_stream_read(s, &byte, 1), -ECONNRESET);
        CHECK_INT(aeon_stream_write(s, "x", 1) == 0 && aeon_stream_write(s, "x", 1) == 0,
                  0); /* the first may still reach the kernel */
        aeon_stream_close(s);
}

TEST(tls_with_a_peer_that_speaks_something_else)
{
        int fd;
        aeon_listener *l;
        aeon_stream *peer;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        REQUIRE_INT(aeon_stream_connect(address, &s), 0);
        REQUIRE_INT(aeon_listener_accept(l, &peer), 0);
        CHECK_INT(aeon_stream_write(peer, "220 mail.example.org ready\r\n", 28), 0);
        CHECK_INT(aeon_stream_start_tls(s, "localhost", NULL), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "wrong version number");
        aeon_stream_close(s);
        aeon_stream_close(peer);

        /* and with one that says nothing at all: the scope's limit ends it */
        REQUIRE_INT(aeon_stream_connect(address, &s), 0);
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(50) });
        CHECK_INT(aeon_scope_close(&limit, aeon_stream_start_tls(s, "localhost", NULL)), -ETIMEDOUT);
        aeon_stream_close(s);
        aeon_listener_close(l);
}

/* ------------------------------------------------------------------ as a server */

static aeon_tls_server *server;
static aeon_listener *listener;
static int accepted; /* what the last handshake came to, on the server's side */
static char accepted_alpn[16];

/* Turn round what comes on one connection after another. */
static int reverse_all(void *arg)
{
        (void)arg;
        for (;;) {
                aeon_stream *peer;
                char line[64];
                int r = aeon_listener_accept(listener, &peer);
                if (r < 0)
                        return r;
                accepted = aeon_stream_accept_tls(peer, server);
                snprintf(accepted_alpn, sizeof accepted_alpn, "%s", aeon_stream_alpn(peer));
                ssize_t n = accepted < 0 ? 0 : aeon_stream_read(peer, line, sizeof line);
                for (ssize_t i = 0; i < (n - 1) / 2; i++) {
                        char c = line[i];
                        line[i] = line[n - 2 - i];
                        line[n - 2 - i] = c;
                }
                if (n > 0)
                        CHECK_INT(aeon_stream_write(peer, line, (size_t)n), 0);
                aeon_stream_close(peer);
        }
}

/* Begin to serve in @g with these options, of which certificate and key are server.pem's unless given. */
static void serve_here(aeon_group *g, aeon_tls_opts opts)
{
        int fd;
        make_certificates();
        opts.certificate = opts.certificate ? opts.certificate : file("server.pem");
        opts.key = opts.key ? opts.key : file("server.key");
        REQUIRE_INT(aeon_tls_server_new(&opts, &server), 0);
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, address, sizeof address), 0);
        REQUIRE_INT(aeon_listener_open(fd, &listener), 0);
        REQUIRE_INT(aeon_spawn(g, "server", reverse_all, NULL), 0);
}

static void stop_here(aeon_group *g)
{
        aeon_group_cancel(g, "enough");
        aeon_group_close(g);
        aeon_listener_close(listener);
        aeon_tls_server_free(server);
}

TEST(tls_server_serves_and_chooses_a_protocol)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        serve_here(g, (aeon_tls_opts){ .alpn = "h2,http/1.1" });
        aeon_tls_opts o = trusting("ca.pem");
        o.alpn = "http/1.1,h2";
        REQUIRE_INT(secure("localhost", o), 0);
        check_reversed();
        CHECK_STR(aeon_stream_alpn(s), "h2"); /* the server's preference */
        CHECK_STR(accepted_alpn, "h2");
        aeon_stream_close(s);

        o.alpn = NULL;
        REQUIRE_INT(secure("localhost", o), 0);
        check_reversed();
        CHECK_STR(aeon_stream_alpn(s), "");
        aeon_stream_close(s);

        o.alpn = "spdy/1";
        CHECK_INT(secure("localhost", o), -EPROTO);
        CHECK_CONTAINS(aeon_error_text(), "no application protocol");
        stop_here(g);
}

TEST(tls_server_asks_for_certificates_when_it_has_authorities)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        serve_here(g, (aeon_tls_opts){ .ca = file("ca.pem") });
        aeon_tls_opts o = trusting("ca.pem");
        o.certificate = file("client.pem");
        o.key = file("client.key");
        REQUIRE_INT(secure("localhost", o), 0);
        check_reversed();
        aeon_stream_close(s);

        char byte;
        REQUIRE_INT(secure("localhost", trusting("ca.pem")), 0); /* in TLS 1.3 the client has finished before the server looks */
        CHECK(aeon_stream_read(s, &byte, 1) < 0);
        while (accepted == 0) /* the server's task has its say */
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK_INT(accepted, -EPROTO);
        aeon_stream_close(s);
        stop_here(g);
}

TEST(tls_server_takes_new_files_at_a_reload_or_keeps_the_old)
{
        const char *output;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        serve_here(g, (aeon_tls_opts){ 0 });
        REQUIRE_INT(RUN(&output, "sh", "-ec", "cp server.pem was.pem; echo nonsense >server.pem"), 0);
        CHECK_INT(aeon_tls_server_reload(server), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "server.pem");
        REQUIRE_INT(secure("localhost", trusting("ca.pem")), 0);
        check_reversed();
        aeon_stream_close(s);

        REQUIRE_INT(RUN(&output, "sh", "-ec",
                        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=new "
                        "-addext subjectAltName=DNS:localhost -keyout server.key -out server.pem"),
                    0);
        REQUIRE_INT(aeon_tls_server_reload(server), 0);
        CHECK_INT(secure("localhost", trusting("ca.pem")), -EPROTO);
        REQUIRE_INT(secure("localhost", trusting("server.pem")), 0);
        check_reversed();
        aeon_stream_close(s);
        stop_here(g);
}

TEST(tls_server_refuses_what_is_no_certificate)
{
        aeon_tls_server *t;
        make_certificates();
        CHECK_INT(aeon_tls_server_new(&(aeon_tls_opts){ 0 }, &t), -EINVAL);
        CHECK_INT(aeon_tls_server_new(&(aeon_tls_opts){ .certificate = file("none.pem") }, &t), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "none.pem");
        CHECK_INT(aeon_tls_server_new(&(aeon_tls_opts){ .certificate = file("server.pem"), .key = file("client.key") }, &t),
                  -EKEYREJECTED);
}
