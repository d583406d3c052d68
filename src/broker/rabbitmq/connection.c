/* An AMQP connection: the greeting, heartbeats, and who gets which frame.
 *
 * DESIGN
 *      us                    server
 *      "AMQP" 0 0 9 1  ->
 *                      <-    start        what it is, how one may log in
 *      start-ok        ->                 PLAIN, user and password
 *                      <-    tune         or close 403: a wrong password
 *      tune-ok, open   ->                 the smaller of both limits; the virtual host
 *                      <-    open-ok      or close 530: no such virtual host
 *
 *   Heartbeats go both ways. The wire gives up a server that says nothing for two periods; the link's pulse says something for us
 *   twice a period when nothing else is sent.
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANNELS_MOST = 2047, SCRATCH_KEPT = 1024 * 1024, GREETING_SIZE = 16384, POOL_PAGE = 4096 };

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

/* The server closes the connection, and says why. */
static int read_close(const amqp_connection_close_t *close)
{
        char words[NAME_SIZE];
        amqp_copy(words, close->reply_text);
        bool refused =
                close->reply_code == AMQP_NOT_ALLOWED && strstr(words, "refused"); /* the user may not use the virtual host */
        return aeon_fail(refused ? -EACCES : aeon__rabbit_code(close->reply_code), "%s", words);
}

/* ------------------------------------------------------------------ the greeting */

struct greeting {
        struct rabbit_connection *connection;
        char bytes[GREETING_SIZE];
        size_t size, used;
};

/* Wait for the method @wanted; @ret_arguments stand in the connection's pool. */
static int await_method(struct greeting *g, amqp_method_number_t wanted, void **ret_arguments)
{
        struct rabbit_connection *c = g->connection;
        struct frame frame;
        ssize_t used;
        memmove(g->bytes, g->bytes + g->used, g->size - g->used);
        g->size -= g->used;
        g->used = 0;
        while ((used = aeon__amqp_frame(g->bytes, g->size, sizeof g->bytes, &frame)) == 0) {
                ssize_t n = aeon_stream_read(c->wire.stream, g->bytes + g->size, sizeof g->bytes - g->size);
                if (n <= 0)
                        return n < 0 ? (int)n : aeon_fail(-ECONNRESET, "the server has closed the connection during the greeting");
                g->size += (size_t)n;
        }
        if (used < 0)
                return (int)used;
        g->used = (size_t)used;
        if (frame.type != FRAME_METHOD || frame.size < 4)
                return aeon_fail(-EPROTO, "the server does not greet as AMQP 0-9-1 says");
        amqp_method_number_t method = aeon__amqp_u32(frame.payload);
        void *arguments;
        recycle_amqp_pool(&c->pool);
        amqp_bytes_t rest = { frame.size - 4, (void *)(uintptr_t)(frame.payload + 4) };
        if (amqp_decode_method(method, &c->pool, rest, &arguments) < 0)
                return aeon_fail(-EPROTO, "the server's greeting cannot be read");
        if (method == AMQP_CONNECTION_CLOSE_METHOD)
                return read_close(arguments);
        if (method != wanted)
                return aeon_fail(-EPROTO, "the server greets with %s instead of %s", amqp_method_name(method),
                                 amqp_method_name(wanted));
        *ret_arguments = arguments;
        return 0;
}

/* Nobody but the greeting writes yet. */
static int say(struct rabbit_connection *c, amqp_method_number_t method, void *arguments)
{
        c->frames.length = 0;
        int r = aeon__amqp_put_method(&c->frames, 0, method, arguments);
        if (r >= 0)
                r = aeon_stream_write(c->wire.stream, c->frames.data, c->frames.length);
        c->frames.length = 0;
        return r;
}

static amqp_table_entry_t entry_of_text(const char *name, const char *text)
{
        return (amqp_table_entry_t){ amqp_text(name), { AMQP_FIELD_KIND_UTF8, { .bytes = amqp_text(text) } } };
}

