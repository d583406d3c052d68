/* Channels: calls with their replies, and messages put together from frames.
 *
 * DESIGN
 *   The server answers the calls of a channel in their order, so one who was cancelled while it waited leaves a reply behind that is not
 *   the next one's: it is counted and ignored. Opening is not waited for twice: a channel is open once we have asked for that, since the
 *   server reads in order.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <stdlib.h>

enum { BODY_KEPT = 1024 * 1024 };

int aeon__rabbit_lock(struct rabbit_channel *ch)
{
        return aeon_mutex_lock(ch->lock);
}

void aeon__rabbit_unlock(struct rabbit_channel *ch)
{
        aeon_mutex_unlock(ch->lock);
}

/* ------------------------------------------------------------------ the channel */

int aeon__rabbit_channel_init(struct rabbit_channel *ch, struct rabbit_connection *c)
{
        *ch = (struct rabbit_channel){ .connection = c };
        return aeon_mutex_new(&ch->lock);
}

void aeon__rabbit_channel_done(struct rabbit_channel *ch)
{
        if (ch->number && ch->number <= ch->connection->channels_count)
                ch->connection->channels[ch->number - 1] = NULL;
        aeon_mutex_free(ch->lock);
        aeon__text_done(&ch->header);
        aeon__text_done(&ch->body);
        *ch = (struct rabbit_channel){ 0 };
}

/* Give @ch the lowest number that is free. */
static int enter(struct rabbit_channel *ch)
{
        struct rabbit_connection *c = ch->connection;
        size_t i = 0;
        while (i < c->channels_count && c->channels[i])
                i++;
        if (i >= c->channels_most)
                return aeon_fail(-EUSERS, "the server allows no more than %u channels", c->channels_most);
        if (i == c->channels_count) {
                struct rabbit_channel **more = reallocarray(c->channels, i + 1, sizeof(struct rabbit_channel *));
                if (!more)
                        return aeon_fail(-ENOMEM, "no memory for a channel");
                c->channels = more;
                c->channels_count++;
        }
        c->channels[i] = ch;
        ch->number = (uint16_t)(i + 1);
        return 0;
}

int aeon__rabbit_channel_open(struct rabbit_channel *ch)
{
        if (ch->open)
                return 0;
        if (!ch->connection->wire.up)
                return aeon_fail(-ENOTCONN, "rabbitmq is not connected: %s", ch->connection->wire.words);
        int r = ch->number ? 0 : enter(ch);
        if (r < 0)
                return r;
        ch->open = true;
        r = aeon__rabbit_call(ch, AMQP_CHANNEL_OPEN_METHOD, &(amqp_channel_open_t){ 0 });
        return r;
}

void aeon__rabbit_channel_close(struct rabbit_channel *ch)
{
        if (!ch->open)
                return;
        amqp_channel_close_t close = { .reply_code = AMQP_REPLY_SUCCESS, .reply_text = amqp_text("bye") };
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .shield = true, .timeout = AEON_SECONDS(1), .name = "close channel" });
        (void)aeon__rabbit_call(ch, AMQP_CHANNEL_CLOSE_METHOD, &close);
        aeon_scope_close(&limit, 0);
        ch->open = false;
}

int aeon__rabbit_call(struct rabbit_channel *ch, amqp_method_number_t method, void *arguments)
{
        if (!ch->open)
                return aeon_fail(-ENOTCONN, "the channel is closed");
        int r = aeon__rabbit_send(ch->connection, ch->number, method, arguments);
        if (r < 0)
                return r;
        struct confirmation c;
        aeon__confirmation_init(&c, amqp_method_name(method));
        ch->call = &c;
        r = aeon__confirmation_wait(&c);
        ch->call = NULL;
        if (!c.here)
                ch->ignored++;
        return r;
}

/* ------------------------------------------------------------------ its end */

static void end(struct rabbit_channel *ch, int code, const char *words)
{
        bool was_open = ch->open;
        ch->open = ch->has_method = ch->has_header = false;
        ch->ignored = 0;
        if (ch->call)
                aeon__confirmation_come(ch->call, code, words);
        ch->call = NULL;
        if (was_open && ch->closed)
                ch->closed(ch, code, words);
}

void aeon__rabbit_channel_lost(struct rabbit_channel *ch, int code, const char *words)
{
        (void)code;
        end(ch, -ENOTCONN, words);
}

static void closed_by_server(struct rabbit_channel *ch, const amqp_channel_close_t *close)
{
        char words[NAME_SIZE];
        amqp_copy(words, close->reply_text);
        (void)aeon__rabbit_send(ch->connection, ch->number, AMQP_CHANNEL_CLOSE_OK_METHOD, &(amqp_channel_close_ok_t){ 0 });
        end(ch, aeon__rabbit_code(close->reply_code), words);
}

/* ------------------------------------------------------------------ methods */

static void reply(struct rabbit_channel *ch)
{
        struct confirmation *call = ch->call;
        if (ch->ignored) {
                ch->ignored--;
        } else if (call) {
                ch->call = NULL;
                aeon__confirmation_come(call, 0, NULL);
        }
}

