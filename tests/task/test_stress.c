/* A random program on the virtual clock, in random order; see stress.h. */
#include "stress.h"
#include "task/virtual_clock.h"

static int run_plan(void *arg)
{
        stress_run(arg);
        return 0;
}

static void run_seed(uint64_t seed)
{
        struct stress_plan plan = {
                .seed = seed,
                .acts = test_is_slow() ? 50000 : 500000,
                .crowd = test_is_slow() ? 1000 : 5000,
                .tick = AEON_MICROSECONDS(1),
        };
        REQUIRE_INT(aeon__virtual_run(run_plan, &plan), 0);
}

PLAIN_TEST_WITHIN(a_random_program_keeps_every_rule, 60)
{
        run_seed(stress_fixed_seed());
}

PLAIN_TEST_WITHIN(a_random_program_of_a_new_seed_keeps_every_rule, 60)
{
        run_seed(stress_fresh_seed());
}
