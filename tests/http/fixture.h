/* A server in a group of the test, with one handler for each thing that can happen, and clients that speak bytes. */
#pragma once

#include "http/connection.h"

#include <aeon/task.h>

extern struct http_server server; /* the one under test */
extern struct http_router router; /* its routes */
extern char address[64];          /* where it listens */
extern int finished, cancelled;   /* how GET /slow ended, and */
extern char why[64];              /* by what it was cancelled */

/* Start the server with these limits (zero: the defaults) in a new group; stop it again, and see that nothing is left. */
aeon_group *start(struct http_limits limits);
void stop(aeon_group *group);

/* Answer @pattern with @handler too; after start(). */
void route(const char *pattern, aeon_request_fn *handler);

/* The same with options. */
void add(const char *pattern, aeon_request_fn *handler, const aeon_route_opts *opts);

aeon_stream *dial(void);
void say(aeon_stream *s, const char *text);

/* Everything until the server closes, or until @part has come. In one of four rotating buffers. */
const char *hear(aeon_stream *s, const char *part);

/* One connection: say @request, hear all until the server closes. */
const char *ask(const char *request);

/* How often @part stands in @text. */
int times(const char *text, const char *part);

/* What requests have to have, and what the last one of a connection says. */
#define HEADERS "Host: x\r\n"
#define LAST HEADERS "Connection: close\r\n\r\n"
