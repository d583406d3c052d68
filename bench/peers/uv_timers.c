/* uv-timers: one uv_timer_t for each deadline. See ../timers.h. */
#include "../timers.h"

#include <uv.h>

static uv_timer_t *timers;
static long timer_count;

/* Of measure_fire(), in milliseconds. */
static uint64_t next_pass, *mine;
static long fired;

static void on_timer(uv_timer_t *timer)
{
        fired++;
        uint64_t due = next_pass + mine[timer - timers], now = uv_now(timer->loop);
        must(uv_timer_start(timer, on_timer, due > now ? due - now : 0, 0), "start");
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

static void set_next_pass(long live)
{
        uv_update_time(uv_default_loop());
        next_pass = uv_now(uv_default_loop()) + (uint64_t)(pass_seconds(live) * 1e3);
}

/* Seconds until so many have fired. */
static double fire_all(long live)
{
        long until = fired + live;
        uv_update_time(uv_default_loop());
        block_until(wall_seconds() + (double)(int64_t)(next_pass + WINDOW - uv_now(uv_default_loop())) / 1e3);
        set_next_pass(live);
        double begin = cpu_seconds();
        while (fired < until)
                uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        return cpu_seconds() - begin;
}

static double measure_fire(long operations, long live)
{
        uint64_t random = 1;
        timers_open(live);
        mine = calloc((size_t)live, sizeof *mine);
        must(mine ? 0 : -ENOMEM, "times");
        set_next_pass(live);
        for (long i = 0; i < live; i++) {
                mine[i] = random_next(&random) % WINDOW;
                timer_set(i, (int64_t)(next_pass + mine[i] - uv_now(uv_default_loop())));
        }
        double seconds = 0;
        long done = 0;
        for (; done < operations; done += live)
                seconds += fire_all(live);
        free(mine);
        timers_close();
        return seconds / (double)done;
}

int main(int argc, char **argv)
{
        (void)argc;
        return measure_timers(argv) < 0;
}
