/* A random program on a real loop, with threads and sockets; see task/stress.h. And what a burst of tasks leaves behind. */
#include "loop/loop.h"
#include "task/stress.h"

#include <aeon/loop.h>
#include <aeon/stream.h>
#include <aeon/thread.h>
#include <aeon/var.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ threads that work for a task */

AEON_TASK_VAR(mark, const char);

struct work {
        bool calls; /* its thread has the loop do something */
        _Atomic bool begun, ended;
};

static int rest_on_loop(void *arg)
{
        REQUIRE(mark_get() == arg);
        int r = SUSPENDED(aeon_sleep(some_time()));
        return r < 0 ? r : 23;
}

static int work_on_thread(void *arg)
{
        struct work *work = arg;
        work->begun = true;
        REQUIRE(mark_get() == (const char *)work);
        for (int i = 0; i < 20 && !aeon_offload_cancelled(); i++)
                usleep(10);
        int result = 0, r = work->calls ? aeon_call(NULL, rest_on_loop, work, &result) : 0;
        REQUIRE(r == -ECANCELED || (r == 0 && result == (work->calls ? 23 : 0)));
        work->ended = true;
        return 17;
}

static int act_offload(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct work work = { .calls = chance(3) == 0 };
        REQUIRE_INT(mark_set((const char *)&work), 0);
        bool cancelled_before = aeon_cancelled();
        int r = aeon_offload(work_on_thread, &work);
        REQUIRE_INT(work.begun, work.ended);
        REQUIRE_INT(r, work.begun ? 17 : -ECANCELED);
        REQUIRE(!(cancelled_before && work.begun));
        REQUIRE(mark_get() == (const char *)&work);
        return r == -ECANCELED ? r : 0;
}

static _Atomic long errands; /* that nobody has taken back */

static int run_errand(void *arg)
{
        usleep(200);
        return *(const int *)arg;
}

static void take_back(void *arg)
{
        free(arg);
        errands--;
}

static int act_abandon(struct band *band, int depth)
{
        (void)band, (void)depth;
        int *errand = malloc(sizeof *errand);
        REQUIRE(errand != NULL);
        *errand = 31;
        errands++;
        int r = aeon_offload_with(run_errand, errand, &(aeon_offload_opts){ .abandon = true, .done = take_back });
        if (r == -ECANCELED)
                return r;
        REQUIRE_INT(r, 31);
        take_back(errand);
        return 0;
}

/* ------------------------------------------------------------------ threads that post */

enum { POSTERS = 3 };

static struct {
        aeon_loop *loop;
        _Atomic bool stop;
        long posted[POSTERS], seen[POSTERS];
} post;

static void on_post(void *arg)
{
        uintptr_t word = (uintptr_t)arg;
        size_t poster = word % POSTERS;
        REQUIRE_INT(post.seen[poster], word / POSTERS);
        post.seen[poster]++;
        stress_meddle(); /* outside any task */
}

static void *post_for_ever(void *arg)
{
        size_t me = (size_t)(uintptr_t)arg;
        while (!post.stop) {
                uintptr_t word = (uintptr_t)post.posted[me] * POSTERS + me;
                REQUIRE_INT(aeon_post(post.loop, on_post, (void *)word), 0);
                post.posted[me]++;
                usleep(50);
        }
        return NULL;
}

/* ------------------------------------------------------------------ sockets */

static char addresses[2][128]; /* of the servers: TCP and unix */

static int echo(void *arg)
{
        aeon_stream *s = arg;
        char buffer[256];
        ssize_t n;
        while ((n = aeon_stream_read(s, buffer, sizeof buffer)) > 0 && aeon_stream_write(s, buffer, (size_t)n) == 0)
                ;
        aeon_stream_close(s);
        return 0;
}

struct server {
        const char *bind;
        char *address;
        aeon_group *group;
};

