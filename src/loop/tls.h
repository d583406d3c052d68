/* What the TLS module is to the streams: an engine that turns bytes into other bytes and knows no socket.
 *
 * DESIGN
 *            read()  <--[ plain ]--  engine  <--[ cipher ]--  feed()      what the peer sent
 *           write()  --[ plain ]-->  engine  --[ cipher ]-->  take()      what must be sent to the peer
 *
 *   Every call may make bytes for the peer; whoever called takes and sends them. secure.c does that.
 */
#pragma once

#include <aeon/tls.h>
#include <stddef.h>
#include <sys/types.h>

struct tls;         /* one connection */
struct tls_context; /* what the connections of a server share: its certificate and its rules */

/* -EAGAIN: first feed() what the peer sends. Every failure has words. */
struct tls_engine {
        int (*connect)(const char *host, const aeon_tls_opts *opts, struct tls **ret_tls); /* the client side of a connection */
        int (*context)(const aeon_tls_opts *opts, struct tls_context **ret_context);       /* of a server; any thread */
        void (*context_free)(struct tls_context *context);                                 /* its connections may live on */
        int (*accept)(struct tls_context *context, struct tls **ret_tls);                  /* the server side of a connection */
        int (*handshake)(struct tls *tls);                                                 /* 0: done; -EAGAIN; -EPROTO */
        ssize_t (*read)(struct tls *tls, void *buffer, size_t size);                       /* 0: the peer has ended it in order */
        int (*write)(struct tls *tls, const void *bytes, size_t size);                     /* takes all */
        int (*end)(struct tls *tls);                                                       /* no more will be written */
        int (*feed)(struct tls *tls, const void *bytes, size_t size);
        size_t (*take)(struct tls *tls, void *buffer, size_t size); /* 0: nothing is left */
        const char *(*alpn)(const struct tls *tls);
        void (*free)(struct tls *tls);

        /* Ed25519, for those who prove by it who they are: the signature of @bytes by the private key @seed, and the public key. */
        int (*sign)(const unsigned char seed[32], const void *bytes, size_t size, unsigned char ret_public[32],
                    unsigned char ret_signature[64]);
};

#define TLS_ENGINE_SYMBOL "aeon__tls_engine"
