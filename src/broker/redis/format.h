/* What a value in Redis says: FastStream's two envelopes, or nothing but the body.
 *
 *      binary  89 'B' 'I' 'N' 0D 0A 1A 0A | u16 version 1 | u32 where the headers begin | u32 where the body begins
 *              | u16 count | count x (u16 length, name, u16 length, value) | body             big-endian, lengths in bytes
 *      json    {"data": "body", "headers": {"name": "value", ...}}
 *      none    body
 *
 * The correlation id, the address for the answer and the content type travel as headers of these names: correlation_id, reply_to,
 * content-type. Each kind is read, whatever is written. Source: FastStream 0.6, faststream/redis/parser/.
 */
#pragma once

#include "base/text.h"
#include "broker/driver.h"

enum format { FORMAT_BINARY, FORMAT_JSON, FORMAT_NONE };

extern const char *const aeon__format_names[]; /* for aeon__option_choice() */

/* Add @e as a value to @to; @attempt above 1 goes along as a header. Errors: -EINVAL this format cannot carry it; -ENOMEM. */
int aeon__format_write(struct text *to, enum format format, const struct envelope *e, unsigned attempt);

/* A value that was read: the parts of an envelope. Its texts point into the value or into one of the two below, which are used again by
 * the next read: all zeros at first. */
struct parts {
        struct envelope envelope;
        unsigned attempt; /* 1 when nothing is said */
        struct text kept, headers;
};

/* Read a value. Whatever it is, it is something. Errors: -ENOMEM. */
int aeon__format_read(struct parts *p, const char *value, size_t size);
void aeon__parts_done(struct parts *p);
