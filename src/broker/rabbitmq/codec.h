/* AMQP 0-9-1 on the wire: frames, methods, and what stands before a body.
 *
 * DESIGN
 *      type 1 | channel 2 | size 4 | payload ... | 0xCE           a frame; a publish is three or more:
 *      METHOD: class 2, method 2, arguments
 *      HEADER: class 2, weight 2, body size 8, properties          librabbitmq encodes and decodes arguments and encodes properties
 *      BODY:   as much of the body as a frame may hold
 *
 *   Properties that come in are read here and not by the library: it unpacks nested tables by recursion, as deep as any
 *   publisher likes, and a task's stack is small. We want texts anyway.
 *
 *   Sources: AMQP 0-9-1 specification, 2.3.5 and 4.2; rabbitmq.com/amqp-0-9-1-errata for the kinds of fields.
 */
#pragma once

#include "base/text.h"
#include "broker/driver.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <string.h>
#include <sys/types.h>

enum {
        FRAME_METHOD = 1,
        FRAME_HEADER = 2,
        FRAME_BODY = 3,
        FRAME_HEARTBEAT = 8,
        FRAME_END = 0xCE,
        FRAME_OVERHEAD = 8,
        FRAME_MOST = 131072, /* what we offer */
        NAME_MOST = 255,     /* bytes of queues, exchanges, keys and of each property */
        NAME_SIZE = NAME_MOST + 1,
};

struct frame {
        uint8_t type;
        uint16_t channel;
        const char *payload;
        size_t size;
};

/* The first frame of @bytes. Returns the bytes it takes; 0: it is not all there; -EPROTO: no frame that a server may send. */
ssize_t aeon__amqp_frame(const char *bytes, size_t size, uint32_t most, struct frame *ret_frame);

/* The numbers in a payload: big-endian. */
uint32_t aeon__amqp_u32(const char *bytes);
uint64_t aeon__amqp_u64(const char *bytes);

/* Append frames to @to. Errors: -EINVAL something does not fit (a name above 255 bytes); -ENOMEM. Then @to is as it was. */
int aeon__amqp_put_method(struct text *to, uint16_t channel, amqp_method_number_t method, void *arguments);
int aeon__amqp_put_content(struct text *to, uint16_t channel, amqp_basic_properties_t *properties, const void *body, size_t size,
                           uint32_t frame_most);
int aeon__amqp_put_heartbeat(struct text *to);

static inline amqp_bytes_t amqp_text(const char *text)
{
        return (amqp_bytes_t){ strlen(text), (void *)(uintptr_t)text };
}

/* Copy to @to of NAME_SIZE bytes, with a NUL. */
static inline const char *amqp_copy(char *to, amqp_bytes_t from)
{
        size_t size = from.len < NAME_MOST ? from.len : NAME_MOST;
        if (size)
                memcpy(to, from.bytes, size);
        to[size] = '\0';
        return to;
}

/* ------------------------------------------------------------------ properties */

/* Headers of our own, which users do not see. */
#define HEADER_ATTEMPT "x-aeon-attempt"      /* an integer: the attempt that this delivery is */
#define HEADER_DELIVERIES "x-delivery-count" /* the server's, of a quorum queue: earlier deliveries */
#define HEADER_NUMBER "x-aeon-number"        /* of a publish whose message_id is not ours; see publish.c */

/* The prefix of queues where messages wait; see delay.c. */
#define DELAY_PREFIX "aeon.delay."

struct properties {
        char content_type[NAME_SIZE], correlation_id[NAME_SIZE], reply_to[NAME_SIZE], message_id[NAME_SIZE];
        int priority;
        unsigned attempt;     /* 1 unless HEADER_ATTEMPT says more */
        unsigned losses;      /* of HEADER_DELIVERIES */
        uint64_t number;      /* of HEADER_NUMBER; 0: none */
        struct text *headers; /* packed, as in struct envelope; the caller's, emptied first */
};

/* Read what follows the body size of a HEADER frame. Values become text: numbers decimal, flags true and false; tables and arrays
 * are left out. Errors: -EPROTO, -ENOMEM. */
int aeon__amqp_read_properties(const char *bytes, size_t size, struct properties *p);
