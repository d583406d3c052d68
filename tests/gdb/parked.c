/* What the gdb commands are tried on: tasks that wait in different ways, then a stop. With the argument "abort" it aborts. */
#include <aeon/channel.h>
#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <stdlib.h>
#include <string.h>

static aeon_event *never;
static aeon_receiver *empty;

__attribute__((noinline)) static int inner_nap(int hours)
{
        int r = aeon_sleep(AEON_HOURS(hours));
        return r + hours;
}

__attribute__((noinline)) static int outer_nap(int hours)
{
        int r = inner_nap(hours + 1);
        return r - hours;
}

static int sleeper(void *arg)
{
        int from_arg = *(int *)arg;
        return outer_nap(from_arg) < 0 ? -ECANCELED : 0;
}

static int waiter(void *arg)
{
        (void)arg;
        return aeon_event_wait(never);
}

static int receiver(void *arg)
{
        (void)arg;
        int number;
        return aeon_receive(empty, &number);
}

static int never_begun(void *arg)
{
        (void)arg;
        return 0;
}

__attribute__((noinline)) void stop_here(int abort_now);
void stop_here(int abort_now)
{
        if (abort_now)
                abort();
        __asm__ volatile("");
}

static int stop(void *arg)
{
        stop_here(*(int *)arg);
        return 0;
}

/* The stop happens in a loop inside the first task's. */
static int first(void *arg)
{
        aeon_group *g;
        aeon_sender *sender;
        int forty_one = 41;
        int r = aeon_event_new(&never);
        if (r == 0)
                r = aeon_channel_open(sizeof(int), 0, &sender, &empty);
        if (r == 0)
                r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "sleeper", sleeper, &forty_one);
        aeon_spawn(g, "waiter", waiter, NULL);
        aeon_spawn(g, "twin", receiver, NULL);
        aeon_spawn_with(g, "twin", receiver, NULL, &(aeon_spawn_opts){ .stack_size = 65536 });
        aeon_sleep(AEON_MILLISECONDS(1));
        aeon_spawn(g, "late", never_begun, NULL);
        aeon_loop_run(stop, arg);
        aeon_group_cancel(g, NULL);
        r = aeon_group_close(g);
        aeon_sender_close(sender);
        aeon_receiver_close(empty);
        aeon_event_free(never);
        return r;
}

int main(int argc, char **argv)
{
        int abort_now = argc > 1 && !strcmp(argv[1], "abort");
        return aeon_loop_run(first, &abort_now) < 0;
}
