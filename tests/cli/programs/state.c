/* A component whose health is what the file "state" says; no listener. */
#include <aeon.h>
#include <stdio.h>
#include <string.h>

static int check_state(aeon_health *h)
{
        char word[32] = "ok";
        FILE *f = fopen("state", "r");
        if (f) {
                if (fscanf(f, "%31s", word) != 1)
                        strcpy(word, "ok");
                fclose(f);
        }
        if (!strcmp(word, "degraded"))
                return aeon_health_degraded(h, "state file says %s", word);
        return strcmp(word, "down") ? 0 : aeon_fail(-EIO, "state file says down");
}

AEON_APP(app)
{
        aeon_health_check(app, "state", check_state,
                          &(aeon_health_opts){ .interval = AEON_MILLISECONDS(50), .impact = AEON_CRITICAL });
}
