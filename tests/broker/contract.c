/* The table of drivers and the tools of the contract suite. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *memory_url(void)
{
        return "memory:";
}

static const char *sqlite_url(void)
{
        static char url[600];
        snprintf(url, sizeof url, "sqlite:%s", test_path("q.db"));
        return url;
}

/* Where scripts/servers has started the real one. */
static const char *server_url(const char *variable)
{
        const char *url = getenv(variable);
        if (!url)
                printf("%s is not set: eval \"$(scripts/servers up)\", or run scripts/test\n", variable);
        REQUIRE(url != NULL);
        return url;
}

#define SERVER(name, VARIABLE)               \
        static const char *name##_url(void)  \
        {                                    \
                return server_url(VARIABLE); \
        }
SERVER(redis, "AEON_TEST_REDIS")
SERVER(nats, "AEON_TEST_NATS")
SERVER(rabbitmq, "AEON_TEST_RABBITMQ")
SERVER(sqs, "AEON_TEST_SQS")

/* A consumer that has died is missed, and a newcomer noticed, sooner than by default. */
static const char *kafka_url(void)
{
        static char url[600];
        snprintf(url, sizeof url, "%s?session=6s&heartbeat=100ms", server_url("AEON_TEST_KAFKA"));
        return url;
}

/* clang-format off */
const struct contract contract_memory   = { "memory",   memory_url,   .has_groups = true, .has_priorities = true, .has_delays = true };
const struct contract contract_sqlite   = { "sqlite",   sqlite_url,   .has_groups = true, .has_priorities = true, .has_delays = true, .survives = true, .counting = "" };
const struct contract contract_redis    = { "redis",    redis_url,    .has_groups = true, .has_delays = true, .survives = true, .counting = "?min_idle=1s", .lease = "min_idle=1s" };
const struct contract contract_nats     = { "nats",     nats_url,     .has_groups = true, .survives = true, .counting = "?ack_wait=1s", .lease = "ack_wait=1s" };
const struct contract contract_rabbitmq = { "rabbitmq", rabbitmq_url, .has_priorities = true, .with_priorities = "?max_priority=10", .has_delays = true, .survives = true, .counting = "?type=quorum" };
const struct contract contract_kafka    = { "kafka",    kafka_url,    .has_groups = true, .survives = true, .by_partition = true, .in_order = "?partitions=1" };
const struct contract contract_sqs      = { "sqs",      sqs_url,      .has_delays = true, .survives = true, .in_order = ".fifo", .whole_seconds = true, .counting = "?visibility=1s", .lease = "visibility=2s" };
/* clang-format on */

static unsigned long test_number;
static const struct contract *row;

void contract_begin(const struct contract *k)
{
        struct timespec now;
        row = k;
        clock_gettime(CLOCK_REALTIME, &now);
        test_number = (unsigned long)now.tv_sec % 1000000 * 1000000 + (unsigned long)getpid();
}

const char *Q(const char *name)
{
        enum { NAMES = 32, SIZE = 100 };
        static char names[NAMES][SIZE];
        char wanted[SIZE];
        snprintf(wanted, sizeof wanted, "t%lu-%s", test_number, name);
        unsigned i = 0;
        while (*names[i] && strcmp(names[i], wanted))
                REQUIRE(++i < NAMES);
        return strcpy(names[i], wanted);
}

const char *Q_in_order(const char *name)
{
        static char text[200];
        snprintf(text, sizeof text, "%s%s", Q(name), row->in_order ? row->in_order : "");
        return text;
}

/* ------------------------------------------------------------------ by hand */

struct by_hand {
        const char *url;
        void (*body)(aeon_broker *b);
};

static int run_by_hand(void *arg)
{
        const struct by_hand *h = arg;
        aeon_broker *b;
        REQUIRE_INT(aeon_broker_open(h->url, &b), 0);
        h->body(b);
        aeon_broker_close(b);
        return 0;
}

void with_broker_at(const char *url, void (*body)(aeon_broker *b))
{
        CHECK_INT(aeon_loop_run(run_by_hand, &(struct by_hand){ url, body }), 0);
}

void with_broker(const struct contract *k, void (*body)(aeon_broker *b))
{
        with_broker_at(k->url(), body);
}

/* ------------------------------------------------------------------ in an app */

static const char *url_now;
static void (*declare_now)(aeon_app *app);
static void (*script_now)(aeon_app *app);

static int run_script(aeon_app *app)
{
        script_now(app);
        return aeon_app_stop(app, 0);
}

static void define(aeon_app *app)
{
        aeon_use_broker(app, url_now);
        declare_now(app);
        aeon_on_ready(app, run_script);
}

int with_app_at(const char *url, void (*declare)(aeon_app *app), void (*script)(aeon_app *app), const aeon_app_opts *opts)
{
        aeon_app_opts o = opts ? *opts : (aeon_app_opts){ 0 };
        url_now = url;
        declare_now = declare;
        script_now = script;
        o.admin = "off";
        o.quiet = getenv("AEON_LOUD") == NULL;
        o.no_signals = true;
        return aeon_app_run(define, &o);
}

int with_app(const struct contract *k, void (*declare)(aeon_app *app), void (*script)(aeon_app *app), const aeon_app_opts *opts)
{
        return with_app_at(k->url(), declare, script, opts);
}

aeon_broker_stats stats_of(aeon_app *app)
{
        aeon_broker_stats stats;
        aeon_broker_get_stats(aeon_app_broker(app), &stats);
        return stats;
}

/* ------------------------------------------------------------------ publishing and consuming */

void publish(aeon_broker *b, const char *destination, const char *text)
{
        int r = aeon_publish(b, destination, AEON_TEXT(text), NULL);
        if (r < 0)
                printf("    %s\n", aeon_error_text());
        REQUIRE_INT(r, 0);
}

aeon_consumer *consume(aeon_broker *b, const char *destination, const aeon_subscribe_opts *opts)
{
        aeon_consumer *c = NULL;
        int r = aeon_consumer_open(b, destination, opts, &c);
        if (r < 0)
                printf("    %s\n", aeon_error_text());
        REQUIRE_INT(r, 0);
        return c;
}

aeon_message *next_within(aeon_consumer *c, aeon_duration timeout)
{
        aeon_message *m = NULL;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = timeout });
        int r = aeon_consumer_next(c, &m);
        r = aeon_scope_close(&limit, r);
        return r < 0 ? NULL : m;
}

aeon_message *next(aeon_consumer *c)
{
        aeon_message *m = next_within(c, AEON_SECONDS(test_is_slow() ? 50 : 10));
        REQUIRE(m != NULL);
        return m;
}

void done(aeon_message *m)
{
        CHECK_INT(aeon_message_ack(m), 0);
        aeon_message_free(m);
}

void check_text(aeon_consumer *c, const char *expected)
{
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), expected);
        done(m);
}

void check_nothing(aeon_consumer *c)
{
        aeon_message *m = next_within(c, AEON_MILLISECONDS(100));
        if (m)
                printf("    there came \"%s\"\n", (const char *)aeon_message_body(m));
        CHECK(m == NULL);
        aeon_message_free(m);
}

const char *take_text(aeon_broker *b, const char *destination)
{
        static char text[4096];
        aeon_consumer *c = consume(b, destination, NULL);
        aeon_message *m = next_within(c, AEON_SECONDS(5));
        text[0] = '\0';
        if (m) {
                snprintf(text, sizeof text, "%s", (const char *)aeon_message_body(m));
                done(m);
        }
        aeon_consumer_close(c);
        return text;
}
