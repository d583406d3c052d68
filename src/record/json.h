/* The text of JSON, strictly: RFC 8259.
 *
 * DESIGN
 *   A cursor over the text. Whoever reads asks for what should come next, so there is no tree and no callback, and every value's
 *   place in the text is known. Nothing is copied: a token is a stretch of the text, a string still with its escapes.
 *
 *       { "a" : [ 1 , 2 ] }
 *       ^ next  ^ next
 *         ^ key   ^ item, next
 *                     ^ item, next
 *                       ^ item: false
 *                         ^ key: false
 *
 *   What is wrong with the text ends the reading: `wrong` says why, the cursor stands where, and every call from then on gives
 * false.
 *   Keys that come twice are not seen here, see keys.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_LIMIT = 64, JSON_SIZE_LIMIT = 16 * 1024 * 1024 };

struct json {
        const char *begin, *p, *end;
        const char *wrong; /* why there is no reading on; NULL: nothing yet */
        unsigned depth;    /* open objects and arrays */
        struct {
                const char *at;
                unsigned line, column;
        } known; /* a place whose line and column were counted */
};

enum token_type { TOKEN_OBJECT, TOKEN_ARRAY, TOKEN_STRING, TOKEN_NUMBER, TOKEN_TRUE, TOKEN_FALSE, TOKEN_NULL };

struct token {
        const char *text; /* a string without its quotes; a number; of an object or array only the bracket */
        size_t length;
        enum token_type type;
        bool escaped; /* a string that is not what it stands for: aeon__json_unescape() */
};

/* Where the value begins. */
static inline const char *token_at(const struct token *token)
{
        return token->text - (token->type == TOKEN_STRING);
}

/* Start reading @size bytes inside @depth others. */
void aeon__json_start(struct json *j, const char *text, size_t size, unsigned depth);

/* The next value: all of a scalar, or the bracket that opens an object or array, which has to be read to its end. */
bool aeon__json_next(struct json *j, struct token *ret_token);

/* Inside an array: true when an item comes, to be read by aeon__json_next(); false behind the last, the array is closed. */
bool aeon__json_item(struct json *j, bool first);

/* Inside an object: true when a field comes, its key read, its value next; false behind the last. */
bool aeon__json_key(struct json *j, bool first, struct token *ret_key);

/* True when nothing but blanks is left. */
bool aeon__json_end(struct json *j);

/* Write what the string @token stands for to @out, which has room for @token->length bytes; returns the length. It may hold NUL. */
size_t aeon__json_unescape(const struct token *token, char *out);

/* Count the lines and, in characters, the columns up to @at, from 1. Cheap for places near the last one that was asked for. */
void aeon__json_position(struct json *j, const char *at, unsigned *ret_line, unsigned *ret_column);
