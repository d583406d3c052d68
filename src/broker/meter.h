/* Messages in numbers.
 *
 * DESIGN
 *   A subscription finds its series once, when it opens; those of several loops are the same, and each thread counts in cells of its own
 *   (base/metrics.h). Labels are the broker's name in the app, the destination that was subscribed to and the handler.
 *
 *   What is published has the destination too, as far as they are few: past PUBLISHED_DESTINATIONS they count together. Answers go to
 *   inboxes, each for one asker, and count as "(reply)".
 */
#pragma once

#include <aeon/metrics.h>

struct broker_meter { /* of a subscription */
        aeon_series *received, *processed, *failed, *invalid, *retried, *dead_letters, *released, *in_process, *duration;
};

enum { PUBLISHED_DESTINATIONS = 200 };

void aeon__broker_meter_find(struct broker_meter *meter, const char *broker, const char *destination, const char *handler);

struct publish_meter { /* of a destination; each is found when it is first wanted */
        aeon_series *published, *failed;
};

/* How far a subscription is behind has changed by @change. Its series is there from the first time on. */
void aeon__broker_count_lag(const char *broker, const char *destination, const char *handler, double change);

/* A publish has ended with @r. */
void aeon__broker_count_publish(struct publish_meter *meter, const char *broker, const char *destination, int r);

/* A connection is there, or is not: @change 1 or -1. One that comes back is counted. */
void aeon__broker_count_connection(const char *broker, int change);
void aeon__broker_count_reconnect(const char *broker);