static void begin_delivery(struct rabbit_channel *ch, const amqp_basic_deliver_t *deliver)
{
        ch->coming = (struct rabbit_content){ .tag = deliver->delivery_tag, .redelivered = deliver->redelivered };
        ch->has_method = true;
}

static void begin_return(struct rabbit_channel *ch, const amqp_basic_return_t *returned)
{
        ch->coming = (struct rabbit_content){ .reply_code = returned->reply_code };
        amqp_copy(ch->coming.words, returned->reply_text);
        ch->has_method = true;
}

static void confirmed(struct rabbit_channel *ch, uint64_t tag, bool multiple, bool taken)
{
        if (ch->confirmed)
                ch->confirmed(ch, tag, multiple, taken);
}

static void cancelled(struct rabbit_channel *ch, amqp_basic_cancel_t *cancel)
{
        if (!cancel->nowait)
                (void)aeon__rabbit_send(ch->connection, ch->number, AMQP_BASIC_CANCEL_OK_METHOD,
                                        &(amqp_basic_cancel_ok_t){ cancel->consumer_tag });
        if (ch->cancelled)
                ch->cancelled(ch);
}

static int take_method(struct rabbit_channel *ch, const struct frame *frame)
{
        void *arguments;
        amqp_method_number_t method = aeon__amqp_u32(frame->payload);
        amqp_bytes_t rest = { frame->size - 4, (void *)(uintptr_t)(frame->payload + 4) };
        amqp_pool_t *pool = &ch->connection->pool;
        recycle_amqp_pool(pool);
        if (amqp_decode_method(method, pool, rest, &arguments) < 0)
                return aeon_fail(-EPROTO, "the server has sent a method that cannot be read");
        const amqp_basic_ack_t *ack = arguments;
        const amqp_basic_nack_t *nack = arguments;
        switch (method) {
        case AMQP_BASIC_DELIVER_METHOD:
                begin_delivery(ch, arguments);
                break;
        case AMQP_BASIC_RETURN_METHOD:
                begin_return(ch, arguments);
                break;
        case AMQP_BASIC_ACK_METHOD:
                confirmed(ch, ack->delivery_tag, ack->multiple, true);
                break;
        case AMQP_BASIC_NACK_METHOD:
                confirmed(ch, nack->delivery_tag, nack->multiple, false);
                break;
        case AMQP_BASIC_CANCEL_METHOD:
                cancelled(ch, arguments);
                break;
        case AMQP_CHANNEL_CLOSE_METHOD:
                closed_by_server(ch, arguments);
                break;
        case AMQP_CHANNEL_FLOW_METHOD:
                break;
        case AMQP_QUEUE_DECLARE_OK_METHOD:
                ch->messages = ((const amqp_queue_declare_ok_t *)arguments)->message_count;
                reply(ch);
                break;
        default:
                reply(ch);
                break;
        }
        return 0;
}

/* ------------------------------------------------------------------ contents */

static void complete(struct rabbit_channel *ch, const char *body)
{
        ch->has_method = ch->has_header = false;
        ch->coming.properties = ch->header.data;
        ch->coming.properties_size = ch->header.length;
        ch->coming.body = body;
        ch->coming.size = ch->awaited;
        if (ch->content)
                ch->content(ch, &ch->coming);
        ch->header.length = ch->body.length = 0;
        if (ch->body.capacity > BODY_KEPT)
                aeon__text_done(&ch->body);
}

static int take_header(struct rabbit_channel *ch, const struct frame *frame)
{
        enum { PROPERTIES_AT = 12 };
        if (frame->size < PROPERTIES_AT)
                return aeon_fail(-EPROTO, "the server has sent a header that is too short");
        ch->awaited = aeon__amqp_u64(frame->payload + 4);
        ch->header.length = ch->body.length = 0;
        aeon__text_add(&ch->header, frame->payload + PROPERTIES_AT, frame->size - PROPERTIES_AT);
        if (ch->header.failed) {
                ch->header.failed = false;
                return aeon_fail(-ENOMEM, "no memory for a message");
        }
        ch->has_header = true;
        if (!ch->awaited)
                complete(ch, "");
        return 0;
}

static int take_body(struct rabbit_channel *ch, const struct frame *frame)
{
        if (!ch->body.length && frame->size == ch->awaited) {
                complete(ch, frame->payload);
                return 0;
        }
        aeon__text_add(&ch->body, frame->payload, frame->size);
        if (ch->body.failed || ch->body.length > ch->awaited) {
                int r = ch->body.failed ? -ENOMEM : -EPROTO;
                aeon__text_done(&ch->body);
                return aeon_fail(r, "a message of %zu bytes cannot be received", (size_t)ch->awaited);
        }
        if (ch->body.length == ch->awaited)
                complete(ch, ch->body.data);
        return 0;
}

int aeon__rabbit_channel_take(struct rabbit_channel *ch, const struct frame *frame)
{
        if (frame->type == FRAME_METHOD && frame->size >= 4)
                return take_method(ch, frame);
        if (frame->type == FRAME_HEADER && ch->has_method)
                return take_header(ch, frame);
        if (frame->type == FRAME_BODY && ch->has_header)
                return take_body(ch, frame);
        return ch->open ? aeon_fail(-EPROTO, "the server has sent frames in a wrong order") : 0;
}
