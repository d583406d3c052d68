/* The TLS engine on OpenSSL 3: the module tls.so. See tls.h.
 *
 * DESIGN
 *   One SSL object between two memory BIOs: feed() fills the one it reads from, take() empties the one it writes to. OpenSSL's error
 *   queue is per thread and tasks share it, so it is cleared before each call and read right after.
 */
#include "loop/tls.h"

#include <aeon/error.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tls {
        SSL_CTX *context;           /* a client's own */
        struct tls_context *shared; /* a server's; the choice of a protocol needs it */
        SSL *ssl;
        BIO *from_peer, *to_peer; /* the SSL object owns them */
        char alpn[32];
};

struct tls_context {
        SSL_CTX *context;
        _Atomic unsigned users;       /* whoever made it, and connections, on any loop */
        unsigned char protocols[256]; /* in the server's order of preference, each with its length before it */
        size_t protocols_size;
};

/* The words of OpenSSL's last error, or of the certificate check that failed. */
static const char *reason(const struct tls *t)
{
        long verdict = t && t->ssl ? SSL_get_verify_result(t->ssl) : X509_V_OK;
        if (verdict != X509_V_OK)
                return X509_verify_cert_error_string(verdict);
        const char *words = ERR_reason_error_string(ERR_peek_last_error());
        return words ? words : "unknown reason";
}

static void tls_context_free(struct tls_context *c)
{
        if (!c || atomic_fetch_sub(&c->users, 1) > 1)
                return;
        SSL_CTX_free(c->context);
        free(c);
}

static void tls_free(struct tls *t)
{
        if (!t)
                return;
        SSL_free(t->ssl);
        tls_context_free(t->shared);
        SSL_CTX_free(t->context);
        free(t);
}

/* ------------------------------------------------------------------ making one */

static int file_error(const char *what, const char *path)
{
        struct stat st;
        if (stat(path, &st) < 0)
                return aeon_fail_os(-errno, "%s \"%s\"", what, path);
        return aeon_fail(-EINVAL, "%s \"%s\": %s", what, path, reason(NULL));
}

static int trust(SSL_CTX *context, const aeon_tls_opts *o)
{
        struct stat st;
        if (!o->ca)
                return SSL_CTX_set_default_verify_paths(context) == 1
                               ? 0
                               : aeon_fail(-ENOENT, "the system has no authorities: %s", reason(NULL));
        bool folder = stat(o->ca, &st) == 0 && S_ISDIR(st.st_mode);
        if (SSL_CTX_load_verify_locations(context, folder ? NULL : o->ca, folder ? o->ca : NULL) != 1)
                return file_error("authorities", o->ca);
        return 0;
}

static int identify(SSL_CTX *context, const aeon_tls_opts *o)
{
        if (!o->certificate)
                return 0;
        const char *key = o->key ? o->key : o->certificate;
        if (SSL_CTX_use_certificate_chain_file(context, o->certificate) != 1)
                return file_error("certificate", o->certificate);
        if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
                if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
                        return aeon_fail(-EKEYREJECTED, "key \"%s\" is not that of certificate \"%s\"", key, o->certificate);
                return file_error("key", key);
        }
        return 0;
}

static SSL_CTX *new_context(const SSL_METHOD *method)
{
        SSL_CTX *context = SSL_CTX_new(method);
        if (!context)
                return NULL;
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
        return context;
}

