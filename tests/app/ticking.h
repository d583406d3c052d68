/* A periodic task, "task", that notes its runs, in an app on a virtual clock. */
#pragma once

#include "beside_app.h"

extern int runs, at_a_time, most_at_a_time;
extern aeon_time began[]; /* since the app began to serve; of the first RUNS_NOTED runs */
enum { RUNS_NOTED = 64 };

/* Declare it, with `options`. */
void declare_task(aeon_app *app);
extern aeon_periodic_opts options;

/* How long each run takes; the last entry goes for all that follow. Nothing was set: no time. */
void set_lengths(const aeon_duration *lengths, int count);

/* What each run comes to; it is a failure with the words "run N went wrong" when set. */
extern bool failing;

/* The seconds at which runs began: "0 10 35.5"; the wall's times of the day. Borrowed until the next call. */
const char *begun(void);
const char *wall_begun(void);

#define PERIODIC_TEST(name, ...)                                         \
        static void name##_body(aeon_app *app);                          \
        PLAIN_TEST(name)                                                 \
        {                                                                \
                options = (aeon_periodic_opts){ __VA_ARGS__ };           \
                CHECK_INT(beside_app_run(declare_task, name##_body), 0); \
        }                                                                \
        static void name##_body(aeon_app *app __attribute__((unused)))

/* Have the wall clock show @text ("2026-05-01T12:00:17Z") when the app begins to serve; set it forward, or back, while it does. */
void set_wall(const char *text);
void turn_wall(aeon_duration by);
