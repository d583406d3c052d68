/* bench-post hop|bulk CALLS: calls from one thread to a loop on another.
 *
 * DESIGN
 *   hop: two loops on two threads hand one call to and fro, so that each post wakes a thread that sleeps. bulk: a thread without a loop
 *   posts as fast as it can. Prints nanoseconds of the CPU time of both threads for one call. A tenth is done first, unmeasured. */
#include "measure.h"

#include <aeon.h>
#include <pthread.h>
#include <stdatomic.h>

/* A loop that is called. */
static struct side {
        _Atomic(aeon_loop *) loop;
        struct side *other;
        aeon_event *done;
        long calls, warm, wanted; /* calls so far, measured from here, up to here */
        double begin, end;        /* of what is measured */
} sides[2] = { { .other = &sides[1] }, { .other = &sides[0] } };

static void post_to(struct side *side, void (*fn)(void *))
{
        must(aeon_post(atomic_load(&side->loop), fn, side), "post");
}

static void count_call(void *arg)
{
        struct side *me = arg;
        me->calls++;
        if (me->calls == me->warm)
                me->begin = cpu_seconds();
        if (me->calls == me->wanted) {
                me->end = cpu_seconds();
                aeon_event_set(me->done);
        }
}

/* Be called, until it was often enough. */
static int listen_for_calls(void *arg)
{
        struct side *me = arg;
        must(aeon_event_new(&me->done), "event");
        atomic_store(&me->loop, aeon_loop_hold(aeon_loop_current()));
        must(aeon_event_wait(me->done), "wait");
        aeon_event_free(me->done);
        return 0;
}

static void *run_side(void *side)
{
        must(aeon_loop_run(listen_for_calls, side), "loop");
        return NULL;
}

static void start_side(struct side *side, long calls, pthread_t *ret_thread)
{
        side->warm = calls / 10 + 1;
        side->wanted = side->warm + calls;
        must(-pthread_create(ret_thread, NULL, run_side, side), "thread");
        while (!atomic_load(&side->loop))
                block_until(wall_seconds() + 0.001);
}

static double finish_side(struct side *side, pthread_t thread)
{
        pthread_join(thread, NULL);
        aeon_loop_release(atomic_load(&side->loop));
        return side->end - side->begin;
}

/* ------------------------------------------------------------------ hop */

static void answer_call(void *arg)
{
        struct side *me = arg;
        count_call(me);
        if (me == &sides[0] || me->calls < me->wanted)
                post_to(me->other, answer_call);
}

static double measure_hop(long calls)
{
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
                start_side(&sides[i], calls / 2, &threads[i]);
        post_to(&sides[0], answer_call);
        double seconds = finish_side(&sides[0], threads[0]);
        finish_side(&sides[1], threads[1]);
        return seconds;
}

/* ------------------------------------------------------------------ bulk */

static double measure_bulk(long calls)
{
        pthread_t thread;
        struct side *side = &sides[0];
        start_side(side, calls, &thread);
        for (long i = 0; i < side->wanted; i++)
                post_to(side, count_call);
        return finish_side(side, thread);
}

int main(int argc, char **argv)
{
        long calls = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
        bool hop = calls && strcmp(argv[1], "hop") == 0;
        if (calls < 2 || (!hop && strcmp(argv[1], "bulk") != 0)) {
                fprintf(stderr, "usage: bench-post hop|bulk CALLS\n");
                return 2;
        }
        printf("%.1f\n", (hop ? measure_hop(calls) : measure_bulk(calls)) * 1e9 / (double)calls);
        return 0;
}
