/* Cron expressions and the time zones that they are read in. */
#include "harness.h"

#include "app/cron.h"

#include <aeon/error.h>
#include <aeon/periodic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the next tick */

static int64_t instant(const char *text)
{
        struct tm tm = { 0 };
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        REQUIRE(end && !*end);
        return timegm(&tm);
}

static const char *text_of(int64_t instant)
{
        static char text[32];
        time_t t = (time_t)instant;
        struct tm tm;
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
        return text;
}

/* The results were found by trying every minute with Python's zoneinfo, which shares no code with what is tested. */
static const struct {
        const char *cron, *zone, *after, *next;
} ticks[] = {
        /* Each kind of field, in UTC. */
        { "* * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z" },
        { "* * * * *", "UTC", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z" },
        { "30 * * * *", "UTC", "2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z" },
        { "*/15 * * * *", "UTC", "2026-01-01T00:31:00Z", "2026-01-01T00:45:00Z" },
        { "7/20 * * * *", "UTC", "2026-01-01T00:28:00Z", "2026-01-01T00:47:00Z" },
        { "10-30/10 * * * *", "UTC", "2026-01-01T00:30:00Z", "2026-01-01T01:10:00Z" },
        { "5,35 8-10 * * *", "UTC", "2026-01-01T10:35:00Z", "2026-01-02T08:05:00Z" },
        { "0 0 * * *", "UTC", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z" },
        { "0 */6 * * *", "UTC", "2026-01-01T18:00:00Z", "2026-01-02T00:00:00Z" },
        { "59 23 31 12 *", "UTC", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z" },
        { "0 9 * * MON-FRI", "UTC", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z" },
        { "0 9 * * mon,wed", "UTC", "2026-01-05T09:00:00Z", "2026-01-07T09:00:00Z" },
        { "0 9 * * 0", "UTC", "2026-01-05T09:00:00Z", "2026-01-11T09:00:00Z" },
        { "0 9 * * 7", "UTC", "2026-01-05T09:00:00Z", "2026-01-11T09:00:00Z" },
        { "0 9 * * FRI-SUN", "UTC", "2026-01-04T09:00:00Z", "2026-01-09T09:00:00Z" },
        { "0 9 * * 5-7", "UTC", "2026-01-03T09:00:00Z", "2026-01-04T09:00:00Z" },
        { "0 9 * * SUN-SUN", "UTC", "2026-01-05T00:00:00Z", "2026-01-11T09:00:00Z" },
        { "0 0 1 * *", "UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z" },
        { "0 0 31 * *", "UTC", "2026-04-01T00:00:00Z", "2026-05-31T00:00:00Z" },
        { "0 0 30 JAN-MAR *", "UTC", "2026-01-30T00:00:00Z", "2026-03-30T00:00:00Z" },
        { "0 0 1 JAN,JUL *", "UTC", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z" },
        { "0 0 1 */5 *", "UTC", "2026-06-15T00:00:00Z", "2026-11-01T00:00:00Z" },
        { "30 4 1,15 * FRI", "UTC", "2026-01-01T05:00:00Z", "2026-01-02T04:30:00Z" },
        { "30 4 1,15 * FRI", "UTC", "2026-01-09T05:00:00Z", "2026-01-15T04:30:00Z" },
        { "30 4 13 * */5", "UTC", "2026-01-01T00:00:00Z", "2026-02-13T04:30:00Z" },
        { "30 4 */2 * MON", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T04:30:00Z" },
        /* Leap days: 2100 has none. */
        { "0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z" },
        { "0 0 29 2 *", "UTC", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z" },
        { "0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z" },
        { "0 0 28-31 2 *", "UTC", "2027-02-28T00:00:00Z", "2028-02-28T00:00:00Z" },
        { "0 0 29 FEB MON", "UTC", "2027-02-22T00:00:00Z", "2028-02-07T00:00:00Z" },
        /* Names for rows of fields. */
        { "@yearly", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z" },
        { "@annually", "UTC", "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z" },
        { "@monthly", "UTC", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z" },
        { "@weekly", "UTC", "2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z" },
        { "@daily", "UTC", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z" },
        { "@midnight", "UTC", "2026-02-28T00:00:01Z", "2026-03-01T00:00:00Z" },
        { "@hourly", "UTC", "2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z" },
        { "@Daily", "Asia/Kolkata", "2026-01-01T18:30:00Z", "2026-01-02T18:30:00Z" },
        /* With seconds. */
        { "*/10 * * * * *", "UTC", "2026-01-01T00:00:50Z", "2026-01-01T00:01:00Z" },
        { "30 59 23 * * *", "UTC", "2026-01-01T23:59:30Z", "2026-01-02T23:59:30Z" },
        { "15,45 * * * * *", "UTC", "2026-01-01T00:00:15Z", "2026-01-01T00:00:45Z" },
        /* Offsets that are no whole hours, days that differ from those of UTC. */
        { "0 12 * * *", "Asia/Kathmandu", "2026-01-01T06:15:00Z", "2026-01-02T06:15:00Z" },
        { "0 0 1 1 *", "Pacific/Kiritimati", "2026-06-01T00:00:00Z", "2026-12-31T10:00:00Z" },
        { "0 0 1 1 *", "Pacific/Pago_Pago", "2026-06-01T00:00:00Z", "2027-01-01T11:00:00Z" },
        { "0 9 * * SUN", "Pacific/Auckland", "2026-01-03T19:59:00Z", "2026-01-03T20:00:00Z" },
        /* Berlin, 2026-03-29: after 01:59:59 comes 03:00:00. A time of the day that is left out ticks at the change. */
        { "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z" },
        { "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z" },
        { "0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z" },
        { "0 2,3 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z" },
        { "0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z" },
        { "59 1 * * *", "Europe/Berlin", "2026-03-29T00:58:00Z", "2026-03-29T00:59:00Z" },
        { "30 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z" },
        /* What follows the clock has no ticks in an hour that is left out. */
        { "30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z" },
        { "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z" },
        { "*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:00:00Z" },
        { "0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z" },
        /* Berlin, 2026-10-25: after 02:59:59 comes 02:00:00 again. A time of the day counts once, the first time. */
        { "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z" },
        { "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z" },
        { "0 2,3 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z" },
        { "15,45 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-26T01:15:00Z" },
        { "0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00Z" },
        /* What follows the clock ticks in both. */
        { "30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z" },
        { "*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z" },
        { "*/30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-26T01:00:00Z" },
        { "* * * * *", "Europe/Berlin", "2026-10-25T00:59:30Z", "2026-10-25T01:00:00Z" },
        /* New York, and Dublin, whose winter time is the exception by its own law. */
        { "30 2 * * *", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z" },
        { "30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z" },
        { "*/30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z" },
        { "30 1 * * *", "Europe/Dublin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z" },
        { "30 1 * * *", "Europe/Dublin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z" },
        /* A change of half an hour, one of two hours, one at midnight, one over midnight, and a whole day that was left out. */
        { "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z" },
        { "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z" },
        { "30 2 * * *", "Antarctica/Troll", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z" },
        { "30 2 * * *", "Antarctica/Troll", "2026-10-25T00:30:00Z", "2026-10-26T02:30:00Z" },
        { "0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z" },
        { "30 23 * * *", "America/Sao_Paulo", "2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z" },
        { "30 23 * * SAT", "America/Nuuk", "2024-03-30T12:00:00Z", "2024-03-31T01:00:00Z" },
        { "0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00Z" },
        { "0 12 * * *", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z" },
        /* After the last change in the zone's table its rule decides. */
        { "30 2 * * *", "Europe/Berlin", "2090-03-25T12:00:00Z", "2090-03-26T01:00:00Z" },
        { "30 2 * * *", "Europe/Berlin", "2090-10-28T12:00:00Z", "2090-10-29T00:30:00Z" },
        { "30 2 * * *", "America/New_York", "2090-03-11T12:00:00Z", "2090-03-12T07:00:00Z" },
        { "30 1 * * *", "Australia/Lord_Howe", "2090-04-01T12:00:00Z", "2090-04-01T14:30:00Z" },
        { "*/30 * * * *", "Africa/Casablanca", "2026-02-15T01:30:00Z", "2026-02-15T02:00:00Z" },
};

PLAIN_TEST(each_expression_ticks_when_it_should)
{
        for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
                struct cron cron;
                struct zone *zone = NULL;
                REQUIRE_INT(aeon__cron_parse(ticks[i].cron, &cron), 0);
                REQUIRE_INT(aeon__zone_open(ticks[i].zone, &zone), 0);
                const char *next = text_of(aeon__cron_next(&cron, zone, instant(ticks[i].after)));
                if (!CHECK_STR(next, ticks[i].next))
                        fprintf(stderr, "    \"%s\" in %s after %s\n", ticks[i].cron, ticks[i].zone, ticks[i].after);
                aeon__zone_free(zone);
        }
}

/* How many ticks lie in [@from, @to). */
static int count(const char *text, const char *zone_name, const char *from, const char *to)
{
        struct cron cron;
        struct zone *zone = NULL;
        int number = 0;
        REQUIRE_INT(aeon__cron_parse(text, &cron), 0);
        REQUIRE_INT(aeon__zone_open(zone_name, &zone), 0);
        for (int64_t t = instant(from) - 1; (t = aeon__cron_next(&cron, zone, t)) < instant(to);)
                number++;
        aeon__zone_free(zone);
        return number;
}

/* 24 hours of Berlin's calendar are 23 in March, and 25 in October. */
PLAIN_TEST(what_follows_the_clock_ticks_at_an_even_rate_and_what_is_daily_once_a_day)
{
        CHECK_INT(count("*/5 * * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), 23 * 12);
        CHECK_INT(count("*/5 * * * *", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), 25 * 12);
        CHECK_INT(count("30 2 * * *", "Europe/Berlin", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"), 365);
        CHECK_INT(count("30 2 * * *", "Antarctica/Troll", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), 365);
        CHECK_INT(count("0 0 * * *", "America/Sao_Paulo", "2018-01-01T02:00:00Z", "2019-01-01T02:00:00Z"), 365);
}

/* ------------------------------------------------------------------ what is refused */

static const struct {
        const char *cron, *words;
} refused[] = {
        { "", "it has 0 fields, not five" },
        { "* * * *", "it has 4 fields, not five" },
        { "* * * * * * *", "it has 7 fields, not five (or six, with seconds first)" },
        { "60 * * * *", "minute, at position 1: 60 is not within 0 and 59" },
        { "0 24 * * *", "hour, at position 3: 24 is not within 0 and 23" },
        { "0 0 0 * *", "day of the month, at position 5: 0 is not within 1 and 31" },
        { "0 0 1,32 * *", "day of the month, at position 7: 32 is not within 1 and 31" },
        { "0 0 * 13 *", "month, at position 7: 13 is not within 1 and 12" },
        { "0 0 * * 8", "day of the week, at position 9: 8 is not within 0 and 7" },
        { "60 * * * * *", "second, at position 1: 60 is not within 0 and 59" },
        { "0  0  *  *  MOND", "day of the week, at position 13: \"MOND\" is not a number or a name" },
        { "0 0 * * JAN", "\"JAN\" is not a number or a name" },
        { "0 MON * * *", "hour, at position 3: \"MON\" is not a number" },
        { "99999999999999999999 * * * *", "minute, at position 1: 99999999999999999999 is not within" },
        { "-1 * * * *", "minute, at position 1: a value is missing" },
        { "0 1- * * *", "hour, at position 5: a value is missing" },
        { "0 1,,2 * * *", "hour, at position 5: a value is missing" },
        { "0 1, * * *", "hour, at position 5: a value is missing" },
        { "0 22-2 * * *", "hour, at position 3: the range 22-2 runs backwards" },
        { "*/0 * * * *", "minute, at position 3: a step must be a number from 1 to 59" },
        { "*/60 * * * *", "minute, at position 3: a step must be a number from 1 to 59" },
        { "*/x * * * *", "minute, at position 3: a step" },
        { "*/ * * * *", "minute, at position 3: a step" },
        { "** * * * *", "minute, at position 2: \"*\" does not belong here" },
        { "*-5 * * * *", "minute, at position 2: \"-\" does not belong here" },
        { "1-2-3 * * * *", "minute, at position 4: \"-\" does not belong here" },
        { "? * * * *", "minute, at position 1: \"?\" is not a number" },
        { "0 0 L * *", "\"L\" is not a number" },
        { "0 0 30 2 *", "no month that it names has such a day" },
        { "0 0 31 4,6,9,11 *", "no month that it names has such a day" },
        { "0 0 30,31 FEB */2", "no month that it names has such a day" },
        { "@reboot", "known are @yearly" },
        { "@", "known are @yearly" },
};

PLAIN_TEST(a_bad_expression_is_refused_with_its_field_and_position)
{
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
                struct cron cron = { .seconds = 12345 };
                CHECK_INT(aeon__cron_parse(refused[i].cron, &cron), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), refused[i].cron);
                CHECK_CONTAINS(aeon_error_text(), refused[i].words);
                CHECK_INT(cron.seconds, 12345);
        }
}

/* ------------------------------------------------------------------ zones */

static uint64_t next_random(uint64_t *state) /* Source: Knuth, MMIX */
{
        return *state = *state * 6364136223846793005 + 1442695040888963407;
}

/* Compare with the C library, which may be asked in this process, for it has no second thread. */
static void compare_with_libc(const char *name)
{
        static const int64_t from = 0, to = 4417977600; /* 1970 .. 2110 */
        uint64_t state = 1;
        struct zone *zone = NULL;
        REQUIRE_INT(aeon__zone_open(name, &zone), 0);
        setenv("TZ", name, 1);
        tzset();
        for (int i = 0; i < 300; i++) {
                time_t t = (time_t)(from + (int64_t)(next_random(&state) >> 20) % (to - from));
                struct tm tm;
                localtime_r(&t, &tm);
                struct zone_span span = aeon__zone_span(zone, t);
                bool same = span.offset == tm.tm_gmtoff && span.begin <= t && t < span.end;
                if (!same)
                        fprintf(stderr, "    %s at %lld\n", name, (long long)t);
                REQUIRE(same);
                /* Up to the last second of its span nothing changes, and then it does. */
                t = (time_t)(span.end < to ? span.end - 1 : t);
                CHECK_INT(span.offset, localtime_r(&t, &tm)->tm_gmtoff);
                t = (time_t)(span.end < to ? span.end : t);
                CHECK_INT(aeon__zone_span(zone, t).offset, localtime_r(&t, &tm)->tm_gmtoff);
        }
        aeon__zone_free(zone);
}

PLAIN_TEST_WITHIN(every_zone_is_read_as_the_c_library_reads_it, 60)
{
        char *table = test_read_file("/usr/share/zoneinfo/tzdata.zi"), *rest = table;
        int zones = 0;
        REQUIRE(table != NULL);
        for (char *line; (line = strsep(&rest, "\n"));) { /* "Z Europe/Berlin ...", and links: "L FROM TO" */
                char name[64];
                if (sscanf(line, "Z %63s", name) != 1 && sscanf(line, "L %*s %63s", name) != 1)
                        continue;
                char path[128];
                snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
                if (access(path, R_OK) < 0) /* old names may be in a package of their own */
                        continue;
                compare_with_libc(name);
                zones++;
        }
        free(table);
        CHECK(zones > 300);
}

PLAIN_TEST(a_rule_is_read_as_the_c_library_reads_it)
{
        static const char *const rules[] = {
                "UTC0",
                "EST5EDT",
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
                "IST-5:30",
                "AEST-10AEDT,M10.1.0,M4.1.0/3",
                "XXX3YYY,J60/0,J300",
                "XXX3YYY,59/0,299/25",
                "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
                "EET-2EEST,M3.4.4/50,M10.4.4/50",
                "IST-1GMT0,M10.5.0,M3.5.0/1",
                "WET0WEST,M12.5.6/-1:30:15,M1.1.0",
        };
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
                compare_with_libc(rules[i]);
}

PLAIN_TEST(a_zone_that_does_not_exist_is_named)
{
        static const char *const names[] = {
                "Europe/Berln",
                "Europe",
                "/etc/passwd",
                "../../../etc/passwd",
                "tzdata.zi",
                "CET-1CEST,M3",
                "CE-1",
                "CET-1CEST,M13.1.0,M1.1.0",
                "CET-1CEST,M3.5.0,M10.5.0/3x",
        };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct zone *zone = NULL;
                CHECK_INT(aeon__zone_open(names[i], &zone), strcmp(names[i], "tzdata.zi") == 0 ? -EINVAL : -ENOENT);
                CHECK_CONTAINS(aeon_error_text(), names[i]);
                CHECK(zone == NULL);
        }
}

PLAIN_TEST(a_machine_without_time_zones_is_told_what_to_install)
{
        struct zone *zone = NULL;
        setenv("TZDIR", test_path("none"), 1);
        CHECK_INT(aeon__zone_open("Europe/Berlin", &zone), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "package tzdata");
}

/* The offset in July 2026 of the zone that the process is in. */
static int64_t own_offset(const char *tz)
{
        struct zone *zone = NULL;
        setenv("TZ", tz, 1);
        if (aeon__zone_open(NULL, &zone) < 0)
                return -1;
        struct zone_span span = aeon__zone_span(zone, instant("2026-07-01T00:00:00Z"));
        aeon__zone_free(zone);
        return span.offset;
}

PLAIN_TEST(without_a_name_the_zone_is_that_of_the_process)
{
        CHECK_INT(own_offset("America/New_York"), -4 * 3600);
        CHECK_INT(own_offset(":Asia/Tokyo"), 9 * 3600);
        CHECK_INT(own_offset("/usr/share/zoneinfo/Asia/Kolkata"), 5 * 3600 + 1800);
        CHECK_INT(own_offset("XXX-3"), 3 * 3600);
        CHECK_INT(own_offset(""), 0);
        CHECK_INT(own_offset("/none/such"), -1);
        CHECK_CONTAINS(aeon_error_text(), "/none/such");
        CHECK_INT(own_offset("None/Such"), -1);
}

static void write_bytes(const char *path, const char *bytes, size_t length)
{
        FILE *f = fopen(path, "w");
        REQUIRE(f && fwrite(bytes, 1, length, f) == length && fclose(f) == 0);
}

/* The smallest file, with @leaps leap seconds. */
static void write_small_file(const char *path, char leaps)
{
        char bytes[128] = "TZif2";
        memcpy(bytes + 44, "TZif2", 5);
        bytes[44 + 20 + 11] = leaps;
        bytes[44 + 20 + 19] = 1; /* type: 6 bytes of offset 0 */
        bytes[44 + 20 + 23] = 4;
        memcpy(bytes + 94, "UTC", 4);
        size_t length = 98 + 12 * (size_t)leaps;
        memcpy(bytes + length, "\nUTC0\n", 6);
        write_bytes(path, bytes, length + 6);
}

PLAIN_TEST(a_zone_that_counts_leap_seconds_is_refused)
{
        struct zone *zone = NULL;
        setenv("TZDIR", test_folder(), 1);
        write_small_file(test_path("Small"), 0);
        CHECK_INT(aeon__zone_open("Small", &zone), 0);
        CHECK_INT(aeon__zone_span(zone, 0).offset, 0);
        aeon__zone_free(zone);
        write_small_file(test_path("Leaping"), 1);
        CHECK_INT(aeon__zone_open("Leaping", &zone), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "without leap seconds");
}

/* Every length that is too short, and every byte of the file changed. */
PLAIN_TEST_WITHIN(a_damaged_file_is_an_error_or_another_zone_and_never_a_crash, 60)
{
        static char bytes[8192];
        FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "r");
        REQUIRE(f != NULL);
        size_t length = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        setenv("TZDIR", test_folder(), 1);
        const char *path = test_path("Damaged");
        for (size_t cut = 0; cut < length; cut += test_is_slow() ? 7 : 1) {
                struct zone *zone = NULL;
                write_bytes(path, bytes, cut);
                CHECK_INT(aeon__zone_open("Damaged", &zone), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), "is not a TZif file");
        }
        for (size_t at = 0; at < length; at += test_is_slow() ? 7 : 1) {
                struct zone *zone = NULL;
                char kept = bytes[at];
                bytes[at] = (char)(kept ^ 0xff);
                write_bytes(path, bytes, length);
                if (aeon__zone_open("Damaged", &zone) == 0)
                        aeon__zone_span(zone, instant("2026-07-01T00:00:00Z"));
                aeon__zone_free(zone);
                bytes[at] = kept;
        }
}
