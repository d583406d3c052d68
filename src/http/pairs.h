/* name=value&name=value: queries and forms (application/x-www-form-urlencoded).
 *
 * DESIGN
 *   The text is copied once and decoded in place: what is decoded is never longer, and a NUL takes the place of each separator.
 */
#pragma once

#include <aeon/http.h>
#include <stdbool.h>
#include <stddef.h>

struct http_pair {
        const char *name, *value;
        bool broken; /* it holds a NUL, so it cannot be handed out as text */
};

struct http_pairs {
        struct http_pair *items; /* NULL: not asked for yet */
        size_t count;
};

/* Read @size bytes of @text into memory of @req. Errors: -EINVAL an escape is none; -ENOMEM. No error text. */
int aeon__pairs_parse(aeon_request *req, const char *text, size_t size, struct http_pairs *ret_pairs);

/* The values of @name one after another: begin with *@cursor 0; NULL after the last. Broken ones are left out. */
const char *aeon__pairs_next(const struct http_pairs *pairs, const char *name, size_t *cursor);
