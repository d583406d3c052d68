/* A connection to the server: commands out, replies in, in the same order.
 *
 * DESIGN
 *   Whoever asks puts a command together, word by word, and sends it with a function that will be called with the reply. Commands of
 *   one turn of the loop go out in one write, and any number is on its way at a time; what waits for a reply stands in a ring.
 *
 *        begin, word, word ... send(done, owner)  ->  output  ->  server
 *                                                     ring    <-  replies:  done(owner, reply), oldest first
 *
 *   A subscribed connection is another matter: what comes there answers nothing, so all of it goes to heard().
 */
#pragma once

#include "broker/redis/reply.h"
#include "broker/wire.h"

/* @reply is borrowed; NULL: the connection is gone, and nobody knows whether the command was carried out. Does not suspend. */
typedef void client_done(void *owner, const struct reply *reply);

struct client {
        struct wire wire;
        const struct client_login *login;
        struct replies replies;
        struct text command;  /* the one that is put together */
        unsigned words;       /* of it */
        long long id;         /* the server's number for this connection; 0: it does not say */
        struct pending *ring; /* commands that wait for their replies */
        size_t size, first, count;

        /* Hooks; may be NULL. */
        void *self;
        int (*resume)(struct client *c);                            /* see wire.h */
        void (*lost)(struct client *c);                             /* before all done() */
        void (*gather)(struct client *c);                           /* see wire.h */
        void (*heard)(struct client *c, const struct reply *reply); /* it only listens */
};

enum { REDIS_PORT = 6379 };

/* What every connection says first. */
struct client_login {
        const char *user, *password;
        bool has_password;
        int database;
        char name[100];
};

/* Connect; see aeon__wire_open(). @c is all zeros but for wire.link, wire.url and the hooks. */
AEON_SUSPENDS int aeon__client_open(struct client *c, const struct client_login *login, aeon_duration heartbeat);
AEON_SUSPENDS void aeon__client_close(struct client *c);

/* Who we are, from the URL; @name is what the server shows. Errors: -EINVAL. */
int aeon__login_read(const struct broker_url *url, const char *name, struct client_login *ret_login);

/* Put a command together. @name NULL: its first word follows. */
void aeon__client_begin(struct client *c, const char *name);
void aeon__client_word(struct client *c, const void *bytes, size_t size);
void aeon__client_text(struct client *c, const char *text);
void aeon__client_number(struct client *c, long long number);
void aeon__client_words(struct client *c, const struct text *encoded, unsigned count); /* by aeon__client_encode() */
void aeon__client_encode(struct text *to, const void *bytes, size_t size);

/* Send it. @done NULL: the reply does not matter, or is heard. Does not suspend. Errors: -ENOTCONN, -ENOMEM; nothing was sent, done() is not called. */
int aeon__client_send(struct client *c, client_done *done, void *owner);

/* The reply to whatever @owner has sent will find nobody. */
void aeon__client_forget(struct client *c, const void *owner);

/* Send it and wait for the reply, which read() looks at if it is not an error. @read NULL: it does not matter.
 *
 * Suspends. Cancellable; what was asked may have happened or not. Errors: those of send(); -ECONNABORTED; -ECANCELED; the server's: see
 * aeon__client_error(). */
AEON_SUSPENDS int aeon__client_ask(struct client *c, const char *what, void (*read)(void *arg, const struct reply *reply),
                                   void *arg);

/* A read() for an integer: @arg is a long long. */
void aeon__client_read_number(void *arg, const struct reply *reply);

/* The server's error as one of ours: -EACCES, -EINVAL (wrong kind of key), -ENOENT (no such group), -ENOSPC, -EAGAIN, -EREMOTEIO. */
int aeon__client_error(const struct reply *reply);

/* Between client.c and greeting.c: the command as it goes over the wire; see greet() in wire.h. Errors: -ENOMEM. */
int aeon__client_finish(struct client *c, const char **ret_bytes, size_t *ret_size);
AEON_SUSPENDS int aeon__client_greet(struct wire *w);
