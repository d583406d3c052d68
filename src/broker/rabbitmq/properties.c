/* The properties of a message as they come; see codec.h. */
#include "broker/rabbitmq/codec.h"

#include <aeon/error.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Bytes that are being read. What is not there is read as zeros, and remembered. */
struct cursor {
        const char *at;
        size_t left;
        bool short_of; /* more was wanted than there was */
};

static amqp_bytes_t take(struct cursor *c, size_t size)
{
        if (c->left < size) {
                c->short_of = true;
                c->left = 0;
                return (amqp_bytes_t){ 0 };
        }
        amqp_bytes_t taken = { size, (void *)(uintptr_t)c->at };
        c->at += size;
        c->left -= size;
        return taken;
}

static uint64_t take_number(struct cursor *c, unsigned size)
{
        amqp_bytes_t bytes = take(c, size);
        uint64_t number = 0;
        for (size_t i = 0; i < bytes.len; i++)
                number = number << 8 | ((unsigned char *)bytes.bytes)[i];
        return number;
}

static int64_t take_signed(struct cursor *c, unsigned size)
{
        unsigned rest = 64 - 8 * size;
        return (int64_t)(take_number(c, size) << rest) >> rest;
}

static amqp_bytes_t take_short_text(struct cursor *c)
{
        return take(c, (size_t)take_number(c, 1));
}

/* ------------------------------------------------------------------ headers */

enum { NUMBER_WORDS = 40 };

/* Returns false when @kind is no integer. */
static bool take_integer(struct cursor *c, char kind, char *words)
{
        static const struct {
                char kind;
                unsigned char size;
                bool is_signed;
        } kinds[] = { { 'b', 1, true },  { 'B', 1, false }, { 's', 2, true },  { 'u', 2, false }, { 'I', 4, true },
                      { 'i', 4, false }, { 'l', 8, true },  { 'L', 8, false }, { 'T', 8, false } };
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                if (kinds[i].kind != kind)
                        continue;
                if (kinds[i].is_signed)
                        snprintf(words, NUMBER_WORDS, "%" PRId64, take_signed(c, kinds[i].size));
                else
                        snprintf(words, NUMBER_WORDS, "%" PRIu64, take_number(c, kinds[i].size));
                return true;
        }
        return false;
}

static bool take_fraction(struct cursor *c, char kind, char *words)
{
        uint32_t bits;
        uint64_t more_bits;
        float value;
        double more_value;
        unsigned decimals;
        switch (kind) {
        case 'f':
                bits = (uint32_t)take_number(c, sizeof bits);
                memcpy(&value, &bits, sizeof value);
                snprintf(words, NUMBER_WORDS, "%.9g", (double)value);
                return true;
        case 'd':
                more_bits = take_number(c, sizeof more_bits);
                memcpy(&more_value, &more_bits, sizeof more_value);
                snprintf(words, NUMBER_WORDS, "%.17g", more_value);
                return true;
        case 'D':
                decimals = (unsigned)take_number(c, 1);
                snprintf(words, NUMBER_WORDS, "%" PRId64 "e-%u", take_signed(c, 4), decimals);
                return true;
        default:
                return false;
        }
}

/* The value of a field as text, in @number if it is none yet. False: it has no text (a table, an array). */
static bool take_value(struct cursor *c, char *number, amqp_bytes_t *ret_text)
{
        char kind = (char)take_number(c, 1);
        *ret_text = (amqp_bytes_t){ 0 };
        switch (kind) {
        case 'S':
        case 'x':
                *ret_text = take(c, (size_t)take_number(c, 4));
                return true;
        case 'F':
        case 'A':
                take(c, (size_t)take_number(c, 4));
                return false;
        case 't':
                *ret_text = amqp_text(take_number(c, 1) ? "true" : "false");
                return true;
        case 'V':
                return true;
        default:
                c->short_of = c->short_of || (!take_integer(c, kind, number) && !take_fraction(c, kind, number));
                if (!c->short_of)
                        *ret_text = amqp_text(number);
                return !c->short_of;
        }
}

static bool is_key(amqp_bytes_t key, const char *name)
{
        return key.len == strlen(name) && !strncasecmp(key.bytes, name, key.len);
}

