/* The engine of WebSockets: libwslay's frames, as the module websocket.so. See websocket.h for its place.
 *
 * DESIGN
 *   Only libwslay's frame layer is used; docs/decisions/websocket-frames.md says why. A read goes straight into its buffer.
 */
#include "http/websocket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

struct websocket_codec {
        wslay_frame_context_ptr frames;
        websocket_pull_fn *pull;
        void *arg;
        bool dry;            /* pull() had nothing */
        unsigned char *head; /* where send() writes; NULL: it has */
        size_t head_size;
};

static ssize_t receive(uint8_t *buffer, size_t size, int flags, void *arg)
{
        struct websocket_codec *c = arg;
        (void)flags;
        size_t n = c->pull(c->arg, buffer, size);
        c->dry = !n;
        return n ? (ssize_t)n : -1;
}

/* The head comes first, then the payload, which its owner sends without a copy. */
static ssize_t send(const uint8_t *data, size_t size, int flags, void *arg)
{
        struct websocket_codec *c = arg;
        (void)flags;
        if (c->head) {
                memcpy(c->head, data, size);
                c->head_size = size;
                c->head = NULL;
        }
        return (ssize_t)size;
}

static int codec_open(websocket_pull_fn *pull, void *arg, struct websocket_codec **ret_codec)
{
        const struct wslay_frame_callbacks callbacks = { .send_callback = send, .recv_callback = receive };
        struct websocket_codec *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        if (wslay_frame_context_init(&c->frames, &callbacks, c) != 0) {
                free(c);
                return -ENOMEM;
        }
        c->pull = pull;
        c->arg = arg;
        *ret_codec = c;
        return 0;
}

static void codec_free(struct websocket_codec *c)
{
        if (c)
                wslay_frame_context_free(c->frames);
        free(c);
}

static int codec_next(struct websocket_codec *c, struct websocket_piece *ret_piece)
{
        struct wslay_frame_iocb frame = { 0 };
        ssize_t n;
        c->dry = false;
        do /* what came may have been a part of a head */
                n = wslay_frame_recv(c->frames, &frame);
        while (n == WSLAY_ERR_WANT_READ && !c->dry);
        if (n < 0)
                return n == WSLAY_ERR_WANT_READ ? -EAGAIN : -EPROTO;
        *ret_piece = (struct websocket_piece){
                .opcode = frame.opcode,
                .reserved = frame.rsv,
                .fin = frame.fin,
                .masked = frame.mask,
                .size = frame.payload_length,
                .data = (const char *)frame.data,
                .count = frame.data_length,
        };
        return 0;
}

static size_t codec_head(struct websocket_codec *c, unsigned opcode, const void *data, size_t size,
                         unsigned char ret_head[WEBSOCKET_HEAD_LIMIT])
{
        struct wslay_frame_iocb frame = {
                .fin = 1,
                .opcode = (uint8_t)opcode,
                .payload_length = size,
                .data = data,
                .data_length = size,
        };
        c->head = ret_head;
        wslay_frame_send(c->frames, &frame);
        return c->head_size;
}

AEON_API extern const struct websocket_engine aeon__websocket_engine;

const struct websocket_engine aeon__websocket_engine = {
        .open = codec_open,
        .free = codec_free,
        .next = codec_next,
        .head = codec_head,
};
