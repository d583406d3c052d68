/* examples/concurrency/producer_consumer.c - values through a channel: the slower side sets the pace, closing says "that was all". */
#include <aeon.h>
#include <stdio.h>

static int produce(void *arg)
{
        aeon_sender *numbers = arg;
        int r = 0;
        for (int i = 1; i <= 5 && r >= 0; i++)
                r = aeon_send(numbers, &i); /* waits while two are lying there */
        aeon_sender_close(numbers);
        return r;
}

static int consume(void *arg)
{
        aeon_receiver *numbers = arg;
        int number, sum = 0, r;
        while ((r = aeon_receive(numbers, &number)) == 0)
                sum += number;
        aeon_receiver_close(numbers);
        if (r != AEON_EOF)
                return r;
        printf("the sum is %d\n", sum);
        return 0;
}

static int run(void *arg)
{
        (void)arg;
        aeon_sender *numbers_in;
        aeon_receiver *numbers_out;
        int r = aeon_channel_open(sizeof(int), 2, &numbers_in, &numbers_out);
        if (r < 0)
                return r;
        aeon_group *g;
        r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "producer", produce, numbers_in);
        aeon_spawn(g, "consumer", consume, numbers_out);
        return aeon_group_close(g);
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
