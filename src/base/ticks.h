/* Ticks: what a time is measured with where two looks at the clock would cost more than all that is done about it.
 *
 * DESIGN
 *   The processor has a counter that goes on steadily, and the kernel keeps its clock by it: a look at the clock waits until all earlier
 *   instructions are done, reads the counter, and makes nanoseconds of it. How long something took is known from the counter alone, read
 *   among the other instructions:
 *
 *       seconds = (ticks at its end - ticks at its begin) * length of a tick
 *
 *   The LENGTH is what the clock has gone since an ANCHOR, divided by the ticks since then. The first anchor is when the library was loaded.
 *   Whoever measures finds a better length when twice the time has passed, later when a second has: then the anchor moves, too, since the
 *   clock is not always equally fast. So a time is wrong by about as much as two looks at the clock are. A length that is quite
 *   different from the one before is none: the machine slept, or was moved, and the clock went without the counter.
 *
 *   The kernel knows which counters stop, or differ between processors, and keeps its clock by others then: ticks are not steady there,
 *   and who measures looks at the clock.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* aeon__ticks(), the counter now, and what the kernel calls its clock when that is kept by it. */
#if defined __x86_64__
#include "base/ticks_x86_64.h"
#elif defined __aarch64__
#include "base/ticks_aarch64.h"
#endif

/* May they be used? Finds out at the first call, and how long a tick is. Any thread. */
bool aeon__ticks_are_steady(void);

extern _Atomic double aeon__tick_seconds;
extern _Atomic uint64_t aeon__ticks_due; /* for a better length */
double aeon__ticks_look_again(int64_t ticks);

/* How many seconds have gone since the counter read @begun; 0 if it went backwards. Only where it is steady. Any thread. */
static inline double aeon__ticks_since(uint64_t begun)
{
        uint64_t now = aeon__ticks();
        int64_t ticks = (int64_t)(now - begun);
        if (__builtin_expect(ticks < 0 || now >= atomic_load_explicit(&aeon__ticks_due, memory_order_relaxed), 0))
                return aeon__ticks_look_again(ticks);
        return (double)ticks * atomic_load_explicit(&aeon__tick_seconds, memory_order_relaxed);
}
