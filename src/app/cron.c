/* The next tick of a cron expression; see cron.h. */
#include "app/cron.h"

#include "app/civil.h"

enum { HORIZON_DAYS = 36525, HOUR_SECONDS = 3600, FARTHEST_OFFSET = 26 * HOUR_SECONDS };

#define NO_TICK INT64_MAX

/* ------------------------------------------------------------------ local time, as a calendar without changes of the clock */

/* The first member of @set that is at least @from; 64 when there is none. */
static int first_from(uint64_t set, int from)
{
        uint64_t rest = from < 64 ? set >> from << from : 0;
        return rest ? __builtin_ctzll(rest) : 64;
}

static bool fits_day(const struct cron *cron, int64_t days)
{
        struct civil_date date = date_from_days(days);
        if (!(cron->months >> date.month & 1))
                return false;
        bool day = cron->days >> date.day & 1, weekday = cron->weekdays >> weekday_of(days) & 1;
        return cron->either_day ? day || weekday : day && weekday;
}

/* The first time of a day at or after @from, in seconds since midnight; -1 when the day has none left. */
static int64_t next_in_day(const struct cron *cron, int64_t from)
{
        int from_hour = (int)(from / HOUR_SECONDS), from_minute = (int)(from / 60 % 60), from_second = (int)(from % 60);
        for (int hour = first_from(cron->hours, from_hour); hour < 24; hour = first_from(cron->hours, hour + 1)) {
                int least_minute = hour == from_hour ? from_minute : 0;
                for (int minute = first_from(cron->minutes, least_minute); minute < 60;
                     minute = first_from(cron->minutes, minute + 1)) {
                        bool same_minute = hour == from_hour && minute == from_minute;
                        int second = first_from(cron->seconds, same_minute ? from_second : 0);
                        if (second < 60)
                                return (hour * INT64_C(60) + minute) * 60 + second;
                }
        }
        return -1;
}

static int64_t next_local(const struct cron *cron, int64_t local)
{
        int64_t day = floor_divide(local, DAY_SECONDS), from = local - day * DAY_SECONDS;
        for (int64_t last = day + HORIZON_DAYS; day <= last; day++, from = 0) {
                int64_t in_day = fits_day(cron, day) ? next_in_day(cron, from) : -1;
                if (in_day >= 0)
                        return day * DAY_SECONDS + in_day;
        }
        return NO_TICK;
}

/* ------------------------------------------------------------------ the two meanings */

/* When the clocks first show @local; when they leave it out: the instant at which they do. */
static int64_t first_instant_of(const struct zone *zone, int64_t local)
{
        struct zone_span span = aeon__zone_span(zone, local - FARTHEST_OFFSET);
        while (local - span.offset >= span.end)
                span = aeon__zone_span(zone, span.end);
        int64_t instant = local - span.offset;
        return instant > span.begin ? instant : span.begin;
}

static int64_t next_at_time_of_day(const struct cron *cron, const struct zone *zone, int64_t after)
{
        int64_t local = after + aeon__zone_span(zone, after).offset;
        for (;;) { /* local times ascend and so do their instants; at most those of an hour that comes twice lie before @after */
                local = next_local(cron, local);
                if (local == NO_TICK)
                        return NO_TICK;
                int64_t instant = first_instant_of(zone, local);
                if (instant > after)
                        return instant;
                local++;
        }
}

static int64_t next_by_the_clock(const struct cron *cron, const struct zone *zone, int64_t after)
{
        for (int64_t from = after + 1; from - after < HORIZON_DAYS * (int64_t)DAY_SECONDS;) {
                struct zone_span span = aeon__zone_span(zone, from);
                int64_t local = next_local(cron, from + span.offset);
                if (local == NO_TICK)
                        return NO_TICK;
                if (local - span.offset < span.end)
                        return local - span.offset;
                from = span.end;
        }
        return NO_TICK;
}

int64_t aeon__cron_next(const struct cron *cron, const struct zone *zone, int64_t after)
{
        return cron->follows_clock ? next_by_the_clock(cron, zone, after) : next_at_time_of_day(cron, zone, after);
}
