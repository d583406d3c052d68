/* bench-raw-rabbitmq: librabbitmq. basic.consume with an ack for each message; publisher confirms; requests by direct reply-to. Queues are
 * durable and messages persistent, as ours are. */
#include "figures.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <pthread.h>
#include <semaphore.h>

enum { CHANNEL = 1, PREFETCH = 256 };

static const amqp_basic_properties_t persistent = { ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2 };

static void checked(amqp_connection_state_t c, const char *doing)
{
        amqp_rpc_reply_t r = amqp_get_rpc_reply(c);
        if (r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
                die("%s: %s", doing, amqp_error_string2(r.library_error));
        if (r.reply_type != AMQP_RESPONSE_NORMAL)
                die("%s: refused", doing);
}

static void check(int r, const char *doing)
{
        if (r != AMQP_STATUS_OK)
                die("%s: %s", doing, amqp_error_string2(r));
}

static amqp_bytes_t name(void)
{
        return amqp_cstring_bytes(bench.name);
}

static amqp_bytes_t body(void)
{
        return (amqp_bytes_t){ BODY, (void *)(uintptr_t)bench_body() };
}

static amqp_connection_state_t dial(void)
{
        amqp_connection_state_t c = amqp_new_connection();
        amqp_socket_t *socket = amqp_tcp_socket_new(c);
        check(amqp_socket_open(socket, bench.host, bench.port), "connect");
        amqp_rpc_reply_t r = amqp_login(c, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
        if (r.reply_type != AMQP_RESPONSE_NORMAL)
                die("login");
        amqp_channel_open(c, CHANNEL);
        checked(c, "channel");
        amqp_queue_declare(c, CHANNEL, name(), 0, 1, 0, 0, amqp_empty_table);
        checked(c, "queue");
        return c;
}

static void hang_up(amqp_connection_state_t c)
{
        amqp_connection_close(c, AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(c);
}

static void publish_one(amqp_connection_state_t c)
{
        check(amqp_basic_publish(c, CHANNEL, amqp_empty_bytes, name(), 1, 0, &persistent, body()), "publish");
}

/* Wait for a confirmation: of one message, or of all up to it. @done[tag] says which are; returns how many without a gap. */
static long confirmed_up_to(amqp_connection_state_t c, bool *done, long confirmed)
{
        amqp_frame_t frame;
        check(amqp_simple_wait_frame(c, &frame), "confirmation");
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
                die("no confirmation but 0x%x", (unsigned)frame.payload.method.id);
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        long tag = (long)ack->delivery_tag;
        if (tag < 1 || tag > bench.count)
                die("a confirmation of %ld", tag);
        done[tag] = true;
        if (ack->multiple && tag > confirmed)
                confirmed = tag;
        while (confirmed < bench.count && done[confirmed + 1])
                confirmed++;
        amqp_maybe_release_buffers_on_channel(c, CHANNEL);
        return confirmed;
}

static void publish(amqp_connection_state_t c, long at_once)
{
        bool *done = calloc((size_t)bench.count + 1, sizeof *done);
        long sent = 0, confirmed = 0;
        must(done ? 0 : -ENOMEM, "confirmations");
        amqp_confirm_select(c, CHANNEL);
        checked(c, "confirm.select");
        while (confirmed < bench.count) {
                while (sent < bench.count && sent - confirmed < at_once)
                        publish_one(c), sent++;
                confirmed = confirmed_up_to(c, done, confirmed);
        }
        free(done);
}

static void take(amqp_connection_state_t c, amqp_envelope_t *e)
{
        amqp_maybe_release_buffers(c);
        amqp_rpc_reply_t r = amqp_consume_message(c, e, NULL, 0);
        if (r.reply_type != AMQP_RESPONSE_NORMAL)
                die("consume: %s",
                    r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? amqp_error_string2(r.library_error) : "refused");
        bench_look(e->message.body.bytes, e->message.body.len);
}

static void subscribe(amqp_connection_state_t c, amqp_bytes_t queue, bool no_ack)
{
        amqp_basic_qos(c, CHANNEL, 0, PREFETCH, 0);
        checked(c, "qos");
        amqp_basic_consume(c, CHANNEL, queue, amqp_empty_bytes, 0, no_ack, 0, amqp_empty_table);
        checked(c, "consume");
}

static void consume(void)
{
        bench_prepare();
        amqp_connection_state_t c = dial();
        subscribe(c, name(), false);
        for (long i = 0; i < bench.count; i++) {
                amqp_envelope_t e;
                take(c, &e);
                if (i == 0)
                        bench_begin();
                check(amqp_basic_ack(c, CHANNEL, e.delivery_tag, 0), "ack");
                amqp_destroy_envelope(&e);
        }
        amqp_channel_close(c, CHANNEL, AMQP_REPLY_SUCCESS); /* answered behind the acks */
        bench_end();
        hang_up(c);
}

/* ------------------------------------------------------------------ request and reply */

static sem_t listening;

static void *answer_all(void *arg)
{
        amqp_connection_state_t c = dial();
        (void)arg;
        subscribe(c, name(), false);
        sem_post(&listening);
        for (long i = 0; i < bench.count; i++) {
                amqp_envelope_t e;
                take(c, &e);
                const amqp_basic_properties_t *asked = &e.message.properties;
                const amqp_basic_properties_t p = { ._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                                    .correlation_id = asked->correlation_id };
                check(amqp_basic_publish(c, CHANNEL, amqp_empty_bytes, asked->reply_to, 0, 0, &p, e.message.body), "answer");
                check(amqp_basic_ack(c, CHANNEL, e.delivery_tag, 0), "ack");
                amqp_destroy_envelope(&e);
        }
        hang_up(c);
        return NULL;
}

static void ask(amqp_connection_state_t c, long number)
{
        char id[32];
        snprintf(id, sizeof id, "%ld", number);
        const amqp_basic_properties_t p = { ._flags = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG,
                                            .correlation_id = amqp_cstring_bytes(id),
                                            .reply_to = amqp_cstring_bytes("amq.rabbitmq.reply-to") };
        check(amqp_basic_publish(c, CHANNEL, amqp_empty_bytes, name(), 0, 0, &p, body()), "request");
}

static void request(void)
{
        pthread_t other;
        sem_init(&listening, 0, 0);
        must(-pthread_create(&other, NULL, answer_all, NULL), "thread");
        sem_wait(&listening);
        amqp_connection_state_t c = dial();
        subscribe(c, amqp_cstring_bytes("amq.rabbitmq.reply-to"), true);
        bench_begin();
        long sent = 0;
        while (sent < bench.at_once)
                ask(c, sent++);
        for (long answered = 0; answered < bench.count; answered++) {
                amqp_envelope_t e;
                take(c, &e);
                amqp_destroy_envelope(&e);
                if (sent < bench.count)
                        ask(c, sent++);
        }
        bench_end();
        pthread_join(other, NULL);
        hang_up(c);
}

int main(int argc, char **argv)
{
        bench_arguments(argc, argv);
        bench_address();
        if (bench_mode("request")) {
                request();
                return 0;
        }
        amqp_connection_state_t c = dial();
        if (bench_mode("consume")) {
                publish(c, 4096);
                hang_up(c);
                consume();
        } else if (bench_mode("publish")) {
                bench_begin();
                publish(c, bench.at_once);
                bench_end();
                hang_up(c);
        } else {
                die("no such mode");
        }
        return 0;
}
