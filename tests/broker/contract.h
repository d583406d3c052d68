/* The contract suite: what every broker must do, whatever driver speaks to it.
 *
 * DESIGN
 *   A CONTRACT_TEST is written once and registered once per driver of the table below, as NAME_memory, NAME_sqlite and so on. It gets
 *   the driver's row and asks for the URL of a fresh, empty broker. Tests of handlers run a whole app: `declare` says what it has, and
 *   `script` runs in a task once it is ready and ends with the app's stop.
 */
#pragma once

#include "harness.h"

#include <aeon.h>

struct contract {
        const char *name;
        const char *(*url)(void); /* of an empty broker; the same one for the whole test */
        bool survives;            /* messages outlive the broker object */
};

extern const struct contract contract_memory;
extern const struct contract contract_sqlite;

#define CONTRACT_TEST(test_name)                         \
        static void test_name(const struct contract *k); \
        PLAIN_TEST(test_name##_memory)                   \
        {                                                \
                test_name(&contract_memory);             \
        }                                                \
        PLAIN_TEST(test_name##_sqlite)                   \
        {                                                \
                test_name(&contract_sqlite);             \
        }                                                \
        static void test_name(const struct contract *k)

/* Run @body in a task with a broker opened by hand. */
void with_broker(const struct contract *k, void (*body)(aeon_broker *b));

/* Run an app on the broker; returns its exit code. */
int with_app(const struct contract *k, void (*declare)(aeon_app *app), void (*script)(aeon_app *app), const aeon_app_opts *opts);

/* Wait until @condition holds, ten seconds at most. */
#define AWAIT(condition)                                                                     \
        do {                                                                                 \
                aeon_time aeon__until = aeon_now() + AEON_SECONDS(test_is_slow() ? 50 : 10); \
                while (!(condition) && aeon_now() < aeon__until)                             \
                        (void)aeon_sleep(AEON_MILLISECONDS(1));                              \
                REQUIRE(condition);                                                          \
        } while (0)

/* The next message within @timeout; NULL when none came. */
aeon_message *next_within(aeon_consumer *c, aeon_duration timeout);

/* The next message, which must come. */
aeon_message *next(aeon_consumer *c);

/* Ack and free. */
void done(aeon_message *m);

/* One message from @destination by a consumer of its own, acked: its body as text in a static buffer, "" when none came. */
const char *take_text(aeon_broker *b, const char *destination);
