/* Days and dates of the Gregorian calendar, which is taken to have been valid always. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { DAY_SECONDS = 86400 };

struct civil_date {
        int64_t year;
        int month; /* 1..12 */
        int day;   /* 1..31 */
};

static inline int64_t floor_divide(int64_t number, int64_t by)
{
        return number / by - (number % by < 0);
}

static inline bool is_leap_year(int64_t year)
{
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970-01-01. The year begins in March here, so that the leap day is its last.
 * Source: Hinnant, "chrono-compatible low-level date algorithms". */
static inline int64_t days_from_date(struct civil_date date)
{
        int64_t year = date.year - (date.month <= 2), era = floor_divide(year, 400), year_of_era = year - era * 400;
        int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
        return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static inline struct civil_date date_from_days(int64_t days)
{
        days += 719468;
        int64_t era = floor_divide(days, 146097), day_of_era = days - era * 146097;
        int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int from_march = (int)((5 * day_of_year + 2) / 153), month = from_march < 10 ? from_march + 3 : from_march - 9;
        return (struct civil_date){ .year = year_of_era + era * 400 + (month <= 2),
                                    .month = month,
                                    .day = (int)day_of_year - (153 * from_march + 2) / 5 + 1 };
}

/* 0: Sunday. */
static inline int weekday_of(int64_t days)
{
        return (int)(days + 4 - floor_divide(days + 4, 7) * 7);
}
