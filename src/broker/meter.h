/* Messages in numbers.
 *
 * DESIGN
 *   A subscription finds its series once, when it opens; those of several loops are the same, and each thread counts in cells of its own
 *   (base/metrics.h), whose addresses are kept. Labels are the broker's name in the app, the destination that was subscribed to and the handler.
 *
 *   What is published has the destination too, as far as they are few: past PUBLISHED_DESTINATIONS they count together. Answers go to
 *   inboxes, each for one asker, and count as "(reply)".
 */
#pragma once

#include "base/metrics.h"
#include "task/stopwatch.h"

struct broker_meter { /* of a subscription: its loop's thread counts here */
        metric_cell *received, *in_process, *processed, *duration;
        const aeon_metric *durations; /* the family; NULL: there is none */
        metric_cell *failed, *invalid, *retried, *dead_letters, *released;
};

/* What a message's handler begins with, and what it ends with; how many seconds it took counts if it was @handled. */
static inline uint64_t aeon__broker_handling_begins(struct broker_meter *m)
{
        aeon__cell_add(m->in_process, 1);
        return aeon__stopwatch_start();
}

static inline double aeon__broker_handling_ends(struct broker_meter *m, uint64_t begun, bool handled)
{
        double seconds = aeon__stopwatch_read(begun);
        aeon__cell_add(m->in_process, -1);
        if (handled && m->durations)
                aeon__cells_observe(m->duration, m->durations, seconds);
        return seconds;
}

enum { PUBLISHED_DESTINATIONS = 200 };

void aeon__broker_meter_find(struct broker_meter *meter, const char *broker, const char *destination, const char *handler);

struct publish_meter { /* of a destination; each is found when it is first wanted */
        metric_cell *published, *failed;
};

metric_cell *aeon__broker_publish_cell(const char *broker, const char *destination, int r);

/* A publish has ended with @r. */
static inline void aeon__broker_count_publish(struct publish_meter *meter, const char *broker, const char *destination, int r)
{
        metric_cell **cell = r < 0 ? &meter->failed : &meter->published;
        if (!*cell)
                *cell = aeon__broker_publish_cell(broker, destination, r);
        aeon__cell_add(*cell, 1);
}

/* How far a subscription is behind has changed by @change. Its series is there from the first time on. */
void aeon__broker_count_lag(const char *broker, const char *destination, const char *handler, double change);

/* A connection is there, or is not: @change 1 or -1. One that comes back is counted. */
void aeon__broker_count_connection(const char *broker, int change);
void aeon__broker_count_reconnect(const char *broker);