static int serve(void *arg)
{
        struct server *server = arg;
        aeon_listener *l;
        int fd, r;
        REQUIRE_INT(aeon_socket_bind(server->bind, &fd), 0);
        REQUIRE_INT(aeon_socket_address(fd, server->address, sizeof addresses[0]), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        aeon_stream *s;
        while ((r = aeon_listener_accept(l, &s)) == 0)
                if (aeon_spawn(server->group, "echo", echo, s) < 0)
                        aeon_stream_close(s);
        aeon_listener_close(l);
        return r;
}

static int ask(aeon_stream *s)
{
        char question[64], answer[64];
        for (size_t i = 0; i < sizeof question; i++)
                question[i] = (char)chance(256);
        int r = SUSPENDED(aeon_stream_write(s, question, sizeof question));
        for (size_t got = 0; r == 0 && got < sizeof answer;) {
                ssize_t n = aeon_stream_read(s, answer + got, sizeof answer - got);
                REQUIRE(n > 0 || n == -ECANCELED);
                r = n < 0 ? (int)n : 0;
                got += r == 0 ? (size_t)n : 0;
        }
        REQUIRE(r == -ECANCELED || (r == 0 && !memcmp(question, answer, sizeof answer)));
        return r;
}

static int act_ask(struct band *band, int depth)
{
        (void)band, (void)depth;
        aeon_stream *s = NULL;
        int r = SUSPENDED(aeon_stream_connect(addresses[chance(2)], &s));
        if (!CHECK(r == 0 || (r == -ECANCELED && !s)))
                fprintf(stderr, "    %d, %s\n", r, aeon_error_describe(r));
        if (s) {
                r = ask(s);
                aeon_stream_close(s);
        }
        return r;
}

/* ------------------------------------------------------------------ the run */

static void run_seed(uint64_t seed)
{
        static struct act acts[] = {
                { .name = "offload", .weight = 1, .run = act_offload },
                { .name = "offload and abandon", .weight = 1, .run = act_abandon },
                { .name = "connect and ask", .weight = 1, .run = act_ask },
                { 0 },
        };
        pthread_t posters[POSTERS];
        post.loop = aeon_loop_hold(aeon_loop_current());
        for (size_t i = 0; i < POSTERS; i++)
                REQUIRE_INT(pthread_create(&posters[i], NULL, post_for_ever, (void *)i), 0);
        aeon_group *servers;
        REQUIRE_INT(aeon_group_open(&servers), 0);
        struct server tcp = { "127.0.0.1:0", addresses[0], servers };
        char unix_address[128];
        snprintf(unix_address, sizeof unix_address, "unix:%s", test_path("server"));
        struct server unix_socket = { unix_address, addresses[1], servers };
        REQUIRE_INT(aeon_spawn(servers, "TCP server", serve, &tcp), 0);
        REQUIRE_INT(aeon_spawn(servers, "unix server", serve, &unix_socket), 0);
        while (!addresses[0][0] || !addresses[1][0])
                REQUIRE_INT(aeon_checkpoint(), 0);

        stress_run(&(struct stress_plan){ .seed = seed,
                                          .acts = test_is_slow() ? 30000 : 200000,
                                          .crowd = test_is_slow() ? 500 : 2000,
                                          .tick = AEON_MICROSECONDS(50),
                                          .more = acts });
        post.stop = true;
        for (size_t i = 0; i < POSTERS; i++)
                pthread_join(posters[i], NULL);
        aeon_loop_release(post.loop);
        for (size_t i = 0; i < POSTERS; i++)
                while (post.seen[i] < post.posted[i])
                        REQUIRE_INT(aeon_checkpoint(), 0);
        while (errands > 0)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        aeon_group_cancel(servers, NULL);
        REQUIRE_INT(aeon_group_close(servers), 0);
}

TEST_WITHIN(a_random_program_with_threads_and_sockets_keeps_every_rule, 60)
{
        run_seed(stress_fixed_seed());
}

TEST_WITHIN(a_random_program_with_threads_and_sockets_of_a_new_seed_keeps_every_rule, 60)
{
        run_seed(stress_fresh_seed());
}

/* ------------------------------------------------------------------ after a burst */

static int wait_for(void *arg)
{
        return aeon_event_wait(arg);
}

static size_t resident(void)
{
        size_t pages = 0;
        char *text = test_read_file("/proc/self/statm");
        REQUIRE(text && sscanf(text, "%*s %zu", &pages) == 1);
        free(text);
        return pages * (size_t)sysconf(_SC_PAGESIZE);
}

TEST_WITHIN(the_memory_of_a_burst_of_tasks_goes_back_when_the_loop_is_idle, 60)
{
        const struct stack_pool *stacks = &aeon__loop_now()->runner.sched.stacks;
        size_t burst = test_is_slow() ? 3000 : 100000, before = resident();
        aeon_event *leave;
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&leave), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (size_t i = 0; i < burst; i++)
                REQUIRE_INT(aeon_spawn_with(g, "one", wait_for, leave, &(aeon_spawn_opts){ .stack_size = 65536 }), 0);
        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        size_t peak = resident();
        CHECK(peak - before > burst * 4096);
        aeon_event_set(leave);
        REQUIRE_INT(aeon_group_close(g), 0);
        while (aeon__stack_pool_is_wasteful(stacks) && stacks->carved > (size_t)2 * STACKS_KEPT)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(10)), 0);
        if (!test_is_slow()) /* sanitizers have memory of their own for each stack that there ever was */
                CHECK(resident() - before < (peak - before) / 8);
        aeon_event_free(leave);
}
