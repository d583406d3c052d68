/* Time zones by name, without the process's own TZ.
 *
 * DESIGN
 *   The C library knows one zone at a time, process-wide (TZ and tzset(), which no second thread may disturb), so the same files are
 *   read here. A zone is a row of SPANS, stretches of time with one offset from UTC:
 *
 *       ... | 2026-03-29T01:00Z .. 2026-10-25T01:00Z: +2 h | 2026-10-25T01:00Z .. : +1 h | ...
 *
 *   Up to the last change that the file lists they come from its table, after it from the rule in its last line, which is written as
 *   in TZ itself ("CET-1CEST,M3.5.0,M10.5.0/3"). Such a rule may also be given in place of a name.
 *
 *   A zone is read once and never changes; any thread may ask it.
 *   Source: RFC 8536 (TZif); POSIX, "Other Environment Variables", TZ.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct zone;

struct zone_span {
        int64_t begin, end; /* UTC seconds since 1970: [begin, end); INT64_MIN and INT64_MAX: without limit */
        int64_t offset;     /* seconds: local time is UTC plus this */
};

/* The zone @name; NULL or "": that of the process (TZ, else /etc/localtime, else UTC).
 * Errors: -ENOENT there is no such zone, or no zones at all; -EINVAL the file is damaged or of a kind that is not known; -ENOMEM. */
int aeon__zone_open(const char *name, struct zone **ret_zone);
void aeon__zone_free(struct zone *zone);

/* The span that @utc lies in. */
struct zone_span aeon__zone_span(const struct zone *zone, int64_t utc);

/* ------------------------------------------------------------------ between zone.c and zone_rule.c */

/* When a rule changes to or from daylight-saving time: a day of the year, and a time by the clock that is valid until then. */
struct zone_change {
        enum { CHANGE_WEEKDAY, CHANGE_DAY_FROM_1, CHANGE_DAY_FROM_0 } kind;
        int month, week; /* CHANGE_WEEKDAY: of month 1..12, the 1st..4th or (5) the last */
        int day;         /* weekday, 0: Sunday; else day of the year, from 1 without leap days or from 0 with them */
        int64_t time;    /* seconds after midnight; may be negative or above a day */
};

struct zone_rule {
        int64_t standard, daylight; /* offsets */
        bool has_daylight;
        struct zone_change begin, end; /* of daylight-saving time */
};

/* Read a rule as TZ holds it; false when it is none. */
bool aeon__zone_rule_parse(const char *text, struct zone_rule *ret_rule);

struct zone_span aeon__zone_rule_span(const struct zone_rule *rule, int64_t utc);
