/* See date.h. By hand, since strftime() and strptime() speak the language of the locale. */
#include "http/date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

const char *aeon__http_date_write(time_t second, char text[HTTP_DATE_SIZE])
{
        struct tm t;
        gmtime_r(&second, &t);
        snprintf(text, HTTP_DATE_SIZE, "%s, %02d %s %d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday % 100, months[t.tm_mon],
                 (t.tm_year + 1900) % 10000, t.tm_hour % 100, t.tm_min % 100, t.tm_sec % 100);
        return text;
}

static int month_of(const char *name)
{
        for (int i = 0; i < 12; i++)
                if (!strcmp(months[i], name))
                        return i;
        return -1;
}

/* Two digits of the year are of the hundred years that end 50 years from now. */
static int whole_year(int year)
{
        struct tm now;
        time_t second = time(NULL);
        gmtime_r(&second, &now);
        int this_year = now.tm_year + 1900;
        year += this_year / 100 * 100;
        return year > this_year + 50 ? year - 100 : year;
}

int aeon__http_date_read(const char *text, time_t *ret_second)
{
        struct tm t = { 0 };
        char month[4] = "";
        int year = 0, end = -1;
        if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &t.tm_mday, month, &year, &t.tm_hour, &t.tm_min,
                   &t.tm_sec, &end) < 6 ||
            end < 0) { /* not "Sun, 06 Nov 1994 08:49:37 GMT" */
                if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &t.tm_mday, month, &year, &t.tm_hour,
                           &t.tm_min, &t.tm_sec, &end) == 6 &&
                    end >= 0) /* "Sunday, 06-Nov-94 08:49:37 GMT" */
                        year = whole_year(year);
                else if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &t.tm_mday, &t.tm_hour, &t.tm_min,
                                &t.tm_sec, &year, &end) < 6 ||
                         end < 0) /* "Sun Nov  6 08:49:37 1994" */
                        return -EINVAL;
        }
        t.tm_mon = month_of(month);
        t.tm_year = year - 1900;
        if (text[end] || t.tm_mon < 0 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 ||
            t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 60 || year < 1900)
                return -EINVAL;
        *ret_second = timegm(&t);
        return 0;
}
