/* A million tasks at a time, under the limits that a machine comes with. */
#include "virtual.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000000, MANY_SLOW = 5000, ROOM_FOR_ONE = 6 * 1024 };

/* The number after @name in the file at @path; -1 when there is none. */
static long read_number(const char *path, const char *name)
{
        long number = -1;
        char *text = test_read_file(path), *at = text ? strstr(text, name) : NULL;
        if (at)
                number = strtol(at + strlen(name), NULL, 10);
        free(text);
        return number;
}

static long mappings(void)
{
        long lines = 0;
        char *text = test_read_file("/proc/self/maps");
        for (const char *at = text; at && (at = strchr(at, '\n')); at++)
                lines++;
        free(text);
        return lines;
}

/* A million where they fit, else as many as half of the free memory holds. */
static size_t how_many(void)
{
        long half = read_number("/proc/meminfo", "MemAvailable:") / 2 * 1024, fit = half / ROOM_FOR_ONE;
        return test_is_slow() ? MANY_SLOW : fit < MANY ? (size_t)fit : MANY;
}

static struct {
        aeon_event *leave;
        size_t arrived, left;
} parking;

static int park(void *arg)
{
        (void)arg;
        parking.arrived++;
        int r = aeon_event_wait(parking.leave);
        parking.left++;
        return r;
}

static void *do_nothing(void *arg)
{
        return arg;
}

/* What a process that has used up its mappings cannot do. */
static void check_the_process_lives(void)
{
        pthread_t thread;
        enum { BLOCK = 64 << 20 };
        char *block = malloc(BLOCK);
        REQUIRE(block != NULL);
        block[BLOCK - 1] = 1;
        free(block);
        FILE *f = fopen("/proc/self/status", "re");
        REQUIRE(f != NULL);
        fclose(f);
        REQUIRE_INT(pthread_create(&thread, NULL, do_nothing, NULL), 0);
        pthread_join(thread, NULL);
}

static int park_many(void *arg)
{
        (void)arg;
        size_t many = how_many(), guarded = 0;
        long limit = read_number("/proc/sys/vm/max_map_count", ""), before = mappings();
        aeon_group *g;
        REQUIRE_INT(aeon_event_new(&parking.leave), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (size_t i = 0; i < many; i++)
                REQUIRE_INT(aeon_spawn_with(g, "parked", park, NULL, &(aeon_spawn_opts){ .stack_size = 65536 }), 0);
        let_others_wait();
        REQUIRE_INT(parking.arrived, many);
        REQUIRE_INT(parking.left, 0);

        struct aeon_task *t;
        list_foreach (t, aeon__group_tasks(g), in_group)
                guarded += t->fiber.stack->guarded;
        size_t affordable = (size_t)limit / 8 - 1; /* a guard takes two mappings, guards a quarter of all; one is our own stack's */
        CHECK(guarded >= (many < affordable ? many : affordable));
        if (!test_is_slow()) /* sanitizers have mappings of their own for each stack */
                CHECK(mappings() - before < limit / 4 + (long)many / 256);
        check_the_process_lives();

        aeon_event_set(parking.leave);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(parking.left, many);
        aeon_event_free(parking.leave);
        return 0;
}

/* With the guards of kernels before 6.13, which are the scarcer ones. */
PLAIN_TEST_WITHIN(a_million_tasks_live_and_the_process_with_them, 120)
{
        aeon__stack_guard_force(GUARD_MPROTECT);
        CHECK_INT(aeon__virtual_run(park_many, NULL), 0);
}
