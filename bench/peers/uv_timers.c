/* uv-timers: one uv_timer_t for each deadline. See ../timers.h. */
#include "../timers.h"

#include <uv.h>

static uv_timer_t *timers;
static long timer_count, fired;

static void on_timer(uv_timer_t *timer)
{
        fired++;
        must(uv_timer_start(timer, on_timer, HOUR, 0), "start");
}

static void timers_open(long count)
{
        timer_count = count;
        timers = calloc((size_t)count, sizeof *timers);
        must(timers ? 0 : -ENOMEM, "timers");
        for (long i = 0; i < count; i++)
                uv_timer_init(uv_default_loop(), &timers[i]);
        uv_update_time(uv_default_loop());
}

static void timers_close(void)
{
        while (timer_count-- > 0)
                uv_close((uv_handle_t *)&timers[timer_count], NULL);
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        free(timers);
}

static void timer_set(long i, int64_t milliseconds)
{
        must(uv_timer_start(&timers[i], on_timer, (uint64_t)milliseconds, 0), "start");
}

static void timer_clear(long i)
{
        must(uv_timer_stop(&timers[i]), "stop");
}

static double fire_all(long live)
{
        uint64_t random = 1;
        timers_open(live);
        double begin = wall_seconds();
        for (long i = 0; i < live; i++)
                timer_set(i, WINDOW + (int64_t)(random_next(&random) % WINDOW));
        block_until(begin + 3 * WINDOW / 1e3);
        fired = 0;
        begin = cpu_seconds();
        while (fired < live)
                uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        double seconds = cpu_seconds() - begin;
        timers_close();
        return seconds / (double)live;
}

static double measure_fire(long operations, long live)
{
        long rounds = operations / live > 0 ? operations / live : 1;
        double seconds = 0;
        for (long i = 0; i < rounds; i++)
                seconds += fire_all(live);
        return seconds / (double)rounds;
}

int main(int argc, char **argv)
{
        (void)argc;
        return measure_timers(argv) < 0;
}
