/* An AMQP connection: heartbeats, and who gets which frame.
 *
 * DESIGN
 *   Heartbeats go both ways. The wire gives up a server that says nothing for two periods; the link's pulse says something for us
 *   twice a period when nothing else is sent.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH_KEPT = 1024 * 1024, POOL_PAGE = 4096 };

/* ------------------------------------------------------------------ sending */

static int send_frames(struct rabbit_connection *c, int r)
{
        if (r >= 0)
                r = aeon__wire_send(&c->wire, c->frames.data, c->frames.length);
        c->has_sent = true;
        c->frames.length = 0;
        if (c->frames.capacity > SCRATCH_KEPT)
                aeon__text_done(&c->frames);
        return r;
}

int aeon__rabbit_send(struct rabbit_connection *c, uint16_t channel, amqp_method_number_t method, void *arguments)
{
        return send_frames(c, aeon__amqp_put_method(&c->frames, channel, method, arguments));
}

int aeon__rabbit_send_publish(struct rabbit_connection *c, uint16_t channel, amqp_basic_publish_t *publish,
                              amqp_basic_properties_t *properties, const void *body, size_t size)
{
        int r = aeon__amqp_put_method(&c->frames, channel, AMQP_BASIC_PUBLISH_METHOD, publish);
        if (r >= 0)
                r = aeon__amqp_put_content(&c->frames, channel, properties, body, size, c->frame_most);
        return send_frames(c, r);
}

void aeon__rabbit_pulse(struct rabbit_connection *c)
{
        if (c->wire.up && !c->has_sent)
                (void)send_frames(c, aeon__amqp_put_heartbeat(&c->frames));
        c->has_sent = false;
}

/* ------------------------------------------------------------------ what the server refuses */

int aeon__rabbit_code(unsigned reply_code)
{
        switch (reply_code) {
        case AMQP_CONTENT_TOO_LARGE:
                return -EMSGSIZE;
        case AMQP_NO_ROUTE:
        case AMQP_NO_CONSUMERS:
        case AMQP_NOT_FOUND:
                return -ENOENT;
        case AMQP_ACCESS_REFUSED:
                return -EACCES;
        case AMQP_RESOURCE_LOCKED:
                return -EBUSY;
        case AMQP_PRECONDITION_FAILED:
        case AMQP_INVALID_PATH:
        case AMQP_NOT_ALLOWED:
        case AMQP_COMMAND_INVALID:
                return -EINVAL;
        case AMQP_CONNECTION_FORCED:
                return -ECONNRESET;
        case AMQP_RESOURCE_ERROR:
                return -ENOSPC;
        case AMQP_NOT_IMPLEMENTED:
                return -ENOTSUP;
        default:
                return -EPROTO;
        }
}

int aeon__rabbit_read_close(const amqp_connection_close_t *close)
{
        char words[NAME_SIZE];
        amqp_copy(words, close->reply_text);
        bool refused =
                close->reply_code == AMQP_NOT_ALLOWED && strstr(words, "refused"); /* the user may not use the virtual host */
        return aeon_fail(refused ? -EACCES : aeon__rabbit_code(close->reply_code), "%s", words);
}

/* ------------------------------------------------------------------ receiving */

static void note_blocked(struct rabbit_connection *c, amqp_bytes_t reason)
{
        amqp_copy(c->blocked, reason);
        if (!*c->blocked)
                strcpy(c->blocked, "for no reason that it told");
        aeon_log_warning("rabbitmq %s: the server takes no messages at present: %s", c->wire.host, c->blocked);
}

static int take_own(struct rabbit_connection *c, amqp_method_number_t method, void *arguments)
{
        int r = 0;
        switch (method) {
        case AMQP_CONNECTION_BLOCKED_METHOD:
                note_blocked(c, ((amqp_connection_blocked_t *)arguments)->reason);
                break;
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
                c->blocked[0] = '\0';
                aeon_log_info("rabbitmq %s: the server takes messages again", c->wire.host);
                break;
        case AMQP_CONNECTION_CLOSE_METHOD:
                r = aeon__rabbit_read_close(arguments);
                (void)aeon__rabbit_send(c, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &(amqp_connection_close_ok_t){ 0 });
                break;
        default:
                break; /* close-ok: it will close the connection now */
        }
        return r;
}

static int take_frame(struct rabbit_connection *c, const struct frame *frame)
{
        if (frame->type == FRAME_HEARTBEAT)
                return 0;
        if (frame->channel) {
                struct rabbit_channel *ch = frame->channel <= c->channels_count ? c->channels[frame->channel - 1] : NULL;
                return ch ? aeon__rabbit_channel_take(ch, frame) : 0;
        }
        void *arguments;
        amqp_bytes_t rest = { frame->size - 4, (void *)(uintptr_t)(frame->payload + 4) };
        recycle_amqp_pool(&c->pool);
        if (frame->type != FRAME_METHOD || frame->size < 4 ||
            amqp_decode_method(aeon__amqp_u32(frame->payload), &c->pool, rest, &arguments) < 0)
                return aeon_fail(-EPROTO, "the server has sent a method that cannot be read");
        return take_own(c, aeon__amqp_u32(frame->payload), arguments);
}

static ssize_t take(struct wire *w, const char *bytes, size_t size)
{
        struct rabbit_connection *c = w->self;
        size_t used = 0;
        struct frame frame;
        ssize_t n;
        while ((n = aeon__amqp_frame(bytes + used, size - used, c->frame_most, &frame)) > 0) {
                int r = take_frame(c, &frame);
                if (r < 0)
                        return r;
                used += (size_t)n;
        }
        return n < 0 ? n : (ssize_t)used;
}

static void lost(struct wire *w, int code, const char *words)
{
        struct rabbit_connection *c = w->self;
        c->blocked[0] = '\0';
        for (size_t i = 0; i < c->channels_count; i++)
                if (c->channels[i])
                        aeon__rabbit_channel_lost(c->channels[i], code, words);
        if (c == &c->owner->publishing)
                aeon__rabbit_routes_undeclared(&c->owner->publisher);
}

static const struct wire_protocol protocol = {
        .name = "rabbitmq",
        .greet = aeon__rabbit_greet,
        .take = take,
        .lost = lost,
};

/* ------------------------------------------------------------------ opening and closing */

static void connection_done(struct rabbit_connection *c)
{
        empty_amqp_pool(&c->pool);
        aeon__text_done(&c->frames);
        free(c->channels);
        c->channels = NULL;
        c->channels_count = 0;
}

int aeon__rabbit_connection_open(struct rabbit_connection *c, struct rabbit_link *owner, const char *role)
{
        c->owner = owner;
        c->role = role;
        c->frame_most = FRAME_MOST;
        init_amqp_pool(&c->pool, POOL_PAGE);
        c->wire.protocol = &protocol;
        c->wire.self = c;
        c->wire.link = owner->link;
        c->wire.url = owner->url;
        c->wire.secure = !strcmp(owner->url->scheme, "amqps");
        int r = aeon__wire_open(&c->wire);
        if (r < 0)
                connection_done(c);
        return r;
}

void aeon__rabbit_connection_close(struct rabbit_connection *c)
{
        amqp_connection_close_t close = { .reply_code = AMQP_REPLY_SUCCESS, .reply_text = amqp_text("bye") };
        if (c->wire.up)
                (void)aeon__rabbit_send(c, 0, AMQP_CONNECTION_CLOSE_METHOD, &close);
        aeon__wire_close(&c->wire);
        connection_done(c);
}