static int make_context(const aeon_tls_opts *o, SSL_CTX **ret_context)
{
        SSL_CTX *context = new_context(TLS_client_method());
        if (!context)
                return aeon_fail(-ENOMEM, "no memory for TLS");
        SSL_CTX_set_verify(context, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
        int r = o->insecure && !o->ca ? 0 : trust(context, o);
        if (r == 0)
                r = identify(context, o);
        if (r < 0) {
                SSL_CTX_free(context);
                return r;
        }
        *ret_context = context;
        return 0;
}

/* "h2,http/1.1" as the protocol wants it: each with its length before it. */
static int write_protocols(const char *list, unsigned char wire[256], size_t *ret_size)
{
        size_t used = 0;
        while (*list) {
                size_t length = strcspn(list, ",");
                if (length == 0 || length > 255 || used + 1 + length > 256)
                        return aeon_fail(-EINVAL, "ALPN: \"%s\" is no list of protocols", list);
                wire[used++] = (unsigned char)length;
                memcpy(wire + used, list, length);
                used += length;
                list += length + (list[length] == ',');
        }
        *ret_size = used;
        return 0;
}

static int offer_protocols(SSL *ssl, const char *list)
{
        unsigned char wire[256];
        size_t used = 0;
        int r = write_protocols(list, wire, &used);
        if (r < 0)
                return r;
        return SSL_set_alpn_protos(ssl, wire, (unsigned)used) == 0 ? 0 : aeon_fail(-ENOMEM, "no memory for TLS");
}

/* An address has no SNI (RFC 6066), and is looked for among the certificate's addresses. */
static int expect_name(SSL *ssl, const char *name)
{
        X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
        if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
                return 0;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
                return aeon_fail(-EINVAL, "TLS: \"%s\" is no host name", name);
        return 0;
}

static int attach_bytes(struct tls *t)
{
        t->from_peer = BIO_new(BIO_s_mem());
        t->to_peer = BIO_new(BIO_s_mem());
        if (t->from_peer && t->to_peer) {
                SSL_set_bio(t->ssl, t->from_peer, t->to_peer);
                return 0;
        }
        BIO_free(t->from_peer);
        BIO_free(t->to_peer);
        return aeon_fail(-ENOMEM, "no memory for TLS");
}

static int tls_connect(const char *host, const aeon_tls_opts *opts, struct tls **ret_tls)
{
        static const aeon_tls_opts defaults;
        const aeon_tls_opts *o = opts ? opts : &defaults;
        struct tls *t = calloc(1, sizeof *t);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for TLS");
        ERR_clear_error();
        int r = make_context(o, &t->context);
        if (r == 0 && !(t->ssl = SSL_new(t->context)))
                r = aeon_fail(-ENOMEM, "no memory for TLS");
        if (r == 0)
                r = attach_bytes(t);
        if (r == 0) {
                SSL_set_connect_state(t->ssl);
                r = expect_name(t->ssl, o->server_name ? o->server_name : host);
        }
        if (r == 0 && o->alpn)
                r = offer_protocols(t->ssl, o->alpn);
        if (r < 0) {
                tls_free(t);
                return r;
        }
        *ret_tls = t;
        return 0;
}

/* ------------------------------------------------------------------ the server's side */

/* The first of our protocols that the client offers; none in common ends the handshake (RFC 7301, 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *offered,
                           unsigned offered_size, void *arg)
{
        const struct tls_context *c = arg;
        (void)ssl;
        unsigned char *chosen;
        if (SSL_select_next_proto(&chosen, out_size, c->protocols, (unsigned)c->protocols_size, offered, offered_size) !=
            OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
}

/* Clients must show a certificate when the server names authorities. */
static int ask_for_certificates(SSL_CTX *context, const aeon_tls_opts *o)
{
        if (!o->ca)
                return 0;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        return trust(context, o);
}

static int tls_context(const aeon_tls_opts *o, struct tls_context **ret_context)
{
        if (!o->certificate)
                return aeon_fail(-EINVAL, "a TLS server needs a certificate");
        struct tls_context *c = calloc(1, sizeof *c);
        ERR_clear_error();
        if (c) {
                atomic_init(&c->users, 1);
                c->context = new_context(TLS_server_method());
        }
        int r = c && c->context ? 0 : aeon_fail(-ENOMEM, "no memory for TLS");
        if (r == 0)
                r = identify(c->context, o);
        if (r == 0)
                r = ask_for_certificates(c->context, o);
        if (r == 0 && o->alpn) {
                r = write_protocols(o->alpn, c->protocols, &c->protocols_size);
                SSL_CTX_set_alpn_select_cb(c->context, choose_protocol, c);
        }
        if (r < 0) {
                tls_context_free(c);
                return r;
        }
        *ret_context = c;
        return 0;
}

static int tls_accept(struct tls_context *c, struct tls **ret_tls)
{
        struct tls *t = calloc(1, sizeof *t);
        ERR_clear_error();
        if (t) {
                atomic_fetch_add(&c->users, 1);
                t->shared = c;
                t->ssl = SSL_new(c->context);
        }
        int r = t && t->ssl ? attach_bytes(t) : aeon_fail(-ENOMEM, "no memory for TLS");
        if (r < 0) {
                tls_free(t);
                return r;
        }
        SSL_set_accept_state(t->ssl);
        *ret_tls = t;
        return 0;
}

/* ------------------------------------------------------------------ bytes */

static int outcome(struct tls *t, int result, const char *what)
{
        switch (SSL_get_error(t->ssl, result)) {
        case SSL_ERROR_NONE:
                return 0;
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: /* memory takes all, so this is about reading too */
                return -EAGAIN;
        default:
                return aeon_fail(-EPROTO, "TLS %s: %s", what, reason(t));
        }
}

static int tls_handshake(struct tls *t)
{
        ERR_clear_error();
        int r = outcome(t, SSL_do_handshake(t->ssl), "handshake");
        if (r == 0) {
                const unsigned char *chosen;
                unsigned length;
                SSL_get0_alpn_selected(t->ssl, &chosen, &length);
                if (length && length < sizeof t->alpn)
                        memcpy(t->alpn, chosen, length);
        }
        return r;
}

static ssize_t tls_read(struct tls *t, void *buffer, size_t size)
{
        ERR_clear_error();
        int n = SSL_read(t->ssl, buffer, size < INT_MAX ? (int)size : INT_MAX);
        if (n > 0)
                return n;
        return SSL_get_error(t->ssl, n) == SSL_ERROR_ZERO_RETURN ? 0 : outcome(t, n, "read");
}

static int tls_write(struct tls *t, const void *bytes, size_t size)
{
        const char *at = bytes;
        while (size) {
                ERR_clear_error();
                int n = SSL_write(t->ssl, at, size < INT_MAX ? (int)size : INT_MAX);
                if (n <= 0)
                        return outcome(t, n, "write");
                at += n;
                size -= (size_t)n;
        }
        return 0;
}

static int tls_end(struct tls *t)
{
        ERR_clear_error();
        int r = SSL_shutdown(t->ssl);
        return r >= 0 ? 0 : outcome(t, r, "end");
}

static int tls_feed(struct tls *t, const void *bytes, size_t size)
{
        return BIO_write(t->from_peer, bytes, (int)size) == (int)size ? 0 : aeon_fail(-ENOMEM, "no memory for TLS");
}

static size_t tls_take(struct tls *t, void *buffer, size_t size)
{
        int n = BIO_read(t->to_peer, buffer, size < INT_MAX ? (int)size : INT_MAX);
        return n > 0 ? (size_t)n : 0;
}

static const char *tls_alpn(const struct tls *t)
{
        return t->alpn;
}

/* ------------------------------------------------------------------ signatures */

static int tls_sign(const unsigned char seed[32], const void *bytes, size_t size, unsigned char ret_public[32],
                    unsigned char ret_signature[64])
{
        size_t public_size = 32, signature_size = 64;
        ERR_clear_error();
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool done = key && context && EVP_PKEY_get_raw_public_key(key, ret_public, &public_size) == 1 &&
                    EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                    EVP_DigestSign(context, ret_signature, &signature_size, bytes, size) == 1;
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(key);
        return done ? 0 : aeon_fail(-EPROTO, "Ed25519: %s", reason(NULL));
}

__attribute__((visibility("default"))) const struct tls_engine aeon__tls_engine = {
        .connect = tls_connect,
        .context = tls_context,
        .context_free = tls_context_free,
        .accept = tls_accept,
        .handshake = tls_handshake,
        .read = tls_read,
        .write = tls_write,
        .end = tls_end,
        .feed = tls_feed,
        .take = tls_take,
        .alpn = tls_alpn,
        .free = tls_free,
        .sign = tls_sign,
};
