/* Counting messages; see meter.h. */
#include "broker/meter.h"

#include <stddef.h>

#define LABELS "broker", "destination", "handler"

AEON_COUNTER(aeon_messages_received_total, "Messages that came; one that comes again counts again.", LABELS);
AEON_COUNTER(aeon_messages_processed_total, "Messages that their handler succeeded with.", LABELS);
AEON_COUNTER(aeon_messages_failed_total, "Runs of handlers that failed.", LABELS);
AEON_COUNTER(aeon_messages_invalid_total, "Messages that did not fit, and that no handler was called for.", LABELS);
AEON_COUNTER(aeon_messages_retried_total, "Messages that were put off until later after a failure.", LABELS);
AEON_COUNTER(aeon_messages_dead_letters_total, "Messages that were given up.", LABELS);
AEON_COUNTER(aeon_messages_released_total, "Messages that went back unhandled, at a stop.", LABELS);
AEON_GAUGE(aeon_messages_in_process, "Messages whose handler runs.", LABELS);
AEON_GAUGE(aeon_messages_lag, "Messages that wait at the broker, handed out to nobody yet.", LABELS);
AEON_HISTOGRAM(aeon_message_duration_seconds, "How long a message's handler ran, with decoding.", LABELS);
AEON_GAUGE(aeon_broker_connections, "Connections to the broker that are there; 0 while it is away.", "broker");
AEON_COUNTER(aeon_broker_reconnects_total, "Connections to the broker that were lost and came back.", "broker");

void aeon__broker_meter_find(struct broker_meter *m, const char *broker, const char *destination, const char *handler)
{
        m->received = aeon_messages_received_total_series(broker, destination, handler);
        m->processed = aeon_messages_processed_total_series(broker, destination, handler);
        m->failed = aeon_messages_failed_total_series(broker, destination, handler);
        m->invalid = aeon_messages_invalid_total_series(broker, destination, handler);
        m->retried = aeon_messages_retried_total_series(broker, destination, handler);
        m->dead_letters = aeon_messages_dead_letters_total_series(broker, destination, handler);
        m->released = aeon_messages_released_total_series(broker, destination, handler);
        m->in_process = aeon_messages_in_process_series(broker, destination, handler);
        m->duration = aeon_message_duration_seconds_series(broker, destination, handler);
}

void aeon__broker_count_lag(const char *broker, const char *destination, const char *handler, double change)
{
        aeon_messages_lag_add(change, broker, destination, handler);
}

/* ------------------------------------------------------------------ publishing */

static aeon_metric *published, *unpublished;

__attribute__((constructor)) static void make_published(void)
{
        static const char *const labels[] = { "broker", "destination", NULL };
        const aeon_metric_opts opts = { .labels = labels, .max_series = PUBLISHED_DESTINATIONS };
        if (aeon_metric_open(AEON_METRIC_COUNTER, "aeon_messages_published_total", "Messages that the broker has confirmed.", &opts,
                             &published) < 0 ||
            aeon_metric_open(AEON_METRIC_COUNTER, "aeon_messages_publish_failed_total", "Messages that could not be published.",
                             &opts, &unpublished) < 0)
                published = unpublished = NULL;
}

void aeon__broker_count_publish(struct publish_meter *meter, const char *broker, const char *destination, int r)
{
        const char *const labels[] = { broker, destination };
        aeon_series **series = r < 0 ? &meter->failed : &meter->published;
        if (!*series)
                *series = aeon_metric_series(r < 0 ? unpublished : published, labels);
        aeon_series_add(*series, 1);
}

/* ------------------------------------------------------------------ connections */

void aeon__broker_count_connection(const char *broker, int change)
{
        aeon_broker_connections_add(change, broker);
}

void aeon__broker_count_reconnect(const char *broker)
{
        aeon_broker_reconnects_total_add(1, broker);
}
