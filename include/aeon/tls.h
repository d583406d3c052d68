/* aeon/tls.h - TLS over a stream, as a client or as a server.
 *
 * The peer is verified, chain and name, unless one says otherwise. The library that does it (OpenSSL 3) is loaded when the first
 * connection wants it, so a service without TLS does not carry it: the module `tls.so` in LIBDIR/aeon, of the package aeon-tls. */
#ifndef AEON_TLS_H
#define AEON_TLS_H

#include <aeon/attributes.h>
#include <aeon/stream.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Files are PEM. Strings are borrowed during the call. */
typedef struct aeon_tls_opts {
        const char *ca;          /* file or folder of authorities; NULL: the system's */
        const char *certificate; /* of this side, with its chain; NULL: none */
        const char *key;         /* of the certificate; NULL: in the certificate's file */
        const char *server_name; /* what the peer's certificate must name, and SNI; NULL: the host that was connected to */
        bool insecure;           /* take any certificate. The connection is encrypted with whoever answered */
        const char *alpn;        /* protocols, "h2,http/1.1"; NULL: none */
} aeon_tls_opts;

/* Begin TLS on @s, which must be quiet: no task reads or writes. @host is what was connected to. On failure the stream is still
 * yours, and only good for closing. From now on reads and writes of @s are encrypted; their contracts stay.
 *
 * Suspends. Cancellable.
 *
 * Errors: -EPROTO          the handshake failed: the words say why ("certificate verify failed: self-signed certificate")
 *         -ENOENT, -EINVAL a file is missing or is no certificate, key or authority; -EKEYREJECTED the key is not the certificate's
 *         -ENOPKG          the module is not installed; the words name the package
 *         -ECONNRESET ..., -ECANCELED, -ENOMEM
 * Source: RFC 8446; RFC 6125 for the name. */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_stream_start_tls(aeon_stream *s, const char *host, const aeon_tls_opts *opts);

/* ------------------------------------------------------------------ as a server */

/* A server's certificate and rules, shared by connections on any loop. */
typedef struct aeon_tls_server aeon_tls_server;

/* Read the certificate and the key. Of @opts, certificate (needed), key, ca (clients must then show a certificate signed by one of these
 * authorities) and alpn (in our order of preference; a client that offers none of them is refused) count. Reads files, so it blocks for
 * a moment. Any thread. @ret_server is yours. Errors: -ENOENT, -EINVAL, -EKEYREJECTED a file; -ENOPKG; -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_tls_server_new(const aeon_tls_opts *opts, aeon_tls_server **ret_server);

/* Read the files again; connections that begin from now on get what is there now. On failure all stays as it was. Any thread.
 * Errors: as aeon_tls_server_new() */
AEON_API AEON_MUST_CHECK int aeon_tls_server_reload(aeon_tls_server *server);

/* NULL is accepted. Connections that have begun may live on. */
AEON_API void aeon_tls_server_free(aeon_tls_server *server);

/* Begin TLS on @s, which a listener has accepted, as aeon_stream_start_tls() does on the other side.
 *
 * Suspends. Cancellable. Errors: -EPROTO the handshake failed; -ECONNRESET ..., -EALREADY, -ECANCELED, -ENOMEM */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_stream_accept_tls(aeon_stream *s, aeon_tls_server *server);

/* The protocol that ALPN chose, "" for none. Borrowed while @s lives. */
AEON_API const char *aeon_stream_alpn(const aeon_stream *s);

#ifdef __cplusplus
}
#endif
#endif
