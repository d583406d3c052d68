/* HTTP/1.1 on the wire: request heads and chunked bodies, as functions on bytes.
 *
 * DESIGN
 *   No I/O, no allocation, no clock: the caller collects bytes and asks again when more have come. Whatever RFC 9112 calls invalid
 *   is refused, never repaired, since two parsers that repair differently are how requests are smuggled. A refused message leaves
 *   nothing to continue from: the caller answers with the status and closes.
 *
 *   A head is described by spans into the caller's bytes (16 bit each, since a head is at most 16 KiB), so that a description stays
 *   valid when the bytes move.
 *
 *       GET /a?b=1 HTTP/1.1\r\n     method, path, query, minor
 *       Host: x\r\n                 fields[0], host
 *       \r\n                        size
 *
 *   Everything that the server knows of the protocol's syntax is behind this header, so that another parser can take its place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        HTTP_HEAD_LIMIT = 16384,        /* bytes of a head; above: 431 */
        HTTP_REQUEST_LINE_LIMIT = 8192, /* above: 414 */
        HTTP_FIELDS_LIMIT = 100,        /* above: 431 */
};

struct http_span {
        uint16_t start;
        uint16_t size;
};

struct http_field {
        struct http_span name;
        struct http_span value; /* without the white space around it */
};

struct http_head {
        /* The description; complete when aeon__http_head_parse() gave 1. */
        struct http_span method;
        struct http_span path;  /* empty when the target is a bare "http://host"; "*" is possible for OPTIONS */
        struct http_span query; /* what follows "?" */
        bool has_query;
        struct http_span host; /* the authority: of the target if it has one, else of the Host field */
        uint8_t minor;         /* of HTTP/1.minor: 0 or 1 */
        bool keep_alive;
        bool chunked;
        bool expect_continue;
        uint64_t content_length; /* 0 when there is none */
        uint16_t size;           /* of the head with its empty line */
        uint16_t field_count;
        struct http_field fields[HTTP_FIELDS_LIMIT];

        /* Why it was refused. */
        uint16_t status; /* 0: it was not */
        const char *reason;

        /* The parser's own. */
        uint8_t stage;
        uint16_t line;    /* where the first line not yet parsed begins */
        uint16_t scanned; /* up to here no line ends */
        bool has_host, has_content_length, has_close, has_keep_alive, has_authority;
};

void aeon__http_head_init(struct http_head *head);

/* Parse @size bytes that begin with a head; call again with the same bytes and more. Returns 1 when the head is complete
 * (head->size bytes; others may follow), 0 when more are needed, -EBADMSG when it is refused (head->status, head->reason). */
int aeon__http_head_parse(struct http_head *head, const char *bytes, size_t size);

/* One body in chunks. Zero-initialised. */
struct http_chunked {
        uint8_t state;
        uint8_t digits;    /* of the present size */
        uint16_t overhead; /* bytes of the present extensions, or of all trailers */
        uint64_t left;     /* of the present chunk */
};

/* Decode a stretch of a chunked body. Takes *@ret_taken of @size bytes and returns
 *   n > 0     the last n bytes taken are body data (at most @room); call again with what follows
 *   0         all was taken, or the body is complete (aeon__http_chunked_done())
 *   -EBADMSG  it breaks the syntax */
ssize_t aeon__http_chunked_next(struct http_chunked *chunked, const char *bytes, size_t size, size_t room, size_t *ret_taken);

bool aeon__http_chunked_done(const struct http_chunked *chunked);

/* Character classes of RFC 9110, for the server's own checks. */
bool aeon__http_is_token(const char *text, size_t size);
bool aeon__http_is_target(const char *text, size_t size);      /* of a path and a query, with whole escapes */
bool aeon__http_is_authority(const char *text, size_t size);   /* "name", "name:80", "[::1]:80", "1.2.3.4", or empty */
bool aeon__http_is_field_value(const char *text, size_t size); /* visible characters, spaces and tabs, bytes from 0x80 */
