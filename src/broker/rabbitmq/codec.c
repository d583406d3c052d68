/* Frames out and in; see codec.h. */
#include "broker/rabbitmq/codec.h"

#include <aeon/error.h>
#include <errno.h>
#include <stdlib.h>

enum { PAYLOAD_AT = 7, METHOD_ROOM = 8192, CONTENT_HEADER = 12, PROPERTIES_ROOM = 2048, FIELD_OVERHEAD = 8 };

/* ------------------------------------------------------------------ numbers */

static void put_number(char *to, uint64_t number, unsigned size)
{
        while (size--) {
                to[size] = (char)number;
                number >>= 8;
        }
}

static uint64_t number_at(const char *bytes, unsigned size)
{
        uint64_t number = 0;
        for (unsigned i = 0; i < size; i++)
                number = number << 8 | (unsigned char)bytes[i];
        return number;
}

uint32_t aeon__amqp_u32(const char *bytes)
{
        return (uint32_t)number_at(bytes, 4);
}

uint64_t aeon__amqp_u64(const char *bytes)
{
        return number_at(bytes, 8);
}

/* ------------------------------------------------------------------ in */

ssize_t aeon__amqp_frame(const char *bytes, size_t size, uint32_t most, struct frame *ret_frame)
{
        if (size < PAYLOAD_AT)
                return 0;
        uint8_t type = (uint8_t)bytes[0];
        size_t payload = aeon__amqp_u32(bytes + 3);
        if (type == 'A')
                return aeon_fail(-EPROTO, "the server wants another version of AMQP");
        if ((type > FRAME_BODY && type != FRAME_HEARTBEAT) || payload > most - FRAME_OVERHEAD)
                return aeon_fail(-EPROTO, "the server has sent no frame of AMQP 0-9-1 (type %u, %zu bytes)", type, payload);
        if (size < payload + FRAME_OVERHEAD)
                return 0;
        if ((unsigned char)bytes[PAYLOAD_AT + payload] != FRAME_END)
                return aeon_fail(-EPROTO, "a frame of the server does not end where it should");
        *ret_frame = (struct frame){ type, (uint16_t)number_at(bytes + 1, 2), bytes + PAYLOAD_AT, payload };
        return (ssize_t)(payload + FRAME_OVERHEAD);
}

/* ------------------------------------------------------------------ out */

/* Room for @size more bytes behind what there is. */
static char *reserve(struct text *to, size_t size)
{
        if (to->capacity - to->length < size) {
                size_t capacity = (to->capacity + size) * 2;
                char *data = realloc(to->data, capacity);
                if (!data) {
                        aeon_fail(-ENOMEM, "no memory for a frame of %zu bytes", size);
                        return NULL;
                }
                to->data = data;
                to->capacity = capacity;
        }
        return to->data + to->length;
}

/* The payload of @size bytes stands at @at + PAYLOAD_AT already. */
static void finish_frame(struct text *to, char *at, uint8_t type, uint16_t channel, size_t size)
{
        at[0] = (char)type;
        put_number(at + 1, channel, 2);
        put_number(at + 3, size, 4);
        at[PAYLOAD_AT + size] = (char)FRAME_END;
        to->length += size + FRAME_OVERHEAD;
}

int aeon__amqp_put_method(struct text *to, uint16_t channel, amqp_method_number_t method, void *arguments)
{
        char *at = reserve(to, METHOD_ROOM);
        if (!at)
                return -ENOMEM;
        put_number(at + PAYLOAD_AT, method, 4);
        amqp_bytes_t room = { METHOD_ROOM - PAYLOAD_AT - 4 - 1, at + PAYLOAD_AT + 4 };
        int size = amqp_encode_method(method, arguments, room);
        if (size < 0)
                return aeon_fail(-EINVAL, "%s: a name is longer than 255 bytes, or the arguments are too many",
                                 amqp_method_name(method));
        finish_frame(to, at, FRAME_METHOD, channel, (size_t)size + 4);
        return 0;
}

static size_t room_for(const amqp_basic_properties_t *p)
{
        size_t room = PROPERTIES_ROOM + CONTENT_HEADER + FRAME_OVERHEAD;
        for (int i = 0; i < p->headers.num_entries; i++) {
                const amqp_table_entry_t *e = &p->headers.entries[i];
                room += e->key.len + FIELD_OVERHEAD + (e->value.kind == AMQP_FIELD_KIND_UTF8 ? e->value.value.bytes.len : 8);
        }
        return room;
}

static int put_header(struct text *to, uint16_t channel, amqp_basic_properties_t *properties, size_t body, uint32_t frame_most)
{
        size_t room = room_for(properties);
        char *at = reserve(to, room);
        if (!at)
                return -ENOMEM;
        put_number(at + PAYLOAD_AT, (uint64_t)AMQP_BASIC_CLASS << 16, 4);
        put_number(at + PAYLOAD_AT + 4, body, 8);
        amqp_bytes_t rest = { room - FRAME_OVERHEAD - CONTENT_HEADER, at + PAYLOAD_AT + CONTENT_HEADER };
        int size = amqp_encode_properties(AMQP_BASIC_CLASS, properties, rest);
        if (size < 0)
                return aeon_fail(-EINVAL, "a property or the name of a header is longer than 255 bytes");
        if ((size_t)size + CONTENT_HEADER > frame_most - FRAME_OVERHEAD)
                return aeon_fail(-EMSGSIZE, "%d bytes of headers are more than the server's frames of %u hold", size, frame_most);
        finish_frame(to, at, FRAME_HEADER, channel, (size_t)size + CONTENT_HEADER);
        return 0;
}

int aeon__amqp_put_content(struct text *to, uint16_t channel, amqp_basic_properties_t *properties, const void *body, size_t size,
                           uint32_t frame_most)
{
        size_t before = to->length, most = frame_most - FRAME_OVERHEAD;
        int r = put_header(to, channel, properties, size, frame_most);
        for (size_t done = 0; r >= 0 && done < size;) {
                size_t part = size - done < most ? size - done : most;
                char *at = reserve(to, part + FRAME_OVERHEAD);
                if (at) {
                        memcpy(at + PAYLOAD_AT, (const char *)body + done, part);
                        finish_frame(to, at, FRAME_BODY, channel, part);
                        done += part;
                } else {
                        r = -ENOMEM;
                }
        }
        if (r < 0)
                to->length = before;
        return r;
}

int aeon__amqp_put_heartbeat(struct text *to)
{
        char *at = reserve(to, FRAME_OVERHEAD);
        if (!at)
                return -ENOMEM;
        finish_frame(to, at, FRAME_HEARTBEAT, 0, 0);
        return 0;
}
