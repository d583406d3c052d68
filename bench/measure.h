/* What the measuring programs share: clocks, memory, and the one line that each prints.
 *
 * DESIGN
 *   A program measures one thing once and prints one number. Who repeats it, sets it against its peer and judges the result is
 *   bench/run, so the programs of all languages are equally simple. */
#pragma once

#include <inttypes.h>
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
