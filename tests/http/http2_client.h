/* A client of HTTP/2 that does what it is told, also what it must not. */
#pragma once

#include "fixture.h"

#include <nghttp2/nghttp2.h>

enum { H2_STREAMS = 64 };

/* What came on a stream. */
struct h2_stream {
        int32_t id;
        const char *body; /* to be sent */
        size_t body_size, body_sent;
        bool open_ended; /* no END_STREAM behind it */
        bool held;       /* nothing is sent until h2_release() */
        int informed;    /* how often a 1xx has come */
        int status;
        char fields[2048]; /* "name: value\n" */
        char *text;        /* the reply's body */
        size_t size;
        bool ended;    /* by END_STREAM */
        bool closed;   /* and both ways, or reset */
        int64_t reset; /* the code of a RST_STREAM that came; -1: none has */
};

struct h2 {
        aeon_stream *stream;
        nghttp2_session *session;
        struct h2_stream streams[H2_STREAMS];
        int count;
        unsigned char beginning[17]; /* of the frame that is coming */
        size_t begun;
        int goaways;
        int32_t last_id; /* of the last GOAWAY */
        uint32_t code;
        bool gone; /* the server has ended the connection */
};

struct h2_opts {
        const char *tls;  /* file of the authority; NULL: clear text */
        int64_t window;   /* of streams: its size; 0: as usual, -1: none */
        bool no_acks;     /* answer no PING and no SETTINGS */
        bool keep_window; /* do not open windows when something has come */
};

struct h2 *h2_dial(const struct h2_opts *opts);
void h2_close(struct h2 *c);

/* Ask; @fields are names and values, the last one NULL (NULL: none); @body NULL: none. Nothing is sent yet. */
struct h2_stream *h2_ask(struct h2 *c, const char *method, const char *path, const char *const *fields, const char *body);

/* The same with exactly these fields, pseudo fields too. */
struct h2_stream *h2_ask_raw(struct h2 *c, const char *const *fields, const char *body, size_t size, bool open_ended);

/* Send what is to be sent. A server that has gone is noted. */
void h2_send(struct h2 *c);
void h2_send_bytes(struct h2 *c, const void *bytes, size_t size);

/* Send, then receive once. False: nothing came within @time, or the connection has ended. */
bool h2_turn(struct h2 *c, aeon_duration time);

/* Send and receive until that is so; it must be within ten seconds, or the connection's end. */
void h2_await_end(struct h2 *c, const struct h2_stream *s);
void h2_await_text(struct h2 *c, const struct h2_stream *s, size_t size);
void h2_await_goaway(struct h2 *c, int count);
void h2_await_gone(struct h2 *c);

/* All of it: ask, and wait for the reply. */
struct h2_stream *h2_get(struct h2 *c, const char *path);

/* From now on windows are opened for what has come and will come. */
void h2_open_window(struct h2 *c, struct h2_stream *s, int32_t size);
