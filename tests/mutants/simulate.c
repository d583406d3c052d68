/* simulate LIVES SEED: run the busy app through that many lives; what broke goes to stdout. */
#include "busy.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
        static aeon_simulation_result result;
        aeon_simulation_opts opts = {
                .lives = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000,
                .seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1,
                .test = busy_traffic,
                .check = busy_check,
        };
        int r = aeon_test_simulate(busy_define, &opts, &result);
        if (r < 0)
                printf("%s\n%s", aeon_error_text(), result.story);
        else
                printf("%u lives kept the rules\n", result.lives);
        return r < 0;
}
