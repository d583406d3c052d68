/* Periodic tasks by cron, on a virtual clock and a wall clock that somebody sets. */
#include "ticking.h"

#define CRON_TEST(name, begins, ...)                                     \
        static void name##_body(aeon_app *app);                          \
        PLAIN_TEST(name)                                                 \
        {                                                                \
                set_wall(begins);                                        \
                options = (aeon_periodic_opts){ __VA_ARGS__ };           \
                CHECK_INT(beside_app_run(declare_task, name##_body), 0); \
        }                                                                \
        static void name##_body(aeon_app *app __attribute__((unused)))

CRON_TEST(cron_ticks_at_the_times_that_fit, "2026-05-01T12:00:17Z", .cron = "*/20 * * * *", .zone = "UTC")
{
        aeon_sleep(AEON_HOURS(1));
        CHECK_STR(wall_begun(), "12:20:00 12:40:00 13:00:00");
}

CRON_TEST(cron_may_begin_at_once, "2026-05-01T12:00:17Z", .cron = "*/20 * * * *", .zone = "UTC", .first = AEON_FIRST_NOW)
{
        aeon_sleep(AEON_MINUTES(30));
        CHECK_STR(wall_begun(), "12:00:17 12:20:00");
}

CRON_TEST(cron_ticks_in_its_zone, "2026-05-01T00:00:00Z", .cron = "0 0 * * *", .zone = "Asia/Kathmandu")
{
        CHECK_INT(periodic_info(app, "task")->next, AEON_NEVER); /* its ticker has not begun */
        aeon_checkpoint();
        CHECK_INT(periodic_info(app, "task")->next, AEON_MINUTES(18 * 60 + 15));
        aeon_sleep(AEON_HOURS(24));
        CHECK_STR(wall_begun(), "18:15:00");
}

CRON_TEST(in_the_night_that_leaves_an_hour_out_the_nightly_run_comes_at_the_change, "2026-03-28T12:00:00Z", .cron = "30 2 * * *",
          .zone = "Europe/Berlin")
{
        aeon_sleep(AEON_HOURS(48));
        CHECK_STR(wall_begun(), "01:00:00 00:30:00");
}

CRON_TEST(in_the_night_with_an_hour_twice_the_nightly_run_comes_once, "2026-10-24T12:00:00Z", .cron = "30 2 * * *",
          .zone = "Europe/Berlin")
{
        aeon_sleep(AEON_HOURS(48));
        CHECK_STR(wall_begun(), "00:30:00 01:30:00");
}

CRON_TEST(cron_takes_jitter_from_the_time_to_the_next_tick, "2026-05-01T12:00:17Z", .cron = "0 * * * *", .zone = "UTC",
          .jitter = 0.25)
{
        aeon_sleep(AEON_HOURS(40));
        CHECK(runs >= 39);
        for (int i = 0; i < 39; i++) {
                aeon_duration past = (beside_app_wall + began[i]) % AEON_HOURS(1);
                CHECK(past <= AEON_MINUTES(15));
        }
}

CRON_TEST(a_clock_that_is_set_forward_is_noticed_within_a_minute, "2026-05-01T12:00:17Z", .cron = "0 15 * * *", .zone = "UTC")
{
        aeon_sleep(AEON_MINUTES(10));
        turn_wall(AEON_HOURS(2) + AEON_MINUTES(49) + AEON_SECONDS(20)); /* 14:59:37 */
        aeon_sleep(AEON_MINUTES(1));
        CHECK_STR(wall_begun(), "15:00:00");
}

static void jump_over_three_ticks(aeon_app *app)
{
        aeon_sleep(AEON_MINUTES(50));
        turn_wall(AEON_HOURS(3)); /* 15:50: the ticks of 13, 14 and 15 o'clock were jumped over */
        aeon_sleep(AEON_MINUTES(30));
        const aeon_periodic_info *info = periodic_info(app, "task");
        CHECK_INT(info->runs + info->missed, 4);
}

PLAIN_TEST(ticks_that_the_clock_jumped_over_are_missed)
{
        static const aeon_duration one[] = { AEON_SECONDS(1) };
        static const struct {
                aeon_missed missed;
                aeon_duration grace;
                int made_up;
        } rows[] = {
                { AEON_MISSED_SKIP, 0, 0 },
                { AEON_MISSED_SKIP, AEON_HOURS(1), 1 },
                { AEON_MISSED_COALESCE, 0, 1 },
                { AEON_MISSED_BURST, 0, 3 },
        };
        set_lengths(one, 1);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                set_wall("2026-05-01T12:00:01Z");
                options = (aeon_periodic_opts){
                        .cron = "0 * * * *", .zone = "UTC", .missed = rows[i].missed, .grace = rows[i].grace
                };
                CHECK_INT(beside_app_run(declare_task, jump_over_three_ticks), 0);
                CHECK_INT(runs, rows[i].made_up + 1);
                for (int n = 0; n < rows[i].made_up; n++)
                        CHECK(began[n] >= AEON_MINUTES(50) && began[n] <= AEON_MINUTES(51) + n * AEON_SECONDS(1));
                CHECK_STR(wall_begun() + (size_t)9 * (size_t)rows[i].made_up, "16:00:00");
        }
}

CRON_TEST(a_small_correction_of_the_clock_repeats_nothing, "2026-05-01T12:00:59Z", .cron = "* * * * *", .zone = "UTC")
{
        aeon_sleep(AEON_SECONDS(2));
        CHECK_INT(runs, 1);
        turn_wall(-AEON_SECONDS(5)); /* 12:00:56 */
        aeon_sleep(AEON_SECONDS(60));
        CHECK_INT(runs, 1);
        aeon_sleep(AEON_SECONDS(5));
        CHECK_INT(runs, 2);
}

CRON_TEST(what_follows_the_clock_follows_it_back, "2026-05-01T12:00:30Z", .cron = "* * * * *", .zone = "UTC")
{
        aeon_sleep(AEON_MINUTES(5));
        CHECK_INT(runs, 5);
        turn_wall(-AEON_HOURS(1));
        aeon_sleep(AEON_MINUTES(5));
        CHECK(runs == 9 || runs == 10); /* the clock is looked at once a minute */
}

CRON_TEST(a_time_of_the_day_does_not_come_again_when_the_clock_is_set_back, "2026-05-01T12:00:30Z", .cron = "0 13 * * *",
          .zone = "UTC")
{
        aeon_sleep(AEON_MINUTES(90));
        CHECK_INT(runs, 1);
        turn_wall(-AEON_HOURS(2)); /* 11:30 */
        aeon_sleep(AEON_HOURS(24));
        CHECK_INT(runs, 1);
        aeon_sleep(AEON_HOURS(2));
        CHECK_INT(runs, 2);
}

CRON_TEST(a_clock_that_was_wrong_by_far_is_believed_when_it_is_set_right, "2036-05-01T12:00:30Z", .cron = "0 13 * * *",
          .zone = "UTC")
{
        aeon_sleep(AEON_MINUTES(90));
        CHECK_INT(runs, 1);
        turn_wall(-AEON_HOURS(24 * 3653));
        aeon_sleep(AEON_HOURS(24));
        CHECK_INT(runs, 2);
}

CRON_TEST(a_clock_that_jumps_by_years_does_not_make_up_for_millions_of_ticks, "2026-05-01T12:00:30Z", .cron = "* * * * * *",
          .zone = "UTC", .missed = AEON_MISSED_BURST)
{
        aeon_sleep(AEON_MILLISECONDS(1500));
        turn_wall(AEON_HOURS(24 * 3653));
        aeon_sleep(AEON_MILLISECONDS(1));
        int before = runs;
        aeon_sleep(AEON_SECONDS(61));
        CHECK(runs - before >= 1000 && runs - before <= 1200);
}

CRON_TEST(a_pause_of_a_cron_task_forgets_the_ticks_within, "2026-05-01T12:30:00Z", .cron = "0 * * * *", .zone = "UTC",
          .missed = AEON_MISSED_BURST)
{
        aeon_sleep(AEON_MINUTES(1));
        CHECK_INT(aeon_periodic_pause(app, "task"), 0);
        aeon_sleep(AEON_HOURS(5));
        CHECK_INT(aeon_periodic_resume(app, "task"), 0);
        aeon_sleep(AEON_MINUTES(30));
        CHECK_STR(wall_begun(), "18:00:00");
        CHECK_INT(periodic_info(app, "task")->missed, 0);
}
