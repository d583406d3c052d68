/* Chance, for pauses that must not fall together. */
#pragma once

#include <stdint.h>
#include <sys/random.h>

/* A number from 0 to @limit, both included, each equally likely (but for a bias that no pause shows). Without a source of chance:
 * @limit. A negative @limit counts as 0. Never blocks. */
static inline int64_t random_up_to(int64_t limit)
{
        uint64_t random = 0;
        if (limit <= 0)
                return 0;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
                return limit;
        return (int64_t)(random % ((uint64_t)limit + 1));
}