/* The server's notes about its dead letters, of a message that waited in one of our delay queues: our doing, nobody's news. */
static bool tells_of_delay(struct cursor table)
{
        while (table.left && !table.short_of) {
                char number[NUMBER_WORDS];
                amqp_bytes_t key = take_short_text(&table), value = { 0 };
                if (take_value(&table, number, &value) && is_key(key, "x-first-death-queue"))
                        return value.len > strlen(DELAY_PREFIX) && !memcmp(value.bytes, DELAY_PREFIX, strlen(DELAY_PREFIX));
        }
        return false;
}

/* Up to a NUL: in the packed form that would be the end of it. */
static void pack(struct text *to, amqp_bytes_t bytes)
{
        aeon__text_add(to, bytes.bytes ? bytes.bytes : "", bytes.bytes ? strnlen(bytes.bytes, bytes.len) : 0);
        aeon__text_add(to, "", 1);
}

static void read_headers(struct cursor table, struct properties *p)
{
        bool delayed = tells_of_delay(table);
        char digits[NAME_SIZE];
        while (table.left && !table.short_of) {
                char number[NUMBER_WORDS];
                amqp_bytes_t key = take_short_text(&table), value = { 0 };
                if (!take_value(&table, number, &value) || !key.len || !*(char *)key.bytes)
                        continue;
                if (is_key(key, HEADER_ATTEMPT))
                        p->attempt = (unsigned)strtoul(amqp_copy(digits, value), NULL, 10);
                else if (is_key(key, HEADER_DELIVERIES))
                        p->losses = (unsigned)strtoul(amqp_copy(digits, value), NULL, 10);
                else if (is_key(key, HEADER_NUMBER))
                        p->number = strtoull(amqp_copy(digits, value), NULL, 10);
                else if (!delayed || strncasecmp(key.bytes, "x-first-death-", key.len < 14 ? key.len : 14) != 0) {
                        pack(p->headers, key);
                        pack(p->headers, value);
                }
        }
        if (p->attempt < 1)
                p->attempt = 1;
}

/* ------------------------------------------------------------------ all of them */

int aeon__amqp_read_properties(const char *bytes, size_t size, struct properties *p)
{
        struct cursor c = { bytes, size, false };
        unsigned flags = (unsigned)take_number(&c, 2);
        p->content_type[0] = p->correlation_id[0] = p->reply_to[0] = p->message_id[0] = '\0';
        p->headers->length = 0;
        p->headers->failed = false;
        p->priority = 0;
        p->attempt = 1;
        p->losses = 0;
        p->number = 0;
        if (flags & 1) /* more flags, for more properties than class basic has */
                return aeon_fail(-EPROTO, "the server has sent properties that cannot be read");
        amqp_copy(p->content_type, flags & AMQP_BASIC_CONTENT_TYPE_FLAG ? take_short_text(&c) : amqp_text(""));
        if (flags & AMQP_BASIC_CONTENT_ENCODING_FLAG)
                take_short_text(&c);
        if (flags & AMQP_BASIC_HEADERS_FLAG) {
                amqp_bytes_t table = take(&c, (size_t)take_number(&c, 4));
                read_headers((struct cursor){ table.bytes, table.len, false }, p);
        }
        if (flags & AMQP_BASIC_DELIVERY_MODE_FLAG)
                take_number(&c, 1);
        if (flags & AMQP_BASIC_PRIORITY_FLAG)
                p->priority = (int)take_number(&c, 1);
        amqp_copy(p->correlation_id, flags & AMQP_BASIC_CORRELATION_ID_FLAG ? take_short_text(&c) : amqp_text(""));
        amqp_copy(p->reply_to, flags & AMQP_BASIC_REPLY_TO_FLAG ? take_short_text(&c) : amqp_text(""));
        if (flags & AMQP_BASIC_EXPIRATION_FLAG)
                take_short_text(&c);
        amqp_copy(p->message_id, flags & AMQP_BASIC_MESSAGE_ID_FLAG ? take_short_text(&c) : amqp_text(""));
        if (c.short_of)
                return aeon_fail(-EPROTO, "the server has sent properties that end too soon");
        return p->headers->failed ? aeon_fail(-ENOMEM, "no memory for the headers of a message") : 0;
}
