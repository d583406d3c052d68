/* The contract suite: what every broker must do, whatever driver speaks to it.
 *
 * DESIGN
 *   A CONTRACT_TEST is written once and registered once per driver of the table in contract.c, as NAME_memory, NAME_redis and so on. It gets
 *   the driver's row and asks for the URL of its broker: a real server, one for all tests (scripts/servers has started it and says
 *   where in the environment). So each test has names of its own for its destinations: Q("test") is "t4711-test".
 *
 *   What a broker cannot do by its nature stands in its row; NEEDS() ends a test that is about such a thing.
 *
 *   Tests of handlers run a whole app: `declare` says what it has, and `script` runs in a task once it is ready and ends with the app's
 *   stop.
 */
#pragma once

#include "harness.h"

#include <aeon.h>

struct contract {
        const char *name;
        const char *(*url)(void); /* the same one for the whole test */
        bool survives;            /* messages outlive the broker object */
        bool has_groups, has_priorities, has_delays;
        const char *with_priorities; /* the options of a destination that has priorities; NULL: none are needed */
        const char *in_order;        /* what is put behind a destination to have its messages in order; NULL: nothing is needed */
        bool by_partition;           /* consumers share partitions, not messages: how they do is a test of its own */
        bool whole_seconds;          /* of delays */
        const char *counting;        /* the options of a destination whose deliveries are counted; NULL: the broker counts none */
        const char *lease;           /* it lends messages for a time and counts deliveries: the option that makes the time short */
};

extern const struct contract contract_memory;
extern const struct contract contract_sqlite;
extern const struct contract contract_redis;
extern const struct contract contract_nats;
extern const struct contract contract_rabbitmq;
extern const struct contract contract_kafka;
extern const struct contract contract_sqs;

/* Begin a test on this broker: its destinations get names of their own. */
void contract_begin(const struct contract *k);

/* The name of a destination in this test. Valid until the next test. */
const char *Q(const char *name);

/* The same with the options that it needs to keep all its messages in order. */
const char *Q_in_order(const char *name);

#define NEEDS(thing)            \
        do {                    \
                if (!(thing))   \
                        return; \
        } while (0)

#define CONTRACT_ROW(test_name, row)             \
        PLAIN_TEST(test_name##_##row)            \
        {                                        \
                contract_begin(&contract_##row); \
                test_name(&contract_##row);      \
        }
#define CONTRACT_TEST(test_name)                         \
        static void test_name(const struct contract *k); \
        CONTRACT_ROW(test_name, memory)                  \
        CONTRACT_ROW(test_name, sqlite)                  \
        CONTRACT_ROW(test_name, redis)                   \
        CONTRACT_ROW(test_name, nats)                    \
        CONTRACT_ROW(test_name, rabbitmq)                \
        CONTRACT_ROW(test_name, kafka)                   \
        CONTRACT_ROW(test_name, sqs)                     \
        static void test_name(const struct contract *k)

/* Run @body in a task with a broker opened by hand. */
void with_broker(const struct contract *k, void (*body)(aeon_broker *b));

/* Run an app on the broker; returns its exit code. */
int with_app(const struct contract *k, void (*declare)(aeon_app *app), void (*script)(aeon_app *app), const aeon_app_opts *opts);

/* The same two on a broker of any URL. */
void with_broker_at(const char *url, void (*body)(aeon_broker *b));
int with_app_at(const char *url, void (*declare)(aeon_app *app), void (*script)(aeon_app *app), const aeon_app_opts *opts);

/* Wait until @condition holds, ten seconds at most, or @seconds. */
#define AWAIT(condition) AWAIT_WITHIN(10, condition)
#define AWAIT_WITHIN(seconds, condition)                                                                 \
        do {                                                                                             \
                aeon_time aeon__until = aeon_now() + AEON_SECONDS((seconds) * (test_is_slow() ? 5 : 1)); \
                while (!(condition) && aeon_now() < aeon__until)                                         \
                        (void)aeon_sleep(AEON_MILLISECONDS(1));                                          \
                REQUIRE(condition);                                                                      \
        } while (0)

aeon_broker_stats stats_of(aeon_app *app);

/* Publish a text, open a consumer; both must succeed. */
void publish(aeon_broker *b, const char *destination, const char *text);
aeon_consumer *consume(aeon_broker *b, const char *destination, const aeon_subscribe_opts *opts);

/* The next message within @timeout; NULL when none came. */
aeon_message *next_within(aeon_consumer *c, aeon_duration timeout);

/* The next message, which must come. */
aeon_message *next(aeon_consumer *c);

/* Ack and free. */
void done(aeon_message *m);

/* The next message has this body; it is acked. */
void check_text(aeon_consumer *c, const char *expected);

/* No message comes within a moment. */
void check_nothing(aeon_consumer *c);

/* One message from @destination by a consumer of its own, acked: its body as text in a static buffer, "" when none came. */
const char *take_text(aeon_broker *b, const char *destination);
