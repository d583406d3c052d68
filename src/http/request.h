/* A request while it lives: its head, its body on the way in, its reply on the way out.
 *
 * DESIGN
 *   The connection owns one and uses it again for each request; begin and end bracket each use. The strings of the head are made in
 *   place, in the head's own bytes: behind each stands a separator that nobody needs any more, and a NUL takes its place. What must
 *   be decoded goes to small blocks that end with the request.
 */
#pragma once

#include "http/buffer.h"
#include "http/pairs.h"
#include "http/parser.h"
#include "http/router.h"

#include <aeon/dependency.h>
#include <aeon/http.h>
#include <aeon/scope.h>
#include <aeon/trace.h>
#include <aeon/websocket.h>

struct http_server;
struct http_exchange_ops;

/* How far the body is. */
enum body_state {
        BODY_NONE,   /* all of it was received, or there is none */
        BODY_COMING, /* body_left bytes are to come */
        BODY_BROKEN, /* nothing that follows can be understood; body_error says why */
};

#define BODY_UNKNOWN UINT64_MAX /* body_left when nobody said how long it is */

/* How far the reply is. */
enum reply_state {
        REPLY_KEPT,     /* to be sent when the handler has ended, if status is set */
        REPLY_BEGUN,    /* streamed */
        REPLY_ENDED,    /* streamed, all of it */
        REPLY_UPGRADED, /* there is none: the handler has taken the stream */
};

struct aeon_request {
        const struct http_exchange_ops *ops;
        struct http_server *server;
        aeon_stream *stream; /* only to say who the client is */
        struct http_head head;
        struct http_buffer bytes;          /* of the head; its strings point here */
        const char *method, *path, *query; /* query: NULL when there is none; method: when there is no request */
        aeon_handling handling;            /* around the handler */
        struct value *values;              /* records that end with the request */
        struct block *blocks;              /* memory that ends with the request */

        const struct http_route *route;
        struct http_pairs query_pairs; /* once asked for */
        struct http_pairs form_pairs;
        const char *params[HTTP_PARAMS_LIMIT]; /* decoded, in the order of route->names */

        enum body_state body_state;
        int body_error;
        uint16_t body_status; /* what to answer when reading it failed; 0: it did not */
        bool continue_wanted; /* the client waits for "100 Continue" */
        bool body_whole;      /* body holds all of it */
        bool client_gone;     /* nobody is there for the reply */
        uint64_t body_left;
        uint64_t body_received;
        aeon_time body_begun;
        struct http_buffer body;

        const char *id;          /* NULL until its task begins */
        char own_id[17];         /* when the client gave none */
        aeon_span *span;         /* NULL: it is not traced */
        const char *traceparent; /* of the header, when that is as it has to be; NULL: there is none */
        aeon_time begun;         /* when its task began */
        int settled;             /* the failure that the reply tells of; 0: none */
        const char *failure;     /* its words; NULL: it has not failed */
        const char *explanation; /* of the failure to receive, for the client; NULL: its status is all */
        const char *problems;    /* what is wrong with what the client sent, as a JSON array; NULL: nothing */
        const char *remedy;      /* a field, as a line, that says how to ask instead; NULL: none */

        uint16_t status; /* of the reply; 0: none yet */
        const char *content_type;
        struct http_buffer headers; /* of the reply, as lines */
        struct http_buffer reply;   /* its body, when it is kept */
        enum reply_state reply_state;
        bool reply_has_length;
        bool reply_failed;     /* a streamed one did not reach the client; only cutting it off is left */
        uint64_t reply_length; /* of a streamed one, when it was told */
        uint64_t reply_written;
        aeon_duration events_ping; /* 0: it streams no events */
        aeon_time events_due;      /* then the client hears a comment */
        aeon_websocket *websocket; /* what has taken the stream; NULL: none */
};

/* ------------------------------------------------------------------ life; see exchange.h for the order */

/* @req is zeroed. @stream tells the client's address. */
AEON_API void aeon__request_init(aeon_request *req, const struct http_exchange_ops *ops, struct http_server *server,
                                 aeon_stream *stream);

/* For heads that come decoded, after init or end: the target of the request line (":path"), then each field, in order. Bytes are copied,
 * and the limits and rules are those of HTTP/1.1. Errors: -EBADMSG a character that may not stand there (400); -EMSGSIZE above
 * the limits (431); -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon__request_set_target(aeon_request *req, aeon_bytes method, aeon_bytes target);
AEON_API AEON_MUST_CHECK int aeon__request_add_field(aeon_request *req, aeon_bytes name, aeon_bytes value);

/* The head is described and its bytes are in req->bytes: make its strings. The body is the connection's business: body_state, body_left,
 * continue_wanted. */
AEON_API void aeon__request_begin(aeon_request *req);

/* Forget everything but memory that the next request can use. */
AEON_API void aeon__request_end(aeon_request *req);
AEON_API void aeon__request_done(aeon_request *req);

/* @size bytes that end with the request; NULL when there is no memory. */
AEON_API void *aeon__request_alloc(aeon_request *req, size_t size);

/* Keep @value with the request, to be freed with it. -ENOMEM, and then it is freed at once. */
int aeon__request_keep_value(aeon_request *req, void *value);

/* The request is not as it has to be: @status answers it when the handler hands out @code. Returns @code; the error text is the caller's. */
int aeon__request_wrong(aeon_request *req, int code, int status);

/* A copy of @text that ends with the request; NULL when there is no memory. */
char *aeon__request_copy(aeon_request *req, const char *text, size_t size);

/* The query and the form, as pairs; borrowed. Errors: of the form as aeon_request_form(); of the query -ENOMEM. */
int aeon__request_query_pairs(aeon_request *req, const struct http_pairs **ret_pairs);
AEON_SUSPENDS int aeon__request_form_pairs(aeon_request *req, const struct http_pairs **ret_pairs);

/* Free the records that aeon_record_receive() gave. */
void aeon__request_free_values(aeon_request *req);

/* How long a body that is received whole may be. */
size_t aeon__request_body_limit(const aeon_request *req);

/* ------------------------------------------------------------------ for ops->read() and its like */

/* Until when the next piece must have come: a body that keeps up a certain rate is never too slow. */
AEON_API aeon_time aeon__request_body_deadline(const aeon_request *req);

/* Keep why the body cannot be received: every later call gives the same. Returns @code. @status: what to answer; 0: as @code says.
 * -ECONNRESET: the client has gone. */
AEON_API int aeon__request_body_broken(aeon_request *req, int code, int status, const char *reason);

/* Receive and drop what is left of the body, if that is little; true when none is left. */
AEON_API AEON_SUSPENDS bool aeon__request_skip_body(aeon_request *req);

/* ------------------------------------------------------------------ the reply */

/* It has a head only, for its status or because HEAD was asked. */
AEON_API bool aeon__reply_is_bare(const aeon_request *req);

/* Keep a reply; @content_type is borrowed until the request ends. Errors: -EINVAL the status; -ENOMEM */
int aeon__reply_keep(aeon_request *req, int status, const char *content_type, const void *data, size_t size);

/* Replace the reply's body by the description of an error, with @detail when clients may see it and the JSON array @errors (NULL: none).
 * Without memory it is the status alone. */
AEON_API void aeon__reply_problem(aeon_request *req, int status, const char *detail, const char *errors);

/* "Not Found". */
const char *aeon__http_status_name(int status);
