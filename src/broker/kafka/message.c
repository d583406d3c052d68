/* Messages on their way from and to Kafka.
 *
 *      ours                 Kafka's, and FastStream's
 *      -------------------  --------------------------
 *      body                 value
 *      header x-key         key
 *      content type         header content-type
 *      correlation id       header correlation_id
 *      reply to             header reply_to
 *      other headers        headers
 *      id                   "PARTITION-OFFSET"
 */
#include "base/digits.h"
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STACK_SIZE = 1024 };

#define KEY_HEADER "x-key"

/* ------------------------------------------------------------------ in */

/* The ones that have a place of their own in an envelope. */
static const char **place_of(struct envelope *e, const char *name)
{
        if (!strcmp(name, "content-type"))
                return &e->content_type;
        if (!strcmp(name, "correlation_id"))
                return &e->correlation_id;
        if (!strcmp(name, "reply_to"))
                return &e->reply_to;
        return NULL;
}

/* Texts of a header: librdkafka has put a NUL behind each value. */
static size_t add(char *to, const char *name, const char *value)
{
        size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
        if (to) {
                memcpy(to, name, name_size);
                memcpy(to + name_size, value, value_size);
        }
        return name_size + value_size;
}

/* The packed headers, to @to unless that is NULL, and what has a place of its own to @e. Returns their size. */
static size_t pack(const rd_kafka_headers_t *headers, const char *key, struct envelope *e, char *to)
{
        const char *name;
        const void *value;
        size_t size = 0, length;
        for (size_t i = 0; headers && rd_kafka_header_get_all(headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR;
             i++) {
                const char **place = place_of(e, name), *text = value ? value : "";
                if (place)
                        *place = text;
                else if (*name && strcasecmp(name, KEY_HEADER))
                        size += add(to ? to + size : NULL, name, text);
        }
        return key ? size + add(to ? to + size : NULL, KEY_HEADER, key) : size;
}

static void write_id(const rd_kafka_message_t *m, char *id)
{
        id = aeon__digits_write(id, (uint32_t)m->partition);
        *id++ = '-';
        *aeon__digits_write(id, (uint64_t)m->offset) = '\0';
}

struct aeon_message *aeon__kafka_message_in(const char *destination, rd_kafka_message_t *m)
{
        char id[48], small[STACK_SIZE], small_key[STACK_SIZE], *packed = small, *key = NULL;
        rd_kafka_headers_t *headers = NULL;
        struct envelope e = {
                .destination = destination,
                .options = "",
                .id = id,
                .content_type = "",
                .reply_to = "",
                .correlation_id = "",
                .body = m->payload ? m->payload : "",
                .size = m->len,
        };
        write_id(m, id);
        if (m->key && m->key_len < sizeof small_key && !memchr(m->key, '\0', m->key_len)) {
                key = small_key;
                memcpy(key, m->key, m->key_len);
                key[m->key_len] = '\0';
        }
        if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
                headers = NULL;
        e.headers_size = pack(headers, key, &e, NULL);
        if (e.headers_size > sizeof small)
                packed = malloc(e.headers_size);
        if (!packed)
                return NULL;
        pack(headers, key, &e, packed);
        e.headers = packed;
        struct aeon_message *message = aeon__message_new(&e);
        if (packed != small)
                free(packed);
        return message;
}

/* ------------------------------------------------------------------ out */

static void put(rd_kafka_headers_t *headers, const char *name, const char *value)
{
        if (*value)
                rd_kafka_header_add(headers, name, -1, value, -1);
}

int aeon__kafka_headers_out(const struct envelope *e, rd_kafka_headers_t **ret_headers, const char **ret_key)
{
        const char *key = NULL;
        *ret_headers = NULL;
        *ret_key = NULL;
        if (!e->headers_size && !*e->content_type && !*e->correlation_id && !*e->reply_to)
                return 0;
        rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
        if (!headers)
                return aeon_fail(-ENOMEM, "no memory for headers");
        put(headers, "content-type", e->content_type);
        put(headers, "correlation_id", e->correlation_id);
        put(headers, "reply_to", e->reply_to);
        for (const char *at = e->headers, *end = at + e->headers_size; at < end;) {
                const char *value = at + strlen(at) + 1;
                if (!strcasecmp(at, KEY_HEADER))
                        key = value;
                else
                        rd_kafka_header_add(headers, at, -1, value, -1);
                at = value + strlen(value) + 1;
        }
        *ret_headers = headers;
        *ret_key = key;
        return 0;
}
