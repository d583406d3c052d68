/* Publishes 1, 2, 3 ... to `numbers` until it is told to stop (SIGTERM), and prints how many: publish URL. */
#include <aeon.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t over;

static void stop(int signal)
{
        (void)signal;
        over = 1;
}

static int publish(void *url)
{
        aeon_broker *broker;
        int r = aeon_broker_open(url, &broker);
        if (r < 0)
                return r;
        int number = 0;
        while (!over && r >= 0) {
                char body[32];
                snprintf(body, sizeof body, "{\"number\":%d}", number + 1);
                r = aeon_publish(broker, "numbers", AEON_JSON(body), NULL);
                number += r >= 0;
                if (r >= 0)
                        r = aeon_sleep(AEON_MILLISECONDS(3));
        }
        aeon_broker_close(broker);
        printf("%d\n", number);
        return r;
}

int main(int argc, char **argv)
{
        signal(SIGTERM, stop);
        int r = argc == 2 ? aeon_loop_run(publish, argv[1]) : -EINVAL;
        if (r < 0)
                fprintf(stderr, "publish: %s\n", aeon_error_describe(r));
        return r < 0;
}
