/* A peer that says what a test tells it to, byte by byte: what no decent server would. And the decent one of tests/http. */
#pragma once

#include <aeon/http_client.h>
#include <aeon/stream.h>
#include <aeon/task.h>

/* What to do with the @nth connection, from 1; it is closed afterwards. */
typedef void talk_fn(aeon_stream *s, int nth);

/* Listen, and talk with whoever comes, all at a time. */
aeon_group *peer_start(talk_fn *talk);
void peer_stop(aeon_group *group);
extern int peer_connections; /* so far */
extern talk_fn *peer_greets; /* called first, when set: TLS */

/* Read a request's head and forget it; what came is borrowed until the next one. "" when the client has gone. */
const char *peer_hears(aeon_stream *s);
void peer_says(aeon_stream *s, const char *text);

/* A URL of the peer, or of the server of tests/http, in one of a few rotating buffers. */
const char *at_peer(const char *path);
const char *at_server(const char *path);

/* A client with these options. */
aeon_http_client *client_with(aeon_http_client_opts opts);

/* GET by @c: the status, or what failed. */
int status_of(aeon_http_client *c, const char *url);
