/* The rules of time zones as TZ holds them, "CET-1CEST,M3.5.0,M10.5.0/3"; see zone.h. */
#include "app/zone.h"

#include "app/civil.h"

#include <string.h>

enum { HOURS_LIMIT = 167 }; /* RFC 8536 allows a week; POSIX a day */

static const char usual_changes[] =
        ",M3.2.0,M11.1.0"; /* of "EST5EDT": which dates it means is left open; these are the C library's */

/* ------------------------------------------------------------------ reading
 *
 * Each reader moves *at behind what it has read. */

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "CET", or "<+03>" in angle brackets. */
static bool read_abbreviation(const char **at)
{
        const char *p = *at;
        if (*p == '<') {
                size_t length = strspn(++p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-");
                if (!length || p[length] != '>')
                        return false;
                *at = p + length + 1;
                return true;
        }
        while (is_letter(*p))
                p++;
        bool long_enough = p - *at >= 3;
        *at = p;
        return long_enough;
}

static bool read_number(const char **at, int low, int high, int *ret_number)
{
        int number = 0, digits = 0;
        for (; **at >= '0' && **at <= '9' && digits < 4; digits++)
                number = number * 10 + (*(*at)++ - '0');
        *ret_number = number;
        return digits > 0 && number >= low && number <= high;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool read_time(const char **at, int64_t *ret_seconds)
{
        int sign = **at == '-' ? -1 : 1, hours, minutes = 0, seconds = 0;
        if (**at == '-' || **at == '+')
                (*at)++;
        if (!read_number(at, 0, HOURS_LIMIT, &hours))
                return false;
        if (**at == ':') {
                (*at)++;
                if (!read_number(at, 0, 59, &minutes))
                        return false;
                if (**at == ':') {
                        (*at)++;
                        if (!read_number(at, 0, 59, &seconds))
                                return false;
                }
        }
        *ret_seconds = sign * (hours * INT64_C(3600) + minutes * INT64_C(60) + seconds);
        return true;
}

static bool read_separated(const char **at, char separator, int low, int high, int *ret_number)
{
        if (**at != separator)
                return false;
        (*at)++;
        return read_number(at, low, high, ret_number);
}

/* ",M3.5.0", ",J60" or ",59", and perhaps "/2". */
static bool read_change(const char **at, struct zone_change *change)
{
        if (*(*at)++ != ',')
                return false;
        bool known;
        if (**at == 'M') {
                (*at)++;
                change->kind = CHANGE_WEEKDAY;
                known = read_number(at, 1, 12, &change->month) && read_separated(at, '.', 1, 5, &change->week) &&
                        read_separated(at, '.', 0, 6, &change->day);
        } else if (**at == 'J') {
                (*at)++;
                change->kind = CHANGE_DAY_FROM_1;
                known = read_number(at, 1, 365, &change->day);
        } else {
                change->kind = CHANGE_DAY_FROM_0;
                known = read_number(at, 0, 365, &change->day);
        }
        change->time = 7200;
        if (!known || **at != '/')
                return known;
        (*at)++;
        return read_time(at, &change->time);
}

bool aeon__zone_rule_parse(const char *text, struct zone_rule *ret_rule)
{
        struct zone_rule rule = { 0 };
        const char *at = text;
        if (!read_abbreviation(&at) || !read_time(&at, &rule.standard))
                return false;
        rule.standard = -rule.standard; /* written as what must be added to get UTC */
        rule.daylight = rule.standard + 3600;
        if (*at) {
                rule.has_daylight = true;
                if (!read_abbreviation(&at))
                        return false;
                if (*at && *at != ',') {
                        if (!read_time(&at, &rule.daylight))
                                return false;
                        rule.daylight = -rule.daylight;
                }
                if (!*at)
                        at = usual_changes;
                if (!read_change(&at, &rule.begin) || !read_change(&at, &rule.end) || *at)
                        return false;
        }
        *ret_rule = rule;
        return true;
}

/* ------------------------------------------------------------------ asking */

/* The change's local time in @year, in seconds since 1970. */
static int64_t change_in(const struct zone_change *change, int64_t year)
{
        int64_t new_year = days_from_date((struct civil_date){ year, 1, 1 }), day = new_year + change->day;
        if (change->kind == CHANGE_DAY_FROM_1)
                day += -1 + (is_leap_year(year) && change->day >= 60);
        if (change->kind == CHANGE_WEEKDAY) {
                int64_t first = days_from_date((struct civil_date){ year, change->month, 1 });
                int64_t next_first = change->month == 12 ? days_from_date((struct civil_date){ year + 1, 1, 1 })
                                                         : days_from_date((struct civil_date){ year, change->month + 1, 1 });
                day = first + (change->day - weekday_of(first) + 7) % 7 + INT64_C(7) * (change->week - 1);
                if (day >= next_first)
                        day -= 7;
        }
        return day * DAY_SECONDS + change->time;
}

/* Narrow @span, which @utc lies in, by a change to @offset at @at. */
static void narrow(struct zone_span *span, int64_t utc, int64_t at, int64_t offset)
{
        if (at <= utc && at >= span->begin) {
                span->begin = at;
                span->offset = offset;
        } else if (at > utc && at < span->end) {
                span->end = at;
        }
}

struct zone_span aeon__zone_rule_span(const struct zone_rule *rule, int64_t utc)
{
        struct zone_span span = { INT64_MIN, INT64_MAX, rule->standard };
        if (!rule->has_daylight)
                return span;
        int64_t year = date_from_days(floor_divide(utc + rule->standard, DAY_SECONDS)).year;
        for (int64_t y = year - 1; y <= year + 1;
             y++) { /* of two changes at one instant ("daylight-saving all year") the beginning counts */
                narrow(&span, utc, change_in(&rule->end, y) - rule->daylight, rule->standard);
                narrow(&span, utc, change_in(&rule->begin, y) - rule->standard, rule->daylight);
        }
        return span;
}
