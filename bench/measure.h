/* What the measuring programs share: clocks, memory, and the one line that each prints.
 *
 * DESIGN
 *   A program measures one thing once and prints one number. Who repeats it, sets it against its peer and judges the result is
 *   bench/run, so the programs of all languages are equally simple. */
#pragma once

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double seconds_of(clockid_t clock)
{
        struct timespec now;
        clock_gettime(clock, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of all threads of the process: what others do on the machine counts little. */
static inline double cpu_seconds(void)
{
        return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double wall_seconds(void)
{
        return seconds_of(CLOCK_MONOTONIC);
}

/* Bytes of memory and of the page tables that map it. */
static inline double resident_bytes(void)
{
        double kib = 0;
        char line[128];
        FILE *f = fopen("/proc/self/status", "re");
        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, "VmRSS:", 6) == 0 || strncmp(line, "VmPTE:", 6) == 0)
                        kib += strtod(line + 6, NULL);
        if (f)
                fclose(f);
        return kib * 1024;
}

/* For what must not fail while it is measured. */
static inline void must(int r, const char *doing)
{
        if (r >= 0)
                return;
        fprintf(stderr, "bench: %s: %s\n", doing, strerror(-r));
        exit(1);
}

/* Stand still, using no CPU time, until wall_seconds() is @when. */
static inline void block_until(double when)
{
        struct timespec t = { .tv_sec = (time_t)when, .tv_nsec = (long)((when - (double)(time_t)when) * 1e9) };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                continue;
}

/* xorshift: the same numbers in every run. @state begins as anything but 0. */
static inline uint64_t random_next(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* The numbers below @count in no order; free it. */
static inline uint32_t *shuffled(long count)
{
        uint64_t random = 1;
        uint32_t *order = calloc((size_t)count, sizeof *order);
        must(order ? 0 : -ENOMEM, "order");
        for (long i = 0; i < count; i++) {
                long other = (long)(random_next(&random) % (uint64_t)(i + 1));
                order[i] = order[other];
                order[other] = (uint32_t)i;
        }
        return order;
}
