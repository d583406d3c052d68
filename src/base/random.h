/* Chance: for pauses that must not fall together, and, from a seed, for what must be able to happen again. */
#pragma once

#include <aeon/attributes.h>
#include <stdint.h>
#include <sys/random.h>

/* Where the calling thread's chance comes from when a test wants the same again: the state of random_next(). NULL: the system. */
AEON_API extern __thread uint64_t *aeon__random_state;

/* The next of a row of numbers that looks random and is decided by where @state began.
 * Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64). */
static inline uint64_t random_next(uint64_t *state)
{
        uint64_t z = *state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
}

/* A number from 0 to @limit, both included, each equally likely (but for a bias that no pause shows). Without a source of chance:
 * @limit. A negative @limit counts as 0. Never blocks. */
static inline int64_t random_up_to(int64_t limit)
{
        uint64_t random = 0;
        if (limit <= 0)
                return 0;
        if (aeon__random_state)
                random = random_next(aeon__random_state);
        else if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
                return limit;
        return (int64_t)(random % ((uint64_t)limit + 1));
}
