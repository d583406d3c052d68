/* The greeting of an AMQP connection.
 *
 * DESIGN
 *      us                    server
 *      "AMQP" 0 0 9 1  ->
 *                      <-    start        what it is, how one may log in
 *      start-ok        ->                 PLAIN, user and password
 *                      <-    tune         or close 403: a wrong password
 *      tune-ok, open   ->                 the smaller of both limits; the virtual host
 *                      <-    open-ok      or close 530: no such virtual host
 */
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANNELS_MOST = 2047, GREETING_SIZE = 16384 };

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
                return aeon__rabbit_read_close(arguments);
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

int aeon__rabbit_greet(struct wire *w)
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
