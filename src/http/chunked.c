/* Chunked bodies; see parser.h.
 *
 * DESIGN
 *   A state machine over bytes, with one short cut: data is taken as a whole stretch.
 *
 *       SIZE --;--> EXTENSION...          DATA --> DATA_CR --> DATA_LF --> SIZE
 *        |CR           |CR                 ^                        (next chunk)
 *        v             v                   |
 *       SIZE_LF -------+---- size > 0 -----+
 *           \---- size 0 --> TRAILER_START --name--> TRAILER_NAME --:--> TRAILER_VALUE --CR--> TRAILER_LF --> TRAILER_START
 *                                  \--CR--> END_LF --> DONE
 *
 *   Extensions and trailers are checked and dropped. White space around an extension's `;` and `=`, which RFC 9112 calls bad and
 *   asks nobody to send, is refused.
 */
#include "base/digits.h"
#include "http/parser.h"

#include <errno.h>

enum {
        SIZE,
        EXTENSION_START, /* after ; */
        EXTENSION_NAME,
        EXTENSION_VALUE_START, /* after = */
        EXTENSION_VALUE,
        EXTENSION_QUOTED,
        EXTENSION_ESCAPE, /* after a backslash in quotes */
        EXTENSION_END,    /* after the closing quote */
        SIZE_LF,
        DATA,
        DATA_CR,
        DATA_LF,
        TRAILER_START,
        TRAILER_NAME,
        TRAILER_VALUE,
        TRAILER_LF,
        END_LF,
        DONE,
};

enum { DIGITS_LIMIT = 15, EXTENSIONS_LIMIT = 256, TRAILERS_LIMIT = 8192 };

/* Each of the following gives the next state, or -1 for a byte that may not come. */

static int after_size(char c)
{
        return c == ';' ? EXTENSION_START : c == '\r' ? SIZE_LF : -1;
}

static int size_byte(struct http_chunked *k, char c)
{
        int digit = aeon__hex_digit(c);
        if (digit < 0)
                return k->digits ? after_size(c) : -1;
        if (++k->digits > DIGITS_LIMIT)
                return -1;
        k->left = k->left * 16 + (uint64_t)digit;
        return SIZE;
}

static int extension_byte(struct http_chunked *k, char c)
{
        bool token = aeon__http_is_token(&c, 1);
        if (++k->overhead > EXTENSIONS_LIMIT)
                return -1;
        switch (k->state) {
        case EXTENSION_START:
                return token ? EXTENSION_NAME : -1;
        case EXTENSION_NAME:
                return token ? EXTENSION_NAME : c == '=' ? EXTENSION_VALUE_START : after_size(c);
        case EXTENSION_VALUE_START:
                return token ? EXTENSION_VALUE : c == '"' ? EXTENSION_QUOTED : -1;
        case EXTENSION_VALUE:
                return token ? EXTENSION_VALUE : after_size(c);
        case EXTENSION_QUOTED:
                return c == '"'                           ? EXTENSION_END
                       : c == '\\'                        ? EXTENSION_ESCAPE
                       : aeon__http_is_field_value(&c, 1) ? EXTENSION_QUOTED
                                                          : -1;
        case EXTENSION_ESCAPE:
                return aeon__http_is_field_value(&c, 1) ? EXTENSION_QUOTED : -1;
        default:
                return after_size(c);
        }
}

static int trailer_byte(struct http_chunked *k, char c)
{
        if (++k->overhead > TRAILERS_LIMIT)
                return -1;
        switch (k->state) {
        case TRAILER_START:
                return c == '\r' ? END_LF : aeon__http_is_token(&c, 1) ? TRAILER_NAME : -1;
        case TRAILER_NAME:
                return c == ':' ? TRAILER_VALUE : aeon__http_is_token(&c, 1) ? TRAILER_NAME : -1;
        case TRAILER_VALUE:
                return c == '\r' ? TRAILER_LF : aeon__http_is_field_value(&c, 1) ? TRAILER_VALUE : -1;
        default:
                return c == '\n' ? TRAILER_START : -1;
        }
}

static int next_state(struct http_chunked *k, char c)
{
        switch (k->state) {
        case SIZE:
                return size_byte(k, c);
        case SIZE_LF:
                k->overhead = 0;
                return c != '\n' ? -1 : k->left ? DATA : TRAILER_START;
        case DATA_CR:
                return c == '\r' ? DATA_LF : -1;
        case DATA_LF:
                k->digits = 0;
                return c == '\n' ? SIZE : -1;
        case TRAILER_START:
        case TRAILER_NAME:
        case TRAILER_VALUE:
        case TRAILER_LF:
                return trailer_byte(k, c);
        case END_LF:
                return c == '\n' ? DONE : -1;
        default:
                return extension_byte(k, c);
        }
}

ssize_t aeon__http_chunked_next(struct http_chunked *k, const char *bytes, size_t size, size_t room, size_t *ret_taken)
{
        size_t at = 0;
        while (at < size && k->state != DATA && k->state != DONE) {
                int state = next_state(k, bytes[at++]);
                if (state < 0)
                        return -EBADMSG;
                k->state = (uint8_t)state;
        }
        size_t data = k->state == DATA ? size - at : 0;
        if (data > room)
                data = room;
        if (data > k->left)
                data = (size_t)k->left;
        k->left -= data;
        if (k->state == DATA && !k->left)
                k->state = DATA_CR;
        *ret_taken = at + data;
        return (ssize_t)data;
}

bool aeon__http_chunked_done(const struct http_chunked *k)
{
        return k->state == DONE;
}
