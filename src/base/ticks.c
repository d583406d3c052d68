/* How long a tick is; see ticks.h. */
#include "base/ticks.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

enum { LOOKS = 8, SHORTEST_SPAN = 200 * 1000, WHOLE_SPAN = 1000 * 1000 * 1000 };

/* Both at one time. */
struct moment {
        uint64_t ticks;
        int64_t ns;
};

_Atomic double aeon__tick_seconds;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for the two below */
static struct moment anchor;
static int64_t span; /* over how long the length was found, in ns */

static int64_t clock_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Of some tries the one that was interrupted least. */
static struct moment look(void)
{
        struct moment best = { 0 };
        uint64_t least = UINT64_MAX;
        for (int i = 0; i < LOOKS; i++) {
                uint64_t before = aeon__ticks();
                int64_t ns = clock_ns();
                uint64_t taken = aeon__ticks() - before;
                if (taken < least) {
                        least = taken;
                        best = (struct moment){ .ticks = before + taken / 2, .ns = ns };
                }
        }
        return best;
}

__attribute__((constructor)) static void drop_anchor(void)
{
        anchor = look();
}

static double length_until(struct moment now)
{
        return (double)(now.ns - anchor.ns) / 1e9 / (double)(int64_t)(now.ticks - anchor.ticks);
}

/* ------------------------------------------------------------------ the first length */

static bool clock_is_kept_by_ticks(void)
{
        char name[64] = "";
        FILE *f = fopen(CLOCKSOURCE, "re");
        if (!f)
                return false;
        if (!fgets(name, sizeof name, f))
                *name = '\0';
        fclose(f);
        name[strcspn(name, "\n")] = '\0';
        return !strcmp(name, TICKS_CLOCKSOURCE);
}

static bool steady;

static void find_length(void)
{
        if (!clock_is_kept_by_ticks())
                return;
        struct moment now;
        do
                now = look();
        while (now.ns - anchor.ns < SHORTEST_SPAN);
        double length = length_until(now);
        span = now.ns - anchor.ns;
        atomic_store(&aeon__tick_seconds, length);
        steady = length > 0;
}

bool aeon__ticks_are_steady(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, find_length);
        return steady;
}

/* ------------------------------------------------------------------ better ones */

/* With the lock held. */
static void improve(void)
{
        struct moment now = look();
        int64_t longer = now.ns - anchor.ns;
        if (longer < span && longer < WHOLE_SPAN)
                return;
        double length = length_until(now), ratio = length / atomic_load(&aeon__tick_seconds);
        if (ratio > 0.999 && ratio < 1.001)
                atomic_store(&aeon__tick_seconds, length);
        span = longer;
        if (longer >= WHOLE_SPAN)
                anchor = now;
}

/* A time of a millisecond or more, or one that went backwards. */
double aeon__ticks_measured(int64_t ticks)
{
        if (ticks < 0)
                return 0;
        if (pthread_mutex_trylock(&lock) == 0) {
                improve();
                pthread_mutex_unlock(&lock);
        }
        return (double)ticks * atomic_load(&aeon__tick_seconds);
}
