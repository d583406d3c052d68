/* The time stamp counter of x86-64. */
#pragma once

#define TICKS_CLOCKSOURCE "tsc"

static inline uint64_t aeon__ticks(void)
{
        return __builtin_ia32_rdtsc();
}
