/* Cron expressions: when is the next tick?
 *
 * DESIGN
 *   Each field is a set of numbers, kept as bits. Ticks are points of UTC; the fields speak of local time. What a change of the
 *   clocks does depends on what the expression means, as in Debian's cron:
 *
 *       the minute or the hour begins with *   it means "again and again": a tick whenever the local clock shows such a time. An
 *                                              hour that is left out has no ticks, an hour that comes twice has them twice.
 *       else                                   it means "at that time of the day": one tick for each such local time. One that is
 *                                              left out ticks at the change; of one that comes twice the first counts.
 *
 *   Source: crontab(5) and cron(8) of Debian's cron 3.0pl1 (Vixie).
 */
#pragma once

#include "app/zone.h"

struct cron {
        uint64_t seconds, minutes, hours; /* bit n: n is in the set */
        uint64_t days, months, weekdays;  /* days and months from 1; Sunday is 0 */
        bool either_day;                  /* both fields of days restrict: one that fits suffices */
        bool follows_clock;               /* "again and again" */
};

/* Read "minute hour day month weekday", with six fields a second before them, or "@daily" and the like.
 * Errors: -EINVAL with the field and the position, or when no date can ever fit. */
int aeon__cron_parse(const char *text, struct cron *ret_cron);

/* The first tick after @after, in UTC seconds since 1970; INT64_MAX: there is none within a hundred years. */
int64_t aeon__cron_next(const struct cron *cron, const struct zone *zone, int64_t after);