static int say_start_ok(struct rabbit_connection *c)
{
        static const char *const can[] = { "publisher_confirms",           "basic.nack",
                                           "consumer_cancel_notify",       "connection.blocked",
                                           "authentication_failure_close", "per_consumer_qos" };
        enum { CAPABILITIES = sizeof can / sizeof *can };
        amqp_table_entry_t capabilities[CAPABILITIES];
        for (int i = 0; i < CAPABILITIES; i++)
                capabilities[i] = (amqp_table_entry_t){ amqp_text(can[i]), { AMQP_FIELD_KIND_BOOLEAN, { .boolean = 1 } } };
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%s %s", c->owner->link->name, c->role);
        amqp_table_entry_t properties[] = {
                entry_of_text("product", "Aeon"),
                entry_of_text("connection_name", name),
                { amqp_text("capabilities"), { AMQP_FIELD_KIND_TABLE, { .table = { CAPABILITIES, capabilities } } } },
        };

        const struct broker_url *url = c->owner->url;
        const char *user = *url->user ? url->user : "guest", *password = url->has_password ? url->password
                                                                         : *url->user      ? ""
                                                                                           : "guest";
        size_t size = strlen(user) + strlen(password) + 2;
        char *secret = malloc(size + 1);
        if (!secret)
                return aeon_fail(-ENOMEM, "no memory to log in");
        secret[0] = '\0';
        strcpy(stpcpy(secret + 1, user) + 1, password);
        amqp_connection_start_ok_t start = {
                .client_properties = { sizeof properties / sizeof *properties, properties },
                .mechanism = amqp_text("PLAIN"),
                .response = { size, secret },
                .locale = amqp_text("en_US"),
        };
        int r = say(c, AMQP_CONNECTION_START_OK_METHOD, &start);
        explicit_bzero(secret, size);
        free(secret);
        return r;
}

static uint32_t smaller(uint32_t ours, uint32_t theirs)
{
        return theirs && theirs < ours ? theirs : ours;
}

static int tune(struct rabbit_connection *c, const amqp_connection_tune_t *wish)
{
        uint16_t ours = (uint16_t)(c->owner->heartbeat / AEON_SECONDS(1));
        c->channels_most = (uint16_t)smaller(CHANNELS_MOST, wish->channel_max);
        c->frame_most = smaller(FRAME_MOST, wish->frame_max);
        amqp_connection_tune_ok_t tuned = {
                .channel_max = c->channels_most,
                .frame_max = c->frame_most,
                .heartbeat = ours ? (uint16_t)smaller(ours, wish->heartbeat) : 0,
        };
        c->wire.heartbeat = AEON_SECONDS(tuned.heartbeat);
        return say(c, AMQP_CONNECTION_TUNE_OK_METHOD, &tuned);
}

static int greet_with(struct greeting *g)
{
        struct rabbit_connection *c = g->connection;
        void *arguments;
        int r = aeon_stream_write(c->wire.stream, "AMQP\0\0\11\1", 8);
        if (r >= 0)
                r = await_method(g, AMQP_CONNECTION_START_METHOD, &arguments);
        if (r >= 0)
                r = say_start_ok(c);
        if (r >= 0)
                r = await_method(g, AMQP_CONNECTION_TUNE_METHOD, &arguments);
        if (r >= 0)
                r = tune(c, arguments);
        amqp_connection_open_t open = { .virtual_host = amqp_text(c->owner->vhost) };
        if (r >= 0)
                r = say(c, AMQP_CONNECTION_OPEN_METHOD, &open);
        if (r >= 0)
                r = await_method(g, AMQP_CONNECTION_OPEN_OK_METHOD, &arguments);
        return r < 0 ? r : aeon__wire_unread(&c->wire, g->bytes + g->used, g->size - g->used);
}

static int greet(struct wire *w)
{
        struct greeting *g = malloc(sizeof *g);
        if (!g)
                return aeon_fail(-ENOMEM, "no memory to greet the server");
        g->connection = w->self;
        g->size = g->used = 0;
        int r = greet_with(g);
        free(g);
        return r;
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
                r = read_close(arguments);
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
                aeon__rabbit_publisher_lost(c->owner);
}

static const struct wire_protocol protocol = {
        .name = "rabbitmq",
        .greet = greet,
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
