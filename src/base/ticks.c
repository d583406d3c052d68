/* How long a tick is; see ticks.h. */
#include "base/ticks.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

enum { LOOKS = 8, SHORTEST = 200 * 1000, SECOND = 1000 * 1000 * 1000 }; /* the last two in ns */

/* Both at one time. */
struct moment {
        uint64_t ticks;
        int64_t ns;
};

_Atomic double aeon__tick_seconds;
_Atomic uint64_t aeon__ticks_due;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for the anchor, once there is a length */
static struct moment anchor;

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

/* It was found at @now. */
static void take_length(double length, struct moment now)
{
        uint64_t second = (uint64_t)(1 / length), span = now.ticks - anchor.ticks;
        atomic_store(&aeon__tick_seconds, length);
        atomic_store(&aeon__ticks_due, now.ticks + (span < second ? span : second));
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
        while (now.ns - anchor.ns < SHORTEST);
        double length = length_until(now);
        steady = length > 0;
        if (steady)
                take_length(length, now);
}

bool aeon__ticks_are_steady(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, find_length);
        return steady;
}

/* ------------------------------------------------------------------ better ones */

static bool is_near(double length, double other)
{
        return length > other * .999 && length < other * 1.001;
}

/* With the lock held. A length that comes twice is right: then it was the first one that somebody had interrupted. */
static void improve(void)
{
        static double refused;
        struct moment now = look();
        double before = atomic_load(&aeon__tick_seconds), length = length_until(now);
        bool taken = is_near(length, before) || is_near(length, refused);
        take_length(taken ? length : before, now);
        refused = taken ? 0 : length;
        if (!taken || now.ns - anchor.ns >= SECOND)
                anchor = now;
}

double aeon__ticks_look_again(int64_t ticks)
{
        if (ticks < 0)
                return 0;
        if (pthread_mutex_trylock(&lock) == 0) {
                improve();
                pthread_mutex_unlock(&lock);
        }
        return (double)ticks * atomic_load(&aeon__tick_seconds);
}
