/* A periodic task that notes its runs; see ticking.h. */
#include "ticking.h"

#include "loop/world.h"

#include <aeon/error.h>
#include <stdio.h>
#include <time.h>

int runs, at_a_time, most_at_a_time;
aeon_time began[RUNS_NOTED];
aeon_periodic_opts options;
bool failing;

static const aeon_duration *lengths;
static int lengths_given;

void set_lengths(const aeon_duration *given, int count)
{
        lengths = given;
        lengths_given = count;
}

static int note_run(void *unused)
{
        (void)unused;
        int n = runs++;
        if (n < RUNS_NOTED)
                began[n] = aeon_now() - BESIDE_APP_BEGIN;
        at_a_time++;
        most_at_a_time = at_a_time > most_at_a_time ? at_a_time : most_at_a_time;
        int r = lengths_given ? aeon_sleep(lengths[n < lengths_given ? n : lengths_given - 1]) : 0;
        at_a_time--;
        return r == 0 && failing ? aeon_fail(-EIO, "run %d went wrong", n + 1) : r;
}

void declare_task(aeon_app *app)
{
        runs = at_a_time = most_at_a_time = 0;
        CHECK_INT(aeon_periodic(app, "task", note_run, NULL, &options), 0);
}

const char *begun(void)
{
        static char text[512];
        size_t used = 0;
        text[0] = '\0';
        for (int i = 0; i < runs && i < RUNS_NOTED; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, "%s%g", i ? " " : "", (double)began[i] / 1e9);
        return text;
}

const char *wall_begun(void)
{
        static char text[1024];
        size_t used = 0;
        text[0] = '\0';
        for (int i = 0; i < runs && i < RUNS_NOTED; i++) {
                time_t t = (time_t)((beside_app_wall + began[i]) / AEON_SECONDS(1));
                struct tm tm;
                used += strftime(text + used, sizeof text - used, i ? " %H:%M:%S" : "%H:%M:%S", gmtime_r(&t, &tm));
        }
        return text;
}

void set_wall(const char *text)
{
        struct tm tm = { 0 };
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        REQUIRE(end && !*end);
        beside_app_wall = AEON_SECONDS(timegm(&tm));
}

void turn_wall(aeon_duration by)
{
        aeon__world->wall_begin += by;
        beside_app_wall += by;
}
