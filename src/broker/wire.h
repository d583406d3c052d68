/* A connection to a server that comes back by itself: what the drivers that speak over a stream have in common.
 *
 * DESIGN
 *      connect -> TLS -> greet() -> reader, writer -> resume() -> UP ------- lost() --> pause -> connect ...
 *      '------------- within connect_timeout ------------------'                        '- full jitter, 100 ms .. 30 s, next host
 *
 *   One task, the keeper, goes round this circle for as long as the wire lives. While it is up two more run: the READER reads into a
 *   buffer and gives it to take(); the WRITER writes what others have put into the output, so all that is sent in one turn of the
 *   loop goes out in one system call. Whoever sends much waits in aeon__wire_room().
 *
 *   A peer that says nothing for `heartbeat` is asked (probe()), and one that then says nothing for as long again is given up: a
 *   dead machine does not close its connections.
 *
 *   A server that cannot be reached is no reason not to start: when the link is patient the wire opens all the same and goes on trying,
 *   and the health check tells. What will never work (a wrong password) is an error at once: greet() returns -EACCES, -EINVAL,
 *   -ENOTSUP or -EPERM for that.
 */
#pragma once

#include "base/text.h"
#include "broker/confirmation.h"
#include "broker/driver.h"
#include "broker/options.h"

#include <aeon/scope.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/tls.h>

struct wire;

/* What makes a protocol. All run in tasks on the wire's loop. */
struct wire_protocol {
        const char *name; /* "redis" */
        bool tls_later;   /* greet() starts TLS itself, by aeon__wire_start_tls() */

        /* Say hello on the new w->stream, with aeon_stream_read() and aeon_stream_write(): nobody else uses it yet. Bytes that came behind
         * the hello are the protocol's to keep, in take()'s hands: see aeon__wire_unread(). Suspends; cancelled at the time-out. */
        int (*greet)(struct wire *w);

        /* The reader and the writer run: subscribe again and so on. Sends what it likes. Fails: the connection is given up. May be NULL. */
        int (*resume)(struct wire *w);

        /* Bytes have come: use as many as make whole items and return how many; the rest is given again, with more behind it. Negative:
         * the connection is given up. Must not suspend. */
        ssize_t (*take)(struct wire *w, const char *bytes, size_t size);

        /* Called behind take(): wait here while what came is more than can be handled, but never for what this connection must still bring.
         * NULL: it is asked for no more than can be handled. Suspends. */
        int (*brake)(struct wire *w);

        /* The connection is gone, or an attempt to make it has failed: whatever waits for an answer on it fails. @code and @words say why
         * (-ENOTCONN when we close it). Does not suspend. */
        void (*lost)(struct wire *w, int code, const char *words);

        /* The writer is about to write: add what was being gathered, as aeon__wire_gathered() has told. NULL: nothing is. Does not suspend. */
        void (*gather)(struct wire *w);

        /* The peer was silent for `heartbeat`: make it say something. NULL: nothing is asked. Does not suspend. */
        void (*probe)(struct wire *w);
};

struct wire {
        /* Set by the driver before aeon__wire_open(): */
        const struct wire_protocol *protocol;
        void *self; /* the driver's */
        struct link *link;
        const struct broker_url *url;
        bool secure;             /* TLS, from the scheme */
        aeon_duration heartbeat; /* greet() may change it; 0: none */

        /* For the driver to read: */
        aeon_stream *stream; /* NULL while there is none */
        const char *host;    /* that it leads to */
        bool up;             /* resume() has succeeded */
        unsigned times;      /* how often it was up: 1 is the first time */
        bool closing;

        /* Private. */
        struct wire_options {
                aeon_tls_opts tls;
                aeon_duration connect_timeout, pause_least, pause_most;
        } options;
        struct broker_host *hosts; /* of the URL, and those added */
        size_t hosts_count, host_next;
        unsigned failures;           /* to connect, in a row */
        aeon_time up_since;          /* valid while up */
        int refusal;                 /* why it is not up, and in words: */
        char words[300];             /* without the name of the wire */
        struct list ready, room;     /* confirmations of those who wait for it to be up, and for a shorter output */
        struct text output, writing; /* what is to be written, what is being written */
        struct confirmation more;    /* of the writer, while there is no output */
        bool gathered;               /* there may be some, once gather() was called */
        aeon_event *tried, *ended;   /* the first attempt is over; the keeper is */
        aeon_scope life;             /* of the keeper */
        bool started;
        aeon_group *now;   /* of the tasks of the present connection; NULL: there is none */
        struct text input; /* what take() has not used */
};

/* Ask @w->url for the options that all wires have: tls_ca, tls_cert, tls_key, tls_name, tls_verify, connect_timeout (5 s), reconnect
 * (100 ms), reconnect_max (30 s). The texts are borrowed from the URL. */
AEON_API void aeon__wire_options(struct wire *w);

/* Begin. Returns when it is up, or when each host was tried and the link is patient. Suspends; cancellable. Errors: those of connecting and
 * of greet(); then nothing is left behind. */
AEON_API AEON_SUSPENDS int aeon__wire_open(struct wire *w);

/* Write what is in the output, for a second at most, and end. lost() is called if there was a connection. Suspends; called shielded. */
AEON_API AEON_SUSPENDS void aeon__wire_close(struct wire *w);

/* Wait until it is up, connect_timeout at most. Suspends; cancellable. Errors: -ENOTCONN with the reason; -ECANCELED */
AEON_API AEON_SUSPENDS int aeon__wire_ready(struct wire *w);

/* Put bytes into the output. Does not suspend. Errors: -ENOTCONN it is not connected; -ENOMEM. Nothing was put then. */
AEON_API int aeon__wire_send(struct wire *w, const void *bytes, size_t size);

/* Something waits for gather(), which is called once all tasks that are ready now have run. Does not suspend. */
AEON_API void aeon__wire_gathered(struct wire *w);

/* Wait while there is much in the output. Suspends; cancellable. */
AEON_API AEON_SUSPENDS int aeon__wire_room(struct wire *w);

/* Give up the present connection. Does not suspend. */
AEON_API void aeon__wire_break(struct wire *w, int code, const char *words);

/* In greet(): start TLS; and give the reader bytes that were read too far. */
AEON_API AEON_SUSPENDS int aeon__wire_start_tls(struct wire *w);
AEON_API int aeon__wire_unread(struct wire *w, const void *bytes, size_t size);

/* One more host to try, if it is not known yet ("host:port" as servers tell of each other). */
AEON_API int aeon__wire_add_host(struct wire *w, const char *address);

/* Between wire.c and traffic.c: the two tasks of a connection. They return why it is lost. */
int aeon__wire_reader(void *arg);
int aeon__wire_writer(void *arg);
