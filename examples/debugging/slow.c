/* examples/debugging/slow.c - a task that forgets that it is not alone. */
#include <aeon.h>
#include <time.h>

static volatile unsigned sum;

static void checksum(int milliseconds)
{
        for (clock_t end = clock() + milliseconds * (CLOCKS_PER_SEC / 1000); clock() < end;)
                for (unsigned i = 0; i < 10000000; i++)
                        sum += i;
}

static int run(void *arg)
{
        (void)arg;
        checksum(400); /* 0.4 s on the loop's thread: nobody else is served */
        return aeon_sleep(AEON_MILLISECONDS(100));
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
