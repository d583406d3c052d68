/* The virtual counter of 64-bit ARM's generic timer. */
#pragma once

#define TICKS_CLOCKSOURCE "arch_sys_counter"

static inline uint64_t aeon__ticks(void)
{
        uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
}
