/* RabbitMQ as another client sees it: librabbitmq with its own sockets, which block. For what Aeon must not do itself (deleting queues) and
 * for what others write and read. Each call fails the test when the server refuses. */
#pragma once

#include "contract.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OTHER_CHANNEL = 1 };

static inline amqp_bytes_t text_bytes(const char *text)
{
        return amqp_cstring_bytes(text);
}

static inline void check_reply(amqp_connection_state_t other)
{
        REQUIRE_INT(amqp_get_rpc_reply(other).reply_type, AMQP_RESPONSE_NORMAL);
}

static inline amqp_connection_state_t other_open(void)
{
        const char *url = getenv("AEON_TEST_RABBITMQ");
        REQUIRE(url != NULL);
        amqp_connection_state_t other = amqp_new_connection();
        amqp_socket_t *socket = amqp_tcp_socket_new(other);
        REQUIRE_INT(amqp_socket_open(socket, "127.0.0.1", atoi(strrchr(url, ':') + 1)), AMQP_STATUS_OK);
        REQUIRE_INT(amqp_login(other, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type,
                    AMQP_RESPONSE_NORMAL);
        amqp_channel_open(other, OTHER_CHANNEL);
        check_reply(other);
        return other;
}

static inline void other_close(amqp_connection_state_t other)
{
        amqp_connection_close(other, AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(other);
}

static inline void other_delete_queue(const char *queue)
{
        amqp_connection_state_t other = other_open();
        amqp_queue_delete(other, OTHER_CHANNEL, text_bytes(queue), false, false);
        check_reply(other);
        other_close(other);
}

static inline void other_delete_exchange(const char *exchange)
{
        amqp_connection_state_t other = other_open();
        amqp_exchange_delete(other, OTHER_CHANNEL, text_bytes(exchange), false);
        check_reply(other);
        other_close(other);
}

static inline bool other_sees_queue(const char *queue)
{
        amqp_connection_state_t other = other_open();
        amqp_queue_declare(other, OTHER_CHANNEL, text_bytes(queue), true, false, false, false, amqp_empty_table);
        bool there = amqp_get_rpc_reply(other).reply_type == AMQP_RESPONSE_NORMAL;
        other_close(other);
        return there;
}

/* To a queue that is there, or is made: durable. */
static inline void other_publish(const char *queue, const amqp_basic_properties_t *properties, const char *body)
{
        amqp_connection_state_t other = other_open();
        amqp_queue_declare(other, OTHER_CHANNEL, text_bytes(queue), false, true, false, false, amqp_empty_table);
        check_reply(other);
        REQUIRE_INT(amqp_basic_publish(other, OTHER_CHANNEL, text_bytes(""), text_bytes(queue), false, false, properties,
                                       text_bytes(body)),
                    AMQP_STATUS_OK);
        other_close(other);
}

/* The first message of @queue, which must be there; in @other's memory. */
static inline amqp_message_t other_get(amqp_connection_state_t other, const char *queue)
{
        amqp_message_t message;
        REQUIRE_INT(amqp_basic_get(other, OTHER_CHANNEL, text_bytes(queue), true).reply_type, AMQP_RESPONSE_NORMAL);
        REQUIRE_INT(amqp_read_message(other, OTHER_CHANNEL, &message, 0).reply_type, AMQP_RESPONSE_NORMAL);
        return message;
}
