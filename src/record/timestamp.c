/* Times as text: RFC 3339. */
#include "record/number.h"

#include <errno.h>
#include <string.h>

__extension__ typedef __int128 wide;

enum { DAY = 86400 };
static const int64_t SECOND = 1000000000;

/* Days from 1970-01-01 to a date of the Gregorian calendar. A year begins in March here, so that the leap day is its last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
        year -= month <= 2;
        int64_t era = (year >= 0 ? year : year - 399) / 400;
        int64_t of_era = year - era * 400;
        int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The other way. */
static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
        days += 719468;
        int64_t era = (days >= 0 ? days : days - 146096) / 146097;
        int64_t of_era = days - era * 146097;
        int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
        int64_t from_march = (5 * of_year + 2) / 153;
        *day = (unsigned)(of_year - (153 * from_march + 2) / 5 + 1);
        *month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
        *year = years + era * 400 + (*month <= 2);
}

static unsigned days_in(unsigned year, unsigned month)
{
        static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return days[month - 1] + (month == 2 && leap);
}

/* Exactly @count digits, then one of @after, or anything when that is NULL. Returns what follows them; NULL when they are not
 * there. */
static const char *read_part(const char *p, int count, const char *after, unsigned *ret_number)
{
        unsigned number = 0;
        for (; count; count--, p++) {
                if (*p < '0' || *p > '9')
                        return NULL;
                number = number * 10 + (unsigned)(*p - '0');
        }
        *ret_number = number;
        if (!after)
                return p;
        return *p && strchr(after, *p) ? p + 1 : NULL;
}

/* Digits of a second, to nanoseconds; those behind the ninth must be 0. */
static const char *read_fraction(const char *p, int64_t *ret_nanoseconds)
{
        int64_t unit = SECOND;
        const char *begin = p;
        for (; *p >= '0' && *p <= '9'; p++) {
                unit /= 10;
                *ret_nanoseconds += (*p - '0') * unit;
                if (!unit && *p != '0')
                        return NULL;
        }
        return p > begin ? p : NULL;
}

/* "Z" or "+01:30", in seconds. */
static const char *read_offset(const char *p, int64_t *ret_seconds)
{
        unsigned hours, minutes;
        if (*p == 'Z' || *p == 'z') {
                *ret_seconds = 0;
                return p + 1;
        }
        bool west = *p == '-';
        if (!west && *p != '+')
                return NULL;
        p = read_part(p + 1, 2, ":", &hours);
        p = p ? read_part(p, 2, NULL, &minutes) : NULL;
        if (!p || hours > 23 || minutes > 59)
                return NULL;
        *ret_seconds = (west ? -60 : 60) * ((int64_t)hours * 60 + minutes);
        return p;
}

int aeon__timestamp_parse(const char *text, int64_t *ret_nanoseconds)
{
        unsigned year, month, day, hour, minute, second;
        int64_t nanoseconds = 0, offset;
        const char *p = read_part(text, 4, "-", &year);
        p = p ? read_part(p, 2, "-", &month) : NULL;
        p = p ? read_part(p, 2, "Tt", &day) : NULL;
        p = p ? read_part(p, 2, ":", &hour) : NULL;
        p = p ? read_part(p, 2, ":", &minute) : NULL;
        p = p ? read_part(p, 2, NULL, &second) : NULL;
        if (p && *p == '.')
                p = read_fraction(p + 1, &nanoseconds);
        p = p ? read_offset(p, &offset) : NULL;
        if (!p || *p || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60)
                return -EINVAL;
        int64_t of_day = ((int64_t)hour * 60 + minute) * 60 + second;
        int64_t seconds = days_of(year, month, day) * DAY + of_day - offset;
        if (second == 60 && seconds % DAY != 0)
                return -EINVAL; /* leap seconds are at midnight in UTC */
        wide sum = (wide)seconds * SECOND + nanoseconds;
        if (sum > INT64_MAX || sum < INT64_MIN)
                return -ERANGE;
        *ret_nanoseconds = (int64_t)sum;
        return 0;
}

/* Exactly @count digits, then @after. Returns what follows. */
static char *put_digits(char *out, int count, uint64_t number, char after)
{
        for (int i = count; i--; number /= 10)
                out[i] = (char)('0' + number % 10);
        out[count] = after;
        return out + count + 1;
}

const char *aeon__timestamp_print(char out[NUMBER_SIZE], int64_t nanoseconds)
{
        int64_t rest = nanoseconds % SECOND, seconds = nanoseconds / SECOND, year;
        unsigned month, day;
        if (rest < 0) {
                rest += SECOND;
                seconds--;
        }
        int64_t of_day = seconds % DAY + (seconds % DAY < 0 ? DAY : 0);
        date_of((seconds - of_day) / DAY, &year, &month, &day);
        char *p = put_digits(out, 4, (uint64_t)year, '-');
        p = put_digits(p, 2, month, '-');
        p = put_digits(p, 2, day, 'T');
        p = put_digits(p, 2, (uint64_t)of_day / 3600, ':');
        p = put_digits(p, 2, (uint64_t)of_day / 60 % 60, ':');
        p = put_digits(p, 2, (uint64_t)of_day % 60, '.');
        if (rest) {
                p = put_digits(p, 9, (uint64_t)rest, '0');
                while (p[-1] == '0')
                        p--;
                p++;
        }
        p[-1] = 'Z';
        *p = '\0';
        return out;
}
