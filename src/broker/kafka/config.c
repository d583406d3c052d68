/* Options in text, and the configurations of librdkafka that they make. */
#include "broker/kafka/kafka.h"

#include <aeon/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PORT = 9092, VALUE_SIZE = 64, WORDS_SIZE = 300 };

static const char *const acks_words[] = { "all", "1", "0", NULL };
static const char *const compressions[] = { "none", "gzip", "snappy", "lz4", "zstd", NULL };
static const char *const mechanisms[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER", NULL };
static const char *const assignors[] = { "range", "roundrobin", "cooperative-sticky", NULL };
static const char *const resets[] = { "earliest", "latest", NULL };
static const char *const orders[] = { "none", "key", "partition", NULL };

/* ------------------------------------------------------------------ asking */

void aeon__kafka_ask_topic(struct options *o, struct topic_options *t)
{
        t->partitions = aeon__option_number(o, "partitions", 1, 10000, t->partitions);
        t->replication = aeon__option_number(o, "replication", -1, 100, t->replication);
        t->create = aeon__option_flag(o, "create", t->create);
}

void aeon__kafka_ask_consumer(struct options *o, struct consumer_options *c)
{
        c->static_id = aeon__option_text(o, "static_id", c->static_id);
        c->assignor = aeon__option_choice(o, "assignor", assignors, c->assignor);
        c->offset_reset = aeon__option_choice(o, "offset_reset", resets, c->offset_reset);
        c->ordered = aeon__option_choice(o, "ordered", orders, c->ordered);
        c->session = aeon__option_duration(o, "session", c->session);
        c->heartbeat = aeon__option_duration(o, "heartbeat", c->heartbeat);
        c->max_poll = aeon__option_duration(o, "max_poll", c->max_poll);
        c->commit = aeon__option_duration(o, "commit", c->commit);
}

bool aeon__kafka_begins_at_end(const struct consumer_options *c)
{
        return c->offset_reset == 1;
}

static void ask_connection(struct options *o, struct kafka_options *k)
{
        k->tls_ca = aeon__option_text(o, "tls_ca", NULL);
        k->tls_cert = aeon__option_text(o, "tls_cert", NULL);
        k->tls_key = aeon__option_text(o, "tls_key", NULL);
        k->tls_verify = aeon__option_flag(o, "tls_verify", true);
        int mechanism = aeon__option_choice(o, "sasl", mechanisms, *k->url->user ? 0 : -1);
        k->sasl = mechanism < 0 ? NULL : mechanisms[mechanism];
        k->connect_timeout = aeon__option_duration(o, "connect_timeout", AEON_SECONDS(5));
        k->reconnect = aeon__option_duration(o, "reconnect", AEON_MILLISECONDS(100));
        k->reconnect_max = aeon__option_duration(o, "reconnect_max", AEON_SECONDS(10));
}

static void ask_producer(struct options *o, struct kafka_options *k)
{
        k->acks = aeon__option_choice(o, "acks", acks_words, 0);
        k->compression = aeon__option_choice(o, "compression", compressions, 0);
        k->linger = aeon__option_duration(o, "linger", 0);
        k->idempotent = aeon__option_flag(o, "idempotent", false);
        k->publish_timeout = aeon__option_duration(o, "publish_timeout", k->connect_timeout);
}

int aeon__kafka_options_read(const char *url, struct kafka_options *ret_options)
{
        struct kafka_options k = {
                .topics = { .partitions = 8, .replication = -1, .create = true },
                .consumer = { .session = AEON_SECONDS(10),
                              .heartbeat = AEON_SECONDS(1),
                              .max_poll = AEON_MINUTES(5),
                              .commit = AEON_MILLISECONDS(100) },
        };
        int r = aeon__broker_url_read(url, PORT, &k.url);
        if (r < 0)
                return r;
        struct options *o = k.url->options;
        const char *name;
        k.tls = !strcmp(k.url->scheme, "kafka+tls");
        ask_connection(o, &k);
        ask_producer(o, &k);
        aeon__kafka_ask_topic(o, &k.topics);
        k.consumer.group = aeon__option_text(o, "group", "aeon");
        aeon__kafka_ask_consumer(o, &k.consumer);
        for (size_t at = 0; aeon__option_prefixed(o, "rdkafka.", &at, &name);)
                ; /* checked by librdkafka, when it gets them */
        r = aeon__options_end(o, "broker kafka");
        if (r >= 0 && *k.url->path)
                r = aeon_fail(-EINVAL, "a Kafka URL has no path (\"/%s\"): topics are named where they are used", k.url->path);
        if (r < 0) {
                aeon__broker_url_free(k.url);
                return r;
        }
        *ret_options = k;
        return 0;
}

/* ------------------------------------------------------------------ telling librdkafka */

/* One error is kept, like that of options. */
struct conf {
        rd_kafka_conf_t *conf;
        int r;
};

static void set(struct conf *c, const char *name, const char *value)
{
        char words[WORDS_SIZE];
        if (c->r >= 0 && value && rd_kafka_conf_set(c->conf, name, value, words, sizeof words) != RD_KAFKA_CONF_OK)
                c->r = aeon_fail(-EINVAL, "rdkafka.%s: %s", name, words);
}

static void set_number(struct conf *c, const char *name, int64_t value)
{
        char text[VALUE_SIZE];
        snprintf(text, sizeof text, "%" PRId64, value);
        set(c, name, text);
}

static void set_ms(struct conf *c, const char *name, aeon_duration value)
{
        set_number(c, name, (value + 999999) / 1000000);
}

static void set_flag(struct conf *c, const char *name, bool value)
{
        set(c, name, value ? "true" : "false");
}

static void set_servers(struct conf *c, const struct broker_url *url)
{
        char servers[4096] = "";
        for (size_t i = 0; i < url->hosts_count; i++) {
                const struct broker_host *h = &url->hosts[i];
                size_t used = strlen(servers);
                bool v6 = strchr(h->name, ':');
                snprintf(servers + used, sizeof servers - used, "%s%s%s%s:%d", used ? "," : "", v6 ? "[" : "", h->name,
                         v6 ? "]" : "", h->port);
        }
        set(c, "bootstrap.servers", servers);
}

static void set_security(struct conf *c, const struct kafka_options *k)
{
        static const char *const protocols[] = { "plaintext", "ssl", "sasl_plaintext", "sasl_ssl" };
        set(c, "security.protocol", protocols[k->tls + 2 * (k->sasl != NULL)]);
        if (k->tls) {
                set(c, "ssl.ca.location", k->tls_ca);
                set(c, "ssl.certificate.location", k->tls_cert);
                set(c, "ssl.key.location", k->tls_key);
                set_flag(c, "enable.ssl.certificate.verification", k->tls_verify);
                set(c, "ssl.endpoint.identification.algorithm", k->tls_verify ? "https" : "none");
        }
        if (k->sasl) {
                set(c, "sasl.mechanism", k->sasl);
                set(c, "sasl.username", k->url->user);
                set(c, "sasl.password", k->url->password);
        }
}

static void set_common(struct conf *c, const struct kafka_options *k, const char *client)
{
        set_servers(c, k->url);
        set_security(c, k);
        set(c, "client.id", client);
        set_ms(c, "socket.connection.setup.timeout.ms",
               k->connect_timeout < AEON_SECONDS(1) ? AEON_SECONDS(1) : k->connect_timeout);
        set_ms(c, "reconnect.backoff.ms", k->reconnect);
        set_ms(c, "reconnect.backoff.max.ms", k->reconnect_max > k->reconnect ? k->reconnect_max : k->reconnect);
        set(c, "socket.nagle.disable", "true");
        set(c, "socket.keepalive.enable", "true");
        set(c, "log.queue", "true");
}

int aeon__kafka_conf_raw(rd_kafka_conf_t *conf, struct options *o)
{
        struct conf c = { conf, 0 };
        const char *name, *value;
        for (size_t at = 0; (value = aeon__option_prefixed(o, "rdkafka.", &at, &name));)
                set(&c, name, value);
        return c.r;
}

static int conclude(struct conf *c, const struct kafka_options *k, rd_kafka_conf_t **ret_conf)
{
        if (c->r >= 0)
                c->r = aeon__kafka_conf_raw(c->conf, k->url->options);
        if (c->r < 0) {
                rd_kafka_conf_destroy(c->conf);
                return c->r;
        }
        *ret_conf = c->conf;
        return 0;
}

int aeon__kafka_producer_conf(const struct kafka_options *k, const char *client, rd_kafka_conf_t **ret_conf)
{
        static const char *const acks[] = { "-1", "1", "0" };
        char linger[VALUE_SIZE];
        struct conf c = { rd_kafka_conf_new(), 0 };
        snprintf(linger, sizeof linger, "%.6f", (double)k->linger / 1e6);
        set_common(&c, k, client);
        set(&c, "request.required.acks", acks[k->acks]);
        set(&c, "queue.buffering.max.ms", linger);
        /* While so many are under way messages gather for the next. More only makes them smaller: a server takes one after the other. */
        set(&c, "max.in.flight.requests.per.connection", "5");
        set(&c, "compression.codec", compressions[k->compression]);
        set_flag(&c, "enable.idempotence", k->idempotent);
        set_ms(&c, "message.timeout.ms", k->publish_timeout > k->linger ? k->publish_timeout : k->linger + AEON_MILLISECONDS(1));
        set(&c, "partitioner", "murmur2_random");  /* the one of Java and Python: a key has one partition, whoever publishes it */
        set(&c, "message.max.bytes", "104857600"); /* the server knows its limit */
        set(&c, "allow.auto.create.topics", "false");
        set_ms(&c, "topic.metadata.propagation.max.ms",
               k->publish_timeout / 2); /* or a missing topic looks like a missing server */
        rd_kafka_conf_set_events(c.conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
        return conclude(&c, k, ret_conf);
}

int aeon__kafka_consumer_conf(const struct kafka_options *k, const struct consumer_options *o, const char *client,
                              const char *group, const char *instance, rd_kafka_conf_t **ret_conf)
{
        struct conf c = { rd_kafka_conf_new(), 0 };
        set_common(&c, k, client);
        set(&c, "group.id", group);
        set(&c, "group.instance.id", instance);
        set(&c, "partition.assignment.strategy", assignors[o->assignor]);
        set(&c, "auto.offset.reset", resets[o->offset_reset]);
        set_ms(&c, "session.timeout.ms", o->session);
        set_ms(&c, "heartbeat.interval.ms", o->heartbeat);
        set_ms(&c, "max.poll.interval.ms", o->max_poll > o->session ? o->max_poll : o->session);
        set(&c, "enable.auto.commit", "false");
        set(&c, "enable.auto.offset.store", "false");
        rd_kafka_conf_set_events(c.conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR |
                                                 RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_FETCH);
        return conclude(&c, k, ret_conf);
}
