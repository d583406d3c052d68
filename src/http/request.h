/* A request while it lives: its head, its body on the way in, its reply on the way out.
 *
 * DESIGN
 *   The connection owns one and uses it again for each request; begin and end bracket each use. The strings of the head are made in
 *   place, in the head's own bytes: behind each stands a separator that nobody needs any more, and a NUL takes its place. What must
 *   be decoded goes to small blocks that end with the request.
 */
#pragma once

#include "http/buffer.h"
#include "http/parser.h"
#include "http/router.h"

#include <aeon/dependency.h>
#include <aeon/http.h>
#include <aeon/scope.h>

struct http_connection;

/* How far the body is. */
enum body_state {
        BODY_NONE,    /* all of it was received, or there is none */
        BODY_LENGTH,  /* body_left bytes are to come */
        BODY_CHUNKED, /* as chunked says */
        BODY_BROKEN,  /* nothing that follows can be understood; body_error says why */
};

struct aeon_request {
        struct http_connection *connection;
        struct http_head head;
        struct http_buffer bytes; /* of the head; its strings point here */
        const char *method, *path;
        aeon_handling handling; /* around the handler */
        struct value *values;   /* records that end with the request */
        struct block *blocks;   /* memory that ends with the request */

        const struct http_route *route;
        const char *params[HTTP_PARAMS_LIMIT]; /* decoded, in the order of route->names */

        enum body_state body_state;
        int body_error;
        uint16_t body_status; /* what to answer when reading it failed; 0: it did not */
        bool continue_wanted; /* the client waits for "100 Continue" */
        bool body_explained;  /* the failure's text is meant for the client */
        bool body_whole;      /* body holds all of it */
        uint64_t body_left;
        uint64_t body_received;
        aeon_time body_begun;
        struct http_chunked chunked;
        struct http_buffer body;

        uint16_t status; /* of the reply; 0: none yet */
        const char *content_type;
        struct http_buffer headers; /* of the reply, as lines */
        struct http_buffer reply;   /* its body */
};

/* The head is parsed and its bytes are in req->bytes: make its strings, get ready for the body. */
void aeon__request_begin(aeon_request *req);

/* Forget everything but memory that the next request can use. */
void aeon__request_end(aeon_request *req);
void aeon__request_done(aeon_request *req);

/* @size bytes that end with the request; NULL when there is no memory. */
void *aeon__request_alloc(aeon_request *req, size_t size);

/* Free the records that aeon_record_receive() gave. */
void aeon__request_free_values(aeon_request *req);

/* Receive and drop what is left of the body, if that is little; true when the stream stands at the next request. */
AEON_SUSPENDS bool aeon__request_skip_body(aeon_request *req);

/* Send the reply; the connection's close decides its Connection field. */
AEON_SUSPENDS int aeon__reply_send(aeon_request *req);

/* Replace the reply by @status with its name, and @text when clients may see it (NULL: none). */
void aeon__reply_status_text(aeon_request *req, int status, const char *text);

/* "Not Found". */
const char *aeon__http_status_name(int status);

/* Route @req by @router and answer it: the handler's result, or what 404, 405 and OPTIONS want. */
AEON_SUSPENDS int aeon__router_answer(const struct http_router *router, aeon_request *req);
